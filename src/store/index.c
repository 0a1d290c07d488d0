/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * index.c - see index.h.
 *
 * An array of cache-line buckets, grown and shrunk by linear hashing (Litwin
 * 1980): one bucket is split, or two are merged, at a time.
 *
 *   offset  size     field
 *   0       12 x 4   handle     of the items; 0 = slot is empty
 *   48      12 x 1   tag        8 bits of each item's hash; 0 = empty
 *   60      4        overflow   entries at home here that lie further down
 *
 * hash bits:  63..56 tag (0 becomes 1)    8.. bucket    7..0 shard
 *
 * An entry that finds its home bucket full goes to the next lower one. The
 * count in each bucket it passed tells a search when to stop: nearly always
 * at the first line. Downward, because the array grows at its upper end, so
 * that a probe never meets the edge that moves; below bucket 0 there are
 * MARGIN buckets which are nobody's home. Keys that collide so much that they
 * find no place there are refused; that does not happen by chance.
 *
 * The array is at most 85 % full and then doubles, two splits with each
 * entry added; when memory is short, at 94 %: a search then reads half a line
 * more, but items would have to go for the lines that are new. It halves below 20 %, two merges with each one removed.
 * A new bucket is cleared when it comes into use, so index_clear() only has
 * to clear the first few.
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
#define FULL_PERCENT	85
#define PRESSED_PERCENT	94
#define EMPTY_PERCENT	20
#define STEPS		2	/* splits or merges with each change */
#define MOVED_MAX	256	/* entries at home in one bucket, at most */
#define COMMIT_STEP	((size_t)1 << 20)

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

/* The entries at home in one bucket, which is about to change. */
struct moved {
	uint64_t	hash[MOVED_MAX];
	uint32_t	handle[MOVED_MAX];
	unsigned	count;
};

static uint8_t
tag_of(uint64_t hash)
{
	uint8_t tag = (uint8_t)(hash >> 56);

	return tag == 0 ? 1 : tag;
}

/* The largest power of two that is at most `count`. */
static uint64_t
level_of(uint64_t count)
{
	return (uint64_t)1 << (63 - __builtin_clzll(count));
}

/*
 * The number of the bucket where a hash is at home among `count`; `mask` is
 * twice their level, less one.
 */
static inline uint64_t
home_among(uint64_t hash, uint64_t count, uint64_t mask)
{
	uint64_t number = hash >> 8 & mask;

	/* No branch: it would be wrong half of the time. */
	return number & mask >> (number >= count);
}

static inline uint64_t
home_number(const struct index *index, uint64_t hash)
{
	return home_among(hash, index->bucket_count, index->bucket_mask);
}

static inline struct index_bucket *
home_of(const struct index *index, uint64_t hash)
{
	return index->buckets + home_number(index, hash);
}

static void
set_count(struct index *index, uint64_t count)
{
	index->bucket_count = count;
	index->bucket_mask = 2 * level_of(count) - 1;
}

static uint64_t
hash_of(const struct index *index, uint32_t handle)
{
	const struct item *item = slab_item(index->slab, handle);

	return store_hash(index->seed, item_key(item),
	    item_key_length(item), item_space(item));
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
	if (count > index->bucket_peak)
		index->bucket_peak = count;
	return true;
}

int
index_open(struct index *index, const struct slab *slab, uint64_t seed,
    size_t reserve, struct error *error)
{
	*index = (struct index){
		.slab = slab, .seed = seed, .reserved = reserve,
	};
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

void
index_clear(struct index *index)
{
	index->bucket_target = BUCKETS_MIN;
	set_count(index, BUCKETS_MIN);
	index->count = 0;
	memset(index->range, 0,
	    (MARGIN + BUCKETS_MIN) * sizeof(struct index_bucket));
}

void
index_trim(struct index *index, size_t bytes)
{
	size_t page = os_page_size();
	size_t keep = (MARGIN + index->bucket_count) *
	    sizeof(struct index_bucket);
	size_t end = (MARGIN + index->bucket_peak) *
	    sizeof(struct index_bucket);
	size_t start = end > bytes ? end - bytes : 0;

	start = (start > keep ? start : keep) + page - 1;
	start -= start % page;
	end += page - 1;
	end -= end % page;
	if (start >= end)
		return;
	os_discard(index->range + start, end - start);
	index->bucket_peak = start / sizeof(struct index_bucket) - MARGIN;
}

size_t
index_size(const struct index *index)
{
	return (MARGIN + index->bucket_peak) * sizeof(struct index_bucket);
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
 * Count and mask may be of different times. The bucket is one that was there
 * at either of them.
 */
RACY static inline const struct index_bucket *
peek_home(const struct index *index, uint64_t hash)
{
	return index->buckets + home_among(hash,
	    racy_word(&index->bucket_count), racy_word(&index->bucket_mask));
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

			if (handle != 0 && item_has_key(slab_item(index->slab,
			    handle), key->bytes, key->length, key->space))
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

		if (handle != 0 && item_has_key(slab_item(index->slab,
		    handle), key->bytes, key->length, key->space))
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
			if (home_number(index, hash) == number)
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
	unsigned n = moved->count++;

	if (n < MOVED_MAX) {
		moved->hash[n] = hash;
		moved->handle[n] = handle;
	}
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
 * Make it `count` buckets, one more or less, which gives the entries at home
 * in bucket `from` another one. When they do not fit, nothing changes.
 */
static void
change_count(struct index *index, uint64_t count, uint64_t from)
{
	uint64_t before = index->bucket_count;
	struct moved moved;
	unsigned put;

	moved.count = 0;
	visit_bucket(index, from, add_moved, &moved);
	if (moved.count > MOVED_MAX) {
		index->bucket_target = before;
		return;
	}
	take_all(index, &moved, moved.count);
	set_count(index, count);
	put = put_all(index, &moved);
	if (put == moved.count)
		return;
	take_all(index, &moved, put);
	index->bucket_target = before;
	set_count(index, before);
	CHECK(put_all(index, &moved) == moved.count);
}

static void
split(struct index *index)
{
	uint64_t count = index->bucket_count;

	if (!commit_to(index, count + 1)) {
		index->bucket_target = count;
		return;
	}
	memset(index->buckets + count, 0, sizeof *index->buckets);
	change_count(index, count + 1, count - level_of(count));
}

static void
merge(struct index *index)
{
	uint64_t last = index->bucket_count - 1;

	change_count(index, last, last);
}

/* Choose the size that fits the count, and go a step towards it. */
static void
resize(struct index *index)
{
	unsigned full = index->pressed ? PRESSED_PERCENT : FULL_PERCENT;

	if (index->count > entries_at(index->bucket_target, full))
		index->bucket_target *= 2;
	else if (index->bucket_target > BUCKETS_MIN &&
	    index->count < entries_at(index->bucket_target, EMPTY_PERCENT))
		index->bucket_target = index->bucket_target / 2 > BUCKETS_MIN ?
		    index->bucket_target / 2 : BUCKETS_MIN;
	for (int i = 0; i < STEPS; i++) {
		if (index->bucket_count < index->bucket_target)
			split(index);
		else if (index->bucket_count > index->bucket_target)
			merge(index);
	}
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
 * The order of a scan is that of the hashes' bucket bits read backwards, the
 * lowest first: in it, each bucket is an interval, which a split cuts in two
 * and a merge puts together. So a position in this order stays good whatever
 * becomes of the buckets.
 */
static uint64_t
position_of(uint64_t hash)
{
	return bits_reverse(hash >> 8);
}

/* The first position behind the bucket that holds `position`; 0: the end. */
static uint64_t
interval_end(const struct index *index, uint64_t position, uint64_t number)
{
	uint64_t level = level_of(index->bucket_count);
	bool split = number >= level || number < index->bucket_count - level;
	unsigned bits = 63 - (unsigned)__builtin_clzll(level) + split;

	return ((position >> (64 - bits)) + 1) << (64 - bits);
}

struct scan {
	uint64_t	cursor;
	void		(*visit)(void *context, uint32_t handle);
	void		*context;
};

static void
scan_entry(void *context, uint64_t hash, uint32_t handle)
{
	const struct scan *scan = context;

	if (position_of(hash) >= scan->cursor)
		scan->visit(scan->context, handle);
}

uint64_t
index_scan(const struct index *index, uint64_t cursor,
    void (*visit)(void *, uint32_t), void *context)
{
	uint64_t number = home_number(index, bits_reverse(cursor) << 8);
	struct scan scan = { cursor, visit, context };

	visit_bucket(index, number, scan_entry, &scan);
	return interval_end(index, cursor, number);
}
