/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANTRY_INTERPRET_H
#define GANTRY_INTERPRET_H
#include <stdbool.h>
#include <sys/types.h>
#include "plan.h"

enum report_state { REPORT_RUNNING, REPORT_EXEC, REPORT_FAILED, REPORT_DONE };

/* Shared by keeper and child: where the child is, what went wrong, how long each operation took. */
struct report {
	uint32_t state;
	uint32_t op;
	int32_t error; /* positive errno */
	int32_t parent_error; /* of the parent section, where a fork of the keeper ran it */
	uint32_t parent_op;
	int32_t pid;   /* the child's, as the parent sees it; 0 until it is known */
	char text[512]; /* what a failed hook said; empty: errno says it all */
	uint32_t notify, notify_result; /* how the listener of a filter goes from the child to its courier: interpret_notify.c */
	uint32_t ns[]; /* one per operation of the plan */
};

struct interpreter {
	int slots[SLOT_COUNT];
	int sync_fd;   /* child's end of the socket to the keeper; -1 in the keeper */
	int answer_fd; /* child: who started it reads here (await_start); else -1 */
	bool is_child;
	struct report *report;
};

typedef int (*op_function)(struct interpreter *, const struct op *);

/*
 * Runs `count` operations; `base` is the index of the first in the whole plan. Allocates nothing.
 * Returns 0 or the negative errno of the operation that report->op names.
 */
int interpret(struct interpreter *in, const struct op *ops, uint32_t count, uint32_t base);

/* True when the keeper died: PDEATHSIG tells only of deaths after it was set. */
bool keeper_is_gone(const struct interpreter *in);

/* Slot access: the descriptor, AT_FDCWD for an absent one; storing closes what was there. */
int slot_get(const struct interpreter *in, const struct op *op, int word);
int slot_put(struct interpreter *in, const struct op *op, int word, int fd);

#define DECLARE_OP(name) int op_##name(struct interpreter *in, const struct op *op)
DECLARE_OP(open); DECLARE_OP(open_in); DECLARE_OP(close); DECLARE_OP(dup_to); DECLARE_OP(close_from);
DECLARE_OP(setns); DECLARE_OP(unshare); DECLARE_OP(mount); DECLARE_OP(umount); DECLARE_OP(fsopen);
DECLARE_OP(fsconfig_string); DECLARE_OP(fsconfig_flag); DECLARE_OP(fsmount); DECLARE_OP(open_tree);
DECLARE_OP(mount_setattr); DECLARE_OP(move_mount); DECLARE_OP(make_target); DECLARE_OP(mkdir_host);
DECLARE_OP(mkdir_in); DECLARE_OP(mknod_in); DECLARE_OP(symlink_in); DECLARE_OP(write_file);
DECLARE_OP(copy_file); DECLARE_OP(mask_path); DECLARE_OP(readonly_path); DECLARE_OP(chdir); DECLARE_OP(fchdir);
DECLARE_OP(pivot_root); DECLARE_OP(set_hostname); DECLARE_OP(set_domainname); DECLARE_OP(set_rlimit);
DECLARE_OP(prctl); DECLARE_OP(drop_bounding); DECLARE_OP(capset); DECLARE_OP(raise_ambient);
DECLARE_OP(set_groups); DECLARE_OP(set_gid); DECLARE_OP(set_uid); DECLARE_OP(umask); DECLARE_OP(seccomp);
DECLARE_OP(setsid); DECLARE_OP(set_terminal); DECLARE_OP(open_pty); DECLARE_OP(send_fd);
DECLARE_OP(sync_parent); DECLARE_OP(loopback_up); DECLARE_OP(reset_signals);
DECLARE_OP(attach_device_program); DECLARE_OP(require_directory); DECLARE_OP(execve); DECLARE_OP(pod_init);
DECLARE_OP(mkfifo_wait); DECLARE_OP(chown_slot); DECLARE_OP(copy_tree_in); DECLARE_OP(chmod_in);
DECLARE_OP(idmap_mount); DECLARE_OP(chroot);
DECLARE_OP(relay_tcp);
DECLARE_OP(make_user_namespace); DECLARE_OP(open_plain_in); DECLARE_OP(require_procfs); DECLARE_OP(refuse_procfs);
DECLARE_OP(remount_in); DECLARE_OP(sched_setattr); DECLARE_OP(sched_setaffinity); DECLARE_OP(ioprio_set);
DECLARE_OP(set_mempolicy); DECLARE_OP(personality); DECLARE_OP(write_first); DECLARE_OP(refuse_same);
DECLARE_OP(open_process); DECLARE_OP(make_namespaces); DECLARE_OP(resume_child); DECLARE_OP(leave_child);
DECLARE_OP(await_exec); DECLARE_OP(await_exit); DECLARE_OP(hand_on_sync); DECLARE_OP(await_restore); DECLARE_OP(write_pid_file);
DECLARE_OP(record_process); DECLARE_OP(send_to_socket); DECLARE_OP(run_hook); DECLARE_OP(close_others);
DECLARE_OP(await_start); DECLARE_OP(own_stdio); DECLARE_OP(require_program); DECLARE_OP(unlink_host);
DECLARE_OP(seccomp_notify); DECLARE_OP(seccomp_courier); DECLARE_OP(open_netlink); DECLARE_OP(move_netdev);
DECLARE_OP(rmdir_host); DECLARE_OP(make_fifo); DECLARE_OP(join_keyring); DECLARE_OP(end_holder);

/* Start time of a process in clock ticks (proc_pid_stat(5), field 22), by which a pid is told from a later one; 0: gone. */
uint64_t process_started(pid_t pid);

/* Paths below a root that an image or a pod controls; all by openat2(RESOLVE_IN_ROOT). Return an fd or -errno. */
int root_open(int root, const char *path, uint64_t flags);
int root_make(int root, const char *path, int directory, uint32_t mode, int64_t uid, int64_t gid);
int root_parent(int root, const char *path, const char **name, char *storage, size_t size);

#endif
