/* check: `moonpoll check`: what is wrong with a probe, before it meets a device. */
#ifndef MOON_MAIN_CHECK_H
#define MOON_MAIN_CHECK_H

/* argv[0] is the command. Returns the exit status. Blocks. */
int moon_check_main(int argc, char **argv);

#endif
