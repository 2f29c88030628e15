/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "keeper.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONGESTED (256u << 10)   /* stop reading what feeds a connection above this */
#define OUT_LIMIT (8u << 20)     /* a peer that lets this much pile up is cut off */

struct conn *connections;
static struct source listener;
static unsigned int count;
static int spare_fd = -1;

int conn_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 64) < 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

static void conn_kill(struct conn *c)
{
	if (c->dead)
		return;
	c->dead = true;
	close_source(&c->source);
	process_detach(c);
	launch_conn_gone(c);
}

void conn_sweep(void)
{
	for (struct conn **at = &connections; *at != NULL;) {
		struct conn *c = *at;
		if (!c->dead) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		free(c->in);
		free(c->out);
		free(c);
		count--;
	}
}

static void update_watch(struct conn *c)
{
	uint32_t events = (c->held ? 0 : EPOLLIN) | (c->out_used > c->out_sent ? EPOLLOUT : 0);

	/* EPOLLRDHUP keeps a held connection registered, so that its end is noticed. */
	if (watch(&c->source, events | EPOLLRDHUP) < 0)
		conn_kill(c);
}

void conn_hold(struct conn *c, bool hold)
{
	if (c->dead || c->held == hold)
		return;
	c->held = hold;
	c->resumed = !hold;
	update_watch(c);
}

void conn_release(void)
{
	for (struct conn *c = connections; c != NULL; c = c->next)
		if (c->held && !process_fed_full(c))
			conn_hold(c, false);
}

bool conn_congested(const struct conn *c) { return c->out_used - c->out_sent > CONGESTED; }

/* Whatever empties the connection, the processes that waited for it are read again. */
static void resume_streams(void)
{
	for (struct process *p = processes; p != NULL; p = p->next)
		stream_resume(p);
}

static void flush(struct conn *c)
{
	bool was_congested = conn_congested(c);

	while (c->out_used > c->out_sent) {
		ssize_t n = send(c->source.fd, c->out + c->out_sent, c->out_used - c->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0) {
			if (errno == EAGAIN)
				break;
			conn_kill(c);
			return;
		}
		c->out_sent += (size_t)n;
		c->stalled_since = 0;
	}
	if (c->out_used == c->out_sent) {
		free(c->out);
		c->out = NULL;
		c->out_used = c->out_sent = c->out_size = 0;
	} else if (c->stalled_since == 0) {
		c->stalled_since = monotonic_ms();
	}
	update_watch(c);
	if (was_congested && !conn_congested(c))
		resume_streams();
}

static bool reserve(struct conn *c, size_t more)
{
	if (c->out_sent > 0) {
		memmove(c->out, c->out + c->out_sent, c->out_used - c->out_sent);
		c->out_used -= c->out_sent;
		c->out_sent = 0;
	}
	if (c->out_used + more > OUT_LIMIT)
		return false;
	if (c->out_used + more > c->out_size) {
		size_t size = (c->out_used + more) * 2;
		uint8_t *larger = realloc(c->out, size);
		if (larger == NULL)
			return false;
		c->out = larger;
		c->out_size = size;
	}
	return true;
}

void conn_send_two(struct conn *c, uint16_t type, uint16_t flags, uint32_t id, const void *a, size_t na, const void *b, size_t nb)
{
	uint32_t length = (uint32_t)(na + nb);

	if (c->dead)
		return;
	if (!reserve(c, FRAME_HEADER + length)) {
		conn_kill(c);
		return;
	}
	uint8_t *to = c->out + c->out_used;
	memcpy(to, &length, 4);
	memcpy(to + 4, &type, 2);
	memcpy(to + 6, &flags, 2);
	memcpy(to + 8, &id, 4);
	if (na > 0)
		memcpy(to + FRAME_HEADER, a, na);
	if (nb > 0)
		memcpy(to + FRAME_HEADER + na, b, nb);
	c->out_used += FRAME_HEADER + length;
	flush(c);
}

void conn_send(struct conn *c, uint16_t type, uint16_t flags, uint32_t id, const void *payload, size_t length)
{
	conn_send_two(c, type, flags, id, payload, length, NULL, 0);
}

void conn_status(struct conn *c, uint32_t id, int error)
{
	int32_t code = error < 0 ? -error : error;

	conn_send(c, REP_STATUS, 0, id, &code, sizeof(code));
}

/* Room for the header, or for the whole frame once its length is known. Returns false when the frame is too long. */
static bool make_room(struct conn *c)
{
	uint32_t length = 0;
	size_t want = 4096;

	if (c->in_used >= 4) {
		memcpy(&length, c->in, 4);
		if (length > MAX_FRAME)
			return false;
		want = FRAME_HEADER + (size_t)length;
	}
	if (want <= c->in_size)
		return true;
	uint8_t *larger = realloc(c->in, want);
	if (larger == NULL)
		return false;
	c->in = larger;
	c->in_size = want;
	return true;
}

static void take_frames(struct conn *c)
{
	size_t at = 0;

	while (!c->dead && !c->held && c->in_used - at >= FRAME_HEADER) {
		uint32_t length, id;
		uint16_t type, flags;
		memcpy(&length, c->in + at, 4);
		memcpy(&type, c->in + at + 4, 2);
		memcpy(&flags, c->in + at + 6, 2);
		memcpy(&id, c->in + at + 8, 4);
		if (length > MAX_FRAME) {
			conn_kill(c);
			return;
		}
		if (c->in_used - at - FRAME_HEADER < length)
			break;
		command(c, type, flags, id, c->in + at + FRAME_HEADER, length);
		at += FRAME_HEADER + length;
	}
	if (at > 0)
		memmove(c->in, c->in + at, c->in_used - at);
	c->in_used -= at;
	if (c->in_used == 0) {
		free(c->in);
		c->in = NULL;
		c->in_size = 0;
	}
}

void conn_resume(void)
{
	for (struct conn *c = connections; c != NULL; c = c->next)
		if (c->resumed && !c->held && !c->dead) {
			c->resumed = false;
			take_frames(c);
		}
}

static void receive(struct conn *c)
{
	if (!make_room(c)) {
		conn_kill(c);
		return;
	}
	if (c->in_used < c->in_size) {
		ssize_t n = recv(c->source.fd, c->in + c->in_used, c->in_size - c->in_used, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			conn_kill(c);
			return;
		}
		c->in_used += n > 0 ? (size_t)n : 0;
	}
	take_frames(c);
}

static void on_conn(struct source *s, uint32_t events)
{
	struct conn *c = s->owner;

	if ((events & EPOLLOUT) != 0)
		flush(c);
	if (!c->dead && (events & EPOLLIN) != 0 && !c->held)
		receive(c);
	else if (!c->dead && (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0)
		conn_kill(c);
}

/* Without a descriptor left a waiting peer would be an event for ever: one is kept to take and close it. */
static void turn_away(int listen_fd)
{
	close(spare_fd);
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void on_listener(struct source *s, uint32_t events)
{
	(void)events;
	int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE)
			turn_away(s->fd);
		return;
	}
	struct conn *c = count < MAX_CONNECTIONS ? calloc(1, sizeof(*c)) : NULL;
	if (c == NULL) {
		close(fd);
		return;
	}
	c->source = (struct source){ .ready = on_conn, .owner = c, .fd = fd };
	c->next = connections;
	connections = c;
	count++;
	update_watch(c);
}

void conn_start(int listen_fd)
{
	listener = (struct source){ .ready = on_listener, .fd = listen_fd };
	spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (spare_fd < 0 || watch(&listener, EPOLLIN) < 0)
		_exit(1);
}
