/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slab.c - size classes, chunks, marks, pages and queues; the chunks against
 * a slow twin that is an array of what was handed out.
 */
#include "store/slab.h"

#include <stdlib.h>

#include "base/random.h"
#include "tap.h"

#define MB	((size_t)1 << 20)

static struct slab slab;
static struct error problem;

static void
open_slab(size_t limit, double growth_factor, size_t chunk_min)
{
	struct slab_config config = {
		.limit = limit,
		.reserve = 1024 * MB,
		.growth_factor = growth_factor,
		.chunk_min = chunk_min,
	};

	if (slab_open(&slab, &config, &problem) == -1)
		printf("Bail out! %s\n", problem.text);
	slab_allow(&slab, (uint32_t)(limit >> slab.page_shift));
}

static const struct slab_config shapes[] = {
	{ .limit = 1 * MB, .growth_factor = 1.25, .chunk_min = 56 },
	{ .limit = 1 * MB, .growth_factor = 1.01, .chunk_min = 9 },
	{ .limit = 16 * MB, .growth_factor = 1.08, .chunk_min = 16 },
	{ .limit = 64 * MB, .growth_factor = 1.25, .chunk_min = 57 },
	{ .limit = 64 * MB, .growth_factor = 4, .chunk_min = 250 },
	{ .limit = 500 * MB, .growth_factor = 1.25, .chunk_min = 300 },
	{ .limit = 4096 * MB, .growth_factor = 1.25, .chunk_min = 56 },
	{ .limit = 4096 * MB, .growth_factor = 1.001, .chunk_min = 1032 },
	{ .limit = 1 * MB, .growth_factor = 2, .chunk_min = 100000 },
};

/* Run a check on a slab of every shape. */
static void
with_every_shape(void (*check)(const struct slab_config *))
{
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		open_slab(shapes[i].limit, shapes[i].growth_factor,
		    shapes[i].chunk_min);
		check(&shapes[i]);
		slab_close(&slab);
		if (tap_test_failed)
			printf("# in shape %zu\n", i);
	}
}

static void
check_ascending(const struct slab_config *config)
{
	(void)config;
	EXPECT(slab.class_count >= 2 && slab.class_count <= SLAB_CLASSES_MAX);
	for (unsigned i = 0; i < slab.class_count; i++) {
		EXPECT_EQUAL(slab.classes[i].chunk_size % ITEM_UNIT, 0);
		EXPECT(i == 0 || slab.classes[i].chunk_size >
		    slab.classes[i - 1].chunk_size);
	}
}

static void
classes_are_ascending_multiples_of_eight(void)
{
	with_every_shape(check_ascending);
}

static void
check_ends(const struct slab_config *config)
{
	size_t first = slab.classes[0].chunk_size;
	const struct slab_class *last = &slab.classes[slab.class_count - 1];

	EXPECT(first >= config->chunk_min || first == slab_single_max(&slab));
	EXPECT(first < config->chunk_min + ITEM_UNIT);
	EXPECT_EQUAL(last[-1].chunk_size, slab_single_max(&slab));
	EXPECT_EQUAL(last[-1].chunks, 2);
	EXPECT_EQUAL(last->chunk_size, slab_chunk_max(&slab));
	EXPECT_EQUAL(last->chunks, 1);
	/* What the marks take is all that is lost. */
	EXPECT(slab_chunk_max(&slab) + ITEM_UNIT == slab_page_size(&slab));
	EXPECT(2 * slab_single_max(&slab) + 2 * ITEM_UNIT >=
	    slab_page_size(&slab));
}

static void
the_first_class_holds_the_smallest_item_and_the_last_is_a_page(void)
{
	with_every_shape(check_ends);
}

static void
check_steps(const struct slab_config *config)
{
	(void)config;
	for (unsigned i = 1; i < slab.class_count; i++)
		if (slab.classes[i].chunk_size <= 64)
			EXPECT_EQUAL(slab.classes[i].chunk_size -
			    slab.classes[i - 1].chunk_size, 8);
}

static void
classes_up_to_64_bytes_are_eight_bytes_apart(void)
{
	with_every_shape(check_steps);
}

/* Bytes of a page that so many chunks, and a mark for each, take. */
static size_t
size_with_marks(const struct slab_class *class, size_t chunks)
{
	size_t marks = (chunks + ITEM_UNIT - 1) / ITEM_UNIT * ITEM_UNIT;

	return marks + chunks * class->chunk_size;
}

static void
check_chunks(const struct slab_config *config)
{
	size_t page = slab_page_size(&slab);

	(void)config;
	for (unsigned i = 0; i < slab.class_count; i++) {
		const struct slab_class *class = &slab.classes[i];

		EXPECT(class->chunks >= 1);
		EXPECT(size_with_marks(class, class->chunks) <= page);
		EXPECT(size_with_marks(class, class->chunks + 1) > page);
		EXPECT(class->offset >= class->chunks);
		EXPECT_EQUAL(class->offset % ITEM_UNIT, 0);
		EXPECT(class->offset + (size_t)class->chunks *
		    class->chunk_size <= page);
	}
}

static void
a_page_is_cut_into_as_many_chunks_as_fit(void)
{
	with_every_shape(check_chunks);
}

/* Walks up the classes as the size grows: the answer is never in doubt. */
static void
check_class_for(const struct slab_config *config)
{
	unsigned smallest = 0;
	bool right = true;

	(void)config;
	for (size_t size = 1; size <= slab_chunk_max(&slab); size++) {
		while (slab.classes[smallest].chunk_size < size)
			smallest++;
		right = right && slab_class_for(&slab, size) == smallest;
	}
	EXPECT(right);
}

static void
the_class_for_a_size_is_the_smallest_that_holds_it(void)
{
	with_every_shape(check_class_for);
}

static void
the_page_size_follows_the_limit(void)
{
	static const struct { size_t limit, page; } wanted[] = {
		{ 1, 16384 }, { 1 * MB, 16384 }, { 64 * MB, 65536 },
		{ 1000 * MB, MB }, { 2000 * MB, MB },
	};

	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		open_slab(wanted[i].limit, 1.25, 48);
		EXPECT_EQUAL(slab_page_size(&slab), wanted[i].page);
		slab_close(&slab);
	}
}

/* A chunk of the queue, from a new page if need be; 0: there is none. */
static uint32_t
alloc_from(unsigned class, enum slab_queue_name queue)
{
	uint32_t handle = slab_alloc(&slab, class, queue);

	if (handle == 0 && slab_grow(&slab, class, queue))
		handle = slab_alloc(&slab, class, queue);
	return handle;
}

static uint32_t
alloc(unsigned class)
{
	return alloc_from(class, SLAB_MAIN);
}

static uint64_t
used_in(unsigned class)
{
	return slab.classes[class].queue[SLAB_SMALL].used +
	    slab.classes[class].queue[SLAB_MAIN].used;
}

static uint32_t
pages_in(unsigned class)
{
	return slab_class_pages(&slab.classes[class]);
}

/* The chunks that were handed out, in no order. */
struct handed {
	uint32_t	*handle;
	uint32_t	*mark;		/* also written into the chunk's end */
	size_t		 count, room;
};

static uint32_t *
chunk_end(uint32_t handle)
{
	char *at = (char *)slab_item(&slab, handle);

	return (uint32_t *)(void *)(at +
	    slab_class_of(&slab, handle)->chunk_size - sizeof(uint32_t));
}

/* Mark both ends of a chunk, as an item would fill it. */
static void
mark_chunk(uint32_t handle, uint32_t mark)
{
	*slab_item(&slab, handle) = (struct item){
		.length = mark, .state = ITEM_LINKED,
	};
	*chunk_end(handle) = mark;
}

static bool
chunk_is_marked(uint32_t handle, uint32_t mark)
{
	return slab_item(&slab, handle)->length == mark &&
	    item_kind(slab_item(&slab, handle)) == ITEM_LINKED &&
	    *chunk_end(handle) == mark;
}

static bool
hand_out_of(struct handed *handed, unsigned class, enum slab_queue_name queue,
    uint32_t mark)
{
	uint32_t handle = alloc_from(class, queue);

	if (handle == 0)
		return false;
	EXPECT(slab.pages[slab_page_of(&slab, handle)].queue == queue);
	mark_chunk(handle, mark);
	if (handed->count == handed->room) {
		handed->room = handed->room * 2 + 1024;
		handed->handle = realloc(handed->handle,
		    handed->room * sizeof *handed->handle);
		handed->mark = realloc(handed->mark,
		    handed->room * sizeof *handed->mark);
	}
	handed->handle[handed->count] = handle;
	handed->mark[handed->count++] = mark;
	return true;
}

static bool
hand_out(struct handed *handed, unsigned class, uint32_t mark)
{
	return hand_out_of(handed, class, SLAB_MAIN, mark);
}

/* Take back chunk number `n`, which nobody may have written to. */
static void
take_back(struct handed *handed, size_t n)
{
	EXPECT(chunk_is_marked(handed->handle[n], handed->mark[n]));
	slab_free(&slab, handed->handle[n]);
	handed->count--;
	handed->handle[n] = handed->handle[handed->count];
	handed->mark[n] = handed->mark[handed->count];
}

static void
take_back_all(struct handed *handed)
{
	while (handed->count > 0)
		take_back(handed, handed->count - 1);
	free(handed->handle);
	free(handed->mark);
}

static int
compare_handles(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

/* The chunk lies behind its page's marks, and before the page's end. */
static bool
is_within_page(uint32_t handle)
{
	const struct slab_class *class = slab_class_of(&slab, handle);
	size_t offset = (size_t)handle * ITEM_UNIT &
	    (slab_page_size(&slab) - 1);

	return offset >= class->chunks &&
	    offset + class->chunk_size <= slab_page_size(&slab);
}

static void
expect_no_overlap(const struct handed *handed)
{
	uint32_t *sorted = malloc((handed->count + 1) * sizeof *sorted);
	bool apart = true;

	if (handed->count > 0)
		memcpy(sorted, handed->handle,
		    handed->count * sizeof *sorted);
	qsort(sorted, handed->count, sizeof *sorted, compare_handles);
	for (size_t i = 1; i < handed->count; i++)
		apart = apart && sorted[i] - sorted[i - 1] >=
		    slab_class_of(&slab, sorted[i - 1])->chunk_size /
		    ITEM_UNIT;
	for (size_t i = 0; i < handed->count; i++)
		apart = apart && is_within_page(sorted[i]);
	EXPECT(apart);
	free(sorted);
}

static uint64_t
pages_in_classes(void)
{
	uint64_t pages = 0;

	for (unsigned i = 0; i < slab.class_count; i++)
		pages += pages_in(i);
	return pages;
}

static uint64_t
pages_in_pool(void)
{
	uint64_t pages = 0;

	for (uint32_t page = slab.pool; page != SLAB_NO_PAGE;
	    page = slab.pages[page].next)
		pages++;
	return pages;
}

/* The pages of a queue's ring, and the chunks in use on them. */
static void
expect_ring(unsigned class, enum slab_queue_name name)
{
	const struct slab_queue *queue = &slab.classes[class].queue[name];
	uint32_t page = queue->hand_page, pages = 0;
	uint64_t used = 0;

	while (pages < queue->pages) {
		EXPECT(slab.pages[page].class == class);
		EXPECT(slab.pages[page].queue == name);
		EXPECT_EQUAL(slab.pages[slab.pages[page].next].prev, page);
		used += slab.pages[page].used;
		page = slab.pages[page].next;
		pages++;
	}
	EXPECT_EQUAL(page, queue->hand_page);
	EXPECT_EQUAL(used, queue->used);
}

/* The slab's own counts agree with what was handed out. */
static void
expect_counts(const struct handed *handed)
{
	uint64_t used = 0;

	for (unsigned i = 0; i < slab.class_count; i++) {
		used += used_in(i);
		expect_ring(i, SLAB_SMALL);
		expect_ring(i, SLAB_MAIN);
	}
	EXPECT_EQUAL(used, handed->count);
	EXPECT_EQUAL(pages_in_classes() + pages_in_pool(), slab.pages_held);
}

static void
a_chunk_belongs_to_the_class_it_was_asked_of(void)
{
	open_slab(16 * MB, 1.25, 48);
	for (unsigned i = 0; i < slab.class_count; i++) {
		uint32_t handle = alloc(i);

		EXPECT(handle != 0);
		EXPECT(slab_class_of(&slab, handle) == &slab.classes[i]);
		mark_chunk(handle, i);
	}
	slab_close(&slab);
}

static void
random_chunks_never_overlap_and_are_counted(void)
{
	struct handed handed = { NULL, NULL, 0, 0 };
	struct random random = { 2 };

	open_slab(2 * MB, 1.25, 48);
	for (uint32_t i = 0; i < 100000; i++) {
		bool grow = random_below(&random, 20000) > i % 20000;

		if (grow || handed.count == 0)
			hand_out_of(&handed, (unsigned)random_below(&random,
			    slab.class_count), random_below(&random, 2) ?
			    SLAB_SMALL : SLAB_MAIN, i);
		else
			take_back(&handed, random_below(&random,
			    handed.count));
		if (i % 5000 == 0) {
			expect_no_overlap(&handed);
			expect_counts(&handed);
		}
	}
	EXPECT(slab.pages_held <= slab.pages_allowed);
	take_back_all(&handed);
	EXPECT_EQUAL(pages_in_classes(), 0);
	slab_close(&slab);
}

static void
every_page_allowed_can_be_filled_to_the_last_chunk(void)
{
	static const unsigned classes[] = { 0, 5, 12 };

	for (size_t i = 0; i < 3; i++) {
		struct handed handed = { NULL, NULL, 0, 0 };

		open_slab(1 * MB, 1.25, 48);
		while (hand_out(&handed, classes[i], (uint32_t)i))
			;
		EXPECT_EQUAL(slab.pages_held, slab.pages_allowed);
		EXPECT_EQUAL(handed.count, (uint64_t)pages_in(classes[i]) *
		    slab.classes[classes[i]].chunks);
		expect_no_overlap(&handed);
		take_back(&handed, handed.count / 2);
		EXPECT(hand_out(&handed, classes[i], 9));
		EXPECT(!hand_out(&handed, classes[i], 9));
		take_back_all(&handed);
		slab_close(&slab);
	}
}

static void
a_page_whose_last_chunk_is_freed_serves_another_class(void)
{
	struct handed handed = { NULL, NULL, 0, 0 };

	open_slab(1 * MB, 1.25, 48);
	while (hand_out(&handed, 0, 1))
		;
	EXPECT_EQUAL(alloc(slab.class_count - 1), 0);
	while (handed.count > 0)
		take_back(&handed, handed.count - 1);
	EXPECT_EQUAL(pages_in_pool(), slab.pages_allowed);
	for (uint32_t i = 0; i < slab.pages_allowed; i++)
		EXPECT(hand_out(&handed, slab.class_count - 1, i));
	EXPECT_EQUAL(alloc(0), 0);
	take_back_all(&handed);
	slab_close(&slab);
}

static void
a_whole_page_is_freed_at_once(void)
{
	struct handed handed = { NULL, NULL, 0, 0 };
	uint64_t chunks;
	uint32_t page;

	open_slab(1 * MB, 1.25, 48);
	chunks = slab.classes[3].chunks;
	for (uint64_t i = 0; i < 3 * chunks - 5; i++)
		hand_out(&handed, 3, (uint32_t)i);
	page = slab_page_of(&slab, handed.handle[chunks]);
	slab_free_page(&slab, page);
	EXPECT_EQUAL(used_in(3), 2 * chunks - 5);
	EXPECT_EQUAL(pages_in(3), 2);
	EXPECT_EQUAL(slab.pages[page].class, SLAB_NO_CLASS);
	EXPECT_EQUAL(pages_in_pool(), 1);
	slab_free_page(&slab, slab_page_of(&slab, handed.handle[0]));
	slab_free_page(&slab, slab_page_of(&slab, handed.handle[2 * chunks]));
	EXPECT_EQUAL(used_in(3), 0);
	EXPECT_EQUAL(pages_in_classes(), 0);
	free(handed.handle);
	free(handed.mark);
	slab_close(&slab);
}

static void
fewer_pages_allowed_means_pool_pages_go_back_at_once(void)
{
	struct handed handed = { NULL, NULL, 0, 0 };

	open_slab(1 * MB, 1.25, 48);
	for (int i = 0; i < 10; i++)
		hand_out(&handed, slab.class_count - 1, 1);
	for (int i = 0; i < 6; i++)
		take_back(&handed, handed.count - 1);
	EXPECT_EQUAL(slab.pages_held, 10);
	slab_allow(&slab, 7);
	EXPECT_EQUAL(slab.pages_held, 7);
	EXPECT_EQUAL(pages_in_pool(), 3);
	slab_allow(&slab, 2);
	EXPECT_EQUAL(slab.pages_held, 4);
	EXPECT_EQUAL(alloc(0), 0);
	take_back(&handed, 0);
	take_back(&handed, 0);
	EXPECT_EQUAL(slab.pages_held, 2);
	take_back(&handed, 0);
	EXPECT_EQUAL(slab.pages_held, 2);
	EXPECT_EQUAL(pages_in_pool(), 1);
	take_back_all(&handed);
	slab_close(&slab);
}

static void
pages_given_back_are_used_again_when_more_are_allowed(void)
{
	struct handed handed = { NULL, NULL, 0, 0 };
	uint32_t touched;

	open_slab(1 * MB, 1.25, 48);
	while (hand_out(&handed, slab.class_count - 1, 1))
		;
	touched = slab.pages_touched;
	slab_allow(&slab, 1);
	while (handed.count > 0)
		take_back(&handed, 0);
	EXPECT_EQUAL(slab.pages_held, 1);
	slab_allow(&slab, touched - 1);
	while (hand_out(&handed, 0, 2))
		;
	EXPECT_EQUAL(slab.pages_held, touched - 1);
	EXPECT_EQUAL(slab.pages_touched, touched);
	expect_no_overlap(&handed);
	take_back_all(&handed);
	slab_close(&slab);
}

static void
a_slab_gives_no_page_beyond_its_address_range(void)
{
	struct slab_config config = {
		.limit = MB, .reserve = MB, .growth_factor = 1.25,
		.chunk_min = 48,
	};
	uint32_t pages = 0, handle;

	EXPECT_EQUAL(slab_open(&slab, &config, &problem), 0);
	slab_allow(&slab, 1000);
	while ((handle = alloc(slab.class_count - 1)) != 0) {
		mark_chunk(handle, pages);
		pages++;
	}
	EXPECT_EQUAL(pages, MB / slab_page_size(&slab) - 1);
	slab_close(&slab);
}

/* Every byte of the chunk leads back to it. */
static void
expect_found(uint32_t handle)
{
	const char *at = (const char *)slab_item(&slab, handle);
	uint32_t size = slab_class_of(&slab, handle)->chunk_size;
	bool found = true;

	for (uint32_t i = 0; i < size; i++)
		found = found && slab_find_chunk(&slab, at + i) == handle;
	EXPECT(found);
}

static void
any_byte_of_a_chunk_leads_to_its_handle(void)
{
	open_slab(1 * MB, 1.25, 48);
	for (unsigned i = 0; i < slab.class_count; i++) {
		uint32_t chunks = slab.classes[i].chunks, last = 0;

		for (uint32_t n = 0; n < chunks; n++) {
			uint32_t handle = alloc(i);

			if (handle == 0)
				break;
			mark_chunk(handle, n);
			if (n < 2 || n == chunks - 1)
				expect_found(handle);
			last = handle;
		}
		EXPECT(last != 0);
		slab_free_page(&slab, slab_page_of(&slab, last));
	}
	slab_close(&slab);
}

static void
two_slabs_do_not_know_each_other(void)
{
	struct slab first;

	open_slab(1 * MB, 1.25, 48);
	mark_chunk(alloc(0), 1);
	first = slab;
	open_slab(1 * MB, 2, 96);
	EXPECT_EQUAL(pages_in_classes(), 0);
	slab_close(&slab);
	slab = first;
	EXPECT_EQUAL(pages_in_classes(), 1);
	slab_close(&slab);
}

static uint8_t *
chunk_bytes(uint32_t handle)
{
	return (uint8_t *)slab_item(&slab, handle);
}

static bool
all_bytes_are(const uint8_t *bytes, size_t length, uint8_t wanted)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i] != wanted)
			return false;
	return true;
}

/* Fill a page of the class up, each chunk to its last byte. */
static void
expect_marks_apart(unsigned number)
{
	const struct slab_class *class = &slab.classes[number];
	uint32_t first = alloc(number), page = slab_page_of(&slab, first);

	for (uint32_t n = 1; n < class->chunks; n++)
		EXPECT(slab_page_of(&slab, alloc(number)) == page);
	for (uint32_t n = 0; n < class->chunks; n++)
		memset(chunk_bytes(slab_handle(&slab, page, n)), 0xee,
		    class->chunk_size);
	EXPECT(all_bytes_are(slab_marks(&slab, page), class->chunks, 0));
	memset(slab_marks(&slab, page), 0xdd, class->chunks);
	for (uint32_t n = 0; n < class->chunks; n++)
		EXPECT(all_bytes_are(chunk_bytes(slab_handle(&slab, page, n)),
		    class->chunk_size, 0xee));
	slab_free_page(&slab, page);
}

static void
check_marks_apart(const struct slab_config *config)
{
	(void)config;
	for (unsigned i = 0; i < slab.class_count; i++)
		expect_marks_apart(i);
}

static void
full_chunks_and_marks_leave_each_other_alone(void)
{
	with_every_shape(check_marks_apart);
}

static void
a_new_page_has_no_marks(void)
{
	open_slab(1 * MB, 1.25, 48);
	for (unsigned i = 0; i < slab.class_count; i++) {
		uint32_t page = slab_page_of(&slab, alloc(i));
		struct slab_marks *bits = &slab.pages[page].marks;

		EXPECT(all_bytes_are(slab_marks(&slab, page),
		    slab.classes[i].chunks, 0));
		EXPECT((bits->word[0] | bits->word[1] | bits->word[2] |
		    bits->word[3]) == 0);
		memset(slab_marks(&slab, page), 1, slab.classes[i].chunks);
		bits->word[0] = 2;
		slab_free_page(&slab, page);
	}
	EXPECT_EQUAL(slab.pages_held, 1);
	slab_close(&slab);
}

static void
chunks_of_the_largest_sizes_hold_them(void)
{
	static const size_t limits[] = { MB, 64 * MB, 4096 * MB };

	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		size_t single, most;

		open_slab(limits[i], 1.25, 48);
		single = slab_single_max(&slab);
		most = slab_chunk_max(&slab);
		EXPECT_EQUAL(slab_class_for(&slab, single),
		    slab.class_count - 2);
		EXPECT_EQUAL(slab_class_for(&slab, single + 1),
		    slab.class_count - 1);
		EXPECT_EQUAL(slab_class_for(&slab, most),
		    slab.class_count - 1);
		expect_marks_apart(slab_class_for(&slab, single));
		expect_marks_apart(slab_class_for(&slab, most));
		slab_close(&slab);
	}
}

static void
an_empty_queue_gives_nothing_and_the_other_one_keeps_its_chunks(void)
{
	open_slab(1 * MB, 1.25, 48);
	EXPECT_EQUAL(slab_alloc(&slab, 2, SLAB_SMALL), 0);
	EXPECT(slab_grow(&slab, 2, SLAB_SMALL));
	EXPECT_EQUAL(slab_alloc(&slab, 2, SLAB_MAIN), 0);
	for (uint32_t n = 0; n < slab.classes[2].chunks; n++)
		EXPECT(slab_alloc(&slab, 2, SLAB_SMALL) != 0);
	EXPECT_EQUAL(slab_alloc(&slab, 2, SLAB_SMALL), 0);
	EXPECT_EQUAL(slab.classes[2].queue[SLAB_SMALL].used,
	    slab.classes[2].chunks);
	EXPECT_EQUAL(slab.classes[2].queue[SLAB_MAIN].used, 0);
	slab_close(&slab);
}

static void
a_slab_says_whether_it_has_a_page(void)
{
	struct handed handed = { NULL, NULL, 0, 0 };

	open_slab(1 * MB, 1.25, 48);
	while (slab_free_pages(&slab) > 0)
		EXPECT(hand_out(&handed, slab.class_count - 1, 1));
	EXPECT(!slab_grow(&slab, 0, SLAB_SMALL));
	take_back(&handed, 0);
	EXPECT_EQUAL(slab_free_pages(&slab), 1);
	slab_allow(&slab, slab.pages_held - 1);
	EXPECT_EQUAL(slab_free_pages(&slab), 0);
	slab_allow(&slab, slab.pages_held + 1);
	EXPECT_EQUAL(slab_free_pages(&slab), 1);
	EXPECT(slab_grow(&slab, 0, SLAB_SMALL));
	take_back_all(&handed);
	slab_close(&slab);
}

static void
a_closed_page_gives_nothing_until_it_is_opened(void)
{
	struct handed handed = { NULL, NULL, 0, 0 };
	uint32_t page, chunks;

	open_slab(1 * MB, 1.25, 48);
	chunks = slab.classes[4].chunks;
	for (uint32_t n = 0; n < chunks / 2; n++)
		hand_out(&handed, 4, n);
	page = slab_page_of(&slab, handed.handle[0]);
	slab_close_page(&slab, page);
	EXPECT_EQUAL(slab_alloc(&slab, 4, SLAB_MAIN), 0);
	take_back(&handed, 0);
	EXPECT_EQUAL(slab_alloc(&slab, 4, SLAB_MAIN), 0);
	/* Another page of the class serves meanwhile. */
	EXPECT(hand_out(&handed, 4, 1000));
	EXPECT(slab_page_of(&slab, handed.handle[handed.count - 1]) != page);
	expect_counts(&handed);
	slab_open_page(&slab, page);
	for (uint32_t n = 0; n < 2 * chunks - chunks / 2; n++)
		hand_out(&handed, 4, 2000 + n);
	EXPECT_EQUAL(pages_in(4), 2);
	EXPECT_EQUAL(slab.pages[page].used, chunks);
	expect_no_overlap(&handed);
	take_back_all(&handed);
	slab_close(&slab);
}

static void
a_full_page_that_is_closed_and_opened_is_still_full(void)
{
	struct handed handed = { NULL, NULL, 0, 0 };
	uint32_t page;

	open_slab(1 * MB, 1.25, 48);
	for (uint32_t n = 0; n < slab.classes[4].chunks; n++)
		hand_out(&handed, 4, n);
	page = slab_page_of(&slab, handed.handle[0]);
	slab_close_page(&slab, page);
	slab_open_page(&slab, page);
	EXPECT_EQUAL(slab_alloc(&slab, 4, SLAB_MAIN), 0);
	slab_close_page(&slab, page);
	take_back(&handed, 3);
	slab_open_page(&slab, page);
	EXPECT(hand_out(&handed, 4, 99));
	EXPECT_EQUAL(slab_alloc(&slab, 4, SLAB_MAIN), 0);
	take_back_all(&handed);
	slab_close(&slab);
}

static void
a_closed_page_that_becomes_empty_is_a_free_page_like_any_other(void)
{
	struct handed handed = { NULL, NULL, 0, 0 };
	uint32_t page;

	open_slab(1 * MB, 1.25, 48);
	for (uint32_t n = 0; n < 10; n++)
		hand_out(&handed, 4, n);
	page = slab_page_of(&slab, handed.handle[0]);
	slab_close_page(&slab, page);
	while (handed.count > 0)
		take_back(&handed, 0);
	EXPECT_EQUAL(pages_in_classes(), 0);
	EXPECT_EQUAL(pages_in_pool(), 1);
	EXPECT(hand_out(&handed, 7, 1));
	EXPECT(!slab.pages[page].closed);
	EXPECT_EQUAL(slab_page_of(&slab, handed.handle[0]), page);
	slab_close_page(&slab, page);
	slab_free_page(&slab, page);
	EXPECT_EQUAL(pages_in_pool(), 1);
	free(handed.handle);
	free(handed.mark);
	slab_close(&slab);
}

static void
a_requeued_page_takes_all_that_is_on_it_along(void)
{
	struct handed handed = { NULL, NULL, 0, 0 };
	const struct slab_queue *queue;
	uint32_t chunks, page;

	open_slab(1 * MB, 1.25, 48);
	queue = slab.classes[5].queue;
	chunks = slab.classes[5].chunks;
	for (uint32_t n = 0; n < chunks + 3; n++)
		hand_out_of(&handed, 5, SLAB_SMALL, n);
	for (uint32_t n = 0; n < chunks; n++)
		hand_out_of(&handed, 5, SLAB_MAIN, 5000 + n);
	page = slab_page_of(&slab, handed.handle[chunks]);
	slab_requeue(&slab, page, SLAB_MAIN);
	EXPECT_EQUAL(queue[SLAB_SMALL].used, chunks);
	EXPECT_EQUAL(queue[SLAB_MAIN].used, chunks + 3);
	EXPECT_EQUAL(queue[SLAB_SMALL].pages, 1);
	EXPECT_EQUAL(queue[SLAB_MAIN].pages, 2);
	/* Its room belongs to the other queue now. */
	EXPECT_EQUAL(slab_alloc(&slab, 5, SLAB_SMALL), 0);
	EXPECT(hand_out_of(&handed, 5, SLAB_MAIN, 9000));
	EXPECT_EQUAL(slab.pages[page].used, 4);
	expect_counts(&handed);
	expect_no_overlap(&handed);
	take_back_all(&handed);
	slab_close(&slab);
}

static void
a_closed_page_can_be_requeued(void)
{
	struct handed handed = { NULL, NULL, 0, 0 };
	uint32_t page;

	open_slab(1 * MB, 1.25, 48);
	hand_out_of(&handed, 5, SLAB_SMALL, 1);
	hand_out_of(&handed, 5, SLAB_SMALL, 2);
	page = slab_page_of(&slab, handed.handle[0]);
	slab_close_page(&slab, page);
	slab_requeue(&slab, page, SLAB_MAIN);
	EXPECT_EQUAL(slab_alloc(&slab, 5, SLAB_MAIN), 0);
	expect_counts(&handed);
	slab_open_page(&slab, page);
	EXPECT(hand_out_of(&handed, 5, SLAB_MAIN, 3));
	EXPECT_EQUAL(slab.pages[page].used, 3);
	take_back_all(&handed);
	EXPECT_EQUAL(pages_in_classes(), 0);
	slab_close(&slab);
}

/* Close, open and requeue a random page; those closed are to be passed by. */
static void
change_page(struct random *random)
{
	uint32_t page = 1 + (uint32_t)random_below(random,
	    slab.pages_touched);

	if (page == slab.pages_touched ||
	    slab.pages[page].class == SLAB_NO_CLASS)
		return;
	if (random_below(random, 2) == 0)
		slab_requeue(&slab, page, random_below(random, 2) == 0 ?
		    SLAB_SMALL : SLAB_MAIN);
	else if (slab.pages[page].closed)
		slab_open_page(&slab, page);
	else
		slab_close_page(&slab, page);
}

static void
random_changes_of_pages_keep_the_counts(void)
{
	struct handed handed = { NULL, NULL, 0, 0 };
	struct random random = { 4 };

	open_slab(2 * MB, 1.25, 48);
	for (uint32_t i = 0; i < 60000; i++) {
		if (i % 50 == 0)
			change_page(&random);
		if (random_below(&random, 20000) > i % 20000 ||
		    handed.count == 0)
			hand_out_of(&handed, (unsigned)random_below(&random,
			    12), random_below(&random, 2) ? SLAB_SMALL :
			    SLAB_MAIN, i);
		else
			take_back(&handed, random_below(&random,
			    handed.count));
		if (handed.count > 0)
			EXPECT(i % 7 != 0 || chunk_is_marked(
			    handed.handle[handed.count - 1],
			    handed.mark[handed.count - 1]));
		if (i % 5000 == 0) {
			expect_no_overlap(&handed);
			expect_counts(&handed);
		}
	}
	take_back_all(&handed);
	EXPECT_EQUAL(pages_in_classes(), 0);
	slab_close(&slab);
}

int
main(void)
{
	RUN(classes_are_ascending_multiples_of_eight);
	RUN(the_first_class_holds_the_smallest_item_and_the_last_is_a_page);
	RUN(classes_up_to_64_bytes_are_eight_bytes_apart);
	RUN(a_page_is_cut_into_as_many_chunks_as_fit);
	RUN(the_class_for_a_size_is_the_smallest_that_holds_it);
	RUN(the_page_size_follows_the_limit);
	RUN(a_chunk_belongs_to_the_class_it_was_asked_of);
	RUN(random_chunks_never_overlap_and_are_counted);
	RUN(every_page_allowed_can_be_filled_to_the_last_chunk);
	RUN(a_page_whose_last_chunk_is_freed_serves_another_class);
	RUN(a_whole_page_is_freed_at_once);
	RUN(fewer_pages_allowed_means_pool_pages_go_back_at_once);
	RUN(pages_given_back_are_used_again_when_more_are_allowed);
	RUN(a_slab_gives_no_page_beyond_its_address_range);
	RUN(any_byte_of_a_chunk_leads_to_its_handle);
	RUN(two_slabs_do_not_know_each_other);
	RUN(full_chunks_and_marks_leave_each_other_alone);
	RUN(a_new_page_has_no_marks);
	RUN(chunks_of_the_largest_sizes_hold_them);
	RUN(an_empty_queue_gives_nothing_and_the_other_one_keeps_its_chunks);
	RUN(a_slab_says_whether_it_has_a_page);
	RUN(a_closed_page_gives_nothing_until_it_is_opened);
	RUN(a_full_page_that_is_closed_and_opened_is_still_full);
	RUN(a_closed_page_that_becomes_empty_is_a_free_page_like_any_other);
	RUN(a_requeued_page_takes_all_that_is_on_it_along);
	RUN(a_closed_page_can_be_requeued);
	RUN(random_changes_of_pages_keep_the_counts);
	return tap_done();
}
