/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * events.c - see events.h. The lines are those of memcached, word for word:
 *
 *   type=item_get key= status= clsid= cfd= size=
 *   type=item_store key= status= cmd= ttl= clsid= cfd= size=
 *   type=deleted key= cmd= clsid= size=
 *   type=eviction key= fetch= ttl= la= clsid= size=
 *   type=slab_move src= dst=
 *
 * Sizes are those of values. As in memcached, whatever needs to find an item
 * is an item_get; and what a time that is not known counts as is 0.
 */
#include "shard/events.h"

#include "base/line.h"

/* What an op is called in a line; NULL: it does not do that. */
static const struct {
	const char	*store;
	const char	*delete;
} ops[OP_COUNT] = {
	[OP_SET] = { "set", NULL },
	[OP_ADD] = { "add", NULL },
	[OP_REPLACE] = { "replace", NULL },
	[OP_APPEND] = { "append", NULL },
	[OP_PREPEND] = { "prepend", NULL },
	[OP_CAS] = { "cas", NULL },
	[OP_DELETE] = { NULL, "delete" },
	[OP_META_SET] = { "set", NULL },
	[OP_META_CAS] = { "cas", NULL },
	[OP_META_DELETE] = { NULL, "md" },
};

/* How storing can end. */
static const char *const endings[STATUS_COUNT] = {
	[STATUS_STORED] = "stored",
	[STATUS_NOT_STORED] = "not_stored",
	[STATUS_EXISTS] = "exists",
	[STATUS_NOT_FOUND] = "not_found",
	[STATUS_TOO_LARGE] = "too_large",
	[STATUS_NO_MEMORY] = "no_memory",
};

static char *
put_place(char *at, const struct journal *journal, unsigned class,
    uint64_t size)
{
	at = line_number(at, " clsid=", class);
	at = line_number(at, " cfd=", (uint64_t)journal->fd);
	return line_number(at, " size=", size);
}

/* Seconds until `expiry`; `never` if there is none, -1 if it is over. */
static char *
put_ttl(char *at, const struct store *store, int64_t expiry,
    const char *never)
{
	int64_t left = expiry - store_time(store);

	at = line_text(at, " ttl=");
	if (expiry == 0 || left <= 0)
		return line_text(at, expiry == 0 ? never : "-1");
	return at + decimal_format(at, (uint64_t)(left + 999) / 1000);
}

/* Has an op's name for the condition on which a meta set stores. */
static const char *
store_name(const struct request *request)
{
	if (request->op == OP_META_SET)
		return ops[request->as].store;
	return ops[request->op].store;
}

void
events_asked(const struct store *store, const struct request *request,
    struct events_before *before)
{
	struct store_key key = {
		request->key.bytes, request->key.length, request->hash,
		request->space,
	};
	struct store_item item;

	*before = (struct events_before){ .found = false };
	if (!store_inspect(store, &key, &item))
		return;
	*before = (struct events_before){
		.found = true,
		.due = item.expiry != 0 && item.expiry <= store_time(store),
		.class = store_class(store, &item) + 1,
		.length = item.length,
	};
}

static void
tell_get(struct journal *journal, const struct request *request,
    const struct events_before *before)
{
	bool there = before->found && !before->due;
	char *at = journal_begin(journal);

	if (at == NULL)
		return;
	at = line_uri(at, "type=item_get key=", request->key);
	at = line_text(at, there ? " status=found" : before->due ?
	    " status=expired" : " status=not_found");
	at = put_place(at, journal, there ? before->class : 0,
	    there ? before->length : 0);
	journal_end(journal, WATCH_FETCHERS, at);
}

/* The length of the value that was stored, or was to be. */
static uint64_t
stored_length(const struct store *store, const struct request *request,
    enum status status)
{
	struct store_key key = {
		request->key.bytes, request->key.length, request->hash,
		request->space,
	};
	struct store_item item;

	if (status == STATUS_STORED && store_inspect(store, &key, &item))
		return item.length;
	return request->value.length;
}

static void
tell_store(struct journal *journal, const struct store *store,
    const struct request *request, const char *name, enum status status)
{
	char *at = journal_begin(journal);

	if (at == NULL)
		return;
	at = line_uri(at, "type=item_store key=", request->key);
	at = line_text(at, " status=");
	at = line_text(at, endings[status]);
	at = line_text(at, " cmd=");
	at = line_text(at, name);
	at = put_ttl(at, store, request->expiry, "0");
	at = put_place(at, journal, store_last_class(store) + 1,
	    stored_length(store, request, status));
	journal_end(journal, WATCH_MUTATIONS, at);
}

static void
tell_delete(struct journal *journal, const struct request *request,
    const struct events_before *before)
{
	char *at = journal_begin(journal);

	if (at == NULL)
		return;
	at = line_uri(at, "type=deleted key=", request->key);
	at = line_text(at, " cmd=");
	at = line_text(at, ops[request->op].delete);
	at = line_number(at, " clsid=", before->class);
	at = line_number(at, " size=", before->length);
	journal_end(journal, WATCH_DELETIONS, at);
}

void
events_answered(struct journal *journal, struct store *store,
    const struct request *request, enum status status,
    const struct events_before *before)
{
	const char *store_as = store_name(request);

	/* A line has room for the keys of memcached clients. */
	if (request->key.length > KEY_MAX)
		return;
	/* A number that was not there, and was made. */
	if (store_as == NULL && status == STATUS_STORED)
		store_as = "add";
	if (journal->wanted & WATCH_FETCHERS)
		tell_get(journal, request, before);
	if (journal->wanted & WATCH_MUTATIONS && store_as != NULL &&
	    endings[status] != NULL)
		tell_store(journal, store, request, store_as, status);
	if (journal->wanted & WATCH_DELETIONS && status == STATUS_DELETED)
		tell_delete(journal, request, before);
}

/* What the store does on its own. */

static void
evicted(void *context, const struct store *store,
    const struct store_evicted *item)
{
	struct journal *journal = context;
	int64_t now = store_time(store) / 1000;
	char *at = journal->wanted & WATCH_EVICTIONS &&
	    item->key.length <= KEY_MAX ? journal_begin(journal) : NULL;

	if (at == NULL)
		return;
	at = line_uri(at, "type=eviction key=", item->key);
	at = line_text(at, item->fetched ? " fetch=yes" : " fetch=no");
	at = put_ttl(at, store, item->expiry, "-1");
	at = line_number(at, " la=", item->accessed == 0 ? 0 :
	    (uint64_t)(now - item->accessed));
	at = line_number(at, " clsid=", item->class + 1);
	at = line_number(at, " size=", item->length);
	journal_end(journal, WATCH_EVICTIONS, at);
}

static void
page_moved(void *context, int from, int to)
{
	struct journal *journal = context;
	char *at = journal->wanted & WATCH_SYSEVENTS ?
	    journal_begin(journal) : NULL;

	if (at == NULL)
		return;
	at = line_number(at, "type=slab_move src=", (uint64_t)from + 1);
	at = line_number(at, " dst=", (uint64_t)(to + 1));
	journal_end(journal, WATCH_SYSEVENTS, at);
}

void
events_begin(struct journal *journal, struct store *store)
{
	static const struct store_events events = { evicted, page_moved };

	if (journal->wanted & (WATCH_EVICTIONS | WATCH_SYSEVENTS))
		store_tell(store, &events, journal);
}

void
events_end(struct store *store)
{
	store_tell(store, NULL, NULL);
}
