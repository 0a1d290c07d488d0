/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * evict.h - where a new item goes, and which one has to go for it. Private
 * to src/store/.
 */
#ifndef STORE_EVICT_H
#define STORE_EVICT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "store/ghost.h"
#include "store/slab.h"

struct store;

/* What is known of a slab class. */
struct evict_class {
	uint64_t	rest;	/* bytes evicted since its clock ticked */
	double		hits;	/* on its ghosts, fading */
};

struct evict {
	struct ghost_table	ghosts;
	struct evict_class	classes[SLAB_CLASSES_MAX];
	uint8_t			clocks[SLAB_CLASSES_MAX];
	uint32_t		requests;	/* since pages were compared */
	/* A page that is being emptied. */
	uint32_t		page;		/* SLAB_NO_PAGE: none */
	uint32_t		chunk;		/* the next to look at */
	unsigned		class;		/* to get it, or SLAB_NO_CLASS */
	uint64_t		emptied;	/* chunks, by all calls so far */
};

/* `limit` is the store's; the ghosts take a part of it. */
int	evict_open(struct evict *, size_t limit, struct error *);
void	evict_close(struct evict *);

/* Bytes of memory in use. */
size_t	evict_size(const struct evict *);

/*
 * A chunk for a new item or piece, marked ITEM_DETACHED. `proven`: it need
 * not go through probation. 0: nothing is free and nothing may go.
 */
uint32_t evict_alloc(struct store *, unsigned class, bool proven);

/*
 * A request was served: at times a step of moving a page is due. True: items
 * may have moved or gone.
 */
bool	evict_step(struct store *);

/* A key was asked for that is not there. */
void	evict_miss(struct store *, uint64_t hash);

/* Was this new key evicted lately, without a fair chance? */
bool	evict_proven(struct store *, uint64_t hash);

/*
 * Begin to empty a page if more are held than the limit leaves, or if there
 * is none spare; but not one that item `stored` is on, if not 0.
 */
void	evict_balance(struct store *, uint32_t stored);

/*
 * Housekeeping: go on with emptying a page, looking at no more than `budget`
 * chunks. True: there is more to do.
 */
bool	evict_slice(struct store *, unsigned budget);

#endif
