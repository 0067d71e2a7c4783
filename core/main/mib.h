/* mib: `moonpoll mib`: MIB modules into the file of names, and what is known. */
#ifndef MOON_MAIN_MIB_H
#define MOON_MAIN_MIB_H

/* argv[0] is the command. Returns the exit status, enum moon_exit. */
int moon_mib_main(int argc, char **argv);

#endif
