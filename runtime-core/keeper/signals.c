/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "signals.h"

int block_signals(sigset_t *blocked)
{
	sigfillset(blocked);
	sigdelset(blocked, SIGSEGV);
	sigdelset(blocked, SIGBUS);
	sigdelset(blocked, SIGABRT);
	sigdelset(blocked, SIGFPE);
	sigdelset(blocked, SIGILL);
	return sigprocmask(SIG_SETMASK, blocked, NULL);
}
