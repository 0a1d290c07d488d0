/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * call_allocations.c - calls of Redis clients make no call to an allocator but
 * for the buffer of the replies, which grows as for any other reply.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE		/* RTLD_NEXT */
#endif

#include "allocator.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>

#include "command/call.h"
#include "tap.h"
#include "values.h"

#define MB		((size_t)1 << 20)
#define FIELDS		1000
#define WORDS_MAX	(2 + 2 * FIELDS)

static struct store *store;
static struct evbuffer *buffer;
static char names[2 * FIELDS][16];
static struct slice words[WORDS_MAX];

static struct store *
store_of(void *context, size_t n, struct store_key *key)
{
	(void)context;
	*key = key_of(words[n].bytes, words[n].length);
	return store;
}

static void
note_read(void *context, const struct store_key *key, bool hit)
{
	(void)context;
	(void)key;
	(void)hit;
}

static void
put_value(void *context, struct store *from, struct store_item *item,
    struct output *output)
{
	(void)context;
	(void)from;
	output_bytes(output, item->value, item->length);
}

/* Carry out the first words; how often was the allocator called? */
static uint64_t
allocator_calls_of(size_t count)
{
	uint64_t before;
	struct output output;
	struct call call = {
		.row = call_find(words[0]), .words = words, .count = count,
		.output = &output, .now = store_time(store),
		.store_of = store_of, .note_read = note_read,
		.put_value = put_value,
	};

	EXPECT(call.row != NULL);
	output_open(&output, buffer);
	before = allocator_calls;
	call_execute(&call);
	EXPECT(output_close(&output) == 0);
	return allocator_calls - before;
}

static size_t
reply_length(void)
{
	size_t length = evbuffer_get_length(buffer);

	evbuffer_drain(buffer, length);
	return length;
}

/* The same for as many bytes in one piece. */
static uint64_t
allocator_calls_of_bytes(size_t length)
{
	static const char zeros[256 * 1024];
	uint64_t before;
	struct output output;

	output_open(&output, buffer);
	before = allocator_calls;
	output_bytes(&output, zeros, length);
	EXPECT(output_close(&output) == 0);
	before = allocator_calls - before;
	reply_length();
	return before;
}

static void
say(size_t n, const char *word)
{
	words[n] = slice_of(word);
}

/* From word number `n` on the names, with numbers behind them if wanted. */
static size_t
say_fields(size_t n, bool numbers)
{
	for (unsigned i = 0; i < FIELDS; i++) {
		say(n++, names[2 * i]);
		if (numbers)
			say(n++, names[2 * i + 1]);
	}
	return n;
}

static void
writing_takes_memory_of_the_store_only(void)
{
	static const char *const calls[] = { "hset", "hmset", "hset" };
	uint64_t made;

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		say(0, calls[i]);
		say(1, "hash");
		made = allocator_calls_of(say_fields(2, true));
		EXPECT(made <= allocator_calls_of_bytes(reply_length()));
	}
}

static void
a_counter_in_a_hash_is_changed_in_place(void)
{
	uint64_t one = allocator_calls_of_bytes(1);
	uint64_t bytes = store_counts(store)->bytes, used = 0, after = 0;
	struct store_class_info info;

	for (unsigned n = 0; store_class_info(store, n, &info); n++)
		used += info.used_chunks;
	for (unsigned n = 0; n < FIELDS; n++) {
		say(0, "hincrby");
		say(1, "hash");
		say(2, names[2 * n]);
		say(3, n % 2 == 0 ? "1" : "-1");
		EXPECT(allocator_calls_of(4) <= one);
		reply_length();
	}
	for (unsigned n = 0; store_class_info(store, n, &info); n++)
		after += info.used_chunks;
	EXPECT_EQUAL(store_counts(store)->bytes, bytes);
	EXPECT_EQUAL(after, used);
}

static void
replies_of_a_thousand_parts_only_grow_the_buffer(void)
{
	static const char *const calls[] = { "hgetall", "hkeys", "hvals" };
	uint64_t made;

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		say(0, calls[i]);
		say(1, "hash");
		made = allocator_calls_of(2);
		EXPECT(made <= allocator_calls_of_bytes(reply_length()));
	}
	say(0, "hmget");
	made = allocator_calls_of(say_fields(2, false));
	EXPECT(made <= allocator_calls_of_bytes(reply_length()));
}

static void
so_do_those_to_calls_on_many_keys(void)
{
	uint64_t made;

	say(0, "mset");
	made = allocator_calls_of(say_fields(1, true));
	EXPECT(made <= allocator_calls_of_bytes(reply_length()));
	say(0, "mget");
	made = allocator_calls_of(say_fields(1, false));
	EXPECT(made <= allocator_calls_of_bytes(reply_length()));
}

int
main(void)
{
	struct store_config config = {
		.limit = 64 * MB, .item_max = MB, .growth_factor = 1.25,
		.chunk_min = 48, .evict = true, .cas = true,
		.hash_seed = VALUES_SEED,
	};
	struct error error;

	store = store_open(&config, &error);
	buffer = evbuffer_new();
	if (store == NULL || buffer == NULL)
		return 1;
	store_set_time(store, 1700000000000);
	for (unsigned n = 0; n < FIELDS; n++) {
		snprintf(names[2 * n], sizeof names[0], "field-%04u", n);
		snprintf(names[2 * n + 1], sizeof names[0], "%u", 5000 + n);
	}
	RUN(writing_takes_memory_of_the_store_only);
	RUN(a_counter_in_a_hash_is_changed_in_place);
	RUN(replies_of_a_thousand_parts_only_grow_the_buffer);
	RUN(so_do_those_to_calls_on_many_keys);
	evbuffer_free(buffer);
	store_close(store);
	return tap_done();
}
