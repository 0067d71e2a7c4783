/* sim: `moonpoll sim`: a fleet of simulated agents, served until SIGTERM. */
#ifndef MOON_MAIN_SIM_H
#define MOON_MAIN_SIM_H

/* argv[0] is the command. Returns the exit status, enum moon_exit. */
int moon_sim_main(int argc, char **argv);

#endif
