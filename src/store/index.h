/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * index.h - from a key to the handle of its item. Private to src/store/.
 *
 * See index.c for the layout. Growing and shrinking are spread over the
 * calls that add and remove: none pays for more than a few buckets.
 */
#ifndef STORE_INDEX_H
#define STORE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "store/slab.h"
#include "store/store.h"

struct index_bucket;

/*
 * Spaces by the number that keys have, and by that in their items: they are
 * the same until two spaces change places.
 */
struct spaces {
	uint8_t	in_item[STORE_SPACES];
	uint8_t	in_key[STORE_SPACES];
};

struct index {
	const struct slab	*slab;		/* where the items are */
	uint64_t		 seed;		/* of the hash */
	char			*range;		/* reserved addresses */
	size_t			 reserved;	/* bytes */
	size_t			 committed;	/* bytes */
	struct index_bucket	*buckets;	/* number 0 */
	uint64_t		 small, large;	/* numbers of buckets: equal,
						   unless the size changes */
	uint64_t		 frontier;	/* position, see index.c */
	uint64_t		 peak;		/* buckets that memory was
						   used for */
	uint64_t		 count;		/* entries */
	bool			 growing;	/* or shrinking, if at all */
	uint8_t			 changes;	/* while it shrinks */
	bool			 pressed;	/* memory is short */
	struct spaces		 spaces;	/* that items and keys name */
};

/*
 * `seed` is the one that the callers' hashes are made with; `reserve` bounds
 * the array, in bytes of address range.
 */
int	index_open(struct index *, const struct slab *, uint64_t seed,
	    size_t reserve, struct error *);
void	index_close(struct index *);

/* Bring the bucket, then the item that may match, into the cache. */
void	index_prefetch(const struct index *, uint64_t hash);
void	index_prefetch_item(const struct index *, uint64_t hash);

/*
 * For a reader while another thread may be changing the index: the handles
 * of items that may match, as the home bucket has them, INDEX_PEEK_MAX at
 * most. Each was right at some time, so its chunk can be read. False: there
 * may be others elsewhere.
 */
#define INDEX_PEEK_MAX	4

bool	index_peek(const struct index *, uint64_t hash, uint32_t *handles,
	    unsigned *count);

/* As index_prefetch() and index_prefetch_item(), for such a reader. */
void	index_peek_prefetch(const struct index *, uint64_t hash);
void	index_peek_prefetch_item(const struct index *, uint64_t hash);

/* The handle of the item with this key, or 0. */
uint32_t index_find(const struct index *, const struct store_key *);

/* Add a key that is not there. False: no memory for another bucket. */
bool	index_add(struct index *, uint64_t hash, uint32_t handle);

/* The key of `old`, which is there, now belongs to the item `new`. */
void	index_replace(struct index *, uint64_t hash, uint32_t old,
	    uint32_t new);

/* Take out an entry that is there. */
void	index_remove(struct index *, uint64_t hash, uint32_t handle);

/*
 * Call `visit` for each entry from `cursor` on to the next place where one
 * may stop; 0 begins. Returns the cursor to go on with, 0: that was the last.
 * Whatever is added, removed or resized between calls, an entry that is there
 * all the time is visited exactly once. `visit` changes nothing.
 */
uint64_t index_scan(const struct index *, uint64_t cursor,
	    void (*visit)(void *context, uint32_t handle), void *context);

/*
 * Shrinking goes on without changes: up to so many buckets move. True: there
 * is more to do.
 */
bool	index_slice(struct index *, unsigned buckets);

/* Forget every entry, at once. Memory goes back by index_trim(). */
void	index_clear(struct index *);

/* Give memory above the buckets in use back, at most `bytes` of it. */
void	index_trim(struct index *, size_t bytes);

/* Bytes of memory in use. */
size_t	index_size(const struct index *);

#endif
