/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "launcher.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define CHUNK 16384

/* Bytes on their way; a side that is slow holds the other, nothing is lost. */
struct flow {
	int from, to; /* -1: at its end */
	size_t used, sent;
	char bytes[CHUNK];
};

struct attended {
	pid_t pid;
	int pidfd, signals, pty, status;
	bool ended;
	struct flow in, out;
	struct termios before;
	bool raw;
};

/* ---- the terminal ------------------------------------------------------------------------------------------- */

/* The caller's terminal, if it is one, hands every key on; echo and line editing are those of the container's. */
static void make_raw(struct attended *a)
{
	struct termios raw;

	if (a->pty < 0 || tcgetattr(0, &a->before) < 0)
		return;
	raw = a->before;
	cfmakeraw(&raw);
	a->raw = tcsetattr(0, TCSANOW, &raw) == 0;
}

static void copy_size(const struct attended *a)
{
	struct winsize size;

	if (a->pty >= 0 && ioctl(0, TIOCGWINSZ, &size) == 0)
		ioctl(a->pty, TIOCSWINSZ, &size);
}

static void pull(struct flow *f)
{
	ssize_t n = read(f->from, f->bytes, sizeof(f->bytes));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) { /* EIO: the last slave of the pty is closed */
		f->from = -1;
		return;
	}
	f->used = (size_t)n;
	f->sent = 0;
}

static void push(struct flow *f)
{
	ssize_t n = write(f->to, f->bytes + f->sent, f->used - f->sent);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) { /* nobody reads any more: what comes is let go */
		f->used = f->sent = 0;
		f->to = -1;
		return;
	}
	f->sent += (size_t)n;
	if (f->sent == f->used)
		f->used = f->sent = 0;
}

static struct pollfd interest(const struct flow *f)
{
	if (f->used > f->sent && f->to >= 0)
		return (struct pollfd){ f->to, POLLOUT, 0 };
	return (struct pollfd){ f->from, POLLIN, 0 };
}

static void carry(struct flow *f)
{
	if (f->used > f->sent && f->to >= 0)
		push(f);
	else if (f->from >= 0)
		pull(f);
}

/* What the program wrote last is still in the pty after its end. */
static void drain(struct attended *a)
{
	struct flow *f = &a->out;

	while (f->to >= 0 && (f->used > f->sent || f->from >= 0)) {
		struct pollfd fd = interest(f);
		bool reading = fd.events == POLLIN;
		if (poll(&fd, 1, reading ? 0 : 1000) <= 0)
			return;
		carry(f);
	}
}

/* ---- signals and ends --------------------------------------------------------------------------------------- */

static void reap_all(struct attended *a)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == a->pid) {
			a->status = status;
			a->ended = true;
		}
}

/* Everything is for the program but what is about its parent: the end of a child, a closed pipe, Go's own preemption. */
static void hand_on(struct attended *a, int signo)
{
	if (signo == SIGCHLD || signo == SIGPIPE || signo == SIGURG)
		return;
	if (signo == SIGWINCH && a->pty >= 0)
		copy_size(a);
	else
		syscall(SYS_pidfd_send_signal, a->pidfd, signo, NULL, 0);
}

static void take_signals(struct attended *a)
{
	struct signalfd_siginfo info[8];
	ssize_t n;

	while ((n = read(a->signals, info, sizeof(info))) > 0)
		for (size_t i = 0; i < (size_t)n / sizeof(info[0]); i++)
			hand_on(a, (int)info[i].ssi_signo);
}

int attend_program(pid_t pid, int pidfd, int signals, int pty)
{
	static struct attended a; /* its buffers are no matter for the stack */

	a = (struct attended){ .pid = pid, .pidfd = pidfd, .signals = signals, .pty = pty };
	a.in = (struct flow){ .from = pty < 0 ? -1 : 0, .to = pty };
	a.out = (struct flow){ .from = pty, .to = 1 };
	make_raw(&a);
	copy_size(&a);
	for (reap_all(&a); !a.ended; reap_all(&a)) {
		struct pollfd fds[4] = { { signals, POLLIN, 0 }, { pidfd, POLLIN, 0 }, interest(&a.in), interest(&a.out) };
		if (poll(fds, 4, -1) < 0)
			continue;
		take_signals(&a);
		if (fds[2].revents != 0)
			carry(&a.in);
		if (fds[3].revents != 0)
			carry(&a.out);
	}
	drain(&a);
	if (a.raw)
		tcsetattr(0, TCSANOW, &a.before);
	return a.status;
}
