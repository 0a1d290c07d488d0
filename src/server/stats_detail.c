/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stats_detail.c - `stats detail on|off|dump`: requests by prefix; and
 * `stats prefix`: how full the table of prefixes is.
 */
#include <inttypes.h>
#include <stdio.h>

#include "proto/words.h"
#include "server/stats_group.h"

static void
dump_prefix(void *context, struct slice prefix,
    const struct prefix_count *count)
{
	const struct answer *answer = context;
	char counts[sizeof "get  hit  set  del " + 4 * DECIMAL_MAX];

	snprintf(counts, sizeof counts, "get %" PRIu64 " hit %" PRIu64
	    " set %" PRIu64 " del %" PRIu64, count->of[PREFIX_GETS],
	    count->of[PREFIX_HITS], count->of[PREFIX_SETS],
	    count->of[PREFIX_DELETES]);
	stats_LINE(answer, "PREFIX", prefix, counts);
}

static enum status
turn(struct admin *admin, bool on)
{
	return detail_set(&admin->detail, on,
	    clock_unix_ms(admin->clock)) == -1 ?
	    STATUS_OUT_OF_MEMORY : STATUS_OK;
}

enum status
stats_detail(struct admin *admin, struct slice words,
    const struct answer *answer)
{
	struct slice word = words_next(&words);

	if (!admin->options->dump)
		return STATUS_NO_DETAIL;
	if (slice_equal(word, SLICE("on")))
		return turn(admin, true);
	if (slice_equal(word, SLICE("off")))
		return turn(admin, false);
	if (!slice_equal(word, SLICE("dump")))
		return STATUS_BAD_DETAIL;
	detail_dump(&admin->detail, clock_unix_ms(admin->clock), dump_prefix,
	    (void *)(uintptr_t)answer);
	return STATUS_STATS;
}

enum status
stats_prefix(struct admin *admin, struct slice words,
    const struct answer *answer)
{
	struct detail_usage usage;

	(void)words;
	detail_usage(&admin->detail, clock_unix_ms(admin->clock), &usage);
	stats_NUMBER(answer, "prefixes", usage.prefixes);
	stats_NUMBER(answer, "prefixes_max", PREFIX_MAX);
	stats_NUMBER(answer, "refused_requests", usage.refused);
	return STATUS_STATS;
}
