/* SPDX-License-Identifier: BSD-3-Clause */
/* generic.c - calls for which it does not matter what a key holds. */
#include "command/calls.h"

void
generic_delete(struct call *call)
{
	int64_t deleted = 0;

	for (size_t n = 1; n < call->count; n++) {
		struct store_key key;
		struct store *store = call_store(call, n, &key);

		deleted += store_delete(store, &key) == STORE_OK;
	}
	resp_integer(call->output, deleted);
}

void
generic_exists(struct call *call)
{
	int64_t there = 0;

	for (size_t n = 1; n < call->count; n++) {
		struct store_key key;
		struct store *store = call_store(call, n, &key);

		there += store_exists(store, &key);
	}
	resp_integer(call->output, there);
}

void
generic_touch(struct call *call)
{
	struct store_item item;
	int64_t there = 0;

	for (size_t n = 1; n < call->count; n++) {
		struct store_key key;
		struct store *store = call_store(call, n, &key);

		there += store_get(store, &key, false, &item) == STORE_OK;
	}
	resp_integer(call->output, there);
}
