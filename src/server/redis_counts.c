/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * redis_counts.c - how often calls were made, as sums over the workers. What
 * they count is never set back: what there was at the last reset is taken off.
 * Calls with one key that fail are counted by the shards, which begin anew.
 */
#include "proto/resp.h"
#include "server/redis_calls.h"

static void
add_worker(const struct call_counts *counts, struct call_sums *sums)
{
	for (size_t n = 0; n < CALL_COUNT; n++) {
		sums[n].calls += counts[n].calls;
		sums[n].us += counts[n].us;
		sums[n].rejected += counts[n].rejected;
		sums[n].failed += counts[n].failed;
		for (size_t i = 0; i < CALL_TIMES; i++)
			sums[n].took[i] += counts[n].took[i];
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
		for (size_t i = 0; i < CALL_TIMES; i++)
			sums[n].took[i] -= since[n].took[i];
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

/* How many were timed, and at how many of the times there are any. */
static uint64_t
count_timed(const struct call_sums *sums, size_t *times)
{
	uint64_t timed = 0;

	*times = 0;
	for (size_t i = 0; i < CALL_TIMES; i++) {
		timed += sums->took[i];
		*times += sums->took[i] > 0;
	}
	return timed;
}

static void
put_histogram(struct session_call *call, const struct call_row *row,
    const struct call_sums *sums)
{
	struct output *output = call->output;
	uint64_t up_to = 0, timed;
	size_t times;

	timed = count_timed(sums, &times);
	resp_bulk_text(output, row->name);
	resp_map(output, call->v3, 2);
	resp_bulk_text(output, "calls");
	resp_integer(output, (int64_t)sums->calls);
	resp_bulk_text(output, "histogram_usec");
	resp_map(output, call->v3, times);
	for (size_t i = 0; i < CALL_TIMES; i++) {
		if (sums->took[i] == 0)
			continue;
		/* Those that were timed stand for all. */
		up_to += sums->took[i];
		resp_integer(output, (int64_t)1 << i);
		resp_integer(output, (int64_t)((double)sums->calls *
		    (double)up_to / (double)timed + 0.5));
	}
}

/* Is it named, or the call that it is a part of, or is none? */
static bool
is_wanted(const struct session_call *call, const struct call_row *row)
{
	if (call->count == 2)
		return true;
	for (size_t n = 2; n < call->count; n++)
		if (call_word_is(call->words[n], row->name) ||
		    call_word_is(call->words[n], call_whole(row)->name))
			return true;
	return false;
}

void
latency_histogram(struct admin *admin, struct session_call *call)
{
	static const struct counters none;
	struct call_sums sums[CALL_COUNT];
	size_t count = 0, times;

	redis_sum_calls(admin, &none, sums);
	for (int round = 0; round < 2; round++) {
		if (round == 1)
			resp_map(call->output, call->v3, count);
		for (size_t n = 0; n < CALL_COUNT; n++) {
			if (!is_wanted(call, &call_rows[n]) ||
			    count_timed(&sums[n], &times) == 0)
				continue;
			if (round == 1)
				put_histogram(call, &call_rows[n], &sums[n]);
			count++;
		}
	}
}
