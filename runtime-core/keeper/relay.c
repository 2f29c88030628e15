/* SPDX-License-Identifier: Apache-2.0 */
/* Port-forward: a child in the pod's network that carries bytes between its stdin and stdout and one TCP port. */
#define _GNU_SOURCE
#include "interpret.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LANE_BYTES (64u << 10)

struct lane { /* one direction */
	int from, to;
	size_t at, used; /* what waits in bytes[] */
	bool ended;      /* `from` has ended, and all of it was written */
	uint8_t bytes[LANE_BYTES];
};

/* Waits until the port answers or refuses; an address family the pod does not have refuses too. Returns the socket or -errno. */
static int connect_to(const struct sockaddr *address, socklen_t size)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, address, size) == 0)
		return fd;
	int error = errno;
	close(fd);
	return -error;
}

static int connect_loopback(uint16_t port)
{
	const struct sockaddr_in v4 = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const struct sockaddr_in6 v6 = {
		.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	int first = connect_to((const struct sockaddr *)&v4, sizeof(v4));
	int second = first >= 0 ? first : connect_to((const struct sockaddr *)&v6, sizeof(v6));

	return second >= 0 ? second : first;
}

static bool is_temporary(void) { return errno == EAGAIN || errno == EINTR; }

/* Moves what can be moved. False when the lane broke: nobody reads what it carries any more. */
static bool move(struct lane *l)
{
	if (l->used == 0) {
		ssize_t n = read(l->from, l->bytes, sizeof(l->bytes));
		if (n < 0)
			return is_temporary();
		l->ended = n == 0;
		l->used = (size_t)n;
		l->at = 0;
	}
	while (l->at < l->used) {
		ssize_t n = write(l->to, l->bytes + l->at, l->used - l->at);
		if (n < 0)
			return is_temporary();
		l->at += (size_t)n;
	}
	l->used = 0;
	return true;
}

/* What the lane waits for: room to write what it holds, or else something to read. */
static struct pollfd awaited(const struct lane *l)
{
	if (l->ended)
		return (struct pollfd){ .fd = -1 };
	return l->used > 0 ? (struct pollfd){ .fd = l->to, .events = POLLOUT } : (struct pollfd){ .fd = l->from, .events = POLLIN };
}

/* The end of a direction is handed on, and what it came from is let go: who still writes into it shall see that. */
static void finish(struct lane *l, int port)
{
	l->ended = true;
	if (l->to == port)
		shutdown(port, SHUT_WR);
	close(l->from == port ? l->to : l->from);
}

/* Until both directions have ended, or one end is gone for good. */
static void relay(int port)
{
	static struct lane lanes[2] = { { .from = 0 }, { .to = 1 } };

	lanes[0].to = lanes[1].from = port;
	while (!lanes[0].ended || !lanes[1].ended) {
		/* The third: nobody takes the answers any more, or, when there are no more, nobody takes the questions. */
		int other = lanes[1].ended ? port : lanes[1].to;
		struct pollfd waits[3] = { awaited(&lanes[0]), awaited(&lanes[1]), { .fd = other } };
		if (poll(waits, 3, -1) < 0 && errno != EINTR)
			return;
		if ((waits[2].revents & (POLLERR | POLLHUP)) != 0)
			return;
		for (int i = 0; i < 2; i++)
			if (waits[i].revents != 0 && (!move(&lanes[i]) || lanes[i].ended))
				finish(&lanes[i], port);
	}
}

int op_relay_tcp(struct interpreter *in, const struct op *op)
{
	int port = connect_loopback((uint16_t)op->w[0]);
	int on = 1;

	if (port < 0)
		return port;
	in->report->state = REPORT_DONE;
	/* The keeper sees the end of the sync socket: the connection is there. Nothing of the keeper's stays open. */
	if (dup2(port, 3) < 0)
		_exit(1);
	syscall(SYS_close_range, 4u, ~0u, 0u);
	setsockopt(3, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	for (int fd = 0; fd <= 3; fd++)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	prctl(PR_SET_NAME, "gantry-relay", 0, 0, 0);
	relay(3);
	_exit(0);
}
