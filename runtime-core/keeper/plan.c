/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>

_Static_assert(sizeof(struct op) == PLAN_OP_BYTES, "operation layout");

static const char *const operand_kinds[OP_LIMIT] = { OPERAND_KINDS };

struct linker {
	uint8_t *bytes;
	size_t size;
	size_t first;      /* strings and data begin here: behind the operations */
	size_t next_array; /* arrays must ascend, so that none is linked twice */
};

static bool in_blob(const struct linker *l, uint64_t at) { return at >= l->first && at < l->size; }

static bool link_string(const struct linker *l, uint64_t *word, bool optional)
{
	if (optional && *word == UINT64_MAX) {
		*word = 0;
		return true;
	}
	/* The last byte of a plan is zero, so every string that begins inside ends inside. */
	if (!in_blob(l, *word))
		return false;
	*word = (uint64_t)(uintptr_t)(l->bytes + *word);
	return true;
}

static bool link_data(const struct linker *l, uint64_t *word, uint64_t length)
{
	if (!in_blob(l, *word) || length > l->size - *word)
		return false;
	*word = (uint64_t)(uintptr_t)(l->bytes + *word);
	return true;
}

static bool link_strings(struct linker *l, uint64_t *word)
{
	uint64_t at = *word;

	if (at % 8 != 0 || at < l->next_array || !in_blob(l, at))
		return false;
	/* The plan's last eight bytes stay untouched: they hold the terminating zero. */
	for (size_t entry = at; entry + 16 <= l->size; entry += 8) {
		uint64_t *cell = (uint64_t *)(void *)(l->bytes + entry);
		if (*cell == 0) {
			l->next_array = entry + 8;
			*word = (uint64_t)(uintptr_t)(l->bytes + at);
			return true;
		}
		if (!link_string(l, cell, false))
			return false;
	}
	return false;
}

static bool check_slot(uint64_t word, bool optional)
{
	return word < SLOT_COUNT || (optional && word == UINT64_MAX);
}

static bool link_op(struct linker *l, struct op *op)
{
	const char *kinds = op->code < OP_LIMIT ? operand_kinds[op->code] : NULL;
	int w = 0;

	if (kinds == NULL)
		return false;
	for (; *kinds != '\0'; kinds++, w++) {
		uint64_t *word = &op->w[w];
		bool ok = true;
		switch (*kinds) {
		case 's': ok = link_string(l, word, false); break;
		case 'S': ok = link_string(l, word, true); break;
		case 'f': ok = check_slot(*word, false); break;
		case 'F': ok = check_slot(*word, true); break;
		case 'v': ok = link_strings(l, word); break;
		case 'd': ok = link_data(l, word, op->w[++w]); break;
		default: break;
		}
		if (!ok)
			return false;
	}
	return true;
}

int plan_decode(uint8_t *bytes, size_t size, struct plan *out)
{
	uint32_t head[6];
	struct linker l = { .bytes = bytes, .size = size };

	if (size < PLAN_HEADER_BYTES + 8 || size > PLAN_MAX_BYTES || bytes[size - 1] != 0)
		return -EINVAL;
	memcpy(head, bytes, sizeof(head));
	if (head[0] != PLAN_MAGIC || head[1] != PLAN_VERSION || head[2] != size)
		return -EINVAL;
	out->n_prepare = head[3];
	out->n_parent = head[4];
	out->n_child = head[5];
	if (out->n_prepare > PLAN_MAX_OPS || out->n_parent > PLAN_MAX_OPS || out->n_child > PLAN_MAX_OPS)
		return -EINVAL;
	uint32_t count = out->n_prepare + out->n_parent + out->n_child;
	if (count > PLAN_MAX_OPS || PLAN_HEADER_BYTES + (size_t)count * PLAN_OP_BYTES + 8 > size)
		return -EINVAL;
	memcpy(&out->clone_flags, bytes + 24, sizeof(out->clone_flags));
	l.first = l.next_array = PLAN_HEADER_BYTES + (size_t)count * PLAN_OP_BYTES;
	struct op *ops = (struct op *)(void *)(bytes + PLAN_HEADER_BYTES);
	for (uint32_t i = 0; i < count; i++)
		if (!link_op(&l, &ops[i]))
			return -EINVAL;
	out->ops = ops;
	return 0;
}
