/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "birth.h"
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

uint32_t birth_op_count(const struct birth *b) { return b->plan.n_prepare + b->plan.n_parent + b->plan.n_child; }

int birth_begin(struct birth *b, const uint8_t *plan, size_t size)
{
	b->bytes_size = size;
	void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bytes == MAP_FAILED)
		return -errno;
	b->bytes = bytes;
	memcpy(b->bytes, plan, size);
	int error = plan_decode(b->bytes, size, &b->plan);
	if (error < 0)
		return error;
	b->report_size = sizeof(*b->report) + birth_op_count(b) * 4u;
	void *report = mmap(NULL, b->report_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (report == MAP_FAILED)
		return -errno;
	b->report = b->in.report = report;
	return 0;
}

void birth_end(struct birth *b)
{
	if (b->report != NULL)
		munmap(b->report, b->report_size);
	if (b->bytes != NULL)
		munmap(b->bytes, b->bytes_size);
	b->report = NULL;
	b->bytes = NULL;
}

/* ---- the parent section ------------------------------------------------------------------------------------- */

static bool is_mark(uint16_t code)
{
	return code == OP_RESUME_CHILD || code == OP_LEAVE_CHILD || code == OP_AWAIT_EXEC || code == OP_AWAIT_EXIT ||
	       code == OP_AWAIT_RESTORE;
}

uint16_t birth_parent_mark(const struct birth *b)
{
	return b->parent_next < b->plan.n_parent ? b->plan.ops[b->plan.n_prepare + b->parent_next].code : OP_LIMIT;
}

static uint32_t span_length(const struct birth *b)
{
	const struct op *ops = b->plan.ops + b->plan.n_prepare;
	uint32_t end = b->parent_next;

	while (end < b->plan.n_parent && !is_mark(ops[end].code))
		end++;
	return end - b->parent_next;
}

bool birth_span_has_hook(const struct birth *b)
{
	const struct op *ops = b->plan.ops + b->plan.n_prepare + b->parent_next;

	for (uint32_t i = 0; i < span_length(b); i++)
		if (ops[i].code == OP_RUN_HOOK)
			return true;
	return false;
}

void birth_skip_span(struct birth *b)
{
	b->parent_next += span_length(b);
	if (birth_parent_mark(b) == OP_RESUME_CHILD)
		b->parent_next++;
}

int birth_parent_span(struct birth *b)
{
	uint32_t first = b->plan.n_prepare + b->parent_next, length = span_length(b);
	int r = interpret(&b->in, b->plan.ops + first, length, first);

	birth_skip_span(b);
	return r;
}

/* ---- the child ---------------------------------------------------------------------------------------------- */

/*
 * Connections, other processes' pipes, the sync socket's other end: a start that hangs must not keep them open, and a
 * working directory must not be found among them.
 */
void birth_close_others(const struct birth *b, int kept_fd)
{
	const int *slots = b->in.slots;
	int kept[SLOT_COUNT + 1] = { kept_fd };
	int count = 1, first = 3 + (int)b->preserved, next = first;

	for (int i = 0; i < SLOT_COUNT; i++) {
		if (slots[i] < first)
			continue;
		int at = count++;
		for (; at > 0 && kept[at - 1] > slots[i]; at--)
			kept[at] = kept[at - 1];
		kept[at] = slots[i];
	}
	for (int i = 0; i < count; i++) {
		if (kept[i] > next)
			syscall(SYS_close_range, (unsigned int)next, (unsigned int)kept[i] - 1, 0u);
		next = kept[i] + 1;
	}
	syscall(SYS_close_range, (unsigned int)next, ~0u, 0u);
}

/* A start that waits for somebody (await_start) has no parent to tell any more: the answer goes to who let it go on. */
static void answer_starter(const struct birth *b)
{
	int32_t record[2] = { (int32_t)b->report->op, b->report->error };

	if (b->in.answer_fd < 0)
		return;
	ssize_t n = write(b->in.answer_fd, record, sizeof(record));
	if (n == (ssize_t)sizeof(record) && b->report->text[0] != '\0')
		n = write(b->in.answer_fd, b->report->text, strnlen(b->report->text, sizeof(b->report->text)));
	(void)n; /* whoever started it is gone: there is nobody else to tell */
}

static _Noreturn void child(struct birth *b, int sync_fd)
{
	uint32_t base = b->plan.n_prepare + b->plan.n_parent;

	/* Until its program runs, who is already inside the container shall not look into this process (CVE-2016-9962). */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (!b->outlives_parent)
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (b->in.slots[SLOT_CGROUP] >= 0) /* it was for clone3 */
		close(b->in.slots[SLOT_CGROUP]);
	b->in.slots[SLOT_CGROUP] = -1;
	birth_close_others(b, sync_fd);
	umask(022); /* The parent's own is narrower, for its own files; a bundle that wants another says so. */
	b->in.sync_fd = sync_fd;
	b->in.answer_fd = -1;
	b->in.is_child = true;
	if (keeper_is_gone(&b->in))
		_exit(127);
	int r = interpret(&b->in, b->plan.ops + base, b->plan.n_child, base);
	if (r < 0) {
		b->report->error = -r;
		b->report->state = REPORT_FAILED;
		answer_starter(b);
		_exit(127);
	}
	b->report->state = REPORT_DONE;
	_exit(0);
}

int birth_clone(struct birth *b, int sync_fd, int *pidfd)
{
	struct clone_args args = {
		.flags = b->plan.clone_flags | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = (b->plan.clone_flags & CLONE_INTO_CGROUP) != 0 ? (uint64_t)b->in.slots[SLOT_CGROUP] : 0,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0)
		child(b, sync_fd);
	if (pid < 0)
		return -errno;
	b->report->pid = (int32_t)pid;
	return (int)pid;
}
