/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * expiry.c - how long requests wait while a million items fall due at once.
 *
 *	bench/expiry [items]
 *
 * Between two looks at its sockets a worker does one slice of housekeeping,
 * so the longest slice is what a request may have to wait. A slice is timed
 * in processor time of the thread: on a busy machine the clock on the wall
 * shows what other programs do.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "store/store.h"

#define ITEMS		1000000
#define SEED		20240607
#define START		INT64_C(1700000000000)
#define BUDGET		512	/* as src/shard/shard.c */

static int64_t
thread_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* All of them expire within one second. */
static void
fill(struct store *store, unsigned items)
{
	static const char value[32] = "thirty-two bytes, as many are";
	char name[300];

	for (unsigned n = 0; n < items; n++) {
		struct store_key key = { .bytes = name };
		struct store_value new = {
			.bytes = { value, sizeof value },
			.expiry = START + 60000 + n % 1000,
		};

		key.length = (size_t)snprintf(name, sizeof name, "key-%012u",
		    n);
		key.hash = store_hash(SEED, name, key.length);
		if (store_put(store, &key, STORE_SET, &new) != STORE_OK) {
			fprintf(stderr, "bench/expiry: item %u was refused\n",
			    n);
			exit(1);
		}
	}
}

static int
by_length(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void
report(int64_t *slices, size_t count, unsigned items)
{
	int64_t sum = 0;

	for (size_t n = 0; n < count; n++)
		sum += slices[n];
	qsort(slices, count, sizeof *slices, by_length);
	printf("%u items in %zu slices, %.0f ms in all, %.0f ns an item\n"
	    "a slice: median %.0f us, 99 %% below %.0f us, longest %.0f us\n",
	    items, count, (double)sum / 1e6, (double)sum / items,
	    (double)slices[count / 2] / 1e3,
	    (double)slices[count * 99 / 100] / 1e3,
	    (double)slices[count - 1] / 1e3);
}

/* Returns how many slices there were. */
static size_t
measure(struct store *store, int64_t *slices, size_t most)
{
	size_t count = 0;
	bool more = true;

	while (store_tick(store, BUDGET))
		;
	store_set_time(store, START + 62000);
	while (more && count < most) {
		int64_t before = thread_ns();

		more = store_tick(store, BUDGET);
		slices[count++] = thread_ns() - before;
	}
	if (store_items(store) != 0)
		printf("%" PRIu64 " items are left\n", store_items(store));
	return count;
}

int
main(int argc, char **argv)
{
	unsigned items = argc > 1 ? (unsigned)atoi(argv[1]) : ITEMS;
	size_t most = items / 64 + 1000;
	int64_t *slices = calloc(most, sizeof *slices);
	struct store_config config = {
		.limit = (size_t)items * 256 + ((size_t)64 << 20),
		.item_max = (size_t)1 << 20, .growth_factor = 1.12,
		.chunk_min = 8, .evict = true, .cas = true, .hash_seed = SEED,
	};
	struct error error;
	struct store *store = store_open(&config, &error);

	if (store == NULL || slices == NULL)
		return 1;
	store_set_time(store, START);
	fill(store, items);
	report(slices, measure(store, slices, most), items);
	store_close(store);
	free(slices);
	return 0;
}
