/* SPDX-License-Identifier: BSD-3-Clause */
/* tally.c - see tally.h. */
#include "load/tally.h"

#include <string.h>

static void
join_op(struct tally_op *to, const struct tally_op *from)
{
	to->requests += from->requests;
	to->keys += from->keys;
	to->hits += from->hits;
	to->misses += from->misses;
	to->unexpected += from->unexpected;
	to->wrong += from->wrong;
	histogram_join(&to->latency, &from->latency);
}

void
tally_join(struct tally *to, const struct tally *from)
{
	for (int op = 0; op < OP_COUNT; op++)
		join_op(&to->ops[op], &from->ops[op]);
	to->sent += from->sent;
	to->received += from->received;
	to->unanswered += from->unanswered;
	to->unsent += from->unsent;
	to->lost += from->lost;
	if (from->last > to->last)
		to->last = from->last;
	tally_sample(to, from->sample, from->sample_length);
}

void
tally_total(const struct tally *tally, struct tally_op *total)
{
	memset(total, 0, sizeof *total);
	for (int op = 0; op < OP_COUNT; op++)
		join_op(total, &tally->ops[op]);
}

void
tally_sample(struct tally *tally, const char *at, size_t length)
{
	if (tally->sample_length > 0)
		return;
	if (length > sizeof tally->sample)
		length = sizeof tally->sample;
	memcpy(tally->sample, at, length);
	tally->sample_length = length;
}

bool
tally_is_fine(const struct tally *tally)
{
	for (int op = 0; op < OP_COUNT; op++)
		if (tally->ops[op].unexpected + tally->ops[op].wrong > 0)
			return false;
	return tally->unanswered == 0 && tally->lost == 0;
}
