/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * evict.c - who has to go, by what it does to the hit ratio.
 *
 * Within a class, the store is held against a slow and plain S3-FIFO with
 * real queues. The orders differ, as the store's is that of its chunks, but
 * the hit ratios must not. All streams ask for a key and store it on a miss.
 */
#include "stored.h"

#define NAMES_MAX	1000000
#define CAPACITY_MAX	100000
#define VALUE		300	/* bytes of a value of the streams */

static struct random rnd;

static bool by_drafts;		/* values come as if over a network */

static enum store_result
set_by_draft(const char *whole, size_t length)
{
	struct store_key where = key(whole);
	struct store_value value = { .draft = 0 };

	if (store_draft(store, &where, (uint32_t)length, 0, NEVER,
	    &value.draft) != STORE_OK)
		return STORE_NO_MEMORY;
	value_fill(store, value.draft, bytes_of(length).bytes);
	return store_put(store, &where, STORE_SET, &value);
}

static bool
ask(const char *name, unsigned n, size_t length)
{
	const char *whole = numbered(name, n);

	if (get(whole) == STORE_OK)
		return true;
	EXPECT_EQUAL(by_drafts ? set_by_draft(whole, length) :
	    set(whole, bytes_of(length)), STORE_OK);
	return false;
}

static void
begin(size_t limit)
{
	struct store_config config = usual;

	config.limit = limit;
	open_as(&config);
	rnd.state = 31;
}

/* In steady state, what is held is used. */
static void
end(void)
{
	const struct slab *slab = &store->slab;
	uint64_t used = 0, chunks = 0;

	for (unsigned i = 0; i < slab->class_count; i++) {
		const struct slab_class *class = &slab->classes[i];

		used += class->queue[SLAB_SMALL].used * class->chunk_size;
		used += class->queue[SLAB_MAIN].used * class->chunk_size;
		chunks += (uint64_t)slab_class_pages(class) * class->chunks *
		    class->chunk_size;
	}
	if (!EXPECT(used * 100 >= chunks * 85))
		printf("# %llu of %llu bytes are used\n",
		    (unsigned long long)used, (unsigned long long)chunks);
	EXPECT(store_free_pages(store) * 50 <= slab->pages_held);
	EXPECT(slab->pages_held + slab->pages_held / 50 + 1 >=
	    slab->pages_allowed);
	close_store();
}

/* Keys by popularity: number n is asked for 1 / (n + 1) times as often. */
static double popularity[NAMES_MAX];

static void
make_popularity(void)
{
	double sum = 0;

	for (unsigned n = 0; n < NAMES_MAX; n++)
		popularity[n] = sum += 1.0 / (n + 1);
}

/* A key of `count` by Zipf's law. */
static unsigned
random_zipf(unsigned count)
{
	double wanted = (double)(random_next(&rnd) >> 11) /
	    (double)((uint64_t)1 << 53) * popularity[count - 1];
	unsigned low = 0, high = count - 1;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (popularity[middle] < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The model: S3-FIFO of keys of one size. */

enum place { NOWHERE, IN_SMALL, IN_MAIN };

struct fifo {
	unsigned	name[CAPACITY_MAX];	/* a ring */
	unsigned	first, count, room;
};

static struct {
	struct fifo	small, main;
	uint8_t		place[NAMES_MAX];
	uint8_t		heat[NAMES_MAX];
	uint64_t	ghost[NAMES_MAX];	/* evictions when it went */
	uint64_t	evictions;
} model;

static void
fifo_add(struct fifo *fifo, unsigned name)
{
	fifo->name[(fifo->first + fifo->count++) % CAPACITY_MAX] = name;
}

static unsigned
fifo_take(struct fifo *fifo)
{
	unsigned name = fifo->name[fifo->first];

	fifo->first = (fifo->first + 1) % CAPACITY_MAX;
	fifo->count--;
	return name;
}

static void
model_make_room_in_main(void)
{
	while (model.main.count >= model.main.room) {
		unsigned name = fifo_take(&model.main);

		if (model.heat[name] > 0) {
			model.heat[name]--;
			fifo_add(&model.main, name);
			continue;
		}
		model.place[name] = NOWHERE;
		model.evictions++;
	}
}

static void
model_add_to_main(unsigned name)
{
	model_make_room_in_main();
	fifo_add(&model.main, name);
	model.place[name] = IN_MAIN;
	model.heat[name] = 0;
}

static void
model_add_to_small(unsigned name)
{
	while (model.small.count >= model.small.room) {
		unsigned oldest = fifo_take(&model.small);

		if (model.heat[oldest] > 0) {
			model_add_to_main(oldest);
			continue;
		}
		model.place[oldest] = NOWHERE;
		model.ghost[oldest] = ++model.evictions;
	}
	fifo_add(&model.small, name);
	model.place[name] = IN_SMALL;
	model.heat[name] = 0;
}

/* Was it evicted from the small queue while it could have been kept? */
static bool
model_is_proven(unsigned name)
{
	uint64_t room = model.main.room + model.small.room;

	return model.ghost[name] != 0 &&
	    model.evictions - model.ghost[name] <= room * 9 / 10;
}

static bool
model_ask(unsigned name)
{
	if (model.place[name] != NOWHERE) {
		if (model.heat[name] < 3)
			model.heat[name]++;
		return true;
	}
	/* While there is memory, probation is of no use. */
	if (model_is_proven(name) ||
	    (model.small.count == model.small.room &&
	    model.main.count < model.main.room))
		model_add_to_main(name);
	else
		model_add_to_small(name);
	model.ghost[name] = 0;
	return false;
}

/* As large as the store's class is now; the stream is in only one. */
static bool
model_begin(void)
{
	const struct slab_class *like = store->slab.classes;

	for (unsigned i = 1; i < store->slab.class_count; i++)
		if (slab_class_pages(&store->slab.classes[i]) >
		    slab_class_pages(like))
			like = &store->slab.classes[i];
	memset(&model, 0, sizeof model);
	model.small.room = like->queue[SLAB_SMALL].pages * like->chunks;
	model.main.room = like->queue[SLAB_MAIN].pages * like->chunks;
	return EXPECT(model.main.room < CAPACITY_MAX) &&
	    EXPECT(model.small.room > 0);
}

/*
 * Streams, of 400,000 requests; hits are counted in the second half.
 */

#define REQUESTS	400000

static unsigned stream[REQUESTS];

static unsigned
hits_of_store(void)
{
	unsigned hits = 0;

	for (unsigned i = 0; i < REQUESTS; i++) {
		bool hit = ask("k", stream[i], VALUE);

		hits += hit && i >= REQUESTS / 2;
	}
	return hits;
}

static unsigned
hits_of_model(void)
{
	unsigned hits = 0;

	for (unsigned i = 0; i < REQUESTS; i++) {
		bool hit = model_ask(stream[i]);

		hits += hit && i >= REQUESTS / 2;
	}
	return hits;
}

static void
expect_like_model(size_t limit)
{
	unsigned ours, models = 0;

	begin(limit);
	ours = hits_of_store();
	if (model_begin())
		models = hits_of_model();
	printf("# %.2f %% hits, the model has %.2f %%\n",
	    ours * 200.0 / REQUESTS, models * 200.0 / REQUESTS);
	EXPECT(ours * 100.0 >= models * 97.0);
	EXPECT(ours * 97.0 <= models * 100.0);
	end();
}

static void
popular_keys_hit_as_often_as_in_the_model(void)
{
	rnd.state = 1;
	for (unsigned i = 0; i < REQUESTS; i++)
		stream[i] = random_zipf(200000);
	expect_like_model(4 * MB);
	expect_like_model(8 * MB);
}

static void
nearly_even_popularity_too(void)
{
	rnd.state = 2;
	for (unsigned i = 0; i < REQUESTS; i++)
		stream[i] = i % 3 != 0 ? 1000 + (unsigned)random_below(&rnd,
		    30000) : random_zipf(60000);
	expect_like_model(4 * MB);
	expect_like_model(8 * MB);
}

/* A long run of keys in order, now and then. */
static void
scans_among_popular_keys_too(void)
{
	unsigned next = 0;

	rnd.state = 3;
	for (unsigned i = 0; i < REQUESTS; i++)
		if (i % 40000 < 15000)
			stream[i] = 300000 + next++ % 60000;
		else
			stream[i] = random_zipf(200000);
	expect_like_model(4 * MB);
	expect_like_model(8 * MB);
}

static void
keys_that_are_asked_for_once_among_popular_ones_too(void)
{
	rnd.state = 4;
	for (unsigned i = 0; i < REQUESTS; i++)
		stream[i] = i % 2 == 0 ? 300000 + i : random_zipf(200000);
	expect_like_model(4 * MB);
	expect_like_model(8 * MB);
}

/*
 * A draft is on probation or proven like any other new item. Few of these
 * keys are hit on probation; it is their ghosts that prove them.
 */
static void
values_that_come_as_drafts_are_proven_too(void)
{
	unsigned at_once, drafts;

	rnd.state = 6;
	for (unsigned i = 0; i < REQUESTS; i++)
		stream[i] = i % 2 == 0 ? 300000 + i :
		    (unsigned)random_below(&rnd, 6000) + i / 40000 * 3000;
	begin(4 * MB);
	at_once = hits_of_store();
	end();
	begin(4 * MB);
	by_drafts = true;
	drafts = hits_of_store();
	by_drafts = false;
	end();
	EXPECT(drafts * 100.0 > at_once * 90.0);
}

/* What was popular changes; the past has to go. */
static void
changing_popularity_too(void)
{
	rnd.state = 5;
	for (unsigned i = 0; i < REQUESTS; i++)
		stream[i] = (random_zipf(100000) + i / 50000 * 3000) %
		    100000;
	expect_like_model(4 * MB);
	expect_like_model(8 * MB);
}

/* Sanity */

static void
a_looping_scan_does_not_flush_a_hot_set(void)
{
	unsigned hits = 0, asked = 0;

	begin(4 * MB);
	for (unsigned i = 0; i < 300000; i++) {
		if (i % 5 == 0) {
			bool hit = ask("hot", (unsigned)random_below(&rnd,
			    1500), VALUE);

			hits += hit && i > 100000;
			asked += i > 100000;
		} else {
			ask("loop", i % 40000, VALUE);
		}
	}
	if (!EXPECT(hits * 100.0 >= asked * 95.0))
		printf("# %u of %u hit\n", hits, asked);
	end();
}

static void
what_fits_is_kept(void)
{
	unsigned misses = 0;

	begin(4 * MB);
	for (unsigned i = 0; i < 200000; i++)
		misses += !ask("k", i % 9000, VALUE);
	EXPECT_EQUAL(misses, 9000);
	close_store();
}

/* Items of one size that nobody asks for go before the hot ones do. */
static void
hot_items_survive_when_their_pages_are_given_away(void)
{
	unsigned hot = 6000, asked = 0, hits = 0;
	uint64_t moved;

	begin(4 * MB);
	for (unsigned n = 0; n < 60000; n++)
		set(numbered("cold", n), bytes_of(100));
	for (int round = 0; round < 4; round++)
		for (unsigned n = 0; n < hot; n++)
			ask("hot", n, 100);
	moved = store_counts(store)->pages_moved;
	/* Another size is much in demand. */
	for (unsigned i = 0; i < 600000; i++) {
		ask("other", random_zipf(20000), 700);
		if (i % 2 == 0) {
			hits += ask("hot", asked % hot, 100);
			asked++;
		}
	}
	EXPECT(store_counts(store)->pages_moved > moved + 20);
	if (!EXPECT(hits * 100.0 >= asked * 98.0))
		printf("# %u of %u hit\n", hits, asked);
	end();
}

static uint32_t
pages_for(size_t length)
{
	const struct slab *slab = &store->slab;

	return slab_class_pages(&slab->classes[slab_class_for(slab,
	    ITEM_HEADER + 5 + length)]);
}

/*
 * The sizes in demand change in mid-run. `first` is stored first and takes
 * all memory; then nine of ten requests are for `second`, which has to grow
 * on its merits.
 */
static void
change_of_demand(size_t first, unsigned firsts, size_t second,
    unsigned seconds)
{
	unsigned window = 50000, misses_at_first = 0, misses = 0;
	uint32_t pages = 0;

	begin(4 * MB);
	for (unsigned i = 0; i < 200000; i++)
		ask("first", random_zipf(firsts), first);
	for (unsigned i = 0; i < 22 * window; i++) {
		bool hit;

		if (i == window)
			pages = pages_for(second);
		hit = i % 10 == 0 ? ask("first", random_zipf(firsts), first) :
		    ask("then", random_zipf(seconds), second);
		misses_at_first += !hit && i / window == 1;
		misses += !hit && i / window == 21;
	}
	if (!EXPECT(misses < misses_at_first * 8 / 10) ||
	    !EXPECT(pages_for(second) > 2 * pages))
		printf("# pages %u, then %u; misses %u, then %u\n", pages,
		    pages_for(second), misses_at_first, misses);
	end();
}

static void
pages_go_where_the_misses_are(void)
{
	change_of_demand(100, 100000, 600, 20000);
	change_of_demand(600, 100000, 100, 60000);
	change_of_demand(3000, 10000, 300, 30000);
}

static void
classes_of_equal_worth_keep_their_pages(void)
{
	uint64_t moved;

	begin(4 * MB);
	for (unsigned i = 0; i < 200000; i++) {
		unsigned n = random_zipf(100000);

		ask("k", n, 100 + n % 2 * 20);
	}
	moved = store_counts(store)->pages_moved;
	for (unsigned i = 0; i < 400000; i++) {
		unsigned n = random_zipf(100000);

		ask("k", n, 100 + n % 2 * 20);
	}
	/* A hundred times they were compared. */
	EXPECT(store_counts(store)->pages_moved - moved < 40);
	end();
}

static void
many_sizes_use_all_memory(void)
{
	begin(8 * MB);
	for (unsigned i = 0; i < 400000; i++) {
		unsigned n = random_zipf(200000);

		ask("k", n, n * 7919u % 1000 * (n % 7 == 0 ? 6 : 1));
		if (n % 50 == 0)
			delete(numbered("k", n));
	}
	end();
}

static void
large_values_among_small_ones_use_all_memory(void)
{
	begin(8 * MB);
	for (unsigned i = 0; i < 200000; i++) {
		unsigned n = random_zipf(50000);

		ask("k", n, n % 20 == 0 ? 5000 + n % 60000 : n % 400);
	}
	end();
}

/*
 * How long a request may take, in chunks that it looks at to empty pages.
 * Pages of a store of 128 MB hold up to 2,300 items.
 */

#define CHUNKS_AT_ONCE	64

static uint64_t emptied_by_one;	/* at most, by one request */

static void
look_at_work(uint64_t before)
{
	uint64_t emptied = store->emptying.emptied - before;

	if (emptied > emptied_by_one)
		emptied_by_one = emptied;
}

static void
measured_set(const char *name, size_t length)
{
	uint64_t before = store->emptying.emptied;

	EXPECT_EQUAL(set(name, bytes_of(length)), STORE_OK);
	look_at_work(before);
	EXPECT(has(name, bytes_of(length)));
}

static void
measured_gets(unsigned count)
{
	for (unsigned n = 0; n < count; n++) {
		uint64_t before = store->emptying.emptied;

		get("k1");
		look_at_work(before);
	}
}

/* Small items, until some had to go and the index has its size. */
static void
begin_full_of_small_items(void)
{
	unsigned n = 0;

	begin(128 * MB);
	emptied_by_one = 0;
	do {
		for (int i = 0; i < 1000; i++)
			measured_set(numbered("k", n++), 20);
		store_tick(store, CHUNKS_AT_ONCE);
	} while (store_counts(store)->evictions < 1000 ||
	    store_index_resizing(store) ||
	    store->slab.pages_held + 1 < store->slab.pages_allowed);
}

static void
end_with_little_work_in_each_request(void)
{
	uint64_t before = store->emptying.emptied;

	EXPECT(store->emptying.emptied > 1000);
	if (!EXPECT(emptied_by_one <= CHUNKS_AT_ONCE))
		printf("# %u chunks in one request\n",
		    (unsigned)emptied_by_one);
	while (store_tick(store, CHUNKS_AT_ONCE)) {
		EXPECT(store->emptying.emptied - before <= CHUNKS_AT_ONCE);
		before = store->emptying.emptied;
	}
	end();
}

static void
growing_values_get_their_first_pages_in_small_steps(void)
{
	begin_full_of_small_items();
	for (size_t length = 100; length < 60000; length += length / 3) {
		measured_set(numbered("growing", (unsigned)length), length);
		measured_gets(300);
	}
	end_with_little_work_in_each_request();
}

static void
many_sizes_at_once_get_room_in_small_steps(void)
{
	begin_full_of_small_items();
	for (size_t length = 60000; length > 100; length -= length / 20)
		measured_set(numbered("new", (unsigned)length), length);
	for (unsigned n = 0; n < 20000; n++)
		measured_set(numbered("more", n), n % 30000);
	end_with_little_work_in_each_request();
}

/* The index grows at the cost of pages. */
static void
the_index_gets_room_in_small_steps(void)
{
	begin(128 * MB);
	emptied_by_one = 0;
	for (unsigned n = 0; n < 50000; n++)
		measured_set(numbered("large", n), 3000);
	for (unsigned n = 0; n < 2000000; n++) {
		const char *name = numbered("k", random_zipf(1000000));

		if (get(name) == STORE_MISS)
			measured_set(name, 20);
	}
	EXPECT(((size_t)store->slab.pages_held << store->slab.page_shift) +
	    store_index_size(store) <= 129 * MB);
	end_with_little_work_in_each_request();
}

static void
a_lower_limit_is_reached_in_small_steps(void)
{
	begin_full_of_small_items();
	store_set_limit(store, 100 * MB);
	for (unsigned n = 0; n < 5000; n++)
		measured_set(numbered("new", n), 20);
	EXPECT_EQUAL(store_tick(store, CHUNKS_AT_ONCE), true);
	end_with_little_work_in_each_request();
}

/* Eviction of what is large itself is no work to speak of. */
static void
a_large_value_empties_no_more_than_the_pages_it_takes(void)
{
	uint64_t chunks;

	begin_full_of_small_items();
	chunks = slab_page_size(&store->slab) / 48;
	for (unsigned n = 0; n < 20; n++) {
		uint64_t before = store->emptying.emptied;

		EXPECT_EQUAL(set(numbered("large", n), bytes_of(ITEM_MAX -
		    100)), STORE_OK);
		EXPECT(store->emptying.emptied - before <= chunks *
		    (ITEM_MAX / slab_page_size(&store->slab) + 1));
	}
	end();
}

int
main(void)
{
	fill_source();
	make_popularity();
	RUN(popular_keys_hit_as_often_as_in_the_model);
	RUN(nearly_even_popularity_too);
	RUN(scans_among_popular_keys_too);
	RUN(keys_that_are_asked_for_once_among_popular_ones_too);
	RUN(changing_popularity_too);
	RUN(values_that_come_as_drafts_are_proven_too);
	RUN(what_fits_is_kept);
	RUN(a_looping_scan_does_not_flush_a_hot_set);
	RUN(hot_items_survive_when_their_pages_are_given_away);
	RUN(pages_go_where_the_misses_are);
	RUN(classes_of_equal_worth_keep_their_pages);
	RUN(many_sizes_use_all_memory);
	RUN(large_values_among_small_ones_use_all_memory);
	RUN(growing_values_get_their_first_pages_in_small_steps);
	RUN(many_sizes_at_once_get_room_in_small_steps);
	RUN(the_index_gets_room_in_small_steps);
	RUN(a_lower_limit_is_reached_in_small_steps);
	RUN(a_large_value_empties_no_more_than_the_pages_it_takes);
	return tap_done();
}
