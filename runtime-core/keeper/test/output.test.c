/* SPDX-License-Identifier: Apache-2.0 */
/* Output of processes and who listens: nothing lost, nothing kept without limit, nobody held up for ever. */
#define _GNU_SOURCE
#include "feeder.h"
#include <sys/resource.h>

#define CONGESTION (256u << 10)

static void say(const struct fake *p, size_t length)
{
	static uint8_t bytes[65536];

	memset(bytes, 's', sizeof(bytes));
	for (size_t at = 0; at < length;) {
		ssize_t n = write(p->out, bytes, length - at < sizeof(bytes) ? length - at : sizeof(bytes));
		at += n > 0 ? (size_t)n : 0;
		rounds(1);
		if (n < 0 && p->process->out[0].source.watching == 0)
			return;
	}
}

/* Output bytes of call `id` that arrive until nothing comes any more. */
static size_t heard(int fd, uint32_t id)
{
	size_t total = 0;

	while (client_take(fd))
		if (reply.type == EV_OUTPUT && reply.id == id)
			total += reply.length;
	return total;
}

static void output_for_two(void)
{
	struct fake p = fake_process("c", KIND_CONTAINER, IO_STDOUT);
	int a = client_connect(), b = client_connect();

	client_attach(a, 1, "c", IO_STDOUT);
	client_attach(a, 2, "c", IO_STDOUT);
	client_attach(b, 3, "c", IO_STDOUT);
	say(&p, 1000);
	rounds(3);
	size_t both = 0;
	while (client_take(a))
		both += reply.length;
	is(both, 2000, "who attaches twice hears twice");
	is(heard(b, 3), 1000, "and others hear it too");
	close(a);
	close(b);
	rounds(3);
	fake_free(&p);
}

static void too_many_attached(void)
{
	struct fake p = fake_process("c", KIND_CONTAINER, IO_STDOUT);
	int fd = client_connect();
	struct payload request = { .used = 0 };

	for (uint32_t i = 0; i < MAX_ATTACHMENTS; i++)
		client_attach(fd, i + 1, "c", IO_STDOUT);
	put_u32(&request, IO_STDOUT);
	put_text(&request, "c");
	client_frame(fd, REQ_ATTACH, 0, 99, request.bytes, request.used);
	is(client_status(fd), EUSERS, "one client more than there is room for is told so");
	close(fd);
	rounds(3);
	fake_free(&p);
}

static void slow_reader_of_output(void)
{
	struct fake p = fake_process("c", KIND_CONTAINER, IO_STDOUT);
	int fd = client_connect();

	client_attach(fd, 1, "c", IO_STDOUT);
	say(&p, 4 << 20);
	is(p.process->out[0].source.watching, 0, "a process is not read while somebody attached does not read");
	ok(connections->out_used < 2 * CONGESTION, "and little is kept for him (%zu bytes)", connections->out_used);
	ok(heard(fd, 1) > CONGESTION, "what was kept arrives");
	ok(p.process->out[0].source.watching != 0, "and the process is read again");
	close(fd);
	rounds(3);
	fake_free(&p);
}

/* The answer to another request may be what empties the connection, and then no EPOLLOUT comes. */
static void resumed_by_an_answer(void)
{
	struct fake p = fake_process("c", KIND_CONTAINER, IO_STDOUT);
	int fd = client_connect();

	client_attach(fd, 1, "c", IO_STDOUT);
	say(&p, 4 << 20);
	need(p.process->out[0].source.watching == 0);
	while (connections->out_used > 0) {
		swallow(fd, SIZE_MAX);
		conn_status(connections, 5, 0);
	}
	swallow(fd, SIZE_MAX);
	rounds(5);
	ok(p.process->out[0].source.watching != 0, "a process is read again whatever it was that emptied the connection");
	close(fd);
	rounds(3);
	fake_free(&p);
}

static void stalled_but_not_congested(void)
{
	struct fake p = fake_process("c", KIND_CONTAINER, IO_STDOUT);
	int fd = client_connect();
	int size = 4096;

	client_attach(fd, 1, "c", IO_STDOUT);
	setsockopt(connections->source.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	say(&p, 60000);
	rounds(5);
	need(connections->out_used > 0 && !conn_congested(connections));
	connections->stalled_since = monotonic_ms() - 60000;
	is(next_deadline_ms(), -1, "a client that is slow but not congested gives the keeper nothing to do");
	close(fd);
	rounds(3);
	fake_free(&p);
}

static void cut_off(void)
{
	struct fake p = fake_process("c", KIND_CONTAINER, IO_STDIN | IO_STDOUT);
	int fd = client_connect();
	struct feeder f = feeder(fd, 1, 100, 16384);

	client_attach(fd, 1, "c", IO_STDIN | IO_STDOUT);
	say(&p, 4 << 20);
	for (int i = 0; i < 50; i++) {
		feed(&f);
		rounds(1);
	}
	need(connections->held && conn_congested(connections));
	is(next_deadline_ms() > 0 && next_deadline_ms() <= 10000, 1, "who attached and does not read has ten seconds");
	connections->stalled_since = monotonic_ms() - 60000;
	rounds(2);
	ok(p.process->attached[0].conn == NULL, "then he is cut off");
	ok(p.process->out[0].source.watching != 0, "the container is read again");
	ok(!connections->held, "and what else he asks is read");
	is(next_deadline_ms(), -1, "and the keeper rests");
	close(fd);
	rounds(3);
	fake_free(&p);
}

static void last_output_of_an_exec(void)
{
	struct fake p = fake_process("e", KIND_EXEC, IO_STDOUT);
	int fd = client_connect();
	static uint8_t rest[65536];

	client_attach(fd, 1, "e", IO_STDOUT);
	say(&p, 4 << 20);
	need(p.process->out[0].source.watching == 0);
	while (write(p.out, rest, 4096) > 0)
		;
	int in_pipe = fcntl(p.out, F_GETPIPE_SZ);
	size_t kept = connections->out_used;
	p.process->exited = true;
	p.process->drain_ms = 0;
	process_ended(p.process);
	ok(connections->out_used - kept >= (size_t)in_pipe, "what a process said before it ended is kept for a slow reader, not dropped with the deadline");
	close(p.out);
	close(p.in);
	bool exit_told = false;
	while (client_take(fd))
		exit_told = reply.type == EV_EXIT;
	ok(exit_told, "and its end is told last");
	close(fd);
	rounds(3);
}

static void no_descriptors_left(void)
{
	struct rlimit old, none;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), next = dup(0);
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "keeper.sock" };

	need(next >= 0 && fd >= 0 && getrlimit(RLIMIT_NOFILE, &old) == 0);
	close(next);
	none = (struct rlimit){ .rlim_cur = (rlim_t)next, .rlim_max = old.rlim_max }; /* all numbers below are in use */
	need(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	need(setrlimit(RLIMIT_NOFILE, &none) == 0);
	bool closed = client_closed(fd);
	need(setrlimit(RLIMIT_NOFILE, &old) == 0);
	ok(closed, "who comes when no descriptor is left is sent away, instead of keeping the keeper busy");
	close(fd);
	rounds(3);
}

int main(void)
{
	keeper_here();
	output_for_two();
	too_many_attached();
	slow_reader_of_output();
	resumed_by_an_answer();
	stalled_but_not_congested();
	cut_off();
	last_output_of_an_exec();
	no_descriptors_left();
	return tap_end();
}
