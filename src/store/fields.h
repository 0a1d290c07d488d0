/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fields.h - hashes: items whose value is fields that have values.
 *
 * A hash is opened by its key, and used until the next call on the store that
 * is not one of these. It is there as long as it has a field: the first that
 * is put makes it, the last that is deleted takes it away. What fails leaves
 * it as it was. A field that is due is not there any more.
 *
 * What is returned by pointer is valid until a call that may change the hash.
 */
#ifndef STORE_FIELDS_H
#define STORE_FIELDS_H

#include "store/store.h"

struct fields {
	struct store		*store;
	const struct store_key	*key;
	uint32_t		 handle;	/* 0: there is no such key */
};

/* A field as it was found. */
struct field {
	struct slice	name;
	struct slice	value;		/* bytes NULL: see fields_part() */
	int64_t		expiry;		/* unix ms, 0 = never */
	/* For the calls that take a field: */
	struct slice	reference;
	uint32_t	segment, at;
};

/*
 * STORE_OK, STORE_MISS: it can be made, or STORE_WRONG_TYPE. Reading makes it
 * hotter. The key is the caller's, and stays until the last use.
 */
enum fields_use { FIELDS_READ, FIELDS_CHANGE };

enum store_result fields_open(struct fields *, struct store *,
	    const struct store_key *, enum fields_use);

/* How many there are; of a large hash those may count that fell due lately. */
uint64_t fields_count(const struct fields *);

/* Remove what is due, all of it, so that the count is right. */
void	fields_tidy(struct fields *);

/*
 * False: there is no such field. Its name is the one given, not where the
 * hash has it.
 */
bool	fields_find(const struct fields *, struct slice name, struct field *);

/* Part number `n` of a value; it is empty behind the last. */
struct slice fields_part(const struct fields *, const struct field *,
	    uint32_t n);

/*
 * Give a field a value, and let it expire. STORE_TOO_LARGE: the value is above
 * item_max, or the name is too long; STORE_NO_MEMORY: or the hash is full.
 */
enum store_result fields_put(struct fields *, struct slice name,
	    struct slice value, int64_t expiry, bool *added);

/* Give a field of fields_find() another value; its expiry stays. */
enum store_result fields_replace(struct fields *, const struct field *,
	    struct slice value);

/* Let a field that was found expire at another time; 0: never. */
enum store_result fields_expire(struct fields *, const struct field *,
	    int64_t expiry);

/* Remove a field that was found. */
void	fields_delete(struct fields *, const struct field *);

/* One field after the other, in any order. False: that was the last. */
struct fields_place {
	uint32_t	segment, at;	/* zeros begin */
};

bool	fields_next(const struct fields *, struct fields_place *,
	    struct field *);

/*
 * Call `visit` for some fields, `count` or a few more, from `cursor` on; 0
 * begins. Returns the cursor to go on with, 0: that was the last. A field that
 * is there all the time is visited exactly once, whatever becomes of the
 * others.
 */
uint64_t fields_scan(const struct fields *, uint64_t cursor, unsigned count,
	    void (*visit)(void *context, const struct field *),
	    void *context);

/*
 * One of the fields, each as probable. False: there is none, or only such as
 * fell due.
 */
bool	fields_random(const struct fields *,
	    uint64_t (*random)(void *context), void *context,
	    struct field *);

/*
 * Store a copy of a hash under another key, even in another store, in place of
 * what is there.
 */
enum store_result fields_copy(struct fields *, struct store *to,
	    const struct store_key *, int64_t expiry);

/* Is it kept as a large hash, whose fields lie in segments? */
bool	fields_are_spread(const struct fields *);

#endif
