/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANTRY_BIRTH_H
#define GANTRY_BIRTH_H
#include "interpret.h"

#define FAILED_CLONE 0xfffffffeu /* in place of an operation: clone3 itself failed */
#define FAILED_NOWHERE 0xffffffffu

/* A process on its way from a plan to its program: what keeper and launcher have in common. */
struct birth {
	uint8_t *bytes;
	size_t bytes_size;
	struct plan plan;
	struct report *report; /* shared with the child */
	size_t report_size;
	struct interpreter in;
	uint32_t parent_next;  /* the parent section is done up to here */
	uint32_t restore_op;   /* the await_restore under way */
	uint32_t preserved;    /* descriptors from 3 that are the program's */
	bool outlives_parent;  /* no PDEATHSIG: it will be somebody else's child */
};

/* Takes a copy of the plan's bytes, checks it and makes the report. Returns 0 or -errno; birth_end frees. */
int birth_begin(struct birth *b, const uint8_t *plan, size_t size);

/*
 * Clones; the child runs its section of the plan and does not return. `sync_fd` is its end of the socket to the parent.
 * Returns the pid, and a pidfd the caller owns in *pidfd, or -errno.
 */
int birth_clone(struct birth *b, int sync_fd, int *pidfd);

/* Interprets the parent section up to the next mark (resume_child, await_exec, …) and steps over a resume_child. */
int birth_parent_span(struct birth *b);

/* Steps over that span without running it: somebody else has. */
void birth_skip_span(struct birth *b);

/* The code of the operation the parent section stands at; OP_LIMIT at its end. */
uint16_t birth_parent_mark(const struct birth *b);

/*
 * The child has become CRIU, and the parent section stands at await_restore: sends the request. What CRIU then says is
 * heard by birth_hear_restore. Returns 0 or -errno.
 */
int birth_ask_restore(struct birth *b, int link);

enum restore_step { RESTORE_ON, RESTORE_DONE, RESTORE_FAILED };

/*
 * Takes one message of CRIU, runs the span it stands for and acknowledges it. `*pid` becomes the restored process's as
 * soon as it is known; a terminal goes to SLOT_PTY. On failure report->error, report->op and report->text say why.
 * Returns a step, or -EAGAIN where there is nothing to hear yet.
 */
int birth_hear_restore(struct birth *b, int link, int flags, pid_t *pid);

/* Does the next span fork programs of the bundle, which may take their time? */
bool birth_span_has_hook(const struct birth *b);

uint32_t birth_op_count(const struct birth *b);

/* In a fork: closes all that is the parent's and that no slot names, but for `kept_fd`. */
void birth_close_others(const struct birth *b, int kept_fd);

/* Gives back what birth_begin took. Slots are the caller's. */
void birth_end(struct birth *b);

#endif
