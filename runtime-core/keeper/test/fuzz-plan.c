/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: whatever the bytes of a plan are, it is refused, or every pointer that was decoded leads into them. */
#include "../plan.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const operand_kinds[OP_LIMIT] = { OPERAND_KINDS };

static volatile uint64_t seen; /* what is read is used */

static void check(int good)
{
	if (!good)
		abort();
}

static void read_text(const char *text) { seen += strlen(text); }

static void read_bytes(const uint8_t *bytes, uint64_t length)
{
	for (uint64_t i = 0; i < length; i++)
		seen += bytes[i];
}

static void read_array(char *const *array)
{
	check((uintptr_t)array % sizeof(*array) == 0);
	for (; *array != NULL; array++)
		read_text(*array);
}

static void read_op(const struct op *op)
{
	const char *kinds = operand_kinds[op->code];
	int w = 0;

	for (; *kinds != '\0'; kinds++, w++) {
		check(w < (int)PLAN_WORDS);
		switch (*kinds) {
		case 's': read_text(op_str(op, w)); break;
		case 'S':
			if (op_str(op, w) != NULL)
				read_text(op_str(op, w));
			break;
		case 'f': check(op_slot(op, w) >= 0 && op_slot(op, w) < SLOT_COUNT); break;
		case 'F': check(op_slot(op, w) >= -1 && op_slot(op, w) < SLOT_COUNT); break;
		case 'd':
			check(w + 1 < (int)PLAN_WORDS);
			read_bytes(op_data(op, w), op->w[w + 1]);
			w++;
			break;
		case 'v': read_array(op_strv(op, w)); break;
		default: seen += op->w[w]; break;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan plan;
	uint8_t *bytes = malloc(size + 1); /* of exactly this size, so that each step beyond is seen; aligned as by mmap */

	check(bytes != NULL && (uintptr_t)bytes % 8 == 0);
	memcpy(bytes, data, size);
	int r = plan_decode(bytes, size, &plan);
	check(r == 0 || r == -EINVAL);
	if (r == 0)
		for (uint32_t i = 0; i < plan.n_prepare + plan.n_parent + plan.n_child; i++)
			read_op(&plan.ops[i]);
	free(bytes);
	return 0;
}

/*
 * Half of all inputs are made to pass the header's checks: magic, version, size and the last byte are no secret, and
 * behind them is what is worth the time.
 */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	size = LLVMFuzzerMutate(data, size, max_size);
	if (seed % 2 == 0 || size < PLAN_HEADER_BYTES + 8)
		return size;
	uint32_t head[3] = { PLAN_MAGIC, PLAN_VERSION, (uint32_t)size };
	memcpy(data, head, sizeof(head));
	memset(data + size - 8, 0, 8);
	return size;
}
