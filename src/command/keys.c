/* SPDX-License-Identifier: BSD-3-Clause */
/* keys.c - commands for which it does not matter what the value is. */
#include "command/command.h"

void
keys_delete(struct store *store, const struct store_key *key,
    const struct request *request, struct reply *reply,
    struct store_item *item)
{
	if (command_cas_differs(store, key, request, item))
		reply->status = STATUS_EXISTS;
	else
		reply->status = store_delete(store, key) == STORE_OK ?
		    STATUS_DELETED : STATUS_NOT_FOUND;
}

void
keys_touch(struct store *store, const struct store_key *key,
    const struct request *request, struct reply *reply,
    struct store_item *item)
{
	switch (store_touch(store, key, request->expiry,
	    request->flags & REQUEST_WANT_CAS, item)) {
	case STORE_OK:
		reply->status = STATUS_TOUCHED;
		reply->client_flags = item->flags;
		reply->cas = item->cas;
		break;
	case STORE_NO_MEMORY:
		reply->status = STATUS_NO_MEMORY;
		break;
	default:
		reply->status = STATUS_NOT_FOUND;
	}
}
