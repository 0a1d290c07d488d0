/* SPDX-License-Identifier: BSD-3-Clause */
/* execute.c - see execute.h; commands.def says which function serves an op. */
#include "command/execute.h"

#include "command/command.h"

static command *const functions[OP_COUNT] = {
#define OP(name, scope, access, function)	[OP_##name] = function,
#include "proto/commands.def"
};

void
execute(struct store *store, const struct request *request,
    struct reply *reply, struct store_item *item)
{
	struct store_key key = {
		.bytes = request->key.bytes,
		.length = request->key.length,
		.hash = request->hash,
		.space = request->space,
	};

	functions[request->op](store, &key, request, reply, item);
	if (reply->status != STATUS_VALUE)
		return;
	reply->client_flags = item->flags;
	reply->cas = item->cas;
	reply->value = (struct slice){ item->value, item->length };
}

bool
command_cas_differs(struct store *store, const struct store_key *key,
    const struct request *request, struct store_item *item)
{
	return request->flags & REQUEST_HAS_CAS &&
	    store_look(store, key, item) == STORE_OK &&
	    item->cas != request->cas;
}

enum status
execute_failure(enum store_result result)
{
	return result == STORE_TOO_LARGE ? STATUS_TOO_LARGE :
	    STATUS_NO_MEMORY;
}
