/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lend.h - values that leave from where they lie. Private to src/shard/.
 */
#ifndef SHARD_LEND_H
#define SHARD_LEND_H

#include "base/output.h"
#include "shard/shard.h"

/*
 * Values from this length on are sent from where they lie, pinned; shorter
 * ones are copied. Below it, a copy costs less than the reference's own
 * bookkeeping and the longer writev.
 */
#define LEND_LENGTH	(16 * 1024)

struct lent {
	struct shard		*shard;	/* is entered */
	struct store_item	*item;
};

/* Add such a value; one that cannot be pinned is copied, too. */
void	lend_value(void *lent, struct output *);

#endif
