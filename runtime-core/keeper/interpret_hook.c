/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "interpret.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A hook under way: its ends of three pipes are its own, these are ours. */
struct hook {
	pid_t pid;
	int in, out; /* -1: closed */
	const uint8_t *state;
	size_t left;
	char pid_text[16];
	size_t pid_at, pid_length; /* `pid_text` goes in place of the zero byte */
	size_t told;
	char *text;
	size_t room;
};

static int64_t now_ms(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static _Noreturn void become_hook(const struct op *op, int state, int output)
{
	const struct sigaction standard = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int signo = 1; signo <= SIGRTMAX; signo++)
		sigaction(signo, &standard, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(state, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
		_exit(127);
	/* Nothing of the runtime's, and nothing that is meant for the container's program, is a hook's. */
	syscall(SYS_close_range, 3u, ~0u, 0u);
	execve(op_str(op, 0), op_strv(op, 1), op_strv(op, 2));
	dprintf(2, "execve: %s", strerrorname_np(errno));
	_exit(127);
}

/* Three pieces: what is before the pid, the pid, what is behind it. */
static void feed(struct hook *h)
{
	const uint8_t *from = h->state;
	size_t length = h->left;
	ssize_t n = 0;

	if (h->pid_at != SIZE_MAX && h->pid_at > 0)
		length = h->pid_at;
	else if (h->pid_at == 0) {
		from = (const uint8_t *)h->pid_text + h->told;
		length = h->pid_length - h->told;
	}
	n = length == 0 ? 0 : write(h->in, from, length);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) { /* a hook need not read its state */
		close(h->in);
		h->in = -1;
		return;
	}
	if (h->pid_at == 0) {
		h->told += (size_t)n;
		if (h->told == h->pid_length) {
			h->pid_at = SIZE_MAX;
			h->state++;
			h->left--;
		}
	} else {
		h->state += n;
		h->left -= (size_t)n;
		if (h->pid_at != SIZE_MAX)
			h->pid_at -= (size_t)n;
	}
	if (h->left == 0) {
		close(h->in);
		h->in = -1;
	}
}

/* What it prints is kept for the error, as far as there is room. */
static void listen_to(struct hook *h)
{
	char scrap[512];
	size_t used = strlen(h->text);
	ssize_t n = read(h->out, scrap, sizeof(scrap));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close(h->out);
		h->out = -1;
		return;
	}
	size_t kept = (size_t)n < h->room - 1 - used ? (size_t)n : h->room - 1 - used;
	memcpy(h->text + used, scrap, kept);
	h->text[used + kept] = '\0';
}

/* Until it has ended (true) or its time is up. Output of what it left behind is not waited for. */
static bool attend(struct hook *h, int pidfd, uint64_t timeout_ms)
{
	const int64_t end = timeout_ms == 0 ? 0 : now_ms() + (int64_t)timeout_ms;

	for (;;) {
		struct pollfd fds[3] = { { pidfd, POLLIN, 0 }, { h->in, POLLOUT, 0 }, { h->out, POLLIN, 0 } };
		int64_t left = end == 0 ? 60000 : end - now_ms();
		if (left <= 0)
			return false;
		if (poll(fds, 3, (int)(left > 60000 ? 60000 : left)) < 0 && errno != EINTR)
			return false;
		if (fds[1].revents != 0)
			feed(h);
		if (fds[2].revents != 0)
			listen_to(h);
		else if (fds[0].revents != 0)
			return true;
	}
}

static int judge(struct hook *h, bool ended, int status)
{
	char said[256], how[64];
	size_t length = strlen(h->text);

	if (ended && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		h->text[0] = '\0';
		return 0;
	}
	while (length > 0 && (h->text[length - 1] == '\n' || h->text[length - 1] == ' '))
		h->text[--length] = '\0';
	snprintf(said, sizeof(said), "%s", h->text);
	if (!ended)
		snprintf(how, sizeof(how), "it did not end in time");
	else if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "killed by signal %d", WTERMSIG(status));
	else
		snprintf(how, sizeof(how), "exit status %d", WEXITSTATUS(status));
	snprintf(h->text, h->room, "%s%s%s", how, said[0] == '\0' ? "" : ": ", said);
	return ended ? -ECANCELED : -ETIMEDOUT;
}

static int run(struct interpreter *in, const struct op *op, int *state, int *output)
{
	struct hook h = { .in = state[1], .out = output[0], .state = op_data(op, 4), .left = op->w[5], .text = in->report->text,
		.room = sizeof(in->report->text) };
	const uint8_t *zero = memchr(h.state, 0, h.left);
	int status = 0;

	h.text[0] = '\0';
	h.pid_at = zero == NULL ? SIZE_MAX : (size_t)(zero - h.state);
	h.pid_length = (size_t)snprintf(h.pid_text, sizeof(h.pid_text), "%d", (int)in->report->pid);
	h.pid = fork();
	if (h.pid == 0)
		become_hook(op, state[0], output[1]);
	close(state[0]);
	close(output[1]);
	int pidfd = h.pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, h.pid, 0u);
	int r = h.pid < 0 || pidfd < 0 ? -errno : 0;
	bool ended = r == 0 && attend(&h, pidfd, op->w[3]);
	if (h.pid > 0 && !ended)
		kill(h.pid, SIGKILL);
	while (h.pid > 0 && waitpid(h.pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pidfd >= 0)
		close(pidfd);
	if (h.in >= 0)
		close(h.in);
	if (h.out >= 0)
		close(h.out);
	return r < 0 ? r : judge(&h, ended, status);
}

int op_run_hook(struct interpreter *in, const struct op *op)
{
	int state[2], output[2];

	/* Writing to a hook that has closed its input must not end this process. */
	signal(SIGPIPE, SIG_IGN);
	if (pipe2(state, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(output, O_CLOEXEC) < 0) {
		int error = errno;
		close(state[0]);
		close(state[1]);
		return -error;
	}
	fcntl(state[1], F_SETFL, O_NONBLOCK);
	fcntl(output[0], F_SETFL, O_NONBLOCK);
	return run(in, op, state, output);
}
