/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fading.h - fields of hashes whose time has come. Private to src/store/.
 */
#ifndef STORE_FADING_H
#define STORE_FADING_H

#include <stdbool.h>
#include <stdint.h>

struct store;

/*
 * When the first of the fields falls due that lie in this chunk, a small hash
 * or a segment of a large one. 0: never.
 */
int64_t	fading_first(const struct store *, uint32_t chunk);

/* Remove what is due from a hash. False: that was all, and it is gone. */
bool	fading_remove(struct store *, uint32_t hash);

/* Remove what is due from such a chunk; takes no memory. False: as above. */
bool	fading_sweep(struct store *, uint32_t chunk);

#endif
