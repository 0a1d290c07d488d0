/* SPDX-License-Identifier: BSD-3-Clause */
/* counters.c - see counters.h. */
#include "shard/counters.h"

#include <string.h>

#include "base/check.h"

enum { STATUS_ANY = STATUS_COUNT };

static const struct {
	const char	*name;
	unsigned	 op, status;
} rows[] = {
#define COUNTER(name, op, status)	{ #name, OP_##op, STATUS_##status },
#include "shard/counters.def"
};

static const char *const class_names[CLASS_COUNTERS] = {
#define CLASS_COUNTER(name)	#name,
#include "shard/counters.def"
};

_Static_assert(CLASS_COUNTERS <= 8, "a byte has a bit for each");

/* The bit of a counter that is counted by class, or 0. */
static uint8_t
bit_of(const char *name)
{
	for (unsigned i = 0; i < CLASS_COUNTERS; i++)
		if (strcmp(name, class_names[i]) == 0)
			return (uint8_t)(1 << i);
	return 0;
}

void
counters_plan(struct counters_plan *plan)
{
	*plan = (struct counters_plan){ { { 0 } } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].status != STATUS_ANY)
			plan->bits[rows[i].op][rows[i].status] |=
			    bit_of(rows[i].name);
}

void
counters_add(struct counters *sum, const struct counters *counters)
{
	/* All of it is uint64_t. */
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)counters;

	for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
		to[i] += from[i];
}

static uint64_t
row_value(const struct counters *counters, unsigned op, unsigned status)
{
	uint64_t sum = 0;

	if (status != STATUS_ANY)
		return counters->cell[op][status];
	for (status = 0; status < STATUS_COUNT; status++)
		sum += counters->cell[op][status];
	return sum;
}

bool
counters_value(const struct counters *counters, const char *name,
    uint64_t *value)
{
	bool found = false;

	*value = 0;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (strcmp(rows[i].name, name) != 0)
			continue;
		*value += row_value(counters, rows[i].op, rows[i].status);
		found = true;
	}
	return found;
}

void
counters_verify(const struct counters *counters)
{
	static const bool may_end[OP_COUNT][STATUS_COUNT] = {
#define REPLY(op, status)	[OP_##op][STATUS_##status] = true,
#define PACKET_REPLY(op, status)	[OP_##op][STATUS_##status] = true,
#define RESP_REPLY(op, status)	[OP_##op][STATUS_##status] = true,
#include "proto/replies.def"
	};

	for (unsigned op = 0; op < OP_COUNT; op++)
		for (unsigned status = 0; status < STATUS_COUNT; status++)
			CHECK(counters->cell[op][status] == 0 ||
			    may_end[op][status]);
}
