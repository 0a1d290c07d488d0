/* SPDX-License-Identifier: BSD-3-Clause */
/* call.c - see call.h and calls.h. */
#include "command/call.h"

#include "base/check.h"
#include "command/calls.h"

static call_function *const functions[CALL_COUNT] = {
	[CALL_APPEND] = strings_append,
	[CALL_DECR] = strings_count,
	[CALL_DECRBY] = strings_count,
	[CALL_DEL] = generic_delete,
	[CALL_EXISTS] = generic_exists,
	[CALL_GET] = strings_get,
	[CALL_INCR] = strings_count,
	[CALL_INCRBY] = strings_count,
	[CALL_MGET] = strings_mget,
	[CALL_MSET] = strings_mset,
	[CALL_MSETNX] = strings_msetnx,
	[CALL_SET] = strings_set,
	[CALL_STRLEN] = strings_strlen,
	[CALL_TOUCH] = generic_touch,
	[CALL_UNLINK] = generic_delete,
};

void
call_execute(struct call *call)
{
	CHECK(call->row->scope == CALL_KEYS &&
	    functions[call->row->id] != NULL);
	functions[call->row->id](call);
}

void
call_put_item(struct call *call, struct store *store,
    struct store_item *item)
{
	if (item->pieces == 0 && item->length < 1024) {
		resp_bulk(call->output, (struct slice){ item->value,
		    item->length });
		return;
	}
	resp_bulk_head(call->output, item->length);
	call->put_value(call->context, store, item, call->output);
	resp_end(call->output);
}

bool
call_integer(struct call *call, size_t n, int64_t *number)
{
	if (decimal_parse_signed(call->words[n], number))
		return true;
	resp_error(call->output,
	    "ERR value is not an integer or out of range");
	return false;
}

void
call_fail(struct call *call, enum store_result result)
{
	if (result == STORE_TOO_LARGE)
		resp_error(call->output, "ERR string exceeds maximum allowed "
		    "size (proto-max-bulk-len)");
	else
		resp_error(call->output, "OOM command not allowed when used "
		    "memory > 'maxmemory'.");
}

void
call_syntax_error(struct call *call)
{
	resp_error(call->output, "ERR syntax error");
}
