/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANTRY_KEEPER_H
#define GANTRY_KEEPER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "birth.h"

/* ---- protocol: frames of {u32 length, u16 type, u16 flags, u32 id} and a payload; little endian ------------- */

#define PROTOCOL_VERSION 1u
#define FRAME_HEADER 12u
#define MAX_FRAME (PLAN_MAX_BYTES + 65536u)
#define MAX_ID 128u
#define MAX_CONNECTIONS 256u
#define MAX_PROCESSES 1024u

enum request_type {
	REQ_HELLO = 1, REQ_LAUNCH, REQ_SIGNAL, REQ_REOPEN_LOG, REQ_ATTACH, REQ_RESIZE, REQ_STDIN, REQ_FORGET, REQ_SHUTDOWN
};
enum reply_type { REP_HELLO = 65, REP_LAUNCHED, REP_STATUS, EV_EXIT, EV_OUTPUT };

enum process_kind { KIND_SANDBOX = 0, KIND_CONTAINER = 1, KIND_EXEC = 2, KIND_INIT = 3 };
enum io_flags { IO_STDIN = 1, IO_STDOUT = 2, IO_STDERR = 4, IO_TERMINAL = 8, IO_STREAM = 16, IO_STDIN_ONCE = 32 };
enum signal_flags { SIGNAL_GROUP = 1, SIGNAL_ALL = 2 };
enum stdin_flags { STDIN_END = 1 };
#define FAILED_IO 0xfffffffdu /* in place of an operation: the log, or the pipes of the standard streams */

/* ---- event sources ------------------------------------------------------------------------------------------ */

struct source {
	void (*ready)(struct source *, uint32_t events);
	void *owner;
	int fd;
	uint32_t watching; /* events registered with epoll; 0: not registered */
};

int watch(struct source *s, uint32_t events); /* 0 or -errno; events 0 takes it out */
void close_source(struct source *s);

/* ---- connections: conn.c ------------------------------------------------------------------------------------ */

struct conn {
	struct conn *next;
	struct source source;
	uint8_t *in, *out;
	size_t in_used, in_size, out_used, out_size, out_sent;
	bool subscribed, dead;
	bool held;    /* not read, because a stdin it feeds is full */
	bool resumed; /* was held: frames may wait in `in` without any new event */
	uint64_t stalled_since;
};

extern struct conn *connections;
int conn_listen(const char *path); /* a listening socket or -errno */
void conn_start(int listen_fd);
void conn_send(struct conn *c, uint16_t type, uint16_t flags, uint32_t id, const void *payload, size_t length);
void conn_send_two(struct conn *c, uint16_t type, uint16_t flags, uint32_t id, const void *a, size_t na, const void *b, size_t nb);
void conn_status(struct conn *c, uint32_t id, int error);
bool conn_congested(const struct conn *c);
void conn_hold(struct conn *c, bool hold);
void conn_release(void); /* ends the hold of connections that feed nothing full any more */
void conn_resume(void);  /* handles frames that waited while their connection was held */
void conn_sweep(void);   /* frees what died in this round */

/* ---- processes: process.c ----------------------------------------------------------------------------------- */

enum process_state { STATE_LAUNCHING, STATE_RUNNING, STATE_DRAINING, STATE_EXITED };

struct process;

struct stream { /* one output of a process */
	struct source source; /* fd -1: closed or never there */
	struct process *process;
	uint8_t number; /* 1 stdout, 2 stderr */
	uint8_t *tail;  /* bytes after the last newline */
	size_t tail_used;
};

struct input {
	struct source source;
	struct process *process;
	uint8_t *pending;
	size_t used, sent;
	bool end; /* close when pending is written */
};

struct attachment {
	struct conn *conn;
	uint32_t id;
	uint32_t io;
};

#define MAX_ATTACHMENTS 8

struct process {
	struct process *next;
	char id[MAX_ID + 1];
	uint32_t kind, io, state, drain_ms, max_line;
	pid_t pid;
	int pidfd, pty, log_fd;
	char *log_path, *oom_path, *kill_path, *procs_path;
	long oom_above; /* what the cgroup above had counted when it started, and what others account for; -1: unknown */
	struct stream out[2];
	struct input in;
	struct attachment attached[MAX_ATTACHMENTS];
	struct launch *launch;
	int wait_status;
	bool exited, oom, forgotten;
	uint64_t started_ns, finished_ns, deadline_ms;
	uint64_t lost_bytes; /* output that could not be written to the log */
};

extern struct process *processes;
struct process *process_find(const char *id);
struct process *process_new(void); /* NULL when out of memory or at the limit */
int process_signal(const struct process *p, int signo, uint32_t flags);
void process_attach(struct process *p, struct conn *c, uint32_t id, uint32_t io);
void process_detach(struct conn *c); /* the connection is gone */
bool process_fed_full(const struct conn *c); /* does it feed a stdin that is full? */
void process_ended(struct process *p);
/* Notes how many the OOM killer has taken around it until now. */
void process_note_oom(struct process *p); /* whom the OOM killer has taken around it until now */
void process_check(struct process *p); /* draining done? */
void process_free(struct process *p);
size_t process_record(const struct process *p, uint8_t *to); /* at most RECORD_BYTES */
#define RECORD_BYTES (64 + MAX_ID)
void reap(void);
int64_t next_deadline_ms(void); /* ms to the nearest deadline, -1: none */
void run_deadlines(void);

/* ---- launching: launch.c ------------------------------------------------------------------------------------ */

struct launch_request {
	uint32_t kind, io, drain_ms, max_line;
	const char *id, *target, *log_path, *oom_path, *kill_path, *procs_path;
	const uint8_t *plan;
	size_t plan_size;
};

void launch(struct conn *c, uint32_t id, const struct launch_request *r);
void launch_conn_gone(const struct conn *c);

/* ---- output: stream.c, log.c -------------------------------------------------------------------------------- */

int stream_open(struct stream *s, int fd, struct process *p, uint8_t number);
void stream_resume(struct process *p);
int64_t stream_rest_ms(void); /* ms until it has something to give back, -1: nothing; gives back what is due */
void stream_last_look(struct stream *s); /* takes what is there, even if who listens is slow */
void stream_close(struct stream *s);
void input_open(struct input *in, int fd, struct process *p);
void input_write(struct input *in, struct conn *from, const uint8_t *bytes, size_t length);
bool input_full(const struct input *in);
void input_end(struct input *in);
void input_close(struct input *in);

int log_open(const char *path);
/* Writes whole lines in the CRI format; returns how many bytes of `bytes` were taken (the rest is an unfinished line). */
size_t log_lines(struct process *p, uint8_t number, const uint8_t *bytes, size_t length, bool final);

/* ---- commands: command.c ------------------------------------------------------------------------------------ */

void command(struct conn *c, uint16_t type, uint16_t flags, uint32_t id, uint8_t *payload, size_t length);

/* ---- the keeper's own state: main.c ------------------------------------------------------------------------- */

struct keeper {
	int epoll_fd, own_pid_ns;
	int pod_slots[SLOT_COUNT]; /* pod namespaces by slot; -1: none */
	bool shutting_down;
};
extern struct keeper keeper;

/* Sets up epoll, signals and the listening socket (which it takes over). Returns 0 or -errno. */
int keeper_start(int listen_fd);
/* Waits for events, at most until the next deadline or `at_most_ms` (-1: for ever), and handles them. False: shut down. */
bool keeper_round(int at_most_ms);

uint64_t monotonic_ms(void);
uint64_t realtime_ns(void);

#endif
