/* SPDX-License-Identifier: Apache-2.0 */
/* The CRI log format: `<RFC 3339 time> <stream> <P|F> <content>`, one line each; P: the line goes on. */
#define _GNU_SOURCE
#include "keeper.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define LINES_PER_WRITE 128
#define PREFIX_BYTES 64

static int open_log(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0640);
}

static int make_parents(const char *path)
{
	char parent[PATH_MAX];
	size_t length = strlen(path);

	if (length >= sizeof(parent))
		return -1;
	memcpy(parent, path, length + 1);
	for (char *slash = strchr(parent + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		/* chmod: our umask is for our own files. */
		if (mkdir(parent, 0755) == 0)
			chmod(parent, 0755);
		else if (errno != EEXIST)
			return -1;
		*slash = '/';
	}
	return 0;
}

int log_open(const char *path)
{
	int fd = open_log(path);

	/* As containerd: missing directories are made; log collectors and the kubelet must be able to enter them. */
	if (fd < 0 && errno == ENOENT && make_parents(path) == 0)
		fd = open_log(path);

	if (fd < 0)
		return -errno;
	/* Group-readable whatever our umask is: log collectors read it. */
	if (fchmod(fd, 0640) < 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

struct batch {
	struct iovec parts[LINES_PER_WRITE * 3];
	char prefixes[LINES_PER_WRITE][PREFIX_BYTES];
	char time[40];
	int lines;
	size_t bytes;
};

static void stamp(struct batch *b)
{
	struct timespec t = { 0 };
	struct tm utc;

	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &utc);
	size_t n = strftime(b->time, sizeof(b->time), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(b->time + n, sizeof(b->time) - n, ".%09ldZ", t.tv_nsec);
}

/* One writev; a torn write is cut off again, so that the file never holds half a line. */
static void write_batch(struct process *p, struct batch *b)
{
	struct stat before;

	if (b->lines == 0)
		return;
	int known = fstat(p->log_fd, &before);
	ssize_t n = writev(p->log_fd, b->parts, b->lines * 3);
	if (n < 0 || (size_t)n != b->bytes) {
		if (n > 0 && known == 0 && ftruncate(p->log_fd, before.st_size) < 0)
			p->lost_bytes += (uint64_t)n;
		p->lost_bytes += b->bytes;
	}
	b->lines = 0;
	b->bytes = 0;
}

static void add(struct process *p, struct batch *b, uint8_t number, char tag, const uint8_t *content, size_t length)
{
	static char newline[] = "\n";
	char *prefix = b->prefixes[b->lines];
	int n = snprintf(prefix, PREFIX_BYTES, "%s %s %c ", b->time, number == 1 ? "stdout" : "stderr", tag);
	struct iovec *part = &b->parts[b->lines * 3];

	part[0] = (struct iovec){ prefix, (size_t)n };
	part[1] = (struct iovec){ (void *)(uintptr_t)content, length };
	part[2] = (struct iovec){ newline, 1 };
	b->bytes += (size_t)n + length + 1;
	if (++b->lines == LINES_PER_WRITE)
		write_batch(p, b);
}

size_t log_lines(struct process *p, uint8_t number, const uint8_t *bytes, size_t length, bool final)
{
	static struct batch b;
	size_t at = 0, max = p->max_line;

	if (p->log_fd < 0)
		return length;
	stamp(&b);
	while (at < length) {
		const uint8_t *end = memchr(bytes + at, '\n', length - at);
		size_t line = end == NULL ? length - at : (size_t)(end - bytes) - at;
		if (line > max) { /* a long line goes out in pieces, the last of them with F */
			add(p, &b, number, 'P', bytes + at, max);
			at += max;
		} else if (end != NULL) {
			add(p, &b, number, 'F', bytes + at, line);
			at += line + 1;
		} else if (final) {
			add(p, &b, number, 'P', bytes + at, line);
			at = length;
		} else {
			break;
		}
	}
	write_batch(p, &b);
	return at;
}
