/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gantry-keeper launch [OPTION…] PLAN -- PROGRAM [ARGUMENT…]
 *
 * Runs one launch plan for the command line. It is executed in place of the program that compiled the plan, and so has
 * that one's pid, descriptors and parent. When the child runs (or waits at its gate) it exits, and the child belongs to
 * the nearest subreaper of the caller; a plan with `await_exit` makes it stay, as the parent of a program in the
 * foreground. Where something fails, and where there is more to do than a plan can, PROGRAM is executed in its place,
 * with what happened behind its arguments: failed|ended, index of the operation, errno, wait status, words.
 */
#define _GNU_SOURCE
#include "launcher.h"
#include "signals.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_CONTINUATION 64
#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct start {
	struct birth birth;
	const char *plan, *times;
	char **then; /* the continuation */
	uint32_t preserve;
	bool unlink_plan, terminal, reap_orphans, then_always;
	int sync, pidfd, signals, own_pid_ns;
	pid_t pid;
	pid_t criu; /* where the child is restored: who does that; else 0 */
	int wait_status; /* -1: not known */
};

extern char **environ;

/* ---- ends --------------------------------------------------------------------------------------------------- */

/* The file `gantry explain` reads: errno, operation, nanoseconds of each (state/launch-record.ts). */
static void write_times(const struct start *s, int error)
{
	const uint32_t head[2] = { (uint32_t)error, s->birth.report->op };

	if (s->times == NULL || s->birth.report == NULL)
		return;
	int fd = open(s->times, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return; /* a start does not fail for want of its figures */
	ssize_t n = write(fd, head, sizeof(head));
	if (n == (ssize_t)sizeof(head))
		n = write(fd, s->birth.report->ns, birth_op_count(&s->birth) * 4u);
	(void)n;
	close(fd);
}

static _Noreturn void go_on(const struct start *s, const char *stage, uint32_t op, int error)
{
	char numbers[3][16];
	char *argv[MAX_CONTINUATION + 6];
	int count = 0;
	sigset_t none;

	for (; s->then != NULL && s->then[count] != NULL && count < MAX_CONTINUATION; count++)
		argv[count] = s->then[count];
	if (count > 0) {
		snprintf(numbers[0], sizeof(numbers[0]), "%u", op);
		snprintf(numbers[1], sizeof(numbers[1]), "%d", error);
		snprintf(numbers[2], sizeof(numbers[2]), "%d", s->wait_status);
		argv[count++] = (char *)(uintptr_t)stage;
		argv[count++] = numbers[0];
		argv[count++] = numbers[1];
		argv[count++] = numbers[2];
		argv[count++] = s->birth.report == NULL ? "" : s->birth.report->text;
		argv[count] = NULL;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execve(argv[0], argv, environ);
	}
	fprintf(stderr, "gantry-keeper: operation %u of %s: %s\n", op, s->plan, strerrorname_np(error));
	exit(1);
}

/* A setns of the prepare section was meant for the child alone: hooks and what follows are the host's. */
static void come_home(struct start *s)
{
	if (s->own_pid_ns >= 0)
		setns(s->own_pid_ns, CLONE_NEWPID);
}

static void end_child(pid_t pid, int signo)
{
	if (pid <= 0)
		return;
	if (signo != 0)
		kill(pid, signo);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static _Noreturn void fail(struct start *s, uint32_t op, int error)
{
	come_home(s);
	if (s->wait_status == -1) {
		end_child(s->criu, SIGKILL);
		if (s->pid != s->criu)
			end_child(s->pid, SIGKILL);
	}
	write_times(s, error);
	go_on(s, "failed", op, error);
}

static _Noreturn void finish(const struct start *s)
{
	int status = s->wait_status;

	if (s->then_always && status != -1)
		go_on(s, "ended", 0, 0);
	if (status == -1)
		exit(0);
	exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/* ---- before the clone --------------------------------------------------------------------------------------- */

/*
 * Goes on as a sealed copy of itself in memory: what a container may find at /proc/<pid>/exe, or have executed as
 * /proc/self/exe, is then nothing that it could write to (CVE-2019-5736).
 */
static int become_sealed(char **argv)
{
	struct stat st;
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	if (self < 0 || fstat(self, &st) < 0)
		return -errno;
	int seals = fcntl(self, F_GET_SEALS);
	if (seals >= 0 && (seals & ALL_SEALS) == ALL_SEALS) {
		close(self);
		return 0;
	}
	int copy = memfd_create("gantry-keeper", MFD_CLOEXEC | MFD_ALLOW_SEALING | 0x10u /* MFD_EXEC, Linux 6.3 */);
	if (copy < 0 && errno == EINVAL)
		copy = memfd_create("gantry-keeper", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (copy < 0)
		return -errno;
	for (off_t at = 0; at < st.st_size;)
		if (sendfile(copy, self, &at, (size_t)(st.st_size - at)) <= 0)
			return errno == 0 ? -EIO : -errno;
	if (fcntl(copy, F_ADD_SEALS, ALL_SEALS) < 0)
		return -errno;
	syscall(SYS_execveat, copy, "", argv, environ, AT_EMPTY_PATH);
	return -errno;
}

static int load_plan(struct start *s)
{
	struct stat st;
	uint32_t head[3] = { 0 };
	int fd = open(s->plan, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (s->unlink_plan)
		unlink(s->plan);
	if (st.st_size < (off_t)sizeof(head))
		return -EINVAL;
	void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (bytes == MAP_FAILED)
		return -errno;
	memcpy(head, bytes, sizeof(head));
	/* Behind the plan may be words for its reader. */
	int r = head[2] <= st.st_size ? birth_begin(&s->birth, bytes, head[2]) : -EINVAL;
	munmap(bytes, (size_t)st.st_size);
	return r;
}

static int take_signals(struct start *s)
{
	sigset_t all;

	if (block_signals(&all) < 0)
		return -errno;
	signal(SIGCHLD, SIG_DFL); /* inherited as ignored, it would take the status away */
	s->signals = signalfd(-1, &all, SFD_NONBLOCK | SFD_CLOEXEC);
	return s->signals < 0 ? -errno : 0;
}

/* ---- the conversation with the child ------------------------------------------------------------------------ */

/* One message of the child: 1 a descriptor was taken, 2 it waits for the parent section, 0 its end closed. */
static int hear(struct start *s)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	unsigned char tag;
	struct iovec body = { .iov_base = &tag, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &body, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space) };
	ssize_t n = recvmsg(s->sync, &message, MSG_CMSG_CLOEXEC);

	if (n < 0)
		return errno == EINTR ? 1 : -errno;
	if (n == 0)
		return 0;
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	if (c == NULL)
		return 2;
	int fd, *slot = tag < SLOT_COUNT ? &s->birth.in.slots[tag] : NULL;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	if (slot == NULL) {
		close(fd);
		return 1;
	}
	if (*slot >= 0)
		close(*slot);
	*slot = fd;
	return 1;
}

/* A start that is interrupted is ended: before its program runs there is nobody the signal could be for. */
static bool is_interrupted(const struct start *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT || info.ssi_signo == SIGHUP || info.ssi_signo == SIGQUIT)
			return true;
	return false;
}

static void span(struct start *s)
{
	uint32_t child_op = s->birth.report->op;
	int r = birth_parent_span(&s->birth);

	if (r < 0)
		fail(s, s->birth.report->op, -r);
	s->birth.report->op = child_op;
}

static void resume(struct start *s)
{
	char byte = 0;

	span(s);
	/* If it died meanwhile, its end closed, and the report says why. */
	if (send(s->sync, &byte, 1, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		fail(s, s->birth.report->op, errno);
}

static void judge_exec(struct start *s)
{
	const struct report *report = s->birth.report;

	if (report->state == REPORT_FAILED)
		fail(s, report->op, report->error);
	if (report->state == REPORT_RUNNING)
		fail(s, report->op, EINTR); /* killed in the middle of an operation: the one it hung in, as a rule */
}

/* The child is CRIU by now: until it has restored the process that takes its place. */
static void restore(struct start *s)
{
	struct birth *b = &s->birth;
	int step = birth_ask_restore(b, s->sync);

	if (step < 0 && step != -EPIPE)
		fail(s, b->restore_op, -step);
	s->criu = s->pid;
	for (step = RESTORE_ON; step == RESTORE_ON || step == -EAGAIN;) {
		struct pollfd fds[2] = { { s->sync, POLLIN, 0 }, { s->signals, POLLIN, 0 } };
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			fail(s, b->restore_op, errno);
		if (fds[1].revents != 0 && is_interrupted(s))
			fail(s, b->restore_op, EINTR);
		if (fds[0].revents == 0)
			continue;
		step = birth_hear_restore(b, s->sync, MSG_DONTWAIT, &s->pid);
		s->pidfd = b->in.slots[SLOT_CHILD_PIDFD];
	}
	if (step == RESTORE_FAILED)
		fail(s, b->report->op, b->report->error);
	close(s->sync); /* with it CRIU ends */
	end_child(s->criu, 0);
	s->criu = 0;
}

/* Until the program runs, or the child is left to wait for its start. */
static void converse(struct start *s)
{
	for (;;) {
		struct pollfd fds[2] = { { s->sync, POLLIN, 0 }, { s->signals, POLLIN, 0 } };
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			fail(s, s->birth.report->op, errno);
		if (fds[1].revents != 0 && is_interrupted(s))
			fail(s, s->birth.report->op, EINTR);
		if (fds[0].revents == 0)
			continue;
		int heard = hear(s);
		if (heard < 0)
			fail(s, s->birth.report->op, -heard);
		if (heard == 0) {
			judge_exec(s);
			return;
		}
		if (heard == 2)
			resume(s);
		if (heard != 2)
			continue;
		if (birth_parent_mark(&s->birth) == OP_LEAVE_CHILD)
			return;
		if (birth_parent_mark(&s->birth) == OP_AWAIT_RESTORE) {
			restore(s);
			return;
		}
	}
}

static void open_child(struct start *s)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)s->pid);
	s->birth.in.slots[SLOT_CHILD] = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	s->birth.in.slots[SLOT_CHILD_PIDFD] = s->pidfd;
}

static void begin(struct start *s)
{
	int sockets[2];
	struct birth *b = &s->birth;

	s->own_pid_ns = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	int r = interpret(&b->in, b->plan.ops, b->plan.n_prepare, 0);
	if (r < 0)
		fail(s, b->report->op, -r);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		fail(s, FAILED_NOWHERE, errno);
	b->report->op = b->plan.n_prepare + b->plan.n_parent;
	s->pid = birth_clone(b, sockets[1], &s->pidfd);
	come_home(s);
	if (s->pid < 0)
		fail(s, FAILED_CLONE, -s->pid);
	close(sockets[1]);
	s->sync = sockets[0];
	open_child(s);
}

/* What the plan's parent section says is done after the exec, and after the end of the program. */
static void follow(struct start *s)
{
	struct birth *b = &s->birth;

	if (birth_parent_mark(b) == OP_AWAIT_EXEC) {
		b->parent_next++;
		span(s);
	}
	write_times(s, 0);
	if (birth_parent_mark(b) != OP_AWAIT_EXIT)
		return;
	b->parent_next++;
	s->wait_status = attend_program(s->pid, s->pidfd, s->signals, s->terminal ? b->in.slots[SLOT_PTY] : -1);
	span(s);
}

/* ---- the command line --------------------------------------------------------------------------------------- */

static bool take_option(struct start *s, const char *option, const char *value)
{
	if (strncmp(option, "--preserve-fds=", 15) == 0)
		s->preserve = (uint32_t)strtoul(value, NULL, 10);
	else if (strncmp(option, "--times=", 8) == 0)
		s->times = value;
	else if (strcmp(option, "--unlink") == 0)
		s->unlink_plan = true;
	else if (strcmp(option, "--terminal") == 0)
		s->terminal = true;
	else if (strcmp(option, "--reap-orphans") == 0)
		s->reap_orphans = true;
	else if (strcmp(option, "--then-always") == 0)
		s->then_always = true;
	else
		return false;
	return true;
}

static bool read_options(struct start *s, int argc, char **argv)
{
	int i = 2;

	for (; i < argc && strncmp(argv[i], "--", 2) == 0 && argv[i][2] != '\0'; i++) {
		const char *equals = strchr(argv[i], '=');
		if (!take_option(s, argv[i], equals == NULL ? "" : equals + 1))
			return false;
	}
	if (i >= argc)
		return false;
	s->plan = argv[i++];
	if (i < argc && strcmp(argv[i], "--") == 0)
		s->then = argv + i + 1;
	return s->preserve < 65536;
}

int launcher(int argc, char **argv)
{
	struct start s = { .sync = -1, .pidfd = -1, .signals = -1, .own_pid_ns = -1, .wait_status = -1 };

	if (!read_options(&s, argc, argv)) {
		fprintf(stderr, "usage: gantry-keeper launch [OPTION...] PLAN [-- PROGRAM [ARGUMENT...]]\n");
		return 2;
	}
	int r = become_sealed(argv);
	if (r == 0)
		r = load_plan(&s);
	if (r == 0)
		r = take_signals(&s);
	if (r < 0)
		fail(&s, FAILED_NOWHERE, -r);
	s.birth.preserved = s.preserve;
	s.birth.outlives_parent = true;
	s.birth.in.sync_fd = s.birth.in.answer_fd = -1;
	for (int i = 0; i < SLOT_COUNT; i++)
		s.birth.in.slots[i] = i <= SLOT_STDERR ? i : -1;
	if (s.reap_orphans)
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	begin(&s);
	converse(&s);
	follow(&s);
	finish(&s);
}
