/* SPDX-License-Identifier: Apache-2.0 */
/* Operations of the command line (gantry-oci): processes found again by record, gates, files of the runtime's own. */
#define _GNU_SOURCE
#include "interpret.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Between SIGKILL and the end of a process that does nothing. */
#define HOLDER_DEADLINE_MS 10000

static int result(long r) { return r < 0 ? -errno : 0; }

/* Where the parent section stops and what it waits for is the parent's loop (birth.h); in a child they would be a mistake. */
int op_resume_child(struct interpreter *in, const struct op *op)
{
	(void)in;
	(void)op;
	return -ENOSYS;
}

int op_leave_child(struct interpreter *in, const struct op *op)
{
	(void)in;
	(void)op;
	return -ENOSYS;
}

int op_await_exec(struct interpreter *in, const struct op *op)
{
	(void)in;
	(void)op;
	return -ENOSYS;
}

int op_await_exit(struct interpreter *in, const struct op *op)
{
	(void)in;
	(void)op;
	return -ENOSYS;
}

int op_await_restore(struct interpreter *in, const struct op *op)
{
	(void)in;
	(void)op;
	return -ENOSYS;
}

/* The original closes at the exec by itself. */
int op_hand_on_sync(struct interpreter *in, const struct op *op)
{
	return result(dup3(in->sync_fd, (int)op->w[0], 0));
}

/* ---- processes ---------------------------------------------------------------------------------------------- */

uint64_t process_started(pid_t pid)
{
	char path[32], text[1024];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* The name in parentheses may hold anything, also parentheses. */
	char *at = strrchr(text, ')');
	for (int field = 2; at != NULL && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at == NULL ? 0 : strtoull(at + 1, NULL, 10);
}

int op_open_process(struct interpreter *in, const struct op *op)
{
	int r = slot_put(in, op, 0, (int)syscall(SYS_pidfd_open, (pid_t)op->w[1], 0u));

	/* The pidfd is of whoever had the number a moment ago: it is the one meant if that one is still there. */
	if (r == 0 && process_started((pid_t)op->w[1]) != op->w[2])
		return -ESRCH;
	return r;
}

/*
 * A child of ours where the launcher was executed in place of its parent, else of that parent, who reaps it: either way it
 * is not yet reaped, so the number is still its own.
 */
int op_end_holder(struct interpreter *in, const struct op *op)
{
	struct pollfd end = { .events = POLLIN };

	(void)in;
	end.fd = (int)syscall(SYS_pidfd_open, (pid_t)op->w[0], 0u);
	if (end.fd < 0)
		return errno == ESRCH ? 0 : -errno;
	int r = result(syscall(SYS_pidfd_send_signal, end.fd, SIGKILL, NULL, 0));
	if (r == 0 && poll(&end, 1, HOLDER_DEADLINE_MS) == 0)
		r = -ETIMEDOUT;
	waitpid((pid_t)op->w[0], NULL, WNOHANG);
	close(end.fd);
	return r == -ESRCH ? 0 : r;
}

/* ---- files of the runtime ----------------------------------------------------------------------------------- */

/* `.name` beside the file, then rename: whoever waits for the file reads it whole. */
static int write_atomically(const char *path, const char *text)
{
	char temporary[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int directory = slash == NULL ? 0 : (int)(slash + 1 - path);

	if (snprintf(temporary, sizeof(temporary), "%.*s.%s", directory, path, path + directory) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	size_t length = strlen(text);
	ssize_t n = write(fd, text, length);
	int r = n < 0 ? -errno : (size_t)n == length ? 0 : -EIO;
	close(fd);
	return r < 0 ? r : result(rename(temporary, path));
}

int op_write_pid_file(struct interpreter *in, const struct op *op)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)in->report->pid);
	return write_atomically(op_str(op, 0), text);
}

int op_record_process(struct interpreter *in, const struct op *op)
{
	char text[64];

	snprintf(text, sizeof(text), "%d %llu\n", (int)in->report->pid, (unsigned long long)process_started(in->report->pid));
	return write_atomically(op_str(op, 0), text);
}

int op_unlink_host(struct interpreter *in, const struct op *op)
{
	(void)in;
	return unlink(op_str(op, 0)) < 0 && errno != ENOENT ? -errno : 0;
}

int op_rmdir_host(struct interpreter *in, const struct op *op)
{
	(void)in;
	return rmdir(op_str(op, 0)) < 0 && errno != ENOENT ? -errno : 0;
}

int op_make_fifo(struct interpreter *in, const struct op *op)
{
	(void)in;
	return result(mkfifo(op_str(op, 0), (mode_t)op->w[1]));
}

/* Kernels without keyrings have none to keep apart. */
int op_join_keyring(struct interpreter *in, const struct op *op)
{
	(void)in;
	return syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, op_str(op, 0)) < 0 && errno != ENOSYS ? -errno : 0;
}

/* ---- descriptors -------------------------------------------------------------------------------------------- */

int op_send_to_socket(struct interpreter *in, const struct op *op)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec body = { .iov_base = (void *)(uintptr_t)op_str(op, 2), .iov_len = strlen(op_str(op, 2)) };
	struct msghdr message = { .msg_iov = &body, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	int fd = slot_get(in, op, 0);

	if (strlen(op_str(op, 1)) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, op_str(op, 1));
	int to = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (to < 0)
		return -errno;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	int r = result(connect(to, (struct sockaddr *)&address, sizeof(address)));
	if (r == 0)
		r = result(sendmsg(to, &message, MSG_NOSIGNAL));
	close(to);
	return r;
}

/* In ascending order, without what is below `first` or absent. */
static int sort_three(int first, int a, int b, int c, int *sorted)
{
	const int all[3] = { a, b, c };
	int count = 0;

	for (int i = 0; i < 3; i++) {
		if (all[i] < first)
			continue;
		int at = count++;
		for (; at > 0 && sorted[at - 1] > all[i]; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = all[i];
	}
	return count;
}

int op_close_others(struct interpreter *in, const struct op *op)
{
	int kept[3];
	unsigned int next = (unsigned int)op->w[0];
	int count = sort_three((int)next, in->sync_fd, slot_get(in, op, 1), slot_get(in, op, 2), kept);

	for (int i = 0; i < count; i++) {
		if ((unsigned int)kept[i] > next && syscall(SYS_close_range, next, (unsigned int)kept[i] - 1, 0u) < 0)
			return -errno;
		next = (unsigned int)kept[i] + 1;
	}
	return result(syscall(SYS_close_range, next, ~0u, 0u));
}

int op_own_stdio(struct interpreter *in, const struct op *op)
{
	const int fd = (int)op->w[0];
	struct stat st;

	(void)in;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* The host's own null device is not the container's to own. */
	if (st.st_uid == op->w[1] || (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)))
		return 0;
	if (fchown(fd, (uid_t)op->w[1], (gid_t)-1) == 0 || errno == EPERM || errno == EINVAL || errno == EROFS)
		return 0;
	return -errno;
}

/* ---- starting in two steps ---------------------------------------------------------------------------------- */

int op_await_start(struct interpreter *in, const struct op *op)
{
	char byte;
	ssize_t n = read(slot_get(in, op, 0), &byte, 1);

	in->answer_fd = slot_get(in, op, 1);
	/* This process holds a writing end itself, so that the gate never ends. */
	return n == 1 ? 0 : n < 0 ? -errno : -ECANCELED;
}

int op_require_program(struct interpreter *in, const struct op *op)
{
	int error = ENOENT;

	(void)in;
	for (char *const *path = op_strv(op, 0); *path != NULL; path++) {
		struct stat st;
		if (stat(*path, &st) == 0 && S_ISDIR(st.st_mode))
			error = EACCES;
		else if (faccessat(AT_FDCWD, *path, X_OK, AT_EACCESS) == 0)
			return 0;
		else if (errno == EPERM || errno == ENOSYS)
			return 0; /* the container's filter knows no faccessat2(2), as those of before 2021: execve will tell */
		else if (errno == EACCES)
			error = EACCES;
		else if (errno != ENOENT && errno != ENOTDIR)
			return -errno;
	}
	return -error;
}

/* ---- namespaces that a user namespace owns ------------------------------------------------------------------- */

static int write_map(pid_t pid, const char *name, const uint8_t *text, size_t length)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = write(fd, text, length);
	int r = n < 0 ? -errno : (size_t)n == length ? 0 : -EIO;
	close(fd);
	return r;
}

static int take_namespace(struct interpreter *in, pid_t pid, const char *name, int slot)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (in->slots[slot] >= 0)
		close(in->slots[slot]);
	in->slots[slot] = fd;
	return 0;
}

/* A process that does nothing is born into them and ended again; the slots hold them. */
int op_make_namespaces(struct interpreter *in, const struct op *op)
{
	const struct clone_args args = { .flags = op->w[0] | CLONE_NEWUSER, .exit_signal = SIGCHLD };
	const struct {
		uint64_t flag;
		const char *name;
		int slot;
	} wanted[] = {
		{ CLONE_NEWNET, "net", SLOT_POD_NET },
		{ CLONE_NEWIPC, "ipc", SLOT_POD_IPC },
		{ CLONE_NEWUTS, "uts", SLOT_POD_UTS },
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid < 0)
		return -errno;
	if (pid == 0)
		for (;;)
			pause();
	int r = write_map((pid_t)pid, "uid_map", op_data(op, 1), op->w[2]);
	if (r == 0)
		r = write_map((pid_t)pid, "gid_map", op_data(op, 3), op->w[4]);
	if (r == 0)
		r = take_namespace(in, (pid_t)pid, "user", SLOT_POD_USER);
	for (size_t i = 0; r == 0 && i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if ((op->w[0] & wanted[i].flag) != 0)
			r = take_namespace(in, (pid_t)pid, wanted[i].name, wanted[i].slot);
	kill((pid_t)pid, SIGKILL);
	while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r;
}
