/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "interpret.h"
#include <errno.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#define IOPRIO_WHO_PROCESS 1 /* linux/ioprio.h */

/* Raw system calls: libc wraps none of the first four on every release, and does more than is wanted for the last. */
static int result(long r) { return r < 0 ? -errno : 0; }

int op_sched_setattr(struct interpreter *in, const struct op *op)
{
	uint32_t size;

	(void)in;
	/* struct sched_attr begins with its own size: the kernel reads so many bytes, which must be there. */
	if (op->w[1] < sizeof(size))
		return -EINVAL;
	__builtin_memcpy(&size, op_data(op, 0), sizeof(size));
	return size != op->w[1] ? -EINVAL : result(syscall(SYS_sched_setattr, 0, op_data(op, 0), 0));
}

int op_sched_setaffinity(struct interpreter *in, const struct op *op)
{
	(void)in;
	return result(syscall(SYS_sched_setaffinity, 0, (unsigned int)op->w[1], op_data(op, 0)));
}

int op_ioprio_set(struct interpreter *in, const struct op *op)
{
	(void)in;
	return result(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, (int)op->w[0]));
}

/* The mask has whole words; the kernel counts one bit more than it reads. */
int op_set_mempolicy(struct interpreter *in, const struct op *op)
{
	(void)in;
	if (op->w[2] % sizeof(unsigned long) != 0)
		return -EINVAL;
	const uint8_t *nodes = op->w[2] == 0 ? NULL : op_data(op, 1);
	return result(syscall(SYS_set_mempolicy, (int)op->w[0], nodes, nodes == NULL ? 0ul : op->w[2] * 8 + 1));
}

int op_personality(struct interpreter *in, const struct op *op)
{
	(void)in;
	return result(personality((unsigned long)op->w[0]));
}
