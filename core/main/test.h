/* test: `moonpoll test`: probes against recordings under a fake clock, compared with what was kept. */
#ifndef MOON_MAIN_TEST_H
#define MOON_MAIN_TEST_H

/* argv[0] is the command; returns the exit status. */
int moon_test_main(int argc, char **argv);

#endif
