/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stored.h - the words that tests of the store are written in.
 *
 * There is one store at a time; keys are C strings and values are texts or
 * parts of one long run of random bytes. As with tap.h the state is the
 * program's: include this in one file of it.
 */
#ifndef T_STORED_H
#define T_STORED_H

#include <stdlib.h>

#include "base/random.h"
#include "store/state.h"
#include "store/store.h"
#include "tap.h"
#include "values.h"

#define KB		((size_t)1 << 10)
#define MB		((size_t)1 << 20)
#define START		((int64_t)1700000000000)
#define NEVER		0
#define LATE		1000	/* ms after which ticks have found a due item */
#define ITEM_MAX	MB

static struct store *store;
static struct store_item item;		/* what the last get() found */
static struct error problem;

/* Any value is a part of this. */
static char source[2 * MB];

static const struct store_config usual = {
	.limit = 8 * MB,
	.item_max = ITEM_MAX,
	.growth_factor = 1.25,
	.chunk_min = 48,
	.evict = true,
	.cas = true,
	.hash_seed = VALUES_SEED,
};

static inline void
fill_source(void)
{
	struct random random = { 12 };

	for (size_t i = 0; i < sizeof source; i++)
		source[i] = (char)random_next(&random);
}

static inline void
open_as(const struct store_config *config)
{
	store = store_open(config, &problem);
	if (store == NULL)
		printf("Bail out! %s\n", problem.text);
	store_set_time(store, START);
}

static inline void
open_usual(void)
{
	open_as(&usual);
}

static inline void
open_small(bool evict)
{
	struct store_config config = usual;

	config.limit = MB;
	config.evict = evict;
	open_as(&config);
}

static inline void
close_store(void)
{
	store_verify(store);
	store_close(store);
}

static inline struct store_key
key(const char *name)
{
	return key_of(name, strlen(name));
}

/* Valid until the next call. */
static inline const char *
numbered(const char *name, unsigned number)
{
	static char whole[STORE_KEY_MAX + 1];

	snprintf(whole, sizeof whole, "%s%u", name, number);
	return whole;
}

/* Text that tests write out, or any part of `source`. */
static inline struct slice
text(const char *bytes)
{
	return (struct slice){ bytes, strlen(bytes) };
}

static inline struct slice
bytes_of(size_t length)
{
	return (struct slice){ source + length % 1000, length };
}

static inline enum store_result
put_all(enum store_mode mode, const char *name, struct slice bytes,
    uint32_t flags, int64_t expiry, uint64_t cas)
{
	struct store_key where = key(name);
	struct store_value value = {
		.bytes = bytes, .flags = flags, .expiry = expiry, .cas = cas,
	};

	return store_put(store, &where, mode, &value);
}

static inline enum store_result
put(enum store_mode mode, const char *name, struct slice bytes)
{
	return put_all(mode, name, bytes, 0, NEVER, 0);
}

static inline enum store_result
set(const char *name, struct slice bytes)
{
	return put(STORE_SET, name, bytes);
}

static inline enum store_result
get(const char *name)
{
	struct store_key where = key(name);

	return store_get(store, &where, false, &item);
}

/* The cas unique, 0 when the key is not there. */
static inline uint64_t
cas_of(const char *name)
{
	struct store_key where = key(name);

	if (store_get(store, &where, true, &item) != STORE_OK)
		return 0;
	return item.cas;
}

static inline enum store_result
touch(const char *name, int64_t expiry)
{
	struct store_key where = key(name);

	return store_touch(store, &where, expiry, false, &item);
}

static inline enum store_result
delete(const char *name)
{
	struct store_key where = key(name);

	return store_delete(store, &where);
}

static inline enum store_result
count(const char *name, bool subtract, uint64_t delta, uint64_t *number)
{
	struct store_key where = key(name);

	return store_add_number(store, &where, subtract, delta, false,
	    number);
}

static inline bool
has(const char *name, struct slice bytes)
{
	return get(name) == STORE_OK &&
	    value_equals(store, &item, bytes.bytes, bytes.length);
}

static inline uint64_t
items(void)
{
	return store_counts(store)->items;
}

/* Tick until there is nothing to do. Returns how many it took. */
static inline unsigned
tick_until_done(unsigned budget)
{
	unsigned ticks = 1;

	while (store_tick(store, budget) && ticks < 100000)
		ticks++;
	return ticks;
}

/* Store until there is no memory. Returns how many keys there are. */
static inline unsigned
fill_up(const char *name, size_t length)
{
	unsigned n = 0;

	while (set(numbered(name, n), bytes_of(length)) == STORE_OK)
		n++;
	return n;
}

/*
 * How many values of a size fit, in a store that does not evict. They are
 * deleted again.
 */
static inline unsigned
capacity(size_t length)
{
	unsigned filled = fill_up("capacity", length);

	for (unsigned n = 0; n < filled; n++)
		delete(numbered("capacity", n));
	return filled;
}

static inline unsigned
count_present(const char *name, unsigned end)
{
	unsigned present = 0;

	for (unsigned n = 0; n < end; n++)
		present += get(numbered(name, n)) == STORE_OK;
	return present;
}

#endif
