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
};

/* `limit` is the store's; the ghosts take a part of it. */
int	evict_open(struct evict *, size_t limit, struct error *);
void	evict_close(struct evict *);

/*
 * The limit is another one. Ghosts are forgotten when their part of it
 * changes much; when there is no memory, they keep what they have.
 */
void	evict_resize(struct evict *, size_t limit);

/* Bytes of memory in use. */
size_t	evict_size(const struct evict *);

/*
 * A chunk for a new item or piece, marked ITEM_DETACHED. `proven`: it need
 * not go through probation. 0: nothing is free and nothing may go.
 */
uint32_t evict_alloc(struct store *, unsigned class, bool proven);

/* A key was asked for that is not there. */
void	evict_miss(struct store *, uint64_t hash);

/* Was this new key evicted lately, without a fair chance? */
bool	evict_proven(struct store *, uint64_t hash);

/* Ghost hits per byte of the class, and to let them all fade. */
double	evict_utility(const struct store *, unsigned class);
void	evict_fade(struct store *, double factor);

/* Evict an item that nobody holds; on `probation` it had no fair chance. */
void	evict_item(struct store *, uint32_t handle, bool probation);

/*
 * A free chunk of the class for an item that is there already; `proven` as
 * for evict_alloc(). 0: there is none.
 */
uint32_t evict_free_chunk(struct store *, unsigned class, bool proven);

/* Evict the coldest of some items in the main queue. False: there is none. */
bool	evict_main(struct store *, unsigned class);

/*
 * Move a linked item that nobody holds to another chunk of its class; not a
 * large value, but a hash, or a piece of one. The old chunk is free then.
 */
void	evict_move(struct store *, uint32_t chunk, uint32_t to);

#endif
