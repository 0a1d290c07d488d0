/* SPDX-License-Identifier: BSD-3-Clause */
/* items.c - see items.h. */
#include "store/items.h"

#include "base/check.h"
#include "base/hash.h"
#include "store/counts.h"
#include "store/fading.h"
#include "store/state.h"
#include "store/value.h"

uint32_t
items_still_there(struct store *store, const struct store_key *key,
    uint32_t handle)
{
	const struct item *item = slab_item(&store->slab, handle);

	if (item_expired(item, store->now)) {
		expiry_reclaim(store, handle, key->hash);
		store->counts.get_expired++;
		return 0;
	}
	/* Looking through a small hash costs little more than finding it. */
	if ((item->fields & (ITEM_FADING | ITEM_LARGE)) == ITEM_FADING &&
	    !fading_remove(store, handle))
		return 0;
	return handle;
}

uint32_t
items_still_string(struct store *store, const struct store_key *key,
    uint32_t handle)
{
	handle = items_still_there(store, key, handle);
	if (handle == 0 ||
	    !(slab_item(&store->slab, handle)->fields & ITEM_HASH))
		return handle;
	store->last = handle;
	return ITEMS_NO_STRING;
}

uint32_t
items_alloc(struct store *store, size_t size, bool proven)
{
	unsigned class = slab_class_for(&store->slab, size);
	uint32_t handle = evict_alloc(store, class, proven);

	if (handle == 0)
		store->classes[class].no_memory++;
	return handle;
}

/*
 * The pages of what is allocated already count as pinned, so that making
 * room for the next piece does not empty them.
 */
static bool
alloc_pieces(struct store *store, uint32_t handle)
{
	struct slab *slab = &store->slab;
	struct item *item = slab_item(slab, handle);
	uint32_t count = value_pieces_for(store, item->length), n, piece;

	for (n = 0; n < count; n++)
		item_set_piece(item, n, 0);
	slab->pages[slab_page_of(slab, handle)].pinned++;
	for (n = 0; n < count; n++) {
		piece = items_alloc(store, ITEM_HEADER + value_piece_size(
		    store, item->length, n), true);
		if (piece == 0)
			break;
		*slab_item(slab, piece) = (struct item){
			.length = handle, .state = ITEM_PIECE,
			.key_length = n == 0,
		};
		item_set_piece(item, n, piece);
		slab->pages[slab_page_of(slab, piece)].pinned++;
	}
	value_pin_pages(store, handle, -1);
	return n == count;
}

unsigned
items_fields(const struct store *store, const struct store_key *key,
    size_t length, uint32_t flags, int64_t expiry, unsigned before)
{
	unsigned fields = (flags != 0 ? ITEM_FLAGS : 0) |
	    item_wide_for(key->length,
	    store->index.spaces.in_item[key->space]);
	size_t size = ITEM_HEADER + key->length + length;

	if (expiry != 0 || size >= ITEM_FULL_SIZE)
		fields |= ITEM_EXPIRY;
	if (store->config.cas &&
	    (before & ITEM_CAS || size >= ITEM_FULL_SIZE))
		fields |= ITEM_CAS;
	if (store->config.track_access)
		fields |= ITEM_ACCESSED;
	return fields;
}

void
items_write_head(struct store *store, struct item *item,
    const struct store_key *key, uint32_t flags, int64_t expiry)
{
	item->key_length = (uint8_t)key->length;
	if (item->fields & ITEM_WIDE)
		item_set_wide(item, key->length,
		    store->index.spaces.in_item[key->space]);
	if (item->fields & ITEM_EXPIRY)
		item_set_expiry(item, expiry);
	if (item->fields & ITEM_CAS)
		item_set_cas(item, ++store->cas);
	if (item->fields & ITEM_ACCESSED)
		item_set_accessed(item, store->now);
	if (item->fields & ITEM_FLAGS)
		item_set_flags(item, flags);
	memcpy(item_key(item), key->bytes, key->length);
}

size_t
items_first_size(const struct store *store, size_t key_length, size_t length,
    unsigned *fields)
{
	size_t size = item_head_size(*fields, key_length);

	if (size + length <= slab_single_max(&store->slab))
		return size + length;
	*fields |= ITEM_LARGE;
	return size + value_pieces_for(store, length) * sizeof(uint32_t);
}

enum store_result
items_new(struct store *store, const struct store_key *key, size_t length,
    uint32_t flags, int64_t expiry, unsigned before, uint32_t *handle)
{
	unsigned fields = items_fields(store, key, length, flags, expiry,
	    before);
	size_t size = items_first_size(store, key->length, length, &fields);
	struct item *item;

	if (item_head_size(fields, key->length) + length >
	    store->config.item_max || size > slab_chunk_max(&store->slab))
		return STORE_TOO_LARGE;
	*handle = items_alloc(store, size, before & ITEM_NEW &&
	    evict_proven(store, key->hash));
	if (*handle == 0)
		return STORE_NO_MEMORY;
	item = slab_item(&store->slab, *handle);
	item->length = (uint32_t)length;
	item->fields = (uint8_t)fields;
	items_write_head(store, item, key, flags, expiry);
	if (fields & ITEM_LARGE && !alloc_pieces(store, *handle)) {
		items_free(store, *handle);
		return STORE_NO_MEMORY;
	}
	return STORE_OK;
}

void
items_tell_changed(const struct store *store, uint32_t handle, bool asked)
{
	const struct item *item = slab_item(&store->slab, handle);

	store->changed(store->changed_context, (struct slice){
	    item_key(item), item_key_length(item) }, asked);
}

void
items_free(struct store *store, uint32_t handle)
{
	value_free(store, handle);
	slab_free(&store->slab, handle);
}

void
items_hold(struct store *store, uint32_t handle)
{
	struct item *item = slab_item(&store->slab, handle);

	CHECK(store->held_count < STORE_HELD_MAX &&
	    item->pins < ITEM_PINS_MAX);
	item->pins++;
	store->held[store->held_count++] = handle;
}

void
items_release(struct store *store, uint32_t handle)
{
	CHECK(store->held_count > 0 &&
	    store->held[store->held_count - 1] == handle);
	store->held_count--;
	slab_item(&store->slab, handle)->pins--;
}

bool
items_is_held(const struct store *store, uint32_t chunk)
{
	const struct item *item = slab_item(&store->slab, chunk);

	if (item_kind(item) == ITEM_PIECE)
		chunk = item->length;
	for (unsigned n = 0; n < store->held_count; n++)
		if (store->held[n] == chunk)
			return true;
	return false;
}

uint32_t
items_removable(const struct store *store, uint32_t handle)
{
	const struct item *item = slab_item(&store->slab, handle);

	if (item_kind(item) == ITEM_PIECE) {
		handle = item->length;
		item = slab_item(&store->slab, handle);
	}
	if (item_kind(item) != ITEM_LINKED || item->pins > 0)
		return 0;
	return handle;
}

void
items_drop(struct store *store, uint32_t handle)
{
	struct item *item = slab_item(&store->slab, handle);

	counts_unlinked(store, handle);
	if (item->pins > 0)
		item_set_kind(item, ITEM_DETACHED);
	else
		items_free(store, handle);
}

uint64_t
items_hash(const struct store *store, uint32_t handle)
{
	const struct item *item = slab_item(&store->slab, handle);

	return store_hash(store->config.hash_seed, item_key(item),
	    item_key_length(item));
}

static void
unlink_item(struct store *store, uint32_t handle, uint64_t hash)
{
	CHECK(item_kind(slab_item(&store->slab, handle)) == ITEM_LINKED);
	index_remove(&store->index, hash, handle);
	items_drop(store, handle);
}

void
items_unlink(struct store *store, uint32_t handle, uint64_t hash)
{
	items_changed(store, handle);
	unlink_item(store, handle, hash);
}

void
items_lose(struct store *store, uint32_t handle, uint64_t hash)
{
	items_changed_by_itself(store, handle);
	unlink_item(store, handle, hash);
}

enum store_result
items_link(struct store *store, const struct store_key *key, uint32_t handle,
    uint32_t old)
{
	struct item *item = slab_item(&store->slab, handle);

	/* It may have moved or gone when room was made. */
	if (old != 0)
		old = index_find(&store->index, key);
	if (old != 0) {
		index_replace(&store->index, key->hash, old, handle);
		items_drop(store, old);
	} else if (index_add(&store->index, key->hash, handle)) {
		pages_fit(store);
		pages_balance(store, handle);
	} else {
		if (item->pins == 0)
			items_free(store, handle);
		return STORE_NO_MEMORY;
	}
	item_set_kind(item, ITEM_LINKED);
	if (item->fields & (ITEM_EXPIRY | ITEM_FADING))
		expiry_note(store, handle);
	counts_linked(store, handle);
	items_changed(store, handle);
	store->last = handle;
	return STORE_OK;
}

void
items_replace(struct store *store, uint32_t handle, uint32_t by)
{
	struct item *item = slab_item(&store->slab, by);

	counts_unlinked(store, handle);
	index_replace(&store->index, items_hash(store, handle), handle, by);
	slab_free(&store->slab, handle);
	item_set_kind(item, ITEM_LINKED);
	counts_linked(store, by);
	expiry_note(store, by);
}
