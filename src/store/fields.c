/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fields.c - see fields.h.
 *
 * A hash is an item with the mark ITEM_HASH. Up to PACKED_MAX bytes its value
 * is its entries, one behind the other (packed.c): a field is found by
 * stepping over the others, in about 100 ns at most, and costs two bytes more
 * than its name and value.
 *
 *   small | header, optional fields | key | entry entry entry |
 *
 * What is longer becomes a large hash. The hash of a field's name chooses a
 * segment of it, another such run of about a kilobyte, whatever the number of
 * fields: finding, writing and deleting one touches the item, that segment
 * and nothing else, and now and then one segment is split or two are joined
 * (segments.c). It stays large when it shrinks, with one segment in the end.
 * The list of segments fits half a page, at most 256 KB. A hash that has more
 * than this many kilobytes has longer segments, as far as they fit half a page;
 * then it is full.
 *
 * Changes are made in place as long as the chunk has room. So a counter in a
 * hash is rewritten where it stands.
 */
#include "store/fields.h"

#include "base/check.h"
#include "store/counts.h"
#include "store/entries.h"
#include "store/expiry.h"
#include "store/fading.h"
#include "store/items.h"

#define PACKED_MAX	1000

/* Values from this length on lie apart from their segment. */
#define APART_LENGTH	1024

/* All bytes of a hash. */
#define BYTES_MAX	((size_t)1 << 31)

static struct item *
item_of(const struct fields *fields)
{
	return slab_item(&fields->store->slab, fields->handle);
}

bool
fields_are_spread(const struct fields *fields)
{
	return entries_are_spread(fields->store, fields->handle);
}

enum store_result
fields_open(struct fields *fields, struct store *store,
    const struct store_key *key, enum fields_use use)
{
	struct item *item;

	pages_step(store);
	*fields = (struct fields){ store, key, items_find(store, key) };
	if (fields->handle == 0) {
		evict_miss(store, key->hash);
		return STORE_MISS;
	}
	store->last = fields->handle;
	item = item_of(fields);
	if (!(item->fields & ITEM_HASH)) {
		fields->handle = 0;
		return STORE_WRONG_TYPE;
	}
	item_heat(item);
	if (use == FIELDS_READ && !(item->state & ITEM_FETCHED))
		item->state |= ITEM_FETCHED;
	if (item->fields & ITEM_ACCESSED)
		item_set_accessed(item, store->now);
	return STORE_OK;
}

static struct slice
entries_of(const struct fields *fields, uint32_t segment)
{
	return entries_run(fields->store, fields->handle, segment);
}

static uint32_t
segment_of(const struct fields *fields, struct slice name)
{
	return fields_are_spread(fields) ?
	    segments_number(segments_hash(fields->store, name),
	    item_trunk(item_of(fields)).count) : 0;
}

/* To be written to. */
static char *
bytes_of(const struct fields *fields, uint32_t segment)
{
	return (char *)(uintptr_t)entries_of(fields, segment).bytes;
}

uint64_t
fields_count(const struct fields *fields)
{
	if (fields->handle == 0)
		return 0;
	return fields_are_spread(fields) ?
	    item_trunk(item_of(fields)).fields :
	    packed_count(entries_of(fields, 0));
}

void
fields_tidy(struct fields *fields)
{
	if (fields->handle != 0 && item_of(fields)->fields & ITEM_FADING &&
	    !fading_remove(fields->store, fields->handle))
		fields->handle = 0;
}

void
entries_describe(const struct packed_entry *entry, uint32_t segment,
    struct field *field)
{
	*field = (struct field){
		.name = entry->field, .value = entry->value,
		.expiry = entry->expiry, .segment = segment, .at = entry->at,
	};
	if (!entry->outside)
		return;
	field->reference = entry->value;
	field->value = (struct slice){
		NULL, pieces_apart_length(entry->value),
	};
}

bool
fields_find(const struct fields *fields, struct slice name,
    struct field *field)
{
	struct packed_entry entry;
	uint32_t segment;

	if (fields->handle == 0)
		return false;
	segment = segment_of(fields, name);
	if (!packed_find(entries_of(fields, segment), name, &entry) ||
	    entries_is_due(fields->store, &entry))
		return false;
	entries_describe(&entry, segment, field);
	field->name = name;
	return true;
}

struct slice
fields_part(const struct fields *fields, const struct field *field,
    uint32_t n)
{
	if (field->value.bytes == NULL)
		return pieces_apart_part(fields->store, field->reference,
		    n);
	return n == 0 ? field->value : (struct slice){ "", 0 };
}

/* The hash has changed. */
static void
note_change(struct fields *fields)
{
	struct store *store = fields->store;

	items_renew_cas(store, item_of(fields));
	items_changed(store, fields->handle);
	store->last = fields->handle;
}

/* A detached small hash with room for entries, which are not there yet. */
static enum store_result
new_packed(struct store *store, const struct store_key *key, size_t length,
    int64_t expiry, unsigned before, uint32_t *handle)
{
	enum store_result result = items_new(store, key, length, 0, expiry,
	    before, handle);

	if (result != STORE_OK)
		return result;
	/* With its key, it does not fit a chunk that is shared. */
	if (slab_item(&store->slab, *handle)->fields & ITEM_LARGE) {
		items_free(store, *handle);
		return STORE_TOO_LARGE;
	}
	slab_item(&store->slab, *handle)->fields |= (uint8_t)(ITEM_HASH |
	    (before & ITEM_FADING));
	return STORE_OK;
}

/* A hash without fields, which is to get the first. */
static enum store_result
make(struct fields *fields)
{
	uint32_t handle;
	enum store_result result = new_packed(fields->store, fields->key, 0,
	    0, ITEM_NEW, &handle);

	if (result != STORE_OK)
		return result;
	fields->handle = handle;
	result = items_link(fields->store, fields->key, fields->handle, 0);
	if (result == STORE_OK)
		fields->store->counts.total_items++;
	else
		fields->handle = 0;
	return result;
}

static void
unmake(struct fields *fields)
{
	items_unlink(fields->store, fields->handle, fields->key->hash);
	fields->store->last = fields->handle = 0;
}

/* The bytes that the entries of a small hash may have. */
static size_t
packed_max(const struct fields *fields)
{
	const struct item *item = item_of(fields);
	size_t head = item_head_size(item->fields | ITEM_EXPIRY | ITEM_CAS,
	    item_key_length(item));
	size_t most = fields->store->config.item_max;

	if (most > slab_single_max(&fields->store->slab))
		most = slab_single_max(&fields->store->slab);
	if (head >= most)
		return 0;
	return most - head < PACKED_MAX ? most - head : PACKED_MAX;
}

/* Become another item, which is detached, and has the same fields. */
static void
become(struct fields *fields, uint32_t handle)
{
	items_replace(fields->store, fields->handle, handle);
	fields->handle = handle;
}

/* Have the entries of a small hash in a larger chunk. */
static enum store_result
rehouse(struct fields *fields, size_t length)
{
	struct store *store = fields->store;
	const struct item *item = item_of(fields);
	enum store_result result;
	uint32_t handle;

	items_hold(store, fields->handle);
	result = new_packed(store, fields->key, length, item_expiry(item),
	    item->fields, &handle);
	items_release(store, fields->handle);
	if (result != STORE_OK)
		return result;
	slab_item(&store->slab, handle)->state |=
	    item->state & (ITEM_HEAT_MASK | ITEM_MARKS);
	slab_item(&store->slab, handle)->length = item->length;
	memcpy(item_value(slab_item(&store->slab, handle)), item_value(item),
	    item->length);
	become(fields, handle);
	return STORE_OK;
}

/* A small hash becomes a large one. */
static enum store_result
spread(struct fields *fields)
{
	struct store *store = fields->store;
	struct segments_like like = segments_like(store, fields->handle);
	uint32_t handle;

	items_hold(store, fields->handle);
	handle = segments_open(store, &like, entries_of(fields, 0));
	items_release(store, fields->handle);
	if (handle == 0)
		return STORE_NO_MEMORY;
	become(fields, handle);
	return STORE_OK;
}

/* Let a segment's entries have room for `length` bytes. */
static enum store_result
reserve(struct fields *fields, uint32_t segment, size_t length)
{
	struct store *store = fields->store;
	const struct item *item = item_of(fields);

	if (!fields_are_spread(fields))
		return item_head_size(item->fields, item_key_length(item)) +
		    length <= slab_class_of(&store->slab,
		    fields->handle)->chunk_size ? STORE_OK :
		    rehouse(fields, length);
	return segments_reserve(store, fields->handle, segment, length) ?
	    STORE_OK : STORE_NO_MEMORY;
}

/* A segment's entries have another length; so many more fields are there. */
static void
resized(struct fields *fields, uint32_t segment, uint32_t length, int more)
{
	struct store *store = fields->store;
	struct item *item = item_of(fields);
	struct item_trunk trunk;

	if (!fields_are_spread(fields)) {
		counts_of(store, fields->handle)->bytes +=
		    (size_t)length - item->length;
		item->length = length;
		return;
	}
	trunk = item_trunk(item);
	trunk.fields += (uint32_t)more;
	item_set_trunk(item, trunk);
	segments_resized(store, fields->handle, segment, length);
}

/* Write an entry in place of `old`, or as a new one if that is NULL. */
static enum store_result
write_entry(struct fields *fields, uint32_t segment,
    const struct packed_entry *old, const struct packed_entry *entry)
{
	uint32_t length = (uint32_t)entries_of(fields, segment).length;
	enum store_result result = reserve(fields, segment,
	    length - (old != NULL ? old->size : 0) +
	    packed_entry_size(entry));

	if (result != STORE_OK)
		return result;
	packed_put(bytes_of(fields, segment), &length, old, entry);
	resized(fields, segment, length, old == NULL);
	return STORE_OK;
}

/* The same with a value that is to lie apart. */
static enum store_result
write_apart(struct fields *fields, uint32_t segment,
    const struct packed_entry *old, struct packed_entry entry)
{
	char bytes[PIECES_REFERENCE_MAX];
	enum store_result result;

	entry.value.length = pieces_put_apart(fields->store, fields->handle,
	    segment, entry.value, bytes);
	if (entry.value.length == 0)
		return STORE_NO_MEMORY;
	entry.value.bytes = bytes;
	entry.outside = true;
	result = write_entry(fields, segment, old, &entry);
	if (result != STORE_OK)
		pieces_free_apart(fields->store, fields->handle,
		    entry.value);
	return result;
}

/* Write a value, which may lie apart, as may the one that was there. */
static enum store_result
write_value(struct fields *fields, uint32_t segment,
    const struct packed_entry *old, const struct packed_entry *entry)
{
	struct slice reference = { NULL, 0 };
	char kept[PIECES_REFERENCE_MAX];
	enum store_result result;

	/* What the old entry refers to is freed when it is gone itself. */
	if (old != NULL && old->outside) {
		reference = (struct slice){ kept, old->value.length };
		memcpy(kept, old->value.bytes, old->value.length);
	}
	result = entry->value.length >= APART_LENGTH ?
	    write_apart(fields, segment, old, *entry) :
	    write_entry(fields, segment, old, entry);
	if (result == STORE_OK && reference.length > 0)
		pieces_free_apart(fields->store, fields->handle,
		    reference);
	return result;
}

/* An entry of the segment is to expire then. */
static void
let_expire(struct fields *fields, uint32_t segment, int64_t expiry)
{
	struct item *item = item_of(fields);

	if (expiry == 0)
		return;
	item->fields |= ITEM_FADING;
	expiry_note(fields->store, fields_are_spread(fields) ?
	    item_piece(item, segment) : fields->handle);
}

/* Is it too long to be a field of this hash? */
static bool
is_too_large(const struct fields *fields, const struct packed_entry *entry)
{
	const struct store_config *config = &fields->store->config;
	size_t size = entry->field.length + entry->value.length;

	return entry->field.length > STORE_KEY_MAX ||
	    entry->field.length > pieces_single_max(fields->store) / 2 ||
	    size > config->item_max || size > BYTES_MAX ||
	    (fields->handle != 0 &&
	    item_of(fields)->length > BYTES_MAX - size);
}

/* Put an entry into a hash that is there. */
static enum store_result
put_entry(struct fields *fields, const struct packed_entry *entry,
    bool *added)
{
	size_t size = packed_entry_size(entry);
	enum store_result result;
	struct packed_entry old;
	uint32_t segment;
	bool found;

	if (!fields_are_spread(fields)) {
		found = packed_find(entries_of(fields, 0), entry->field,
		    &old);
		size += item_of(fields)->length - (found ? old.size : 0);
		if ((size > packed_max(fields) ||
		    entry->value.length >= APART_LENGTH) &&
		    (result = spread(fields)) != STORE_OK)
			return result;
	}
	segment = segment_of(fields, entry->field);
	found = packed_find(entries_of(fields, segment), entry->field, &old);
	*added = !found || entries_is_due(fields->store, &old);
	return write_value(fields, segment, found ? &old : NULL, entry);
}

enum store_result
fields_put(struct fields *fields, struct slice name, struct slice value,
    int64_t expiry, bool *added)
{
	struct packed_entry entry = {
		.field = name, .value = value, .expiry = expiry,
	};
	bool made = fields->handle == 0;
	enum store_result result;

	if (is_too_large(fields, &entry))
		return STORE_TOO_LARGE;
	if (made && (result = make(fields)) != STORE_OK)
		return result;
	result = put_entry(fields, &entry, added);
	if (result != STORE_OK) {
		if (made)
			unmake(fields);
		return result;
	}
	let_expire(fields, segment_of(fields, name), expiry);
	if (fields_are_spread(fields))
		segments_adapt(fields->store, &fields->handle);
	note_change(fields);
	return STORE_OK;
}

/* The entry of a field that was found. */
static struct packed_entry
entry_of(const struct fields *fields, const struct field *field)
{
	struct packed_entry entry;
	uint32_t at = field->at;

	CHECK(packed_next(entries_of(fields, field->segment), &at, &entry));
	return entry;
}

/* Can a value of another length be written where the entry is? */
static bool
replace_in_place(struct fields *fields, const struct field *field,
    struct slice value)
{
	struct packed_entry entry = entry_of(fields, field);

	if (entry.outside || entry.value.length != value.length)
		return false;
	memcpy(bytes_of(fields, field->segment) +
	    (entry.value.bytes - entries_of(fields, field->segment).bytes),
	    value.bytes, value.length);
	note_change(fields);
	return true;
}

enum store_result
fields_replace(struct fields *fields, const struct field *field,
    struct slice value)
{
	bool added;

	if (replace_in_place(fields, field, value))
		return STORE_OK;
	return fields_put(fields, field->name, value, field->expiry, &added);
}

enum store_result
fields_expire(struct fields *fields, const struct field *field,
    int64_t expiry)
{
	struct packed_entry entry = entry_of(fields, field);
	struct slice entries = entries_of(fields, field->segment);
	uint32_t length = (uint32_t)entries.length;
	enum store_result result;

	result = reserve(fields, field->segment, (size_t)((int64_t)length +
	    packed_expiry_growth(&entry, expiry)));
	if (result != STORE_OK)
		return result;
	entry = entry_of(fields, field);
	packed_set_expiry(bytes_of(fields, field->segment), &length, &entry,
	    expiry);
	resized(fields, field->segment, length, 0);
	let_expire(fields, field->segment, expiry);
	note_change(fields);
	return STORE_OK;
}

void
fields_delete(struct fields *fields, const struct field *field)
{
	struct store *store = fields->store;
	struct packed_entry entry = entry_of(fields, field);
	uint32_t length = (uint32_t)entries_of(fields,
	    field->segment).length;

	if (entry.outside)
		pieces_free_apart(store, fields->handle, entry.value);
	packed_delete(bytes_of(fields, field->segment), &length, &entry);
	resized(fields, field->segment, length, -1);
	if (fields_count(fields) == 0) {
		unmake(fields);
		return;
	}
	if (fields_are_spread(fields)) {
		segments_tighten(store, fields->handle, field->segment);
		segments_adapt(store, &fields->handle);
	}
	note_change(fields);
}

/* A detached copy of a small hash. 0: no memory. */
static uint32_t
copy_packed(const struct fields *from, struct store *to,
    const struct segments_like *like)
{
	const struct item *item = item_of(from);
	uint32_t handle;

	if (new_packed(to, &like->key, item->length, like->expiry,
	    like->fields, &handle) != STORE_OK)
		return 0;
	memcpy(item_value(slab_item(&to->slab, handle)), item_value(item),
	    item->length);
	return handle;
}

enum store_result
fields_copy(struct fields *from, struct store *to,
    const struct store_key *key, int64_t expiry)
{
	uint32_t old = items_find(to, key), handle;
	struct segments_like like = {
		.key = *key, .expiry = expiry,
		.fields = (item_of(from)->fields & ITEM_FADING) |
		    (old != 0 ? slab_item(&to->slab, old)->fields & ITEM_CAS :
		    0),
	};

	items_hold(from->store, from->handle);
	handle = fields_are_spread(from) ?
	    segments_copy(from->store, from->handle, to, &like) :
	    copy_packed(from, to, &like);
	items_release(from->store, from->handle);
	if (handle == 0)
		return STORE_NO_MEMORY;
	return items_link(to, key, handle, old);
}
