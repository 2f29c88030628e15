/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A seccomp listener as a container's engine has one: takes the descriptor of one filter, prints the message that came
 * with it, then the number of every system call it is asked about. `mkdir` is answered with EXDEV, all others
 * may go on. Ends with the last process the filter is on. Usage: listener SOCKET
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static int take(const char *path)
{
	static char text[65536];
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * 4)];
	} control;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct iovec body = { .iov_base = text, .iov_len = sizeof(text) - 1 };
	struct msghdr m = { .msg_iov = &body, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space) };
	int fd = -1, server = socket(AF_UNIX, SOCK_STREAM, 0);

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	if (server < 0 || bind(server, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(server, 1) < 0)
		return -1;
	printf("listening\n");
	int client = accept(server, NULL, NULL);
	ssize_t n = recvmsg(client, &m, 0);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	if (c == NULL || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	printf("%.*s\n", (int)n, text);
	if (recv(client, text, 1, 0) == 0)
		printf("closed\n");
	return fd;
}

static int answer(int fd)
{
	struct seccomp_notif asked = { 0 };

	if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0)
		return errno == ENOENT || errno == EINTR ? 0 : -1;
	struct seccomp_notif_resp said = { .id = asked.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
	if (asked.data.nr == SYS_mkdir)
		said = (struct seccomp_notif_resp){ .id = asked.id, .error = -EXDEV };
	printf("%d\n", asked.data.nr);
	return ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &said) < 0 && errno != ENOENT ? -1 : 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	int fd = argc == 2 ? take(argv[1]) : -1;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	while (fd >= 0 && poll(&p, 1, -1) > 0 && (p.revents & POLLIN) != 0)
		if (answer(fd) < 0)
			break;
	return fd < 0;
}
