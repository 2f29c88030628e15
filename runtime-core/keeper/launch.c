/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "keeper.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
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
	struct birth birth;
	int error; /* of the keeper's own part; the child's is in the report */
	uint32_t error_op;
	pid_t criu; /* the child is CRIU, and restores the one that takes its place; else 0 */
};

static bool is_pod_slot(int slot) { return slot >= SLOT_POD_NET && slot <= SLOT_POD_MOUNT; }

/* ---- answer and clean-up ------------------------------------------------------------------------------------ */

static void answer(const struct launch *l, int error, uint32_t op)
{
	uint32_t head[4] = { (uint32_t)error, op, (uint32_t)l->process->pid, l->birth.report == NULL ? 0 : birth_op_count(&l->birth) };
	uint8_t payload[24];

	if (l->conn == NULL)
		return;
	memcpy(payload, head, sizeof(head));
	memcpy(payload + 16, &l->process->started_ns, 8);
	conn_send_two(l->conn, REP_LAUNCHED, 0, l->id, payload, sizeof(payload), l->birth.report == NULL ? NULL : l->birth.report->ns, head[3] * 4u);
}

static void close_slots(struct launch *l)
{
	for (int i = 0; i < SLOT_COUNT; i++) {
		if (l->birth.in.slots[i] >= 0 && !is_pod_slot(i))
			close(l->birth.in.slots[i]);
		l->birth.in.slots[i] = -1;
	}
}

static void launch_free(struct launch *l)
{
	close_slots(l);
	close_source(&l->sync);
	birth_end(&l->birth);
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
	if (l->criu > 0 && l->criu != p->pid)
		kill(l->criu, SIGKILL);
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

/* ---- the keeper's side -------------------------------------------------------------------------------------- */

static void finish(struct launch *l)
{
	struct process *p = l->process;
	uint32_t state = l->birth.report->state;

	if (l->error != 0)
		fail(l, l->error, l->error_op);
	else if (l->birth.report->parent_error != 0)
		fail(l, l->birth.report->parent_error, l->birth.report->parent_op);
	else if (state == REPORT_FAILED)
		fail(l, l->birth.report->error, l->birth.report->op);
	else if (state == REPORT_RUNNING) /* killed in the middle of an operation: the one it hung in, as a rule */
		fail(l, EINTR, l->birth.report->op);
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

/*
 * Hooks take their time, and the keeper has a pod to mind: a fork of it runs this span, and tells the child itself to go
 * on. What fails is in the report, and the child's end says so.
 */
static void run_hooks_aside(struct launch *l, uint32_t child_op)
{
	pid_t pid = fork();

	if (pid < 0) {
		l->error = errno;
		l->error_op = child_op;
		shutdown(l->sync.fd, SHUT_RDWR);
		return;
	}
	if (pid > 0) {
		/* The fork has stepped over this span in its own memory; here it is done by now, or the child will not come back. */
		birth_skip_span(&l->birth);
		return;
	}
	birth_close_others(&l->birth, l->sync.fd);
	int r = birth_parent_span(&l->birth);
	if (r < 0) {
		l->birth.report->parent_error = -r;
		l->birth.report->parent_op = l->birth.report->op;
		shutdown(l->sync.fd, SHUT_RDWR);
		_exit(1);
	}
	l->birth.report->op = child_op;
	char byte = 0;
	_exit(send(l->sync.fd, &byte, 1, MSG_NOSIGNAL) < 0);
}

/* The child waits: its user namespace exists, now its id maps are written from outside. */
static void run_parent_section(struct launch *l)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)l->process->pid);
	l->birth.in.slots[SLOT_CHILD] = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	uint32_t child_op = l->birth.report->op;
	if (birth_span_has_hook(&l->birth)) {
		run_hooks_aside(l, child_op);
		return;
	}
	int r = birth_parent_span(&l->birth);
	if (r < 0) {
		l->error = -r;
		l->error_op = l->birth.report->op;
		shutdown(l->sync.fd, SHUT_RDWR);
		return;
	}
	l->birth.report->op = child_op;
	char byte = 0;
	if (send(l->sync.fd, &byte, 1, MSG_NOSIGNAL) < 0)
		l->error = errno;
}

/* ---- restore ------------------------------------------------------------------------------------------------ */

/* The child waits to become CRIU; the request is there when it does. */
static void begin_restore(struct launch *l)
{
	int r = birth_ask_restore(&l->birth, l->sync.fd);

	l->criu = l->process->pid;
	if (r < 0 && r != -EPIPE) { /* EPIPE: it is dead, and its end says so */
		l->error = -r;
		l->error_op = l->birth.restore_op;
		shutdown(l->sync.fd, SHUT_RDWR);
	}
}

/* From here on the process is the restored one; CRIU is reaped as somebody nobody knows. */
static void take_over(struct launch *l)
{
	int *pidfd = &l->birth.in.slots[SLOT_CHILD_PIDFD], *pty = &l->birth.in.slots[SLOT_PTY];
	struct process *p = l->process;

	if (*pidfd >= 0) {
		close(p->pidfd);
		p->pidfd = *pidfd;
		*pidfd = -1;
		p->started_ns = realtime_ns();
	}
	if (*pty >= 0) {
		take_fd(l, SLOT_PTY, *pty);
		*pty = -1;
	}
}

static void hear_restore(struct launch *l)
{
	int step = birth_hear_restore(&l->birth, l->sync.fd, MSG_DONTWAIT, &l->process->pid);

	take_over(l);
	if (step == RESTORE_ON || step == -EAGAIN)
		return;
	if (step == RESTORE_FAILED && l->error == 0) {
		l->error = l->birth.report->error;
		l->error_op = l->birth.report->op;
	}
	finish(l);
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
	if (l->criu > 0) {
		hear_restore(l);
		return;
	}
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
		if (l->error == 0 && birth_parent_mark(&l->birth) == OP_AWAIT_RESTORE)
			begin_restore(l);
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
	l->birth.in.slots[number] = theirs;
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

static void fill_slots(struct launch *l, const struct process *target)
{
	for (int i = 0; i < SLOT_COUNT; i++)
		l->birth.in.slots[i] = is_pod_slot(i) ? keeper.pod_slots[i] : -1;
	if (target != NULL)
		l->birth.in.slots[SLOT_TARGET] = fcntl(target->pidfd, F_DUPFD_CLOEXEC, 3);
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
	process_note_oom(p);
	p->kill_path = r->kill_path[0] == '\0' ? NULL : strdup(r->kill_path);
	p->procs_path = r->procs_path[0] == '\0' ? NULL : strdup(r->procs_path);
	return p;
}

/* Runs the keeper's part and clones. Sets l->error and l->error_op on failure. */
static int begin(struct launch *l, const struct launch_request *r, const struct process *target)
{
	int sockets[2];

	fill_slots(l, target);
	int error = birth_begin(&l->birth, r->plan, r->plan_size);
	if (error == 0) {
		l->birth.report->op = FAILED_IO;
		error = open_io(l, r);
	}
	if (error == 0)
		error = interpret(&l->birth.in, l->birth.plan.ops, l->birth.plan.n_prepare, 0);
	if (error == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) {
		l->birth.report->op = FAILED_NOWHERE;
		error = -errno;
	}
	if (error == 0) {
		l->birth.report->op = l->birth.plan.n_prepare + l->birth.plan.n_parent;
		l->process->started_ns = realtime_ns();
		int pid = birth_clone(&l->birth, sockets[1], &l->process->pidfd);
		if (pid < 0)
			l->birth.report->op = FAILED_CLONE;
		close(sockets[1]);
		l->sync = (struct source){ .ready = on_sync, .owner = l, .fd = sockets[0] };
		error = pid < 0 ? pid : 0;
		l->process->pid = pid < 0 ? 0 : pid;
	}
	/* A setns of the prepare section was meant for this one child. */
	if (l->birth.plan.n_prepare > 0 && keeper.own_pid_ns >= 0)
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
		fail(l, -error, l->birth.report == NULL ? FAILED_NOWHERE : l->birth.report->op);
		return;
	}
	if ((r->io & IO_STREAM) != 0)
		p->attached[0] = (struct attachment){ c, id, r->io };
}
