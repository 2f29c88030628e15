/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "interpret.h"
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#define ROW(code, name) [code] = op_##name
static const op_function functions[OP_LIMIT] = {
	ROW(OP_OPEN, open), ROW(OP_OPEN_IN, open_in), ROW(OP_CLOSE, close), ROW(OP_DUP_TO, dup_to),
	ROW(OP_CLOSE_FROM, close_from), ROW(OP_SETNS, setns), ROW(OP_UNSHARE, unshare), ROW(OP_MOUNT, mount),
	ROW(OP_UMOUNT, umount), ROW(OP_FSOPEN, fsopen), ROW(OP_FSCONFIG_STRING, fsconfig_string),
	ROW(OP_FSCONFIG_FLAG, fsconfig_flag), ROW(OP_FSMOUNT, fsmount), ROW(OP_OPEN_TREE, open_tree),
	ROW(OP_MOUNT_SETATTR, mount_setattr), ROW(OP_MOVE_MOUNT, move_mount), ROW(OP_MAKE_TARGET, make_target),
	ROW(OP_MKDIR_HOST, mkdir_host), ROW(OP_MKDIR_IN, mkdir_in), ROW(OP_MKNOD_IN, mknod_in),
	ROW(OP_SYMLINK_IN, symlink_in), ROW(OP_WRITE_FILE, write_file), ROW(OP_COPY_FILE, copy_file),
	ROW(OP_MASK_PATH, mask_path), ROW(OP_READONLY_PATH, readonly_path), ROW(OP_CHDIR, chdir),
	ROW(OP_FCHDIR, fchdir), ROW(OP_PIVOT_ROOT, pivot_root), ROW(OP_SET_HOSTNAME, set_hostname),
	ROW(OP_SET_DOMAINNAME, set_domainname), ROW(OP_SET_RLIMIT, set_rlimit), ROW(OP_PRCTL, prctl),
	ROW(OP_DROP_BOUNDING, drop_bounding), ROW(OP_CAPSET, capset), ROW(OP_RAISE_AMBIENT, raise_ambient),
	ROW(OP_SET_GROUPS, set_groups), ROW(OP_SET_GID, set_gid), ROW(OP_SET_UID, set_uid), ROW(OP_UMASK, umask),
	ROW(OP_SECCOMP, seccomp), ROW(OP_SETSID, setsid), ROW(OP_SET_TERMINAL, set_terminal),
	ROW(OP_OPEN_PTY, open_pty), ROW(OP_SEND_FD, send_fd), ROW(OP_SYNC_PARENT, sync_parent),
	ROW(OP_LOOPBACK_UP, loopback_up), ROW(OP_RESET_SIGNALS, reset_signals),
	ROW(OP_ATTACH_DEVICE_PROGRAM, attach_device_program), ROW(OP_REQUIRE_DIRECTORY, require_directory),
	ROW(OP_EXECVE, execve), ROW(OP_POD_INIT, pod_init), ROW(OP_MKFIFO_WAIT, mkfifo_wait),
	ROW(OP_CHOWN_SLOT, chown_slot), ROW(OP_COPY_TREE_IN, copy_tree_in), ROW(OP_CHMOD_IN, chmod_in),
	ROW(OP_IDMAP_MOUNT, idmap_mount), ROW(OP_CHROOT, chroot),
	ROW(OP_RELAY_TCP, relay_tcp),
	ROW(OP_MAKE_USER_NAMESPACE, make_user_namespace), ROW(OP_OPEN_PLAIN_IN, open_plain_in),
	ROW(OP_REQUIRE_PROCFS, require_procfs), ROW(OP_REFUSE_PROCFS, refuse_procfs), ROW(OP_REMOUNT_IN, remount_in),
	ROW(OP_SCHED_SETATTR, sched_setattr), ROW(OP_SCHED_SETAFFINITY, sched_setaffinity), ROW(OP_IOPRIO_SET, ioprio_set),
	ROW(OP_SET_MEMPOLICY, set_mempolicy), ROW(OP_PERSONALITY, personality),
	ROW(OP_WRITE_FIRST, write_first), ROW(OP_REFUSE_SAME, refuse_same),
	ROW(OP_OPEN_PROCESS, open_process), ROW(OP_MAKE_NAMESPACES, make_namespaces),
	ROW(OP_RESUME_CHILD, resume_child), ROW(OP_LEAVE_CHILD, leave_child), ROW(OP_AWAIT_EXEC, await_exec),
	ROW(OP_AWAIT_EXIT, await_exit), ROW(OP_HAND_ON_SYNC, hand_on_sync), ROW(OP_AWAIT_RESTORE, await_restore),
	ROW(OP_WRITE_PID_FILE, write_pid_file), ROW(OP_RECORD_PROCESS, record_process),
	ROW(OP_SEND_TO_SOCKET, send_to_socket), ROW(OP_RUN_HOOK, run_hook), ROW(OP_CLOSE_OTHERS, close_others),
	ROW(OP_AWAIT_START, await_start), ROW(OP_OWN_STDIO, own_stdio), ROW(OP_REQUIRE_PROGRAM, require_program),
	ROW(OP_UNLINK_HOST, unlink_host), ROW(OP_RMDIR_HOST, rmdir_host), ROW(OP_MAKE_FIFO, make_fifo), ROW(OP_END_HOLDER, end_holder),
	ROW(OP_JOIN_KEYRING, join_keyring),
	ROW(OP_OPEN_NETLINK, open_netlink), ROW(OP_MOVE_NETDEV, move_netdev),
	ROW(OP_SECCOMP_NOTIFY, seccomp_notify), ROW(OP_SECCOMP_COURIER, seccomp_courier),
};

static uint64_t now_ns(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int interpret(struct interpreter *in, const struct op *ops, uint32_t count, uint32_t base)
{
	uint64_t before = now_ns();

	for (uint32_t i = 0; i < count; i++) {
		const struct op *op = &ops[i];
		in->report->op = base + i;
		int r = functions[op->code](in, op);
		if (r < 0 && -r != op->tolerate[0] && -r != op->tolerate[1])
			return r;
		uint64_t after = now_ns();
		in->report->ns[base + i] = after - before < UINT32_MAX ? (uint32_t)(after - before) : UINT32_MAX;
		before = after;
	}
	return 0;
}

int slot_get(const struct interpreter *in, const struct op *op, int word)
{
	int slot = op_slot(op, word);

	return slot < 0 ? AT_FDCWD : in->slots[slot];
}

int slot_put(struct interpreter *in, const struct op *op, int word, int fd)
{
	if (fd < 0)
		return -errno;
	int *slot = &in->slots[op_slot(op, word)];
	if (*slot >= 0 && *slot != fd)
		close(*slot);
	*slot = fd;
	return 0;
}
