/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * expiry.h - reclaiming items that fell due. Private to src/store/.
 */
#ifndef STORE_EXPIRY_H
#define STORE_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>

struct store;

/* The item `handle` expires at `expiry` (unix ms, 0: never). */
void	expiry_note(struct store *, uint32_t handle, int64_t expiry);

/* An item was found to be due: unlink and count it. */
void	expiry_reclaim(struct store *, uint32_t handle);

/*
 * Reclaim due items, looking at `budget` chunks at most. True: stopped by
 * the budget.
 */
bool	expiry_slice(struct store *, unsigned budget);

#endif
