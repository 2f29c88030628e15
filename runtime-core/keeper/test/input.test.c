/* SPDX-License-Identifier: Apache-2.0 */
/* Input of processes: all of it arrives, little of it is kept, nobody is held for ever. */
#define _GNU_SOURCE
#include "feeder.h"

static void input_reaches_the_process(void)
{
	struct fake p = fake_process("c", KIND_CONTAINER, IO_STDIN | IO_STDOUT);
	int fd = client_connect();

	client_attach(fd, 1, "c", IO_STDIN);
	client_frame(fd, REQ_STDIN, 0, 1, "hello", 5);
	rounds(2);
	is(swallow(p.in, 100), 5, "what a client sends arrives");
	client_frame(fd, REQ_STDIN, 0, 2, "hello", 5);
	rounds(2);
	is(swallow(p.in, 100), 0, "under another call's id it does not");
	client_frame(fd, REQ_STDIN, STDIN_END, 1, "", 0);
	rounds(2);
	ok(p.process->in.source.fd >= 0, "the end of one client's input is not the end of a container's");
	close(fd);
	rounds(3);
	fake_free(&p);
}

/* Frames that were received but not handled when the client was held: no further byte comes to wake it up. */
static void small_frames_after_a_pause(void)
{
	enum { LENGTH = 200 };
	size_t lost = 0;

	for (size_t frames = 1620; frames < 1680; frames++) {
		struct fake p = fake_process("c", KIND_CONTAINER, IO_STDIN);
		int fd = client_connect();
		struct feeder f = feeder(fd, 1, frames, LENGTH);
		client_attach(fd, 1, "c", IO_STDIN);
		while (!feed(&f))
			rounds(1);
		rounds(30);
		lost += frames * LENGTH - pass(&f, p.in);
		close(fd);
		rounds(3);
		fake_free(&p);
	}
	is(lost, 0, "when a process reads again after a pause, all that waited arrives");
}

static void slow_reader_of_much_input(void)
{
	struct fake p = fake_process("c", KIND_CONTAINER, IO_STDIN);
	int fd = client_connect();
	struct feeder f = feeder(fd, 1, 1000, 32768);
	size_t most = 0;

	client_attach(fd, 1, "c", IO_STDIN);
	for (int i = 0; i < 3000; i++) {
		feed(&f);
		rounds(1);
		swallow(p.in, 8192); /* never all of it */
		if (p.process->in.used > most)
			most = p.process->in.used;
	}
	ok(most < 2 * (256u << 10), "input that is always behind is kept within limits (%zu bytes at most)", most);
	close(fd);
	rounds(3);
	fake_free(&p);
}

static void two_clients_one_input(void)
{
	struct fake p = fake_process("c", KIND_CONTAINER, IO_STDIN);
	int a = client_connect(), b = client_connect();
	struct feeder fa = feeder(a, 1, 40, 16384), fb = feeder(b, 1, 40, 16384);

	client_attach(a, 1, "c", IO_STDIN);
	client_attach(b, 1, "c", IO_STDIN);
	for (int i = 0; i < 50; i++) {
		feed(&fa);
		feed(&fb);
		rounds(1);
	}
	size_t got = 0;
	for (int i = 0; i < 400; i++) {
		feed(&fa);
		feed(&fb);
		rounds(1);
		got += swallow(p.in, SIZE_MAX);
	}
	is(got, 2 * 40 * 16384, "of two clients that fill one input neither is held for ever");
	close(a);
	close(b);
	rounds(3);
	fake_free(&p);
}

static void one_client_two_inputs(void)
{
	struct fake full = fake_process("full", KIND_CONTAINER, IO_STDIN), other = fake_process("other", KIND_CONTAINER, IO_STDIN);
	int fd = client_connect();
	struct feeder f = feeder(fd, 1, 40, 16384), g = feeder(fd, 2, 6, 16384);

	client_attach(fd, 1, "full", IO_STDIN);
	client_attach(fd, 2, "other", IO_STDIN);
	while (!feed(&g))
		rounds(1);
	while (!connections->held) {
		feed(&f);
		rounds(1);
	}
	size_t before = full.process->in.used;
	swallow(other.in, SIZE_MAX);
	for (int i = 0; i < 20; i++) {
		feed(&f);
		rounds(1);
	}
	is(full.process->in.used, before, "a client stays held by one full input while another one drains");
	close(fd);
	rounds(3);
	fake_free(&full);
	fake_free(&other);
}

static void closed_input(void)
{
	struct fake p = fake_process("c", KIND_CONTAINER, IO_STDIN);
	int fd = client_connect();
	struct feeder f = feeder(fd, 1, 100, 16384);

	client_attach(fd, 1, "c", IO_STDIN);
	for (int i = 0; i < 50; i++) {
		feed(&f);
		rounds(1);
	}
	close(p.in);
	p.in = -1;
	for (int i = 0; i < 1000 && !feed(&f); i++)
		rounds(1);
	is(f.frames, 0, "when the process closes its stdin, what comes is dropped and nobody waits");
	close(fd);
	rounds(3);
	fake_free(&p);
}

int main(void)
{
	keeper_here();
	input_reaches_the_process();
	small_frames_after_a_pause();
	slow_reader_of_much_input();
	two_clients_one_input();
	one_client_two_inputs();
	closed_input();
	return tap_end();
}
