/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * allocations.c - the embeddable store makes no call to an allocator, once it
 * is open, whatever the operation.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE		/* RTLD_NEXT */
#endif

#include "allocator.h"

#include <stdlib.h>

#include "cairn/store.h"
#include "tap.h"

#define OPERATIONS	1000
#define MB		((size_t)1 << 20)

static struct cairn_store *store;
static char value[100000], buffer[100000];
static unsigned fresh;		/* keys so far that are used once */

static const char *
numbered(unsigned number)
{
	static char key[32];

	snprintf(key, sizeof key, "key-%08u", number);
	return key;
}

#define KEY(number)	numbered(number), 12

static void
expect(bool holds)
{
	EXPECT(holds);
}

/* The store is full: each new key has another one evicted. */
static void
open_full(void)
{
	struct cairn_store_options options = {
		.size = sizeof options, .limit = 16 * MB, .shards = 2,
	};
	struct cairn_store_counts counts = { .evictions = 0 };

	expect(cairn_store_open(&options, &store) == CAIRN_OK);
	while (counts.evictions < 10000) {
		cairn_store_set(store, KEY(1000000 + fresh++), value, 15, 0,
		    0);
		cairn_store_counts(store, &counts, sizeof counts);
	}
	for (unsigned n = 0; n < OPERATIONS; n++)
		cairn_store_set(store, KEY(n), "10000", 5, 0, 0);
}

/* Do an operation so often that all there is to prepare is prepared; count. */
static void
allocates_nothing(void (*operation)(unsigned n))
{
	uint64_t before;

	for (unsigned n = 0; n < OPERATIONS; n++)
		operation(n);
	before = allocator_calls;
	for (unsigned n = 0; n < OPERATIONS; n++)
		operation(n);
	EXPECT_EQUAL(allocator_calls - before, 0);
}

static void
get(unsigned n)
{
	/* Some may be evicted meanwhile, here and below. */
	int result = cairn_store_get(store, KEY(n), buffer, sizeof buffer,
	    NULL);

	if (result != CAIRN_OK)
		expect(result == CAIRN_MISS);
}

static void
get_cas(unsigned n)
{
	struct cairn_store_info info;

	cairn_store_get_cas(store, KEY(n), buffer, sizeof buffer, &info);
}

static void
lease(unsigned n)
{
	struct cairn_store_lease leased;

	if (cairn_store_lease(store, KEY(n), &leased) == CAIRN_OK)
		cairn_store_release(store, &leased);
}

static void
exists(unsigned n)
{
	cairn_store_exists(store, KEY(n));
}

static void
set_existing(unsigned n)
{
	if (cairn_store_set(store, KEY(n), "10000", 5, 0, 0) != CAIRN_OK)
		expect(false);
}

static void
set_with_expiry(unsigned n)
{
	if (cairn_store_set(store, KEY(n), "10000", 5, 1, 10000) != CAIRN_OK)
		expect(false);
}

static void
set_new(unsigned n)
{
	(void)n;
	if (cairn_store_set(store, KEY(1000000 + fresh++), value, 15, 0,
	    0) != CAIRN_OK)
		expect(false);
}

static void
set_large(unsigned n)
{
	if (cairn_store_set(store, KEY(n), value, sizeof value, 0, 0) !=
	    CAIRN_OK)
		expect(false);
	cairn_store_get(store, KEY(n), buffer, sizeof buffer, NULL);
}

static void
add(unsigned n)
{
	(void)n;
	if (cairn_store_add(store, KEY(1000000 + fresh++), value, 15, 0,
	    0) != CAIRN_OK)
		expect(false);
}

static void
append_and_prepend(unsigned n)
{
	cairn_store_set(store, KEY(n), "1", 1, 0, 0);
	cairn_store_append(store, KEY(n), "23", 2);
	cairn_store_prepend(store, KEY(n), "0", 1);
}

static void
get_and_set(unsigned n)
{
	cairn_store_get_and_set(store, KEY(n), "10000", 5, 0, 0, buffer,
	    sizeof buffer, NULL);
}

static void
set_and_delete(unsigned n)
{
	cairn_store_set(store, KEY(n), "10000", 5, 0, 0);
	if (cairn_store_delete(store, KEY(n)) != CAIRN_OK)
		expect(false);
}

static void
count(unsigned n)
{
	if (cairn_store_incr_from(store, KEY(n), 1, 1000, 0, NULL) !=
	    CAIRN_OK)
		expect(false);
	cairn_store_incr(store, KEY(n), 1000000, NULL);
	cairn_store_decr(store, KEY(n), 1, NULL);
}

static void
expire(unsigned n)
{
	int64_t ttl;

	cairn_store_expire(store, KEY(n), 100000);
	cairn_store_ttl(store, KEY(n), &ttl);
	cairn_store_persist(store, KEY(n));
}

/* Ten requests that begin at key n. */

static char keys[10][16];

static void
name_keys(unsigned n)
{
	for (unsigned i = 0; i < 10; i++)
		memcpy(keys[i], numbered((n + i) % OPERATIONS), 13);
}

static void
multi_get(unsigned n)
{
	struct cairn_store_get_request requests[10];

	name_keys(n);
	for (unsigned i = 0; i < 10; i++)
		requests[i] = (struct cairn_store_get_request){
			.key = keys[i], .key_length = 12,
			.buffer = buffer + 100 * i, .size = 100,
		};
	cairn_store_multi_get(store, requests, 10);
}

static void
multi_set(unsigned n)
{
	struct cairn_store_set_request requests[10];

	name_keys(n);
	for (unsigned i = 0; i < 10; i++)
		requests[i] = (struct cairn_store_set_request){
			.key = keys[i], .key_length = 12,
			.value = "10000", .length = 5,
		};
	if (cairn_store_multi_set(store, requests, 10) != 10)
		expect(false);
}

static void
multi_delete(unsigned n)
{
	struct cairn_store_delete_request requests[10];

	multi_set(n);
	for (unsigned i = 0; i < 10; i++)
		requests[i] = (struct cairn_store_delete_request){
			.key = keys[i], .key_length = 12,
		};
	if (cairn_store_multi_delete(store, requests, 10) != 10)
		expect(false);
}

static void
ignore(void *context, const void *key, size_t key_length,
    const struct cairn_store_lease *item)
{
	(void)context;
	(void)key;
	(void)key_length;
	(void)item;
}

static void
scan(unsigned n)
{
	static uint64_t cursor;

	(void)n;
	cairn_store_scan(store, "key", 3, &cursor, 100, ignore, NULL);
}

static void
clear(unsigned n)
{
	static uint64_t cursor;

	set_existing(n);
	cairn_store_clear(store, "key-00000", 9, &cursor, 100, NULL);
}

static void
tick_and_count(unsigned n)
{
	struct cairn_store_counts counts;

	(void)n;
	cairn_store_tick(store);
	cairn_store_counts(store, &counts, sizeof counts);
}

static void
flush_and_fill(unsigned n)
{
	if (n % 100 == 0)
		cairn_store_flush(store);
	set_existing(n);
}

/* Without these, zero calls would prove nothing. */
static void
a_call_of_an_allocator_is_counted(void)
{
	uint64_t before = allocator_calls;
	void *volatile memory = malloc(100);
	void *volatile more = calloc(10, 10);
	void *volatile other = realloc(memory, 1000);

	EXPECT_EQUAL(allocator_calls - before, 3);
	free(other);
	free(more);
	EXPECT_EQUAL(allocator_calls - before, 5);
}

static void
a_call_within_the_library_is_counted(void)
{
	uint64_t before = allocator_calls;
	struct cairn_store *other = NULL;

	EXPECT_EQUAL(cairn_store_open(NULL, &other), CAIRN_OK);
	EXPECT(allocator_calls - before >= 2);
	before = allocator_calls;
	cairn_store_close(other);
	EXPECT(allocator_calls - before >= 2);
}

#define NOTHING(name, operation)					\
	static void							\
	name##_allocates_nothing(void)					\
	{								\
		allocates_nothing(operation);				\
	}

NOTHING(get, get)
NOTHING(get_cas, get_cas)
NOTHING(lease, lease)
NOTHING(exists, exists)
NOTHING(set_of_an_existing_key, set_existing)
NOTHING(set_with_an_expiry, set_with_expiry)
NOTHING(set_of_a_new_key_that_evicts_another, set_new)
NOTHING(set_and_get_of_a_large_value, set_large)
NOTHING(add, add)
NOTHING(append_and_prepend, append_and_prepend)
NOTHING(get_and_set, get_and_set)
NOTHING(delete, set_and_delete)
NOTHING(counting, count)
NOTHING(expire, expire)
NOTHING(multi_get, multi_get)
NOTHING(multi_set, multi_set)
NOTHING(multi_delete, multi_delete)
NOTHING(scan, scan)
NOTHING(clear, clear)
NOTHING(housekeeping, tick_and_count)
NOTHING(flush, flush_and_fill)

int
main(void)
{
	if (!ALLOCATOR_COUNTS) {
		printf("1..0 # SKIP a sanitizer brings its own allocator\n");
		return 0;
	}
	RUN(a_call_of_an_allocator_is_counted);
	RUN(a_call_within_the_library_is_counted);
	open_full();
	RUN(get_allocates_nothing);
	RUN(get_cas_allocates_nothing);
	RUN(lease_allocates_nothing);
	RUN(exists_allocates_nothing);
	RUN(set_of_an_existing_key_allocates_nothing);
	RUN(set_with_an_expiry_allocates_nothing);
	RUN(set_of_a_new_key_that_evicts_another_allocates_nothing);
	RUN(set_and_get_of_a_large_value_allocates_nothing);
	RUN(add_allocates_nothing);
	RUN(append_and_prepend_allocates_nothing);
	RUN(get_and_set_allocates_nothing);
	RUN(delete_allocates_nothing);
	RUN(counting_allocates_nothing);
	RUN(expire_allocates_nothing);
	RUN(multi_get_allocates_nothing);
	RUN(multi_set_allocates_nothing);
	RUN(multi_delete_allocates_nothing);
	RUN(scan_allocates_nothing);
	RUN(clear_allocates_nothing);
	RUN(housekeeping_allocates_nothing);
	RUN(flush_allocates_nothing);
	cairn_store_close(store);
	return tap_done();
}
