/* SPDX-License-Identifier: Apache-2.0 */
/* What a client sends to a process, and reading what arrives. */
#ifndef GANTRY_TEST_FEEDER_H
#define GANTRY_TEST_FEEDER_H
#include "client.h"

/* Frames on their way to the keeper: as many as the socket takes now. */
struct feeder {
	int fd;
	size_t frames, frame_bytes, at; /* frames left, bytes of one, bytes of it sent */
	uint8_t frame[65536];
};

static inline struct feeder feeder(int fd, uint32_t call, size_t frames, uint32_t length)
{
	struct feeder f = { .fd = fd, .frames = frames, .frame_bytes = FRAME_HEADER + length };

	frame_head(f.frame, length, REQ_STDIN, 0, call);
	memset(f.frame + FRAME_HEADER, 'f', length);
	return f;
}

static inline bool feed(struct feeder *f)
{
	while (f->frames > 0) {
		ssize_t n = send(f->fd, f->frame + f->at, f->frame_bytes - f->at, MSG_NOSIGNAL);
		if (n < 0)
			return false;
		f->at += (size_t)n;
		if (f->at == f->frame_bytes) {
			f->at = 0;
			f->frames--;
		}
	}
	return true;
}

/* Reads what is there, at most `most`; the number of bytes. */
static inline size_t swallow(int fd, size_t most)
{
	static uint8_t bytes[65536];
	size_t total = 0;

	while (total < most) {
		size_t want = most - total < sizeof(bytes) ? most - total : sizeof(bytes);
		ssize_t n = read(fd, bytes, want);
		if (n <= 0)
			break;
		total += (size_t)n;
	}
	return total;
}

/* Feeds and reads until nothing moves any more; the number of bytes the process got. */
static inline size_t pass(struct feeder *f, int process_end)
{
	size_t got = 0;

	for (int idle = 0; idle < 20;) {
		bool fed = feed(f);
		rounds(1);
		size_t n = swallow(process_end, SIZE_MAX);
		got += n;
		idle = n > 0 || !fed ? 0 : idle + 1;
		if (!fed && n == 0 && ++idle > 200)
			break;
	}
	return got;
}

#endif
