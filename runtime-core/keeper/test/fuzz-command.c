/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: whatever a peer writes to the socket, the keeper goes on. Launches are decoded but not done: a plan is a
 * program, and one of random operations is nothing to run (fuzz.sh wraps launch()).
 */
#define _GNU_SOURCE
#include "client.h"

static int started;

static uint64_t seen;

void __wrap_launch(struct conn *c, uint32_t id, const struct launch_request *r);

void __wrap_launch(struct conn *c, uint32_t id, const struct launch_request *r)
{
	seen += strlen(r->id) + strlen(r->target) + strlen(r->log_path) + strlen(r->oom_path) + strlen(r->kill_path) + strlen(r->procs_path);
	for (size_t i = 0; i < r->plan_size; i++)
		seen += r->plan[i];
	conn_status(c, id, ENOSYS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (started++ == 0)
		keeper_here();
	struct fake container = fake_process("c", KIND_CONTAINER, IO_STDIN | IO_STDOUT | IO_STDERR | IO_STDIN_ONCE);
	struct fake exec = fake_process("e", KIND_EXEC, IO_STDIN | IO_STDOUT | IO_STREAM);
	int a = client_connect(), b = client_connect();
	uint8_t sink[4096];

	exec.process->exited = container.process->exited = size > 0 && data[0] % 4 == 0;
	(void)!write(container.out, "said\n", 5);
	/* Some of it by one peer, the rest by another, in pieces that end anywhere. */
	for (size_t at = 0, piece = 1; at < size; at += piece, piece = piece * 3 % 4099 + 1) {
		if (piece > size - at)
			piece = size - at;
		if (!client_send(at % 2 == 0 ? a : b, data + at, piece))
			break;
		rounds(1);
	}
	close(a);
	rounds(2);
	while (read(container.in, sink, sizeof(sink)) > 0)
		rounds(1);
	close(b);
	rounds(3);
	keeper.shutting_down = false;
	need(connections == NULL);
	fake_free(&container);
	fake_free(&exec);
	need(processes == NULL);
	return 0;
}
