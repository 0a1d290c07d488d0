/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store.c - see store.h. What an item looks like is in item.h, where values
 * lie in value.c, pages and chunks in slab.c, the way to them in index.c; what
 * goes when memory is short in evict.c, when its time has come in expiry.c.
 */
#include "store/store.h"

#include <sys/uio.h>

#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"
#include "os/os.h"
#include "store/counts.h"
#include "store/evict.h"
#include "store/expiry.h"
#include "store/items.h"
#include "store/pages.h"
#include "store/state.h"
#include "store/value.h"

/* Address range for items: room to raise the limit, within 32-bit handles. */
#define RESERVE_MAX		((size_t)32 << 30)
#define RESERVE_MIN		((size_t)1 << 30)
#define RESERVE_PER_LIMIT	16

/* The largest page: a file holds whole ones. */
#define FILE_UNIT		((size_t)1 << 20)

/* What a bucket of the index that moves costs, in terms of chunks. */
#define ENTRIES_PER_BUCKET	16

#define TRIM_BYTES		((size_t)256 << 10)

/*
 * Entries and buckets that a scan looks at, for each item it is to find and
 * in any case: the buckets that an index has at least.
 */
#define SCAN_LOOKS		16
#define SCAN_LOOKS_MIN		64

_Static_assert(ITEM_KEY_MAX == STORE_KEY_MAX, "one limit");
_Static_assert(SLAB_CLASSES_MAX == STORE_CLASSES_MAX, "one limit");

static struct item *
item_at(const struct store *store, uint32_t handle)
{
	return slab_item(&store->slab, handle);
}

/* Address range for items of a store that is not in a file. */
static size_t
usual_reserve(size_t limit)
{
	size_t reserve = limit * RESERVE_PER_LIMIT;

	if (reserve < RESERVE_MIN)
		return RESERVE_MIN;
	return reserve < RESERVE_MAX ? reserve : RESERVE_MAX;
}

size_t
store_file_bytes(size_t limit)
{
	/* Page 0 is not used. */
	size_t bytes = limit - limit % FILE_UNIT + 2 * FILE_UNIT;

	return bytes < RESERVE_MAX ? bytes : RESERVE_MAX;
}

struct store *
store_open(const struct store_config *config, struct error *error)
{
	const struct store_file *file = config->file;
	struct slab_file slab_file = {
		.fd = file != NULL ? file->fd : -1,
		.offset = file != NULL ? file->offset : 0,
	};
	size_t reserve = usual_reserve(config->limit);
	struct slab_config slab = {
		.file = &slab_file,
		.limit = config->limit,
		.reserve = file != NULL ? file->bytes : reserve,
		.growth_factor = config->growth_factor,
		.chunk_min = ITEM_HEADER + config->chunk_min,
		.large_pages = config->large_pages,
	};
	struct store *store = calloc(1, sizeof *store);

	if (store == NULL) {
		error_set(error, "out of memory for a store");
		return NULL;
	}
	store->config = *config;
	store->cas = config->cas_start;
	if (slab_open(&store->slab, &slab, error) == -1)
		goto fail;
	/* An entry takes less than an item, even when the index is empty. */
	if (index_open(&store->index, &store->slab, config->hash_seed,
	    reserve, error) == -1)
		goto fail_slab;
	if (config->large_pages)
		os_want_large_pages(store->index.range, reserve);
	if (evict_open(&store->evict, config->limit, error) == -1)
		goto fail_index;
	pages_open(&store->emptying);
	pages_fit(store);
	return store;
fail_index:
	index_close(&store->index);
fail_slab:
	slab_close(&store->slab);
fail:
	free(store);
	return NULL;
}

void
store_close(struct store *store)
{
	if (store == NULL)
		return;
	evict_close(&store->evict);
	index_close(&store->index);
	slab_close(&store->slab);
	free(store);
}

void
store_set_time(struct store *store, int64_t unix_ms)
{
	store->now = unix_ms;
}

void
store_prefetch(const struct store *store, uint64_t hash)
{
	index_prefetch(&store->index, hash);
}

void
store_prefetch_item(const struct store *store, uint64_t hash)
{
	index_prefetch_item(&store->index, hash);
}

/* Fields that a value is to have, whether it needs them or not. */
static unsigned
wanted_fields(const struct store_value *value)
{
	return value->want_cas ? ITEM_CAS : 0;
}

_Static_assert(ITEM_FETCHED == STORE_FETCHED << 4 &&
    ITEM_STALE == STORE_STALE << 4 &&
    ITEM_TOKEN_SENT == STORE_TOKEN_SENT << 4, "marks are a shift apart");

static void
describe(const struct store *store, uint32_t handle, struct store_item *out)
{
	const struct item *item = item_at(store, handle);

	*out = (struct store_item){
		.handle = handle,
		.length = item->length,
		.flags = item_flags(item),
		.pieces = value_pieces(store, item),
		.value = item_value(item),
		.cas = item_cas(item),
		.expiry = item_expiry(item),
		.accessed = item_accessed(item),
		.space = store->index.spaces.in_key[item_space(item)],
		.hash = item->fields & ITEM_HASH,
		.marks = item->state >> 4,
	};
	if (out->pieces > 0 || out->hash)
		out->value = NULL;
}

static bool
pin(struct store *store, uint32_t handle)
{
	struct item *item = item_at(store, handle);

	if (item->pins == ITEM_PINS_MAX)
		return false;
	item->pins++;
	value_pin_pages(store, handle, 1);
	return true;
}

static void
unpin(struct store *store, uint32_t handle)
{
	struct item *item = item_at(store, handle);

	CHECK(item->pins > 0);
	value_pin_pages(store, handle, -1);
	if (--item->pins == 0 && item_kind(item) == ITEM_DETACHED)
		items_free(store, handle);
}

bool
store_pin(struct store *store, const struct store_item *item)
{
	return pin(store, item->handle);
}

void
store_unpin(struct store *store, const void *part)
{
	uint32_t handle = slab_find_chunk(&store->slab, part);
	const struct item *item = item_at(store, handle);

	unpin(store, item_kind(item) == ITEM_PIECE ? item->length : handle);
}

void
store_unpin_item(struct store *store, const struct store_item *item)
{
	unpin(store, item->handle);
}

unsigned
store_parts(const struct store *store, const struct store_item *item,
    uint32_t first, struct iovec *parts, unsigned count)
{
	return value_parts(store, item->handle, first, parts, count);
}

/*
 * Give a small item more fields. It may move, and it does when somebody holds
 * it, so its new handle is returned; 0: no memory, the item is as it was.
 */
static uint32_t
add_fields(struct store *store, const struct store_key *key, uint32_t handle,
    unsigned fields)
{
	struct item *item = item_at(store, handle), *to = item;
	size_t key_length = item_key_length(item);
	size_t body = key_length + (size_t)item->length;
	size_t size;
	struct item old = *item;
	uint32_t flags = item_flags(item), moved = handle;
	uint32_t accessed = item_accessed(item);
	int64_t expiry = item_expiry(item);
	uint64_t cas = item_cas(item);
	uint8_t space = (uint8_t)item_space(item);

	CHECK(!(item->fields & ITEM_LARGE));
	fields |= item->fields;
	size = ITEM_HEADER + item_fields_size(fields) + body;
	if (item->pins > 0 ||
	    size > slab_class_of(&store->slab, handle)->chunk_size) {
		if (!pin(store, handle))
			return 0;
		moved = items_alloc(store, size, true);
		unpin(store, handle);
		if (moved == 0)
			return 0;
		to = item_at(store, moved);
	}
	counts_unlinked(store, handle);
	memmove((char *)to + ITEM_HEADER + item_fields_size(fields),
	    item_key(item), body);
	*to = old;
	to->pins = 0;
	to->fields = (uint8_t)fields;
	if (fields & ITEM_WIDE)
		item_set_wide(to, key_length, space);
	if (fields & ITEM_EXPIRY)
		item_set_expiry(to, expiry);
	if (fields & ITEM_CAS)
		item_set_cas(to, cas != 0 ? cas : ++store->cas);
	if (fields & ITEM_ACCESSED)
		memcpy(item_accessed_at(to), &accessed, sizeof accessed);
	if (fields & ITEM_FLAGS)
		item_set_flags(to, flags);
	counts_linked(store, moved);
	if (moved != handle) {
		index_replace(&store->index, key->hash, handle, moved);
		expiry_note(store, moved);
		if (old.pins > 0)
			item_set_kind(item, ITEM_DETACHED);
		else
			slab_free(&store->slab, handle);
	}
	return moved;
}

/* Is the item to get a unique and has no room for one? */
static bool
lacks_cas(const struct store *store, const struct item *item, bool cas)
{
	return cas && store->config.cas && !(item->fields & ITEM_CAS);
}

/* The item is read: it is hotter, and no longer unread. */
static void
note_read(const struct store *store, struct item *item)
{
	item_heat(item);
	if (!(item->state & ITEM_FETCHED))
		item->state |= ITEM_FETCHED;
	if (item->fields & ITEM_ACCESSED)
		item_set_accessed(item, store->now);
}

/* Let an item that was found have a cas unique. 0: no memory. */
static uint32_t
want_cas(struct store *store, const struct store_key *key, uint32_t handle)
{
	if (!store->config.cas || item_at(store, handle)->fields & ITEM_CAS)
		return handle;
	return add_fields(store, key, handle, ITEM_CAS);
}

/* Let an item that was found expire at `expiry`. 0: no memory. */
static uint32_t
set_expiry(struct store *store, const struct store_key *key, uint32_t handle,
    int64_t expiry)
{
	if (expiry != 0 && !(item_at(store, handle)->fields & ITEM_EXPIRY))
		handle = add_fields(store, key, handle, ITEM_EXPIRY);
	if (handle != 0 && item_at(store, handle)->fields & ITEM_EXPIRY) {
		item_set_expiry(item_at(store, handle), expiry);
		expiry_note(store, handle);
		items_changed(store, handle);
	}
	return handle;
}

/* What items_find_string() returns may be no item. */
static enum store_result
not_found(struct store *store, const struct store_key *key, uint32_t handle)
{
	if (handle == ITEMS_NO_STRING)
		return STORE_WRONG_TYPE;
	evict_miss(store, key->hash);
	return STORE_MISS;
}

enum store_result
store_get(struct store *store, const struct store_key *key, bool cas,
    struct store_item *out)
{
	uint32_t handle;

	pages_step(store);
	handle = items_find_string(store, key);
	if (handle <= ITEMS_NO_STRING)
		return not_found(store, key, handle);
	if (cas && (handle = want_cas(store, key, handle)) == 0)
		return STORE_NO_MEMORY;
	describe(store, handle, out);
	store->last = handle;
	note_read(store, item_at(store, handle));
	return STORE_OK;
}

enum store_result
store_fetch(struct store *store, const struct store_key *key, unsigned how,
    int64_t expiry, struct store_item *out)
{
	uint32_t handle = how & STORE_STRING ?
	    items_find_string(store, key) : items_find(store, key);

	if (handle == 0 && how & (STORE_TOUCH | STORE_UNNOTICED))
		return STORE_MISS;
	if (handle <= ITEMS_NO_STRING)
		return not_found(store, key, handle);
	if (how & STORE_TOUCH)
		handle = set_expiry(store, key, handle, expiry);
	if (handle != 0 && how & STORE_WANT_CAS)
		handle = want_cas(store, key, handle);
	if (handle == 0)
		return STORE_NO_MEMORY;
	describe(store, handle, out);
	store->last = handle;
	if (!(how & STORE_UNNOTICED))
		note_read(store, item_at(store, handle));
	return STORE_OK;
}

bool
store_exists(struct store *store, const struct store_key *key)
{
	return items_find(store, key) != 0;
}

bool
store_inspect(const struct store *store, const struct store_key *key,
    struct store_item *out)
{
	uint32_t handle = index_find(&store->index, key);

	if (handle != 0)
		describe(store, handle, out);
	return handle != 0;
}

enum store_result
store_look(struct store *store, const struct store_key *key,
    struct store_item *out)
{
	uint32_t handle = items_find(store, key);

	if (handle == 0)
		return STORE_MISS;
	describe(store, handle, out);
	store->last = handle;
	return STORE_OK;
}

struct scan {
	const struct store	*store;
	unsigned		 visited;
	uint64_t		 looks;
	void			(*visit)(void *context, struct slice key,
				    const struct store_item *);
	void			*context;
};

static void
scan_entry(void *context, uint32_t handle)
{
	struct scan *scan = context;
	const struct item *item = item_at(scan->store, handle);
	struct store_item described;

	scan->looks++;
	if (item_expired(item, scan->store->now))
		return;
	describe(scan->store, handle, &described);
	scan->visited++;
	scan->visit(scan->context, (struct slice){ item_key(item),
	    item_key_length(item) }, &described);
}

uint64_t
store_scan(struct store *store, uint64_t cursor, unsigned count,
    void (*visit)(void *, struct slice, const struct store_item *),
    void *context)
{
	struct scan scan = {
		.store = store, .visit = visit, .context = context,
	};

	do {
		cursor = index_scan(&store->index, cursor, scan_entry, &scan);
		scan.looks++;
	} while (cursor != 0 && scan.visited < count &&
	    scan.looks < SCAN_LOOKS_MIN + (uint64_t)count * SCAN_LOOKS);
	return cursor;
}

enum store_result
store_touch(struct store *store, const struct store_key *key, int64_t expiry,
    bool cas, struct store_item *out)
{
	return store_fetch(store, key, STORE_TOUCH |
	    (cas ? STORE_WANT_CAS : 0), expiry, out);
}

void
store_renew_cas(struct store *store, struct store_item *out, uint64_t cas)
{
	struct item *item = item_at(store, out->handle);

	if (!(item->fields & ITEM_CAS))
		return;
	out->cas = cas != 0 ? cas : ++store->cas;
	item_set_cas(item, out->cas);
}

void
store_mark(struct store *store, struct store_item *out, unsigned set,
    unsigned clear)
{
	struct item *item = item_at(store, out->handle);

	item->state = (uint8_t)((item->state | set << 4) & ~(clear << 4));
	out->marks = item->state >> 4;
}

void
store_tell(struct store *store, const struct store_events *events,
    void *context)
{
	store->events = events;
	store->events_context = context;
}

void
store_tell_changes(struct store *store, store_changed *changed,
    void *context)
{
	store->changed = changed;
	store->changed_context = context;
}

int64_t
store_time(const struct store *store)
{
	return store->now;
}

unsigned
store_class(const struct store *store, const struct store_item *item)
{
	return store->slab.pages[slab_page_of(&store->slab,
	    item->handle)].class;
}

size_t
store_item_size(const struct store *store, const struct store_item *item)
{
	return item_bytes(item_at(store, item->handle));
}

/*
 * May an item with these fields, of `size` bytes with its value, lie where
 * the item does? Of a large one nothing but the bytes may change.
 */
static bool
has_place_for(const struct store *store, uint32_t handle, unsigned fields,
    size_t size)
{
	const struct item *item = item_at(store, handle);
	unsigned class = store->slab.pages[slab_page_of(&store->slab,
	    handle)].class;

	if (item->pins > 0 || size > store->config.item_max)
		return false;
	if (item->fields & ITEM_LARGE)
		return item->fields == (fields | ITEM_LARGE) &&
		    item_bytes(item) == size;
	return size <= store->slab.classes[class].chunk_size &&
	    class == slab_class_for(&store->slab, size);
}

/* Put bytes into an item whose place has room for them. */
static void
write_bytes(struct store *store, uint32_t handle, struct slice bytes)
{
	struct item *item = item_at(store, handle);

	if (item->fields & ITEM_LARGE)
		value_write(store, handle, 0, bytes);
	else
		bytes_copy(item_value(item), bytes.bytes, bytes.length);
}

/* Write over an item that nobody holds, if its chunk is the right one. */
static bool
overwrite(struct store *store, const struct store_key *key, uint32_t handle,
    const struct store_value *value)
{
	struct item *item = item_at(store, handle);
	unsigned fields = items_fields(store, key, value->bytes.length,
	    value->flags, value->expiry, item->fields | wanted_fields(value));
	size_t size = item_head_size(fields, key->length) +
	    value->bytes.length;

	if (!has_place_for(store, handle, fields, size))
		return false;
	if (!(item->fields & ITEM_LARGE))
		counts_of(store, handle)->bytes += size - item_bytes(item);
	item->fields = (uint8_t)(fields | (item->fields & ITEM_LARGE));
	item->length = (uint32_t)value->bytes.length;
	item->state = ITEM_LINKED | (item->state & ITEM_HEAT_MASK);
	item_heat(item);
	items_write_head(store, item, key, value->flags, value->expiry);
	write_bytes(store, handle, value->bytes);
	if (value->expiry != 0)
		expiry_note(store, handle);
	items_changed(store, handle);
	store->last = handle;
	return true;
}

static enum store_result
put_bytes(struct store *store, const struct store_key *key, uint32_t old,
    const struct store_value *value)
{
	unsigned before = old != 0 ? item_at(store, old)->fields : ITEM_NEW;
	enum store_result result;
	uint32_t handle;

	if (old != 0 && overwrite(store, key, old, value))
		return STORE_OK;
	result = items_new(store, key, value->bytes.length, value->flags,
	    value->expiry, before | wanted_fields(value), &handle);
	if (result != STORE_OK)
		return result;
	write_bytes(store, handle, value->bytes);
	return items_link(store, key, handle, old);
}

static enum store_result
put_draft(struct store *store, const struct store_key *key, uint32_t old,
    const struct store_value *value)
{
	items_renew_cas(store, item_at(store, value->draft));
	return items_link(store, key, value->draft, old);
}

/* Add at the end of an item that nobody holds, if its chunk has room. */
static bool
append_in_place(struct store *store, uint32_t handle,
    const struct store_value *value)
{
	struct item *item = item_at(store, handle);
	struct slice bytes = value->bytes;

	if (item->pins > 0 || item->fields & ITEM_LARGE ||
	    lacks_cas(store, item, value->want_cas) ||
	    item_bytes(item) + bytes.length >= ITEM_FULL_SIZE ||
	    item_bytes(item) + bytes.length >
	    slab_class_of(&store->slab, handle)->chunk_size)
		return false;
	memcpy(item_value(item) + item->length, bytes.bytes, bytes.length);
	item->length += (uint32_t)bytes.length;
	item->state &= (uint8_t)~ITEM_MARKS;
	counts_of(store, handle)->bytes += bytes.length;
	items_renew_cas(store, item);
	items_changed(store, handle);
	store->last = handle;
	return true;
}

static enum store_result
join(struct store *store, const struct store_key *key, uint32_t old,
    enum store_mode mode, const struct store_value *value)
{
	const struct item *item = item_at(store, old);
	size_t old_length = item->length, more = value->draft != 0 ?
	    item_at(store, value->draft)->length : value->bytes.length;
	size_t at = mode == STORE_APPEND ? old_length : 0;
	enum store_result result;
	uint32_t handle;

	if (mode == STORE_APPEND && value->draft == 0 &&
	    append_in_place(store, old, value))
		return STORE_OK;
	if (!pin(store, old))
		return STORE_NO_MEMORY;
	result = items_new(store, key, old_length + more, item_flags(item),
	    item_expiry(item), item->fields | wanted_fields(value), &handle);
	if (result == STORE_OK) {
		value_copy(store, handle, mode == STORE_APPEND ? 0 : more,
		    old);
		if (value->draft != 0)
			value_copy(store, handle, at, value->draft);
		else
			value_write(store, handle, at, value->bytes);
		result = items_link(store, key, handle, old);
	}
	unpin(store, old);
	return result;
}

/* Does the mode allow to store, when `old` is there (0: nothing is)? */
static enum store_result
condition(const struct store *store, enum store_mode mode, uint32_t old,
    const struct store_value *value)
{
	bool string = old != 0 && !(item_at(store, old)->fields & ITEM_HASH);

	switch (mode) {
	case STORE_SET:
		return STORE_OK;
	case STORE_ADD:
		return old == 0 ? STORE_OK : STORE_NOT_STORED;
	case STORE_REPLACE:
		return old != 0 ? STORE_OK : STORE_NOT_STORED;
	case STORE_APPEND:
	case STORE_PREPEND:
		if (!string)
			return STORE_NOT_STORED;
		if (value->cas == 0)
			return STORE_OK;
		break;
	case STORE_CAS:
		if (!string)
			return STORE_MISS;
		break;
	}
	/* An item without a unique: nobody can hold the right one. */
	if (!(item_at(store, old)->fields & ITEM_CAS) ||
	    item_cas(item_at(store, old)) != value->cas)
		return STORE_EXISTS;
	return STORE_OK;
}

/*
 * The commonest write: an item without optional fields, so without expiry or
 * unique, gets a value that is as long and is to have none either. Nothing
 * of it changes but the value.
 */
static bool
rewrite(struct store *store, uint32_t handle,
    const struct store_value *value)
{
	struct item *item = item_at(store, handle);

	if (handle == 0 || (item->fields | item->pins | value->flags |
	    value->draft | wanted_fields(value)) != 0 || value->expiry != 0 ||
	    item->length != value->bytes.length)
		return false;
	item->state &= (uint8_t)~ITEM_MARKS;
	item_heat(item);
	bytes_copy(item_value(item), value->bytes.bytes, value->bytes.length);
	store->counts.total_items++;
	items_changed(store, handle);
	store->last = handle;
	return true;
}

/*
 * Nothing was stored: remember the class of the item that is there, or that
 * the value would be in.
 */
static void
note_refused(struct store *store, const struct store_key *key, uint32_t old,
    const struct store_value *value)
{
	size_t length = value->draft != 0 ?
	    item_at(store, value->draft)->length : value->bytes.length;
	unsigned fields = items_fields(store, key, length, value->flags,
	    value->expiry, 0);
	size_t size = items_first_size(store, key->length, length, &fields);

	if (size > slab_chunk_max(&store->slab))
		size = slab_chunk_max(&store->slab);
	store->last = old;
	store->last_class = (uint8_t)slab_class_for(&store->slab, size);
}

/* All other writes. Not inlined, so that what the commonest does is little. */
static __attribute__((noinline)) enum store_result
put_any(struct store *store, const struct store_key *key,
    enum store_mode mode, const struct store_value *value, uint32_t old)
{
	enum store_result result;

	/* Before, not after: what was just stored is not to go at once. */
	if (pages_step(store))
		old = items_find(store, key);
	result = condition(store, mode, old, value);
	if (result == STORE_OK) {
		if (mode == STORE_APPEND || mode == STORE_PREPEND)
			result = join(store, key, old, mode, value);
		else if (value->draft != 0)
			result = put_draft(store, key, old, value);
		else
			result = put_bytes(store, key, old, value);
		if (result == STORE_OK)
			store->counts.total_items++;
		else if (mode == STORE_SET)
			store_delete(store, key);
	}
	if (result != STORE_OK)
		note_refused(store, key, items_find(store, key), value);
	if (value->draft != 0)
		unpin(store, value->draft);
	return result;
}

enum store_result
store_put(struct store *store, const struct store_key *key,
    enum store_mode mode, const struct store_value *value)
{
	uint32_t old = items_find(store, key);

	if ((mode == STORE_SET || mode == STORE_REPLACE) &&
	    rewrite(store, old, value))
		return STORE_OK;
	return put_any(store, key, mode, value, old);
}

enum store_result
store_delete(struct store *store, const struct store_key *key)
{
	uint32_t handle = items_find(store, key);

	if (handle == 0)
		return STORE_MISS;
	store->last = 0;
	store->last_class = store->slab.pages[slab_page_of(&store->slab,
	    handle)].class;
	items_unlink(store, handle, key->hash);
	return STORE_OK;
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/*
 * The number that a value begins with: white space and a '+' may stand before
 * it, white space and then anything after it.
 */
static bool
leading_number(struct slice value, uint64_t *number)
{
	const char *at = value.bytes, *end = at + value.length, *start;

	while (at < end && is_space(*at))
		at++;
	if (at < end && *at == '+')
		at++;
	for (start = at; at < end && !is_space(*at); at++)
		;
	return decimal_parse((struct slice){ start, (size_t)(at - start) },
	    number);
}

/* Add or subtract as incr and decr do. */
static uint64_t
counted(uint64_t number, bool subtract, uint64_t delta)
{
	if (!subtract)
		return number + delta;
	return number > delta ? number - delta : 0;
}

/*
 * The commonest number: a few digits and nothing else, as many as the result
 * has, in an item that nobody holds.
 */
static bool
count_in_place(struct store *store, uint32_t handle, bool subtract,
    uint64_t delta, bool cas, uint64_t *number)
{
	struct item *item = item_at(store, handle);
	char *end = item_value(item) + item->length;
	uint64_t before, after;

	if (item->length == 0 || item->length > sizeof before ||
	    item->pins > 0 || lacks_cas(store, item, cas) ||
	    !decimal_parse_short(end, item->length, &before))
		return false;
	after = counted(before, subtract, delta);
	if (!decimal_has_length(after, item->length))
		return false;
	decimal_change(end, before, after);
	item_heat(item);
	items_renew_cas(store, item);
	items_changed(store, handle);
	store->last = handle;
	*number = after;
	return true;
}

static __attribute__((noinline)) enum store_result
count_any(struct store *store, const struct store_key *key, uint32_t handle,
    bool subtract, uint64_t delta, bool cas, uint64_t *number)
{
	struct item *item = item_at(store, handle);
	char digits[ITEM_FULL_SIZE], *to;
	struct slice text;
	bool in_place;
	struct store_value value;
	size_t length;

	text = (struct slice){ item_value(item), item->length };
	/* Mostly it is nothing but the number. */
	if (item->length >= ITEM_FULL_SIZE || (!decimal_parse(text, number) &&
	    !leading_number(text, number)))
		return STORE_NOT_A_NUMBER;
	*number = counted(*number, subtract, delta);
	length = decimal_length(*number);
	item_heat(item);
	in_place = length <= item->length && item->pins == 0 &&
	    !lacks_cas(store, item, cas);
	to = in_place ? item_value(item) : digits;
	decimal_format(to, *number);
	if (length < item->length) {
		memset(to + length, ' ', item->length - length);
		length = item->length;
	}
	if (in_place) {
		items_renew_cas(store, item);
		items_changed(store, handle);
		store->last = handle;
		return STORE_OK;
	}
	value = (struct store_value){
		.bytes = { digits, length },
		.flags = item_flags(item),
		.expiry = item_expiry(item),
		.want_cas = cas,
	};
	return put_bytes(store, key, handle, &value);
}

enum store_result
store_add_number(struct store *store, const struct store_key *key,
    bool subtract, uint64_t delta, bool cas, uint64_t *number)
{
	uint32_t handle = items_find_string(store, key);

	if (handle <= ITEMS_NO_STRING)
		return STORE_MISS;
	if (count_in_place(store, handle, subtract, delta, cas, number))
		return STORE_OK;
	return count_any(store, key, handle, subtract, delta, cas, number);
}

uint64_t
store_last_cas(const struct store *store)
{
	return store->config.cas ? store->cas : 0;
}

enum store_result
store_draft(struct store *store, const struct store_key *key,
    uint32_t length, uint32_t flags, int64_t expiry, uint32_t *draft)
{
	enum store_result result = items_new(store, key, length, flags, expiry,
	    ITEM_CAS | ITEM_NEW, draft);

	if (result == STORE_OK)
		CHECK(pin(store, *draft));
	return result;
}

void
store_draft_item(const struct store *store, uint32_t draft,
    struct store_item *out)
{
	describe(store, draft, out);
}

void
store_draft_abandon(struct store *store, uint32_t draft)
{
	unpin(store, draft);
}

/* Everything on a page that somebody holds a part of goes but for that. */
static void
flush_pinned_page(struct store *store, uint32_t page)
{
	struct slab *slab = &store->slab;

	for (uint32_t n = 0; n < slab->pages[page].fresh; n++) {
		uint32_t handle = slab_handle(slab, page, n);
		struct item *item = item_at(store, handle);
		struct item *owner = item_kind(item) == ITEM_PIECE ?
		    item_at(store, item->length) : item;

		if (item_kind(item) == ITEM_FREE)
			continue;
		if (owner->pins == 0)
			slab_free(slab, handle);
		else
			item_set_kind(owner, ITEM_DETACHED);
	}
}

void
store_flush(struct store *store)
{
	struct slab *slab = &store->slab;

	for (uint32_t page = 1; page < slab->pages_touched; page++)
		if (slab->pages[page].class != SLAB_NO_CLASS &&
		    slab->pages[page].pinned > 0)
			flush_pinned_page(store, page);
	for (uint32_t page = 1; page < slab->pages_touched; page++)
		if (slab->pages[page].class != SLAB_NO_CLASS &&
		    slab->pages[page].pinned == 0)
			slab_free_page(slab, page);
	index_clear(&store->index);
	counts_clear(store);
	if (store->changed != NULL)
		store->changed(store->changed_context,
		    (struct slice){ NULL, 0 }, true);
}

bool
store_tick(struct store *store, unsigned budget)
{
	unsigned more;

	index_trim(&store->index, TRIM_BYTES);
	pages_fit(store);
	more = expiry_slice(store, budget);
	more += index_slice(&store->index, budget / ENTRIES_PER_BUCKET);
	more += crawl_slice(store, budget);
	more += pages_slice(store, budget);
	return more > 0;
}

bool
store_set_limit(struct store *store, size_t bytes)
{
	if (bytes > store->slab.reserved)
		return false;
	store->config.limit = bytes;
	evict_resize(&store->evict, bytes);
	pages_fit(store);
	return true;
}

void
store_set_automove(struct store *store, enum store_automove mode,
    double ratio)
{
	pages_automove(store, mode, ratio);
}

enum store_move
store_move_page(struct store *store, int from, int to)
{
	return pages_move(store, from, to);
}

bool
store_moves_page(const struct store *store)
{
	return store->emptying.page != SLAB_NO_PAGE && store->emptying.asked;
}

size_t
store_index_size(const struct store *store)
{
	return index_size(&store->index);
}

unsigned
store_index_power(const struct store *store)
{
	return 63 - (unsigned)__builtin_clzll(store->index.large);
}

bool
store_index_resizing(const struct store *store)
{
	return store->index.small != store->index.large;
}

uint32_t
store_free_pages(const struct store *store)
{
	return store->slab.pages_pooled;
}

size_t
store_pages_size(const struct store *store)
{
	return (size_t)store->slab.pages_held << store->slab.page_shift;
}
