/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * execute.h - carry out a request on the store that holds its key.
 */
#ifndef COMMAND_EXECUTE_H
#define COMMAND_EXECUTE_H

#include "proto/request.h"
#include "store/store.h"

/*
 * Carry out a request whose scope is KEY. A found item is described in
 * `item` and, unless it is in pieces, in `reply`; both are valid until the
 * store is used again. A draft in the request is used up.
 */
void	execute(struct store *, const struct request *, struct reply *,
	    struct store_item *item);

/* What a value that cannot be stored is answered with. */
enum status execute_failure(enum store_result);

#endif
