/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "interpret.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Deeper trees than any image volume has; bounds the stack and the descriptors of the recursion. */
#define MAX_DEPTH 64

static int copy_directory(int from, int to, int depth);

static int copy_bytes(int from, int to)
{
	char chunk[16384];
	ssize_t n;

	while ((n = read(from, chunk, sizeof(chunk))) > 0)
		for (ssize_t done = 0, w; done < n; done += w)
			if ((w = write(to, chunk + done, (size_t)(n - done))) < 0)
				return -errno;
	return n < 0 ? -errno : 0;
}

static int set_owner_mode_times(int fd, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (fchown(fd, st->st_uid, st->st_gid) < 0 || fchmod(fd, st->st_mode & 07777) < 0 || futimens(fd, times) < 0)
		return -errno;
	return 0;
}

static int copy_regular(int from_dir, int to_dir, const char *name, const struct stat *st)
{
	int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int to = from < 0 ? -1 : openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = to < 0 ? -errno : copy_bytes(from, to);

	if (r == 0)
		r = set_owner_mode_times(to, st);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return r;
}

static int copy_link(int from_dir, int to_dir, const char *name, const struct stat *st)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from_dir, name, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	if (symlinkat(target, to_dir, name) < 0 || fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

static int copy_special(int to_dir, const char *name, const struct stat *st)
{
	if (mknodat(to_dir, name, st->st_mode, st->st_rdev) < 0 || fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

static int copy_subdirectory(int from_dir, int to_dir, const char *name, const struct stat *st, int depth)
{
	if (mkdirat(to_dir, name, 0700) < 0)
		return -errno;
	int from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int to = from < 0 ? -1 : openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = to < 0 ? -errno : copy_directory(from, to, depth + 1);

	if (r == 0)
		r = set_owner_mode_times(to, st);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return r;
}

static int copy_entry(int from, int to, const char *name, int depth)
{
	struct stat st;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	switch (st.st_mode & S_IFMT) {
	case S_IFREG: return copy_regular(from, to, name, &st);
	case S_IFLNK: return copy_link(from, to, name, &st);
	case S_IFDIR: return copy_subdirectory(from, to, name, &st, depth);
	default: return copy_special(to, name, &st);
	}
}

/* getdents64 by hand: opendir allocates, and between clone and exec nothing may. */
static int copy_directory(int from, int to, int depth)
{
	char entries[2048] __attribute__((aligned(8)));
	long n;

	if (depth > MAX_DEPTH)
		return -ELOOP;
	while ((n = syscall(SYS_getdents64, from, entries, sizeof(entries))) > 0)
		for (long at = 0; at < n;) {
			const struct dirent64 *entry = (const struct dirent64 *)(const void *)(entries + at);
			int r = copy_entry(from, to, entry->d_name, depth);
			if (r < 0)
				return r;
			at += entry->d_reclen;
		}
	return n < 0 ? -errno : 0;
}

/* Copies the content of a directory of the root into an empty opened one. A missing source is an empty one. */
int op_copy_tree_in(struct interpreter *in, const struct op *op)
{
	struct stat st;
	int from = root_open(slot_get(in, op, 0), op_str(op, 1), O_RDONLY | O_DIRECTORY);
	int to = openat(slot_get(in, op, 2), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (from == -ENOENT || from == -ENOTDIR) {
		if (to >= 0)
			close(to);
		return 0;
	}
	int r = from < 0 ? from : (to < 0 || fstat(from, &st) < 0 ? -errno : copy_directory(from, to, 0));
	if (r == 0)
		r = set_owner_mode_times(to, &st);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return r;
}
