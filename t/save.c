/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * save.c - a store in a file is closed and opened again.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L		/* open_memstream, mkstemp */
#endif

#include "stored.h"

#include <unistd.h>

#include "store/fields.h"

#define SEED	77		/* of what random_item() makes of a number */

static int fd = -1;
static struct store_file file;
static struct store_config config;
static char *saved;		/* what store_save() wrote */
static size_t saved_length;
static int64_t now;

static void
open_in_file(void)
{
	config.file = &file;
	open_as(&config);
}

/* A new file. */
static void
begin(size_t limit)
{
	char path[] = "/tmp/cairn-save-XXXXXX";

	fd = mkstemp(path);
	EXPECT(fd != -1);
	unlink(path);
	config = usual;
	config.limit = limit;
	file = (struct store_file){
		.fd = fd, .offset = 3 * MB, .bytes = store_file_bytes(limit),
	};
	EXPECT_EQUAL(ftruncate(fd, (off_t)(file.offset + file.bytes)), 0);
	now = START;
	open_in_file();
}

static void
save(void)
{
	FILE *out = open_memstream(&saved, &saved_length);

	store_save(store, out);
	fclose(out);
}

static void
save_and_close(void)
{
	store_verify(store);
	save();
	store_close(store);
	store = NULL;
}

static int
restore(void)
{
	FILE *in = fmemopen(saved, saved_length, "r");
	int result;

	open_in_file();
	store_set_time(store, now);
	result = store_restore(store, in, &problem);
	fclose(in);
	return result;
}

/* Close and open. */
static void
restart(void)
{
	save_and_close();
	EXPECT_EQUAL(restore(), 0);
	free(saved);
	store_verify(store);
}

/* The file as it was left: an attempt to restore it may change it. */
static char *left;

static void
keep_file(void)
{
	left = malloc(file.bytes);
	EXPECT_EQUAL(pread(fd, left, file.bytes, (off_t)file.offset),
	    file.bytes);
}

static void
put_file_back(void)
{
	EXPECT_EQUAL(pwrite(fd, left, file.bytes, (off_t)file.offset),
	    file.bytes);
}

static void
expect_refused(void)
{
	EXPECT_EQUAL(restore(), -1);
	EXPECT(problem.text[0] != '\0');
	store_close(store);
}

static void
end(void)
{
	close_store();
	close(fd);
}

/* What is stored under a number. */
static struct slice
bytes_for(unsigned n)
{
	static const size_t sizes[] = {
		0, 3, 20, 100, 300, 900, 1500, 5000, 9000, 20000, 70000,
	};
	size_t length = sizes[n % 11] + n % 7;

	return (struct slice){ source + n % 5000, length };
}

static int64_t
expiry_for(unsigned n)
{
	return n % 3 == 0 ? START + 1000 + n * 1000 : NEVER;
}

static void
put_number(unsigned n)
{
	EXPECT_EQUAL(put_all(STORE_SET, numbered("k", n), bytes_for(n),
	    n % 5 * 1000, expiry_for(n), 0), STORE_OK);
}

static void
expect_number(unsigned n)
{
	EXPECT(has(numbered("k", n), bytes_for(n)));
	EXPECT_EQUAL(item.flags, n % 5 * 1000);
	EXPECT_EQUAL(item.expiry, expiry_for(n));
}

static void
all_items_are_there_again(void)
{
	struct store_counts before;
	uint64_t cas[200];

	begin(8 * MB);
	for (unsigned n = 0; n < 300; n++)
		put_number(n);
	for (unsigned n = 0; n < 300; n += 10)
		delete(numbered("k", n));
	for (unsigned n = 1; n < 200; n += 10)
		cas[n] = cas_of(numbered("k", n));
	before = *store_counts(store);
	restart();
	for (unsigned n = 1; n < 200; n += 10)
		EXPECT_EQUAL(cas_of(numbered("k", n)), cas[n]);
	EXPECT_EQUAL(store_counts(store)->bytes, before.bytes);
	EXPECT_EQUAL(store_items(store), 270);
	for (unsigned n = 0; n < 300; n++)
		if (n % 10 == 0)
			EXPECT_EQUAL(get(numbered("k", n)), STORE_MISS);
		else
			expect_number(n);
	end();
}

static void
keys_of_any_length_are_there_again(void)
{
	static const unsigned lengths[] = {
		0, 1, 250, 251, 255, 256, 257, 511, 512, 1000,
	};
	const unsigned count = sizeof lengths / sizeof *lengths;
	char name[1001];

	begin(8 * MB);
	memset(name, 'k', sizeof name);
	for (unsigned n = 0; n < count; n++) {
		struct store_key where = key_of(name, lengths[n]);
		struct store_value value = { .bytes = bytes_for(n) };

		EXPECT_EQUAL(store_put(store, &where, STORE_SET, &value),
		    STORE_OK);
	}
	restart();
	for (unsigned n = 0; n < count; n++) {
		struct store_key where = key_of(name, lengths[n]);
		struct slice bytes = bytes_for(n);

		EXPECT_EQUAL(store_get(store, &where, false, &item),
		    STORE_OK);
		EXPECT(value_equals(store, &item, bytes.bytes,
		    bytes.length));
	}
	EXPECT_EQUAL(store_items(store), count);
	end();
}

static void
a_store_without_items_is_fine(void)
{
	begin(MB);
	restart();
	EXPECT_EQUAL(store_items(store), 0);
	put_number(5);
	restart();
	expect_number(5);
	end();
}

static void
spaces_that_changed_places_stay_so(void)
{
	struct store_value value = { .bytes = text("value") };
	struct store_key where;
	struct store_item found;

	begin(MB);
	store_swap_spaces(store, 0, 5);
	store_swap_spaces(store, 5, 6);
	where = key("k");
	EXPECT_EQUAL(store_put(store, &where, STORE_SET, &value), STORE_OK);
	restart();
	EXPECT_EQUAL(store_get(store, &where, false, &found), STORE_OK);
	EXPECT_EQUAL(store_space_items(store, 0), 1);
	store_swap_spaces(store, 0, 6);
	where.space = 6;
	restart();
	EXPECT_EQUAL(store_get(store, &where, false, &found), STORE_OK);
	EXPECT_EQUAL(found.space, 6);
	end();
}

static void
uniques_are_new_ones(void)
{
	uint64_t cas;

	begin(8 * MB);
	set("k", text("value"));
	cas = cas_of("k");
	restart();
	EXPECT_EQUAL(put_all(STORE_CAS, "k", text("new"), 0, NEVER, cas + 1),
	    STORE_EXISTS);
	EXPECT_EQUAL(put_all(STORE_CAS, "k", text("new"), 0, NEVER, cas),
	    STORE_OK);
	EXPECT(cas_of("k") > cas);
	end();
	/* Or later ones, if the config says so. */
	begin(8 * MB);
	set("k", text("value"));
	config.cas_start = 1000000;
	restart();
	EXPECT(cas_of("k") > 1000000);
	end();
}

static void
what_fell_due_meanwhile_is_gone(void)
{
	uint64_t alive = 0;

	begin(8 * MB);
	for (unsigned n = 0; n < 300; n++)
		put_number(n);
	save_and_close();
	now = START + 150 * 1000;
	EXPECT_EQUAL(restore(), 0);
	free(saved);
	for (unsigned n = 0; n < 300; n++)
		alive += expiry_for(n) == NEVER || expiry_for(n) > now;
	EXPECT(alive < 280);
	/* Asking for some of them, or not. */
	for (unsigned n = 0; n < 100; n++)
		EXPECT_EQUAL(get(numbered("k", n)), expiry_for(n) == NEVER ||
		    expiry_for(n) > now ? STORE_OK : STORE_MISS);
	store_set_time(store, now + LATE);
	tick_until_done(100);
	EXPECT(store_items(store) <= alive && store_items(store) >= alive - 1);
	/* And the others go when their time comes. */
	store_set_time(store, START + 10000 * 1000);
	tick_until_done(100);
	EXPECT_EQUAL(store_items(store), 200);
	end();
}

/* Under pressure, over and over, with all that moves pages about. */
static void
a_busy_store_is_restarted_often(void)
{
	struct random random = { SEED };
	unsigned present = 0;

	begin(4 * MB);
	for (unsigned round = 0; round < 30; round++) {
		for (unsigned i = 0; i < 3000; i++) {
			unsigned n = (unsigned)random_below(&random, 5000);

			if (i % 10 == 0)
				delete(numbered("k", n));
			else if (i % 3 == 0)
				put_number(n);
			else if (get(numbered("k", n)) == STORE_OK)
				expect_number(n);
			if (i % 100 == 0)
				store_tick(store, 50);
		}
		if (round % 7 == 6)
			store_flush(store);
		if (round % 5 == 3)
			store_set_limit(store, (2 + round % 3) * MB);
		restart();
		store_set_limit(store, 4 * MB);
	}
	for (unsigned n = 0; n < 5000; n++)
		if (get(numbered("k", n)) == STORE_OK) {
			expect_number(n);
			present++;
		}
	EXPECT(present > 100);
	end();
}

static void
the_hit_order_survives(void)
{
	unsigned hot = 0;

	begin(4 * MB);
	for (unsigned round = 0; round < 4; round++)
		for (unsigned n = 0; n < 2000; n++)
			if (get(numbered("hot", n)) == STORE_MISS)
				set(numbered("hot", n), bytes_of(300));
	for (unsigned n = 0; n < 20000; n++) {
		set(numbered("cold", n), bytes_of(300));
		get(numbered("hot", n % 2000));
	}
	restart();
	for (unsigned n = 0; n < 8000; n++)
		set(numbered("new", n), bytes_of(300));
	for (unsigned n = 0; n < 2000; n++)
		hot += get(numbered("hot", n)) == STORE_OK;
	EXPECT(hot > 1800);
	end();
}

static void
pages_given_back_are_taken_again(void)
{
	begin(8 * MB);
	for (unsigned n = 0; n < 5000; n++)
		set(numbered("k", n), bytes_of(2000));
	EXPECT(store_set_limit(store, 2 * MB));
	tick_until_done(1000);
	restart();
	EXPECT(store_set_limit(store, 2 * MB));
	tick_until_done(1000);
	EXPECT(store_set_limit(store, 8 * MB));
	for (unsigned n = 0; n < 5000; n++) {
		EXPECT_EQUAL(set(numbered("k", n), bytes_of(2000)), STORE_OK);
		EXPECT(has(numbered("k", n), bytes_of(2000)));
	}
	EXPECT(store_items(store) > 3000);
	EXPECT(!store_set_limit(store, 80 * MB));
	restart();
	EXPECT(store_items(store) > 3000);
	end();
}

static void
what_somebody_held_is_dropped(void)
{
	struct store_key where = key("draft");
	uint32_t draft = 0;
	uint64_t bytes;

	begin(8 * MB);
	for (unsigned n = 0; n < 11; n++) {
		put_number(n);
		get(numbered("k", n));
		EXPECT(store_pin(store, &item));
		if (n % 2 == 0)
			delete(numbered("k", n));
		EXPECT_EQUAL(store_draft(store, &where, n * 5000, 0, NEVER,
		    &draft), STORE_OK);
	}
	bytes = store_counts(store)->bytes;
	restart();
	EXPECT_EQUAL(store_items(store), 5);
	EXPECT_EQUAL(store_counts(store)->bytes, bytes);
	for (unsigned n = 1; n < 11; n += 2) {
		expect_number(n);
		EXPECT_EQUAL(delete(numbered("k", n)), STORE_OK);
	}
	/* All of its memory is free. */
	EXPECT_EQUAL(store_free_pages(store), store->slab.pages_held);
	end();
}

/* A place in the file that is part of some chunk. */
static off_t
random_place(struct random *random)
{
	const struct slab *slab = &store->slab;
	uint32_t page = 0;
	const struct slab_class *class;

	while (page == 0 || slab->pages[page].class == SLAB_NO_CLASS ||
	    slab->pages[page].fresh == 0)
		page = (uint32_t)random_below(random, slab->pages_touched);
	class = &slab->classes[slab->pages[page].class];
	return (off_t)(file.offset + ((size_t)page << slab->page_shift) +
	    class->offset + random_below(random, (uint64_t)
	    slab->pages[page].fresh * class->chunk_size));
}

static void
a_byte_that_changed_is_noticed(void)
{
	struct random random = { SEED };
	off_t places[100];

	begin(MB);
	for (unsigned n = 0; n < 100; n++)
		put_number(n);
	for (unsigned n = 0; n < 100; n++)
		places[n] = random_place(&random);
	save_and_close();
	keep_file();
	for (unsigned n = 0; n < 100; n++) {
		char byte = 0;

		put_file_back();
		EXPECT_EQUAL(pread(fd, &byte, 1, places[n]), 1);
		byte = (char)(byte ^ 1 << n % 8);
		EXPECT_EQUAL(pwrite(fd, &byte, 1, places[n]), 1);
		expect_refused();
	}
	put_file_back();
	EXPECT_EQUAL(restore(), 0);
	free(left);
	free(saved);
	end();
}

/* What was saved is read with care, whoever wrote it. */
static void
saved_lines_that_make_no_sense_are_refused(void)
{
	static const char *lines[] = {
		"", "cas", "cas 1\n", "cas 1\nen", "end\n", "cas x\nend\n",
		"cas 1\npage 1 1 0\nend\n",
		"cas 1\nqueue 0 0\nend\n",
		"cas 1\nqueue 0 0 1 0\nend\n",
		"cas 1\nqueue 0 0 1 0\npage 0 0 0\nend\n",
		"cas 1\nqueue 0 0 1 0\npage 1 1 0\nend\n",
		"cas 1\nqueue 0 0 1 0\npage 4000000000 1 0\nend\n",
		"cas 1\nqueue 0 0 1 0\npage 1 4000000000 0\nend\n",
		"cas 1\nqueue 200 0 1 0\npage 1 1 0\nend\n",
		"cas 1\nqueue 0 2 1 0\npage 1 1 0\nend\n",
		"cas 1\nqueue 4000000000 4000000000 1 0\npage 1 1 0\nend\n",
		"cas 1\nsomething else\nend\n",
	};

	begin(MB);
	store_close(store);
	for (size_t n = 0; n < sizeof lines / sizeof *lines; n++) {
		saved = strdup(lines[n]);
		saved_length = strlen(saved) + (*saved == '\0');
		expect_refused();
		free(saved);
	}
	close(fd);
}

/* Cut it, or change a digit: mostly refused, and never a reason to fail. */
static void
saved_lines_that_changed_do_no_harm(void)
{
	unsigned refused = 0;
	size_t whole;

	begin(MB);
	for (unsigned n = 0; n < 60; n++)
		put_number(n);
	save_and_close();
	keep_file();
	whole = saved_length;
	for (saved_length = 1; saved_length < whole - 1; saved_length += 7) {
		put_file_back();
		expect_refused();
	}
	saved_length = whole;
	for (size_t at = 0; at < whole; at++) {
		char was = saved[at];

		if (was < '0' || was > '9')
			continue;
		saved[at] = was == '9' ? '8' : (char)(was + 1);
		put_file_back();
		if (restore() == 0) {
			close_store();
		} else {
			refused++;
			store_close(store);
		}
		saved[at] = was;
	}
	EXPECT(refused > 200);
	put_file_back();
	EXPECT_EQUAL(restore(), 0);
	free(left);
	free(saved);
	end();
}

/* Checksums tell that nothing changed, not that it made sense. */
static void
an_item_that_cannot_lie_there_is_refused(void)
{
	static const struct {
		size_t	length;		/* of the value */
		size_t	offset;		/* of a byte in its header */
		char	byte;
	} changes[] = {
		{ 10, 0, 100 }, { 10, 1, 1 }, { 10, 4, 100 },
		{ 40, 5, 15 }, { 20000, 3, 1 }, { 20000, 5, 3 },
		{ 20000, 1, 'x' }, { 40, 5, 64 }, { 40, 5, (char)128 },
		{ 20000, 5, 64 + 35 },
	};

	for (size_t n = 0; n < sizeof changes / sizeof *changes; n++) {
		begin(MB);
		set("k", bytes_of(changes[n].length));
		get("k");
		((char *)slab_item(&store->slab, item.handle))[
		    changes[n].offset] = changes[n].byte;
		save();
		store_close(store);
		expect_refused();
		free(saved);
		close(fd);
	}
}

/* Small and large hashes, fields that expire, values apart. */
static void
put_hash(unsigned n)
{
	char name[16], field[16];
	struct store_key key = key_of(name, (size_t)snprintf(name,
	    sizeof name, "hash%u", n));
	struct fields fields;
	bool added;

	fields_open(&fields, store, &key, FIELDS_CHANGE);
	for (unsigned i = 0; i < 3 + n * n; i++) {
		int length = snprintf(field, sizeof field, "f%u", i);

		EXPECT_EQUAL(fields_put(&fields, (struct slice){ field,
		    (size_t)length }, i % 30 == 29 ? bytes_of(3000 + i) :
		    bytes_of(i % 50), i % 7 == 6 ? now + 5000 : 0, &added),
		    STORE_OK);
	}
}

static void
expect_hash(unsigned n)
{
	char name[16], text[16];
	struct store_key key = key_of(name, (size_t)snprintf(name,
	    sizeof name, "hash%u", n));
	struct fields fields;
	struct field field;

	EXPECT_EQUAL(fields_open(&fields, store, &key, FIELDS_READ),
	    STORE_OK);
	EXPECT_EQUAL(fields_count(&fields), 3 + n * n);
	for (unsigned i = 0; i < 3 + n * n; i++) {
		int length = snprintf(text, sizeof text, "f%u", i);

		EXPECT(fields_find(&fields, (struct slice){ text,
		    (size_t)length }, &field));
		EXPECT_EQUAL(field.value.length, i % 30 == 29 ? 3000 + i :
		    i % 50);
		EXPECT_EQUAL(field.expiry, i % 7 == 6 ? START + 5000 : 0);
	}
}

static void
hashes_are_there_again(void)
{
	begin(8 * MB);
	for (unsigned n = 0; n < 30; n++)
		put_hash(n);
	restart();
	for (unsigned n = 0; n < 30; n++)
		expect_hash(n);
	now += 10000;
	store_set_time(store, now);
	while (store_tick(store, 1000))
		;
	store_verify(store);
	for (unsigned n = 0; n < 30; n++)
		put_hash(n);
	end();
}

/*
 * Any byte of a page may be another one before the checksum is made: what is
 * not refused then is in order, and can be used and removed.
 */
static void
bytes_that_changed_are_refused_or_harmless(void)
{
	struct random random = { SEED };
	unsigned refused = 0;

	for (unsigned n = 0; n < 1000; n++) {
		begin(MB);
		put_hash(3);
		put_hash(12);
		set("k", bytes_of(20000));
		store->slab.base[random_place(&random) - (off_t)file.offset] ^=
		    (char)(1 << n % 8);
		save();
		store_close(store);
		if (restore() == 0) {
			store_verify(store);
			store_flush(store);
		} else {
			refused++;
		}
		store_close(store);
		free(saved);
		close(fd);
	}
	EXPECT(refused > 10);
}

int
main(void)
{
	fill_source();
	RUN(all_items_are_there_again);
	RUN(keys_of_any_length_are_there_again);
	RUN(a_store_without_items_is_fine);
	RUN(spaces_that_changed_places_stay_so);
	RUN(uniques_are_new_ones);
	RUN(what_fell_due_meanwhile_is_gone);
	RUN(a_busy_store_is_restarted_often);
	RUN(the_hit_order_survives);
	RUN(pages_given_back_are_taken_again);
	RUN(what_somebody_held_is_dropped);
	RUN(a_byte_that_changed_is_noticed);
	RUN(saved_lines_that_make_no_sense_are_refused);
	RUN(saved_lines_that_changed_do_no_harm);
	RUN(an_item_that_cannot_lie_there_is_refused);
	RUN(hashes_are_there_again);
	RUN(bytes_that_changed_are_refused_or_harmless);
	return tap_done();
}
