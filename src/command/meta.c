/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * meta.c - the meta commands: what the classic ones do, with conditions, more
 * to tell about the item, and clients that agree on who renews it.
 *
 * A client that reads an item which is stale, or soon will be, wins the right
 * to renew it; the item remembers that its token was sent, and others are
 * told so until it is written again.
 */
#include "command/command.h"
#include "command/execute.h"

_Static_assert(STORE_FETCHED == (int)REPLY_FETCHED &&
    STORE_STALE == (int)REPLY_STALE &&
    STORE_TOKEN_SENT == (int)REPLY_TOKEN_SENT, "marks of one spelling");

/* How the store is to be asked for an item. */
static unsigned
fetch_how(const struct request *request)
{
	return (request->flags & REQUEST_WANT_CAS ? STORE_WANT_CAS : 0) |
	    (request->flags & REQUEST_TOUCH ? STORE_TOUCH : 0) |
	    (request->flags & REQUEST_UNNOTICED ? STORE_UNNOTICED : 0);
}

/* Seconds until `expiry`, -1 = never. */
static int64_t
seconds_left(const struct store *store, int64_t expiry)
{
	int64_t left = expiry - store_time(store);

	return expiry == 0 ? -1 : left <= 0 ? 0 : (left + 999) / 1000;
}

/* What a reply can tell about an item. */
static void
describe(const struct store *store, const struct store_item *item,
    struct reply *reply)
{
	reply->client_flags = item->flags;
	reply->cas = item->cas;
	reply->value.length = item->length;
	reply->marks = item->marks;
	reply->ttl = seconds_left(store, item->expiry);
	reply->idle = item->accessed == 0 ? 0 :
	    (uint32_t)(store_time(store) / 1000 - item->accessed);
}

/* Is this the client that is to renew the item? */
static bool
wins(const struct request *request, const struct reply *reply)
{
	if (reply->marks & REPLY_TOKEN_SENT)
		return false;
	return reply->marks & REPLY_STALE ||
	    (request->flags & REQUEST_RECACHE && reply->ttl != -1 &&
	    reply->ttl < (int64_t)request->recache);
}

/* Nothing is there: make an empty item, which the client is to fill. */
static enum status
create_empty(struct store *store, const struct store_key *key,
    const struct request *request, struct reply *reply,
    struct store_item *item)
{
	bool touch = request->flags & REQUEST_TOUCH;
	struct store_value value = {
		.bytes = SLICE(""),
		.expiry = touch ? request->expiry : request->create_expiry,
	};
	enum store_result result = store_put(store, key, STORE_ADD, &value);

	if (result == STORE_OK)
		result = store_fetch(store, key, STORE_UNNOTICED |
		    (fetch_how(request) & STORE_WANT_CAS), 0, item);
	if (result == STORE_OK) {
		describe(store, item, reply);
		store_mark(store, item, STORE_TOKEN_SENT | STORE_FETCHED, 0);
	} else if (result == STORE_MISS) {	/* its time is over already */
		*item = (struct store_item){ .value = "" };
	} else {
		return STATUS_NO_MEMORY_READ;
	}
	reply->marks |= REPLY_WON;
	return STATUS_VALUE;
}

static enum status
fetch(struct store *store, const struct store_key *key,
    const struct request *request, struct reply *reply,
    struct store_item *item)
{
	unsigned how = fetch_how(request);
	enum store_result result = (how & ~(unsigned)STORE_WANT_CAS) != 0 ?
	    store_fetch(store, key, how | STORE_STRING, request->expiry,
	    item) : store_get(store, key, how != 0, item);

	if (result == STORE_MISS)
		return request->flags & REQUEST_CREATE ? create_empty(store,
		    key, request, reply, item) : STATUS_MISS;
	if (result == STORE_WRONG_TYPE)
		return STATUS_MISS;
	if (result != STORE_OK)
		return STATUS_NO_MEMORY_READ;
	describe(store, item, reply);
	if (wins(request, reply)) {
		reply->marks |= REPLY_WON;
		store_mark(store, item, STORE_TOKEN_SENT, 0);
	}
	return STATUS_VALUE;
}

void
meta_get(struct store *store, const struct store_key *key,
    const struct request *request, struct reply *reply,
    struct store_item *item)
{
	bool unwanted;

	reply->status = fetch(store, key, request, reply, item);
	if (reply->status != STATUS_VALUE)
		return;
	unwanted = !(request->flags & REQUEST_WANT_VALUE) ||
	    (request->flags & REQUEST_HAS_CAS && item->cas == request->cas &&
	    item->cas != 0);
	if (unwanted)
		reply->status = STATUS_FOUND;
}

/* What a writing client wants to know, and the unique that it wants given. */
static void
tell_written(struct store *store, const struct store_key *key,
    const struct request *request, struct reply *reply)
{
	unsigned how = fetch_how(request) & ~(unsigned)STORE_TOUCH;
	size_t length = reply->value.length;
	struct store_item item;

	if (store_fetch(store, key, how | STORE_UNNOTICED, 0, &item) !=
	    STORE_OK)
		return;
	if (request->new_cas != 0)
		store_renew_cas(store, &item, request->new_cas);
	describe(store, &item, reply);
	reply->marks = 0;
	reply->value.length = length;
}

/*
 * May the value be stored, by the item that is there (NULL: none)? `*stale`:
 * yes, but it is older than that one.
 */
static enum status
condition(const struct request *request, const struct store_item *before,
    bool *stale)
{
	bool matches = before != NULL && before->cas == request->cas &&
	    before->cas != 0;

	*stale = false;
	if (!(request->flags & REQUEST_HAS_CAS) || matches)
		return STATUS_NONE;
	switch (request->as) {
	case OP_ADD:
		return STATUS_NONE;		/* it is what add says */
	case OP_APPEND:
	case OP_PREPEND:
		return before != NULL ? STATUS_EXISTS : STATUS_NONE;
	default:
		break;
	}
	if (before == NULL)
		return STATUS_NOT_FOUND;
	/* An item without a unique is newer than all that were given. */
	*stale = request->flags & REQUEST_INVALIDATE &&
	    (before->cas == 0 || request->cas < before->cas);
	return *stale ? STATUS_NONE : STATUS_EXISTS;
}

static void
refuse(struct store *store, const struct request *request,
    struct reply *reply, enum status status)
{
	if (request->draft != 0)
		store_draft_abandon(store, request->draft);
	reply->status = status;
}

void
meta_set(struct store *store, const struct store_key *key,
    const struct request *request, struct reply *reply,
    struct store_item *item)
{
	struct request plain = *request;
	bool special = request->flags & (REQUEST_HAS_CAS | REQUEST_CREATE);
	bool there = special &&
	    store_look(store, key, item) == STORE_OK && !item->hash;
	unsigned marks = there ? item->marks : 0;
	bool stale = false;
	enum status status = condition(request, there ? item : NULL, &stale);

	reply->value.length = request->value.length;
	if (status != STATUS_NONE) {
		refuse(store, request, reply, status);
		return;
	}
	plain.op = request->as;
	plain.flags &= ~(unsigned)(REQUEST_HAS_CAS | REQUEST_WANT_CAS);
	if (stale) {
		plain.expiry = item->expiry;
	} else if (!there && request->flags & REQUEST_CREATE &&
	    (plain.op == OP_APPEND || plain.op == OP_PREPEND)) {
		plain.op = OP_SET;
		plain.expiry = request->create_expiry;
	}
	values_store(store, key, &plain, reply, item);
	if (reply->status != STATUS_STORED)
		return;
	if (stale && store_look(store, key, item) == STORE_OK)
		store_mark(store, item, STORE_STALE |
		    (marks & STORE_TOKEN_SENT), 0);
	if (request->flags & REQUEST_WANT_CAS)
		tell_written(store, key, request, reply);
}

/* The item stays, without its value. */
static enum store_result
drop_value(struct store *store, const struct store_key *key,
    const struct request *request, const struct store_item *item)
{
	struct store_value value = {
		.bytes = SLICE(""),
		.expiry = request->flags & REQUEST_TOUCH ? request->expiry :
		    item->expiry,
	};

	return store_put(store, key, STORE_SET, &value);
}

static enum store_result
invalidate(struct store *store, const struct store_key *key,
    const struct request *request)
{
	unsigned how = STORE_UNNOTICED |
	    (request->flags & REQUEST_TOUCH ? STORE_TOUCH : 0) |
	    (request->new_cas != 0 ? STORE_WANT_CAS : 0);
	struct store_item item;
	enum store_result result = store_fetch(store, key, how,
	    request->expiry, &item);

	if (result != STORE_OK)
		return result;
	store_renew_cas(store, &item, request->new_cas);
	store_mark(store, &item, STORE_STALE, STORE_TOKEN_SENT);
	return STORE_OK;
}

void
meta_delete(struct store *store, const struct store_key *key,
    const struct request *request, struct reply *reply,
    struct store_item *item)
{
	enum store_result result = store_look(store, key, item);

	if (result != STORE_OK) {
		reply->status = STATUS_NOT_FOUND;
		return;
	}
	if (request->flags & REQUEST_HAS_CAS &&
	    (item->cas == 0 || item->cas != request->cas)) {
		reply->status = STATUS_EXISTS;
		return;
	}
	reply->status = STATUS_INVALIDATED;
	if (request->flags & REQUEST_DROP_VALUE)
		result = drop_value(store, key, request, item);
	if (result == STORE_OK && request->flags & REQUEST_INVALIDATE)
		result = invalidate(store, key, request);
	if (result != STORE_OK) {
		reply->status = execute_failure(result);
	} else if (!(request->flags &
	    (REQUEST_DROP_VALUE | REQUEST_INVALIDATE))) {
		store_delete(store, key);
		reply->status = STATUS_DELETED;
	}
}

void
meta_count(struct store *store, const struct store_key *key,
    const struct request *request, struct reply *reply,
    struct store_item *item)
{
	unsigned how = STORE_TOUCH | STORE_UNNOTICED;

	values_count(store, key, request, reply, item);
	if (reply->status != STATUS_NUMBER &&
	    reply->status != STATUS_STORED)
		return;
	if (reply->status == STATUS_NUMBER && request->flags & REQUEST_TOUCH)
		store_fetch(store, key, how, request->expiry, item);
	tell_written(store, key, request, reply);
}

void
meta_debug(struct store *store, const struct store_key *key,
    const struct request *request, struct reply *reply,
    struct store_item *item)
{
	(void)request;
	if (store_look(store, key, item) != STORE_OK) {
		reply->status = STATUS_MISS;
		return;
	}
	describe(store, item, reply);
	reply->class = store_class(store, item) + 1;
	reply->number = store_item_size(store, item);
	reply->status = STATUS_ITEM;
}
