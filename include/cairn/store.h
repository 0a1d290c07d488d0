/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store.h - cairn's store inside your program: keys with values, in memory,
 * up to a limit.
 *
 * A key is 1 to CAIRN_STORE_KEY_MAX bytes of any kind. A value is 0 or more
 * bytes, and carries 32 bits of flags which the store keeps and does not
 * look at. When the memory is used up, what was not used lately goes.
 *
 * Threads: any number may use a store at once, but for cairn_store_open()
 * and cairn_store_close(). Each key's operations happen one after the other.
 * A signal handler must not use a store, nor a child after fork(2).
 *
 * Errors: functions return CAIRN_OK, which is 0, or a negative cairn_error;
 * cairn_strerror() has words for it. Unless it says otherwise, a call that
 * fails has changed nothing and written nothing to the caller's memory.
 * Arguments that make no sense (NULL, a key that is empty or too long) are
 * CAIRN_INVALID.
 *
 * Ownership: the store copies what it is given and keeps no pointer of the
 * caller's.
 *
 * Times are milliseconds. A time to live counts from the call on; 0 is for
 * ever, the largest is CAIRN_STORE_TTL_MAX. The clock is the system's coarse
 * one: an item may go some 4 ms early or late, and with a step of the
 * system's time.
 */
#ifndef CAIRN_STORE_H
#define CAIRN_STORE_H

#include <stddef.h>
#include <stdint.h>

#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

#define CAIRN_STORE_KEY_MAX	250
#define CAIRN_STORE_SHARDS_MAX	256
#define CAIRN_STORE_TTL_MAX	((int64_t)1 << 45)	/* 1,100 years */

struct cairn_store;

enum cairn_error {
	CAIRN_OK		= 0,
	CAIRN_MISS		= -1,	/* no such key */
	CAIRN_EXISTS		= -2,	/* changed since its unique was read */
	CAIRN_NOT_STORED	= -3,	/* add: it exists; append: it does not */
	CAIRN_NOT_A_NUMBER	= -4,	/* incr, decr: the value is none */
	CAIRN_TOO_SMALL		= -5,	/* the caller's buffer is */
	CAIRN_TOO_LARGE		= -6,	/* the item is, for item_max */
	CAIRN_NO_MEMORY		= -7,	/* and nothing may be evicted */
	CAIRN_BUSY		= -8,	/* too many leases of one item */
	CAIRN_INVALID		= -9,	/* the arguments are */
	CAIRN_SYSTEM		= -10	/* the system refused; see errno */
};

/* A few English words, never NULL, for any number; they stay for ever. */
const char *cairn_strerror(int error);

/*
 * Open and close
 */

enum cairn_store_full {
	CAIRN_STORE_EVICT,	/* full: make room by dropping items */
	CAIRN_STORE_REFUSE	/* full: CAIRN_NO_MEMORY */
};

/*
 * Set `size` to sizeof(struct cairn_store_options) and what follows to zero
 * but for what is wanted: zero is each field's default. A program that was
 * compiled with an older, shorter struct works with a newer library.
 */
struct cairn_store_options {
	size_t		size;
	size_t		limit;		/* bytes, all told; 64 MB */
	size_t		item_max;	/* header (8 to 26 bytes), key and
					   value at most; 1 MB */
	uint32_t	shards;		/* power of two, up to 256; it goes
					   by the CPUs and the limit */
	uint32_t	when_full;	/* enum cairn_store_full */
	uint32_t	housekeeping;	/* ms between two rounds of a thread
					   that calls cairn_store_tick();
					   0: no thread */
	uint32_t	reserved;	/* 0 */
};

/*
 * Open an empty store. `options` may be NULL: all defaults. The shards share
 * the limit evenly, and one must have room for four of the largest items,
 * or it is CAIRN_INVALID. CAIRN_NO_MEMORY: no memory or address space (16
 * times the limit is set aside, at least 2 GB for each shard).
 */
int	cairn_store_open(const struct cairn_store_options *options,
	    struct cairn_store **store);

/*
 * Give everything back. Leases end; no other thread uses the store any more.
 * NULL is nothing.
 */
void	cairn_store_close(struct cairn_store *store);

/*
 * Read
 */

/* What is known of an item beside its value. */
struct cairn_store_info {
	size_t		length;		/* of the value, bytes */
	int64_t		expiry;		/* unix time in ms, 0: never */
	uint64_t	cas;		/* 0 unless it was asked for */
	uint32_t	flags;
	uint32_t	reserved;
};

/*
 * Copy a value to `buffer`, which has room for `size` bytes. `info` may be
 * NULL; of CAIRN_TOO_SMALL it tells the length that is needed.
 */
int	cairn_store_get(struct cairn_store *store,
	    const void *key, size_t key_length, void *buffer, size_t size,
	    struct cairn_store_info *info);

/*
 * As cairn_store_get(), and `info`, which is not NULL, has the item's cas
 * unique: a number that changes whenever the item does.
 */
int	cairn_store_get_cas(struct cairn_store *store,
	    const void *key, size_t key_length, void *buffer, size_t size,
	    struct cairn_store_info *info);

/* CAIRN_OK or CAIRN_MISS. Asking does not keep the item from eviction. */
int	cairn_store_exists(struct cairn_store *store,
	    const void *key, size_t key_length);

/* Values up to here are copied into their lease. */
#define CAIRN_STORE_LEASE_SMALL	64

/*
 * A value that is read where it lies; or, when it is so small that keeping
 * it there costs more than copying it, in the lease, which is therefore not
 * to be copied or moved itself. It stays there, unchanged, whatever happens
 * to the key, until cairn_store_release(). Only read the fields.
 */
struct cairn_store_lease {
	const void	*value;		/* NULL: it is in parts */
	size_t		 length;	/* bytes of all of it */
	int64_t		 expiry;	/* unix time in ms, 0: never */
	uint32_t	 flags;
	uint32_t	 parts;		/* how many; 1: it is at `value` */
	uint32_t	 reserved[2];	/* the library's */
	char		 small[CAIRN_STORE_LEASE_SMALL]; /* the library's */
};

/*
 * Lease a value. 255 leases of an item that is not small may be out at once,
 * then it is CAIRN_BUSY. The memory of a leased value cannot be reused, so
 * hold leases for moments, and few at a time compared with the limit.
 * CAIRN_MISS and other failures: there is nothing to release.
 */
int	cairn_store_lease(struct cairn_store *store,
	    const void *key, size_t key_length,
	    struct cairn_store_lease *lease);

/*
 * The parts `first`, `first` + 1, ... of the value, at most `count`. Returns
 * how many were written to `parts`, 0 after the last one or when arguments
 * are wrong. Values longer than half a page (a page is 16 KB to 1 MB, by the
 * limit) are in parts.
 */
unsigned cairn_store_lease_parts(const struct cairn_store *store,
	    const struct cairn_store_lease *lease, unsigned first,
	    struct iovec *parts, unsigned count);

/* Any thread may end a lease, once: then its fields are zero. */
int	cairn_store_release(struct cairn_store *store,
	    struct cairn_store_lease *lease);

/*
 * Write
 */

/*
 * Store a value, whether the key exists or not. When this fails for want of
 * memory, or as too large, the old value is gone, so that nobody reads what
 * its writer believes replaced.
 */
int	cairn_store_set(struct cairn_store *store,
	    const void *key, size_t key_length,
	    const void *value, size_t length, uint32_t flags, int64_t ttl);

/* Only if the key does not exist; CAIRN_NOT_STORED. */
int	cairn_store_add(struct cairn_store *store,
	    const void *key, size_t key_length,
	    const void *value, size_t length, uint32_t flags, int64_t ttl);

/* Only if the key exists; CAIRN_NOT_STORED. */
int	cairn_store_replace(struct cairn_store *store,
	    const void *key, size_t key_length,
	    const void *value, size_t length, uint32_t flags, int64_t ttl);

/*
 * Only if the item is as it was when cairn_store_get_cas() gave `cas`;
 * CAIRN_EXISTS when it has changed, CAIRN_MISS when it is gone.
 */
int	cairn_store_compare_and_set(struct cairn_store *store,
	    const void *key, size_t key_length,
	    const void *value, size_t length, uint32_t flags, int64_t ttl,
	    uint64_t cas);

/*
 * Store a value and copy the old one to `buffer`, with nothing in between.
 * CAIRN_MISS: there was no old one, and the new one is stored. With
 * CAIRN_TOO_SMALL, as with other failures, the old one is still there; `info`
 * is as for cairn_store_get().
 */
int	cairn_store_get_and_set(struct cairn_store *store,
	    const void *key, size_t key_length,
	    const void *value, size_t length, uint32_t flags, int64_t ttl,
	    void *buffer, size_t size, struct cairn_store_info *info);

/*
 * Add bytes at the end or at the beginning of an existing value, which keeps
 * its flags and expiry. CAIRN_NOT_STORED: there is none.
 */
int	cairn_store_append(struct cairn_store *store,
	    const void *key, size_t key_length,
	    const void *value, size_t length);
int	cairn_store_prepend(struct cairn_store *store,
	    const void *key, size_t key_length,
	    const void *value, size_t length);

int	cairn_store_delete(struct cairn_store *store,
	    const void *key, size_t key_length);

/*
 * Add to or subtract from a value that is a decimal number. It wraps at 2^64
 * above and stops at 0 below; a result that is shorter than the old value is
 * followed by spaces. `result` may be NULL.
 */
int	cairn_store_incr(struct cairn_store *store,
	    const void *key, size_t key_length,
	    uint64_t delta, uint64_t *result);
int	cairn_store_decr(struct cairn_store *store,
	    const void *key, size_t key_length,
	    uint64_t delta, uint64_t *result);

/*
 * The same, but a key that does not exist is stored with the value `initial`
 * (`delta` does not count then), flags 0 and this time to live.
 */
int	cairn_store_incr_from(struct cairn_store *store,
	    const void *key, size_t key_length,
	    uint64_t delta, uint64_t initial, int64_t ttl, uint64_t *result);
int	cairn_store_decr_from(struct cairn_store *store,
	    const void *key, size_t key_length,
	    uint64_t delta, uint64_t initial, int64_t ttl, uint64_t *result);

/*
 * Expiry
 */

/* The item lives so long from now on; 0 is for ever. */
int	cairn_store_expire(struct cairn_store *store,
	    const void *key, size_t key_length, int64_t ttl);

/* The item lives for ever: cairn_store_expire() with 0. */
int	cairn_store_persist(struct cairn_store *store,
	    const void *key, size_t key_length);

/* The time that is left, at least 1 ms; 0: for ever. */
int	cairn_store_ttl(struct cairn_store *store,
	    const void *key, size_t key_length, int64_t *ttl);

/*
 * Many keys at once
 *
 * Each request has a result of its own, as the call for one key would have
 * returned. Up to 64 requests wait for memory together, and successive ones
 * in one shard enter it once; they are carried out in their order, but for
 * gets that find their value at once. These functions return how many results are CAIRN_OK, or
 * CAIRN_INVALID, with no result set, when the array is NULL or has more than
 * INT_MAX requests.
 */

struct cairn_store_get_request {
	const void	*key;
	size_t		 key_length;
	void		*buffer;
	size_t		 size;		/* of the buffer, bytes */
	struct cairn_store_info info;	/* set with CAIRN_OK, TOO_SMALL */
	int		 result;
};

struct cairn_store_set_request {
	const void	*key;
	size_t		 key_length;
	const void	*value;
	size_t		 length;
	int64_t		 ttl;
	uint32_t	 flags;
	int		 result;
};

struct cairn_store_delete_request {
	const void	*key;
	size_t		 key_length;
	int		 result;
};

int	cairn_store_multi_get(struct cairn_store *store,
	    struct cairn_store_get_request *requests, size_t count);
int	cairn_store_multi_set(struct cairn_store *store,
	    struct cairn_store_set_request *requests, size_t count);
int	cairn_store_multi_delete(struct cairn_store *store,
	    struct cairn_store_delete_request *requests, size_t count);

/*
 * All keys
 */

/*
 * Visit the items whose key begins with `prefix` (`prefix_length` 0: all),
 * from `*cursor` on; 0 begins. The call looks at `count` items, or some more,
 * and moves the cursor, which is 0 again after the last. An item that is
 * there all the time is visited exactly once, whatever else changes.
 *
 * `visit` gets the key and a lease that ends when it returns; it may use
 * cairn_store_lease_parts() with it, and must use no other function of this
 * store: the shard is locked.
 */
int	cairn_store_scan(struct cairn_store *store,
	    const void *prefix, size_t prefix_length,
	    uint64_t *cursor, size_t count,
	    void (*visit)(void *context, const void *key, size_t key_length,
		const struct cairn_store_lease *item), void *context);

/*
 * Delete the items whose key begins with `prefix`: looks at `count` items, or
 * some more, and moves the cursor as cairn_store_scan() does. `deleted`, if
 * not NULL, is how many this call has deleted.
 */
int	cairn_store_clear(struct cairn_store *store,
	    const void *prefix, size_t prefix_length,
	    uint64_t *cursor, size_t count, size_t *deleted);

/* Delete everything, in a time that does not depend on how much it is. */
int	cairn_store_flush(struct cairn_store *store);

/* Sums over the shards, which are asked one after the other. */
struct cairn_store_counts {
	uint64_t	items;		/* now */
	uint64_t	bytes;		/* of these: header, key and value */
	uint64_t	limit;		/* bytes */
	uint64_t	index_bytes;	/* of the limit, used by the index */
	uint64_t	stored;		/* writes, since the store was opened */
	uint64_t	evictions;
	uint64_t	evicted_unfetched; /* of these, never read */
	uint64_t	expirations;
	uint64_t	expired_unfetched; /* of these, never read */
	uint64_t	shards;
};

/*
 * `size` is sizeof *counts: no more than that is written, and what the
 * library does not know is 0.
 */
int	cairn_store_counts(struct cairn_store *store,
	    struct cairn_store_counts *counts, size_t size);

/*
 * A slice of housekeeping in every shard, none longer than some 50 us: it
 * takes away expired items and gives back memory. Returns 1 when there is
 * more to do now, 0 when there is not, or CAIRN_INVALID. Without it expired
 * items are still never seen; writes do the same work in small slices, so
 * call it only where there are times without any, or ask for the thread.
 */
int	cairn_store_tick(struct cairn_store *store);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
