/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "interpret.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int result(long r) { return r < 0 ? -errno : 0; }

int op_open(struct interpreter *in, const struct op *op)
{
	return slot_put(in, op, 0, open(op_str(op, 1), (int)op->w[2] | O_CLOEXEC, (mode_t)op->w[3]));
}

int op_close(struct interpreter *in, const struct op *op)
{
	int *slot = &in->slots[op_slot(op, 0)], fd = *slot;

	*slot = -1;
	return fd < 0 ? 0 : result(close(fd));
}

int op_dup_to(struct interpreter *in, const struct op *op)
{
	return result(dup2(slot_get(in, op, 0), (int)op->w[1]));
}

/* All but the socket to the keeper, whose end says that the program runs. */
int op_close_from(struct interpreter *in, const struct op *op)
{
	unsigned int first = (unsigned int)op->w[0], sync = (unsigned int)in->sync_fd;

	if (in->sync_fd < 0 || sync < first)
		return result(syscall(SYS_close_range, first, ~0u, 0));
	if (sync > first && syscall(SYS_close_range, first, sync - 1, 0) < 0)
		return -errno;
	return result(syscall(SYS_close_range, sync + 1, ~0u, 0));
}

static int write_whole(int fd, const uint8_t *bytes, size_t length)
{
	/* Kernel files take a value by exactly one write; a short one is an error of its own. */
	ssize_t n = write(fd, bytes, length);

	if (n < 0)
		return -errno;
	return (size_t)n == length ? 0 : -EIO;
}

static int write_at(int dir, const char *path, const uint8_t *bytes, size_t length)
{
	int fd = openat(dir, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	int r = write_whole(fd, bytes, length);
	close(fd);
	return r;
}

int op_write_file(struct interpreter *in, const struct op *op)
{
	return write_at(slot_get(in, op, 0), op_str(op, 1), op_data(op, 2), op->w[3]);
}

int op_write_first(struct interpreter *in, const struct op *op)
{
	int r = write_at(AT_FDCWD, op_str(op, 0), op_data(op, 1), op->w[2]);

	(void)in;
	return r == -ENOENT ? write_at(AT_FDCWD, op_str(op, 3), op_data(op, 4), op->w[5]) : r;
}

static ssize_t read_small(const char *path, uint8_t *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, text, size);
	int error = errno;
	close(fd);
	return n < 0 ? -error : n;
}

/* A file that has a value keeps it: an administrator or the kubelet may have narrowed a cpuset. */
int op_copy_file(struct interpreter *in, const struct op *op)
{
	uint8_t text[4096];
	ssize_t n = read_small(op_str(op, 1), text, sizeof(text));

	(void)in;
	if (n < 0)
		return (int)n;
	if (n > 1 || (n == 1 && text[0] != '\n'))
		return 0;
	n = read_small(op_str(op, 0), text, sizeof(text));
	if (n < 0)
		return (int)n;
	int fd = open(op_str(op, 1), O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = write_whole(fd, text, (size_t)n);
	close(fd);
	return r;
}

static int make_path(char *path, mode_t mode)
{
	if (mkdir(path, mode) == 0 || errno == EEXIST)
		return 0;
	if (errno != ENOENT)
		return -errno;
	for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		int r = mkdir(path, mode) < 0 && errno != EEXIST ? -errno : 0;
		*slash = '/';
		if (r < 0)
			return r;
	}
	return mkdir(path, mode) < 0 && errno != EEXIST ? -errno : 0;
}

/*
 * mkdir -p; what is there, even through a symlink, is taken as it is and the final use decides. Tried again where a
 * parent vanishes meanwhile: an empty cgroup shared by pods is removed with the last of them.
 */
int op_mkdir_host(struct interpreter *in, const struct op *op)
{
	char path[PATH_MAX];
	size_t length = strlen(op_str(op, 0));
	int r = -ENOENT;

	(void)in;
	if (length >= sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, op_str(op, 0), length + 1);
	for (int tries = 0; tries < 8 && r == -ENOENT; tries++)
		r = make_path(path, (mode_t)op->w[1]);
	return r;
}

int op_chdir(struct interpreter *in, const struct op *op)
{
	char path[PATH_MAX];

	(void)in;
	if (chdir(op_str(op, 0)) < 0)
		return -errno;
	/* "(unreachable)/...": a magic link led out of this root. A path too long to be told is inside. */
	long n = syscall(SYS_getcwd, path, sizeof(path));
	return n > 0 && path[0] != '/' ? -EXDEV : 0;
}

int op_chroot(struct interpreter *in, const struct op *op)
{
	(void)in;
	return result(chroot(op_str(op, 0)));
}

int op_fchdir(struct interpreter *in, const struct op *op) { return result(fchdir(slot_get(in, op, 0))); }

int op_require_directory(struct interpreter *in, const struct op *op)
{
	struct stat st;

	(void)in;
	if (stat(op_str(op, 0), &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int op_refuse_same(struct interpreter *in, const struct op *op)
{
	struct stat one, other;

	if (fstat(slot_get(in, op, 0), &one) < 0 || stat(op_str(op, 1), &other) < 0)
		return -errno;
	return one.st_dev == other.st_dev && one.st_ino == other.st_ino ? -EPERM : 0;
}

int op_chown_slot(struct interpreter *in, const struct op *op)
{
	return result(fchown(slot_get(in, op, 0), (uid_t)op->w[1], (gid_t)op->w[2]));
}

int op_mkfifo_wait(struct interpreter *in, const struct op *op)
{
	int fd = open(op_str(op, 0), O_WRONLY | O_CLOEXEC);

	(void)in;
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}
