/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "keeper.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

struct reader {
	const uint8_t *at;
	size_t left;
	bool bad;
};

static uint32_t take_u32(struct reader *r)
{
	uint32_t value = 0;

	if (r->left < 4) {
		r->bad = true;
		return 0;
	}
	memcpy(&value, r->at, 4);
	r->at += 4;
	r->left -= 4;
	return value;
}

/* {u16 length}{bytes}{NUL}: the string can be used where it stands. */
static const char *take_string(struct reader *r, size_t max)
{
	uint16_t length;

	if (r->left < 3) {
		r->bad = true;
		return "";
	}
	memcpy(&length, r->at, 2);
	const char *text = (const char *)r->at + 2;
	if (r->left < 3u + length || text[length] != '\0' || strlen(text) != length || length > max) {
		r->bad = true;
		return "";
	}
	r->at += 3u + length;
	r->left -= 3u + length;
	return text;
}

/* version, pid, number of records, then the descriptor of each pod namespace (-1: none) */
#define HELLO_HEAD (4u * (3 + SLOT_POD_MOUNT - SLOT_POD_NET + 1))

static void hello(struct conn *c, uint32_t id, struct reader *r)
{
	uint32_t version = take_u32(r), subscribe = take_u32(r);
	size_t total = HELLO_HEAD;

	if (r->bad || version != PROTOCOL_VERSION) {
		conn_status(c, id, EPROTONOSUPPORT);
		return;
	}
	for (const struct process *p = processes; p != NULL; p = p->next)
		total += RECORD_BYTES;
	uint8_t *payload = malloc(total);
	if (payload == NULL) {
		conn_status(c, id, ENOMEM);
		return;
	}
	uint32_t head[HELLO_HEAD / 4] = { PROTOCOL_VERSION, (uint32_t)getpid(), 0 };
	size_t used = HELLO_HEAD;
	for (const struct process *p = processes; p != NULL; p = p->next) {
		if (p->kind != KIND_CONTAINER && p->kind != KIND_INIT)
			continue;
		used += process_record(p, payload + used);
		head[2]++;
	}
	for (int i = SLOT_POD_NET; i <= SLOT_POD_MOUNT; i++)
		head[3 + i - SLOT_POD_NET] = (uint32_t)keeper.pod_slots[i];
	memcpy(payload, head, sizeof(head));
	c->subscribed = subscribe != 0;
	conn_send(c, REP_HELLO, 0, id, payload, used);
	free(payload);
}

/* An id is the name of an exit record. */
static bool is_file_name(const char *id) { return id[0] != '\0' && id[0] != '.' && strchr(id, '/') == NULL; }

static void request_launch(struct conn *c, uint32_t id, struct reader *r)
{
	struct launch_request l = {
		.kind = take_u32(r), .io = take_u32(r), .drain_ms = take_u32(r), .max_line = take_u32(r),
	};

	l.id = take_string(r, MAX_ID);
	l.target = take_string(r, MAX_ID);
	l.log_path = take_string(r, 4095);
	l.oom_path = take_string(r, 4095);
	l.kill_path = take_string(r, 4095);
	l.procs_path = take_string(r, 4095);
	l.plan = r->at;
	l.plan_size = r->left;
	if (r->bad || l.kind > KIND_INIT || !is_file_name(l.id))
		conn_status(c, id, EINVAL);
	else if (keeper.shutting_down)
		conn_status(c, id, ESHUTDOWN);
	else if (process_find(l.id) != NULL)
		conn_status(c, id, EEXIST);
	else
		launch(c, id, &l);
}

static int request_signal(struct reader *r)
{
	uint32_t signo = take_u32(r), flags = take_u32(r);
	struct process *p = process_find(take_string(r, MAX_ID));

	if (r->bad || signo > (uint32_t)SIGRTMAX)
		return -EINVAL;
	return p == NULL ? -ESRCH : process_signal(p, (int)signo, flags);
}

static int request_reopen(struct reader *r)
{
	struct process *p = process_find(take_string(r, MAX_ID));

	if (r->bad)
		return -EINVAL;
	if (p == NULL || p->exited)
		return -ESRCH;
	if (p->log_path[0] == '\0')
		return -ENOENT;
	int fd = log_open(p->log_path);
	if (fd < 0)
		return fd;
	if (p->log_fd >= 0)
		close(p->log_fd);
	p->log_fd = fd;
	return 0;
}

static void request_attach(struct conn *c, uint32_t id, struct reader *r)
{
	uint32_t io = take_u32(r);
	struct process *p = process_find(take_string(r, MAX_ID));

	if (r->bad)
		conn_status(c, id, EINVAL);
	else if (p == NULL || p->exited)
		conn_status(c, id, ESRCH);
	else
		process_attach(p, c, id, io & p->io);
}

static int request_resize(struct reader *r)
{
	uint32_t rows = take_u32(r), columns = take_u32(r);
	struct process *p = process_find(take_string(r, MAX_ID));
	struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns };

	if (r->bad || rows > 65535 || columns > 65535)
		return -EINVAL;
	if (p == NULL || p->exited)
		return -ESRCH;
	if (p->pty < 0)
		return -ENOTTY;
	return ioctl(p->pty, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

/* Input for what this connection launched or attached to under `id`. */
static void request_stdin(struct conn *c, uint16_t flags, uint32_t id, const uint8_t *bytes, size_t length)
{
	for (struct process *p = processes; p != NULL; p = p->next)
		for (int i = 0; i < MAX_ATTACHMENTS; i++) {
			const struct attachment *a = &p->attached[i];
			if (a->conn != c || a->id != id || (a->io & (IO_STDIN | IO_TERMINAL)) == 0)
				continue;
			input_write(&p->in, c, bytes, length);
			if ((flags & STDIN_END) != 0 && (p->kind == KIND_EXEC || (p->io & IO_STDIN_ONCE) != 0))
				input_end(&p->in);
			return;
		}
}

static int request_forget(struct reader *r)
{
	const char *id = take_string(r, MAX_ID);
	struct process *p = process_find(id);
	char path[MAX_ID + 16];

	if (r->bad || !is_file_name(id))
		return -EINVAL;
	if (p != NULL && p->state != STATE_EXITED)
		return -EBUSY;
	if (p != NULL)
		p->forgotten = true;
	snprintf(path, sizeof(path), "exits/%s", id);
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int request_shutdown(void)
{
	keeper.shutting_down = true;
	for (struct process *p = processes; p != NULL; p = p->next) {
		if (p->exited)
			continue;
		process_signal(p, SIGKILL, 0);
		if (p->kind == KIND_CONTAINER)
			process_signal(p, SIGKILL, SIGNAL_ALL);
	}
	return 0;
}

void command(struct conn *c, uint16_t type, uint16_t flags, uint32_t id, uint8_t *payload, size_t length)
{
	struct reader r = { .at = payload, .left = length };

	switch (type) {
	case REQ_HELLO: hello(c, id, &r); break;
	case REQ_LAUNCH: request_launch(c, id, &r); break;
	case REQ_SIGNAL: conn_status(c, id, request_signal(&r)); break;
	case REQ_REOPEN_LOG: conn_status(c, id, request_reopen(&r)); break;
	case REQ_ATTACH: request_attach(c, id, &r); break;
	case REQ_RESIZE: conn_status(c, id, request_resize(&r)); break;
	case REQ_STDIN: request_stdin(c, flags, id, payload, length); break;
	case REQ_FORGET: conn_status(c, id, request_forget(&r)); break;
	case REQ_SHUTDOWN: conn_status(c, id, request_shutdown()); break;
	default: conn_status(c, id, ENOSYS); break;
	}
}
