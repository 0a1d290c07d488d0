/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * expiry.h - reclaiming items that fell due. Private to src/store/.
 */
#ifndef STORE_EXPIRY_H
#define STORE_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>

struct store;

#define EXPIRY_LEVELS	4

struct expiry {
	int64_t		done[EXPIRY_LEVELS];	/* slots swept, in their unit */
	bool		sweeping;
	unsigned	level;			/* of the slot being swept */
	int64_t		slot;
	uint32_t	page;			/* where the sweep goes on */
	uint32_t	chunk;
};

/*
 * Note when something in a chunk falls due: the item that it is, or a field of
 * the hash or segment that it is.
 */
void	expiry_note(struct store *, uint32_t chunk);

/* An item was found to be due: unlink and count it. */
void	expiry_reclaim(struct store *, uint32_t handle, uint64_t hash);

/*
 * Reclaim due items, looking at about `budget` of them at most. True: stopped
 * by the budget.
 */
bool	expiry_slice(struct store *, unsigned budget);

#endif
