/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guard.h - what was there under some keys, to see later whether it still is.
 *
 * An item is known again by its cas unique, which every write changes, and by
 * its time of expiry; an item that was evicted or expired is not there any
 * more. Where nothing was, nothing may be.
 */
#ifndef SHARD_GUARD_H
#define SHARD_GUARD_H

#include <stdbool.h>

#include "base/records.h"
#include "shard/visit.h"

/* Zeros: no key. It may be asked in any visit later on. */
struct guard {
	struct records	 records;
};

enum guard_result {
	GUARD_OK,
	GUARD_FULL,		/* too many keys, or out of memory */
	GUARD_NO_UNIQUES,	/* the stores keep none */
};

/*
 * Remember what is there now under the keys of a call, whose shards are
 * entered. What fails adds none of them.
 */
enum guard_result guard_add(struct guard *, struct visit *,
	    const struct request *);

/* Let a visit enter the shards of the keys, too. */
void	guard_visit(const struct guard *, struct visit *);

/* They are entered: is there what was there? */
bool	guard_holds(const struct guard *, struct visit *);

bool	guard_is_empty(const struct guard *);
void	guard_clear(struct guard *);
void	guard_free(struct guard *);

#endif
