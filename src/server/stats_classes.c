/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stats_classes.c - `stats items` and `stats slabs`: a few lines for each
 * slab class, which clients count from 1. stats_classes.def has the lines.
 */
#include <stdio.h>

#include "server/stats_group.h"
#include "shard/classes.h"

#define NAME_MAX_LENGTH	64

/* "items:5:number": `before` is "items:". */
static void
class_stat(const struct answer *answer, const char *before, unsigned number,
    const char *name, uint64_t value)
{
	char whole[NAME_MAX_LENGTH];

	snprintf(whole, sizeof whole, "%s%u:%s", before, number, name);
	stats_NUMBER(answer, whole, value);
}

static void
items_of_class(const struct answer *answer, unsigned number,
    const struct class_sum *in, bool queues)
{
#define ITEMS_STAT(name, value)						\
	class_stat(answer, "items:", number, #name, (value));
#include "server/stats_classes.def"
}

static void
slabs_of_class(const struct answer *answer, unsigned number,
    const struct class_sum *in)
{
#define SLABS_STAT(name, value)						\
	class_stat(answer, "", number, #name, (value));
#include "server/stats_classes.def"
}

/* Is anything not 0? The class may have lost its items and pages since. */
static bool
is_any(const uint64_t *counts, size_t size)
{
	for (size_t i = 0; i < size / sizeof *counts; i++)
		if (counts[i] != 0)
			return true;
	return false;
}

static bool
had_items(const struct class_sum *class)
{
	/* All of it is uint64_t. */
	return is_any((const uint64_t *)&class->store.counts,
	    sizeof class->store.counts);
}

static bool
had_pages(const struct class_sum *class)
{
	return class->store.pages > 0 || is_any(class->commands,
	    sizeof class->commands);
}

enum status
stats_items(struct admin *admin, struct slice words,
    const struct answer *answer)
{
	struct classes classes;

	(void)words;
	classes_add_up(admin->router, clock_unix_ms(admin->clock), &classes);
	for (unsigned i = 0; i < classes.count; i++)
		if (had_items(&classes.of[i]))
			items_of_class(answer, i + 1, &classes.of[i],
			    admin->options->lru_maintainer);
	return STATUS_STATS;
}

enum status
stats_slabs(struct admin *admin, struct slice words,
    const struct answer *answer)
{
	struct classes classes;
	unsigned active = 0;

	(void)words;
	classes_add_up(admin->router, clock_unix_ms(admin->clock), &classes);
	for (unsigned i = 0; i < classes.count; i++) {
		if (had_pages(&classes.of[i]))
			slabs_of_class(answer, i + 1, &classes.of[i]);
		active += classes.of[i].store.pages > 0;
	}
	stats_NUMBER(answer, "active_slabs", active);
	stats_NUMBER(answer, "total_malloced", classes.pages_size);
	return STATUS_STATS;
}
