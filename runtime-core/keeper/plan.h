/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANTRY_PLAN_H
#define GANTRY_PLAN_H
#include <stddef.h>
#include <stdint.h>
#include "ops.gen.h"

/* One operation after decoding: strings and data are pointers into the plan, slots are checked numbers (or -1). */
struct op {
	uint16_t code;
	uint16_t tolerate[2];
	uint16_t unused;
	uint64_t w[PLAN_WORDS];
};

struct plan {
	const struct op *ops; /* prepare, then parent, then child; points into the caller's bytes */
	uint32_t n_prepare, n_parent, n_child;
	uint64_t clone_flags;
};

/*
 * Checks the bytes of a plan and links them in place: offsets become pointers, so that the interpreter parses nothing.
 * `bytes` must be 8-aligned, stays owned by the caller and must outlive `out`. Returns 0 or -EINVAL.
 */
int plan_decode(uint8_t *bytes, size_t size, struct plan *out);

static inline const char *op_str(const struct op *op, int i) { return (const char *)(uintptr_t)op->w[i]; }
static inline const uint8_t *op_data(const struct op *op, int i) { return (const uint8_t *)(uintptr_t)op->w[i]; }
static inline char *const *op_strv(const struct op *op, int i) { return (char *const *)(uintptr_t)op->w[i]; }
static inline int op_slot(const struct op *op, int i) { return (int)(int64_t)op->w[i]; }

#endif
