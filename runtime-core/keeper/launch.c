/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "keeper.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct launch {
	struct source sync; /* our end of the socket to the child; its end means: exec done, or dead */
	struct process *process;
	struct conn *conn;
	uint32_t id;
	uint8_t *bytes;
	size_t bytes_size;
	struct plan plan;
	struct report *report;
	size_t report_size;
	struct interpreter in;
	int child_ends[3];
	int error; /* of the keeper's own part; the child's is in the report */
	uint32_t error_op;
};

static uint32_t op_count(const struct launch *l) { return l->plan.n_prepare + l->plan.n_parent + l->plan.n_child; }

static bool is_pod_slot(int slot) { return slot >= SLOT_POD_NET && slot <= SLOT_POD_MOUNT; }

/* ---- answer and clean-up ------------------------------------------------------------------------------------ */

static void answer(const struct launch *l, int error, uint32_t op)
{
	uint32_t head[4] = { (uint32_t)error, op, (uint32_t)l->process->pid, l->report == NULL ? 0 : op_count(l) };
	uint8_t payload[24];

	if (l->conn == NULL)
		return;
	memcpy(payload, head, sizeof(head));
	memcpy(payload + 16, &l->process->started_ns, 8);
	conn_send_two(l->conn, REP_LAUNCHED, 0, l->id, payload, sizeof(payload), l->report == NULL ? NULL : l->report->ns, head[3] * 4u);
}

static void close_slots(struct launch *l)
{
	for (int i = 0; i < SLOT_COUNT; i++) {
		if (l->in.slots[i] >= 0 && !is_pod_slot(i))
			close(l->in.slots[i]);
		l->in.slots[i] = -1;
	}
}

static void launch_free(struct launch *l)
{
	close_slots(l);
	close_source(&l->sync);
	if (l->report != NULL)
		munmap(l->report, l->report_size);
	if (l->bytes != NULL)
		munmap(l->bytes, l->bytes_size);
	free(l);
}

void launch_conn_gone(const struct conn *c)
{
	for (struct process *p = processes; p != NULL; p = p->next)
		if (p->launch != NULL && p->launch->conn == c)
			p->launch->conn = NULL;
}

static void fail(struct launch *l, int error, uint32_t op)
{
	struct process *p = l->process;

	answer(l, error, op);
	p->launch = NULL;
	launch_free(l);
	if (p->pid > 0 && !p->exited) {
		/* It is on its way out, or stuck in the kernel: it must not outlive its failed start. */
		kill(p->pid, SIGKILL);
		p->id[0] = '\0'; /* Nobody may have to wait for its end before the id is forgotten or used again. */
		p->kind = KIND_SANDBOX;
		p->state = STATE_RUNNING;
		return;
	}
	p->forgotten = true;
}

/* ---- the child ---------------------------------------------------------------------------------------------- */

/*
 * Closes all that is the keeper's and that no slot names: connections, other processes' pipes, this socket's other end.
 * A start that hangs must not keep them open, and a working directory must not be found among them.
 */
static void keep_only(const int *slots, int sync_fd)
{
	int kept[SLOT_COUNT + 1] = { sync_fd };
	int count = 1, next = 3;

	for (int i = 0; i < SLOT_COUNT; i++) {
		if (slots[i] < 3)
			continue;
		int at = count++;
		for (; at > 0 && kept[at - 1] > slots[i]; at--)
			kept[at] = kept[at - 1];
		kept[at] = slots[i];
	}
	for (int i = 0; i < count; i++) {
		if (kept[i] > next)
			syscall(SYS_close_range, (unsigned int)next, (unsigned int)kept[i] - 1, 0u);
		next = kept[i] + 1;
	}
	syscall(SYS_close_range, (unsigned int)next, ~0u, 0u);
}

static _Noreturn void child(struct launch *l, int sync_fd)
{
	uint32_t base = l->plan.n_prepare + l->plan.n_parent;

	/* Until its program runs, who is already inside the container shall not look into this process (CVE-2016-9962). */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (l->in.slots[SLOT_CGROUP] >= 0) /* it was for clone3 */
		close(l->in.slots[SLOT_CGROUP]);
	l->in.slots[SLOT_CGROUP] = -1;
	keep_only(l->in.slots, sync_fd);
	umask(022); /* The keeper's own is narrower, for its own files; a bundle that wants another says so. */
	l->in.sync_fd = sync_fd;
	if (keeper_is_gone(&l->in))
		_exit(127);
	int r = interpret(&l->in, l->plan.ops + base, l->plan.n_child, base);
	if (r < 0) {
		l->report->error = -r;
		l->report->state = REPORT_FAILED;
		_exit(127);
	}
	l->report->state = REPORT_DONE;
	_exit(0);
}

/* ---- the keeper's side -------------------------------------------------------------------------------------- */

static void finish(struct launch *l)
{
	struct process *p = l->process;
	uint32_t state = l->report->state;

	if (l->error != 0)
		fail(l, l->error, l->error_op);
	else if (state == REPORT_FAILED)
		fail(l, l->report->error, l->report->op);
	else if (state == REPORT_RUNNING) /* killed in the middle of an operation: the one it hung in, as a rule */
		fail(l, EINTR, l->report->op);
	else {
		p->state = STATE_RUNNING;
		answer(l, 0, 0);
		p->launch = NULL;
		launch_free(l);
		if (p->exited)
			process_ended(p);
	}
}

static void take_fd(struct launch *l, int tag, int fd)
{
	int *place = tag == SLOT_PTY ? &l->process->pty : is_pod_slot(tag) ? &keeper.pod_slots[tag] : NULL;

	if (place == NULL) {
		close(fd);
		return;
	}
	if (*place >= 0)
		close(*place);
	*place = fd;
	if (tag == SLOT_PTY) {
		int input = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (input >= 0)
			input_open(&l->process->in, input, l->process);
		fcntl(fd, F_SETFL, O_NONBLOCK | O_RDWR);
		stream_open(&l->process->out[0], fcntl(fd, F_DUPFD_CLOEXEC, 3), l->process, 1);
	}
}

/* The child waits: its user namespace exists, now its id maps are written from outside. */
static void run_parent_section(struct launch *l)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)l->process->pid);
	l->in.slots[SLOT_CHILD] = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	uint32_t child_op = l->report->op;
	int r = interpret(&l->in, l->plan.ops + l->plan.n_prepare, l->plan.n_parent, l->plan.n_prepare);
	if (r < 0) {
		l->error = -r;
		l->error_op = l->report->op;
		shutdown(l->sync.fd, SHUT_RDWR);
		return;
	}
	l->report->op = child_op;
	char byte = 0;
	if (send(l->sync.fd, &byte, 1, MSG_NOSIGNAL) < 0)
		l->error = errno;
}

static void on_sync(struct source *s, uint32_t events)
{
	struct launch *l = s->owner;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char tag;
	struct iovec body = { .iov_base = &tag, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &body, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space) };

	(void)events;
	ssize_t n = recvmsg(s->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		finish(l);
		return;
	}
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	if (c == NULL) {
		run_parent_section(l);
		return;
	}
	int fd;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	take_fd(l, tag, fd);
}

static int make_pipe(struct launch *l, int number)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	int ours = number == 0 ? ends[1] : ends[0], theirs = number == 0 ? ends[0] : ends[1];
	fcntl(ours, F_SETFL, O_NONBLOCK);
	l->in.slots[number] = theirs;
	if (number == 0)
		input_open(&l->process->in, ours, l->process);
	else
		return stream_open(&l->process->out[number - 1], ours, l->process, (uint8_t)number);
	return 0;
}

static int open_io(struct launch *l, const struct launch_request *r)
{
	int error = 0;

	if ((r->io & IO_TERMINAL) == 0) {
		if ((r->io & IO_STDIN) != 0)
			error = make_pipe(l, 0);
		if (error == 0 && (r->io & IO_STDOUT) != 0)
			error = make_pipe(l, 1);
		if (error == 0 && (r->io & IO_STDERR) != 0)
			error = make_pipe(l, 2);
	}
	if (error == 0 && r->log_path[0] != '\0') {
		l->process->log_fd = log_open(r->log_path);
		error = l->process->log_fd < 0 ? l->process->log_fd : 0;
	}
	return error;
}

static int clone_child(struct launch *l, int sync_fd)
{
	struct clone_args args = {
		.flags = l->plan.clone_flags | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&l->process->pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = (l->plan.clone_flags & CLONE_INTO_CGROUP) != 0 ? (uint64_t)l->in.slots[SLOT_CGROUP] : 0,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0)
		child(l, sync_fd);
	return pid < 0 ? -errno : (int)pid;
}

static int copy_plan(struct launch *l, const struct launch_request *r)
{
	l->bytes_size = r->plan_size;
	void *bytes = mmap(NULL, r->plan_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bytes == MAP_FAILED)
		return -errno;
	l->bytes = bytes;
	memcpy(l->bytes, r->plan, r->plan_size);
	int error = plan_decode(l->bytes, r->plan_size, &l->plan);
	if (error < 0)
		return error;
	l->report_size = sizeof(*l->report) + op_count(l) * 4u;
	void *report = mmap(NULL, l->report_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (report == MAP_FAILED)
		return -errno;
	l->report = l->in.report = report;
	return 0;
}

static void fill_slots(struct launch *l, const struct process *target)
{
	for (int i = 0; i < SLOT_COUNT; i++)
		l->in.slots[i] = is_pod_slot(i) ? keeper.pod_slots[i] : -1;
	if (target != NULL)
		l->in.slots[SLOT_TARGET] = fcntl(target->pidfd, F_DUPFD_CLOEXEC, 3);
}

static struct process *describe(const struct launch_request *r)
{
	struct process *p = process_new();

	if (p == NULL)
		return NULL;
	strncpy(p->id, r->id, MAX_ID);
	p->kind = r->kind;
	p->io = r->io;
	p->drain_ms = r->drain_ms;
	p->max_line = r->max_line == 0 || r->max_line > 65536 ? 16384 : r->max_line;
	p->log_path = strdup(r->log_path);
	p->oom_path = r->oom_path[0] == '\0' ? NULL : strdup(r->oom_path);
	p->kill_path = r->kill_path[0] == '\0' ? NULL : strdup(r->kill_path);
	p->procs_path = r->procs_path[0] == '\0' ? NULL : strdup(r->procs_path);
	return p;
}

/* Runs the keeper's part and clones. Sets l->error and l->error_op on failure. */
static int begin(struct launch *l, const struct launch_request *r, const struct process *target)
{
	int sockets[2];

	fill_slots(l, target);
	int error = copy_plan(l, r);
	if (error == 0) {
		l->report->op = FAILED_IO;
		error = open_io(l, r);
	}
	if (error == 0)
		error = interpret(&l->in, l->plan.ops, l->plan.n_prepare, 0);
	if (error == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) {
		l->report->op = FAILED_NOWHERE;
		error = -errno;
	}
	if (error == 0) {
		l->report->op = l->plan.n_prepare + l->plan.n_parent;
		l->process->started_ns = realtime_ns();
		int pid = clone_child(l, sockets[1]);
		if (pid < 0)
			l->report->op = FAILED_CLONE;
		close(sockets[1]);
		l->sync = (struct source){ .ready = on_sync, .owner = l, .fd = sockets[0] };
		error = pid < 0 ? pid : 0;
		l->process->pid = pid < 0 ? 0 : pid;
	}
	/* A setns of the prepare section was meant for this one child. */
	if (l->plan.n_prepare > 0 && keeper.own_pid_ns >= 0)
		setns(keeper.own_pid_ns, CLONE_NEWPID);
	close_slots(l);
	return error == 0 ? watch(&l->sync, EPOLLIN) : error;
}

void launch(struct conn *c, uint32_t id, const struct launch_request *r)
{
	struct process *target = r->target[0] == '\0' ? NULL : process_find(r->target);
	struct launch *l = calloc(1, sizeof(*l));
	struct process *p = l == NULL ? NULL : describe(r);

	if (p == NULL) {
		free(l);
		conn_status(c, id, ENOMEM);
		return;
	}
	p->launch = l;
	l->process = p;
	l->conn = c;
	l->id = id;
	l->sync.fd = -1;
	/* While it is being started its root is half-made: there is nothing to join yet. */
	if (r->target[0] != '\0' && (target == NULL || target->exited || target->launch != NULL || target->pidfd < 0)) {
		fill_slots(l, NULL);
		fail(l, ESRCH, FAILED_NOWHERE);
		return;
	}
	int error = begin(l, r, target);
	if (error < 0) {
		fail(l, -error, l->report == NULL ? FAILED_NOWHERE : l->report->op);
		return;
	}
	if ((r->io & IO_STREAM) != 0)
		p->attached[0] = (struct attachment){ c, id, r->io };
}
