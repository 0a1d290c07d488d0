/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * redis_counts.c - how often calls were made, as sums over the workers. What
 * they count is never set back: what there was at the last reset is taken off.
 * Calls with one key that fail are counted by the shards, which begin anew.
 */
#include "server/redis_calls.h"

static void
add_worker(const struct call_counts *counts, struct call_sums *sums)
{
	for (size_t n = 0; n < CALL_COUNT; n++) {
		sums[n].calls += counts[n].calls;
		sums[n].us += counts[n].us;
		sums[n].rejected += counts[n].rejected;
		sums[n].failed += counts[n].failed;
	}
}

static void
sum_workers(const struct admin *admin, struct call_sums sums[CALL_COUNT])
{
	memset(sums, 0, CALL_COUNT * sizeof *sums);
	for (unsigned i = 0; i < admin->worker_count; i++)
		add_worker(worker_calls(admin->workers[i]), sums);
}

void
redis_sum_calls(struct admin *admin, const struct counters *shards,
    struct call_sums sums[CALL_COUNT])
{
	const struct call_sums *since = admin->calls_since;

	sum_workers(admin, sums);
	pthread_mutex_lock(&admin->settings.lock);
	for (size_t n = 0; n < CALL_COUNT; n++) {
		sums[n].calls -= since[n].calls;
		sums[n].us -= since[n].us;
		sums[n].rejected -= since[n].rejected;
		sums[n].failed -= since[n].failed;
		sums[n].failed += shards->failed_calls[n];
	}
	pthread_mutex_unlock(&admin->settings.lock);
}

void
redis_reset_calls(struct admin *admin)
{
	struct call_sums sums[CALL_COUNT];

	sum_workers(admin, sums);
	pthread_mutex_lock(&admin->settings.lock);
	memcpy(admin->calls_since, sums, sizeof sums);
	pthread_mutex_unlock(&admin->settings.lock);
}
