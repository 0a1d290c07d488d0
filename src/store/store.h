/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store.h - the items of one shard: find, put, delete, evict, expire.
 *
 * A store is used by one thread at a time and does no system call but for
 * memory when it grows. All its memory is slab pages and the index, within
 * the limit it was given; nothing is allocated per item elsewhere.
 *
 * Times are unix milliseconds; an expiry of 0 is never. Every call goes by
 * the time set with store_set_time().
 *
 * What a call returns by pointer is valid until the next call on the store
 * that may change it; only a pinned value stays until it is unpinned.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"

struct iovec;
struct store;

#define STORE_KEY_MAX		65535
#define STORE_SPACES	16
#define STORE_EXPIRY_MAX	(((int64_t)1 << 48) - 1)	/* in 10889 */
#define STORE_CLASSES_MAX	128	/* slab classes, at most */

/* A part of a file that holds a store's pages, see store_save(). */
struct store_file {
	int	fd;
	size_t	offset;			/* multiples of 1 MB */
	size_t	bytes;			/* see store_file_bytes() */
};

struct store_config {
	size_t		limit;		/* bytes of pages and index */
	size_t		item_max;	/* bytes of header, key and value */
	double		growth_factor;	/* of the size classes */
	size_t		chunk_min;	/* bytes of key and value at least */
	bool		evict;		/* false: refuse when full */
	bool		cas;		/* false: no item has a cas unique */
	bool		large_pages;	/* ask the system for large pages */
	bool		track_access;	/* items know when they were used last */
	uint64_t	hash_seed;	/* that keys are hashed with */
	uint64_t	cas_start;	/* uniques are above this */
	const struct store_file *file;	/* NULL: memory of the process */
};

enum store_result {
	STORE_OK,
	STORE_MISS,		/* no such key */
	STORE_EXISTS,		/* cas: changed since */
	STORE_NOT_STORED,	/* add, replace, append: the condition failed */
	STORE_TOO_LARGE,	/* above item_max */
	STORE_NO_MEMORY,	/* and nothing may be evicted */
	STORE_NOT_A_NUMBER,	/* incr, decr: the value is none */
	STORE_WRONG_TYPE,	/* the key has a hash, not a string */
};

struct store_key {
	const char	*bytes;
	size_t		 length;	/* 0..STORE_KEY_MAX */
	uint64_t	 hash;		/* store_hash() of it */
	uint8_t		 space;		/* below STORE_SPACES: keys are
					   different in each */
};

/*
 * With the hash_seed of the store. The space is not part of it, so that items
 * move between spaces, and spaces change places, within a store.
 */
static inline uint64_t
store_hash(uint64_t seed, const char *key, size_t length)
{
	return hash_bytes(seed, key, length);
}

/* What clients agree on about an item. A write to its value clears it. */
enum store_mark {
	STORE_FETCHED = 1,	/* was read since it was stored */
	STORE_STALE = 2,	/* is out of date, and is to be renewed */
	STORE_TOKEN_SENT = 4,	/* somebody was told to renew it */
};

/* What a caller sees of an item. */
struct store_item {
	uint32_t	 handle;	/* for the calls that take a store_item */
	uint32_t	 length;	/* of the value, bytes */
	uint32_t	 flags;
	uint32_t	 pieces;	/* 0: the value is one piece, at `value` */
	const char	*value;
	uint64_t	 cas;		/* 0 unless asked for */
	int64_t		 expiry;
	/* Before this call: */
	uint32_t	 accessed;	/* unix s; 0: see track_access */
	unsigned	 marks;		/* enum store_mark */
	uint8_t		 space;		/* of its key */
	bool		 hash;		/* see fields.h: no string */
};

enum store_mode {
	STORE_SET,
	STORE_ADD,		/* only a new key */
	STORE_REPLACE,		/* only an existing key */
	STORE_APPEND,		/* to an existing value; flags, expiry kept */
	STORE_PREPEND,
	STORE_CAS,		/* only when the cas unique is still `cas` */
};

/*
 * A value to store: bytes of the caller's, or a draft that was filled. A
 * draft is used up by store_put(), whatever it returns. `cas` is the unique
 * that the item must still have: for STORE_CAS, and if it is not 0 for
 * STORE_APPEND and STORE_PREPEND.
 */
struct store_value {
	struct slice	bytes;
	uint32_t	draft;		/* handle, 0 = use `bytes` */
	uint32_t	flags;
	int64_t		expiry;
	uint64_t	cas;
	bool		want_cas;	/* see store_last_cas() */
};

/* Of one slab class, since the store was opened but for the first two. */
struct store_class_counts {
	uint64_t	items;			/* now */
	uint64_t	bytes;			/* of items in its chunks */
	uint64_t	evicted;
	uint64_t	evicted_unfetched;
	uint64_t	evicted_active;
	uint64_t	evicted_nonzero;	/* were to expire some day */
	uint64_t	evicted_time;		/* s from the last use to the end
						   of the last; track_access */
	uint64_t	no_memory;		/* for a new item or piece */
	uint64_t	reclaimed;
	uint64_t	expired_unfetched;
	uint64_t	crawled;		/* looked at, see store_crawl() */
	uint64_t	crawler_reclaimed;	/* of these */
};

struct store_class_info {
	uint32_t	chunk_size;		/* bytes */
	uint32_t	chunks_per_page;
	uint64_t	pages;
	uint64_t	used_chunks;
	struct store_class_counts counts;
};

/* Counted since the store was opened, but for `items` and `bytes`. */
struct store_counts {
	uint64_t	items;			/* now */
	uint64_t	bytes;			/* of these, with headers */
	uint64_t	total_items;		/* stored */
	uint64_t	evictions;
	uint64_t	evicted_unfetched;
	uint64_t	evicted_active;		/* were hit again lately */
	uint64_t	get_expired;		/* found due by a request */
	uint64_t	expired_unfetched;
	uint64_t	reclaimed;		/* expired ones, by any way */
	uint64_t	pages_moved;		/* from class to class */
	uint64_t	rescues;		/* items moved with these */
	uint64_t	crawled;
	uint64_t	crawler_reclaimed;
};

/* NULL: no memory or address space, and `error` says so. */
struct store *store_open(const struct store_config *, struct error *);
void	store_close(struct store *);

void	store_set_time(struct store *, int64_t unix_ms);

/* First bring a key's bucket into the cache; a while later its item. */
void	store_prefetch(const struct store *, uint64_t hash);
void	store_prefetch_item(const struct store *, uint64_t hash);

/*
 * STORE_OK and the item, STORE_MISS, or STORE_WRONG_TYPE. With `want_cas` the
 * item has a cas unique afterwards; STORE_NO_MEMORY: there was no room for
 * one.
 */
enum store_result store_get(struct store *, const struct store_key *,
	    bool want_cas, struct store_item *);

/* How store_fetch() differs from a plain get. */
enum store_fetch {
	STORE_WANT_CAS = 1,	/* the item has a cas unique afterwards */
	STORE_TOUCH = 2,	/* and expires at `expiry` from now on */
	STORE_UNNOTICED = 4,	/* it makes no difference to what is evicted,
				   nor to marks and times */
	STORE_STRING = 8,	/* STORE_WRONG_TYPE if it is a hash */
};

enum store_result store_fetch(struct store *, const struct store_key *,
	    unsigned how, int64_t expiry, struct store_item *);

/* As store_get(), and the item expires at `expiry` from now on. */
enum store_result store_touch(struct store *, const struct store_key *,
	    int64_t expiry, bool want_cas, struct store_item *);

/*
 * Store a value. Whatever fails leaves the old value as it was, but for
 * STORE_SET: then it is gone, so that no reader gets a value which its
 * writer believes replaced. A hash is a value to replace; to append to or to
 * compare with it is none.
 */
enum store_result store_put(struct store *, const struct store_key *,
	    enum store_mode, const struct store_value *);

enum store_result store_delete(struct store *, const struct store_key *);

/*
 * Add to (or subtract from) a decimal value: up to 20 digits, with white space
 * around them, shorter than 1 KB. incr wraps at 2^64, decr stops at 0. A
 * result shorter than the value is padded with spaces. `*number` is the
 * result.
 */
enum store_result store_add_number(struct store *, const struct store_key *,
	    bool subtract, uint64_t delta, bool want_cas, uint64_t *number);

/*
 * The cas unique that the last store_put() or store_add_number() gave. It
 * succeeded, and was called with `want_cas`, so the item has one. 0 when the
 * store keeps none.
 */
uint64_t store_last_cas(const struct store *);

/*
 * Give an item that was just found, and that has a cas unique, another one:
 * `cas`, or the next when that is 0. Nothing happens where there are none.
 */
void	store_renew_cas(struct store *, struct store_item *, uint64_t cas);

/* Change the marks of an item that was just found. */
void	store_mark(struct store *, struct store_item *, unsigned set,
	    unsigned clear);

/* What was set with store_set_time(). */
int64_t	store_time(const struct store *);

/* The slab class of an item that was just found, from 0. */
unsigned store_class(const struct store *, const struct store_item *);

/*
 * The slab class, from 0, of the item that the last store_get(), store_look(),
 * store_fetch(), store_put(), store_add_number() or store_delete() found,
 * stored or removed. Where store_put() refused a value it is that of the item
 * that is there, or what the value would have been in. It is 0 when the
 * item has gone since.
 */
unsigned store_last_class(const struct store *);

/* No store has more classes. */
#define STORE_CLASSES_MAX	128

/* Bytes of header, key and value of an item that was just found. */
size_t	store_item_size(const struct store *, const struct store_item *);

/*
 * Describe the item of a key, even one that is due, and change nothing at
 * all. False: there is none.
 */
bool	store_inspect(const struct store *, const struct store_key *,
	    struct store_item *);

/* Is the key there? Asking makes no difference to what is evicted. */
bool	store_exists(struct store *, const struct store_key *);

/*
 * STORE_OK and the item, or STORE_MISS; as store_exists() it makes no
 * difference to what is evicted.
 */
enum store_result store_look(struct store *, const struct store_key *,
	    struct store_item *);

/*
 * Find an item without having the store to oneself. `version` is odd while
 * somebody changes the store, and another one after each change; the store's
 * chunk_min is STORE_PEEK_CHUNK or more.
 */
#define STORE_PEEK_CHUNK	24
#define STORE_PEEK_MAX		512	/* bytes of a value */

enum store_peek {
	STORE_PEEK_FOUND,	/* and the value was copied */
	STORE_PEEK_SMALL,	/* found, but `size` is below its length */
	STORE_PEEK_MISS,
	STORE_PEEK_COLD,	/* found; store_get() is to note the hit */
	STORE_PEEK_UNSURE,	/* ask again, having the store to oneself */
};

struct store_peeked {
	uint32_t	length;
	uint32_t	flags;
	int64_t		expiry;	/* it may be due: that is the caller's to see */
};

/* Expect `*peeked` to be set but for MISS and UNSURE. */
enum store_peek store_peek(const struct store *, const struct store_key *,
	    const _Atomic uint32_t *version, char *out, size_t size,
	    struct store_peeked *peeked);

/* store_prefetch() and store_prefetch_item() for such a reader. */
void	store_peek_prefetch(const struct store *, uint64_t hash);
void	store_peek_prefetch_item(const struct store *, uint64_t hash);

/*
 * Call `visit` for some items, `count` or a few more, from `cursor` on; 0
 * begins. Returns the cursor to go on with, 0: that was the last; its low byte
 * is 0 and of no account, and it is below 2^53. They can be
 * fewer or none: where there is little to find, a call ends before that takes
 * long. An item that is there all the time is visited exactly once, whatever
 * happens to the store between the calls. `visit` changes nothing in it.
 */
uint64_t store_scan(struct store *, uint64_t cursor, unsigned count,
	    void (*visit)(void *context, struct slice key,
	    const struct store_item *), void *context);

/* Every item is gone, in time that does not depend on their number. */
void	store_flush(struct store *);

/*
 * Hold a value where it is: it is neither moved nor changed until each pin
 * is undone. False: too many pins; copy it instead. The value's parts, in
 * order, are given by store_parts(); undo with the address of any of them.
 */
bool	store_pin(struct store *, const struct store_item *);
void	store_unpin(struct store *, const void *part);

/* The same, with what was pinned at hand. */
void	store_unpin_item(struct store *, const struct store_item *);

/*
 * The parts `first`, `first` + 1, ... of a value, `count` of them at most.
 * Returns how many were written. A value in one piece has one part.
 */
unsigned store_parts(const struct store *, const struct store_item *,
	    uint32_t first, struct iovec *, unsigned count);

/*
 * Memory for a value of `length` bytes that arrives over time. It is nobody's
 * to see or evict until store_put(). store_draft_item() describes it, for
 * store_parts(). STORE_TOO_LARGE, STORE_NO_MEMORY: `*draft` is not set, and
 * the caller may want to delete the key.
 */
enum store_result store_draft(struct store *, const struct store_key *,
	    uint32_t length, uint32_t flags, int64_t expiry, uint32_t *draft);
void	store_draft_item(const struct store *, uint32_t draft,
	    struct store_item *);
void	store_draft_abandon(struct store *, uint32_t draft);

/*
 * Housekeeping: reclaim items that fell due and give back memory, looking at
 * no more than `budget` chunks. True: there is more to do now.
 */
bool	store_tick(struct store *, unsigned budget);

/*
 * Change the limit. Growing is at once; shrinking evicts page by page in
 * store_tick(). False: `bytes` is beyond what the store can ever hold.
 */
bool	store_set_limit(struct store *, size_t bytes);

uint64_t store_items(const struct store *);
uint64_t store_space_items(const struct store *, unsigned space);

/* What was in one space is in the other from now on. */
void	store_swap_spaces(struct store *, unsigned a, unsigned b);

/* What is counted up to now; another call renews it. */
const struct store_counts *store_counts(struct store *);

/*
 * Begin to look at the items of some classes for those that are due, and to
 * reclaim them; store_tick() does that by itself, but up to a second later.
 * `classes` has an entry for each class; `most` items are looked at in each,
 * 0: all. store_tick() goes on with it. False: a crawl is on already.
 */
bool	store_crawl(struct store *, const bool *classes, uint64_t most);
bool	store_is_crawling(const struct store *);

/*
 * How pages move between slab classes by themselves: not at all, or to where
 * they save the most misses. They do so the sooner the larger `ratio` is; 0.8
 * is usual.
 */
enum store_automove {
	STORE_AUTOMOVE_OFF,
	STORE_AUTOMOVE_ON,
	STORE_AUTOMOVE_HURRY,
};

void	store_set_automove(struct store *, enum store_automove, double ratio);

/*
 * Begin to move a page from one slab class to another. Further requests and
 * store_tick() empty it; items that find no room in their class are evicted,
 * and a page of which an item may not go stays. Classes are numbered from 0;
 * STORE_NO_CLASS are the free pages.
 */
#define STORE_NO_CLASS	(-1)
#define STORE_ANY_CLASS	(-2)	/* to take it from: who can spare it best */

enum store_move {
	STORE_MOVE_BEGUN,
	STORE_MOVE_BUSY,	/* another page is in work */
	STORE_MOVE_NO_PAGE,	/* the class has none to give */
};

enum store_move store_move_page(struct store *, int from, int to);

/* Is a page in work that store_move_page() was asked for? */
bool	store_moves_page(const struct store *);

/* False: there are fewer classes. */
bool	store_class_info(const struct store *, unsigned class,
	    struct store_class_info *);

/* Count from zero again, but for what is there now. */
void	store_reset_counts(struct store *);

size_t	store_index_size(const struct store *);		/* bytes */
unsigned store_index_power(const struct store *);	/* log2 of buckets */
bool	store_index_resizing(const struct store *);
uint32_t store_free_pages(const struct store *);
size_t	store_pages_size(const struct store *);	/* bytes, free ones too */

/* An item that had to go. */
struct store_evicted {
	struct slice	key;
	uint32_t	length;		/* of the value */
	uint32_t	accessed;	/* unix s; 0: see track_access */
	int64_t		expiry;
	unsigned	class;		/* from 0 */
	bool		fetched;
};

/* What the store does on its own. These functions change nothing in it. */
struct store_events {
	void	(*evicted)(void *context, const struct store *,
		    const struct store_evicted *);
	/* A page goes from class to class, from 0; -1: to any. */
	void	(*page_moved)(void *context, int from, int to);
};

/* Call these from now on; NULL: none. */
void	store_tell(struct store *, const struct store_events *,
	    void *context);

/*
 * Be told of each key whose item comes, changes or goes: because somebody
 * asked for that, or by itself, as it fell due or was evicted. A key without
 * bytes is all of them; what its space is makes no difference. What is told changes nothing in the store, but may end
 * it; NULL: nobody is.
 */
typedef void store_changed(void *context, struct slice key, bool asked);

void	store_tell_changes(struct store *, store_changed *, void *context);

/*
 * Warm restart. A store whose config names a file has its pages there, so
 * they are still there when the process has ended. store_save() writes, as
 * lines of text, what else is needed to use them again; the store must not be
 * changed any more. store_restore() reads it, in a store that was just
 * opened with the same config and that has the time. -1: something is not as
 * it was left, and `error` says what; the store can only be closed then.
 */
void	store_save(const struct store *, FILE *);
int	store_restore(struct store *, FILE *, struct error *);

/* The bytes of a file that a store with this limit takes. */
size_t	store_file_bytes(size_t limit);

/* Walk everything and CHECK that it fits together. For tests; slow. */
void	store_verify(const struct store *);

#endif
