/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * state.h - what the files of src/store/ share. Private to them.
 */
#ifndef STORE_STATE_H
#define STORE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/evict.h"
#include "store/expiry.h"
#include "store/index.h"
#include "store/slab.h"
#include "store/store.h"

struct store {
	struct slab		slab;
	struct index		index;
	struct store_config	config;
	struct store_counts	counts;
	int64_t			now;		/* unix ms */
	uint64_t		cas;		/* the last one given out */
	struct evict		evict;
	struct expiry		expiry;
};

/* The hash of a linked item's key. */
uint64_t store_hash(const struct store *, uint32_t handle);

/*
 * Take a linked item out of the index. Its memory is free at once, or when
 * the last pin is gone.
 */
void	store_unlink(struct store *, uint32_t handle, uint64_t hash);

/*
 * Move a linked item that is in one piece, and that nobody holds, to another
 * chunk of its class. The old chunk is free then.
 */
void	store_move(struct store *, uint32_t handle, uint32_t to);

/*
 * The item that chunk `handle` belongs to, if that may be unlinked now: it
 * is in the index and nobody holds it. Otherwise 0.
 */
uint32_t store_removable(const struct store *, uint32_t handle);

#endif
