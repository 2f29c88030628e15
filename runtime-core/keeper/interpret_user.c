/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "interpret.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int open_of(pid_t pid, const char *name, int flags)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	int fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int write_map(pid_t pid, const char *name, const uint8_t *map, size_t length)
{
	int fd = open_of(pid, name, O_WRONLY);

	if (fd < 0)
		return fd;
	ssize_t n = write(fd, map, length);
	int r = n < 0 ? -errno : (size_t)n == length ? 0 : -EIO;
	close(fd);
	return r;
}

/*
 * The child does nothing but be in the namespace until its descriptor is taken. It tells nobody of its end (exit signal
 * 0), so that whoever reaps this process's children does not meet it; it is waited for here.
 */
int op_make_user_namespace(struct interpreter *in, const struct op *op)
{
	struct clone_args args = { .flags = CLONE_NEWUSER };
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		for (;;)
			pause();
	}
	int r = write_map(pid, "uid_map", op_data(op, 1), op->w[2]);
	if (r == 0)
		r = write_map(pid, "gid_map", op_data(op, 3), op->w[4]);
	int fd = r == 0 ? open_of(pid, "ns/user", O_RDONLY) : r;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	return fd < 0 ? fd : slot_put(in, op, 0, fd);
}
