/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "interpret.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROC_ROOT_INODE 1 /* fs/proc/internal.h */

/* mount(2) by number: <sys/mount.h> and <linux/mount.h> cannot be included together with older glibc. */
static int result(long r) { return r < 0 ? -errno : 0; }

int op_setns(struct interpreter *in, const struct op *op) { return result(setns(slot_get(in, op, 0), (int)op->w[1])); }

int op_unshare(struct interpreter *in, const struct op *op)
{
	(void)in;
	return result(unshare((int)op->w[0]));
}

int op_mount(struct interpreter *in, const struct op *op)
{
	(void)in;
	return result(syscall(SYS_mount, op_str(op, 0), op_str(op, 1), op_str(op, 2), op->w[3], op_str(op, 4)));
}

int op_umount(struct interpreter *in, const struct op *op)
{
	(void)in;
	return result(syscall(SYS_umount2, op_str(op, 0), (int)op->w[1]));
}

int op_fsopen(struct interpreter *in, const struct op *op)
{
	return slot_put(in, op, 0, (int)syscall(SYS_fsopen, op_str(op, 1), FSOPEN_CLOEXEC));
}

int op_fsconfig_string(struct interpreter *in, const struct op *op)
{
	return result(syscall(SYS_fsconfig, slot_get(in, op, 0), FSCONFIG_SET_STRING, op_str(op, 1), op_str(op, 2), 0));
}

int op_fsconfig_flag(struct interpreter *in, const struct op *op)
{
	return result(syscall(SYS_fsconfig, slot_get(in, op, 0), FSCONFIG_SET_FLAG, op_str(op, 1), NULL, 0));
}

int op_fsmount(struct interpreter *in, const struct op *op)
{
	int fs = slot_get(in, op, 1);

	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	int fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, (unsigned int)op->w[2]);
	int r = slot_put(in, op, 0, fd);
	if (r == 0 && op_slot(op, 0) != op_slot(op, 1)) {
		close(fs);
		in->slots[op_slot(op, 1)] = -1;
	}
	return r;
}

int op_open_tree(struct interpreter *in, const struct op *op)
{
	return slot_put(in, op, 0, (int)syscall(SYS_open_tree, slot_get(in, op, 1), op_str(op, 2), (unsigned int)op->w[3]));
}

static int set_attributes(int fd, unsigned int flags, uint64_t set, uint64_t clear, uint64_t propagation)
{
	struct mount_attr attr = { .attr_set = set, .attr_clr = clear, .propagation = propagation };

	return result(syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | flags, &attr, sizeof(attr)));
}

int op_mount_setattr(struct interpreter *in, const struct op *op)
{
	return set_attributes(slot_get(in, op, 0), (unsigned int)op->w[1], op->w[2], op->w[3], op->w[4]);
}

int op_idmap_mount(struct interpreter *in, const struct op *op)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)slot_get(in, op, 1) };

	return result(syscall(SYS_mount_setattr, slot_get(in, op, 0), "", AT_EMPTY_PATH | (unsigned int)op->w[2], &attr, sizeof(attr)));
}

static int attach(int mount_fd, int target)
{
	return result(syscall(SYS_move_mount, mount_fd, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}

int op_move_mount(struct interpreter *in, const struct op *op)
{
	return attach(slot_get(in, op, 0), slot_get(in, op, 1));
}

static int clone_tree(int fd, unsigned int flags)
{
	int tree = (int)syscall(SYS_open_tree, fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags);

	return tree < 0 ? -errno : tree;
}

int op_mask_path(struct interpreter *in, const struct op *op)
{
	struct stat st;
	int target = root_open(slot_get(in, op, 0), op_str(op, 1), O_PATH);

	if (target < 0)
		return target == -ENOENT || target == -ENOTDIR ? 0 : target;
	int r = fstat(target, &st) < 0 ? -errno : 0;
	if (r == 0) {
		int tree = clone_tree(slot_get(in, op, S_ISDIR(st.st_mode) ? 3 : 2), 0);
		r = tree < 0 ? tree : attach(tree, target);
		if (tree >= 0)
			close(tree);
	}
	close(target);
	return r;
}

int op_readonly_path(struct interpreter *in, const struct op *op)
{
	int target = root_open(slot_get(in, op, 0), op_str(op, 1), O_PATH);

	if (target < 0)
		return target == -ENOENT || target == -ENOTDIR ? 0 : target;
	int tree = clone_tree(target, AT_RECURSIVE);
	int r = tree < 0 ? tree : set_attributes(tree, AT_RECURSIVE, MOUNT_ATTR_RDONLY, 0, 0);
	if (r == 0)
		r = attach(tree, target);
	if (tree >= 0)
		close(tree);
	close(target);
	return r;
}

static int is_procfs(int fd, bool *answer)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return -errno;
	*answer = fs.f_type == PROC_SUPER_MAGIC;
	return 0;
}

int op_require_procfs(struct interpreter *in, const struct op *op)
{
	struct stat st;
	bool procfs = false;
	int fd = slot_get(in, op, 0), r = is_procfs(fd, &procfs);

	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	return r < 0 ? r : procfs && st.st_ino == PROC_ROOT_INODE ? 0 : -EPERM;
}

int op_refuse_procfs(struct interpreter *in, const struct op *op)
{
	bool procfs = false;
	int r = is_procfs(slot_get(in, op, 0), &procfs);

	return r < 0 ? r : procfs ? -EPERM : 0;
}

int op_remount_in(struct interpreter *in, const struct op *op)
{
	char link[32];
	int fd = root_open(slot_get(in, op, 0), op_str(op, 1), O_PATH);

	if (fd < 0)
		return fd;
	/* mount(2) takes no descriptor; its magic link is ours, not the image's. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	int r = result(syscall(SYS_mount, NULL, link, NULL, op->w[2], op_str(op, 3)));
	close(fd);
	return r;
}

int op_pivot_root(struct interpreter *in, const struct op *op)
{
	(void)in;
	return result(syscall(SYS_pivot_root, op_str(op, 0), op_str(op, 1)));
}
