/* SPDX-License-Identifier: BSD-3-Clause */
/* detail.c - see detail.h. */
#include "shard/detail.h"

#include <stdlib.h>

#include "base/check.h"

/* Prefixes that are added up in one visit to a shard: some 10 us. */
#define BATCH	1024

_Static_assert(PREFIX_SLOTS % BATCH == 0, "all batches are whole");

void
detail_open(struct detail *detail, struct router *router, char delimiter)
{
	*detail = (struct detail){
		.router = router, .delimiter = delimiter,
	};
	CHECK(pthread_mutex_init(&detail->lock, NULL) == 0);
}

static void
give_back(struct detail *detail)
{
	for (unsigned i = 0; detail->tables != NULL &&
	    i < detail->router->shard_count; i++)
		prefix_table_close(&detail->tables[i]);
	free(detail->tables);
	prefix_names_destroy(detail->names);
	detail->tables = NULL;
	detail->names = NULL;
}

void
detail_close(struct detail *detail)
{
	give_back(detail);
	pthread_mutex_destroy(&detail->lock);
}

static int
take(struct detail *detail)
{
	unsigned count = detail->router->shard_count;

	detail->names = prefix_names_create(detail->delimiter,
	    detail->router->hash_seed);
	detail->tables = calloc(count, sizeof *detail->tables);
	if (detail->names == NULL || detail->tables == NULL)
		goto fail;
	for (unsigned i = 0; i < count; i++)
		if (prefix_table_open(&detail->tables[i],
		    detail->names) == -1)
			goto fail;
	return 0;
fail:
	give_back(detail);
	return -1;
}

/* Afterwards every shard counts, or none does. */
static void
tell_shards(struct detail *detail, bool on, int64_t now)
{
	struct router *router = detail->router;

	for (unsigned i = 0; i < router->shard_count; i++) {
		shard_enter(&router->shards[i], now);
		router->shards[i].prefixes = on ? &detail->tables[i] : NULL;
		shard_leave(&router->shards[i]);
	}
}

int
detail_set(struct detail *detail, bool on, int64_t now)
{
	int result = 0;

	pthread_mutex_lock(&detail->lock);
	if (on && detail->names == NULL)
		result = take(detail);
	if (result == 0 && on != detail->on) {
		tell_shards(detail, on, now);
		detail->on = on;
	}
	pthread_mutex_unlock(&detail->lock);
	return result;
}

bool
detail_is_on(struct detail *detail)
{
	bool on;

	pthread_mutex_lock(&detail->lock);
	on = detail->on;
	pthread_mutex_unlock(&detail->lock);
	return on;
}

void
detail_clear(struct detail *detail, int64_t now)
{
	pthread_mutex_lock(&detail->lock);
	if (detail->names != NULL) {
		tell_shards(detail, false, now);
		for (unsigned i = 0; i < detail->router->shard_count; i++)
			prefix_table_clear(&detail->tables[i]);
		prefix_names_clear(detail->names);
		tell_shards(detail, detail->on, now);
	}
	pthread_mutex_unlock(&detail->lock);
}

/* What all shards have counted for the prefixes in BATCH slots. */
static void
add_up(struct detail *detail, uint32_t first, int64_t now,
    struct prefix_count *sums)
{
	memset(sums, 0, BATCH * sizeof *sums);
	for (unsigned i = 0; i < detail->router->shard_count; i++) {
		const struct prefix_count *counts =
		    &detail->tables[i].counts[first];

		shard_enter(&detail->router->shards[i], now);
		for (unsigned n = 0; n < BATCH; n++)
			for (unsigned kind = 0; kind < PREFIX_KINDS; kind++)
				sums[n].of[kind] += counts[n].of[kind];
		shard_leave(&detail->router->shards[i]);
	}
}

void
detail_dump(struct detail *detail, int64_t now, void (*visit)(void *,
    struct slice, const struct prefix_count *), void *context)
{
	struct prefix_count sums[BATCH];
	struct slice name;

	pthread_mutex_lock(&detail->lock);
	for (uint32_t first = 0; detail->names != NULL &&
	    first < PREFIX_SLOTS; first += BATCH) {
		add_up(detail, first, now, sums);
		for (unsigned n = 0; n < BATCH; n++)
			if (prefix_names_get(detail->names, first + n, &name))
				visit(context, name, &sums[n]);
	}
	pthread_mutex_unlock(&detail->lock);
}

void
detail_usage(struct detail *detail, int64_t now, struct detail_usage *usage)
{
	*usage = (struct detail_usage){ 0 };
	pthread_mutex_lock(&detail->lock);
	if (detail->names != NULL)
		usage->prefixes = prefix_names_count(detail->names);
	for (unsigned i = 0; detail->names != NULL &&
	    i < detail->router->shard_count; i++) {
		shard_enter(&detail->router->shards[i], now);
		usage->refused += detail->tables[i].refused;
		shard_leave(&detail->router->shards[i]);
	}
	pthread_mutex_unlock(&detail->lock);
}
