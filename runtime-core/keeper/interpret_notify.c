/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A filter with a listener (seccomp_unotify(2)). From the moment it is loaded any system call of the child may wait for
 * the listener's answer, sendmsg among them: the child cannot be who hands the listener over. A courier does, a process
 * the filter is not for; the child tells it of the descriptor through the shared report, without a system call.
 */
#define _GNU_SOURCE
#include "interpret.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum notify_state { NOTIFY_NONE, NOTIFY_SOON, NOTIFY_FAILED, NOTIFY_FD }; /* NOTIFY_FD + n: it is descriptor n */
#define NOTIFY_SENT 1             /* result; else a negative errno, 0 while it is under way */
#define DELIVERY_SECONDS 10       /* a listener that does not take it in that time takes nothing */
#define LOOK_SECONDS 1            /* how often the courier looks whether the child is still there */
#define MAX_PIECES 8

static uint32_t load(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }

static void store(uint32_t *word, uint32_t value) { __atomic_store_n(word, value, __ATOMIC_RELEASE); }

/* ---- the child ---------------------------------------------------------------------------------------------- */

/* Without a system call: clock_gettime is the vDSO's. */
static int await_delivery(struct report *report)
{
	struct timespec begin, now;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (;;) {
		int32_t result = (int32_t)load(&report->notify_result);
		if (result != 0)
			return result == NOTIFY_SENT ? 0 : result;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - begin.tv_sec > DELIVERY_SECONDS + LOOK_SECONDS)
			return -ETIMEDOUT;
	}
}

int op_seccomp_notify(struct interpreter *in, const struct op *op)
{
	struct report *report = in->report;

	if (op->w[1] > BPF_MAXINSNS * sizeof(struct sock_filter)) /* `len` below would wrap around */
		return -EINVAL;
	struct sock_fprog program = {
		.len = (unsigned short)(op->w[1] / sizeof(struct sock_filter)),
		.filter = (struct sock_filter *)(uintptr_t)op_data(op, 0),
	};
	/* The last system call that is surely answered: it wakes the courier. */
	store(&report->notify, NOTIFY_SOON);
	syscall(SYS_futex, &report->notify, FUTEX_WAKE, 1, NULL, NULL, 0);
	long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, (unsigned int)op->w[2] | SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
	if (fd < 0) {
		int error = errno;
		store(&report->notify, NOTIFY_FAILED);
		return -error;
	}
	store(&report->notify, NOTIFY_FD + (uint32_t)fd);
	return await_delivery(report);
}

/* ---- the courier -------------------------------------------------------------------------------------------- */

static int is_gone(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) != 0;
}

/* The number of the child's descriptor, or -1 when there will be none. */
static int await_listener(const struct report *report, int pidfd)
{
	for (;;) {
		uint32_t state = load(&report->notify);
		const struct timespec look = { .tv_sec = LOOK_SECONDS };
		const struct timespec moment = { .tv_nsec = 20000 };

		if (state >= NOTIFY_FD)
			return (int)(state - NOTIFY_FD);
		if (state == NOTIFY_FAILED || is_gone(pidfd))
			return -1;
		if (state == NOTIFY_NONE)
			syscall(SYS_futex, &report->notify, FUTEX_WAIT, NOTIFY_NONE, &look, NULL, 0);
		else
			nanosleep(&moment, NULL);
	}
}

/* The message in pieces: each of its zero bytes stands for the pid. Returns how many, or -E2BIG. */
static int cut_message(struct iovec *pieces, const uint8_t *message, size_t length, char *pid_text)
{
	int count = 0;

	for (size_t from = 0, to; from <= length; from = to + 1) {
		const uint8_t *zero = memchr(message + from, 0, length - from);
		to = zero == NULL ? length : (size_t)(zero - message);
		if (count + 2 > MAX_PIECES)
			return -E2BIG;
		pieces[count++] = (struct iovec){ .iov_base = (void *)(uintptr_t)(message + from), .iov_len = to - from };
		if (zero != NULL)
			pieces[count++] = (struct iovec){ .iov_base = pid_text, .iov_len = strlen(pid_text) };
	}
	return count;
}

static int deliver(int socket, int fd, struct iovec *pieces, int count)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr m = { .msg_iov = pieces, .msg_iovlen = (size_t)count, .msg_control = control.space, .msg_controllen = sizeof(control.space) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	size_t length = 0;

	for (int i = 0; i < count; i++)
		length += pieces[i].iov_len;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	ssize_t n = sendmsg(socket, &m, MSG_NOSIGNAL);
	return n < 0 ? -errno : (size_t)n == length ? NOTIFY_SENT : -EIO;
}

/* Closes all but two descriptors. */
static void keep_two(int one, int other)
{
	unsigned int low = (unsigned int)(one < other ? one : other), high = (unsigned int)(one < other ? other : one);

	if (low > 0)
		syscall(SYS_close_range, 0u, low - 1, 0u);
	if (high > low + 1)
		syscall(SYS_close_range, low + 1, high - 1, 0u);
	syscall(SYS_close_range, high + 1, ~0u, 0u);
}

static _Noreturn void courier(struct report *report, int socket, int pidfd, struct iovec *pieces, int count)
{
	keep_two(socket, pidfd);
	int number = await_listener(report, pidfd);
	if (number < 0)
		_exit(0);
	int fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0u);
	int result = fd < 0 ? -errno : deliver(socket, fd, pieces, count);
	store(&report->notify_result, (uint32_t)result);
	_exit(0);
}

/* ---- the parent --------------------------------------------------------------------------------------------- */

/* proc_pid_stat(5): the pid is the first word. */
static pid_t pid_of(int proc_directory, char *text, size_t size)
{
	int fd = openat(proc_directory, "stat", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, text, size - 1);
	int error = errno;
	close(fd);
	if (n <= 0)
		return n < 0 ? -error : -ESRCH;
	text[n] = '\0';
	text[strcspn(text, " ")] = '\0';
	return (pid_t)strtol(text, NULL, 10);
}

/* A listener that is not there, or does not accept, must not keep the parent waiting: it does not wait to connect. */
static int connect_to(const char *path)
{
	const struct timeval limit = { .tv_sec = DELIVERY_SECONDS };
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || fcntl(fd, F_SETFL, O_RDWR) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

/* Forked twice: the courier is nobody's child to wait for, and whoever reaps orphans reaps it. */
static int send_courier(struct report *report, int socket, int pidfd, struct iovec *pieces, int count)
{
	struct clone_args quiet = { .exit_signal = 0 };
	pid_t first = (pid_t)syscall(SYS_clone3, &quiet, sizeof(quiet));

	if (first < 0)
		return -errno;
	if (first == 0) {
		struct clone_args args = { .exit_signal = SIGCHLD };
		long second = syscall(SYS_clone3, &args, sizeof(args));
		if (second == 0)
			courier(report, socket, pidfd, pieces, count);
		_exit(second < 0 ? errno : 0);
	}
	int status = 0;
	while (waitpid(first, &status, __WALL) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

int op_seccomp_courier(struct interpreter *in, const struct op *op)
{
	struct iovec pieces[MAX_PIECES];
	char pid_text[512];
	pid_t pid = pid_of(slot_get(in, op, 0), pid_text, sizeof(pid_text));
	int count = pid <= 0 ? (pid == 0 ? -ESRCH : (int)pid) : cut_message(pieces, op_data(op, 2), op->w[3], pid_text);

	if (count < 0)
		return count;
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0u);
	if (pidfd < 0)
		return -errno;
	int socket = connect_to(op_str(op, 1));
	int r = socket < 0 ? socket : send_courier(in->report, socket, pidfd, pieces, count);
	if (socket >= 0)
		close(socket);
	close(pidfd);
	return r;
}
