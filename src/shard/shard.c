/* SPDX-License-Identifier: BSD-3-Clause */
/* shard.c - see shard.h. */
#include "shard/shard.h"

#include <inttypes.h>

#include "base/check.h"
#include "shard/events.h"

/* Items that one slice looks at: some 100 us when all of them are due. */
#define TICK_BUDGET	512

int
shard_open(struct shard *shard, const struct store_config *config,
    const struct counters_plan *plan, struct error *error)
{
	*shard = (struct shard){
		.store = store_open(config, error), .plan = plan,
	};
	if (shard->store == NULL)
		return -1;
	CHECK(pthread_mutex_init(&shard->lock, NULL) == 0);
	return 0;
}

void
shard_close(struct shard *shard)
{
	pthread_mutex_destroy(&shard->lock);
	if (shard->tracked != NULL)
		tracked_close(shard->tracked);
	store_close(shard->store);
}

/* Something that each thread has at another address. */
static _Thread_local char thread;

/* Only who holds the lock finds its own address, so it is not torn away. */
static bool
enter_again(struct shard *shard)
{
	if (atomic_load_explicit(&shard->keeper, memory_order_relaxed) !=
	    &thread)
		return false;
	shard->again++;
	return true;
}

void
shard_enter_now(struct shard *shard)
{
	if (pthread_mutex_trylock(&shard->lock) != 0 && !enter_again(shard))
		pthread_mutex_lock(&shard->lock);
}

void
shard_keep(struct shard *shard)
{
	atomic_store_explicit(&shard->keeper, &thread, memory_order_relaxed);
}

void
shard_give_back(struct shard *shard)
{
	CHECK(shard->again == 0);
	atomic_store_explicit(&shard->keeper, NULL, memory_order_relaxed);
}

static void
arrive(struct shard *shard, int64_t now)
{
	store_set_time(shard->store, now);
	if (shard->flush_at != 0 && shard->flush_at <= now) {
		shard->flush_at = 0;
		store_flush(shard->store);
		if (shard->tracked != NULL)
			tracked_tell_flushed(shard->tracked);
	}
}

void
shard_enter(struct shard *shard, int64_t now)
{
	shard_enter_now(shard);
	arrive(shard, now);
}

bool
shard_try_enter(struct shard *shard, int64_t now)
{
	if (pthread_mutex_trylock(&shard->lock) != 0)
		return false;
	arrive(shard, now);
	return true;
}

void
shard_leave(struct shard *shard)
{
	struct mail *mail;

	if (shard->again > 0) {
		shard->again--;
		return;
	}
	mail = shard->tracked == NULL ? NULL :
	    tracked_mail_to_wake(shard->tracked);
	pthread_mutex_unlock(&shard->lock);
	if (mail != NULL)
		mail_wake(mail);
}

struct tracked *
shard_track(struct shard *shard, struct tracking *tracking)
{
	if (shard->tracked == NULL)
		shard->tracked = tracked_open(tracking, shard->store);
	return shard->tracked;
}

void
shard_count_read(struct shard *shard, const struct store_key *key, bool hit)
{
	enum status status = hit ? STATUS_VALUE : STATUS_MISS;
	unsigned bits = shard->plan->bits[OP_GET][status];

	counters_count(&shard->counters, OP_GET, status);
	if (bits != 0)
		counters_count_class(&shard->counters, bits,
		    store_last_class(shard->store));
	if (shard->prefixes != NULL) {
		struct request request = {
			.op = OP_GET, .key = { key->bytes, key->length },
		};

		prefix_count(shard->prefixes, &request, status);
	}
}

void
shard_flush(struct shard *shard, int64_t when, int64_t now)
{
	if (when <= now)
		store_flush(shard->store);
	/* A later one replaces one that still waits, as in memcached. */
	shard->flush_at = when <= now ? 0 : when;
}

bool
shard_tick(struct shard *shard, int64_t now, struct journal *journal)
{
	bool more;

	shard_enter(shard, now);
	events_begin(journal, shard->store);
	more = store_tick(shard->store, TICK_BUDGET);
	events_end(shard->store);
	shard_leave(shard);
	return more;
}

void
shard_save(const struct shard *shard, FILE *out)
{
	fprintf(out, "flush-at %" PRId64 "\n", shard->flush_at);
	store_save(shard->store, out);
}

int
shard_restore(struct shard *shard, FILE *in, int64_t now,
    struct error *error)
{
	if (fscanf(in, " flush-at %" SCNd64, &shard->flush_at) != 1)
		return error_set(error, "a shard is missing");
	store_set_time(shard->store, now);
	return store_restore(shard->store, in, error);
}
