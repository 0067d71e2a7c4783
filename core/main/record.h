/* record: `moonpoll record`: walks an agent into a recording for `moonpoll sim`. */
#ifndef MOON_MAIN_RECORD_H
#define MOON_MAIN_RECORD_H

/* argv[0] is the command. Returns the exit status, enum moon_exit. */
int moon_record_main(int argc, char **argv);

#endif
