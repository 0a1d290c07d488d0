/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * index.c - see index.h.
 *
 * An array of cache-line buckets in the order of the hashes.
 *
 *   offset  size     field
 *   0       12 x 4   handle     of the items; 0 = slot is empty
 *   48      12 x 1   tag        8 bits of each item's hash; 0 = empty
 *   60      4        overflow   entries at home here that lie further down
 *
 * hash bits:  63..30 position    15..8 tag (0 becomes 1)    7..0 shard
 *
 * Among n buckets, a position p of 2^34 is at home in number p * n / 2^34: any
 * number of buckets is filled evenly. While the array changes its size, the
 * positions below a frontier are at home among the smaller number, those from
 * it on among the larger one, where they lie further up:
 *
 *   number   0        small bucket b                                 large
 *            | positions below | . . nobody's home . . | positions from |
 *            | the frontier    |                       | it on          |
 *
 * Growing moves the frontier down by one bucket of the smaller number at a
 * time, shrinking moves it up; both can turn back at any time. What is
 * nobody's home is zero, but for entries that found theirs full.
 *
 * An entry that finds its home bucket full goes to the next lower one. The
 * count in each bucket it passed tells a search when to stop: nearly always
 * at the first line. Below bucket 0 there are MARGIN buckets which are
 * nobody's home. Keys that collide so much that they find no place there are
 * refused; that does not happen by chance.
 *
 * While memory is free, the array is at most 85 % full and then doubles, two
 * buckets with each entry added; it halves below 20 %, slowly. When memory is short,
 * items would have to go for its lines: it grows by an eighth at 94 %, and
 * shrinks to what it needs below 75 %. A search then reads half a line more.
 */
#include "store/index.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/racy.h"
#include "os/match.h"
#include "os/os.h"
#include "store/item.h"

#define SLOTS		12
#define MARGIN		32	/* buckets below number 0 */
#define BUCKETS_MIN	64
#define GROW_STEPS	2	/* buckets that move with each change */
#define SHRINK_EVERY	4	/* changes with which one moves */
#define MOVED_MAX	256	/* entries that move with one, at most */
#define COMMIT_STEP	((size_t)1 << 20)

/* How full the array may be and has to be, in percent. */
struct fill {
	unsigned	most;		/* else it grows */
	unsigned	least;		/* else it shrinks */
	unsigned	shrunk;		/* how full it is to be then */
	unsigned	growth;		/* percent of what it is */
};

static const struct fill fills[] = {
	{ 85, 20, 40, 100 },
	{ 94, 75, 88, 12 },		/* when memory is short */
};

#define POSITION_BITS	34
#define POSITION_END	((uint64_t)1 << POSITION_BITS)

struct index_bucket {
	_Alignas(64) uint32_t	handle[SLOTS];
	uint8_t			tag[SLOTS];
	uint32_t		overflow;
};

_Static_assert(sizeof(struct index_bucket) == 64, "one cache line");

struct place {
	struct index_bucket	*bucket;
	unsigned		 slot;
};

/* The entries of some positions, whose homes are about to change. */
struct moved {
	uint64_t	first, end;		/* of these positions */
	uint64_t	hash[MOVED_MAX];
	uint32_t	handle[MOVED_MAX];
	unsigned	count;
};

static uint8_t
tag_of(uint64_t hash)
{
	uint8_t tag = (uint8_t)(hash >> 8);

	return tag == 0 ? 1 : tag;
}

static inline uint64_t
position_of(uint64_t hash)
{
	return hash >> (64 - POSITION_BITS);
}

/* The bucket among `count` that a position is in. */
static inline uint64_t
bucket_among(uint64_t position, uint64_t count)
{
	return position * count >> POSITION_BITS;
}

/* The first position that is in bucket `number` among `count`. */
static uint64_t
first_position(uint64_t number, uint64_t count)
{
	return ((number << POSITION_BITS) + count - 1) / count;
}

static inline uint64_t
bucket_at(const struct index *index, uint64_t position)
{
	/* No branch: it would be wrong half of the time. */
	return bucket_among(position,
	    position < index->frontier ? index->small : index->large);
}

static inline struct index_bucket *
home_of(const struct index *index, uint64_t hash)
{
	return index->buckets + bucket_at(index, position_of(hash));
}

static uint64_t
hash_of(const struct index *index, uint32_t handle)
{
	const struct item *item = slab_item(index->slab, handle);

	return store_hash(index->seed, item_key(item),
	    item_key_length(item));
}

static uint64_t
entries_at(uint64_t buckets, unsigned percent)
{
	return buckets * SLOTS * percent / 100;
}

/* Make the memory of buckets up to `count` usable. */
static bool
commit_to(struct index *index, uint64_t count)
{
	size_t end = (MARGIN + count) * sizeof(struct index_bucket);

	if (end > index->reserved)
		return false;
	if (end > index->committed) {
		size_t wanted = (end + COMMIT_STEP - 1) / COMMIT_STEP *
		    COMMIT_STEP;

		if (wanted > index->reserved)
			wanted = index->reserved;
		if (os_commit(index->range + index->committed,
		    wanted - index->committed) == -1)
			return false;
		index->committed = wanted;
	}
	if (count > index->peak)
		index->peak = count;
	return true;
}

int
index_open(struct index *index, const struct slab *slab, uint64_t seed,
    size_t reserve, struct error *error)
{
	*index = (struct index){
		.slab = slab, .seed = seed, .reserved = reserve,
	};
	for (unsigned n = 0; n < STORE_SPACES; n++)
		index->spaces.in_item[n] = index->spaces.in_key[n] =
		    (uint8_t)n;
	index->range = os_reserve(reserve);
	if (index->range == NULL || !commit_to(index, BUCKETS_MIN)) {
		index_close(index);
		return error_set(error,
		    "cannot reserve %zu MB of address space for the index",
		    reserve >> 20);
	}
	index->buckets = (struct index_bucket *)(void *)index->range + MARGIN;
	index_clear(index);
	return 0;
}

void
index_close(struct index *index)
{
	if (index->range != NULL)
		os_release(index->range, index->reserved);
}

static void
settle(struct index *index, uint64_t count)
{
	index->small = index->large = count;
	index->frontier = 0;
}

/* Zero the buckets of a range, and give back what pages it has. */
static void
blank(struct index *index, size_t first, size_t last)
{
	size_t page = os_page_size();
	char *start = (char *)(index->buckets + first);
	char *end = (char *)(index->buckets + last);
	char *whole = index->range + ((size_t)(start - index->range) +
	    page - 1) / page * page;

	if (whole >= end) {
		memset(start, 0, (size_t)(end - start));
		return;
	}
	memset(start, 0, (size_t)(whole - start));
	os_discard(whole, ((size_t)(end - whole) + page - 1) / page * page);
}

void
index_clear(struct index *index)
{
	memset(index->range, 0,
	    (MARGIN + BUCKETS_MIN) * sizeof(struct index_bucket));
	if (index->peak > BUCKETS_MIN)
		blank(index, BUCKETS_MIN, index->peak);
	index->peak = BUCKETS_MIN;
	index->count = 0;
	settle(index, BUCKETS_MIN);
}

void
index_trim(struct index *index, size_t bytes)
{
	uint64_t most = bytes / sizeof(struct index_bucket);
	uint64_t keep = index->large;

	if (index->peak > keep + most)
		keep = index->peak - most;
	if (index->peak > keep)
		blank(index, keep, index->peak);
	index->peak = keep;
}

size_t
index_size(const struct index *index)
{
	return (MARGIN + index->peak) * sizeof(struct index_bucket);
}

#define ALL_SLOTS	((1u << SLOTS) - 1)

/* Bit n set: slot n may hold the tag; 0 finds those that are empty. */
static inline unsigned
match_tags(const struct index_bucket *bucket, uint8_t tag)
{
	const char *tags = (const char *)bucket + sizeof bucket->handle;
	uint64_t first, second;

	/* The overflow count comes along and is masked out. */
	memcpy(&first, tags, sizeof first);
	memcpy(&second, tags + sizeof first, sizeof second);
	return os_match(first, second, tag) & ALL_SLOTS;
}

void
index_prefetch(const struct index *index, uint64_t hash)
{
	__builtin_prefetch(home_of(index, hash));
}

void
index_prefetch_item(const struct index *index, uint64_t hash)
{
	const struct index_bucket *bucket = home_of(index, hash);
	unsigned found = match_tags(bucket, tag_of(hash));

	if (found != 0)
		__builtin_prefetch(slab_item(index->slab,
		    bucket->handle[__builtin_ctz(found)]));
}

/*
 * The numbers may be of different times. The bucket is one that was there at
 * one of them.
 */
RACY static inline const struct index_bucket *
peek_home(const struct index *index, uint64_t hash)
{
	uint64_t position = position_of(hash);

	return index->buckets + bucket_among(position,
	    position < racy_word(&index->frontier) ?
	    racy_word(&index->small) : racy_word(&index->large));
}

/* As match_tags(). */
RACY static inline unsigned
peek_tags(const struct index_bucket *bucket, uint8_t tag)
{
	return os_match(racy_word(bucket->tag), racy_word(bucket->tag + 8),
	    tag) & ALL_SLOTS;
}

RACY bool
index_peek(const struct index *index, uint64_t hash, uint32_t *handles,
    unsigned *count)
{
	const struct index_bucket *bucket = peek_home(index, hash);
	unsigned found = peek_tags(bucket, tag_of(hash));

	for (*count = 0; found != 0; found &= found - 1) {
		if (*count == INDEX_PEEK_MAX)
			return false;
		handles[(*count)++] =
		    racy_half(&bucket->handle[__builtin_ctz(found)]);
	}
	return racy_half(&bucket->overflow) == 0;
}

RACY void
index_peek_prefetch(const struct index *index, uint64_t hash)
{
	__builtin_prefetch(peek_home(index, hash));
}

RACY void
index_peek_prefetch_item(const struct index *index, uint64_t hash)
{
	const struct index_bucket *bucket = peek_home(index, hash);
	unsigned found = peek_tags(bucket, tag_of(hash));

	if (found != 0)
		__builtin_prefetch(slab_item(index->slab,
		    racy_half(&bucket->handle[__builtin_ctz(found)])));
}

static bool
has_key(const struct index *index, uint32_t handle,
    const struct store_key *key)
{
	return item_has_key(slab_item(index->slab, handle), key->bytes,
	    key->length, index->spaces.in_item[key->space]);
}

/* From a bucket on; not inlined, so that index_find() is small. */
static __attribute__((noinline)) uint32_t
search(const struct index *index, const struct index_bucket *bucket,
    const struct store_key *key)
{
	uint8_t tag = tag_of(key->hash);

	for (;; bucket--) {
		unsigned found = match_tags(bucket, tag);

		for (; found != 0; found &= found - 1) {
			unsigned slot = (unsigned)__builtin_ctz(found);
			uint32_t handle = bucket->handle[slot];

			if (handle != 0 && has_key(index, handle, key))
				return handle;
		}
		if (bucket->overflow == 0)
			return 0;
	}
}

/* Nearly always it is the first that may be it, or not there. */
uint32_t
index_find(const struct index *index, const struct store_key *key)
{
	const struct index_bucket *bucket = home_of(index, key->hash);
	unsigned found = match_tags(bucket, tag_of(key->hash));

	if (found != 0) {
		uint32_t handle = bucket->handle[__builtin_ctz(found)];

		if (handle != 0 && has_key(index, handle, key))
			return handle;
	} else if (bucket->overflow == 0) {
		return 0;
	}
	return search(index, bucket, key);
}

static struct place
place_of(const struct index *index, uint64_t hash, uint32_t handle)
{
	struct place place = { home_of(index, hash), 0 };
	uint8_t tag = tag_of(hash);

	for (;; place.bucket--) {
		unsigned found = match_tags(place.bucket, tag);

		for (; found != 0; found &= found - 1) {
			place.slot = (unsigned)__builtin_ctz(found);
			if (place.bucket->handle[place.slot] == handle)
				return place;
		}
		CHECK(place.bucket->overflow > 0);
	}
}

/* Put an entry in the first free slot from its home downward. */
static bool
put(struct index *index, uint64_t hash, uint32_t handle)
{
	struct index_bucket *home = home_of(index, hash);
	struct index_bucket *bucket = home;
	unsigned free;

	while ((free = match_tags(bucket, 0)) == 0)
		if (--bucket < index->buckets - MARGIN)
			return false;
	free = (unsigned)__builtin_ctz(free);
	bucket->handle[free] = handle;
	bucket->tag[free] = tag_of(hash);
	for (; home > bucket; home--)
		home->overflow++;
	return true;
}

/* Empty a slot whose entry is at home in `home`. */
static void
take(struct index_bucket *home, struct place place)
{
	place.bucket->handle[place.slot] = 0;
	place.bucket->tag[place.slot] = 0;
	for (; home > place.bucket; home--)
		home->overflow--;
}

/* Fetch the items of a bucket whose hashes will be needed. */
static void
prefetch_bucket_items(const struct index *index,
    const struct index_bucket *bucket)
{
	for (unsigned slot = 0; slot < SLOTS; slot++)
		if (bucket->handle[slot] != 0)
			__builtin_prefetch(slab_item(index->slab,
			    bucket->handle[slot]));
}

/* Call `visit` for each entry that is at home in a bucket. */
static void
visit_bucket(const struct index *index, uint64_t number,
    void (*visit)(void *context, uint64_t hash, uint32_t handle),
    void *context)
{
	const struct index_bucket *bucket = index->buckets + number;

	for (;; bucket--) {
		prefetch_bucket_items(index, bucket);
		for (unsigned slot = 0; slot < SLOTS; slot++) {
			uint32_t handle = bucket->handle[slot];
			uint64_t hash;

			if (handle == 0)
				continue;
			hash = hash_of(index, handle);
			if (bucket_at(index, position_of(hash)) == number)
				visit(context, hash, handle);
		}
		if (bucket->overflow == 0)
			return;
	}
}

/* One more entry moves; those that are too many are only counted. */
static void
add_moved(void *context, uint64_t hash, uint32_t handle)
{
	struct moved *moved = context;
	uint64_t position = position_of(hash);

	if (position < moved->first || position >= moved->end)
		return;
	if (moved->count < MOVED_MAX) {
		moved->hash[moved->count] = hash;
		moved->handle[moved->count] = handle;
	}
	moved->count++;
}

static void
take_all(struct index *index, const struct moved *moved, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		take(home_of(index, moved->hash[i]),
		    place_of(index, moved->hash[i], moved->handle[i]));
}

/* Returns how many found a place. */
static unsigned
put_all(struct index *index, const struct moved *moved)
{
	unsigned count = 0;

	while (count < moved->count &&
	    put(index, moved->hash[count], moved->handle[count]))
		count++;
	return count;
}

/*
 * Move the frontier over one bucket among the smaller number, which gives its
 * entries other homes. False: they do not fit there, and nothing has changed.
 */
static bool
move_frontier(struct index *index, uint64_t number, bool down)
{
	struct moved moved;
	uint64_t last, before = index->frontier;
	unsigned put;

	moved.first = first_position(number, index->small);
	moved.end = first_position(number + 1, index->small);
	moved.count = 0;
	last = bucket_at(index, moved.end - 1);
	for (uint64_t n = bucket_at(index, moved.first); n <= last; n++)
		visit_bucket(index, n, add_moved, &moved);
	if (moved.count > MOVED_MAX)
		return false;
	take_all(index, &moved, moved.count);
	index->frontier = down ? moved.first : moved.end;
	put = put_all(index, &moved);
	if (put == moved.count)
		return true;
	take_all(index, &moved, put);
	index->frontier = before;
	CHECK(put_all(index, &moved) == moved.count);
	return false;
}

static bool
is_settled(const struct index *index)
{
	return index->small == index->large;
}

/* Move some more entries to where the larger number has them. */
static void
grow(struct index *index)
{
	uint64_t next = bucket_among(index->frontier, index->small);

	for (unsigned i = 0; i < GROW_STEPS && next > 0; i++)
		if (!move_frontier(index, --next, true))
			return;
	if (next == 0)
		settle(index, index->large);
}

/* Or to where the smaller one has them. False: they do not fit there. */
static bool
shrink(struct index *index)
{
	uint64_t next = bucket_among(index->frontier, index->small);

	if (next < index->small && !move_frontier(index, next++, false))
		return false;
	if (next == index->small)
		settle(index, index->small);
	return true;
}

static bool
begin_growing(struct index *index, const struct fill *fill)
{
	uint64_t large = index->small + index->small * fill->growth / 100;

	if (!commit_to(index, large))
		return false;
	index->large = large;
	index->frontier = POSITION_END;
	return true;
}

static void
begin_shrinking(struct index *index, const struct fill *fill)
{
	uint64_t small = index->count * 100 / (SLOTS * fill->shrunk);

	if (small < BUCKETS_MIN)
		small = BUCKETS_MIN;
	if (small < index->large)
		index->small = small;
}

/* Choose the size that fits the count. */
static void
choose(struct index *index)
{
	const struct fill *fill = &fills[index->pressed];

	if (index->count > entries_at(index->small, fill->most)) {
		if (is_settled(index) && !begin_growing(index, fill))
			begin_growing(index, &fills[true]);
		index->growing = true;
	} else if (index->count < entries_at(index->large, fill->least)) {
		if (is_settled(index))
			begin_shrinking(index, fill);
		index->growing = false;
	}
}

/* Go a step; there is no hurry to shrink, and many entries may go at once. */
static void
resize(struct index *index)
{
	choose(index);
	if (is_settled(index))
		return;
	if (index->growing)
		grow(index);
	else if (++index->changes % SHRINK_EVERY == 0)
		shrink(index);
}

bool
index_slice(struct index *index, unsigned buckets)
{
	choose(index);
	for (; !is_settled(index) && !index->growing; buckets--) {
		if (buckets == 0)
			return true;
		if (!shrink(index))
			return false;
		choose(index);
	}
	return false;
}

bool
index_add(struct index *index, uint64_t hash, uint32_t handle)
{
	if (!put(index, hash, handle))
		return false;
	index->count++;
	resize(index);
	return true;
}

void
index_replace(struct index *index, uint64_t hash, uint32_t old, uint32_t new)
{
	struct place place = place_of(index, hash, old);

	place.bucket->handle[place.slot] = new;
}

void
index_remove(struct index *index, uint64_t hash, uint32_t handle)
{
	take(home_of(index, hash), place_of(index, hash, handle));
	index->count--;
	resize(index);
}

/*
 * A scan goes by positions, so its cursor stays good whatever becomes of the
 * buckets. The low byte of a cursor is the caller's.
 */
#define CURSOR_SHIFT	8

/* The first position behind the bucket that has `position` in it. */
static uint64_t
next_position(const struct index *index, uint64_t position)
{
	uint64_t count = position < index->frontier ?
	    index->small : index->large;

	return first_position(bucket_among(position, count) + 1, count);
}

struct scan {
	uint64_t	position;
	void		(*visit)(void *context, uint32_t handle);
	void		*context;
};

static void
scan_entry(void *context, uint64_t hash, uint32_t handle)
{
	const struct scan *scan = context;

	if (position_of(hash) >= scan->position)
		scan->visit(scan->context, handle);
}

uint64_t
index_scan(const struct index *index, uint64_t cursor,
    void (*visit)(void *, uint32_t), void *context)
{
	uint64_t position = cursor >> CURSOR_SHIFT & (POSITION_END - 1);
	struct scan scan = { position, visit, context };

	visit_bucket(index, bucket_at(index, position), scan_entry, &scan);
	position = next_position(index, position);
	return position == POSITION_END ? 0 : position << CURSOR_SHIFT;
}
