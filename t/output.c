/* SPDX-License-Identifier: BSD-3-Clause */
/* output.c - nothing is lost or doubled on its way into the evbuffer. */
#include "base/output.h"

#include <event2/buffer.h>
#include <event2/event.h>

#include <stdlib.h>

#include "base/random.h"
#include "tap.h"

/* One output under test, and a plain copy of all that it was given. */
static struct evbuffer *buffer;
static struct output output;
static char *twin;
static size_t twin_length;

static void
begin(void)
{
	buffer = evbuffer_new();
	twin_length = 0;
	output_open(&output, buffer);
}

static void
expect_in_twin(const void *bytes, size_t length)
{
	twin = realloc(twin, twin_length + length + 1);
	memcpy(twin + twin_length, bytes, length);
	twin_length += length;
}

static bool
buffer_equals_twin(void)
{
	size_t length = evbuffer_get_length(buffer);
	char *copy = malloc(length + 1);
	bool equal;

	evbuffer_copyout(buffer, copy, length);
	equal = length == twin_length &&
	    (length == 0 || memcmp(copy, twin, length) == 0);
	free(copy);
	return equal;
}

/* Close, compare, throw away. */
static void
finish(void)
{
	EXPECT_EQUAL(output_length(&output), twin_length);
	EXPECT_EQUAL(output_close(&output), 0);
	EXPECT_EQUAL(output_length(&output), twin_length);
	EXPECT(buffer_equals_twin());
	evbuffer_free(buffer);
	free(twin);
	twin = NULL;
}

static void
add_bytes(const char *bytes, size_t length)
{
	output_bytes(&output, bytes, length);
	expect_in_twin(bytes, length);
}

/* Ask for `room` bytes, fill `length` of them. */
static void
add_in_room(size_t room, size_t length, char byte)
{
	char *at = output_room(&output, room);

	memset(at, byte, room);
	expect_in_twin(at, length);
	output_advance(&output, at + length);
}

/* A referenced block of memory that must be released exactly once. */
struct block {
	size_t	length;
	int	released;
	bool	as_given;	/* the release got our pointer and length */
	char	bytes[20000];
};

static void
release_block(const void *bytes, size_t length, void *context)
{
	struct block *block = context;

	block->released++;
	block->as_given = bytes == block->bytes && length == block->length;
}

static struct block *
add_block(size_t length, char byte)
{
	struct block *block = calloc(1, sizeof *block);

	block->length = length;
	memset(block->bytes, byte, length);
	EXPECT_EQUAL(output_reference(&output, block->bytes, length,
	    release_block, block), 0);
	expect_in_twin(block->bytes, length);
	return block;
}

static void
an_output_without_a_byte_leaves_the_buffer_empty(void)
{
	begin();
	EXPECT_EQUAL(output_length(&output), 0);
	finish();
}

static void
room_that_is_not_filled_adds_nothing(void)
{
	begin();
	add_in_room(100, 0, 'a');
	add_in_room(OUTPUT_ROOM_MAX, 0, 'b');
	add_in_room(10, 3, 'c');
	finish();
}

static void
all_room_up_to_the_most_can_be_filled(void)
{
	begin();
	for (size_t size = 1; size <= OUTPUT_ROOM_MAX; size = size * 3 + 1)
		add_in_room(size, size, (char)('a' + size % 26));
	for (int i = 0; i < 40; i++)
		add_in_room(OUTPUT_ROOM_MAX, OUTPUT_ROOM_MAX, (char)i);
	finish();
}

static void
bytes_are_seen_when_the_output_is_closed(void)
{
	begin();
	add_bytes("hello", 5);
	EXPECT_EQUAL(output_length(&output), 5);
	finish();
}

static void
bytes_of_any_length_are_copied(void)
{
	static const size_t lengths[] = {
		0, 1, 2, 4095, 4096, 4097, 8192, 16255, 16256, 16257, 16384,
		100000, 1000001,
	};
	char *source = malloc(1000001);

	for (size_t i = 0; i < 1000001; i++)
		source[i] = (char)(i * 7 + i / 251);
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		begin();
		add_bytes(source, lengths[i]);
		add_bytes("|", 1);
		finish();
	}
	free(source);
}

static void
a_literal_is_added_without_its_nul(void)
{
	begin();
	OUTPUT_LITERAL(&output, "END\r\n");
	expect_in_twin("END\r\n", 5);
	finish();
}

static void
what_the_buffer_held_before_stays_in_front(void)
{
	buffer = evbuffer_new();
	evbuffer_add(buffer, "old ", 4);
	output_open(&output, buffer);
	OUTPUT_LITERAL(&output, "new");
	EXPECT_EQUAL(output_length(&output), 3);
	EXPECT_EQUAL(output_close(&output), 0);
	EXPECT_EQUAL(evbuffer_get_length(buffer), 7);
	EXPECT(memcmp(evbuffer_pullup(buffer, -1), "old new", 7) == 0);
	evbuffer_free(buffer);
}

static void
a_reference_comes_between_the_bytes_around_it(void)
{
	struct block *block;

	begin();
	add_bytes("before", 6);
	block = add_block(20000, 'r');
	add_bytes("after", 5);
	EXPECT_EQUAL(block->released, 0);
	finish();
	EXPECT_EQUAL(block->released, 1);
	EXPECT(block->as_given);
	free(block);
}

static void
a_reference_is_not_a_copy(void)
{
	struct block *block;
	struct evbuffer_iovec part;

	begin();
	block = add_block(20000, 'r');
	EXPECT_EQUAL(output_close(&output), 0);
	EXPECT_EQUAL(evbuffer_peek(buffer, -1, NULL, &part, 1), 1);
	EXPECT(part.iov_base == (void *)block->bytes);
	evbuffer_free(buffer);
	free(block);
}

static void
a_reference_is_released_once_when_it_is_drained(void)
{
	struct block *first, *second;

	begin();
	first = add_block(10, '1');
	second = add_block(20000, '2');
	EXPECT_EQUAL(output_close(&output), 0);
	evbuffer_drain(buffer, 9);
	EXPECT_EQUAL(first->released, 0);
	evbuffer_drain(buffer, 1);
	EXPECT_EQUAL(first->released, 1);
	EXPECT_EQUAL(second->released, 0);
	evbuffer_drain(buffer, 20000);
	EXPECT_EQUAL(second->released, 1);
	evbuffer_free(buffer);
	EXPECT_EQUAL(first->released, 1);
	EXPECT_EQUAL(second->released, 1);
	EXPECT(first->as_given && second->as_given);
	free(first);
	free(second);
}

static void
references_may_follow_each_other_and_start_the_output(void)
{
	struct block *blocks[8];

	begin();
	for (int i = 0; i < 8; i++)
		blocks[i] = add_block((size_t)i * 100 + 1, (char)('a' + i));
	add_bytes(".", 1);
	finish();
	for (int i = 0; i < 8; i++) {
		EXPECT_EQUAL(blocks[i]->released, 1);
		free(blocks[i]);
	}
}

static void
a_reference_without_a_release_is_only_read(void)
{
	static const char bytes[] = "stays for ever";

	begin();
	EXPECT_EQUAL(output_reference(&output, bytes, sizeof bytes, NULL,
	    NULL), 0);
	expect_in_twin(bytes, sizeof bytes);
	finish();
}

static void
two_outputs_in_a_row_add_to_one_buffer(void)
{
	begin();
	add_bytes("one ", 4);
	EXPECT_EQUAL(output_close(&output), 0);
	output_open(&output, buffer);
	output_bytes(&output, "two", 3);
	EXPECT_EQUAL(output_length(&output), 3);
	EXPECT_EQUAL(output_close(&output), 0);
	expect_in_twin("two", 3);
	EXPECT(buffer_equals_twin());
	evbuffer_free(buffer);
}

static void
random_additions_arrive_whole_and_in_order(void)
{
	static char source[40000];
	struct random random = { 4 };
	struct block *blocks[300];
	int count = 0;

	for (size_t i = 0; i < sizeof source; i++)
		source[i] = (char)random_next(&random);
	begin();
	for (int i = 0; i < 1000; i++) {
		size_t room = 1 + random_below(&random, OUTPUT_ROOM_MAX);
		char byte = (char)random_next(&random);

		if (random_below(&random, 8) == 0 && count < 300)
			blocks[count++] = add_block(1 +
			    random_below(&random, 20000), byte);
		else if (random_below(&random, 2) == 0)
			add_bytes(source, random_below(&random, 1 +
			    random_below(&random, sizeof source)));
		else
			add_in_room(room, random_below(&random, room + 1),
			    byte);
	}
	finish();
	for (int i = 0; i < count; i++) {
		EXPECT_EQUAL(blocks[i]->released, 1);
		free(blocks[i]);
	}
}

/* An allocator for libevent that can be told to have nothing. */
static bool memory_is_out;

static void *
take_memory(size_t size)
{
	return memory_is_out ? NULL : malloc(size);
}

static void *
resize_memory(void *old, size_t size)
{
	return memory_is_out ? NULL : realloc(old, size);
}

static void
when_memory_runs_out_the_close_says_so_and_room_is_still_given(void)
{
	char large[3 * OUTPUT_ROOM_MAX] = { 0 };
	struct block block = { .length = 20000 };

	begin();
	memory_is_out = true;
	memset(output_room(&output, OUTPUT_ROOM_MAX), 'x', OUTPUT_ROOM_MAX);
	output_bytes(&output, large, sizeof large);
	EXPECT_EQUAL(output_reference(&output, block.bytes, block.length,
	    release_block, &block), -1);
	OUTPUT_LITERAL(&output, "END\r\n");
	EXPECT_EQUAL(output_close(&output), -1);
	memory_is_out = false;
	EXPECT_EQUAL(block.released, 0);
	EXPECT_EQUAL(evbuffer_get_length(buffer), 0);
	evbuffer_free(buffer);
}

static void
memory_that_comes_back_does_not_make_the_reply_whole(void)
{
	begin();
	OUTPUT_LITERAL(&output, "one");
	memory_is_out = true;
	output_bytes(&output, (char [4 * OUTPUT_ROOM_MAX]){ 0 },
	    4 * OUTPUT_ROOM_MAX);
	memory_is_out = false;
	OUTPUT_LITERAL(&output, "three");
	output_room(&output, OUTPUT_ROOM_MAX);
	EXPECT_EQUAL(output_close(&output), -1);
	evbuffer_free(buffer);
}

int
main(void)
{
	event_set_mem_functions(take_memory, resize_memory, free);
	RUN(an_output_without_a_byte_leaves_the_buffer_empty);
	RUN(room_that_is_not_filled_adds_nothing);
	RUN(all_room_up_to_the_most_can_be_filled);
	RUN(bytes_are_seen_when_the_output_is_closed);
	RUN(bytes_of_any_length_are_copied);
	RUN(a_literal_is_added_without_its_nul);
	RUN(what_the_buffer_held_before_stays_in_front);
	RUN(a_reference_comes_between_the_bytes_around_it);
	RUN(a_reference_is_not_a_copy);
	RUN(a_reference_is_released_once_when_it_is_drained);
	RUN(references_may_follow_each_other_and_start_the_output);
	RUN(a_reference_without_a_release_is_only_read);
	RUN(two_outputs_in_a_row_add_to_one_buffer);
	RUN(random_additions_arrive_whole_and_in_order);
	RUN(when_memory_runs_out_the_close_says_so_and_room_is_still_given);
	RUN(memory_that_comes_back_does_not_make_the_reply_whole);
	free(twin);
	return tap_done();
}
