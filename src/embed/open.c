/* SPDX-License-Identifier: BSD-3-Clause */
/* open.c - opening, closing and looking after an embedded store. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "embed/embed.h"
#include "os/os.h"

#define LIMIT_DEFAULT		((size_t)64 << 20)
#define ITEM_MAX_DEFAULT	((size_t)1 << 20)
#define ITEM_MAX_MOST		((size_t)1 << 30)
#define GROWTH_FACTOR		1.25
#define CHUNK_MIN		STORE_PEEK_CHUNK

/*
 * So many threads seldom meet in a shard; but each shard has a page of each
 * size class in use, and room for a few of the largest items.
 */
#define SHARDS_PER_CPU		8
#define SHARDS_USUAL_MAX	64
#define SHARD_LIMIT_USUAL	((size_t)8 << 20)
#define ITEMS_PER_SHARD		4

/*
 * More items than this are not in the cache, so that fetching them ahead
 * pays; a few hundred KB of them are.
 */
#define CACHED_ITEMS		8192

/* Chunks that a slice looks at in a shard: some 50 us if all are due. */
#define TICK_BUDGET		512

/* Slices in a row when there is more to do, before others get their turn. */
#define SLICES_MAX		64

#define MS			1000000	/* ns */

static const struct cairn_store_options defaults = {
	.size = sizeof defaults,
	.limit = LIMIT_DEFAULT,
	.item_max = ITEM_MAX_DEFAULT,
};

static unsigned
usual_shards(const struct cairn_store_options *options)
{
	unsigned wanted = os_cpu_count() * SHARDS_PER_CPU, count = 1;

	if (wanted > SHARDS_USUAL_MAX)
		wanted = SHARDS_USUAL_MAX;
	while (count < wanted &&
	    options->limit / (2 * count) >= SHARD_LIMIT_USUAL &&
	    options->limit / (2 * count) / ITEMS_PER_SHARD >=
	    options->item_max)
		count *= 2;
	return count;
}

/* Is what a newer program may want, and this library does not know, zero? */
static bool
is_zero(const char *bytes, const char *end)
{
	while (bytes < end)
		if (*bytes++ != 0)
			return false;
	return true;
}

/* Copy the caller's options and fill in the defaults. */
static bool
read_options(const struct cairn_store_options *given,
    struct cairn_store_options *options)
{
	*options = (struct cairn_store_options){ .size = sizeof *options };
	if (given != NULL) {
		if (given->size < offsetof(struct cairn_store_options,
		    reserved) || (given->size > sizeof *options &&
		    !is_zero((const char *)given + sizeof *options,
		    (const char *)given + given->size)))
			return false;
		memcpy(options, given, given->size < sizeof *options ?
		    given->size : sizeof *options);
	}
	if (options->limit == 0)
		options->limit = defaults.limit;
	if (options->item_max == 0)
		options->item_max = defaults.item_max;
	if (options->shards == 0)
		options->shards = usual_shards(options);
	return (options->shards & (options->shards - 1)) == 0 &&
	    options->shards <= CAIRN_STORE_SHARDS_MAX &&
	    options->item_max <= ITEM_MAX_MOST &&
	    options->limit / options->shards / ITEMS_PER_SHARD >=
	    options->item_max &&
	    options->when_full <= CAIRN_STORE_REFUSE &&
	    options->reserved == 0;
}

static int
open_shards(struct cairn_store *store,
    const struct cairn_store_options *options)
{
	const struct store_config config = {
		.limit = options->limit / options->shards,
		.item_max = options->item_max,
		.growth_factor = GROWTH_FACTOR,
		.chunk_min = CHUNK_MIN,
		.evict = options->when_full == CAIRN_STORE_EVICT,
		.cas = true,
		.hash_seed = store->hash_seed,
	};
	struct error error;
	uint32_t n;

	for (n = 0; n < options->shards; n++) {
		struct shard *shard = &store->shards[n];

		*shard = (struct shard){
			.store = store_open(&config, &error),
			.cached_items = CACHED_ITEMS / options->shards,
		};
		if (shard->store == NULL)
			goto fail;
		store_set_time(shard->store, clock_coarse_unix_ms());
	}
	return CAIRN_OK;
fail:
	while (n-- > 0)
		store_close(store->shards[n].store);
	return CAIRN_NO_MEMORY;
}

static void
close_shards(struct cairn_store *store)
{
	for (uint32_t n = 0; n <= store->shard_mask; n++)
		store_close(store->shards[n].store);
}

void
embed_slice(struct shard *shard)
{
	store_tick(shard->store, CHUNKS_PER_SLICE);
	atomic_store_explicit(&shard->cold, store_items(shard->store) >
	    shard->cached_items, memory_order_relaxed);
}

/* One slice in one shard. True: there is more to do. */
static bool
tick_shard(struct shard *shard)
{
	bool more;

	lock_enter(&shard->lock);
	store_set_time(shard->store, clock_coarse_unix_ms());
	more = store_tick(shard->store, TICK_BUDGET);
	shard_leave(shard);
	return more;
}

int
cairn_store_tick(struct cairn_store *store)
{
	bool more = false;

	if (store == NULL)
		return CAIRN_INVALID;
	for (uint32_t n = 0; n <= store->shard_mask; n++)
		more |= tick_shard(&store->shards[n]);
	return more;
}

/* The moment `ms` from now, for pthread_cond_timedwait(3). */
static struct timespec
moment_after(uint32_t ms)
{
	struct timespec moment;

	clock_gettime(CLOCK_REALTIME, &moment);
	moment.tv_sec += ms / 1000;
	moment.tv_nsec += (long)(ms % 1000) * MS;
	if (moment.tv_nsec >= 1000 * MS) {
		moment.tv_nsec -= 1000 * MS;
		moment.tv_sec++;
	}
	return moment;
}

static void *
keep_house(void *argument)
{
	struct cairn_store *store = argument;

	os_thread_name("cairn-store");
	pthread_mutex_lock(&store->mutex);
	while (!store->closing) {
		struct timespec moment = moment_after(store->interval);

		pthread_cond_timedwait(&store->wake, &store->mutex, &moment);
		pthread_mutex_unlock(&store->mutex);
		for (unsigned n = 0; n < SLICES_MAX; n++)
			if (cairn_store_tick(store) == 0)
				break;
		pthread_mutex_lock(&store->mutex);
	}
	pthread_mutex_unlock(&store->mutex);
	return NULL;
}

/* The signals are for the program's own threads. */
static int
start_thread(struct cairn_store *store)
{
	sigset_t all, before;
	int failed;

	pthread_mutex_init(&store->mutex, NULL);
	pthread_cond_init(&store->wake, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&store->thread, NULL, keep_house, store);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed == 0)
		return CAIRN_OK;
	pthread_cond_destroy(&store->wake);
	pthread_mutex_destroy(&store->mutex);
	errno = failed;
	return CAIRN_SYSTEM;
}

static void
stop_thread(struct cairn_store *store)
{
	pthread_mutex_lock(&store->mutex);
	store->closing = true;
	pthread_cond_signal(&store->wake);
	pthread_mutex_unlock(&store->mutex);
	pthread_join(store->thread, NULL);
	pthread_cond_destroy(&store->wake);
	pthread_mutex_destroy(&store->mutex);
}

int
cairn_store_open(const struct cairn_store_options *given,
    struct cairn_store **out)
{
	struct cairn_store_options options;
	struct cairn_store *store;
	int result = CAIRN_NO_MEMORY;

	if (out == NULL || !read_options(given, &options))
		return CAIRN_INVALID;
	store = calloc(1, sizeof *store);
	if (store == NULL)
		return CAIRN_NO_MEMORY;
	store->shard_mask = options.shards - 1;
	store->limit = options.limit;
	store->interval = options.housekeeping;
	store->shards = aligned_alloc(_Alignof(struct shard),
	    options.shards * sizeof *store->shards);
	if (store->shards == NULL)
		goto fail;
	if (os_random(&store->hash_seed, sizeof store->hash_seed) == -1) {
		result = CAIRN_SYSTEM;
		goto fail_shards;
	}
	result = open_shards(store, &options);
	if (result != CAIRN_OK)
		goto fail_shards;
	if (store->interval > 0 && (result = start_thread(store)) != CAIRN_OK)
		goto fail_thread;
	*out = store;
	return CAIRN_OK;
fail_thread:
	close_shards(store);
fail_shards:
	free(store->shards);
fail:
	free(store);
	return result;
}

void
cairn_store_close(struct cairn_store *store)
{
	if (store == NULL)
		return;
	if (store->interval > 0)
		stop_thread(store);
	close_shards(store);
	free(store->shards);
	free(store);
}
