/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slab.c - size classes, chunks and pages, the chunks against a slow twin
 * that is an array of what was handed out.
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
	size_t first = slab.classes[0].chunk_size, page =
	    slab_page_size(&slab);

	EXPECT(first >= config->chunk_min || first == page / 2);
	EXPECT(first < config->chunk_min + ITEM_UNIT);
	EXPECT_EQUAL(slab.classes[slab.class_count - 2].chunk_size, page / 2);
	EXPECT_EQUAL(slab.classes[slab.class_count - 1].chunk_size, page);
	EXPECT_EQUAL(slab_single_max(&slab), page / 2);
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
		if (slab.classes[i].chunk_size <= 256)
			EXPECT_EQUAL(slab.classes[i].chunk_size -
			    slab.classes[i - 1].chunk_size, 8);
}

static void
classes_up_to_256_bytes_are_eight_bytes_apart(void)
{
	with_every_shape(check_steps);
}

static void
check_chunks(const struct slab_config *config)
{
	size_t page = slab_page_size(&slab);

	(void)config;
	for (unsigned i = 0; i < slab.class_count; i++) {
		const struct slab_class *class = &slab.classes[i];

		EXPECT(class->chunks >= 1);
		EXPECT_EQUAL(class->chunks, page / class->chunk_size);
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
	for (size_t size = 1; size <= slab_page_size(&slab); size++) {
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
		{ 1, 16384 }, { 1 * MB, 16384 }, { 64 * MB, 131072 },
		{ 1000 * MB, MB }, { 2000 * MB, MB },
	};

	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		open_slab(wanted[i].limit, 1.25, 48);
		EXPECT_EQUAL(slab_page_size(&slab), wanted[i].page);
		slab_close(&slab);
	}
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
hand_out(struct handed *handed, unsigned class, uint32_t mark)
{
	uint32_t handle = slab_alloc(&slab, class);

	if (handle == 0)
		return false;
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
	EXPECT(apart);
	free(sorted);
}

static uint64_t
pages_in_classes(void)
{
	uint64_t pages = 0;

	for (unsigned i = 0; i < slab.class_count; i++)
		pages += slab.classes[i].pages;
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

/* The slab's own counts agree with what was handed out. */
static void
expect_counts(const struct handed *handed)
{
	uint64_t used = 0;

	for (unsigned i = 0; i < slab.class_count; i++)
		used += slab.classes[i].used;
	EXPECT_EQUAL(used, handed->count);
	EXPECT_EQUAL(pages_in_classes() + pages_in_pool(), slab.pages_held);
}

static void
a_chunk_belongs_to_the_class_it_was_asked_of(void)
{
	open_slab(16 * MB, 1.25, 48);
	for (unsigned i = 0; i < slab.class_count; i++) {
		uint32_t handle = slab_alloc(&slab, i);

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
			hand_out(&handed, (unsigned)random_below(&random,
			    slab.class_count), i);
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
	static const unsigned classes[] = { 0, 5, 30 };

	for (size_t i = 0; i < 3; i++) {
		struct handed handed = { NULL, NULL, 0, 0 };
		struct slab_class *class;

		open_slab(1 * MB, 1.25, 48);
		class = &slab.classes[classes[i]];
		while (hand_out(&handed, classes[i], (uint32_t)i))
			;
		EXPECT_EQUAL(slab.pages_held, slab.pages_allowed);
		EXPECT_EQUAL(handed.count, (uint64_t)class->pages *
		    class->chunks);
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
	EXPECT_EQUAL(slab_alloc(&slab, slab.class_count - 1), 0);
	while (handed.count > 0)
		take_back(&handed, handed.count - 1);
	EXPECT_EQUAL(pages_in_pool(), slab.pages_allowed);
	for (uint32_t i = 0; i < slab.pages_allowed; i++)
		EXPECT(hand_out(&handed, slab.class_count - 1, i));
	EXPECT_EQUAL(slab_alloc(&slab, 0), 0);
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
	EXPECT_EQUAL(slab.classes[3].used, 2 * chunks - 5);
	EXPECT_EQUAL(slab.classes[3].pages, 2);
	EXPECT_EQUAL(slab.pages[page].class, SLAB_NO_CLASS);
	EXPECT_EQUAL(pages_in_pool(), 1);
	slab_free_page(&slab, slab_page_of(&slab, handed.handle[0]));
	slab_free_page(&slab, slab_page_of(&slab, handed.handle[2 * chunks]));
	EXPECT_EQUAL(slab.classes[3].used, 0);
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
	EXPECT_EQUAL(slab_alloc(&slab, 0), 0);
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
	while ((handle = slab_alloc(&slab, slab.class_count - 1)) != 0) {
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
			uint32_t handle = slab_alloc(&slab, i);

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
	mark_chunk(slab_alloc(&slab, 0), 1);
	first = slab;
	open_slab(1 * MB, 2, 96);
	EXPECT_EQUAL(pages_in_classes(), 0);
	slab_close(&slab);
	slab = first;
	EXPECT_EQUAL(pages_in_classes(), 1);
	slab_close(&slab);
}

int
main(void)
{
	RUN(classes_are_ascending_multiples_of_eight);
	RUN(the_first_class_holds_the_smallest_item_and_the_last_is_a_page);
	RUN(classes_up_to_256_bytes_are_eight_bytes_apart);
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
	return tap_done();
}
