/* SPDX-License-Identifier: BSD-3-Clause */
/* values.c - commands that read and write values. */
#include "base/check.h"
#include "command/command.h"
#include "command/execute.h"

static enum status
found(enum store_result result, const struct request *request)
{
	switch (result) {
	case STORE_OK:
		return STATUS_VALUE;
	case STORE_WRONG_TYPE:
		return request->flags & REQUEST_TYPED ? STATUS_WRONG_TYPE :
		    STATUS_MISS;
	case STORE_NO_MEMORY:
		return STATUS_NO_MEMORY_READ;
	default:
		return STATUS_MISS;
	}
}

void
values_get(struct store *store, const struct store_key *key,
    const struct request *request, struct reply *reply,
    struct store_item *item)
{
	reply->status = found(store_get(store, key, request->op == OP_GETS,
	    item), request);
}

void
values_get_and_touch(struct store *store, const struct store_key *key,
    const struct request *request, struct reply *reply,
    struct store_item *item)
{
	unsigned how = STORE_TOUCH | STORE_STRING |
	    (request->op == OP_GATS ? STORE_WANT_CAS : 0);

	reply->status = found(store_fetch(store, key, how, request->expiry,
	    item), request);
}

static enum store_mode
mode_of(enum op op)
{
	switch (op) {
	case OP_ADD:
		return STORE_ADD;
	case OP_REPLACE:
		return STORE_REPLACE;
	case OP_APPEND:
		return STORE_APPEND;
	case OP_PREPEND:
		return STORE_PREPEND;
	case OP_CAS:
		return STORE_CAS;
	default:
		return STORE_SET;
	}
}

static enum status
stored(enum store_mode mode, enum store_result result)
{
	switch (result) {
	case STORE_OK:
		return STATUS_STORED;
	case STORE_MISS:
		return STATUS_NOT_FOUND;
	case STORE_EXISTS:
		return STATUS_EXISTS;
	case STORE_NOT_STORED:
		return STATUS_NOT_STORED;
	case STORE_TOO_LARGE:
		/* The part is within the limit, the whole is not. */
		if (mode == STORE_APPEND || mode == STORE_PREPEND)
			return STATUS_NOT_STORED;
		return execute_failure(result);
	default:
		return execute_failure(result);
	}
}

void
values_store(struct store *store, const struct store_key *key,
    const struct request *request, struct reply *reply,
    struct store_item *item)
{
	enum store_mode mode = mode_of(request->op);
	struct store_value value = {
		.bytes = request->value,
		.draft = request->draft,
		.flags = request->client_flags,
		.expiry = request->expiry,
		.cas = request->cas,
		.want_cas = request->flags & REQUEST_WANT_CAS,
	};

	(void)item;
	if (request->flags & REQUEST_TOO_LARGE) {
		if (mode == STORE_SET)
			store_delete(store, key);
		reply->status = STATUS_TOO_LARGE;
		return;
	}
	reply->status = stored(mode, store_put(store, key, mode, &value));
	if (value.want_cas && reply->status == STATUS_STORED)
		reply->cas = store_last_cas(store);
}

/* There is no number to count on: begin with one, if that is wanted. */
static enum status
create_number(struct store *store, const struct store_key *key,
    const struct request *request, uint64_t *number)
{
	char digits[DECIMAL_MAX];
	struct store_value value = {
		.bytes = { digits, decimal_format(digits, request->initial) },
		.expiry = request->create_expiry,
		.want_cas = request->flags & REQUEST_WANT_CAS,
	};
	enum store_result result;

	if (!(request->flags & REQUEST_CREATE))
		return STATUS_NOT_FOUND;
	result = store_put(store, key, STORE_ADD, &value);
	if (result == STORE_NOT_STORED)		/* it has a hash */
		return STATUS_NOT_FOUND;
	if (result != STORE_OK)
		return execute_failure(result);
	*number = request->initial;
	return STATUS_STORED;
}

void
values_count(struct store *store, const struct store_key *key,
    const struct request *request, struct reply *reply,
    struct store_item *item)
{
	bool want_cas = request->flags & REQUEST_WANT_CAS;
	bool subtract = request->op == OP_DECR ||
	    request->op == OP_META_DECR;

	if (command_cas_differs(store, key, request, item)) {
		reply->status = item->length == 0 ? STATUS_NOT_A_NUMBER :
		    STATUS_EXISTS;
		return;
	}
	switch (store_add_number(store, key, subtract, request->number,
	    want_cas, &reply->number)) {
	case STORE_OK:
		reply->status = STATUS_NUMBER;
		break;
	case STORE_MISS:
		reply->status = create_number(store, key, request,
		    &reply->number);
		break;
	case STORE_NOT_A_NUMBER:
		reply->status = STATUS_NOT_A_NUMBER;
		break;
	default:
		reply->status = STATUS_NO_MEMORY;
	}
	if (want_cas && (reply->status == STATUS_NUMBER ||
	    reply->status == STATUS_STORED))
		reply->cas = store_last_cas(store);
}
