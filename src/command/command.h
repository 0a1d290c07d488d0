/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * command.h - the functions that commands.def names. Private to src/command/.
 */
#ifndef COMMAND_COMMAND_H
#define COMMAND_COMMAND_H

#include "proto/request.h"
#include "store/store.h"

/* Sets reply->status and, where an item was found, `item`. */
typedef void command(struct store *, const struct store_key *,
	    const struct request *, struct reply *, struct store_item *item);

/*
 * Has the item another unique than the request wants it to have? Then it is
 * described.
 */
bool	command_cas_differs(struct store *, const struct store_key *,
	    const struct request *, struct store_item *);

command	values_get, values_get_and_touch, values_store, values_count;
command	keys_delete, keys_touch;
command	meta_get, meta_set, meta_delete, meta_count, meta_debug;

#endif
