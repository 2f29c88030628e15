/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from runtime-core/plan/ops.ts by keeper/generate.ts; do not edit. */
#ifndef GANTRY_OPS_GEN_H
#define GANTRY_OPS_GEN_H

#define PLAN_MAGIC 0x4e4c5047u
#define PLAN_VERSION 1u
#define PLAN_HEADER_BYTES 48u
#define PLAN_OP_BYTES 56u
#define PLAN_WORDS 6u
#define PLAN_MAX_BYTES 1048576u
#define PLAN_MAX_OPS 2048u
#define SLOT_COUNT 48
#define SLOT_STDIN 0
#define SLOT_STDOUT 1
#define SLOT_STDERR 2
#define SLOT_CHILD 3
#define SLOT_POD_NET 4
#define SLOT_POD_IPC 5
#define SLOT_POD_UTS 6
#define SLOT_POD_USER 7
#define SLOT_POD_PID 8
#define SLOT_POD_MOUNT 9
#define SLOT_TARGET 10
#define SLOT_CGROUP 11
#define SLOT_PTY 12
#define SLOT_CHILD_PIDFD 13
#define SLOT_START_GATE 14
#define SLOT_START_ANSWER 15
#define SLOT_FREE 16

enum op_code {
	OP_OPEN = 1,
	OP_OPEN_IN = 2,
	OP_CLOSE = 3,
	OP_DUP_TO = 4,
	OP_CLOSE_FROM = 5,
	OP_SETNS = 6,
	OP_UNSHARE = 7,
	OP_MOUNT = 8,
	OP_UMOUNT = 9,
	OP_FSOPEN = 10,
	OP_FSCONFIG_STRING = 11,
	OP_FSCONFIG_FLAG = 12,
	OP_FSMOUNT = 13,
	OP_OPEN_TREE = 14,
	OP_MOUNT_SETATTR = 15,
	OP_MOVE_MOUNT = 16,
	OP_MAKE_TARGET = 17,
	OP_MKDIR_HOST = 18,
	OP_MKDIR_IN = 19,
	OP_MKNOD_IN = 20,
	OP_SYMLINK_IN = 21,
	OP_WRITE_FILE = 22,
	OP_COPY_FILE = 23,
	OP_MASK_PATH = 24,
	OP_READONLY_PATH = 25,
	OP_CHDIR = 26,
	OP_FCHDIR = 27,
	OP_PIVOT_ROOT = 28,
	OP_SET_HOSTNAME = 29,
	OP_SET_DOMAINNAME = 30,
	OP_SET_RLIMIT = 31,
	OP_PRCTL = 32,
	OP_DROP_BOUNDING = 33,
	OP_CAPSET = 34,
	OP_RAISE_AMBIENT = 35,
	OP_SET_GROUPS = 36,
	OP_SET_GID = 37,
	OP_SET_UID = 38,
	OP_UMASK = 39,
	OP_SECCOMP = 40,
	OP_SETSID = 41,
	OP_SET_TERMINAL = 42,
	OP_OPEN_PTY = 43,
	OP_SEND_FD = 44,
	OP_SYNC_PARENT = 45,
	OP_LOOPBACK_UP = 46,
	OP_RESET_SIGNALS = 47,
	OP_ATTACH_DEVICE_PROGRAM = 48,
	OP_REQUIRE_DIRECTORY = 49,
	OP_EXECVE = 50,
	OP_POD_INIT = 51,
	OP_MKFIFO_WAIT = 52,
	OP_CHOWN_SLOT = 53,
	OP_COPY_TREE_IN = 54,
	OP_CHMOD_IN = 55,
	OP_IDMAP_MOUNT = 57,
	OP_CHROOT = 59,
	OP_RELAY_TCP = 58,
	OP_MAKE_USER_NAMESPACE = 100,
	OP_OPEN_PLAIN_IN = 101,
	OP_REQUIRE_PROCFS = 102,
	OP_REFUSE_PROCFS = 103,
	OP_REMOUNT_IN = 104,
	OP_SCHED_SETATTR = 105,
	OP_SCHED_SETAFFINITY = 106,
	OP_IOPRIO_SET = 107,
	OP_SET_MEMPOLICY = 108,
	OP_SECCOMP_COURIER = 112,
	OP_SECCOMP_NOTIFY = 113,
	OP_OPEN_NETLINK = 114,
	OP_MOVE_NETDEV = 115,
	OP_REFUSE_SAME = 111,
	OP_WRITE_FIRST = 110,
	OP_PERSONALITY = 109,
	OP_OPEN_PROCESS = 80,
	OP_MAKE_NAMESPACES = 81,
	OP_RESUME_CHILD = 82,
	OP_LEAVE_CHILD = 83,
	OP_AWAIT_EXEC = 84,
	OP_AWAIT_EXIT = 85,
	OP_HAND_ON_SYNC = 120,
	OP_AWAIT_RESTORE = 121,
	OP_WRITE_PID_FILE = 86,
	OP_RECORD_PROCESS = 87,
	OP_SEND_TO_SOCKET = 88,
	OP_RUN_HOOK = 89,
	OP_CLOSE_OTHERS = 90,
	OP_AWAIT_START = 91,
	OP_OWN_STDIO = 92,
	OP_REQUIRE_PROGRAM = 93,
	OP_UNLINK_HOST = 94,
	OP_RMDIR_HOST = 95,
	OP_END_HOLDER = 130,
	OP_JOIN_KEYRING = 97,
	OP_MAKE_FIFO = 96,
	OP_LIMIT = 131
};

/* Operand kinds by code: s string, S string or none, u number, f slot, F slot or none, d data, v strings. */
#define OPERAND_KINDS \
	[OP_OPEN] = "fsuu", \
	[OP_OPEN_IN] = "ffsu", \
	[OP_CLOSE] = "f", \
	[OP_DUP_TO] = "fu", \
	[OP_CLOSE_FROM] = "u", \
	[OP_SETNS] = "fu", \
	[OP_UNSHARE] = "u", \
	[OP_MOUNT] = "SsSuS", \
	[OP_UMOUNT] = "su", \
	[OP_FSOPEN] = "fs", \
	[OP_FSCONFIG_STRING] = "fss", \
	[OP_FSCONFIG_FLAG] = "fs", \
	[OP_FSMOUNT] = "ffu", \
	[OP_OPEN_TREE] = "fFsu", \
	[OP_MOUNT_SETATTR] = "fuuuu", \
	[OP_MOVE_MOUNT] = "ff", \
	[OP_MAKE_TARGET] = "ffsFuu", \
	[OP_MKDIR_HOST] = "su", \
	[OP_MKDIR_IN] = "fsuuu", \
	[OP_MKNOD_IN] = "fsuuuu", \
	[OP_SYMLINK_IN] = "fss", \
	[OP_WRITE_FILE] = "Fsd", \
	[OP_COPY_FILE] = "ss", \
	[OP_MASK_PATH] = "fsff", \
	[OP_READONLY_PATH] = "fs", \
	[OP_CHDIR] = "s", \
	[OP_FCHDIR] = "f", \
	[OP_PIVOT_ROOT] = "ss", \
	[OP_SET_HOSTNAME] = "s", \
	[OP_SET_DOMAINNAME] = "s", \
	[OP_SET_RLIMIT] = "uuu", \
	[OP_PRCTL] = "uuuuu", \
	[OP_DROP_BOUNDING] = "u", \
	[OP_CAPSET] = "uuu", \
	[OP_RAISE_AMBIENT] = "u", \
	[OP_SET_GROUPS] = "d", \
	[OP_SET_GID] = "u", \
	[OP_SET_UID] = "u", \
	[OP_UMASK] = "u", \
	[OP_SECCOMP] = "du", \
	[OP_SETSID] = "", \
	[OP_SET_TERMINAL] = "u", \
	[OP_OPEN_PTY] = "ffsuu", \
	[OP_SEND_FD] = "fu", \
	[OP_SYNC_PARENT] = "", \
	[OP_LOOPBACK_UP] = "", \
	[OP_RESET_SIGNALS] = "", \
	[OP_ATTACH_DEVICE_PROGRAM] = "fd", \
	[OP_REQUIRE_DIRECTORY] = "s", \
	[OP_EXECVE] = "vvv", \
	[OP_POD_INIT] = "", \
	[OP_MKFIFO_WAIT] = "s", \
	[OP_CHOWN_SLOT] = "fuu", \
	[OP_COPY_TREE_IN] = "fsf", \
	[OP_CHMOD_IN] = "fsu", \
	[OP_IDMAP_MOUNT] = "ffu", \
	[OP_CHROOT] = "s", \
	[OP_RELAY_TCP] = "u", \
	[OP_MAKE_USER_NAMESPACE] = "fdd", \
	[OP_OPEN_PLAIN_IN] = "ffsu", \
	[OP_REQUIRE_PROCFS] = "f", \
	[OP_REFUSE_PROCFS] = "f", \
	[OP_REMOUNT_IN] = "fsuS", \
	[OP_SCHED_SETATTR] = "d", \
	[OP_SCHED_SETAFFINITY] = "d", \
	[OP_IOPRIO_SET] = "u", \
	[OP_SET_MEMPOLICY] = "ud", \
	[OP_SECCOMP_COURIER] = "fsd", \
	[OP_SECCOMP_NOTIFY] = "du", \
	[OP_OPEN_NETLINK] = "f", \
	[OP_MOVE_NETDEV] = "fss", \
	[OP_REFUSE_SAME] = "fs", \
	[OP_WRITE_FIRST] = "sdsd", \
	[OP_PERSONALITY] = "u", \
	[OP_OPEN_PROCESS] = "fuu", \
	[OP_MAKE_NAMESPACES] = "udd", \
	[OP_RESUME_CHILD] = "", \
	[OP_LEAVE_CHILD] = "", \
	[OP_AWAIT_EXEC] = "", \
	[OP_AWAIT_EXIT] = "", \
	[OP_HAND_ON_SYNC] = "u", \
	[OP_AWAIT_RESTORE] = "ffd", \
	[OP_WRITE_PID_FILE] = "s", \
	[OP_RECORD_PROCESS] = "s", \
	[OP_SEND_TO_SOCKET] = "fss", \
	[OP_RUN_HOOK] = "svvud", \
	[OP_CLOSE_OTHERS] = "uFF", \
	[OP_AWAIT_START] = "ff", \
	[OP_OWN_STDIO] = "uu", \
	[OP_REQUIRE_PROGRAM] = "v", \
	[OP_UNLINK_HOST] = "s", \
	[OP_RMDIR_HOST] = "s", \
	[OP_END_HOLDER] = "u", \
	[OP_JOIN_KEYRING] = "s", \
	[OP_MAKE_FIFO] = "su", \

#endif
