/* SPDX-License-Identifier: BSD-3-Clause */
/* classes.c - see classes.h. */
#include "shard/classes.h"

static void
add_class(struct class_sum *sum, const struct store_class_info *info,
    const uint64_t *commands)
{
	/* All of it is uint64_t. */
	uint64_t *to = (uint64_t *)&sum->store.counts;
	const uint64_t *from = (const uint64_t *)&info->counts;

	sum->store.chunk_size = info->chunk_size;
	sum->store.chunks_per_page = info->chunks_per_page;
	sum->store.pages += info->pages;
	sum->store.used_chunks += info->used_chunks;
	for (size_t i = 0; i < sizeof info->counts / sizeof *from; i++)
		to[i] += from[i];
	for (unsigned i = 0; i < CLASS_COUNTERS; i++)
		sum->commands[i] += commands[i];
}

unsigned
classes_count(struct router *router, int64_t now)
{
	struct shard *shard = &router->shards[0];
	struct store_class_info info;
	unsigned count = 0;

	shard_enter(shard, now);
	while (store_class_info(shard->store, count, &info))
		count++;
	shard_leave(shard);
	return count;
}

void
classes_add_up(struct router *router, int64_t now, struct classes *classes)
{
	*classes = (struct classes){ .count = 0 };
	for (unsigned i = 0; i < router->shard_count; i++) {
		struct shard *shard = &router->shards[i];
		struct store_class_info info;
		unsigned n;

		shard_enter(shard, now);
		for (n = 0; store_class_info(shard->store, n, &info); n++)
			add_class(&classes->of[n], &info,
			    shard->counters.by_class[n]);
		classes->count = n;
		classes->pages_size += store_pages_size(shard->store);
		shard_leave(shard);
	}
}

void
classes_automove(struct router *router, enum store_automove mode,
    double ratio, int64_t now)
{
	for (unsigned i = 0; i < router->shard_count; i++) {
		shard_enter(&router->shards[i], now);
		store_set_automove(router->shards[i].store, mode, ratio);
		shard_leave(&router->shards[i]);
	}
}

/* How many pages a store could give from there. */
static uint64_t
pages_in(const struct store *store, int class)
{
	struct store_class_info info = { .pages = 0 };

	if (class == STORE_NO_CLASS)
		return store_free_pages(store);
	if (class == STORE_ANY_CLASS)
		return store_pages_size(store);
	store_class_info(store, (unsigned)class, &info);
	return info.pages;
}

/* The shard that has the most pages there; `*busy`: one moves already. */
static unsigned
fullest_shard(struct router *router, int class, int64_t now, bool *busy)
{
	uint64_t most = 0;
	unsigned fullest = 0;

	*busy = false;
	for (unsigned i = 0; i < router->shard_count; i++) {
		struct shard *shard = &router->shards[i];
		uint64_t pages;

		shard_enter(shard, now);
		pages = pages_in(shard->store, class);
		*busy |= store_moves_page(shard->store);
		shard_leave(shard);
		if (pages > most) {
			most = pages;
			fullest = i;
		}
	}
	return fullest;
}

enum store_move
classes_move_page(struct router *router, int from, int to, int64_t now)
{
	enum store_move result = STORE_MOVE_NO_PAGE;
	bool busy;
	unsigned first = fullest_shard(router, from, now, &busy);

	if (busy)
		return STORE_MOVE_BUSY;
	for (unsigned n = 0; n < router->shard_count; n++) {
		struct shard *shard =
		    &router->shards[(first + n) % router->shard_count];
		enum store_move here;

		shard_enter(shard, now);
		here = store_move_page(shard->store, from, to);
		shard_leave(shard);
		if (here == STORE_MOVE_BEGUN)
			return here;
		/* A page that the shard moves by itself is in the way. */
		if (here == STORE_MOVE_BUSY)
			result = here;
	}
	return result;
}

bool
classes_move_is_on(struct router *router, int64_t now)
{
	bool busy;

	fullest_shard(router, STORE_ANY_CLASS, now, &busy);
	return busy;
}

bool
classes_crawl_is_on(struct router *router, int64_t now)
{
	bool on = false;

	for (unsigned i = 0; i < router->shard_count && !on; i++) {
		shard_enter(&router->shards[i], now);
		on = store_is_crawling(router->shards[i].store);
		shard_leave(&router->shards[i]);
	}
	return on;
}

bool
classes_crawl(struct router *router, const bool *classes, uint64_t most,
    int64_t now)
{
	uint64_t each = (most + router->shard_count - 1) /
	    router->shard_count;

	if (classes_crawl_is_on(router, now))
		return false;
	for (unsigned i = 0; i < router->shard_count; i++) {
		shard_enter(&router->shards[i], now);
		store_crawl(router->shards[i].store, classes, each);
		shard_leave(&router->shards[i]);
	}
	return true;
}
