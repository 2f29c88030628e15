/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "interpret.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define LAST_POSSIBLE_CAPABILITY 63

static int result(long r) { return r < 0 ? -errno : 0; }

int op_set_hostname(struct interpreter *in, const struct op *op)
{
	(void)in;
	return result(sethostname(op_str(op, 0), strlen(op_str(op, 0))));
}

int op_set_domainname(struct interpreter *in, const struct op *op)
{
	(void)in;
	return result(setdomainname(op_str(op, 0), strlen(op_str(op, 0))));
}

int op_set_rlimit(struct interpreter *in, const struct op *op)
{
	const struct rlimit limit = { .rlim_cur = op->w[1], .rlim_max = op->w[2] };

	(void)in;
	return result(setrlimit((__rlimit_resource_t)op->w[0], &limit));
}

/* The keeper has the only other end of the socket. */
bool keeper_is_gone(const struct interpreter *in)
{
	char byte;

	return in->sync_fd >= 0 && recv(in->sync_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

int op_prctl(struct interpreter *in, const struct op *op)
{
	int r = result(prctl((int)op->w[0], op->w[1], op->w[2], op->w[3], op->w[4]));

	/* A parent that died before is not told by the signal. */
	return r == 0 && op->w[0] == PR_SET_PDEATHSIG && keeper_is_gone(in) ? -ECANCELED : r;
}

int op_drop_bounding(struct interpreter *in, const struct op *op)
{
	(void)in;
	for (int cap = 0; cap <= LAST_POSSIBLE_CAPABILITY; cap++) {
		if (((op->w[0] >> cap) & 1) != 0)
			continue;
		int have = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
		if (have < 0)
			break; /* EINVAL: beyond the kernel's last capability */
		if (have == 1 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -errno;
	}
	return 0;
}

int op_capset(struct interpreter *in, const struct op *op)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2];

	(void)in;
	for (int half = 0; half < 2; half++) {
		sets[half].effective = (uint32_t)(op->w[0] >> (32 * half));
		sets[half].permitted = (uint32_t)(op->w[1] >> (32 * half));
		sets[half].inheritable = (uint32_t)(op->w[2] >> (32 * half));
	}
	return result(syscall(SYS_capset, &header, sets));
}

int op_raise_ambient(struct interpreter *in, const struct op *op)
{
	(void)in;
	for (int cap = 0; cap <= LAST_POSSIBLE_CAPABILITY; cap++)
		if (((op->w[0] >> cap) & 1) != 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return -errno;
	return 0;
}

/* Raw system calls for ids: libc's wrappers signal all threads of the process, and this is a fork of none. */
int op_set_groups(struct interpreter *in, const struct op *op)
{
	(void)in;
	return result(syscall(SYS_setgroups, op->w[1] / sizeof(gid_t), op_data(op, 0)));
}

int op_set_gid(struct interpreter *in, const struct op *op)
{
	(void)in;
	return result(syscall(SYS_setresgid, (gid_t)op->w[0], (gid_t)op->w[0], (gid_t)op->w[0]));
}

int op_set_uid(struct interpreter *in, const struct op *op)
{
	(void)in;
	return result(syscall(SYS_setresuid, (uid_t)op->w[0], (uid_t)op->w[0], (uid_t)op->w[0]));
}

int op_umask(struct interpreter *in, const struct op *op)
{
	(void)in;
	umask((mode_t)op->w[0]);
	return 0;
}

int op_seccomp(struct interpreter *in, const struct op *op)
{
	if (op->w[1] > BPF_MAXINSNS * sizeof(struct sock_filter)) /* `len` below would wrap around */
		return -EINVAL;
	struct sock_fprog program = {
		.len = (unsigned short)(op->w[1] / sizeof(struct sock_filter)),
		.filter = (struct sock_filter *)(uintptr_t)op_data(op, 0),
	};

	(void)in;
	return result(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, (unsigned int)op->w[2], &program));
}

int op_setsid(struct interpreter *in, const struct op *op)
{
	(void)in;
	(void)op;
	return result(setsid());
}

int op_set_terminal(struct interpreter *in, const struct op *op)
{
	(void)in;
	return result(ioctl((int)op->w[0], TIOCSCTTY, 0));
}

int op_open_pty(struct interpreter *in, const struct op *op)
{
	struct winsize size = { .ws_row = (unsigned short)op->w[3], .ws_col = (unsigned short)op->w[4] };
	int unlock = 0;
	int master = open(op_str(op, 2), O_RDWR | O_NOCTTY | O_CLOEXEC);
	int r = slot_put(in, op, 0, master);

	if (r < 0)
		return r;
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0 || ioctl(master, TIOCSWINSZ, &size) < 0)
		return -errno;
	/* TIOCGPTPEER: the slave of this very master, whatever is mounted at /dev/pts by now. */
	return slot_put(in, op, 1, ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
}

int op_send_fd(struct interpreter *in, const struct op *op)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char tag = (char)op->w[1];
	struct iovec body = { .iov_base = &tag, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &body, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	int fd = slot_get(in, op, 0);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return result(sendmsg(in->sync_fd, &message, MSG_NOSIGNAL));
}

int op_sync_parent(struct interpreter *in, const struct op *op)
{
	char byte = 0;

	(void)op;
	if (send(in->sync_fd, &byte, 1, MSG_NOSIGNAL) < 0)
		return -errno;
	ssize_t n = recv(in->sync_fd, &byte, 1, 0);
	return n == 1 ? 0 : n < 0 ? -errno : -ECANCELED;
}

int op_loopback_up(struct interpreter *in, const struct op *op)
{
	struct ifreq request = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)in;
	(void)op;
	if (fd < 0)
		return -errno;
	int r = result(ioctl(fd, SIOCGIFFLAGS, &request));
	request.ifr_flags |= IFF_UP;
	if (r == 0)
		r = result(ioctl(fd, SIOCSIFFLAGS, &request));
	close(fd);
	return r;
}

int op_reset_signals(struct interpreter *in, const struct op *op)
{
	const struct sigaction standard = { .sa_handler = SIG_DFL };
	sigset_t none;

	(void)in;
	(void)op;
	for (int signo = 1; signo <= SIGRTMAX; signo++)
		sigaction(signo, &standard, NULL); /* fails for KILL, STOP and libc's own: they need no reset */
	sigemptyset(&none);
	return result(sigprocmask(SIG_SETMASK, &none, NULL));
}

int op_attach_device_program(struct interpreter *in, const struct op *op)
{
	static const char licence[] = "Apache-2.0";
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = op->w[1];
	attr.insn_cnt = (uint32_t)(op->w[2] / sizeof(struct bpf_insn));
	attr.license = (uint64_t)(uintptr_t)licence;
	int program = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (program < 0)
		return -errno;
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)slot_get(in, op, 0);
	attr.attach_bpf_fd = (uint32_t)program;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	int r = result(syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr)));
	close(program);
	return r;
}

int op_execve(struct interpreter *in, const struct op *op)
{
	int error = ENOENT;

	in->report->state = REPORT_EXEC;
	for (char *const *path = op_strv(op, 0); *path != NULL; path++) {
		execve(*path, op_strv(op, 1), op_strv(op, 2));
		/* As execvp(3): what is not there or not executable does not end the search, but is remembered. */
		if (errno == EACCES)
			error = EACCES;
		else if (errno != ENOENT && errno != ENOTDIR) {
			error = errno;
			break;
		}
	}
	return -error;
}

int op_pod_init(struct interpreter *in, const struct op *op)
{
	sigset_t all;
	int signo;

	(void)op;
	prctl(PR_SET_NAME, "gantry-init", 0, 0, 0);
	in->report->state = REPORT_DONE;
	syscall(SYS_close_range, 0u, ~0u, 0u); /* the keeper sees the end of the sync socket: the pod's init is up */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (;;) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		sigwait(&all, &signo);
	}
}
