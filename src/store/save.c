/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * save.c - what a store whose pages are in a file needs to use them again.
 *
 * A chunk says by itself what it is, and handles are offsets, so the pages
 * are enough to make the index and all lists anew. What is saved beside them
 * is where each page belongs:
 *
 *   cas NUMBER                     the last unique given out
 *   queue CLASS NAME PAGES CHUNK   a queue; where its hand stands in the
 *   page NUMBER FRESH CHECKSUM     first of its pages, which follow in order
 *   end
 *
 * The checksum is that of the page's chunks: who finds it right need not
 * expect the page to be anything but what was left there. That items fit
 * their chunks is looked at all the same, as a mistake there would be
 * somebody else's bytes.
 */
#include <inttypes.h>

#include "base/hash.h"
#include "store/counts.h"
#include "store/items.h"
#include "store/packed.h"
#include "store/segments.h"
#include "store/state.h"
#include "store/value.h"

/* Of the chunks that were used at least once. */
static uint64_t
page_checksum(const struct slab *slab, uint32_t page, unsigned class,
    uint32_t fresh)
{
	return hash_bytes(page, slab_chunks(slab, page,
	    &slab->classes[class]), (size_t)fresh *
	    slab->classes[class].chunk_size);
}

static void
save_queue(const struct slab *slab, unsigned class,
    enum slab_queue_name name, FILE *out)
{
	const struct slab_queue *queue = &slab->classes[class].queue[name];
	uint32_t page = queue->hand_page;

	fprintf(out, "queue %u %u %" PRIu32 " %" PRIu32 "\n", class, name,
	    queue->pages, queue->hand_chunk);
	for (uint32_t n = 0; n < queue->pages; n++) {
		uint32_t fresh = slab->pages[page].fresh;

		fprintf(out, "page %" PRIu32 " %" PRIu32 " %016" PRIx64 "\n",
		    page, fresh, page_checksum(slab, page, class, fresh));
		page = slab->pages[page].next;
	}
}

void
store_save(const struct store *store, FILE *out)
{
	const struct slab *slab = &store->slab;

	fprintf(out, "cas %" PRIu64 " spaces", store->cas);
	for (unsigned n = 0; n < STORE_SPACES; n++)
		fprintf(out, " %u", store->index.spaces.in_item[n]);
	fputc('\n', out);
	for (unsigned class = 0; class < slab->class_count; class++)
		for (int name = 0; name < SLAB_QUEUES; name++)
			if (slab->classes[class].queue[name].pages > 0)
				save_queue(slab, class,
				    (enum slab_queue_name)name, out);
	fputs("end\n", out);
}

/* One page. False: it is not what was left there. */
static bool
restore_page(struct slab *slab, unsigned class, unsigned name, FILE *in)
{
	uint32_t number, fresh;
	uint64_t checksum;

	if (fscanf(in, " page %" SCNu32 " %" SCNu32 " %" SCNx64, &number,
	    &fresh, &checksum) != 3 ||
	    !slab_may_restore(slab, number, class, name, fresh) ||
	    page_checksum(slab, number, class, fresh) != checksum)
		return false;
	slab_restore_page(slab, number, class, (enum slab_queue_name)name,
	    fresh);
	return true;
}

static bool
restore_queue(struct slab *slab, FILE *in)
{
	unsigned class, name;
	uint32_t pages, hand_chunk;

	if (fscanf(in, "%u %u %" SCNu32 " %" SCNu32, &class, &name, &pages,
	    &hand_chunk) != 4)
		return false;
	for (uint32_t n = 0; n < pages; n++)
		if (!restore_page(slab, class, name, in))
			return false;
	if (pages > 0)
		slab->classes[class].queue[name].hand_chunk = hand_chunk;
	return true;
}

/* Which space of the items each is; all of them, in some order. */
static bool
restore_spaces(struct spaces *spaces, FILE *in)
{
	uint32_t seen = 0;

	for (unsigned n = 0; n < STORE_SPACES; n++) {
		unsigned space;

		if (fscanf(in, "%u", &space) != 1 || space >= STORE_SPACES ||
		    seen >> space & 1)
			return false;
		seen |= (uint32_t)1 << space;
		spaces->in_item[n] = (uint8_t)space;
		spaces->in_key[space] = (uint8_t)n;
	}
	return true;
}

static bool
restore_pages(struct store *store, FILE *in)
{
	uint64_t cas;
	char word[8];

	if (fscanf(in, " cas %" SCNu64 " %7s", &cas, word) != 2 ||
	    strcmp(word, "spaces") != 0 ||
	    !restore_spaces(&store->index.spaces, in))
		return false;
	if (cas > store->cas)
		store->cas = cas;
	while (fscanf(in, "%7s", word) == 1) {
		if (strcmp(word, "end") == 0)
			return true;
		if (strcmp(word, "queue") != 0 ||
		    !restore_queue(&store->slab, in))
			return false;
	}
	return false;
}

/* Is it the piece number `n` of an item? */
static bool
is_piece(const struct store *store, uint32_t owner, uint32_t n)
{
	const struct slab *slab = &store->slab;
	const struct item *item = slab_item(slab, owner);
	uint32_t piece = item_piece(item, n);

	return slab_is_chunk(slab, piece) &&
	    item_kind(slab_item(slab, piece)) == ITEM_PIECE &&
	    slab_item(slab, piece)->length == owner &&
	    ITEM_HEADER + value_piece_size(store, item->length, n) <=
	    slab_class_of(slab, piece)->chunk_size;
}

/* The item lies where it can: do its fields? */
static bool
is_sound_hash(const struct store *store, uint32_t handle)
{
	const struct item *item = slab_item(&store->slab, handle);

	if (item->fields & ITEM_LARGE)
		return segments_are_sound(store, handle);
	return item->length > 0 && packed_is_sound((struct slice){
	    item_value(item), item->length });
}

/* Does the item, with all its pieces, lie where it can? */
static bool
is_sound(const struct store *store, uint32_t handle)
{
	const struct item *item = slab_item(&store->slab, handle);
	size_t room = slab_class_of(&store->slab, handle)->chunk_size;
	size_t key_length = item_key_length(item);
	size_t head = item_head_size(item->fields, key_length);
	bool spread = (item->fields & (ITEM_LARGE | ITEM_HASH)) ==
	    (ITEM_LARGE | ITEM_HASH);
	uint32_t pieces = spread ? 0 : value_pieces(store, item);
	size_t rest = spread ? sizeof(struct item_trunk) :
	    pieces > 0 ? pieces * sizeof(uint32_t) : item->length;

	if (head + rest > room ||
	    (item->fields & (ITEM_FADING | ITEM_HASH)) == ITEM_FADING)
		return false;
	if (item->fields & ITEM_HASH)
		return is_sound_hash(store, handle);
	for (uint32_t n = 0; n < pieces; n++)
		if (!is_piece(store, handle, n))
			return false;
	return true;
}

static bool
is_owned(const struct store *store, uint32_t handle)
{
	const struct slab *slab = &store->slab;
	uint32_t owner = slab_item(slab, handle)->length;
	const struct item *item = slab_item(slab, owner);

	return slab_is_chunk(slab, owner) && item->fields & ITEM_LARGE &&
	    (item_kind(item) == ITEM_LINKED ||
	    item_kind(item) == ITEM_DETACHED);
}

/* Does its owner, which is sound, know of this piece? */
static bool
is_known(const struct store *store, uint32_t handle)
{
	uint32_t owner = slab_item(&store->slab, handle)->length;
	const struct item *item = slab_item(&store->slab, owner);
	uint32_t pieces = value_pieces(store, item);

	if (item->fields & ITEM_HASH)
		return segments_know(store, owner, handle);
	for (uint32_t n = 0; n < pieces; n++)
		if (item_piece(item, n) == handle)
			return true;
	return false;
}

/* Pieces that items have, less those that were found. */
struct balance {
	uint64_t	left;
};

static void
count_piece(struct store *store, uint32_t hash, uint32_t piece, void *context)
{
	struct balance *balance = context;

	(void)hash;
	balance->left++;
	if (slab_item(&store->slab, piece)->fields == PIECE_SEGMENT)
		expiry_note(store, piece);
}

/* Is it an item that can lie there? Its pieces are counted. */
static bool
take_item(struct store *store, uint32_t handle, struct balance *balance)
{
	const struct item *item = slab_item(&store->slab, handle);

	if (!is_sound(store, handle))
		return false;
	if ((item->fields & (ITEM_HASH | ITEM_LARGE)) ==
	    (ITEM_HASH | ITEM_LARGE))
		segments_each(store, handle, count_piece, balance);
	else
		balance->left += value_pieces(store, item);
	return true;
}

/* Put an item into the index. False: it is none, or there is no memory. */
static bool
relink(struct store *store, uint32_t handle, struct balance *balance)
{
	struct item *item = slab_item(&store->slab, handle);

	if (!take_item(store, handle, balance) ||
	    !index_add(&store->index, items_hash(store, handle), handle))
		return false;
	item->pins = 0;
	counts_linked(store, handle);
	expiry_note(store, handle);
	return true;
}

static bool
restore_chunk(struct store *store, uint32_t handle, void *context)
{
	struct balance *balance = context;

	switch (item_kind(slab_item(&store->slab, handle))) {
	case ITEM_LINKED:
		return relink(store, handle, balance);
	case ITEM_PIECE:
		balance->left--;
		return is_owned(store, handle);
	case ITEM_DETACHED:
		return take_item(store, handle, balance);
	default:
		return true;
	}
}

static bool
find_owner(struct store *store, uint32_t handle, void *context)
{
	(void)context;
	return item_kind(slab_item(&store->slab, handle)) != ITEM_PIECE ||
	    is_known(store, handle);
}

/* What was held, or on its way in, is nobody's now. */
static bool
drop_detached(struct store *store, uint32_t handle, void *context)
{
	struct item *item = slab_item(&store->slab, handle);

	(void)context;
	if (item_kind(item) == ITEM_DETACHED)
		items_free(store, handle);
	return true;
}

static bool
each_chunk(struct store *store, bool (*act)(struct store *, uint32_t handle,
    void *context), void *context)
{
	struct slab *slab = &store->slab;

	for (uint32_t page = 1; page < slab->pages_touched; page++)
		for (uint32_t n = 0; slab->pages[page].class !=
		    SLAB_NO_CLASS && n < slab->pages[page].fresh; n++)
			if (!act(store, slab_handle(slab, page, n), context))
				return false;
	return true;
}

int
store_restore(struct store *store, FILE *in, struct error *error)
{
	struct balance balance = { 0 };

	if (!restore_pages(store, in))
		return error_set(error, "a page is not as it was left");
	slab_restored(&store->slab);
	/* Each piece belongs to one item, and each of an item's is there. */
	if (!each_chunk(store, restore_chunk, &balance) ||
	    balance.left != 0 || !each_chunk(store, find_owner, NULL))
		return error_set(error, "an item is not as it was left, or "
		    "there is no memory for the index");
	each_chunk(store, drop_detached, NULL);
	store_set_limit(store, store->config.limit);
	return 0;
}
