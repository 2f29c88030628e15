/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gantry-keeper criu CRIU
 *
 * Has CRIU carry out the request on standard input, with the images' directory on descriptor 3 and that of the logs on 4, and
 * says on standard output what CRIU says: a line `notify SCRIPT PID` each time, at last `answer SUCCESS PID ERRNO TEXT`.
 * Exits with 0 where CRIU succeeded. Node can neither make a SOCK_SEQPACKET pair nor take part in the talk over one.
 */
#define _GNU_SOURCE
#include "criu.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define IMAGES_FD 3
#define WORK_FD 4
#define MAX_REQUEST_BYTES (256 * 1024)
#define FIRST_FREE_FD 6 /* 5 may be the status descriptor of the request */

static _Noreturn void die(const char *what, const char *on, int error)
{
	fprintf(stderr, "%s \"%s\": %s\n", what, on, strerrorname_np(error));
	exit(2);
}

static _Noreturn void become_criu(const char *program, int link)
{
	char number[12];

	/* On a number of its own, so that nothing else of this process is open in CRIU. */
	int r = link == FIRST_FREE_FD ? fcntl(link, F_SETFD, 0) : dup2(link, FIRST_FREE_FD);
	if (r < 0 || syscall(SYS_close_range, FIRST_FREE_FD + 1u, ~0u, 0u) < 0)
		die("hand socket to", program, errno);
	snprintf(number, sizeof(number), "%d", FIRST_FREE_FD);
	execlp(program, program, "swrk", number, (char *)NULL);
	die("run", program, errno);
}

static size_t read_request(uint8_t *to, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while ((n = read(0, to + used, size - used)) > 0)
		used += (size_t)n;
	if (n < 0 || used == size)
		die("read request of", "standard input", n < 0 ? errno : EMSGSIZE);
	return used;
}

/* Until CRIU has answered; returns whether it succeeded. */
static bool converse(int link, const char *program)
{
	for (;;) {
		struct criu_message m;
		int r = criu_hear(link, 0, &m);
		if (r == -EINTR)
			continue;
		if (r < 0)
			die("hear", program, -r);
		if (m.fd >= 0)
			close(m.fd);
		if (m.kind == CRIU_GONE)
			return false;
		if (m.kind == CRIU_ANSWER) {
			printf("answer %d %d %d %s\n", m.success, (int)m.pid, m.error, m.text);
			return m.success;
		}
		printf("notify %s %d\n", m.script, (int)m.pid);
		fflush(stdout);
		r = criu_acknowledge(link, true);
		if (r < 0)
			die("answer", program, -r);
	}
}

int criu_main(int argc, char **argv)
{
	static uint8_t request[MAX_REQUEST_BYTES];
	int sockets[2];

	if (argc != 3) {
		fprintf(stderr, "usage: gantry-keeper criu CRIU (the request on standard input, images on descriptor 3, logs on 4)\n");
		return 2;
	}
	size_t size = read_request(request, sizeof(request));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		die("make socket for", argv[2], errno);
	pid_t pid = fork();
	if (pid < 0)
		die("fork for", argv[2], errno);
	if (pid == 0)
		become_criu(argv[2], sockets[1]);
	close(sockets[1]);
	int r = criu_send_request(sockets[0], request, size, IMAGES_FD, WORK_FD);
	if (r < 0 && r != -EPIPE)
		die("ask", argv[2], -r);
	bool success = converse(sockets[0], argv[2]);
	close(sockets[0]);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return success ? 0 : 1;
}
