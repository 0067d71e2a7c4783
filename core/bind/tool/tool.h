/* tool: get, getnext, bulkget, walk, bulkwalk and set as programs: arguments in, exit status out. What they do is told in
 * lua/moonpoll/cli; here are the functions they do it with. One thread, one process, no plan. */
#ifndef MOON_BIND_TOOL_TOOL_H
#define MOON_BIND_TOOL_TOOL_H

/* "get", "getnext", ... of a program's name or of itself: "snmpget", "/usr/bin/snmpget", "get"; NULL: none of them. Lent. */
const char *moon_tool_command(const char *name);
/* command: of moon_tool_command. argv[0] is the name errors of options begin with; where it is the bare command it becomes
 * net-snmp's name of it. Options with secrets are wiped. Returns the exit status. */
int moon_tool_main(const char *command, int argc, char **argv);

#endif
