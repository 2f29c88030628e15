/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANTRY_SIGNALS_H
#define GANTRY_SIGNALS_H
#include <signal.h>

/* Blocks all signals but those of a bug of ours, which shall end in a core, not in a silent loop. `blocked`, the caller's,
 * receives which they are. 0 or -1 with errno. */
int block_signals(sigset_t *blocked);

#endif
