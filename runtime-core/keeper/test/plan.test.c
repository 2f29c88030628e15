/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder's refusals: whatever the bytes are, no pointer it hands out leads outside of them. */
#include "../plan.h"
#include "tap.h"
#include <errno.h>

#define OPS_AT PLAN_HEADER_BYTES
#define BLOB_AT(count) (PLAN_HEADER_BYTES + (count) * PLAN_OP_BYTES)

/* A plan under construction in a buffer of exactly its size, so that the sanitizer sees every step beyond. */
struct made {
	uint8_t *bytes;
	size_t size;
};

static struct made make(uint32_t ops, size_t blob)
{
	struct made m = { .size = BLOB_AT(ops) + blob };

	m.bytes = calloc(1, m.size);
	need(m.bytes != NULL);
	uint32_t head[6] = { PLAN_MAGIC, PLAN_VERSION, (uint32_t)m.size, 0, 0, ops };
	memcpy(m.bytes, head, sizeof(head));
	return m;
}

static struct op *op_at(const struct made *m, uint32_t index) { return (struct op *)(void *)(m->bytes + BLOB_AT(index)); }

static void set_head(const struct made *m, int word, uint32_t value) { memcpy(m->bytes + 4 * word, &value, 4); }

static void set_cell(const struct made *m, size_t at, uint64_t value) { memcpy(m->bytes + at, &value, 8); }

static void refused(struct made m, const char *what)
{
	struct plan plan;

	is(plan_decode(m.bytes, m.size, &plan), -EINVAL, "refused: %s", what);
	free(m.bytes);
}

static void good_plans(void)
{
	struct plan plan;
	struct made m = make(0, 8);
	uint64_t flags = 0x20020000;

	memcpy(m.bytes + 24, &flags, 8);
	is(plan_decode(m.bytes, m.size, &plan), 0, "a plan without operations is a plan");
	is(plan.clone_flags, 0x20020000, "the clone flags are read");
	is(plan.n_prepare + plan.n_parent + plan.n_child, 0, "it has no operations");
	free(m.bytes);

	m = make(3, 16);
	set_head(&m, 3, 1);
	set_head(&m, 4, 1);
	set_head(&m, 5, 1);
	memcpy(m.bytes + BLOB_AT(3), "/data", 6);
	op_at(&m, 0)->code = op_at(&m, 2)->code = OP_CHDIR;
	op_at(&m, 0)->w[0] = BLOB_AT(3);
	op_at(&m, 1)->code = OP_SETSID;
	op_at(&m, 2)->w[0] = BLOB_AT(3) + 1;
	is(plan_decode(m.bytes, m.size, &plan), 0, "a plan of three sections is decoded");
	is_text(op_str(&plan.ops[0], 0), "/data", "a string is a pointer to its text");
	is_text(op_str(&plan.ops[2], 0), "data", "a string may begin inside another");
	free(m.bytes);
}

static void arrays(void)
{
	struct plan plan;
	struct made m = make(1, 64);
	size_t at = BLOB_AT(1);

	op_at(&m, 0)->code = OP_EXECVE;
	memcpy(m.bytes + at, "sh\0-c\0\0", 8);
	set_cell(&m, at + 8, at);
	set_cell(&m, at + 16, at + 3);
	op_at(&m, 0)->w[0] = at + 8;
	op_at(&m, 0)->w[1] = at + 32;
	op_at(&m, 0)->w[2] = at + 40;
	is(plan_decode(m.bytes, m.size, &plan), 0, "a plan with arrays is decoded");
	is_text(op_strv(&plan.ops[0], 0)[1], "-c", "an array's entries are pointers to text");
	ok(op_strv(&plan.ops[0], 0)[2] == NULL && op_strv(&plan.ops[0], 1)[0] == NULL, "arrays end with NULL");
	free(m.bytes);
}

static void optional_operands(void)
{
	struct plan plan;
	struct made m = make(2, 8);

	op_at(&m, 0)->code = OP_MOUNT;
	op_at(&m, 0)->w[0] = op_at(&m, 0)->w[2] = op_at(&m, 0)->w[4] = UINT64_MAX;
	op_at(&m, 0)->w[1] = BLOB_AT(2);
	op_at(&m, 1)->code = OP_OPEN_TREE;
	op_at(&m, 1)->w[1] = UINT64_MAX;
	op_at(&m, 1)->w[2] = BLOB_AT(2);
	is(plan_decode(m.bytes, m.size, &plan), 0, "optional operands may be absent");
	ok(op_str(&plan.ops[0], 0) == NULL && op_str(&plan.ops[0], 4) == NULL, "an absent string is NULL");
	is(op_slot(&plan.ops[1], 1), -1, "an absent slot is -1");
	free(m.bytes);
}

static void bad_headers(void)
{
	struct plan plan;
	struct made m = make(0, 8);

	for (size_t size = 0; size < PLAN_HEADER_BYTES + 8; size++) {
		uint8_t *cut = malloc(size + 1);
		need(cut != NULL);
		memcpy(cut, m.bytes, size);
		if (plan_decode(cut, size, &plan) != -EINVAL)
			ok(false, "refused: a header of %zu bytes", size);
		free(cut);
	}
	ok(true, "refused: every header that is too short");
	free(m.bytes);

	m = make(0, 8), set_head(&m, 0, 1), refused(m, "another magic number");
	m = make(0, 8), set_head(&m, 1, 2), refused(m, "another version");
	m = make(0, 8), set_head(&m, 2, (uint32_t)m.size - 1), refused(m, "a size that is less than the bytes");
	m = make(0, 8), set_head(&m, 2, (uint32_t)m.size + 1), refused(m, "a size that is more than the bytes");
	m = make(0, 8), m.bytes[m.size - 1] = 1, refused(m, "a last byte that is not zero");
	m = make(0, PLAN_MAX_BYTES), refused(m, "a plan larger than the limit");
}

static void bad_counts(void)
{
	struct made m;

	m = make(1, 8), set_head(&m, 5, 2), refused(m, "more operations than there is room for");
	m = make(1, 0), refused(m, "no room for the terminating zero");
	for (int word = 3; word <= 5; word++) {
		m = make(1, 8), set_head(&m, word, PLAN_MAX_OPS + 1), refused(m, "a section over the limit of operations");
		m = make(1, 8), set_head(&m, word, UINT32_MAX), refused(m, "a section of 2^32 - 1 operations");
	}
	m = make(2, 8), set_head(&m, 3, 0x80000000u), set_head(&m, 4, 0x80000002u), set_head(&m, 5, 0), refused(m, "counts whose sum wraps around");
	m = make(1, 8), set_head(&m, 3, PLAN_MAX_OPS), refused(m, "sections that are over the limit together");
}

static void bad_codes(void)
{
	struct made m;
	struct plan plan;
	int taken = 0;

	m = make(1, 8), refused(m, "operation 0");
	m = make(1, 8), op_at(&m, 0)->code = OP_LIMIT, refused(m, "the first operation beyond the table");
	m = make(1, 8), op_at(&m, 0)->code = UINT16_MAX, refused(m, "operation 65535");
	for (uint16_t code = 0; code < OP_LIMIT; code++) {
		m = make(1, 8);
		op_at(&m, 0)->code = code;
		memset(op_at(&m, 0)->w, 0xff, sizeof(op_at(&m, 0)->w));
		taken += plan_decode(m.bytes, m.size, &plan) == 0;
		free(m.bytes);
	}
	ok(taken > 0 && taken < OP_LIMIT / 2, "operations with operands refuse absent ones (%d have no need of any)", taken);
}

static struct made one(uint16_t code, size_t blob)
{
	struct made m = make(1, blob);

	op_at(&m, 0)->code = code;
	return m;
}

static void bad_strings(void)
{
	static const uint64_t wrong[] = { 0, 1, PLAN_HEADER_BYTES, BLOB_AT(1) - 1, BLOB_AT(1) + 8, 1u << 30, 1ull << 63, UINT64_MAX };
	struct made m;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char what[64];
		snprintf(what, sizeof(what), "a string at %" PRIu64, wrong[i]);
		m = one(OP_CHDIR, 8), op_at(&m, 0)->w[0] = wrong[i], refused(m, what);
		snprintf(what, sizeof(what), "data at %" PRIu64, wrong[i]);
		m = one(OP_SECCOMP, 8), op_at(&m, 0)->w[0] = wrong[i], refused(m, what);
		snprintf(what, sizeof(what), "an array at %" PRIu64, wrong[i]);
		m = one(OP_EXECVE, 8), op_at(&m, 0)->w[0] = wrong[i], refused(m, what);
	}
}

static void bad_data(void)
{
	static const uint64_t lengths[] = { 9, 1u << 31, UINT64_MAX - BLOB_AT(1), UINT64_MAX };
	struct made m;
	struct plan plan;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		char what[64];
		snprintf(what, sizeof(what), "data of %" PRIu64 " bytes", lengths[i]);
		m = one(OP_SECCOMP, 8), op_at(&m, 0)->w[0] = BLOB_AT(1), op_at(&m, 0)->w[1] = lengths[i], refused(m, what);
	}
	m = one(OP_SECCOMP, 8), op_at(&m, 0)->w[0] = BLOB_AT(1), op_at(&m, 0)->w[1] = 8;
	is(plan_decode(m.bytes, m.size, &plan), 0, "data up to the last byte is taken");
	free(m.bytes);
}

static struct made with_array(size_t blob, uint64_t first, uint64_t second)
{
	struct made m = one(OP_EXECVE, blob);

	op_at(&m, 0)->w[0] = first;
	op_at(&m, 0)->w[1] = second;
	op_at(&m, 0)->w[2] = second + 8;
	return m;
}

static void bad_arrays(void)
{
	size_t at = BLOB_AT(1);
	struct made m;

	m = with_array(64, at + 4, at + 16), refused(m, "an array that is not aligned");
	m = with_array(64, at, at), refused(m, "two arrays in one place");
	m = with_array(64, at + 16, at), refused(m, "arrays that descend");
	m = with_array(64, at, at + 8), set_cell(&m, at, at + 40), refused(m, "an array inside another");
	m = with_array(64, at, at + 16), set_cell(&m, at, 8), refused(m, "an array whose entry is in the header");
	m = with_array(64, at, at + 16), set_cell(&m, at, at + 64), refused(m, "an array whose entry is outside");
	m = with_array(64, at + 56, at + 56), refused(m, "an array in the terminating zero");
	m = one(OP_EXECVE, 64);
	for (size_t cell = at; cell < at + 56; cell += 8)
		set_cell(&m, cell, at);
	op_at(&m, 0)->w[0] = at;
	refused(m, "an array without an end");
}

static void bad_slots(void)
{
	struct made m;
	struct plan plan;

	m = one(OP_CLOSE, 8), op_at(&m, 0)->w[0] = SLOT_COUNT, refused(m, "a slot beyond the table");
	m = one(OP_CLOSE, 8), op_at(&m, 0)->w[0] = UINT64_MAX, refused(m, "an absent slot where one is needed");
	m = one(OP_CLOSE, 8), op_at(&m, 0)->w[0] = 0x100000001ull, refused(m, "a slot that is good in its lower half");
	m = one(OP_CLOSE, 8), op_at(&m, 0)->w[0] = SLOT_COUNT - 1;
	is(plan_decode(m.bytes, m.size, &plan), 0, "the last slot is taken");
	free(m.bytes);
	m = one(OP_WRITE_FILE, 8), op_at(&m, 0)->w[0] = UINT64_MAX - 1, refused(m, "an optional slot that is neither");
}

int main(void)
{
	good_plans();
	arrays();
	optional_operands();
	bad_headers();
	bad_counts();
	bad_codes();
	bad_strings();
	bad_data();
	bad_arrays();
	bad_slots();
	return tap_end();
}
