/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANTRY_LAUNCHER_H
#define GANTRY_LAUNCHER_H
#include "birth.h"

/* `gantry-keeper launch`: one start, for whoever called the command line. launcher.c */
int launcher(int argc, char **argv);

/*
 * Stays until `pid` has ended: hands on the signals that `signals` (a signalfd) tells of and, where `pty` is the master
 * of its terminal, copies between that and the own standard streams. Reaps every child; the status of `pid` is returned
 * as wait(2) gives it. launcher_io.c
 */
int attend_program(pid_t pid, int pidfd, int signals, int pty);

#endif
