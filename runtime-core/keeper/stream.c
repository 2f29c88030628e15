/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "keeper.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHUNK (64u << 10)
#define MAX_LINE (64u << 10)      /* the longest line piece a caller may configure */
#define INPUT_HOLD (256u << 10)   /* a feeder is not read while this much waits for the process */

#define LAST_LOOK (1u << 20)      /* the largest pipe a process without privileges can have */

#define PAGE 4096u
#define REST_MS 1000u             /* without output for this long, the buffer's memory is given back */

/* Shared by all streams: tail of the last read, then the new bytes. */
static uint8_t buffer[MAX_LINE + CHUNK] __attribute__((aligned(PAGE)));
static uint64_t rest_at_ms; /* 0: at rest */

static bool must_wait(const struct process *p)
{
	for (int i = 0; i < MAX_ATTACHMENTS; i++)
		if (p->attached[i].conn != NULL && conn_congested(p->attached[i].conn))
			return true;
	return false;
}

static void fan_out(const struct stream *s, const uint8_t *bytes, size_t length)
{
	const struct process *p = s->process;
	uint32_t wanted = s->number == 1 ? IO_STDOUT : IO_STDERR;

	for (int i = 0; i < MAX_ATTACHMENTS; i++)
		if (p->attached[i].conn != NULL && (p->attached[i].io & wanted) != 0)
			conn_send(p->attached[i].conn, EV_OUTPUT, s->number, p->attached[i].id, bytes, length);
}

static void keep_tail(struct stream *s, const uint8_t *rest, size_t length)
{
	uint8_t *tail = length == 0 ? NULL : malloc(length);

	if (length > 0 && tail == NULL) { /* no memory for an unfinished line: log it as a partial one */
		log_lines(s->process, s->number, rest, length, true);
		length = 0;
	}
	if (length > 0)
		memcpy(tail, rest, length);
	free(s->tail);
	s->tail = tail;
	s->tail_used = length;
}

static void take_output(struct stream *s, size_t fresh)
{
	size_t total = s->tail_used + fresh;

	if (total > PAGE)
		rest_at_ms = monotonic_ms() + REST_MS;
	fan_out(s, buffer + s->tail_used, fresh);
	size_t logged = log_lines(s->process, s->number, buffer, total, false);
	keep_tail(s, buffer + logged, total - logged);
}

int64_t stream_rest_ms(void)
{
	uint64_t now = monotonic_ms();

	if (rest_at_ms == 0)
		return -1;
	if (now < rest_at_ms)
		return (int64_t)(rest_at_ms - now);
	madvise(buffer + PAGE, sizeof(buffer) - PAGE, MADV_DONTNEED);
	rest_at_ms = 0;
	return -1;
}

static void on_stream(struct source *source, uint32_t events)
{
	struct stream *s = source->owner;

	(void)events;
	if (must_wait(s->process)) {
		watch(source, 0);
		return;
	}
	if (s->tail_used > 0)
		memcpy(buffer, s->tail, s->tail_used);
	ssize_t n = read(source->fd, buffer + s->tail_used, CHUNK);
	if (n > 0)
		take_output(s, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR)) { /* a pty ends with EIO */
		fan_out(s, buffer, 0); /* no bytes: the end of this output, which may come long before the process's */
		stream_close(s);
		process_check(s->process);
	}
}

void stream_last_look(struct stream *s)
{
	size_t total = 0;
	ssize_t n = 1;

	while (s->source.fd >= 0 && n > 0 && total < LAST_LOOK) {
		if (s->tail_used > 0)
			memcpy(buffer, s->tail, s->tail_used);
		n = read(s->source.fd, buffer + s->tail_used, CHUNK);
		if (n > 0)
			take_output(s, (size_t)n);
		total += n > 0 ? (size_t)n : 0;
	}
}

int stream_open(struct stream *s, int fd, struct process *p, uint8_t number)
{
	s->source = (struct source){ .ready = on_stream, .owner = s, .fd = fd };
	s->process = p;
	s->number = number;
	return watch(&s->source, EPOLLIN);
}

void stream_resume(struct process *p)
{
	if (must_wait(p))
		return;
	for (int i = 0; i < 2; i++)
		if (p->out[i].source.fd >= 0 && p->out[i].source.watching == 0)
			watch(&p->out[i].source, EPOLLIN);
}

void stream_close(struct stream *s)
{
	if (s->source.fd < 0)
		return;
	if (s->tail_used > 0)
		log_lines(s->process, s->number, s->tail, s->tail_used, true);
	free(s->tail);
	s->tail = NULL;
	s->tail_used = 0;
	close_source(&s->source);
}

static void drain_input(struct input *in)
{
	while (in->sent < in->used) {
		ssize_t n = write(in->source.fd, in->pending + in->sent, in->used - in->sent);
		if (n < 0 && errno == EAGAIN) {
			watch(&in->source, EPOLLOUT);
			break;
		}
		if (n < 0) { /* EPIPE: the process closed its stdin; what comes is dropped, as a shell pipe would */
			input_close(in);
			return;
		}
		in->sent += (size_t)n;
	}
	if (!input_full(in))
		conn_release();
	if (in->sent < in->used)
		return;
	free(in->pending);
	in->pending = NULL;
	in->used = in->sent = 0;
	watch(&in->source, 0);
	if (in->end)
		input_close(in);
}

static void on_input(struct source *source, uint32_t events)
{
	(void)events;
	drain_input(source->owner);
}

void input_open(struct input *in, int fd, struct process *p)
{
	in->source = (struct source){ .ready = on_input, .owner = in, .fd = fd };
	in->process = p;
}

bool input_full(const struct input *in) { return in->used - in->sent >= INPUT_HOLD; }

void input_write(struct input *in, struct conn *from, const uint8_t *bytes, size_t length)
{
	if (in->source.fd < 0 || length == 0)
		return;
	if (in->sent > 0) { /* what is written makes room: a process that is always behind must not cost ever more */
		memmove(in->pending, in->pending + in->sent, in->used - in->sent);
		in->used -= in->sent;
		in->sent = 0;
	}
	uint8_t *larger = realloc(in->pending, in->used + length);
	if (larger == NULL)
		return;
	memcpy(larger + in->used, bytes, length);
	in->pending = larger;
	in->used += length;
	if (input_full(in))
		conn_hold(from, true);
	drain_input(in);
}

void input_end(struct input *in)
{
	if (in->source.fd < 0)
		return;
	in->end = true;
	drain_input(in);
}

void input_close(struct input *in)
{
	free(in->pending);
	in->pending = NULL;
	in->used = in->sent = 0;
	close_source(&in->source);
	conn_release();
}
