/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as a hostile or broken peer would send them. */
#define _GNU_SOURCE
#include "client.h"

static void still_serves(const char *after)
{
	int fd = client_connect();
	struct payload p = { .used = 0 };

	put_u32(&p, PROTOCOL_VERSION);
	put_u32(&p, 0);
	ok(client_frame(fd, REQ_HELLO, 0, 77, p.bytes, p.used) && client_take(fd) && reply.type == REP_HELLO && reply.id == 77,
	   "the keeper serves others after %s", after);
	close(fd);
	rounds(3);
}

static void greeting(void)
{
	struct payload p = { .used = 0 };
	int fd = client_connect();
	uint32_t head[3];

	put_u32(&p, PROTOCOL_VERSION);
	put_u32(&p, 1);
	need(client_frame(fd, REQ_HELLO, 0, 1, p.bytes, p.used) && client_take(fd));
	memcpy(head, reply.payload, sizeof(head));
	ok(reply.type == REP_HELLO && head[0] == PROTOCOL_VERSION && head[1] == (uint32_t)getpid() && head[2] == 0, "hello tells version, pid and processes");
	p.bytes[0] = 99;
	client_frame(fd, REQ_HELLO, 0, 2, p.bytes, p.used);
	is(client_status(fd), EPROTONOSUPPORT, "another version is refused");
	client_frame(fd, REQ_HELLO, 0, 3, p.bytes, 3);
	is(client_status(fd), EPROTONOSUPPORT, "a hello without its words is refused");
	close(fd);
}

static void unknown_types(void)
{
	static const uint16_t types[] = { 0, REQ_SHUTDOWN + 1, REP_HELLO, EV_OUTPUT, 0x8000, UINT16_MAX };
	int fd = client_connect();
	int refused = 0;

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		client_frame(fd, types[i], UINT16_MAX, (uint32_t)i, "xyz", 3);
		refused += client_status(fd) == ENOSYS && reply.id == i;
	}
	is(refused, sizeof(types) / sizeof(*types), "types nobody knows are answered with ENOSYS, each under its own id");
	close(fd);
}

/* Every request with every beginning of a good payload. */
static void truncated_payloads(void)
{
	struct payload p = { .used = 0 };
	int fd = client_connect();
	int answered = 0, sent = 0;

	for (int i = 0; i < 4; i++)
		put_u32(&p, 0);
	for (int i = 0; i < 6; i++)
		put_text(&p, i == 0 ? "id" : "");
	for (uint16_t type = REQ_LAUNCH; type <= REQ_FORGET; type++)
		for (uint32_t length = 0; length < p.used; length++) {
			if (type == REQ_STDIN)
				continue;
			uint8_t *exact = malloc(length + 1);
			need(exact != NULL);
			memcpy(exact, p.bytes, length);
			client_frame(fd, type, 0, length, exact, length);
			free(exact);
			answered += client_take(fd) && reply.type == REP_STATUS;
			sent++;
		}
	is(answered, sent, "every request that is cut short gets an answer (%d of them)", sent);
	ok(processes == NULL, "and starts nothing");
	close(fd);
}

static int signal_with(int fd, uint32_t signo, uint16_t length, const char *text, uint8_t terminator)
{
	struct payload p = { .used = 0 };

	put_u32(&p, signo);
	put_u32(&p, 0);
	put_bytes(&p, length, text, terminator);
	client_frame(fd, REQ_SIGNAL, 0, 5, p.bytes, p.used);
	return client_status(fd);
}

static void bad_strings(void)
{
	static char long_id[MAX_ID + 2];
	struct payload p = { .used = 0 };
	int fd = client_connect();

	memset(long_id, 'i', MAX_ID + 1);
	is(signal_with(fd, 9, 3, "abc", 'x'), EINVAL, "a string without its NUL is refused");
	is(signal_with(fd, 9, 3, "a\0c", 0), EINVAL, "a string with a NUL inside is refused");
	is(signal_with(fd, 9, MAX_ID + 1, long_id, 0), EINVAL, "an id over the limit is refused");
	is(signal_with(fd, 9, MAX_ID, long_id, 0), ESRCH, "an id at the limit is only unknown");
	is(signal_with(fd, 9, 0, "", 0), ESRCH, "an empty id names nobody");
	is(signal_with(fd, 65, 1, "a", 0), EINVAL, "a signal beyond the last is refused");
	is(signal_with(fd, UINT32_MAX, 1, "a", 0), EINVAL, "and signal 2^32 - 1");

	put_u32(&p, 9);
	put_u32(&p, 0);
	uint16_t huge = UINT16_MAX;
	memcpy(p.bytes + p.used, &huge, 2);
	memcpy(p.bytes + p.used + 2, "abc", 4);
	client_frame(fd, REQ_SIGNAL, 0, 6, p.bytes, p.used + 6);
	is(client_status(fd), EINVAL, "a string longer than its frame is refused");
	close(fd);
}

static int launch_with(int fd, uint32_t kind, const char *id, const char *target)
{
	struct payload p = { .used = 0 };

	put_u32(&p, kind);
	for (int i = 0; i < 3; i++)
		put_u32(&p, 0);
	put_text(&p, id);
	put_text(&p, target);
	for (int i = 0; i < 4; i++)
		put_text(&p, "");
	client_frame(fd, REQ_LAUNCH, 0, 9, p.bytes, p.used);
	return client_take(fd) ? (int)reply.type : -1;
}

static int32_t launch_error(void)
{
	int32_t error;

	memcpy(&error, reply.payload, 4);
	return error;
}

static void bad_launches(void)
{
	static const char *const ids[] = { "", "a/b", "..", "../x", ".hidden" };
	int fd = client_connect();

	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		launch_with(fd, KIND_CONTAINER, ids[i], "");
		ok(reply.type == REP_STATUS && launch_error() == EINVAL, "an id that is no file name is refused: \"%s\"", ids[i]);
	}
	launch_with(fd, 4, "k", "");
	ok(reply.type == REP_STATUS && launch_error() == EINVAL, "a kind nobody knows is refused");
	is(launch_with(fd, KIND_CONTAINER, "a", ""), REP_LAUNCHED, "a launch without a plan is answered");
	is(launch_error(), EINVAL, "with EINVAL");
	is(launch_with(fd, KIND_EXEC, "b", "nobody"), REP_LAUNCHED, "an exec without its container is answered");
	is(launch_error(), ESRCH, "with ESRCH");
	rounds(2);
	ok(processes == NULL, "nothing is left of launches that failed");
	is(access("exits", F_OK), -1, "nor a record of an exit");
	close(fd);
}

static void forgetting(void)
{
	static const char *const ids[] = { "a/../../outside", "..", "." };
	int fd = client_connect();

	need(mkdir("exits", 0700) == 0);
	place_write("outside", "stays");
	place_write("exits/c1", "0 0 1 2\n");
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		struct payload p = { .used = 0 };
		put_text(&p, ids[i]);
		client_frame(fd, REQ_FORGET, 0, 4, p.bytes, p.used);
		ok(client_status(fd) > 0, "forgetting \"%s\" is refused", ids[i]);
	}
	is(access("outside", F_OK), 0, "and removes nothing outside");
	struct payload p = { .used = 0 };
	put_text(&p, "c1");
	client_frame(fd, REQ_FORGET, 0, 4, p.bytes, p.used);
	is(client_status(fd), 0, "the record of a container of before is forgotten");
	is(access("exits/c1", F_OK), -1, "and gone");
	client_frame(fd, REQ_FORGET, 0, 4, p.bytes, p.used);
	is(client_status(fd), 0, "forgetting again is fine");
	close(fd);
	rounds(3);
}

static void oversized_frames(void)
{
	uint8_t head[FRAME_HEADER];
	static const uint32_t lengths[] = { MAX_FRAME + 1, 0x7fffffff, UINT32_MAX - FRAME_HEADER + 1, UINT32_MAX };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		int fd = client_connect();
		frame_head(head, lengths[i], REQ_HELLO, 0, 1);
		client_send(fd, head, sizeof(head));
		ok(client_closed(fd), "a frame of %u bytes costs the connection", lengths[i]);
		close(fd);
	}
	still_serves("oversized frames");
}

static void frames_in_pieces(void)
{
	struct payload p = { .used = 0 };
	uint8_t frame[64];
	int fd = client_connect();

	put_u32(&p, PROTOCOL_VERSION);
	put_u32(&p, 0);
	frame_head(frame, p.used, REQ_HELLO, 0, 4);
	memcpy(frame + FRAME_HEADER, p.bytes, p.used);
	for (size_t i = 0; i < FRAME_HEADER + p.used; i++) {
		need(client_send(fd, frame + i, 1));
		rounds(2);
	}
	ok(client_take(fd) && reply.type == REP_HELLO && reply.id == 4, "a frame that comes byte by byte is understood");

	client_send(fd, frame, FRAME_HEADER + 3);
	close(fd);
	rounds(3);
	ok(connections == NULL, "a peer that leaves in the middle of a frame is forgotten");
}

static void thousand_frames(void)
{
	enum { COUNT = 1000 };
	static uint8_t bytes[COUNT * (FRAME_HEADER + 3)];
	int fd = client_connect(), sender = fd, answered = 0, bytes_size = 0;
	int size = 1 << 20;

	setsockopt(sender, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	for (uint32_t i = 0; i < COUNT; i++) {
		bytes_size += (int)frame_head(bytes + bytes_size, 3, 999, 0, i);
		memcpy(bytes + bytes_size, "abc", 3);
		bytes_size += 3;
	}
	is(send(sender, bytes, (size_t)bytes_size, MSG_NOSIGNAL), bytes_size, "a thousand frames fit one write");
	for (uint32_t i = 0; i < COUNT; i++)
		answered += client_status(fd) == ENOSYS && reply.id == i;
	is(answered, COUNT, "all of them are answered, in order");
	close(fd);
	rounds(3);
}

static void large_frame(void)
{
	uint8_t *bytes = calloc(1, MAX_FRAME);
	int fd = client_connect();

	need(bytes != NULL);
	ok(client_frame(fd, 999, 0, 8, bytes, MAX_FRAME), "the largest frame is taken");
	is(client_status(fd), ENOSYS, "and answered");
	free(bytes);
	close(fd);
	rounds(3);
}

static void answers_nobody_reads(void)
{
	int fd = client_connect();
	bool open = true;

	/* 300,000 answers are more than the keeper keeps for one peer. */
	for (uint32_t i = 0; i < 700000 && open; i++) {
		uint8_t head[FRAME_HEADER];
		frame_head(head, 0, 999, 0, i);
		open = client_send(fd, head, sizeof(head));
	}
	ok(!open, "a peer that asks and never reads is cut off");
	close(fd);
	still_serves("a peer that never reads");
}

static void too_many(void)
{
	int fds[MAX_CONNECTIONS + 10];
	int taken = 0;

	for (size_t i = 0; i < MAX_CONNECTIONS + 10; i++) {
		fds[i] = client_connect();
		rounds(2);
	}
	for (size_t i = 0; i < MAX_CONNECTIONS + 10; i++)
		taken += client_closed(fds[i]) ? 0 : 1;
	is(taken, MAX_CONNECTIONS, "connections over the limit are closed at once");
	for (size_t i = 0; i < MAX_CONNECTIONS + 10; i++)
		close(fds[i]);
	rounds(20);
	ok(connections == NULL, "and forgotten when they leave");
	still_serves("too many connections");
}

int main(void)
{
	keeper_here();
	greeting();
	unknown_types();
	truncated_payloads();
	bad_strings();
	bad_launches();
	forgetting();
	oversized_frames();
	frames_in_pieces();
	thousand_frames();
	large_frame();
	answers_nobody_reads();
	too_many();
	return tap_end();
}
