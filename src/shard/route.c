/* SPDX-License-Identifier: BSD-3-Clause */
/* route.c - see route.h. */
#include "shard/route.h"

#include <sys/uio.h>

#include <stdatomic.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/random.h"
#include "command/call.h"
#include "command/execute.h"
#include "shard/events.h"

/*
 * Values from this length on are sent from where they lie, pinned; shorter
 * ones are copied. Below it, a copy costs less than the reference's own
 * bookkeeping and the longer writev.
 */
#define PIN_LENGTH	(16 * 1024)

/* Parts of a value that are asked for at once. */
#define PARTS		16

int
route_open(struct router *router, unsigned count,
    const struct store_config *total, struct error *error)
{
	struct store_config config = *total;
	unsigned opened;

	CHECK(count > 0 && count <= ROUTE_SHARDS_MAX &&
	    (count & (count - 1)) == 0);
	config.limit /= count;
	*router = (struct router){
		.shard_count = count, .hash_seed = total->hash_seed,
		.random = total->hash_seed,
	};
	counters_plan(&router->plan);
	router->shards = aligned_alloc(_Alignof(struct shard),
	    count * sizeof *router->shards);
	if (router->shards == NULL)
		return error_set(error, "out of memory for %u shards", count);
	for (opened = 0; opened < count; opened++)
		if (shard_open(&router->shards[opened], &config,
		    &router->plan, error) == -1)
			goto fail;
	return 0;
fail:
	while (opened-- > 0)
		shard_close(&router->shards[opened]);
	free(router->shards);
	return -1;
}

void
route_close(struct router *router)
{
	for (unsigned i = 0; i < router->shard_count; i++)
		shard_close(&router->shards[i]);
	free(router->shards);
}

static struct shard *
shard_of(const struct router *router, uint64_t hash)
{
	return &router->shards[hash & (router->shard_count - 1)];
}

void
route_hash(const struct router *router, struct request *request)
{
	request->hash = store_hash(router->hash_seed, request->key.bytes,
	    request->key.length, request->space);
}

/* The last part of a pinned value has left. */
static void
value_sent(const void *part, size_t length, void *context)
{
	struct shard *shard = context;

	(void)length;
	pthread_mutex_lock(&shard->lock);
	store_unpin(shard->store, part);
	shard_leave(shard);
}

struct pinned {
	struct shard		*shard;
	struct store_item	*item;
};

/* Add a value by reference; its last part carries the pin. */
static void
add_pinned(void *context, struct output *output)
{
	struct pinned *pinned = context;
	struct store *store = pinned->shard->store;
	struct iovec parts[PARTS];
	uint32_t last = pinned->item->pieces == 0 ? 0 :
	    pinned->item->pieces - 1;
	unsigned count;

	for (uint32_t n = 0; (count = store_parts(store, pinned->item, n,
	    parts, PARTS)) > 0; n += count)
		for (unsigned i = 0; i < count; i++)
			if (output_reference(output, parts[i].iov_base,
			    parts[i].iov_len,
			    n + i == last ? value_sent : NULL,
			    pinned->shard) == -1 && n + i == last)
				store_unpin(store, parts[i].iov_base);
}

/* Copy a value that is in pieces. */
static void
add_copied(void *context, struct output *output)
{
	struct pinned *pinned = context;
	struct iovec part;

	for (uint32_t n = 0; store_parts(pinned->shard->store, pinned->item,
	    n, &part, 1) == 1; n++)
		output_bytes(output, part.iov_base, part.iov_len);
}

static enum status
execute_one(struct shard *shard, const struct request *request,
    struct output *output)
{
	struct reply reply = { .status = STATUS_NONE };
	struct store_item item;
	struct pinned pinned = { shard, &item };

	execute(shard->store, request, &reply, &item);
	shard_count_request(shard, request, reply.status);
	if (reply.status == STATUS_VALUE) {
		reply.context = &pinned;
		if (item.length >= PIN_LENGTH &&
		    store_pin(shard->store, &item)) {
			reply.value.bytes = NULL;
			reply.add_value = add_pinned;
		} else if (item.pieces > 0) {
			reply.add_value = add_copied;
		}
	}
	proto_reply(output, request, &reply);
	return reply.status;
}

/* The same, and somebody wants to know. */
static void
execute_watched(struct shard *shard, const struct request *request,
    struct output *output, struct journal *journal)
{
	struct events_before before;
	enum status status;

	events_asked(shard->store, request, &before);
	status = execute_one(shard, request, output);
	events_answered(journal, shard->store, request, status, &before);
}

static void
execute_all_watched(struct shard *shard, const struct request *requests,
    size_t count, struct output *output, struct journal *journal)
{
	events_begin(journal, shard->store);
	for (size_t i = 0; i < count; i++)
		execute_watched(shard, &requests[i], output, journal);
	events_end(shard->store);
}

/* All requests are for this shard. */
static void
visit(struct shard *shard, const struct request *requests, size_t count,
    int64_t now, struct output *output, struct journal *journal)
{
	shard_enter(shard, now);
	if (count > 1) {
		for (size_t i = 0; i < count; i++)
			store_prefetch(shard->store, requests[i].hash);
		for (size_t i = 0; i < count; i++)
			store_prefetch_item(shard->store, requests[i].hash);
	}
	if (journal->wanted & EVENTS_WATCHED)
		execute_all_watched(shard, requests, count, output, journal);
	else
		for (size_t i = 0; i < count; i++)
			execute_one(shard, &requests[i], output);
	shard_leave(shard);
}

void
route_execute(struct router *router, const struct request *requests,
    size_t count, int64_t now, struct output *output,
    struct journal *journal)
{
	while (count > 0) {
		struct shard *shard = shard_of(router, requests[0].hash);
		size_t run = 1;

		while (run < count &&
		    shard_of(router, requests[run].hash) == shard)
			run++;
		visit(shard, requests, run, now, output, journal);
		requests += run;
		count -= run;
	}
}

/* What a call needs of the router. */
struct visit {
	struct router	*router;
	int64_t		 now;
	uint8_t		 space;
	struct journal	*journal;
	uint64_t	 entered[ROUTE_SHARDS_MAX / 64];
};

static bool
is_entered(const struct visit *visit, const struct shard *shard)
{
	size_t n = (size_t)(shard - visit->router->shards);

	return visit->entered[n / 64] >> n % 64 & 1;
}

static struct shard *
shard_of_key(const struct router *router, struct slice key, unsigned space,
    uint64_t *hash)
{
	*hash = store_hash(router->hash_seed, key.bytes, key.length, space);
	return shard_of(router, *hash);
}

static struct store *
store_of(void *context, struct slice key, struct store_key *described)
{
	struct visit *visit = context;
	struct shard *shard;

	described->bytes = key.bytes;
	described->length = key.length;
	described->space = visit->space;
	shard = shard_of_key(visit->router, key, visit->space,
	    &described->hash);
	CHECK(is_entered(visit, shard));
	return shard->store;
}

static struct store *
enter(void *context, unsigned n)
{
	struct visit *visit = context;
	struct shard *shard = &visit->router->shards[n];

	if (!is_entered(visit, shard))
		shard_enter(shard, visit->now);
	return shard->store;
}

static void
leave(void *context, unsigned n)
{
	struct visit *visit = context;
	struct shard *shard = &visit->router->shards[n];

	if (!is_entered(visit, shard))
		shard_leave(shard);
}

static uint64_t
next_random(void *context)
{
	struct visit *visit = context;
	struct random random = {
		atomic_fetch_add_explicit(&visit->router->random,
		    RANDOM_STEP, memory_order_relaxed),
	};

	return random_next(&random);
}

static void
put_value(void *context, struct store *store, struct store_item *item,
    struct output *output)
{
	struct visit *visit = context;
	struct pinned pinned = { .item = item };

	for (unsigned n = 0; pinned.shard == NULL; n++)
		if (visit->router->shards[n].store == store)
			pinned.shard = &visit->router->shards[n];
	if (item->length >= PIN_LENGTH && store_pin(store, item))
		add_pinned(&pinned, output);
	else
		add_copied(&pinned, output);
}

/* Mark the shards of the keys, and enter them in order. */
static void
enter_shards(struct visit *visit, const struct request *request)
{
	struct router *router = visit->router;
	size_t first, last, step;

	if (!call_keys(request->call, request->word_count, &first, &last,
	    &step))
		return;
	for (size_t n = first; n <= last; n += step) {
		uint64_t hash;
		size_t shard = (size_t)(shard_of_key(router,
		    request->words[n], visit->space, &hash) -
		    router->shards);

		visit->entered[shard / 64] |= (uint64_t)1 << shard % 64;
	}
	for (unsigned n = 0; n < router->shard_count; n++)
		if (is_entered(visit, &router->shards[n])) {
			shard_enter(&router->shards[n], visit->now);
			events_begin(visit->journal,
			    router->shards[n].store);
		}
}

static void
leave_shards(struct visit *visit)
{
	for (unsigned n = visit->router->shard_count; n-- > 0; )
		if (is_entered(visit, &visit->router->shards[n])) {
			events_end(visit->router->shards[n].store);
			shard_leave(&visit->router->shards[n]);
		}
}

void
route_call(struct router *router, const struct request *request, int64_t now,
    struct output *output, struct journal *journal)
{
	struct visit visit = {
		.router = router, .now = now, .space = request->space,
		.journal = journal,
	};
	struct call call = {
		.row = request->call, .words = request->words,
		.count = request->word_count, .output = output,
		.v3 = request->flags & REQUEST_RESP3, .now = now,
		.store_count = router->shard_count,
		.store_of = store_of, .enter = enter, .leave = leave,
		.random = next_random, .rules = &router->rules,
		.put_value = put_value, .context = &visit,
	};

	enter_shards(&visit, request);
	call_execute(&call);
	leave_shards(&visit);
}

bool
route_draft(struct router *router, const struct request *request,
    int64_t now, struct reply *reply, struct route_draft *draft,
    struct journal *journal)
{
	struct shard *shard = shard_of(router, request->hash);
	struct store_key key = {
		request->key.bytes, request->key.length, request->hash,
		request->space,
	};
	enum store_result result;
	struct events_before before;
	uint32_t handle;

	shard_enter(shard, now);
	events_begin(journal, shard->store);
	result = store_draft(shard->store, &key,
	    (uint32_t)request->value.length, request->client_flags,
	    request->expiry, &handle);
	if (result == STORE_OK) {
		draft->shard = shard;
		store_draft_item(shard->store, handle, &draft->item);
	} else {
		events_asked(shard->store, request, &before);
		if (request->op == OP_SET)
			store_delete(shard->store, &key);
		reply->status = execute_failure(result);
		shard_count_request(shard, request, reply->status);
		events_answered(journal, shard->store, request,
		    reply->status, &before);
	}
	events_end(shard->store);
	shard_leave(shard);
	return result == STORE_OK;
}

unsigned
route_draft_parts(const struct route_draft *draft, uint32_t first,
    struct iovec *parts, unsigned count)
{
	/* The draft is ours alone: nobody else touches its chunks. */
	return store_parts(draft->shard->store, &draft->item, first, parts,
	    count);
}

void
route_draft_abandon(struct route_draft *draft, int64_t now)
{
	shard_enter(draft->shard, now);
	store_draft_abandon(draft->shard->store, draft->item.handle);
	shard_leave(draft->shard);
}

void
route_flush(struct router *router, int64_t when, int64_t now)
{
	for (unsigned i = 0; i < router->shard_count; i++) {
		shard_enter(&router->shards[i], now);
		shard_flush(&router->shards[i], when, now);
		shard_leave(&router->shards[i]);
	}
}

bool
route_set_limit(struct router *router, size_t bytes, int64_t now)
{
	bool set = true;

	for (unsigned i = 0; i < router->shard_count; i++) {
		shard_enter(&router->shards[i], now);
		set &= store_set_limit(router->shards[i].store,
		    bytes / router->shard_count);
		shard_leave(&router->shards[i]);
	}
	return set;
}

static void
add_store_counts(struct store_counts *sum, const struct store_counts *counts)
{
	/* All of it is uint64_t, so that a new counter is added by itself. */
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)counts;

	for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
		to[i] += from[i];
}

void
route_totals(struct router *router, int64_t now, struct route_totals *totals)
{
	*totals = (struct route_totals){ .index_power = 0 };
	for (unsigned i = 0; i < router->shard_count; i++) {
		struct shard *shard = &router->shards[i];
		unsigned power;

		shard_enter(shard, now);
		counters_add(&totals->counters, &shard->counters);
		add_store_counts(&totals->store, store_counts(shard->store));
		totals->index_bytes += store_index_size(shard->store);
		power = store_index_power(shard->store);
		if (power > totals->index_power)
			totals->index_power = power;
		totals->index_resizing |= store_index_resizing(shard->store);
		totals->free_pages += store_free_pages(shard->store);
		shard_leave(shard);
	}
}

void
route_reset_counters(struct router *router, int64_t now)
{
	for (unsigned i = 0; i < router->shard_count; i++) {
		shard_enter(&router->shards[i], now);
		router->shards[i].counters = (struct counters){ 0 };
		store_reset_counts(router->shards[i].store);
		shard_leave(&router->shards[i]);
	}
}

struct scan {
	struct store	*store;
	void		(*found)(void *context, const struct route_entry *);
	void		*context;
};

static void
visit_item(void *context, struct slice key, const struct store_item *item)
{
	struct scan *scan = context;
	struct route_entry entry = {
		.key = key, .item = item,
		.size = store_item_size(scan->store, item),
		.class = store_class(scan->store, item) + 1,
	};

	scan->found(scan->context, &entry);
}

bool
route_scan(struct router *router, struct route_place *place, unsigned count,
    int64_t now, void (*found)(void *, const struct route_entry *),
    void *context)
{
	struct shard *shard = &router->shards[place->shard];
	struct scan scan = { shard->store, found, context };

	shard_enter(shard, now);
	place->cursor = store_scan(shard->store, place->cursor, count,
	    visit_item, &scan);
	shard_leave(shard);
	if (place->cursor == 0)
		place->shard++;
	return place->shard < router->shard_count;
}

void
route_verify(struct router *router, int64_t now)
{
	for (unsigned i = 0; i < router->shard_count; i++) {
		shard_enter(&router->shards[i], now);
		store_verify(router->shards[i].store);
		counters_verify(&router->shards[i].counters);
		shard_leave(&router->shards[i]);
	}
}
