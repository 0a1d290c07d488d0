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
    const struct class_sum *in)
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

/* Was the class ever used? It may have lost its pages since. */
static bool
is_used(const struct class_sum *class)
{
	uint64_t used = class->store.pages;

	for (unsigned i = 0; i < CLASS_COUNTERS; i++)
		used |= class->commands[i];
	return used != 0;
}

enum status
stats_items(struct admin *admin, struct slice words,
    const struct answer *answer)
{
	struct classes classes;

	(void)words;
	classes_add_up(admin->router, clock_unix_ms(admin->clock), &classes);
	for (unsigned i = 0; i < classes.count; i++)
		if (classes.of[i].store.counts.items > 0)
			items_of_class(answer, i + 1, &classes.of[i]);
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
		if (is_used(&classes.of[i]))
			slabs_of_class(answer, i + 1, &classes.of[i]);
		active += classes.of[i].store.pages > 0;
	}
	stats_NUMBER(answer, "active_slabs", active);
	stats_NUMBER(answer, "total_malloced", classes.pages_size);
	return STATUS_STATS;
}
