/* run: `moonpoll run`: options, the plan, then the master. */
#ifndef MOON_MAIN_RUN_H
#define MOON_MAIN_RUN_H

/* argv[0] is the command. Returns the exit status, enum moon_exit. */
int moon_run_main(int argc, char **argv);

#endif
