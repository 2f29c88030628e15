/* SPDX-License-Identifier: Apache-2.0 */
/* A keeper in this very process, and clients of it: what a test sends is handled when it runs a round. */
#ifndef GANTRY_TEST_CLIENT_H
#define GANTRY_TEST_CLIENT_H
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "../keeper.h"
#include "place.h"

struct reply {
	uint32_t length, id;
	uint16_t type, flags;
	uint8_t payload[1 << 20];
};

static struct reply reply; /* of the last client_take */

static inline void keeper_here(void)
{
	place_enter();
	int fd = conn_listen("keeper.sock");
	need(fd >= 0 && keeper_start(fd) == 0);
}

static inline int client_connect(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "keeper.sock" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	need(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

static inline void rounds(int count)
{
	while (count-- > 0)
		keeper_round(0);
}

/* Sends all of it; runs rounds while the keeper's end is full. False when the keeper closed the connection. */
static inline bool client_send(int fd, const void *bytes, size_t length)
{
	for (size_t at = 0; at < length;) {
		ssize_t n = send(fd, (const uint8_t *)bytes + at, length - at, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return false;
		at += n > 0 ? (size_t)n : 0;
		rounds(n > 0 ? 0 : 1);
	}
	return true;
}

static inline size_t frame_head(uint8_t *to, uint32_t length, uint16_t type, uint16_t flags, uint32_t id)
{
	memcpy(to, &length, 4);
	memcpy(to + 4, &type, 2);
	memcpy(to + 6, &flags, 2);
	memcpy(to + 8, &id, 4);
	return FRAME_HEADER;
}

static inline bool client_frame(int fd, uint16_t type, uint16_t flags, uint32_t id, const void *payload, uint32_t length)
{
	uint8_t head[FRAME_HEADER];

	frame_head(head, length, type, flags, id);
	return client_send(fd, head, sizeof(head)) && client_send(fd, payload, length);
}

static inline bool take_exactly(int fd, void *to, size_t length)
{
	for (size_t have = 0; have < length;) {
		ssize_t n = recv(fd, (uint8_t *)to + have, length - have, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return false;
		have += n > 0 ? (size_t)n : 0;
		if (n < 0 && have == 0 && length == FRAME_HEADER)
			return false;
		rounds(n < 0 ? 1 : 0);
	}
	return true;
}

/* The next frame, which is then in `reply`; false when there is none (after a few rounds) or the connection is closed. */
static inline bool client_take(int fd)
{
	uint8_t head[FRAME_HEADER];

	rounds(3);
	if (!take_exactly(fd, head, sizeof(head)))
		return false;
	memcpy(&reply.length, head, 4);
	memcpy(&reply.type, head + 4, 2);
	memcpy(&reply.flags, head + 6, 2);
	memcpy(&reply.id, head + 8, 4);
	need(reply.length <= sizeof(reply.payload));
	return take_exactly(fd, reply.payload, reply.length);
}

static inline bool client_closed(int fd)
{
	uint8_t byte;

	rounds(3);
	for (;;) {
		ssize_t n = recv(fd, &byte, 1, 0);
		if (n <= 0)
			return n == 0 || errno != EAGAIN;
	}
}

/* The errno of a REP_STATUS; -1 when the next frame is none. */
static inline int client_status(int fd)
{
	int32_t code;

	if (!client_take(fd) || reply.type != REP_STATUS || reply.length != 4)
		return -1;
	memcpy(&code, reply.payload, 4);
	return code;
}

/* ---- payloads ----------------------------------------------------------------------------------------------- */

struct payload {
	uint8_t bytes[8192];
	uint32_t used;
};

static inline void put_u32(struct payload *p, uint32_t value)
{
	memcpy(p->bytes + p->used, &value, 4);
	p->used += 4;
}

static inline void put_bytes(struct payload *p, uint16_t length, const void *bytes, uint8_t terminator)
{
	need(p->used + length + 3u <= sizeof(p->bytes));
	memcpy(p->bytes + p->used, &length, 2);
	memcpy(p->bytes + p->used + 2, bytes, length);
	p->bytes[p->used + 2 + length] = terminator;
	p->used += length + 3u;
}

static inline void put_text(struct payload *p, const char *text) { put_bytes(p, (uint16_t)strlen(text), text, 0); }

/* ---- processes without a program --------------------------------------------------------------------------- */

/* A running process whose streams are pipes that the test holds the other ends of. */
struct fake {
	struct process *process;
	int in, out; /* read what it gets, write what it says */
};

static inline struct fake fake_process(const char *id, uint32_t kind, uint32_t io)
{
	struct fake f = { .process = process_new() };
	int ends[2];

	need(f.process != NULL && pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
	strcpy(f.process->id, id);
	f.process->kind = kind;
	f.process->io = io;
	f.process->state = STATE_RUNNING;
	f.process->max_line = 16384;
	f.process->log_path = strdup("");
	f.in = ends[0];
	input_open(&f.process->in, ends[1], f.process);
	need(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
	f.out = ends[1];
	need(stream_open(&f.process->out[0], ends[0], f.process, 1) == 0);
	return f;
}

static inline void fake_free(struct fake *f)
{
	process_free(f->process);
	close(f->in);
	close(f->out);
}

static inline void client_attach(int fd, uint32_t call, const char *id, uint32_t io)
{
	struct payload p = { .used = 0 };

	put_u32(&p, io);
	put_text(&p, id);
	need(client_frame(fd, REQ_ATTACH, 0, call, p.bytes, p.used));
	need(client_status(fd) == 0);
}

#endif
