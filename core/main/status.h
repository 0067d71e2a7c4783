/* status: `moonpoll status` and all other commands to a running instance (stop, reload, replace, promote, rollback, release, ...): a line
 * to its control socket, its answer on stdout. */
#ifndef MOON_MAIN_STATUS_H
#define MOON_MAIN_STATUS_H

/* argv[0] is the command. Exit status: 0; 1 no instance, or it does not answer; 2 bad option, or several to choose from. */
int moon_status_main(int argc, char **argv);

#endif
