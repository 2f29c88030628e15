/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "keeper.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ATTACH_STALL_MS 10000u
#define KILL_ROUNDS 16

struct process *processes;
static unsigned int count;

struct process *process_find(const char *id)
{
	for (struct process *p = processes; p != NULL; p = p->next)
		if (strcmp(p->id, id) == 0 && id[0] != '\0') /* a start that failed has no id any more */
			return p;
	return NULL;
}

struct process *process_new(void)
{
	struct process *p = count < MAX_PROCESSES ? calloc(1, sizeof(*p)) : NULL;

	if (p == NULL)
		return NULL;
	p->pidfd = p->pty = p->log_fd = p->in.source.fd = p->out[0].source.fd = p->out[1].source.fd = -1;
	p->next = processes;
	processes = p;
	count++;
	return p;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_io(struct process *p)
{
	stream_close(&p->out[0]);
	stream_close(&p->out[1]);
	input_close(&p->in);
	close_fd(&p->pty);
	close_fd(&p->log_fd);
}

void process_free(struct process *p)
{
	for (struct process **at = &processes; *at != NULL; at = &(*at)->next)
		if (*at == p) {
			*at = p->next;
			break;
		}
	close_io(p);
	close_fd(&p->pidfd);
	free(p->log_path);
	free(p->oom_path);
	free(p->kill_path);
	free(p->procs_path);
	free(p);
	count--;
}

/* ---- signals ------------------------------------------------------------------------------------------------ */

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int r = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return r;
}

/* Signals the processes of whole lines; returns how many bytes at the end are no whole line yet. */
static size_t kill_lines(char *text, size_t length, int signo, bool *found)
{
	char *line = text, *end;

	while ((end = memchr(line, '\n', length - (size_t)(line - text))) != NULL) {
		*end = '\0';
		long pid = strtol(line, NULL, 10);
		/* 0: a process of another PID namespace. */
		if (pid > 0 && kill((pid_t)pid, signo) == 0)
			*found = true;
		line = end + 1;
	}
	length -= (size_t)(line - text);
	memmove(text, line, length);
	return length;
}

static int kill_once(const char *path, int signo, bool *found)
{
	char text[4096];
	size_t used = 0;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	while ((n = read(fd, text + used, sizeof(text) - used)) > 0 && used < sizeof(text))
		used = kill_lines(text, used + (size_t)n, signo, found);
	int r = n < 0 && errno != ENODEV ? -errno : 0; /* ENODEV: the cgroup was removed meanwhile */
	close(fd);
	return r;
}

/* cgroup v1 has no cgroup.kill: signal what is listed until nothing is, for forks may outrun one round. */
static int kill_listed(const char *path, int signo)
{
	bool found = true;
	int r = 0;

	for (int round = 0; round < KILL_ROUNDS && found && r == 0; round++) {
		found = false;
		r = kill_once(path, signo, &found);
		if (signo != SIGKILL)
			break;
	}
	return r;
}

static int kill_cgroup(const struct process *p, int signo)
{
	if (signo == SIGKILL && p->kill_path != NULL) {
		int r = write_text(p->kill_path, "1");
		if (r != -ENOENT)
			return r;
	}
	return p->procs_path == NULL ? -ENOTSUP : kill_listed(p->procs_path, signo);
}

int process_signal(const struct process *p, int signo, uint32_t flags)
{
	if ((flags & SIGNAL_ALL) != 0)
		return kill_cgroup(p, signo);
	if (p->exited || p->pidfd < 0)
		return -ESRCH;
	if ((flags & SIGNAL_GROUP) != 0 && kill(-p->pid, signo) == 0)
		return 0;
	return syscall(SYS_pidfd_send_signal, p->pidfd, signo, NULL, 0) < 0 ? -errno : 0;
}

/* ---- attachments -------------------------------------------------------------------------------------------- */

void process_attach(struct process *p, struct conn *c, uint32_t id, uint32_t io)
{
	for (int i = 0; i < MAX_ATTACHMENTS; i++)
		if (p->attached[i].conn == NULL) {
			p->attached[i] = (struct attachment){ c, id, io };
			conn_status(c, id, 0);
			return;
		}
	conn_status(c, id, EUSERS);
}

bool process_fed_full(const struct conn *c)
{
	for (const struct process *p = processes; p != NULL; p = p->next)
		for (int i = 0; i < MAX_ATTACHMENTS && input_full(&p->in); i++)
			if (p->attached[i].conn == c)
				return true;
	return false;
}

static void drop_attachment(struct process *p, struct attachment *a)
{
	bool fed = (a->io & IO_STDIN) != 0;

	a->conn = NULL;
	conn_release();
	if (fed && (p->io & IO_STDIN_ONCE) != 0)
		input_end(&p->in);
	/* An exec belongs to its caller: without one, nobody would ever see its end. */
	if (p->kind == KIND_EXEC && !p->exited)
		process_signal(p, SIGKILL, SIGNAL_GROUP);
}

void process_detach(struct conn *c)
{
	for (struct process *p = processes; p != NULL; p = p->next) {
		for (int i = 0; i < MAX_ATTACHMENTS; i++)
			if (p->attached[i].conn == c)
				drop_attachment(p, &p->attached[i]);
		stream_resume(p);
	}
}

/* ---- the end of a process ----------------------------------------------------------------------------------- */

/* N of the line `oom_kill N` of memory.events (v2) or memory.oom_control (v1); -1 where the file is gone. */
static long oom_kills(const char *path)
{
	char text[1024];
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n < 0 ? 0 : n] = '\0';
	const char *line = strstr(text, "oom_kill ");
	return line == NULL ? -1 : strtol(line + 9, NULL, 10);
}

/* The same of the cgroup above, which on v2 counts what is below it. */
static long oom_kills_above(const char *path)
{
	char above[4096];
	const char *file = path == NULL ? NULL : strrchr(path, '/');
	const char *own = file == NULL ? NULL : memrchr(path, '/', (size_t)(file - path));

	if (own == NULL || (size_t)snprintf(above, sizeof(above), "%.*s%s", (int)(own - path), path, file) >= sizeof(above))
		return -1;
	return oom_kills(above);
}

/* Of those, the ones that no living container of ours accounts for. */
static long oom_kills_of_others(const struct process *p)
{
	long count = oom_kills_above(p->oom_path);

	for (const struct process *q = processes; q != NULL && count > 0; q = q->next) {
		long own = q == p || q->exited ? 0 : oom_kills(q->oom_path);
		count -= own > 0 ? own : 0;
	}
	return count;
}

void process_note_oom(struct process *p)
{
	p->oom_above = oom_kills_of_others(p);
}

/*
 * systemd removes the cgroup of a scope the moment its last process is dead, often before we can look. Then the cgroup
 * above tells: one killed in it that no other container of ours accounts for is this one.
 */
static bool oom_killed(const struct process *p)
{
	bool sigkill = WIFSIGNALED(p->wait_status) && WTERMSIG(p->wait_status) == SIGKILL;
	long own = oom_kills(p->oom_path);

	if (own < 0)
		own = sigkill && p->oom_above >= 0 && oom_kills_of_others(p) > p->oom_above ? 1 : 0;
	for (struct process *q = processes; q != NULL && own > 0; q = q->next)
		if (q != p && q->oom_above >= 0)
			q->oom_above += own;
	return own > 0;
}

/* The exit record outlives keeper and daemon: `<wait status> <oom> <started ns> <finished ns>`. */
static void write_exit_record(const struct process *p)
{
	char temporary[MAX_ID + 32], final[MAX_ID + 32], text[128];

	mkdir("exits", 0700);
	snprintf(final, sizeof(final), "exits/%s", p->id);
	snprintf(temporary, sizeof(temporary), "exits/.%s", p->id);
	int length = snprintf(text, sizeof(text), "%d %d %llu %llu\n", p->wait_status, p->oom,
			      (unsigned long long)p->started_ns, (unsigned long long)p->finished_ns);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return; /* the record in memory is still handed out; only a second death would lose it */
	bool whole = write(fd, text, (size_t)length) == length;
	close(fd);
	if (whole)
		rename(temporary, final);
}

size_t process_record(const struct process *p, uint8_t *to)
{
	uint32_t words[6] = { p->kind, p->state, (uint32_t)p->pid, (uint32_t)p->wait_status, p->oom, p->io };
	uint64_t longs[3] = { p->started_ns, p->finished_ns, p->lost_bytes };
	uint16_t length = (uint16_t)strlen(p->id);

	memcpy(to, words, sizeof(words));
	memcpy(to + 24, longs, sizeof(longs));
	memcpy(to + 48, &length, 2);
	memcpy(to + 50, p->id, length);
	return 50u + length;
}

static void announce(struct process *p)
{
	uint8_t record[RECORD_BYTES];
	size_t length = process_record(p, record);

	for (int i = 0; i < MAX_ATTACHMENTS; i++)
		if (p->attached[i].conn != NULL) {
			conn_send(p->attached[i].conn, EV_EXIT, 0, p->attached[i].id, record, length);
			p->attached[i].conn = NULL;
		}
	if (p->kind != KIND_CONTAINER && p->kind != KIND_INIT)
		return;
	for (struct conn *c = connections; c != NULL; c = c->next)
		if (c->subscribed && !c->dead)
			conn_send(c, EV_EXIT, 0, 0, record, length);
}

/* Called when a stream closed or a deadline passed: logs are complete before the exit is announced. */
void process_check(struct process *p)
{
	bool open = p->out[0].source.fd >= 0 || p->out[1].source.fd >= 0;

	if (p->state != STATE_DRAINING || (open && monotonic_ms() < p->deadline_ms))
		return;
	p->state = STATE_EXITED;
	p->deadline_ms = 0;
	/* What it said before it ended is not lost because somebody reads slowly. */
	stream_last_look(&p->out[0]);
	stream_last_look(&p->out[1]);
	close_io(p);
	if (p->kind == KIND_CONTAINER)
		write_exit_record(p);
	announce(p);
	if (p->kind != KIND_CONTAINER)
		p->forgotten = true;
}

/* The main process is dead: so is the container, whatever it left behind in a shared PID namespace. */
void process_ended(struct process *p)
{
	if (p->kind == KIND_CONTAINER) {
		p->oom = oom_killed(p);
		kill_cgroup(p, SIGKILL);
	}
	p->state = STATE_DRAINING;
	p->deadline_ms = monotonic_ms() + p->drain_ms;
	process_check(p);
}

void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (struct process *p = processes; p != NULL; p = p->next) {
			if (p->pid != pid || p->exited)
				continue;
			p->exited = true;
			p->wait_status = status;
			p->finished_ns = realtime_ns();
			if (p->launch == NULL)
				process_ended(p);
			break;
		}
}

/* When who is attached to a container and holds it up is cut off; UINT64_MAX: it holds up nobody. */
static uint64_t cut_off_ms(const struct process *p, const struct attachment *a)
{
	if (p->kind != KIND_CONTAINER || a->conn == NULL || a->conn->stalled_since == 0 || !conn_congested(a->conn))
		return UINT64_MAX;
	return a->conn->stalled_since + ATTACH_STALL_MS;
}

int64_t next_deadline_ms(void)
{
	uint64_t now = monotonic_ms(), nearest = UINT64_MAX;

	for (const struct process *p = processes; p != NULL; p = p->next) {
		if (p->deadline_ms != 0 && p->deadline_ms < nearest)
			nearest = p->deadline_ms;
		for (int i = 0; i < MAX_ATTACHMENTS; i++)
			if (cut_off_ms(p, &p->attached[i]) < nearest)
				nearest = cut_off_ms(p, &p->attached[i]);
	}
	return nearest == UINT64_MAX ? -1 : nearest > now ? (int64_t)(nearest - now) : 0;
}

/* A container is not held up for ever by somebody who attached and does not read. */
static void cut_off_stalled(struct process *p, uint64_t now)
{
	for (int i = 0; i < MAX_ATTACHMENTS; i++) {
		struct conn *c = p->attached[i].conn;
		if (now >= cut_off_ms(p, &p->attached[i])) {
			drop_attachment(p, &p->attached[i]);
			conn_status(c, p->attached[i].id, ETIMEDOUT);
			stream_resume(p);
		}
	}
}

void run_deadlines(void)
{
	uint64_t now = monotonic_ms();
	struct process *next;

	for (struct process *p = processes; p != NULL; p = next) {
		next = p->next;
		process_check(p);
		cut_off_stalled(p, now);
		if (p->forgotten || (keeper.shutting_down && p->state == STATE_EXITED))
			process_free(p);
	}
}
