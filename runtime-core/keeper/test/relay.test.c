/* SPDX-License-Identifier: Apache-2.0 */
/* The relay of port-forward: a child between two pipes and a TCP port. */
#define _GNU_SOURCE
#include "../interpret.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tap.h"

struct forwarded {
	pid_t pid;
	int to, from, port; /* our ends of the pipes, and the accepted connection */
};

static uint16_t listening_port;

static int listen_on(int family)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_storage bound = { 0 };
	socklen_t size = family == AF_INET ? sizeof(v4) : sizeof(v6);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, family == AF_INET ? (void *)&v4 : (void *)&v6, size) < 0)
		return -1;
	need(listen(fd, 8) == 0);
	need(getsockname(fd, (struct sockaddr *)&bound, &size) == 0);
	listening_port = ntohs(((struct sockaddr_in *)&bound)->sin_port); /* at the same place in both */
	return fd;
}

static struct report *new_report(void)
{
	struct report *r = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	need(r != MAP_FAILED);
	return r;
}

static int run_op(struct report *report)
{
	struct interpreter in = { .sync_fd = -1, .report = report };
	const struct op op = { .code = OP_RELAY_TCP, .w = { listening_port } };

	return op_relay_tcp(&in, &op);
}

static struct forwarded forward(int listener)
{
	int in[2], out[2];
	struct report *report = new_report();

	fflush(stdout);
	need(pipe(in) == 0 && pipe(out) == 0);
	pid_t pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		signal(SIGPIPE, SIG_IGN); /* the keeper's children have all signals blocked */
		dup2(in[0], 0);
		dup2(out[1], 1);
		_exit(run_op(report) < 0 ? 9 : 8);
	}
	close(in[0]);
	close(out[1]);
	return (struct forwarded){ .pid = pid, .to = in[1], .from = out[0], .port = accept(listener, NULL, NULL) };
}

static int end_of(struct forwarded *f)
{
	int status = -1;

	waitpid(f->pid, &status, 0);
	close(f->from);
	return status;
}

static size_t read_all(int fd, char *to, size_t size)
{
	size_t have = 0;

	for (ssize_t n = 1; n > 0 && have < size; have += n > 0 ? (size_t)n : 0)
		n = read(fd, to + have, size - have);
	return have;
}

static void half_close_by_client(int listener)
{
	struct forwarded f = forward(listener);
	char text[64] = "";

	need(write(f.to, "question", 8) == 8);
	close(f.to);
	read_all(f.port, text, 63);
	is_text(text, "question", "the port gets what was said, and its end");
	need(write(f.port, "answer", 6) == 6);
	close(f.port);
	memset(text, 0, sizeof(text));
	read_all(f.from, text, 63);
	is_text(text, "answer", "an answer that comes after the end of the question is not lost");
	is(end_of(&f), 0, "the relay ends when both directions have");
}

static void half_close_by_port(int listener)
{
	struct forwarded f = forward(listener);
	char text[64] = "";

	need(write(f.port, "banner", 6) == 6);
	need(shutdown(f.port, SHUT_WR) == 0);
	read_all(f.from, text, 63);
	is_text(text, "banner", "the end of what the port says is handed on at once");
	need(write(f.to, "late", 4) == 4);
	close(f.to);
	memset(text, 0, sizeof(text));
	read_all(f.port, text, 63);
	is_text(text, "late", "a port that has nothing more to say still listens");
	close(f.port);
	is(end_of(&f), 0, "then the relay ends");
}

static void port_resets(int listener)
{
	struct forwarded f = forward(listener);
	struct linger now = { .l_onoff = 1 };
	char text[64];

	need(setsockopt(f.port, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) == 0);
	close(f.port);
	is(read_all(f.from, text, 63), 0, "a connection that is reset is an end");
	is(end_of(&f), 0, "the relay does not stay for a client that says nothing");
	close(f.to);
}

static void reader_goes(int listener)
{
	struct forwarded f = forward(listener);
	int status = -1;

	close(f.from);
	waitpid(f.pid, &status, 0);
	is(status, 0, "the relay ends when nobody takes the answers");
	close(f.to);
	close(f.port);
}

#define MUCH (8u << 20)

/* More than all buffers between hold, both ways: an echo that reads only what it has written back. */
static void much(int listener)
{
	struct forwarded f = forward(listener);
	static char block[64 << 10], back[64 << 10];
	size_t got = 0, wrong = 0;

	fflush(stdout);
	pid_t echo = fork();
	if (echo == 0) {
		close(f.to);
		for (ssize_t n; (n = read(f.port, block, sizeof(block))) > 0;)
			for (ssize_t at = 0; at < n;)
				at += write(f.port, block + at, (size_t)(n - at));
		_exit(0);
	}
	pid_t writer = fork();
	if (writer == 0) {
		for (size_t sent = 0; sent < MUCH; sent += sizeof(block)) {
			memset(block, (int)(sent / sizeof(block)), sizeof(block));
			for (size_t at = 0; at < sizeof(block);)
				at += (size_t)write(f.to, block + at, sizeof(block) - at);
		}
		_exit(0);
	}
	close(f.to);
	close(f.port);
	for (ssize_t n; (n = read(f.from, back, sizeof(back))) > 0;)
		for (ssize_t i = 0; i < n; i++, got++)
			wrong += back[i] != (char)(got / sizeof(block));
	is(got, MUCH, "eight megabytes go there and come back");
	is(wrong, 0, "unchanged and in order");
	waitpid(writer, NULL, 0);
	waitpid(echo, NULL, 0);
	is(end_of(&f), 0, "and the relay ends");
}

int main(void)
{
	int listener = listen_on(AF_INET);
	struct report *report = new_report();

	need(listener >= 0);
	half_close_by_client(listener);
	half_close_by_port(listener);
	port_resets(listener);
	reader_goes(listener);
	much(listener);
	close(listener);
	is(run_op(report), -ECONNREFUSED, "a port where nobody listens is refused");
	is(report->state, REPORT_RUNNING, "and the operation has failed, not ended");
	listener = listen_on(AF_INET6);
	if (listener < 0)
		skip("no IPv6 here", "a port of ::1 alone is found too");
	else {
		struct forwarded f = forward(listener);
		ok(f.port >= 0, "a port of ::1 alone is found too");
		kill(f.pid, SIGKILL);
		waitpid(f.pid, NULL, 0);
	}
	return tap_end();
}
