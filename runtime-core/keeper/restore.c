/* SPDX-License-Identifier: Apache-2.0 */
/* The parent's part of a restore, for keeper and launcher: CRIU is the child, and makes its own sibling of what it restores. */
#define _GNU_SOURCE
#include "birth.h"
#include "criu.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int birth_ask_restore(struct birth *b, int link)
{
	const struct op *op = &b->plan.ops[b->plan.n_prepare + b->parent_next];

	b->restore_op = b->plan.n_prepare + b->parent_next++;
	return criu_send_request(link, op_data(op, 2), (size_t)op->w[3], slot_get(&b->in, op, 0), slot_get(&b->in, op, 1));
}

static int fail(struct birth *b, int error, const char *text)
{
	b->report->op = b->restore_op;
	b->report->error = error == 0 ? ECANCELED : error;
	if (text[0] != '\0')
		snprintf(b->report->text, sizeof(b->report->text), "%s", text);
	return RESTORE_FAILED;
}

static void put_slot(struct birth *b, int slot, int fd)
{
	if (b->in.slots[slot] >= 0)
		close(b->in.slots[slot]);
	b->in.slots[slot] = fd;
}

/* From here on the child is the restored process. */
static int take_over(struct birth *b, pid_t restored, pid_t *pid)
{
	char path[32];

	if (restored <= 0 || *pid == restored)
		return 0;
	int pidfd = (int)syscall(SYS_pidfd_open, restored, 0u);
	if (pidfd < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/%d", (int)restored);
	put_slot(b, SLOT_CHILD, open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
	put_slot(b, SLOT_CHILD_PIDFD, pidfd);
	b->report->pid = *pid = restored;
	return 0;
}

static int notified(struct birth *b, int link, struct criu_message *m, pid_t *pid)
{
	if (m->fd >= 0 && strcmp(m->script, "orphan-pts-master") == 0) {
		put_slot(b, SLOT_PTY, m->fd);
		m->fd = -1;
	}
	bool has_span = strcmp(m->script, "setup-namespaces") == 0 || strcmp(m->script, "post-restore") == 0;
	int taken = take_over(b, m->pid, pid);
	int r = taken == 0 && has_span ? birth_parent_span(b) : taken;
	criu_acknowledge(link, r == 0); /* if CRIU is gone by now, the next message says so */
	if (taken < 0)
		return fail(b, -taken, "");
	b->report->error = -r; /* of a hook, or a record: the operation is named already */
	return r < 0 ? RESTORE_FAILED : RESTORE_ON;
}

int birth_hear_restore(struct birth *b, int link, int flags, pid_t *pid)
{
	struct criu_message m;
	int r = criu_hear(link, flags, &m), step;

	if (r == -EAGAIN || r == -EINTR)
		return -EAGAIN;
	if (r < 0)
		return fail(b, -r, "");
	if (m.kind == CRIU_NOTIFY)
		step = notified(b, link, &m, pid);
	else if (m.kind == CRIU_GONE && b->report->state == REPORT_FAILED)
		step = RESTORE_FAILED; /* it never became CRIU, and has said why */
	else if (m.kind == CRIU_GONE)
		step = fail(b, ECHILD, "CRIU ended without an answer");
	else if (!m.success)
		step = fail(b, m.error, m.text[0] == '\0' ? "CRIU could not restore" : m.text);
	else {
		r = take_over(b, m.pid, pid);
		step = r < 0 ? fail(b, -r, "") : RESTORE_DONE;
	}
	if (m.fd >= 0)
		close(m.fd);
	return step;
}
