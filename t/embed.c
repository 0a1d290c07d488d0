/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * embed.c - tests of the embeddable store, include/cairn/store.h.
 *
 * Only what the library exports is used. Keys are C strings.
 */
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "cairn/store.h"
#include "tap.h"

#define KB		((size_t)1 << 10)
#define MB		((size_t)1 << 20)
#define LARGE_LENGTH	(700 * KB)

static struct cairn_store *store;
static char source[2 * MB];
static char buffer[2 * MB];
static struct cairn_store_info info;

static void
open_with(size_t limit, uint32_t shards, uint32_t when_full)
{
	struct cairn_store_options options = {
		.size = sizeof options, .limit = limit, .shards = shards,
		.when_full = when_full,
	};

	int result = cairn_store_open(&options, &store);

	if (result != CAIRN_OK) {
		printf("Bail out! cairn_store_open: %s\n",
		    cairn_strerror(result));
		exit(1);
	}
}

static void
open_usual(void)
{
	open_with(64 * MB, 4, CAIRN_STORE_EVICT);
}

static void
close_store(void)
{
	cairn_store_close(store);
	store = NULL;
}

static void
sleep_ms(long ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

static int
set(const char *key, const void *value, size_t length)
{
	return cairn_store_set(store, key, strlen(key), value, length, 0, 0);
}

static int
set_text(const char *key, const char *text)
{
	return set(key, text, strlen(text));
}

static int
get(const char *key)
{
	return cairn_store_get(store, key, strlen(key), buffer, sizeof buffer,
	    &info);
}

static bool
has(const char *key, const void *value, size_t length)
{
	return get(key) == CAIRN_OK && info.length == length &&
	    memcmp(buffer, value, length) == 0;
}

static bool
has_text(const char *key, const char *text)
{
	return has(key, text, strlen(text));
}

static int
delete(const char *key)
{
	return cairn_store_delete(store, key, strlen(key));
}

static int
exists(const char *key)
{
	return cairn_store_exists(store, key, strlen(key));
}

/* Valid until the next call. */
static const char *
numbered(const char *name, unsigned number)
{
	static char whole[64];

	snprintf(whole, sizeof whole, "%s%u", name, number);
	return whole;
}

static struct cairn_store_counts
counts(void)
{
	struct cairn_store_counts counts;

	cairn_store_counts(store, &counts, sizeof counts);
	return counts;
}

/* Open and close */

static void
a_store_opens_with_all_defaults(void)
{
	EXPECT_EQUAL(cairn_store_open(NULL, &store), CAIRN_OK);
	EXPECT_EQUAL(set_text("key", "value"), CAIRN_OK);
	EXPECT(has_text("key", "value"));
	EXPECT_EQUAL(counts().limit, 64 * MB);
	close_store();
	cairn_store_close(NULL);
}

static void
two_stores_know_nothing_of_each_other(void)
{
	struct cairn_store *other;

	open_usual();
	EXPECT_EQUAL(cairn_store_open(NULL, &other), CAIRN_OK);
	EXPECT_EQUAL(set_text("key", "value"), CAIRN_OK);
	EXPECT_EQUAL(cairn_store_exists(other, "key", 3), CAIRN_MISS);
	cairn_store_close(other);
	close_store();
}

static int
open_result(struct cairn_store_options options)
{
	struct cairn_store *opened = NULL;
	int result = cairn_store_open(&options, &opened);

	cairn_store_close(opened);
	return result;
}

static void
options_that_make_no_sense_are_refused(void)
{
	struct cairn_store_options good = {
		.size = sizeof good, .limit = 64 * MB, .shards = 4,
	}, bad;

	EXPECT_EQUAL(open_result(good), CAIRN_OK);
	EXPECT_EQUAL(cairn_store_open(&good, NULL), CAIRN_INVALID);
	bad = good, bad.size = 0;
	EXPECT_EQUAL(open_result(bad), CAIRN_INVALID);
	bad = good, bad.shards = 3;
	EXPECT_EQUAL(open_result(bad), CAIRN_INVALID);
	bad = good, bad.shards = 2 * CAIRN_STORE_SHARDS_MAX;
	EXPECT_EQUAL(open_result(bad), CAIRN_INVALID);
	bad = good, bad.item_max = 5 * MB;
	EXPECT_EQUAL(open_result(bad), CAIRN_INVALID);
	bad = good, bad.limit = 1;
	EXPECT_EQUAL(open_result(bad), CAIRN_INVALID);
	bad = good, bad.when_full = 2;
	EXPECT_EQUAL(open_result(bad), CAIRN_INVALID);
	bad = good, bad.reserved = 1;
	EXPECT_EQUAL(open_result(bad), CAIRN_INVALID);
}

static void
options_of_another_version_are_understood(void)
{
	struct {
		struct cairn_store_options options;
		uint64_t more;
	} newer = { .options = { .size = sizeof newer } };
	struct cairn_store_options older = {
		.size = offsetof(struct cairn_store_options, reserved),
		.reserved = 99,		/* nobody reads it */
	};

	EXPECT_EQUAL(cairn_store_open(&newer.options, &store), CAIRN_OK);
	close_store();
	newer.more = 1;
	EXPECT_EQUAL(cairn_store_open(&newer.options, &store), CAIRN_INVALID);
	EXPECT_EQUAL(open_result(older), CAIRN_OK);
}

static void
every_error_has_words(void)
{
	EXPECT_TEXT(cairn_strerror(CAIRN_OK), "success");
	for (int error = CAIRN_SYSTEM; error <= CAIRN_OK; error++)
		EXPECT(strcmp(cairn_strerror(error), "unknown error") != 0);
	EXPECT_TEXT(cairn_strerror(1), "unknown error");
	EXPECT_TEXT(cairn_strerror(INT_MIN), "unknown error");
}

/* Read and write one key */

static void
a_value_is_read_as_it_was_written(void)
{
	char key[CAIRN_STORE_KEY_MAX];

	open_usual();
	memset(key, '\0', sizeof key);
	for (size_t length = 1; length <= sizeof key; length++)
		for (size_t n = 0; n < 40; n += 13)
			EXPECT_EQUAL(cairn_store_set(store, key, length,
			    source + n, n, (uint32_t)length, 0), CAIRN_OK);
	for (size_t length = 1; length <= sizeof key; length++) {
		/* Often enough to be read without a lock as well. */
		for (int times = 0; times < 6; times++) {
			EXPECT_EQUAL(cairn_store_get(store, key, length,
			    buffer, sizeof buffer, &info), CAIRN_OK);
			EXPECT_EQUAL(info.length, 39);
			EXPECT_EQUAL(info.flags, length);
			EXPECT_EQUAL(info.expiry, 0);
			EXPECT_EQUAL(info.cas, 0);
			EXPECT(memcmp(buffer, source + 39, 39) == 0);
		}
	}
	close_store();
}

static void
values_of_every_size_are_read_as_they_were_written(void)
{
	static const size_t lengths[] = {
		0, 1, 7, 8, 9, 63, 64, 511, 512, 513, 1000, 1023, 1024, 1025,
		16 * KB - 1, 16 * KB, 16 * KB + 1, 100000, LARGE_LENGTH,
	};

	open_usual();
	for (size_t n = 0; n < sizeof lengths / sizeof *lengths; n++)
		for (int times = 0; times < 5; times++) {
			EXPECT_EQUAL(set("key", source + n, lengths[n]),
			    CAIRN_OK);
			EXPECT(has("key", source + n, lengths[n]));
			EXPECT(has("key", source + n, lengths[n]));
		}
	EXPECT_EQUAL(cairn_store_set(store, "key", 3, NULL, 0, 0, 0),
	    CAIRN_OK);
	EXPECT_EQUAL(cairn_store_get(store, "key", 3, NULL, 0, &info),
	    CAIRN_OK);
	EXPECT_EQUAL(info.length, 0);
	close_store();
}

static void
a_buffer_that_is_too_small_is_not_written_to(void)
{
	char small[4] = "abc";

	open_usual();
	EXPECT_EQUAL(set_text("key", "value"), CAIRN_OK);
	for (int times = 0; times < 6; times++) {
		info.length = 0;
		EXPECT_EQUAL(cairn_store_get(store, "key", 3, small,
		    sizeof small, &info), CAIRN_TOO_SMALL);
		EXPECT_EQUAL(info.length, 5);
		EXPECT_TEXT(small, "abc");
		EXPECT_EQUAL(cairn_store_get(store, "key", 3, NULL, 0, NULL),
		    CAIRN_TOO_SMALL);
	}
	close_store();
}

static void
a_key_that_is_not_there_is_a_miss(void)
{
	struct cairn_store_lease lease;
	uint64_t number;
	int64_t ttl;

	open_usual();
	EXPECT_EQUAL(get("key"), CAIRN_MISS);
	EXPECT_EQUAL(cairn_store_get_cas(store, "key", 3, buffer, 1, &info),
	    CAIRN_MISS);
	EXPECT_EQUAL(exists("key"), CAIRN_MISS);
	EXPECT_EQUAL(cairn_store_lease(store, "key", 3, &lease), CAIRN_MISS);
	EXPECT_EQUAL(delete("key"), CAIRN_MISS);
	EXPECT_EQUAL(cairn_store_incr(store, "key", 3, 1, &number),
	    CAIRN_MISS);
	EXPECT_EQUAL(cairn_store_decr(store, "key", 3, 1, &number),
	    CAIRN_MISS);
	EXPECT_EQUAL(cairn_store_expire(store, "key", 3, 1), CAIRN_MISS);
	EXPECT_EQUAL(cairn_store_persist(store, "key", 3), CAIRN_MISS);
	EXPECT_EQUAL(cairn_store_ttl(store, "key", 3, &ttl), CAIRN_MISS);
	EXPECT_EQUAL(cairn_store_replace(store, "key", 3, "v", 1, 0, 0),
	    CAIRN_NOT_STORED);
	EXPECT_EQUAL(cairn_store_append(store, "key", 3, "v", 1),
	    CAIRN_NOT_STORED);
	EXPECT_EQUAL(cairn_store_prepend(store, "key", 3, "v", 1),
	    CAIRN_NOT_STORED);
	EXPECT_EQUAL(cairn_store_compare_and_set(store, "key", 3, "v", 1, 0,
	    0, 1), CAIRN_MISS);
	EXPECT_EQUAL(counts().items, 0);
	close_store();
}

static void
arguments_that_make_no_sense_change_nothing(void)
{
	char key[CAIRN_STORE_KEY_MAX + 1] = "key";
	struct cairn_store_lease lease = { .value = NULL };
	struct iovec part;
	uint64_t number, cursor = 0;
	int64_t ttl;

	open_usual();
#define REFUSED(call)	EXPECT_EQUAL((call), CAIRN_INVALID)
#define KEYS_REFUSED(function, ...)					\
	REFUSED(function(NULL, "key", 3, __VA_ARGS__));			\
	REFUSED(function(store, NULL, 3, __VA_ARGS__));			\
	REFUSED(function(store, "key", 0, __VA_ARGS__));		\
	REFUSED(function(store, key, sizeof key, __VA_ARGS__));		\
	REFUSED(function(store, key, SIZE_MAX, __VA_ARGS__))
	KEYS_REFUSED(cairn_store_get, buffer, 9, NULL);
	KEYS_REFUSED(cairn_store_get_cas, buffer, 9, &info);
	KEYS_REFUSED(cairn_store_lease, &lease);
	KEYS_REFUSED(cairn_store_set, "v", 1, 0, 0);
	KEYS_REFUSED(cairn_store_add, "v", 1, 0, 0);
	KEYS_REFUSED(cairn_store_replace, "v", 1, 0, 0);
	KEYS_REFUSED(cairn_store_compare_and_set, "v", 1, 0, 0, 1);
	KEYS_REFUSED(cairn_store_get_and_set, "v", 1, 0, 0, buffer, 9, NULL);
	KEYS_REFUSED(cairn_store_append, "v", 1);
	KEYS_REFUSED(cairn_store_prepend, "v", 1);
	KEYS_REFUSED(cairn_store_incr, 1, &number);
	KEYS_REFUSED(cairn_store_decr, 1, &number);
	KEYS_REFUSED(cairn_store_incr_from, 1, 1, 0, &number);
	KEYS_REFUSED(cairn_store_decr_from, 1, 1, 0, &number);
	KEYS_REFUSED(cairn_store_expire, 1);
	KEYS_REFUSED(cairn_store_ttl, &ttl);
	REFUSED(cairn_store_exists(store, "key", 0));
	REFUSED(cairn_store_exists(NULL, "key", 3));
	REFUSED(cairn_store_delete(store, NULL, 3));
	REFUSED(cairn_store_persist(store, key, sizeof key));
	REFUSED(cairn_store_get(store, "key", 3, NULL, 9, NULL));
	REFUSED(cairn_store_get_cas(store, "key", 3, buffer, 9, NULL));
	REFUSED(cairn_store_lease(store, "key", 3, NULL));
	REFUSED(cairn_store_release(store, &lease));
	REFUSED(cairn_store_release(store, NULL));
	REFUSED(cairn_store_release(NULL, &lease));
	REFUSED(cairn_store_set(store, "key", 3, NULL, 1, 0, 0));
	REFUSED(cairn_store_set(store, "key", 3, "v", 1, 0, -1));
	REFUSED(cairn_store_set(store, "key", 3, "v", 1, 0,
	    CAIRN_STORE_TTL_MAX + 1));
	REFUSED(cairn_store_get_and_set(store, "key", 3, "v", 1, 0, 0, NULL,
	    9, NULL));
	REFUSED(cairn_store_expire(store, "key", 3, -1));
	REFUSED(cairn_store_ttl(store, "key", 3, NULL));
	REFUSED(cairn_store_scan(store, NULL, 1, &cursor, 1, NULL, NULL));
	REFUSED(cairn_store_clear(store, NULL, 1, &cursor, 1, NULL));
	REFUSED(cairn_store_clear(store, NULL, 0, NULL, 1, NULL));
	cursor = 200;			/* of 4 shards */
	REFUSED(cairn_store_clear(store, NULL, 0, &cursor, 1, NULL));
	REFUSED(cairn_store_flush(NULL));
	REFUSED(cairn_store_tick(NULL));
	REFUSED(cairn_store_counts(NULL, NULL, 0));
	REFUSED(cairn_store_multi_get(store, NULL, 1));
	REFUSED(cairn_store_multi_set(NULL, NULL, 1));
	REFUSED(cairn_store_multi_delete(store, NULL, 1));
	EXPECT_EQUAL(cairn_store_lease_parts(store, &lease, 0, &part, 1), 0);
	EXPECT_EQUAL(counts().items, 0);
	close_store();
}

static void
add_stores_new_keys_and_replace_existing_ones(void)
{
	open_usual();
	EXPECT_EQUAL(cairn_store_add(store, "key", 3, "one", 3, 7, 0),
	    CAIRN_OK);
	EXPECT_EQUAL(cairn_store_add(store, "key", 3, "two", 3, 8, 0),
	    CAIRN_NOT_STORED);
	EXPECT(has_text("key", "one"));
	EXPECT_EQUAL(info.flags, 7);
	EXPECT_EQUAL(cairn_store_replace(store, "key", 3, "three", 5, 9, 0),
	    CAIRN_OK);
	EXPECT(has_text("key", "three"));
	EXPECT_EQUAL(info.flags, 9);
	EXPECT_EQUAL(cairn_store_add(store, "key", 3, source, LARGE_LENGTH, 0,
	    0), CAIRN_NOT_STORED);
	EXPECT(has_text("key", "three"));
	close_store();
}

static void
append_and_prepend_keep_flags_and_expiry(void)
{
	int64_t ttl;

	open_usual();
	EXPECT_EQUAL(cairn_store_set(store, "key", 3, "b", 1, 5, 100000),
	    CAIRN_OK);
	EXPECT_EQUAL(cairn_store_append(store, "key", 3, "c", 1), CAIRN_OK);
	EXPECT_EQUAL(cairn_store_prepend(store, "key", 3, "a", 1), CAIRN_OK);
	EXPECT(has_text("key", "abc"));
	EXPECT_EQUAL(info.flags, 5);
	EXPECT_EQUAL(cairn_store_ttl(store, "key", 3, &ttl), CAIRN_OK);
	EXPECT(ttl > 90000 && ttl <= 100000);
	close_store();
}

static void
compare_and_set_fails_when_the_item_has_changed(void)
{
	uint64_t cas;

	open_usual();
	EXPECT_EQUAL(set_text("key", "one"), CAIRN_OK);
	EXPECT_EQUAL(cairn_store_get_cas(store, "key", 3, buffer, 3, &info),
	    CAIRN_OK);
	cas = info.cas;
	EXPECT(cas != 0);
	EXPECT_EQUAL(cairn_store_compare_and_set(store, "key", 3, "two", 3, 0,
	    0, cas), CAIRN_OK);
	EXPECT_EQUAL(cairn_store_compare_and_set(store, "key", 3, "six", 3, 0,
	    0, cas), CAIRN_EXISTS);
	EXPECT(has_text("key", "two"));
	EXPECT_EQUAL(delete("key"), CAIRN_OK);
	EXPECT_EQUAL(cairn_store_compare_and_set(store, "key", 3, "six", 3, 0,
	    0, cas), CAIRN_MISS);
	close_store();
}

static void
get_and_set_gives_the_old_value(void)
{
	open_usual();
	EXPECT_EQUAL(cairn_store_get_and_set(store, "key", 3, "one", 3, 4, 0,
	    buffer, 10, &info), CAIRN_MISS);
	EXPECT_EQUAL(cairn_store_get_and_set(store, "key", 3, "three", 5, 6,
	    0, buffer, 10, &info), CAIRN_OK);
	EXPECT_EQUAL(info.length, 3);
	EXPECT_EQUAL(info.flags, 4);
	EXPECT(memcmp(buffer, "one", 3) == 0);
	EXPECT_EQUAL(cairn_store_get_and_set(store, "key", 3, "six", 3, 0, 0,
	    buffer, 4, &info), CAIRN_TOO_SMALL);
	EXPECT_EQUAL(info.length, 5);
	EXPECT(has_text("key", "three"));
	EXPECT_EQUAL(cairn_store_get_and_set(store, "key", 3, source, 2 * MB,
	    0, 0, buffer, sizeof buffer, NULL), CAIRN_TOO_LARGE);
	EXPECT(has_text("key", "three"));
	EXPECT_EQUAL(cairn_store_get_and_set(store, "key", 3, source,
	    LARGE_LENGTH, 0, 0, buffer, sizeof buffer, NULL), CAIRN_OK);
	EXPECT(has("key", source, LARGE_LENGTH));
	close_store();
}

static void
a_value_that_is_too_large_takes_the_old_one_along(void)
{
	open_usual();
	EXPECT_EQUAL(set_text("key", "value"), CAIRN_OK);
	EXPECT_EQUAL(set("key", source, 2 * MB), CAIRN_TOO_LARGE);
	EXPECT_EQUAL(get("key"), CAIRN_MISS);
	EXPECT_EQUAL(set_text("key", "value"), CAIRN_OK);
	EXPECT_EQUAL(cairn_store_replace(store, "key", 3, source, 2 * MB, 0,
	    0), CAIRN_TOO_LARGE);
	EXPECT(has_text("key", "value"));
	close_store();
}

/* Counters */

static void
counters_count_up_and_down(void)
{
	uint64_t number = 0;

	open_usual();
	EXPECT_EQUAL(set_text("n", "9"), CAIRN_OK);
	EXPECT_EQUAL(cairn_store_incr(store, "n", 1, 1, &number), CAIRN_OK);
	EXPECT_EQUAL(number, 10);
	EXPECT(has_text("n", "10"));
	EXPECT_EQUAL(cairn_store_decr(store, "n", 1, 1, NULL), CAIRN_OK);
	EXPECT(has_text("n", "9 "));
	EXPECT_EQUAL(cairn_store_decr(store, "n", 1, 100, &number), CAIRN_OK);
	EXPECT_EQUAL(number, 0);
	EXPECT_EQUAL(set_text("n", "18446744073709551615"), CAIRN_OK);
	EXPECT_EQUAL(cairn_store_incr(store, "n", 1, 2, &number), CAIRN_OK);
	EXPECT_EQUAL(number, 1);
	EXPECT_EQUAL(set_text("n", "one"), CAIRN_OK);
	EXPECT_EQUAL(cairn_store_incr(store, "n", 1, 1, &number),
	    CAIRN_NOT_A_NUMBER);
	EXPECT_EQUAL(number, 1);
	close_store();
}

static void
a_counter_can_be_made_on_the_way(void)
{
	uint64_t number = 0;
	int64_t ttl;

	open_usual();
	EXPECT_EQUAL(cairn_store_incr_from(store, "n", 1, 5, 10, 50000,
	    &number), CAIRN_OK);
	EXPECT_EQUAL(number, 10);
	EXPECT_EQUAL(cairn_store_ttl(store, "n", 1, &ttl), CAIRN_OK);
	EXPECT(ttl > 40000 && ttl <= 50000);
	EXPECT_EQUAL(cairn_store_incr_from(store, "n", 1, 5, 10, 0, &number),
	    CAIRN_OK);
	EXPECT_EQUAL(number, 15);
	EXPECT_EQUAL(cairn_store_decr_from(store, "m", 1, 5, UINT64_MAX, 0,
	    &number), CAIRN_OK);
	EXPECT(number == UINT64_MAX);
	EXPECT_EQUAL(cairn_store_decr_from(store, "m", 1, 5, 0, 0, NULL),
	    CAIRN_OK);
	EXPECT(has_text("m", "18446744073709551610"));
	close_store();
}

/* Expiry */

static void
an_item_lives_as_long_as_it_was_given(void)
{
	int64_t ttl;

	open_usual();
	EXPECT_EQUAL(cairn_store_set(store, "key", 3, "v", 1, 0, 60),
	    CAIRN_OK);
	for (int times = 0; times < 5; times++)
		EXPECT(has_text("key", "v"));
	EXPECT(info.expiry > 0);
	EXPECT_EQUAL(cairn_store_ttl(store, "key", 3, &ttl), CAIRN_OK);
	EXPECT(ttl >= 1 && ttl <= 60);
	sleep_ms(90);
	EXPECT_EQUAL(exists("key"), CAIRN_MISS);
	EXPECT_EQUAL(cairn_store_ttl(store, "key", 3, &ttl), CAIRN_MISS);
	EXPECT_EQUAL(get("key"), CAIRN_MISS);
	EXPECT_EQUAL(delete("key"), CAIRN_MISS);
	EXPECT_EQUAL(cairn_store_add(store, "key", 3, "w", 1, 0,
	    CAIRN_STORE_TTL_MAX), CAIRN_OK);
	EXPECT_EQUAL(cairn_store_ttl(store, "key", 3, &ttl), CAIRN_OK);
	EXPECT(ttl > CAIRN_STORE_TTL_MAX - 10000);
	close_store();
}

static void
expire_and_persist_change_the_time_to_live(void)
{
	int64_t ttl = -1;

	open_usual();
	EXPECT_EQUAL(set_text("key", "v"), CAIRN_OK);
	EXPECT_EQUAL(cairn_store_ttl(store, "key", 3, &ttl), CAIRN_OK);
	EXPECT_EQUAL(ttl, 0);
	EXPECT_EQUAL(cairn_store_expire(store, "key", 3, 5000), CAIRN_OK);
	EXPECT_EQUAL(cairn_store_ttl(store, "key", 3, &ttl), CAIRN_OK);
	EXPECT(ttl > 4000 && ttl <= 5000);
	EXPECT_EQUAL(cairn_store_persist(store, "key", 3), CAIRN_OK);
	EXPECT_EQUAL(cairn_store_ttl(store, "key", 3, &ttl), CAIRN_OK);
	EXPECT_EQUAL(ttl, 0);
	EXPECT_EQUAL(cairn_store_expire(store, "key", 3, 5000), CAIRN_OK);
	EXPECT_EQUAL(cairn_store_expire(store, "key", 3, 0), CAIRN_OK);
	EXPECT_EQUAL(cairn_store_ttl(store, "key", 3, &ttl), CAIRN_OK);
	EXPECT_EQUAL(ttl, 0);
	EXPECT(has_text("key", "v"));
	EXPECT_EQUAL(cairn_store_expire(store, "key", 3, 20), CAIRN_OK);
	sleep_ms(50);
	EXPECT_EQUAL(get("key"), CAIRN_MISS);
	close_store();
}

static void
set_expiring(unsigned count)
{
	for (unsigned n = 0; n < count; n++) {
		const char *key = numbered("expiring", n);

		cairn_store_set(store, key, strlen(key), "v", 1, 0, 20);
	}
}

static void
ticks_take_away_what_has_expired(void)
{
	unsigned ticks = 0;

	open_usual();
	set_expiring(10000);
	EXPECT_EQUAL(counts().stored, 10000);
	/* A slot of the wheel is half a second. */
	sleep_ms(1200);
	while (cairn_store_tick(store) == 1 && ticks < 10000)
		ticks++;
	EXPECT_EQUAL(counts().items, 0);
	EXPECT_EQUAL(counts().expirations, 10000);
	EXPECT_EQUAL(counts().expired_unfetched, 10000);
	EXPECT_EQUAL(cairn_store_tick(store), 0);
	close_store();
}

static void
a_housekeeping_thread_takes_away_what_has_expired(void)
{
	struct cairn_store_options options = {
		.size = sizeof options, .housekeeping = 20,
	};

	EXPECT_EQUAL(cairn_store_open(&options, &store), CAIRN_OK);
	set_expiring(1000);
	for (int tries = 0; tries < 100 && counts().items > 0; tries++)
		sleep_ms(50);
	EXPECT_EQUAL(counts().items, 0);
	close_store();
}

/* Leases */

/* Lease a value of this length; small or not, hit before or not. */
static void
expect_leased(size_t length)
{
	struct cairn_store_lease lease;
	struct iovec part;

	EXPECT_EQUAL(cairn_store_lease(store, "key", 3, &lease), CAIRN_OK);
	EXPECT_EQUAL(lease.length, length);
	EXPECT_EQUAL(lease.flags, 77);
	EXPECT(lease.expiry > 1000000);
	EXPECT_EQUAL(lease.parts, 1);
	EXPECT(memcmp(lease.value, source, length) == 0);
	EXPECT((lease.value == lease.small) ==
	    (length <= CAIRN_STORE_LEASE_SMALL));
	EXPECT_EQUAL(cairn_store_lease_parts(store, &lease, 0, &part, 0), 0);
	EXPECT_EQUAL(cairn_store_lease_parts(store, &lease, 0, &part, 1), 1);
	EXPECT(part.iov_base == lease.value && part.iov_len == length);
	EXPECT_EQUAL(cairn_store_lease_parts(store, &lease, 1, &part, 1), 0);
	EXPECT_EQUAL(cairn_store_release(store, &lease), CAIRN_OK);
	EXPECT(lease.value == NULL && lease.length == 0);
	EXPECT_EQUAL(cairn_store_lease_parts(store, &lease, 0, &part, 1), 0);
	EXPECT_EQUAL(cairn_store_release(store, &lease), CAIRN_INVALID);
}

static void
a_lease_shows_the_value(void)
{
	open_usual();
	for (size_t length = 0; length < 200; length++) {
		EXPECT_EQUAL(cairn_store_set(store, "key", 3, source, length,
		    77, 100000), CAIRN_OK);
		for (int n = 0; n < 5; n++)
			expect_leased(length);
	}
	close_store();
}

static bool
lease_equals(const struct cairn_store_lease *lease, const char *bytes)
{
	struct iovec part;
	size_t at = 0;

	for (unsigned n = 0;
	    cairn_store_lease_parts(store, lease, n, &part, 1) == 1; n++) {
		if (memcmp(part.iov_base, bytes + at, part.iov_len) != 0)
			return false;
		at += part.iov_len;
	}
	return at == lease->length;
}

static void
a_large_value_is_leased_in_parts(void)
{
	struct cairn_store_lease lease;

	open_usual();
	EXPECT_EQUAL(set("key", source, LARGE_LENGTH), CAIRN_OK);
	EXPECT_EQUAL(cairn_store_lease(store, "key", 3, &lease), CAIRN_OK);
	EXPECT(lease.value == NULL);
	EXPECT(lease.parts > 1);
	EXPECT(lease_equals(&lease, source));
	EXPECT_EQUAL(set("key", source + 1, LARGE_LENGTH), CAIRN_OK);
	EXPECT(lease_equals(&lease, source));
	EXPECT_EQUAL(cairn_store_release(store, &lease), CAIRN_OK);
	EXPECT(has("key", source + 1, LARGE_LENGTH));
	close_store();
}

/* A number of 5 digits is copied; one with spaces after it is not. */
static void
a_lease_outlives_whatever_happens_to_the_key(void)
{
	struct cairn_store_lease lease;
	uint64_t number;

#define LEASED(change) do {						\
	for (size_t length = 5; length < 200; length += 100) {		\
		char text[200];						\
									\
		memset(text, ' ', sizeof text);				\
		memcpy(text, "12345", 5);				\
		EXPECT_EQUAL(set("key", text, length), CAIRN_OK);	\
		EXPECT_EQUAL(cairn_store_lease(store, "key", 3, &lease), \
		    CAIRN_OK);						\
		EXPECT_EQUAL((change), CAIRN_OK);			\
		EXPECT(lease_equals(&lease, text));			\
		EXPECT_EQUAL(cairn_store_release(store, &lease),	\
		    CAIRN_OK);						\
	}								\
	EXPECT_EQUAL(set_text("key", "12345"), CAIRN_OK);		\
	EXPECT_EQUAL((change), CAIRN_OK);				\
} while (0)
	open_usual();
	LEASED(set_text("key", "other"));
	EXPECT(has_text("key", "other"));
	LEASED(delete("key"));
	EXPECT_EQUAL(get("key"), CAIRN_MISS);
	LEASED(cairn_store_incr(store, "key", 3, 1, &number));
	EXPECT(has_text("key", "12346"));
	LEASED(cairn_store_append(store, "key", 3, "6", 1));
	EXPECT(has_text("key", "123456"));
	LEASED(cairn_store_expire(store, "key", 3, 10000));
	EXPECT(has_text("key", "12345"));
	EXPECT(info.expiry > 0);
	LEASED(cairn_store_persist(store, "key", 3));
	LEASED(cairn_store_get_cas(store, "key", 3, buffer, 200, &info));
	EXPECT(info.cas != 0);
	EXPECT_EQUAL(cairn_store_compare_and_set(store, "key", 3, "new", 3, 0,
	    0, info.cas), CAIRN_OK);
	LEASED(cairn_store_flush(store));
	EXPECT_EQUAL(get("key"), CAIRN_MISS);
	EXPECT_EQUAL(counts().items, 0);
	close_store();
}

static void
leased_values_survive_eviction(void)
{
	struct cairn_store_lease leases[20];
	unsigned evicted = 0;

	open_with(8 * MB, 1, CAIRN_STORE_EVICT);
	for (unsigned n = 0; n < 20; n++) {
		EXPECT_EQUAL(set(numbered("leased", n), source + n,
		    1000 * n), CAIRN_OK);
		EXPECT_EQUAL(cairn_store_lease(store, numbered("leased", n),
		    strlen(numbered("leased", n)), &leases[n]), CAIRN_OK);
	}
	for (unsigned n = 0; n < 20000; n++)
		EXPECT_EQUAL(set(numbered("other", n), source, 10 * n % 20000),
		    CAIRN_OK);
	EXPECT(counts().evictions > 1000);
	for (unsigned n = 0; n < 20; n++) {
		EXPECT(lease_equals(&leases[n], source + n));
		evicted += exists(numbered("leased", n)) == CAIRN_MISS;
		EXPECT_EQUAL(cairn_store_release(store, &leases[n]),
		    CAIRN_OK);
	}
	/* What is held is not chosen to go. */
	EXPECT_EQUAL(evicted, 0);
	close_store();
}

static void
a_small_item_has_any_number_of_leases(void)
{
	struct cairn_store_lease leases[300];

	open_usual();
	EXPECT_EQUAL(set_text("key", "value"), CAIRN_OK);
	for (unsigned n = 0; n < 300; n++)
		EXPECT_EQUAL(cairn_store_lease(store, "key", 3, &leases[n]),
		    CAIRN_OK);
	EXPECT_EQUAL(set_text("key", "other"), CAIRN_OK);
	for (unsigned n = 0; n < 300; n++) {
		EXPECT(lease_equals(&leases[n], "value"));
		EXPECT_EQUAL(cairn_store_release(store, &leases[n]),
		    CAIRN_OK);
	}
	close_store();
}

static void
an_item_has_255_leases_at_most(void)
{
	struct cairn_store_lease leases[256];

	open_usual();
	EXPECT_EQUAL(set("key", source, 100), CAIRN_OK);
	for (unsigned n = 0; n < 255; n++)
		EXPECT_EQUAL(cairn_store_lease(store, "key", 3, &leases[n]),
		    CAIRN_OK);
	EXPECT_EQUAL(cairn_store_lease(store, "key", 3, &leases[255]),
	    CAIRN_BUSY);
	EXPECT(has("key", source, 100));
	EXPECT_EQUAL(cairn_store_append(store, "key", 3, "s", 1),
	    CAIRN_NO_MEMORY);
	EXPECT_EQUAL(set_text("key", "other"), CAIRN_OK);
	for (unsigned n = 0; n < 255; n++)
		EXPECT_EQUAL(cairn_store_release(store, &leases[n]),
		    CAIRN_OK);
	EXPECT(has_text("key", "other"));
	close_store();
}

/* Many keys */

static void
multi_get_answers_in_the_order_of_the_keys(void)
{
	static struct cairn_store_get_request requests[200];
	static char keys[200][16], values[200][32];

	open_usual();
	for (unsigned n = 0; n < 200; n++) {
		snprintf(keys[n], sizeof keys[n], "key%u", n);
		if (n % 3 != 0)
			set_text(keys[n], keys[n]);
		requests[n] = (struct cairn_store_get_request){
			.key = keys[n], .key_length = strlen(keys[n]),
			.buffer = values[n], .size = sizeof values[n],
		};
	}
	requests[1].key = NULL;
	requests[2].key_length = 0;
	requests[4].buffer = NULL;
	requests[5].size = 1;
	for (unsigned times = 0; times < 6; times++) {
		EXPECT_EQUAL(cairn_store_multi_get(store, requests, 200),
		    200 - 67 - 4);
		EXPECT_EQUAL(requests[1].result, CAIRN_INVALID);
		EXPECT_EQUAL(requests[2].result, CAIRN_INVALID);
		EXPECT_EQUAL(requests[4].result, CAIRN_INVALID);
		EXPECT_EQUAL(requests[5].result, CAIRN_TOO_SMALL);
		EXPECT_EQUAL(requests[5].info.length, 4);
		for (unsigned n = 6; n < 200; n++) {
			EXPECT_EQUAL(requests[n].result, n % 3 != 0 ?
			    CAIRN_OK : CAIRN_MISS);
			if (n % 3 == 0)
				continue;
			EXPECT_EQUAL(requests[n].info.length, strlen(keys[n]));
			EXPECT(memcmp(values[n], keys[n],
			    strlen(keys[n])) == 0);
		}
	}
	EXPECT_EQUAL(cairn_store_multi_get(store, requests, 0), 0);
	EXPECT_EQUAL(cairn_store_multi_get(store, requests,
	    (size_t)INT_MAX + 1), CAIRN_INVALID);
	close_store();
}

static void
multi_get_reads_large_values_too(void)
{
	struct cairn_store_get_request requests[3] = {
		{ .key = "large", .key_length = 5, .buffer = buffer,
		    .size = MB },
		{ .key = "small", .key_length = 5, .buffer = buffer + MB,
		    .size = 100 },
		{ .key = "large", .key_length = 5, .buffer = buffer + MB +
		    100, .size = MB - 100 },
	};

	open_with(64 * MB, 1, CAIRN_STORE_EVICT);
	set("large", source, LARGE_LENGTH);
	set("small", source, 100);
	EXPECT_EQUAL(cairn_store_multi_get(store, requests, 3), 3);
	EXPECT(memcmp(buffer, source, LARGE_LENGTH) == 0);
	EXPECT(memcmp(buffer + MB, source, 100) == 0);
	EXPECT(memcmp(buffer + MB + 100, source, LARGE_LENGTH) == 0);
	close_store();
}

static void
the_last_of_equal_keys_wins_in_multi_set(void)
{
	static struct cairn_store_set_request requests[150];
	static char keys[150][16];

	open_usual();
	for (unsigned n = 0; n < 150; n++) {
		snprintf(keys[n], sizeof keys[n], "key%u", n % 10);
		requests[n] = (struct cairn_store_set_request){
			.key = keys[n], .key_length = strlen(keys[n]),
			.value = source + n,
			.length = n % 20 == 3 ? 20000 : n, .flags = n,
		};
	}
	EXPECT_EQUAL(cairn_store_multi_set(store, requests, 150), 150);
	for (unsigned n = 140; n < 150; n++) {
		EXPECT(has(keys[n], source + n, requests[n].length));
		EXPECT_EQUAL(info.flags, n);
	}
	EXPECT_EQUAL(counts().items, 10);
	close_store();
}

static void
multi_set_answers_for_each_request(void)
{
	struct cairn_store_set_request requests[] = {
		{ .key = "a", .key_length = 1, .value = "1", .length = 1 },
		{ .key = "b", .key_length = 0, .value = "1", .length = 1 },
		{ .key = "c", .key_length = 1, .value = NULL, .length = 1 },
		{ .key = "d", .key_length = 1, .value = NULL, .length = 0 },
		{ .key = "e", .key_length = 1, .value = "1", .length = 1,
		    .ttl = -1 },
		{ .key = "f", .key_length = 1, .value = "1", .length = 1,
		    .ttl = 60000 },
		{ .key = "a", .key_length = 1, .value = source,
		    .length = 2 * MB },
	};
	int64_t ttl;

	open_usual();
	EXPECT_EQUAL(cairn_store_multi_set(store, requests, 7), 3);
	EXPECT_EQUAL(requests[0].result, CAIRN_OK);
	EXPECT_EQUAL(requests[1].result, CAIRN_INVALID);
	EXPECT_EQUAL(requests[2].result, CAIRN_INVALID);
	EXPECT_EQUAL(requests[3].result, CAIRN_OK);
	EXPECT_EQUAL(requests[4].result, CAIRN_INVALID);
	EXPECT_EQUAL(requests[5].result, CAIRN_OK);
	EXPECT_EQUAL(requests[6].result, CAIRN_TOO_LARGE);
	EXPECT_EQUAL(get("a"), CAIRN_MISS);
	EXPECT(has_text("d", ""));
	EXPECT_EQUAL(cairn_store_ttl(store, "f", 1, &ttl), CAIRN_OK);
	EXPECT(ttl > 50000);
	close_store();
}

static void
multi_delete_answers_for_each_request(void)
{
	struct cairn_store_delete_request requests[] = {
		{ .key = "a", .key_length = 1 },
		{ .key = "a", .key_length = 1 },
		{ .key = "b", .key_length = 1 },
		{ .key = NULL, .key_length = 1 },
	};

	open_usual();
	set_text("a", "1");
	EXPECT_EQUAL(cairn_store_multi_delete(store, requests, 4), 1);
	EXPECT_EQUAL(requests[0].result, CAIRN_OK);
	EXPECT_EQUAL(requests[1].result, CAIRN_MISS);
	EXPECT_EQUAL(requests[2].result, CAIRN_MISS);
	EXPECT_EQUAL(requests[3].result, CAIRN_INVALID);
	EXPECT_EQUAL(counts().items, 0);
	close_store();
}

/* All keys */

#define SCANNED	5000

struct seen {
	unsigned	times[SCANNED];
	unsigned	wrong;
};

static void
see(void *context, const void *key, size_t key_length,
    const struct cairn_store_lease *item)
{
	struct seen *seen = context;
	char name[64] = "";
	unsigned number;

	memcpy(name, key, key_length);
	if (sscanf(name, "scan%u", &number) != 1 || number >= SCANNED ||
	    item->length != number % 50 ||
	    memcmp(item->value, source + number, item->length) != 0)
		seen->wrong++;
	else
		seen->times[number]++;
}

static void
fill_for_scan(void)
{
	for (unsigned n = 0; n < SCANNED; n++) {
		set(numbered("scan", n), source + n, n % 50);
		set_text(numbered("other", n), "x");
	}
}

static void
a_scan_visits_each_item_with_the_prefix_once(void)
{
	static struct seen seen;
	uint64_t cursor = 0;
	unsigned calls = 0;

	open_with(64 * MB, 8, CAIRN_STORE_EVICT);
	fill_for_scan();
	seen = (struct seen){ .wrong = 0 };
	do {
		EXPECT_EQUAL(cairn_store_scan(store, "scan", 4, &cursor, 10,
		    see, &seen), CAIRN_OK);
		/* What comes and goes meanwhile makes no difference. */
		set_text(numbered("new", calls), "x");
		delete(numbered("other", calls++));
	} while (cursor != 0 && calls < 100000);
	EXPECT(calls > 50);
	EXPECT_EQUAL(seen.wrong, 0);
	for (unsigned n = 0; n < SCANNED; n++)
		EXPECT_EQUAL(seen.times[n], 1);
	close_store();
}

static void
a_scan_may_go_in_one_call(void)
{
	static struct seen seen;
	uint64_t cursor = 0;
	unsigned visited = 0;

	open_usual();
	EXPECT_EQUAL(cairn_store_scan(store, NULL, 0, &cursor, SIZE_MAX, see,
	    &seen), CAIRN_OK);
	EXPECT_EQUAL(cursor, 0);
	fill_for_scan();
	seen = (struct seen){ .wrong = 0 };
	EXPECT_EQUAL(cairn_store_scan(store, NULL, 0, &cursor, SIZE_MAX, see,
	    &seen), CAIRN_OK);
	EXPECT_EQUAL(cursor, 0);
	for (unsigned n = 0; n < SCANNED; n++)
		visited += seen.times[n];
	EXPECT_EQUAL(visited, SCANNED);
	EXPECT_EQUAL(seen.wrong, SCANNED);	/* the others */
	close_store();
}

static void
clear_deletes_what_has_the_prefix(void)
{
	uint64_t cursor = 0;
	size_t deleted, sum = 0;
	unsigned calls = 0;

	open_with(64 * MB, 8, CAIRN_STORE_EVICT);
	fill_for_scan();
	do {
		EXPECT_EQUAL(cairn_store_clear(store, "scan", 4, &cursor, 100,
		    &deleted), CAIRN_OK);
		EXPECT(deleted < 200);
		sum += deleted;
		calls++;
	} while (cursor != 0 && calls < 100000);
	EXPECT(calls > 50);
	EXPECT_EQUAL(sum, SCANNED);
	EXPECT_EQUAL(counts().items, SCANNED);
	EXPECT_EQUAL(exists("scan1"), CAIRN_MISS);
	EXPECT_EQUAL(exists("other1"), CAIRN_OK);
	EXPECT_EQUAL(cairn_store_clear(store, NULL, 0, &cursor, SIZE_MAX,
	    NULL), CAIRN_OK);
	EXPECT_EQUAL(counts().items, 0);
	close_store();
}

static void
flush_deletes_everything(void)
{
	open_usual();
	fill_for_scan();
	EXPECT_EQUAL(cairn_store_flush(store), CAIRN_OK);
	EXPECT_EQUAL(counts().items, 0);
	EXPECT_EQUAL(counts().bytes, 0);
	EXPECT_EQUAL(get("scan1"), CAIRN_MISS);
	EXPECT_EQUAL(set_text("scan1", "x"), CAIRN_OK);
	EXPECT(has_text("scan1", "x"));
	close_store();
}

static void
counts_tell_what_there_is(void)
{
	struct cairn_store_counts some = { .shards = 99 };

	open_usual();
	EXPECT_EQUAL(set_text("key", "value"), CAIRN_OK);
	EXPECT_EQUAL(set_text("key", "other"), CAIRN_OK);
	EXPECT_EQUAL(counts().items, 1);
	EXPECT_EQUAL(counts().bytes, 8 + 3 + 5);
	EXPECT_EQUAL(counts().stored, 2);
	EXPECT_EQUAL(counts().limit, 64 * MB);
	EXPECT_EQUAL(counts().shards, 4);
	EXPECT(counts().index_bytes > 0);
	EXPECT_EQUAL(cairn_store_counts(store, &some, sizeof some.items),
	    CAIRN_OK);
	EXPECT_EQUAL(some.items, 1);
	EXPECT_EQUAL(some.shards, 99);
	close_store();
}

static void
a_full_store_that_may_not_evict_says_so(void)
{
	unsigned stored = 0;

	open_with(8 * MB, 1, CAIRN_STORE_REFUSE);
	while (set(numbered("key", stored), source, 1000) == CAIRN_OK)
		stored++;
	EXPECT(stored > 4000);
	EXPECT_EQUAL(set("more", source, 1000), CAIRN_NO_MEMORY);
	EXPECT_EQUAL(set("large", source, LARGE_LENGTH), CAIRN_NO_MEMORY);
	EXPECT_EQUAL(counts().evictions, 0);
	EXPECT(has(numbered("key", 0), source, 1000));
	EXPECT_EQUAL(delete(numbered("key", 0)), CAIRN_OK);
	EXPECT_EQUAL(set("more", source, 1000), CAIRN_OK);
	close_store();
}

/* Threads */

#define THREADS		4
#define THREAD_KEYS	64

#ifndef ROUNDS
#define ROUNDS		100000
#endif

static _Atomic unsigned errors;

static uint64_t
next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005 + 1442695040888963407;
	return *state >> 33;
}

/*
 * A value that proves itself: all bytes are the same, and the length goes
 * with the byte. Returns whether it is whole.
 */
static size_t
length_for(unsigned char byte)
{
	return byte % 4 == 0 ? 20000 + byte : byte % 4 == 1 ? 600 + byte :
	    8 + byte % 56;
}

static bool
is_whole(const unsigned char *bytes, size_t length)
{
	if (length == 0 || length != length_for(bytes[0]))
		return false;
	return memcmp(bytes, bytes + 1, length - 1) == 0;
}

struct hammer {
	pthread_t	thread;
	uint64_t	random;
	uint64_t	incremented;
	unsigned char	value[21000], read[21000];
};

static void
hammer_set(struct hammer *hammer, const char *key, size_t key_length)
{
	unsigned char byte = (unsigned char)next_random(&hammer->random);

	memset(hammer->value, byte, length_for(byte));
	if (cairn_store_set(store, key, key_length, hammer->value,
	    length_for(byte), byte, byte % 7 == 0 ? 5 : 0) != CAIRN_OK)
		errors++;
}

static void
hammer_get(struct hammer *hammer, const char *key, size_t key_length)
{
	struct cairn_store_info got;
	int result = cairn_store_get(store, key, key_length, hammer->read,
	    sizeof hammer->read, &got);

	if (result == CAIRN_OK ? !is_whole(hammer->read, got.length) ||
	    got.flags != hammer->read[0] : result != CAIRN_MISS)
		errors++;
}

static void
hammer_lease(struct hammer *hammer, const char *key, size_t key_length)
{
	struct cairn_store_lease lease;
	int result = cairn_store_lease(store, key, key_length, &lease);

	if (result != CAIRN_OK) {
		if (result != CAIRN_MISS)
			errors++;
		return;
	}
	if (lease.parts == 1) {
		if (!is_whole(lease.value, lease.length))
			errors++;
		hammer_set(hammer, key, key_length);
		if (!is_whole(lease.value, lease.length))
			errors++;
	}
	cairn_store_release(store, &lease);
}

static void
hammer_many(struct hammer *hammer)
{
	struct cairn_store_get_request requests[16];
	static _Thread_local unsigned char read[16][21000];
	char keys[16][16];

	for (unsigned n = 0; n < 16; n++) {
		int length = snprintf(keys[n], sizeof keys[n], "key%u",
		    (unsigned)(next_random(&hammer->random) % THREAD_KEYS));

		requests[n] = (struct cairn_store_get_request){
			.key = keys[n], .key_length = (size_t)length,
			.buffer = read[n], .size = sizeof read[n],
		};
	}
	cairn_store_multi_get(store, requests, 16);
	for (unsigned n = 0; n < 16; n++)
		if (requests[n].result == CAIRN_OK ?
		    !is_whole(read[n], requests[n].info.length) :
		    requests[n].result != CAIRN_MISS)
			errors++;
}

static void *
hammer(void *argument)
{
	struct hammer *hammer = argument;
	char key[32];

	for (unsigned n = 0; n < ROUNDS; n++) {
		uint64_t random = next_random(&hammer->random);
		size_t length = (size_t)snprintf(key, sizeof key, "key%u",
		    (unsigned)(random / 64 % THREAD_KEYS));

		switch (random % 64) {
		case 0: case 1: case 2: case 3:
			hammer_set(hammer, key, length);
			break;
		case 4:
			cairn_store_delete(store, key, length);
			break;
		case 5:
			cairn_store_expire(store, key, length, 10);
			break;
		case 6: case 7: case 8:
			hammer_lease(hammer, key, length);
			break;
		case 9:
			hammer_many(hammer);
			break;
		case 10:
			cairn_store_exists(store, key, length);
			break;
		case 11: case 12:
			/* Too large a number to be evicted meanwhile. */
			if (cairn_store_incr(store, "counter", 7, 1, NULL) ==
			    CAIRN_OK)
				hammer->incremented++;
			else
				errors++;
			break;
		case 13:
			if (n % 16 == 0)
				cairn_store_tick(store);
			break;
		default:
			hammer_get(hammer, key, length);
		}
	}
	return NULL;
}

static void
threads_never_see_half_a_value(void)
{
	static struct hammer hammers[THREADS];
	uint64_t sum = 0;

	/* One shard, so that they meet. */
	open_with(32 * MB, 1, CAIRN_STORE_EVICT);
	set_text("counter", "0000000000");
	errors = 0;
	for (unsigned n = 0; n < THREADS; n++) {
		hammers[n].random = n;
		if (pthread_create(&hammers[n].thread, NULL, hammer,
		    &hammers[n]) != 0)
			printf("Bail out! no thread\n");
	}
	for (unsigned n = 0; n < THREADS; n++) {
		pthread_join(hammers[n].thread, NULL);
		sum += hammers[n].incremented;
	}
	EXPECT_EQUAL(errors, 0);
	EXPECT_EQUAL(get("counter"), CAIRN_OK);
	buffer[info.length] = '\0';
	EXPECT_EQUAL(strtoull(buffer, NULL, 10), sum);
	close_store();
}

#define READS	1000000

static _Atomic bool reading;

/* Overwrite a hot value again and again; in between it is to become hot. */
static void *
overwrite(void *argument)
{
	char value[500];

	(void)argument;
	for (unsigned n = 0; reading; n++) {
		memset(value, (char)n, sizeof value);
		if (n % 16 == 15)
			delete("hot");
		if (set("hot", value, 300 + n % 4 * 50) != CAIRN_OK)
			errors++;
		for (unsigned reads = 0; reads < 20; reads++)
			cairn_store_get(store, "hot", 3, value, sizeof value,
			    NULL);
	}
	return NULL;
}

static void
a_reader_without_a_lock_never_sees_half_a_value(void)
{
	struct cairn_store_info got;
	pthread_t writer;
	char value[500];

	open_with(16 * MB, 1, CAIRN_STORE_EVICT);
	errors = 0;
	reading = true;
	if (pthread_create(&writer, NULL, overwrite, NULL) != 0)
		printf("Bail out! no thread\n");
	for (unsigned n = 0; n < READS; n++)
		if (cairn_store_get(store, "hot", 3, value, sizeof value,
		    &got) == CAIRN_OK && (got.length < 300 ||
		    memcmp(value, value + 1, got.length - 1) != 0))
			errors++;
	reading = false;
	pthread_join(writer, NULL);
	EXPECT_EQUAL(errors, 0);
	close_store();
}

#define GROWN	20000

static void *
grow(void *argument)
{
	unsigned self = *(unsigned *)argument;
	char key[32], value[32];

	for (unsigned n = 0; n < GROWN; n++) {
		struct cairn_store_info got;
		int length = snprintf(key, sizeof key, "t%u-%u", self, n);

		if (cairn_store_add(store, key, (size_t)length, key,
		    (size_t)length, 0, 0) != CAIRN_OK)
			errors++;
		length = snprintf(key, sizeof key, "t%u-%u", self, n / 2);
		if (cairn_store_get(store, key, (size_t)length, value,
		    sizeof value, &got) != CAIRN_OK ||
		    got.length != (size_t)length ||
		    memcmp(key, value, got.length) != 0)
			errors++;
	}
	return NULL;
}

static void
threads_find_their_keys_while_the_index_grows(void)
{
	pthread_t threads[THREADS];
	unsigned numbers[THREADS];

	open_with(64 * MB, 2, CAIRN_STORE_EVICT);
	errors = 0;
	for (unsigned n = 0; n < THREADS; n++) {
		numbers[n] = n;
		if (pthread_create(&threads[n], NULL, grow, &numbers[n]) != 0)
			printf("Bail out! no thread\n");
	}
	for (unsigned n = 0; n < THREADS; n++)
		pthread_join(threads[n], NULL);
	EXPECT_EQUAL(errors, 0);
	EXPECT_EQUAL(counts().items, THREADS * GROWN);
	close_store();
}

/* Where there are other threads, large values are stored by drafts. */
static void
large_values_are_stored_so_too_while_there_are_threads(void)
{
	values_of_every_size_are_read_as_they_were_written();
	add_stores_new_keys_and_replace_existing_ones();
	a_value_that_is_too_large_takes_the_old_one_along();
	multi_get_reads_large_values_too();
	a_full_store_that_may_not_evict_says_so();
}

int
main(void)
{
	uint64_t random = 12;

	for (size_t n = 0; n < sizeof source; n++)
		source[n] = (char)next_random(&random);
	RUN(a_store_opens_with_all_defaults);
	RUN(two_stores_know_nothing_of_each_other);
	RUN(options_that_make_no_sense_are_refused);
	RUN(options_of_another_version_are_understood);
	RUN(every_error_has_words);
	RUN(a_value_is_read_as_it_was_written);
	RUN(values_of_every_size_are_read_as_they_were_written);
	RUN(a_buffer_that_is_too_small_is_not_written_to);
	RUN(a_key_that_is_not_there_is_a_miss);
	RUN(arguments_that_make_no_sense_change_nothing);
	RUN(add_stores_new_keys_and_replace_existing_ones);
	RUN(append_and_prepend_keep_flags_and_expiry);
	RUN(compare_and_set_fails_when_the_item_has_changed);
	RUN(get_and_set_gives_the_old_value);
	RUN(a_value_that_is_too_large_takes_the_old_one_along);
	RUN(counters_count_up_and_down);
	RUN(a_counter_can_be_made_on_the_way);
	RUN(an_item_lives_as_long_as_it_was_given);
	RUN(expire_and_persist_change_the_time_to_live);
	RUN(ticks_take_away_what_has_expired);
	RUN(a_housekeeping_thread_takes_away_what_has_expired);
	RUN(a_lease_shows_the_value);
	RUN(a_large_value_is_leased_in_parts);
	RUN(a_lease_outlives_whatever_happens_to_the_key);
	RUN(leased_values_survive_eviction);
	RUN(a_small_item_has_any_number_of_leases);
	RUN(an_item_has_255_leases_at_most);
	RUN(multi_get_answers_in_the_order_of_the_keys);
	RUN(multi_get_reads_large_values_too);
	RUN(the_last_of_equal_keys_wins_in_multi_set);
	RUN(multi_set_answers_for_each_request);
	RUN(multi_delete_answers_for_each_request);
	RUN(a_scan_visits_each_item_with_the_prefix_once);
	RUN(a_scan_may_go_in_one_call);
	RUN(clear_deletes_what_has_the_prefix);
	RUN(flush_deletes_everything);
	RUN(counts_tell_what_there_is);
	RUN(a_full_store_that_may_not_evict_says_so);
	RUN(threads_never_see_half_a_value);
	RUN(a_reader_without_a_lock_never_sees_half_a_value);
	RUN(threads_find_their_keys_while_the_index_grows);
	RUN(large_values_are_stored_so_too_while_there_are_threads);
	return tap_done();
}
