/* SPDX-License-Identifier: BSD-3-Clause */
/* counters.c - see counters.h. */
#include "shard/counters.h"

#include <string.h>

enum { STATUS_ANY = STATUS_COUNT };

static const struct {
	const char	*name;
	unsigned	 op, status;
} rows[] = {
#define COUNTER(name, op, status)	{ #name, OP_##op, STATUS_##status },
#include "shard/counters.def"
};

void
counters_add(struct counters *sum, const struct counters *counters)
{
	for (unsigned op = 0; op < OP_COUNT; op++)
		for (unsigned status = 0; status < STATUS_COUNT; status++)
			sum->cell[op][status] += counters->cell[op][status];
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
