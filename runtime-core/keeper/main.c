/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gantry-keeper: the parent of a pod's processes.
 *
 * `gantry-keeper zygote` reads, on descriptor 3, lines with a pod's directory; for each it forks a keeper that serves
 * `keeper.sock` there, and answers "<pid> <errno>\n". It ends when descriptor 3 does, the keepers live on.
 *
 * `gantry-keeper launch` runs one plan for the command line: launcher.c. `gantry-keeper criu` talks to CRIU: criu_main.c.
 */
#define _GNU_SOURCE
#include "keeper.h"
#include "criu.h"
#include "signals.h"
#include "launcher.h"
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ZYGOTE_FD 3
#define MAX_EVENTS 32

struct keeper keeper = { .epoll_fd = -1, .own_pid_ns = -1 };

uint64_t monotonic_ms(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

uint64_t realtime_ns(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int watch(struct source *s, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = s };
	int how = events == 0 ? EPOLL_CTL_DEL : s->watching == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

	if (events == s->watching)
		return 0;
	if (epoll_ctl(keeper.epoll_fd, how, s->fd, &event) < 0)
		return -errno;
	s->watching = events;
	return 0;
}

void close_source(struct source *s)
{
	if (s->fd < 0)
		return;
	watch(s, 0);
	close(s->fd);
	s->fd = -1;
}

static void on_signal(struct source *s, uint32_t events)
{
	struct signalfd_siginfo info[8];

	(void)events;
	while (read(s->fd, info, sizeof(info)) > 0)
		;
	reap();
}

static int take_signals(struct source *s)
{
	sigset_t taken;

	if (block_signals(&taken) < 0)
		return -errno;
	sigemptyset(&taken);
	sigaddset(&taken, SIGCHLD);
	s->fd = signalfd(-1, &taken, SFD_NONBLOCK | SFD_CLOEXEC);
	return s->fd < 0 ? -errno : watch(s, EPOLLIN);
}

bool keeper_round(int at_most_ms)
{
	struct epoll_event events[MAX_EVENTS];
	int64_t wait = next_deadline_ms(), rest = stream_rest_ms();

	if (rest >= 0 && (wait < 0 || wait > rest))
		wait = rest;
	if (at_most_ms >= 0 && (wait < 0 || wait > at_most_ms))
		wait = at_most_ms;
	int n = epoll_wait(keeper.epoll_fd, events, MAX_EVENTS, wait > 60000 ? 60000 : (int)wait);
	for (int i = 0; i < n; i++) {
		struct source *s = events[i].data.ptr;
		/* An earlier event of this round may have closed it; its memory lives until the sweep. */
		if (s->watching != 0)
			s->ready(s, events[i].events);
	}
	conn_resume();
	run_deadlines();
	conn_sweep();
	return !keeper.shutting_down || processes != NULL;
}

int keeper_start(int listen_fd)
{
	static struct source signals = { .ready = on_signal, .fd = -1 };

	for (int i = 0; i < SLOT_COUNT; i++)
		keeper.pod_slots[i] = -1;
	keeper.own_pid_ns = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	keeper.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (keeper.own_pid_ns < 0 || keeper.epoll_fd < 0)
		return -errno;
	int r = take_signals(&signals);
	if (r == 0)
		conn_start(listen_fd);
	return r;
}

static _Noreturn void keep(int listen_fd)
{
	setsid();
	signal(SIGCHLD, SIG_DFL);
	prctl(PR_SET_NAME, "gantry-keeper", 0, 0, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	/* Large buffers are mapped, and given back when freed: a keeper at rest is small. */
	mallopt(M_MMAP_THRESHOLD, 8192);
	mallopt(M_TRIM_THRESHOLD, 16384);
	if (keeper_start(listen_fd) < 0)
		_exit(1);
	while (keeper_round(-1))
		;
	unlink("keeper.sock");
	exit(0);
}

/* Forks a keeper for one pod directory. Returns its pid or -errno. */
static int spawn(const char *directory)
{
	if (chdir(directory) < 0)
		return -errno;
	int listen_fd = conn_listen("keeper.sock");
	int pid = listen_fd < 0 ? listen_fd : fork();
	if (pid == 0) {
		close(ZYGOTE_FD);
		keep(listen_fd);
	}
	if (pid < 0 && listen_fd >= 0)
		pid = -errno;
	if (listen_fd >= 0)
		close(listen_fd);
	if (chdir("/") < 0)
		return -errno;
	return pid;
}

static int zygote(void)
{
	char line[4096], answer[64];
	size_t used = 0;
	ssize_t n;

	signal(SIGCHLD, SIG_IGN); /* keepers are reaped by the kernel; the daemon sees their sockets close */
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_NAME, "gantry-zygote", 0, 0, 0);
	fcntl(ZYGOTE_FD, F_SETFD, FD_CLOEXEC);
	while ((n = read(ZYGOTE_FD, line + used, sizeof(line) - 1 - used)) > 0) {
		used += (size_t)n;
		line[used] = '\0';
		char *end;
		while ((end = memchr(line, '\n', used)) != NULL) {
			*end = '\0';
			int r = spawn(line);
			int length = snprintf(answer, sizeof(answer), "%d %d\n", r > 0 ? r : 0, r < 0 ? -r : 0);
			if (write(ZYGOTE_FD, answer, (size_t)length) != length)
				return 1;
			used -= (size_t)(end + 1 - line);
			memmove(line, end + 1, used);
		}
		if (used == sizeof(line) - 1)
			return 1;
	}
	return 0;
}

/*
 * Does nothing, for a unit of systemd that must not be without a process until its container is there (oci-cli/unit-holder.ts).
 * It goes with its parent, which is what the launcher becomes.
 */
static int hold(void)
{
	pid_t parent = getppid();

	prctl(PR_SET_NAME, "gantry-holder", 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (write(STDOUT_FILENO, "", 1) != 1 || close(STDOUT_FILENO) < 0)
		return 1;
	while (getppid() == parent)
		pause();
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[1], "hold") == 0)
		return hold();
	if (argc >= 2 && strcmp(argv[1], "launch") == 0)
		return launcher(argc, argv);
	if (argc >= 2 && strcmp(argv[1], "criu") == 0)
		return criu_main(argc, argv);
	if (argc < 2 || strcmp(argv[1], "zygote") != 0) {
		fprintf(stderr, "usage: gantry-keeper zygote (started by gantryd, with a socket on descriptor 3)\n");
		return 2;
	}
	umask(077);
	return zygote();
}
