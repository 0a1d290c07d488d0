/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store.c - what an operation of the embeddable store costs.
 *
 * usage: bench/store [words ...]
 *
 * With words, only the rows that contain some of them; a row is named as in
 * "set new 1000 1", by operation, keys and threads. A figure is the median of
 * several runs; with two threads it is what one thread waits. A run in which
 * a thread had to share its CPU does not count, if there are enough others; a
 * star marks rows without. Keys have 16 bytes, values 15 unless a row says
 * otherwise. `bar` is what the operation may cost and `aim` what it should.
 * "-" is not known here.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE		/* RTLD_NEXT, syscall */
#endif

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "allocator.h"
#include "cairn/store.h"

#if defined(__has_include)
#if __has_include(<linux/perf_event.h>)
#include <linux/perf_event.h>
#include <sys/syscall.h>
#define CAN_COUNT_MISSES
#endif
#endif

#define RUNS		9
#define TRIES		600		/* to have so many runs */
#define WARM_NS		300000000.0	/* before the first */
#define RUN_NS		2000000.0	/* a run lasts at least */
#define SHARE		0.97		/* of the CPU that a thread needs */
#define ROUND_MAX	10000		/* operations between two looks at
					   the clock, at most */
#define THREADS_MAX	2
#define KEY_LENGTH	16
#define VALUE_LENGTH	15
#define KB		((size_t)1 << 10)
#define MB		((size_t)1 << 20)
#define GB		((size_t)1 << 30)
#define MULTI_MAX	64

/* One thread's part of a row. */
struct load {
	struct cairn_store	*store;
	const struct row	*row;
	uint64_t		 random;
	uint64_t		 fresh;		/* first of the keys that come
						   and go, of this thread */
	unsigned		 round;		/* operations */
	unsigned		 number;	/* of the thread */
	double			 began;		/* its last run, ns */
	double			 ns;		/* per operation */
	double			 misses;	/* per operation; < 0: unknown */
	double			 calls;		/* of the allocator */
	bool			 disturbed;	/* hardly a run was not */
};

struct row {
	const char	*name;
	uint64_t	 keys;
	unsigned	 threads;
	double		 bar, aim;		/* ns; 0: none */
	void		(*round)(struct load *);
	void		(*before)(struct load *);	/* not counted */
	unsigned	 batch;			/* keys per call */
	size_t		 length;		/* of a value */
	size_t		 limit;			/* of the store, bytes */
};

static char source[MB];
static pthread_barrier_t barrier;
static _Atomic unsigned undisturbed;	/* threads of this run */
static _Atomic unsigned running;	/* in this run and those before */

static void
fail(const char *what, int error)
{
	fprintf(stderr, "bench/store: %s: %s\n", what, cairn_strerror(error));
	exit(1);
}

static inline void
expect(int result, const char *what)
{
	if (result < 0)
		fail(what, result);
}

static double
now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* A random key number of those that stay. */
static inline uint64_t
any(struct load *load)
{
	load->random = load->random * 6364136223846793005 +
	    1442695040888963407;
	return (load->random >> 32) * load->row->keys >> 32;
}

/*
 * Write key `number`: there is no table of keys, which would miss the cache,
 * too. Two aligned words, because the CPU would hold up the loads of other
 * ones until these stores are done; a key from elsewhere does not wait so.
 */
static inline const char *
name(uint64_t *key, uint64_t number)
{
	memcpy(key, "bench:ke", sizeof *key);
	key[1] = number;
	return (const char *)key;
}

static void
get_round(struct load *load)
{
	uint64_t key[2];
	char value[KB];

	for (unsigned n = 0; n < load->round; n++)
		expect(cairn_store_get(load->store, name(key, any(load)),
		    KEY_LENGTH, value, sizeof value, NULL), "get");
}

static void
lease_round(struct load *load)
{
	struct cairn_store_lease lease;
	uint64_t key[2];

	for (unsigned n = 0; n < load->round; n++) {
		expect(cairn_store_lease(load->store, name(key, any(load)),
		    KEY_LENGTH, &lease), "lease");
		expect(cairn_store_release(load->store, &lease), "release");
	}
}

static void
exists_round(struct load *load)
{
	uint64_t key[2];

	for (unsigned n = 0; n < load->round; n++)
		expect(cairn_store_exists(load->store, name(key, any(load)),
		    KEY_LENGTH), "exists");
}

static void
set_round(struct load *load)
{
	uint64_t key[2];

	for (unsigned n = 0; n < load->round; n++)
		expect(cairn_store_set(load->store, name(key, any(load)),
		    KEY_LENGTH, source + n % 64, load->row->length, 0, 0),
		    "set");
}

static void
set_fresh(struct load *load)
{
	uint64_t key[2];

	for (unsigned n = 0; n < load->round; n++)
		expect(cairn_store_set(load->store,
		    name(key, load->fresh + n), KEY_LENGTH, source,
		    load->row->length, 0, 0), "set");
}

/* Keys that were never there, so that old ones have to go. */
static void
set_ever_new(struct load *load)
{
	set_fresh(load);
	load->fresh += load->round;
}

static void
add_fresh(struct load *load)
{
	uint64_t key[2];

	for (unsigned n = 0; n < load->round; n++)
		expect(cairn_store_add(load->store,
		    name(key, load->fresh + n), KEY_LENGTH, source,
		    load->row->length, 0, 0), "add");
}

static void
delete_fresh(struct load *load)
{
	uint64_t key[2];

	/* Before the first round there is nothing to delete. */
	for (unsigned n = 0; n < load->round; n++)
		cairn_store_delete(load->store, name(key, load->fresh + n),
		    KEY_LENGTH);
}

static void
incr_round(struct load *load)
{
	uint64_t key[2];
	uint64_t result;

	for (unsigned n = 0; n < load->round; n++)
		expect(cairn_store_incr(load->store, name(key, any(load)),
		    KEY_LENGTH, 1, &result), "incr");
}

static void
expire_round(struct load *load)
{
	uint64_t key[2];

	for (unsigned n = 0; n < load->round; n++)
		expect(cairn_store_expire(load->store, name(key, any(load)),
		    KEY_LENGTH, 1000000 + n), "expire");
}

static void
multi_get_round(struct load *load)
{
	struct cairn_store_get_request requests[MULTI_MAX];
	uint64_t keys[MULTI_MAX][2];
	char values[MULTI_MAX][128];
	unsigned batch = load->row->batch;

	for (unsigned n = 0; n < load->round; n += batch) {
		for (unsigned i = 0; i < batch; i++) {
			requests[i].key = name(keys[i], any(load));
			requests[i].key_length = KEY_LENGTH;
			requests[i].buffer = values[i];
			requests[i].size = sizeof values[i];
		}
		if (cairn_store_multi_get(load->store, requests, batch) !=
		    (int)batch)
			fail("multi-get", CAIRN_MISS);
	}
}

static void
multi_set_round(struct load *load)
{
	struct cairn_store_set_request requests[MULTI_MAX];
	uint64_t keys[MULTI_MAX][2];
	unsigned batch = load->row->batch;

	for (unsigned n = 0; n < load->round; n += batch) {
		for (unsigned i = 0; i < batch; i++)
			requests[i] = (struct cairn_store_set_request){
				.key = name(keys[i], any(load)),
				.key_length = KEY_LENGTH,
				.value = source, .length = load->row->length,
			};
		if (cairn_store_multi_set(load->store, requests, batch) !=
		    (int)batch)
			fail("multi-set", CAIRN_NO_MEMORY);
	}
}

static void
multi_delete_round(struct load *load)
{
	struct cairn_store_delete_request requests[MULTI_MAX];
	uint64_t keys[MULTI_MAX][2];
	unsigned batch = load->row->batch;

	for (unsigned n = 0; n + batch <= load->round; n += batch) {
		for (unsigned i = 0; i < batch; i++) {
			requests[i].key = name(keys[i], load->fresh + n + i);
			requests[i].key_length = KEY_LENGTH;
		}
		if (cairn_store_multi_delete(load->store, requests, batch) !=
		    (int)batch)
			fail("multi-delete", CAIRN_MISS);
	}
}

/* All that multi_delete_round() leaves is set again, too. */
#define HOT	1000, 1
#define COLD	1000000, 1
#define PAIR	1000, 2
#define PAIR_COLD 1000000, 2
#define SMALL	1, VALUE_LENGTH, GB

static const struct row rows[] = {
	{ "get", HOT, 79, 40, get_round, NULL, SMALL },
	{ "get", COLD, 0, 0, get_round, NULL, SMALL },
	{ "lease and release", HOT, 30, 0, lease_round, NULL, SMALL },
	{ "lease and release", COLD, 0, 0, lease_round, NULL, SMALL },
	{ "exists", HOT, 67, 25, exists_round, NULL, SMALL },
	{ "exists", COLD, 0, 0, exists_round, NULL, SMALL },
	{ "set existing", HOT, 24, 0, set_round, NULL, SMALL },
	{ "set existing", COLD, 0, 0, set_round, NULL, SMALL },
	{ "set new", HOT, 373, 120, set_fresh, delete_fresh, SMALL },
	{ "set new", COLD, 373, 120, set_fresh, delete_fresh, SMALL },
	/* Twice as many as there is room for. */
	{ "set new, evicting", 3000000, 1, 373, 120, set_ever_new, NULL,
	    1, VALUE_LENGTH, 64 * MB },
	{ "add", HOT, 372, 0, add_fresh, delete_fresh, SMALL },
	{ "add", COLD, 372, 0, add_fresh, delete_fresh, SMALL },
	{ "delete", HOT, 259, 60, delete_fresh, set_fresh, SMALL },
	{ "delete", COLD, 259, 60, delete_fresh, set_fresh, SMALL },
	{ "incr", HOT, 30, 15, incr_round, NULL, 1, 0, GB },
	{ "incr", COLD, 0, 0, incr_round, NULL, 1, 0, GB },
	{ "expire", HOT, 150, 0, expire_round, NULL, SMALL },
	{ "expire", COLD, 0, 0, expire_round, NULL, SMALL },
	{ "multi-set of 10, per key", HOT, 26, 20, multi_set_round, NULL,
	    10, VALUE_LENGTH, GB },
	{ "multi-set of 10, per key", COLD, 0, 0, multi_set_round, NULL,
	    10, VALUE_LENGTH, GB },
	{ "multi-get of 10, per key", HOT, 43, 30, multi_get_round, NULL,
	    10, VALUE_LENGTH, GB },
	{ "multi-get of 10, per key", COLD, 0, 0, multi_get_round, NULL,
	    10, VALUE_LENGTH, GB },
	{ "multi-get of 32, per key", HOT, 0, 0, multi_get_round, NULL,
	    32, VALUE_LENGTH, GB },
	{ "multi-get of 32, per key", COLD, 0, 0, multi_get_round, NULL,
	    32, VALUE_LENGTH, GB },
	{ "multi-delete of 10, per key", HOT, 210, 50, multi_delete_round,
	    set_fresh, 10, VALUE_LENGTH, GB },
	{ "multi-delete of 10, per key", COLD, 210, 50, multi_delete_round,
	    set_fresh, 10, VALUE_LENGTH, GB },
	{ "set 1 KB", HOT, 97, 0, set_round, NULL, 1, KB, GB },
	{ "set 1 MB", 1, 1, 44000, 0, set_round, NULL, 1, MB - 128, GB },
	{ "set 1 MB", 100, 1, 0, 0, set_round, NULL, 1, MB - 128, GB },
	{ "get", PAIR, 100, 0, get_round, NULL, SMALL },
	{ "get", PAIR_COLD, 0, 0, get_round, NULL, SMALL },
	{ "lease and release", PAIR, 100, 0, lease_round, NULL, SMALL },
	{ "exists", PAIR, 100, 0, exists_round, NULL, SMALL },
	{ "multi-get of 10, per key", PAIR, 100, 0, multi_get_round, NULL,
	    10, VALUE_LENGTH, GB },
	{ "set existing", PAIR, 0, 0, set_round, NULL, SMALL },
	{ "set existing", PAIR_COLD, 0, 0, set_round, NULL, SMALL },
	{ "set new", PAIR, 0, 0, set_fresh, delete_fresh, SMALL },
	{ "delete", PAIR, 0, 0, delete_fresh, set_fresh, SMALL },
	{ "incr", PAIR, 0, 0, incr_round, NULL, 1, 0, GB },
	{ "expire", PAIR, 0, 0, expire_round, NULL, SMALL },
	/* 100-byte values fill the store. */
	{ "get, 2 GB", 14000000, 1, 0, 0, get_round, NULL, 1, 100, 2 * GB },
	{ "multi-get of 32, 2 GB, per key", 14000000, 1, 0, 0,
	    multi_get_round, NULL, 32, 100, 2 * GB },
};

#ifdef CAN_COUNT_MISSES
/* A counter of this thread's cache misses, or -1. */
static int
misses_open(void)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof attributes,
		.config = PERF_COUNT_HW_CACHE_MISSES,
		.exclude_kernel = 1, .exclude_hv = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
}
#else
static int
misses_open(void)
{
	return -1;
}
#endif

static uint64_t
misses_read(int fd)
{
	uint64_t count = 0;

	if (fd == -1 || read(fd, &count, sizeof count) != sizeof count)
		return 0;
	return count;
}

/*
 * Rounds until enough time has passed; only `round` is counted. Did the
 * thread have the CPU all the time?
 */
static bool
run(struct load *load, double least, int misses_fd)
{
	double begin = now_ns(CLOCK_MONOTONIC);
	double cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);
	uint64_t done = 0, misses = 0, calls = 0;
	double spent = 0;

	while (spent < least) {
		uint64_t calls_before, misses_before;
		double before;

		if (load->row->before != NULL)
			load->row->before(load);
		calls_before = allocator_calls;
		misses_before = misses_read(misses_fd);
		before = now_ns(CLOCK_MONOTONIC);
		load->row->round(load);
		spent += now_ns(CLOCK_MONOTONIC) - before;
		misses += misses_read(misses_fd) - misses_before;
		calls += allocator_calls - calls_before;
		done += load->round;
	}
	load->ns = spent / (double)done;
	load->calls = (double)calls / (double)done;
	load->misses = misses_fd == -1 ? -1 : (double)misses / (double)done;
	return now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu >=
	    SHARE * (now_ns(CLOCK_MONOTONIC) - begin);
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Begin run number `tries` together: all have a CPU, not just the right. */
static void
begin_together(struct load *load, unsigned tries)
{
	unsigned all = load->row->threads * (tries + 1);

	pthread_barrier_wait(&barrier);
	if (++running < all)
		while (running < all)
			continue;
	load->began = now_ns(CLOCK_MONOTONIC);
}

/* Did all threads run at the same time? */
static bool
ran_together(const struct load *load)
{
	const struct load *first = load - load->number;

	for (unsigned n = 0; n < load->row->threads; n++)
		if (first[n].began > load->began + RUN_NS / 20 ||
		    first[n].began < load->began - RUN_NS / 20)
			return false;
	return true;
}

/* One thread of a row: some runs, all threads beginning each together. */
static void *
work(void *argument)
{
	struct load *load = argument;
	double good[RUNS], all[TRIES];
	unsigned count = 0, tries = 0;
	int fd = misses_open();

	run(load, WARM_NS, fd);
	while (count < RUNS && tries < TRIES) {
		undisturbed = 0;
		begin_together(load, tries);
		undisturbed += run(load, RUN_NS, fd);
		all[tries++] = load->ns;
		pthread_barrier_wait(&barrier);
		if (!ran_together(load))
			undisturbed--;
		pthread_barrier_wait(&barrier);
		if (undisturbed == load->row->threads)
			good[count++] = load->ns;
		/* All have seen it. */
		pthread_barrier_wait(&barrier);
	}
	load->disturbed = count < RUNS;
	qsort(all, tries, sizeof *all, by_size);
	qsort(good, count, sizeof *good, by_size);
	load->ns = load->disturbed ? all[tries / 2] : good[count / 2];
	if (fd != -1)
		close(fd);
	return NULL;
}

/* The keys that stay: `length` 0 stands for a number. */
static void
fill(struct cairn_store *store, const struct row *row)
{
	uint64_t key[2];

	for (uint64_t n = 0; n < row->keys; n++)
		expect(cairn_store_set(store, name(key, n), KEY_LENGTH,
		    row->length == 0 ? "10000" : source,
		    row->length == 0 ? 5 : row->length, 0, 0), "fill");
}

static void
print_number(double number, const char *format)
{
	char text[32] = "-";

	if (number >= 0)
		snprintf(text, sizeof text, format, number);
	printf(" %10s", text);
}

static void
print_row(const struct row *row, const struct load *loads)
{
	double ns = 0, bar = row->bar > 0 ? row->bar : -1;

	for (unsigned n = 0; n < row->threads; n++)
		ns += loads[n].ns / row->threads;
	printf("%-31s %9" PRIu64 " %7u", row->name, row->keys, row->threads);
	print_number(ns, "%.1f");
	print_number(bar, "%.0f");
	print_number(row->aim > 0 ? row->aim : -1, "%.0f");
	printf("%c%-5s", loads[0].disturbed ? '*' : ' ',
	    bar < 0 ? "" : ns <= bar ? "meets" : "OVER");
	print_number(ALLOCATOR_COUNTS ? loads[0].calls : -1, "%.4f");
	print_number(loads[0].misses, "%.2f");
	putchar('\n');
	fflush(stdout);
}

/* Returns the ns per operation of one thread. */
static double
measure(const struct row *row)
{
	struct cairn_store_options options = {
		.size = sizeof options, .limit = row->limit,
	};
	struct load loads[THREADS_MAX];
	pthread_t threads[THREADS_MAX];
	struct cairn_store *store;

	expect(cairn_store_open(&options, &store), "open");
	fill(store, row);
	pthread_barrier_init(&barrier, NULL, row->threads);
	running = 0;
	for (unsigned n = 0; n < row->threads; n++)
		loads[n] = (struct load){
			.store = store, .row = row, .number = n,
			.random = 42 + n,
			.fresh = (uint64_t)(n + 1) << 40,
			.round = row->keys < 1000 ? 20 : row->keys >
			    ROUND_MAX ? ROUND_MAX : (unsigned)row->keys,
		};
	/* One thread is the program's own: it may be the only one. */
	for (unsigned n = 1; n < row->threads; n++)
		if (pthread_create(&threads[n], NULL, work, &loads[n]) != 0)
			fail("thread", CAIRN_SYSTEM);
	work(&loads[0]);
	for (unsigned n = 1; n < row->threads; n++)
		pthread_join(threads[n], NULL);
	pthread_barrier_destroy(&barrier);
	cairn_store_close(store);
	print_row(row, loads);
	return loads[0].ns;
}

static bool
is_wanted(const struct row *row, int argc, char **argv)
{
	char whole[100];

	snprintf(whole, sizeof whole, "%s %" PRIu64 " %u", row->name,
	    row->keys, row->threads);
	for (int n = 0; n < argc; n++)
		if (strstr(whole, argv[n]) != NULL)
			return true;
	return argc == 0;
}

int
main(int argc, char **argv)
{
	double single = 0, many = 0;

	argc--;
	argv++;
	for (size_t n = 0; n < sizeof source; n++)
		source[n] = (char)('a' + n % 26);
	printf("%-31s %9s %7s %10s %10s %10s       %10s %10s\n", "operation",
	    "keys", "threads", "ns/op", "bar", "aim", "calls/op",
	    "misses/op");
	for (size_t n = 0; n < sizeof rows / sizeof *rows; n++) {
		double ns;

		if (!is_wanted(&rows[n], argc, argv))
			continue;
		ns = measure(&rows[n]);
		if (strcmp(rows[n].name, "get, 2 GB") == 0)
			single = ns;
		else if (rows[n].limit == 2 * GB)
			many = ns;
	}
	if (single > 0 && many > 0)
		printf("multi-get of 32 from 2 GB is %.1f times as fast per "
		    "key as get (bar: 2)\n", single / many);
	return 0;
}
