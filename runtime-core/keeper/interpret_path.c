/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "interpret.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_LINKS 40

static int resolve(int root, const char *path, uint64_t flags, uint64_t how_to)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | how_to };

	while (path[0] == '/' && path[1] == '/')
		path++;
	for (int tries = 0; tries < 32; tries++) {
		int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
		/* EAGAIN: something was renamed during the walk; openat2(2) asks for another try. */
		if (fd >= 0 || errno != EAGAIN)
			return fd < 0 ? -errno : fd;
	}
	return -EAGAIN;
}

/* Magic links (/proc/self/fd) are refused: they would lead out of the root. */
int root_open(int root, const char *path, uint64_t flags) { return resolve(root, path, flags, RESOLVE_NO_MAGICLINKS); }

/* Splits off the last component; *name points into path. Returns the parent's fd or -errno. */
int root_parent(int root, const char *path, const char **name, char *storage, size_t size)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash == NULL ? 0 : (size_t)(slash - path);

	*name = slash == NULL ? path : slash + 1;
	if (length + 2 > size)
		return -ENAMETOOLONG;
	if ((*name)[0] == '\0' || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0)
		return -EINVAL;
	memcpy(storage, path, length);
	memcpy(storage + length, "/", 2);
	return root_open(root, storage, O_PATH | O_DIRECTORY);
}

struct walk {
	int root;
	int links;
	char done[PATH_MAX]; /* what exists, from the root */
	char rest[PATH_MAX]; /* what is still to be walked */
};

/* Takes the first component off `rest` and appends it to `done`. Returns its start in `done`, NULL at the end. */
static char *next_component(struct walk *w)
{
	char *start = w->rest + strspn(w->rest, "/");
	size_t length = strcspn(start, "/"), have = strlen(w->done);

	if (length == 0 || have + length + 2 > sizeof(w->done))
		return NULL;
	w->done[have] = '/';
	memcpy(w->done + have + 1, start, length);
	w->done[have + 1 + length] = '\0';
	memmove(w->rest, start + length, strlen(start + length) + 1);
	return w->done + have;
}

/* A dangling symlink: what it points to is what has to be made (/var/run -> /run in many images). */
static int follow_dangling(struct walk *w, char *component)
{
	char target[PATH_MAX], joined[PATH_MAX];
	int link = root_open(w->root, w->done, O_PATH | O_NOFOLLOW);

	if (link < 0)
		return link;
	ssize_t n = readlinkat(link, "", target, sizeof(target) - 1);
	int saved = errno;
	close(link);
	if (n < 0)
		return saved == EINVAL || saved == ENOENT ? -EEXIST : -saved;
	if (++w->links > MAX_LINKS)
		return -ELOOP;
	target[n] = '\0';
	if (snprintf(joined, sizeof(joined), "%s/%s", target, w->rest) >= (int)sizeof(joined))
		return -ENAMETOOLONG;
	memcpy(w->rest, joined, strlen(joined) + 1);
	if (target[0] == '/')
		w->done[0] = '\0';
	else
		*component = '\0';
	return 0;
}

static int create(int parent, const char *name, int directory, mode_t mode)
{
	if (directory)
		return mkdirat(parent, name, mode) < 0 ? -errno : 0;
	int fd = openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/*
 * EOVERFLOW: the root is id-mapped, and the host's root has no id there. The owner of the parent has one, and may write
 * to it. Setting the ids back gives back the capabilities that go with them (capabilities(7), "Effect of user ID changes").
 */
static int create_as_owner(int parent, const char *name, int directory, mode_t mode)
{
	struct stat st;

	if (fstat(parent, &st) < 0)
		return -errno;
	setfsgid(st.st_gid);
	setfsuid(st.st_uid);
	int r = create(parent, name, directory, mode);
	setfsuid(0);
	setfsgid(0);
	return r;
}

static int make_one(const struct walk *w, int directory, uint32_t mode, int64_t uid, int64_t gid)
{
	char storage[PATH_MAX];
	const char *name;
	int parent = root_parent(w->root, w->done, &name, storage, sizeof(storage));

	if (parent < 0)
		return parent;
	int r = create(parent, name, directory, mode & 07777);
	if (r == -EOVERFLOW)
		r = create_as_owner(parent, name, directory, mode & 07777);
	if (r == 0 && (uid > 0 || gid > 0) && fchownat(parent, name, (uid_t)uid, (gid_t)gid, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	close(parent);
	return r;
}

/* mkdir -p (and, for a file, creat) inside the root; returns an O_PATH descriptor of the last component. */
int root_make(int root, const char *path, int directory, uint32_t mode, int64_t uid, int64_t gid)
{
	struct walk w = { .root = root };
	char *component;

	int fd = root_open(root, path, O_PATH);
	if (fd != -ENOENT)
		return fd;
	if (strlen(path) >= sizeof(w.rest))
		return -ENAMETOOLONG;
	memcpy(w.rest, path, strlen(path) + 1);
	while ((component = next_component(&w)) != NULL) {
		fd = root_open(root, w.done, O_PATH);
		if (fd >= 0) {
			close(fd);
			continue;
		}
		if (fd != -ENOENT)
			return fd;
		int last = w.rest[strspn(w.rest, "/")] == '\0';
		int r = make_one(&w, directory || !last, last ? mode : 0755, uid, gid);
		if (r == -EEXIST)
			r = follow_dangling(&w, component);
		if (r < 0)
			return r;
	}
	return w.rest[strspn(w.rest, "/")] == '\0' ? root_open(root, w.done, O_PATH) : -ENAMETOOLONG;
}

int op_open_in(struct interpreter *in, const struct op *op)
{
	int fd = root_open(slot_get(in, op, 1), op_str(op, 2), op->w[3]);

	return fd < 0 ? fd : slot_put(in, op, 0, fd);
}

int op_open_plain_in(struct interpreter *in, const struct op *op)
{
	int fd = resolve(slot_get(in, op, 1), op_str(op, 2), op->w[3], RESOLVE_NO_SYMLINKS);

	return fd < 0 ? fd : slot_put(in, op, 0, fd);
}

int op_make_target(struct interpreter *in, const struct op *op)
{
	struct stat st = { .st_mode = S_IFDIR };
	int like = op_slot(op, 3) < 0 ? -1 : slot_get(in, op, 3);

	if (op_slot(op, 3) >= 0 && fstat(like, &st) < 0)
		return -errno;
	int directory = S_ISDIR(st.st_mode);
	int fd = root_make(slot_get(in, op, 1), op_str(op, 2), directory, directory ? 0755 : 0644, (int64_t)op->w[4], (int64_t)op->w[5]);
	return fd < 0 ? fd : slot_put(in, op, 0, fd);
}

int op_mkdir_in(struct interpreter *in, const struct op *op)
{
	int fd = root_make(slot_get(in, op, 0), op_str(op, 1), 1, (uint32_t)op->w[2], (int64_t)op->w[3], (int64_t)op->w[4]);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int op_chmod_in(struct interpreter *in, const struct op *op)
{
	char link[32];
	int fd = root_open(slot_get(in, op, 0), op_str(op, 1), O_PATH);

	if (fd < 0)
		return fd;
	/* fchmod refuses O_PATH; the descriptor's own magic link is ours, not the image's. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	int r = chmod(link, (mode_t)op->w[2]) < 0 ? -errno : 0;
	close(fd);
	return r;
}

/* What is there already is fine when it is the very device: the host's own /dev, a layer that has it. */
static int is_node(int parent, const char *name, mode_t mode, dev_t device)
{
	struct stat st;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return (st.st_mode & S_IFMT) == (mode & S_IFMT) && (S_ISFIFO(mode) || st.st_rdev == device) ? 0 : -EEXIST;
}

int op_mknod_in(struct interpreter *in, const struct op *op)
{
	char storage[PATH_MAX];
	const char *name;
	int root = slot_get(in, op, 0);
	const char *path = op_str(op, 1);
	mode_t mode = (mode_t)op->w[2];
	int parent = root_parent(root, path, &name, storage, sizeof(storage));

	if (parent == -ENOENT) {
		parent = root_make(root, storage, 1, 0755, 0, 0);
	}
	if (parent < 0)
		return parent;
	/* No chmod afterwards: in a directory that others write to, the name may be a link to the host's by then. */
	mode_t mask = umask(0);
	int r = mknodat(parent, name, mode, (dev_t)op->w[3]) < 0 ? -errno : 0;
	umask(mask);
	if (r == -EEXIST)
		r = is_node(parent, name, mode, (dev_t)op->w[3]);
	else if (r == 0 && fchownat(parent, name, (uid_t)op->w[4], (gid_t)op->w[5], AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	close(parent);
	return r;
}

int op_symlink_in(struct interpreter *in, const struct op *op)
{
	char storage[PATH_MAX];
	const char *name;
	int parent = root_parent(slot_get(in, op, 0), op_str(op, 2), &name, storage, sizeof(storage));

	if (parent < 0)
		return parent;
	int r = symlinkat(op_str(op, 1), parent, name) < 0 && errno != EEXIST ? -errno : 0;
	close(parent);
	return r;
}
