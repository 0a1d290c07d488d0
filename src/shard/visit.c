/* SPDX-License-Identifier: BSD-3-Clause */
/* visit.c - see visit.h. */
#include "shard/visit.h"

#include <stdatomic.h>

#include "base/check.h"
#include "base/random.h"
#include "command/call.h"
#include "shard/events.h"
#include "shard/lend.h"

static bool
is_entered(const struct visit *visit, size_t n)
{
	return visit->entered[n / 64] >> n % 64 & 1;
}

static void
mark(struct visit *visit, size_t n)
{
	visit->entered[n / 64] |= (uint64_t)1 << n % 64;
}

static size_t
shard_of(const struct visit *visit, uint64_t hash)
{
	return hash & (visit->router->shard_count - 1);
}

void
visit_open(struct visit *visit, struct router *router, int64_t now,
    struct journal *journal)
{
	visit->router = router;
	visit->journal = journal;
	visit->reader = NULL;
	visit->now = now;
	memset(visit->entered, 0, sizeof visit->entered);
	visit->added = 0;
	visit->request = NULL;
}

/* A call is in work: where are its keys? */
static void
begin_call(struct visit *visit, const struct request *request)
{
	size_t last;

	visit->request = request;
	visit->window = visit->known = 0;
	visit->keys = call_keys(request->call, request->word_count,
	    &visit->first, &last, &visit->step) ?
	    (last - visit->first) / visit->step + 1 : 0;
}

/* Know the hashes of keys from number `from` on. */
static void
hash_keys(struct visit *visit, size_t from)
{
	const struct slice *words = visit->request->words + visit->first;

	visit->window = from;
	visit->known = visit->keys - from < VISIT_KEYS ?
	    visit->keys - from : VISIT_KEYS;
	for (size_t i = 0; i < visit->known; i++) {
		struct slice key = words[(from + i) * visit->step];

		visit->hashes[i] = store_hash(visit->router->hash_seed,
		    key.bytes, key.length);
	}
}

static const struct store *
known_store(const struct visit *visit, size_t i)
{
	return visit->router->shards[shard_of(visit, visit->hashes[i])].store;
}

/* Fetch what the keys will touch: buckets, a while later items. */
static void
prefetch(const struct visit *visit)
{
	if (visit->known < 2)
		return;
	for (size_t i = 0; i < visit->known; i++)
		store_prefetch(known_store(visit, i), visit->hashes[i]);
	for (size_t i = 0; i < visit->known; i++)
		store_prefetch_item(known_store(visit, i), visit->hashes[i]);
}

void
visit_add(struct visit *visit, const struct request *request)
{
	begin_call(visit, request);
	for (size_t from = 0; from < visit->keys; from += VISIT_KEYS) {
		hash_keys(visit, from);
		for (size_t i = 0; i < visit->known; i++)
			mark(visit, shard_of(visit, visit->hashes[i]));
	}
	if (request->call->id == CALL_SWAPDB)
		visit_add_all(visit);
	/* What is known of a single call need not be found out again. */
	if (visit->added++ > 0)
		visit->request = NULL;
}

void
visit_add_hash(struct visit *visit, uint64_t hash)
{
	mark(visit, shard_of(visit, hash));
}

void
visit_add_all(struct visit *visit)
{
	for (unsigned n = 0; n < visit->router->shard_count; n++)
		mark(visit, n);
}

/* What the keys' shards do, they do for a client that tracks keys. */
static void
track(struct visit *visit, struct shard *shard, uint64_t writer)
{
	struct tracking_reader *reader = visit->reader;

	if (reader != NULL && (reader->notes || reader->noloop) &&
	    shard_track(shard, reader->tracking) != NULL)
		tracked_set_writer(shard->tracked, writer);
}

/* It was entered: it is part of the visit. */
static void
join(struct visit *visit, struct shard *shard)
{
	const struct tracking_reader *reader = visit->reader;

	shard_keep(shard);
	events_begin(visit->journal, shard->store);
	if (reader != NULL)
		track(visit, shard, reader->noloop ? reader->client : 0);
}

static void
part(struct visit *visit, struct shard *shard)
{
	events_end(shard->store);
	if (visit->reader != NULL)
		track(visit, shard, 0);
	shard_give_back(shard);
	shard_leave(shard);
}

/*
 * All of them but `first`, which has been entered. Returns the one that
 * somebody is inside, and then all are left; or their number.
 */
static unsigned
enter_others(struct visit *visit, unsigned first)
{
	struct router *router = visit->router;
	unsigned n;

	for (n = 0; n < router->shard_count; n++) {
		if (n == first || !is_entered(visit, n))
			continue;
		if (!shard_try_enter(&router->shards[n], visit->now))
			break;
		join(visit, &router->shards[n]);
	}
	if (n == router->shard_count)
		return n;
	for (unsigned i = 0; i < n; i++)
		if (i != first && is_entered(visit, i))
			part(visit, &router->shards[i]);
	part(visit, &router->shards[first]);
	return n;
}

void
visit_enter(struct visit *visit)
{
	struct router *router = visit->router;
	unsigned first = 0;

	while (first < router->shard_count && !is_entered(visit, first))
		first++;
	while (first < router->shard_count) {
		shard_enter(&router->shards[first], visit->now);
		join(visit, &router->shards[first]);
		first = enter_others(visit, first);
	}
	if (visit->reader != NULL)
		tracking_reader_entered(visit->reader);
}

static void
reach(struct visit *visit, unsigned n)
{
	if (is_entered(visit, n))
		return;
	shard_enter(&visit->router->shards[n], visit->now);
	join(visit, &visit->router->shards[n]);
	mark(visit, n);
}

void
visit_reach(struct visit *visit, const struct request *request)
{
	begin_call(visit, request);
	if (visit->keys == 0)
		for (unsigned n = 0; n < visit->router->shard_count; n++)
			reach(visit, n);
	for (size_t from = 0; from < visit->keys; from += VISIT_KEYS) {
		hash_keys(visit, from);
		for (size_t i = 0; i < visit->known; i++)
			reach(visit, (unsigned)shard_of(visit,
			    visit->hashes[i]));
	}
}

void
visit_leave(struct visit *visit)
{
	for (unsigned n = visit->router->shard_count; n-- > 0; ) {
		struct shard *shard = &visit->router->shards[n];

		if (is_entered(visit, n))
			part(visit, shard);
	}
}

struct store_key
visit_key(const struct visit *visit, struct slice key, uint8_t space)
{
	return (struct store_key){
		.bytes = key.bytes, .length = key.length, .space = space,
		.hash = store_hash(visit->router->hash_seed, key.bytes,
		    key.length),
	};
}

struct store *
visit_store(const struct visit *visit, uint64_t hash)
{
	size_t n = shard_of(visit, hash);

	CHECK(is_entered(visit, n));
	return visit->router->shards[n].store;
}

/* What a call can ask for, see struct call. */

static struct store *
store_of(void *context, size_t word, struct store_key *key)
{
	struct visit *visit = context;
	size_t n = word - visit->first, shard;

	if (visit->step != 1)
		n /= visit->step;
	if (n - visit->window >= visit->known) {
		CHECK(n < visit->keys);
		hash_keys(visit, n);
		prefetch(visit);
	}
	key->bytes = visit->request->words[word].bytes;
	key->length = visit->request->words[word].length;
	key->space = visit->request->space;
	key->hash = visit->hashes[n - visit->window];
	shard = shard_of(visit, key->hash);
	CHECK(is_entered(visit, shard));
	return visit->router->shards[shard].store;
}

static struct store *
enter(void *context, unsigned n)
{
	struct visit *visit = context;
	struct shard *shard = &visit->router->shards[n];

	if (!is_entered(visit, n))
		shard_enter(shard, visit->now);
	return shard->store;
}

static void
leave(void *context, unsigned n)
{
	struct visit *visit = context;

	if (!is_entered(visit, n))
		shard_leave(&visit->router->shards[n]);
}

static void
flushed(void *context)
{
	struct visit *visit = context;

	if (visit->router->tracking != NULL)
		tracking_tell_flushed(visit->router->tracking);
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

/* Reading by calls counts as that of memcached's get does. */
static void
note_read(void *context, const struct store_key *key, bool hit)
{
	const struct visit *visit = context;

	shard_count_read(&visit->router->shards[shard_of(visit, key->hash)],
	    key, hit);
}

static uint64_t
hash_key(void *context, const struct store_key *key)
{
	const struct visit *visit = context;

	return store_hash(visit->router->hash_seed, key->bytes, key->length);
}

static void
put_value(void *context, struct store *store, struct store_item *item,
    struct output *output)
{
	struct visit *visit = context;
	struct lent lent = { .item = item };

	for (unsigned n = 0; lent.shard == NULL; n++)
		if (visit->router->shards[n].store == store)
			lent.shard = &visit->router->shards[n];
	lend_value(&lent, output);
}

static void
execute(struct visit *visit, struct output *output)
{
	const struct request *request = visit->request;
	struct call call = {
		.row = request->call, .words = request->words,
		.count = request->word_count, .output = output,
		.v3 = request->flags & REQUEST_RESP3, .now = visit->now,
		.space = request->space, .rights = request->rights,
		.store_count = visit->router->shard_count,
		.store_of = store_of, .enter = enter, .leave = leave,
		.flushed = flushed,
		.random = next_random, .note_read = note_read,
		.hash = hash_key,
		.rules = &visit->router->rules,
		.put_value = put_value, .context = visit,
	};

	call_execute(&call);
}

/* The client has read the keys of its call. */
static void
note_keys(struct visit *visit)
{
	const struct tracking_reader *reader = visit->reader;

	for (size_t n = 0; n < visit->keys; n++) {
		size_t word = visit->first + n * visit->step;
		struct slice bytes = visit->request->words[word];
		struct store_key key;
		struct shard *shard;

		store_of(visit, word, &key);
		shard = &visit->router->shards[shard_of(visit, key.hash)];
		if (shard->tracked != NULL)
			tracked_note(shard->tracked, bytes, reader->client);
		else
			tracking_tell(reader->tracking, bytes,
			    reader->client);
	}
}

void
visit_call(struct visit *visit, const struct request *request,
    struct output *output)
{
	if (visit->request != request)
		begin_call(visit, request);
	if (visit->window == 0)
		prefetch(visit);
	execute(visit, output);
	if (visit->reader != NULL && visit->reader->notes &&
	    request->call->access == CALL_READ)
		note_keys(visit);
	visit->request = NULL;
}

void
visit_call_one(struct router *router, struct shard *shard,
    const struct request *request, int64_t now, struct output *output)
{
	unsigned errors = output->errors;
	struct visit visit;

	visit_open(&visit, router, now, NULL);
	mark(&visit, (size_t)(shard - router->shards));
	visit.request = request;
	visit.first = (size_t)request->call->first;
	visit.step = visit.keys = visit.known = 1;
	visit.window = 0;
	visit.hashes[0] = request->hash;
	execute(&visit, output);
	if (output->errors != errors)
		shard->counters.failed_calls[request->call->id]++;
}
