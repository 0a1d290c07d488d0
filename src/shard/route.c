/* SPDX-License-Identifier: BSD-3-Clause */
/* route.c - see route.h. */
#include "shard/route.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"
#include "command/execute.h"
#include "shard/events.h"
#include "shard/lend.h"
#include "shard/visit.h"

int
route_open(struct router *router, unsigned count,
    const struct store_config *total, struct error *error)
{
	struct store_config config = *total;
	struct store_file file = { .fd = -1 };
	unsigned opened;

	CHECK(count > 0 && count <= ROUTE_SHARDS_MAX &&
	    (count & (count - 1)) == 0);
	config.limit /= count;
	if (total->file != NULL) {
		file = *total->file;
		config.file = &file;
	}
	*router = (struct router){
		.shard_count = count, .hash_seed = total->hash_seed,
		.random = total->hash_seed,
	};
	counters_plan(&router->plan);
	router->shards = aligned_alloc(_Alignof(struct shard),
	    count * sizeof *router->shards);
	if (router->shards == NULL)
		return error_set(error, "out of memory for %u shards", count);
	for (opened = 0; opened < count; opened++) {
		if (shard_open(&router->shards[opened], &config,
		    &router->plan, error) == -1)
			goto fail;
		file.offset += file.bytes;
	}
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
	    request->key.length);
}

static enum status
execute_one(struct shard *shard, const struct request *request,
    struct output *output)
{
	struct reply reply = { .status = STATUS_NONE };
	struct store_item item;
	struct lent lent = { shard, &item };

	execute(shard->store, request, &reply, &item);
	shard_count_request(shard, request, reply.status);
	if (reply.status == STATUS_VALUE && (item.pieces > 0 ||
	    item.length >= LEND_LENGTH)) {
		reply.value.bytes = NULL;
		reply.context = &lent;
		reply.add_value = lend_value;
	}
	proto_reply(output, request, &reply);
	return reply.status;
}

/* Requests to one shard, with what they need. */
struct run {
	struct router		*router;
	struct shard		*shard;
	const struct request	*requests;
	size_t			 count;
	int64_t			 now;
	struct output		*output;
	struct journal		*journal;
};

static enum status
execute_any(const struct run *run, const struct request *request)
{
	if (request->op != OP_KEY_CALL)
		return execute_one(run->shard, request, run->output);
	visit_call_one(run->router, run->shard, request, run->now,
	    run->output);
	return STATUS_NONE;
}

/* The same, and somebody wants to know. */
static void
execute_watched(const struct run *run, const struct request *request)
{
	struct events_before before;
	enum status status;

	events_asked(run->shard->store, request, &before);
	status = execute_any(run, request);
	events_answered(run->journal, run->shard->store, request, status,
	    &before);
}

static void
execute_all_watched(const struct run *run)
{
	events_begin(run->journal, run->shard->store);
	for (size_t i = 0; i < run->count; i++)
		execute_watched(run, &run->requests[i]);
	events_end(run->shard->store);
}

static void
execute_run(const struct run *run)
{
	const struct store *store = run->shard->store;

	shard_enter(run->shard, run->now);
	if (run->count > 1) {
		for (size_t i = 0; i < run->count; i++)
			store_prefetch(store, run->requests[i].hash);
		for (size_t i = 0; i < run->count; i++)
			store_prefetch_item(store, run->requests[i].hash);
	}
	if (run->journal->wanted & EVENTS_WATCHED)
		execute_all_watched(run);
	else
		for (size_t i = 0; i < run->count; i++)
			execute_any(run, &run->requests[i]);
	shard_leave(run->shard);
}

void
route_execute(struct router *router, const struct request *requests,
    size_t count, int64_t now, struct output *output,
    struct journal *journal)
{
	struct run run = {
		.router = router, .requests = requests, .now = now,
		.output = output, .journal = journal,
	};

	for (; count > 0; count -= run.count, run.requests += run.count) {
		run.shard = shard_of(router, run.requests[0].hash);
		run.count = 1;
		while (run.count < count && shard_of(router,
		    run.requests[run.count].hash) == run.shard)
			run.count++;
		execute_run(&run);
	}
}

void
route_call(struct router *router, const struct request *request, int64_t now,
    struct output *output, struct journal *journal,
    struct tracking_reader *reader)
{
	struct visit visit;

	visit_open(&visit, router, now, journal);
	visit.reader = reader;
	visit_add(&visit, request);
	visit_enter(&visit);
	visit_call(&visit, request, output);
	visit_leave(&visit);
}

bool
route_listen(struct router *router, int64_t now)
{
	bool all = true;

	for (unsigned i = 0; i < router->shard_count && all; i++) {
		struct shard *shard = &router->shards[i];

		shard_enter(shard, now);
		all = shard_track(shard, router->tracking) != NULL;
		if (all)
			tracked_listen(shard->tracked);
		shard_leave(shard);
	}
	return all;
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
	if (when <= now && router->tracking != NULL)
		tracking_tell_flushed(router->tracking);
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
		for (unsigned n = 0; n < STORE_SPACES; n++)
			totals->space_items[n] +=
			    store_space_items(shard->store, n);
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
route_save(const struct router *router, FILE *out)
{
	for (unsigned i = 0; i < router->shard_count; i++)
		shard_save(&router->shards[i], out);
}

int
route_restore(struct router *router, FILE *in, int64_t now,
    struct error *error)
{
	for (unsigned i = 0; i < router->shard_count; i++)
		if (shard_restore(&router->shards[i], in, now, error) == -1)
			return -1;
	return 0;
}

uint64_t
route_items(struct router *router, int64_t now)
{
	uint64_t items = 0;

	for (unsigned i = 0; i < router->shard_count; i++) {
		shard_enter(&router->shards[i], now);
		items += store_items(router->shards[i].store);
		shard_leave(&router->shards[i]);
	}
	return items;
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
