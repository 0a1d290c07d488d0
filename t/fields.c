/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fields.c - random operations on hashes and on plain maps, which must always
 * agree: with memory to spare; while others make them go, whole or not at
 * all; while pages move from class to class and the limit goes up and down;
 * and where nothing may go, so that writes are refused and change nothing.
 *
 * The seed is printed; CAIRN_SEED=n repeats a run.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "store/fields.h"
#include "tap.h"
#include "values.h"

#define MB		((size_t)1 << 20)
#define HASHES		6
#define NAMES		3000
#define ITEM_MAX	((size_t)256 << 10)

/* What the map knows of a field. */
struct twin_field {
	char	*bytes;			/* NULL: not there */
	size_t	 length;
	int64_t	 expiry;
};

struct twin {
	char		 name[16];
	int64_t		 expiry;
	unsigned	 count;		/* of fields, due ones too */
	struct twin_field fields[NAMES];
};

static struct random rnd;
static struct store *store;
static struct twin twins[HASHES];
static bool exact;		/* nothing is ever evicted */
static int64_t now;
static char source[2 * ITEM_MAX];
static uint64_t refused;

static uint64_t
below(uint64_t n)
{
	return random_below(&rnd, n);
}

static bool
one_in(uint64_t n)
{
	return below(n) == 0;
}

static uint64_t
next_random(void *context)
{
	(void)context;
	return random_next(&rnd);
}

static struct store_key
key_of_twin(const struct twin *twin)
{
	return key_of(twin->name, strlen(twin->name));
}

/* Names of many lengths; the longer ones are rare. */
static struct slice
name_of(unsigned number, char text[600])
{
	int length = snprintf(text, 600, "%u", number);

	if (number % 3 == 0)
		length += snprintf(text + length, 600 - (size_t)length,
		    ":a-name-that-is-longer");
	if (number % 97 == 0) {
		memset(text + length, 'x', 500);
		length += 500;
	}
	return (struct slice){ text, (size_t)length };
}

static unsigned
number_of(struct slice name)
{
	char text[12] = "";

	memcpy(text, name.bytes, name.length < 11 ? name.length : 11);
	return (unsigned)strtoul(text, NULL, 10);
}

static void
forget_field(struct twin *twin, unsigned number)
{
	struct twin_field *field = &twin->fields[number];

	if (field->bytes == NULL)
		return;
	free(field->bytes);
	*field = (struct twin_field){ NULL, 0, 0 };
	if (--twin->count == 0)
		twin->expiry = 0;
}

static void
forget(struct twin *twin)
{
	for (unsigned n = 0; n < NAMES; n++)
		forget_field(twin, n);
	twin->expiry = 0;
}

/* What is due is gone. */
static void
let_time_pass(struct twin *twin)
{
	if (twin->expiry != 0 && twin->expiry <= now)
		forget(twin);
	for (unsigned n = 0; n < NAMES && twin->count > 0; n++)
		if (twin->fields[n].expiry != 0 &&
		    twin->fields[n].expiry <= now)
			forget_field(twin, n);
}

/* Open the hash; a map whose hash was evicted is empty. */
static bool
open_hash(struct twin *twin, struct store_key *key, struct fields *fields,
    enum fields_use use)
{
	enum store_result result;

	*key = key_of_twin(twin);
	result = fields_open(fields, store, key, use);
	EXPECT(result == STORE_OK || result == STORE_MISS);
	if (result == STORE_MISS && !exact)
		forget(twin);
	return result == STORE_OK;
}

static bool
field_equals(const struct fields *fields, const struct field *field,
    const struct twin_field *twin)
{
	struct slice part;
	size_t at = 0;

	if (field->value.length != twin->length ||
	    field->expiry != twin->expiry)
		return false;
	for (uint32_t n = 0; (part = fields_part(fields, field, n)).length >
	    0; n++) {
		if (at + part.length > twin->length ||
		    memcmp(twin->bytes + at, part.bytes, part.length) != 0)
			return false;
		at += part.length;
	}
	return at == twin->length;
}

static void
remember(struct twin *twin, unsigned number, struct slice value,
    int64_t expiry)
{
	forget_field(twin, number);
	twin->fields[number] = (struct twin_field){
		malloc(value.length + 1), value.length, expiry,
	};
	memcpy(twin->fields[number].bytes, value.bytes, value.length);
	twin->count++;
}

static struct slice
random_value(void)
{
	size_t length = below(40);

	if (one_in(10))
		length = below(400);
	if (one_in(40))
		length = below(6000);
	if (one_in(400))
		length = below(ITEM_MAX / 2);
	return (struct slice){ source + below(ITEM_MAX), length };
}

/* Mostly never. */
static int64_t
random_expiry(void)
{
	return one_in(8) ? now + 1 + (int64_t)below(20000) : 0;
}

static void
was_refused(enum store_result result)
{
	EXPECT(result == STORE_NO_MEMORY && !exact);
	refused++;
}

static void
try_put(struct twin *twin)
{
	unsigned number = (unsigned)below(NAMES);
	char text[600];
	struct slice name = name_of(number, text), value = random_value();
	int64_t expiry = random_expiry(), whole;
	struct store_key key;
	struct fields fields;
	enum store_result result;
	bool added;

	open_hash(twin, &key, &fields, FIELDS_CHANGE);
	whole = twin->expiry;
	result = fields_put(&fields, name, value, expiry, &added);
	if (result != STORE_OK) {
		was_refused(result);
		return;
	}
	EXPECT_EQUAL(added, twin->fields[number].bytes == NULL);
	remember(twin, number, value, expiry);
	twin->expiry = whole;
}

/* Returns whether the field is there. */
static bool
find_field(struct twin *twin, unsigned number, struct store_key *key,
    struct fields *fields, struct field *field, char text[600])
{
	struct slice name = name_of(number, text);
	bool found;

	open_hash(twin, key, fields, FIELDS_READ);
	found = fields_find(fields, name, field);
	EXPECT_EQUAL(found, twin->fields[number].bytes != NULL);
	return found && twin->fields[number].bytes != NULL;
}

static void
try_find(struct twin *twin)
{
	unsigned number = (unsigned)below(NAMES);
	char text[600];
	struct store_key key;
	struct fields fields;
	struct field field;

	if (find_field(twin, number, &key, &fields, &field, text))
		EXPECT(field_equals(&fields, &field,
		    &twin->fields[number]));
}

static void
try_replace(struct twin *twin)
{
	unsigned number = (unsigned)below(NAMES);
	struct slice value = random_value();
	char text[600];
	struct store_key key;
	struct fields fields;
	struct field field;
	enum store_result result;
	int64_t whole;

	if (!find_field(twin, number, &key, &fields, &field, text))
		return;
	whole = twin->expiry;
	result = fields_replace(&fields, &field, value);
	if (result != STORE_OK) {
		was_refused(result);
		return;
	}
	remember(twin, number, value, twin->fields[number].expiry);
	twin->expiry = whole;
}

static void
try_expire(struct twin *twin)
{
	unsigned number = (unsigned)below(NAMES);
	int64_t expiry = random_expiry();
	char text[600];
	struct store_key key;
	struct fields fields;
	struct field field;
	enum store_result result;

	if (!find_field(twin, number, &key, &fields, &field, text))
		return;
	result = fields_expire(&fields, &field, expiry);
	if (result == STORE_OK)
		twin->fields[number].expiry = expiry;
	else
		was_refused(result);
}

static void
try_delete(struct twin *twin)
{
	unsigned number = (unsigned)below(NAMES);
	char text[600];
	struct store_key key;
	struct fields fields;
	struct field field;

	if (!find_field(twin, number, &key, &fields, &field, text))
		return;
	fields_delete(&fields, &field);
	forget_field(twin, number);
	EXPECT_EQUAL(fields.handle == 0, twin->count == 0);
}

/* All fields, by one way or the other. */
struct meeting {
	struct twin	*twin;
	struct fields	 fields;
	unsigned	 met;
	bool		 wrong;
	bool		 seen[NAMES];
};

static void
meet(void *context, const struct field *field)
{
	struct meeting *meeting = context;
	unsigned number = number_of(field->name);

	meeting->met++;
	if (number >= NAMES || meeting->seen[number] ||
	    meeting->twin->fields[number].bytes == NULL ||
	    !field_equals(&meeting->fields, field,
	    &meeting->twin->fields[number]))
		meeting->wrong = true;
	else
		meeting->seen[number] = true;
}

static void
try_all(struct twin *twin)
{
	static struct meeting meeting;
	struct fields_place place = { 0, 0 };
	struct store_key key;
	struct field field;
	uint64_t cursor = 0;

	memset(&meeting, 0, sizeof meeting);
	meeting.twin = twin;
	open_hash(twin, &key, &meeting.fields, FIELDS_READ);
	if (one_in(2))
		fields_tidy(&meeting.fields);
	if (one_in(2)) do
		cursor = fields_scan(&meeting.fields, cursor,
		    1 + (unsigned)below(50), meet, &meeting);
	while (cursor != 0);
	else while (fields_next(&meeting.fields, &place, &field))
		meet(&meeting, &field);
	EXPECT_EQUAL(meeting.met, twin->count);
	EXPECT(!meeting.wrong);
	fields_tidy(&meeting.fields);
	EXPECT_EQUAL(fields_count(&meeting.fields), twin->count);
	EXPECT_EQUAL(fields_random(&meeting.fields, next_random, NULL,
	    &field), twin->count > 0);
}

static void
copy_twin(const struct twin *from, struct twin *to, int64_t expiry)
{
	forget(to);
	for (unsigned n = 0; n < NAMES; n++)
		if (from->fields[n].bytes != NULL)
			remember(to, n, (struct slice){ from->fields[n].bytes,
			    from->fields[n].length }, from->fields[n].expiry);
	to->expiry = expiry;
}

static void
try_copy(struct twin *twin)
{
	struct twin *to = &twins[below(HASHES)];
	struct store_key key, other = key_of_twin(to);
	int64_t expiry = one_in(2) ? 0 : now + 1000 + (int64_t)below(20000);
	struct fields fields;
	enum store_result result;

	if (to == twin || !open_hash(twin, &key, &fields, FIELDS_READ))
		return;
	result = fields_copy(&fields, store, &other, expiry);
	if (result == STORE_OK)
		copy_twin(twin, to, expiry);
	else
		was_refused(result);
}

static void
try_whole(struct twin *twin)
{
	struct store_key key = key_of_twin(twin);
	int64_t expiry = now + 1 + (int64_t)below(20000);
	struct store_item item;
	struct fields fields;

	if (one_in(2)) {
		store_delete(store, &key);
		forget(twin);
		return;
	}
	if (!open_hash(twin, &key, &fields, FIELDS_READ))
		return;
	EXPECT_EQUAL(store_get(store, &key, false, &item), STORE_WRONG_TYPE);
	if (store_fetch(store, &key, STORE_TOUCH | STORE_UNNOTICED, expiry,
	    &item) == STORE_OK) {
		EXPECT(item.hash);
		twin->expiry = expiry;
	}
	if (store_fetch(store, &key, STORE_WANT_CAS | STORE_UNNOTICED, 0,
	    &item) != STORE_OK)
		EXPECT(!exact);
}

/* A string takes the place of the hash for a moment. */
static void
try_string(struct twin *twin)
{
	struct store_key key = key_of_twin(twin);
	struct store_value value = { .bytes = random_value() };
	struct fields fields;

	store_put(store, &key, STORE_SET, &value);
	forget(twin);
	EXPECT(fields_open(&fields, store, &key, FIELDS_READ) != STORE_OK);
	store_delete(store, &key);
}

/* Others want memory. */
static void
put_others(unsigned count)
{
	while (count-- > 0) {
		char name[24];
		int length = snprintf(name, sizeof name, "other%u",
		    (unsigned)below(100000));
		struct store_key key = key_of(name, (size_t)length);
		struct store_value value = {
			.bytes = { source, below(one_in(20) ? ITEM_MAX / 2 :
			    1000) },
		};

		store_put(store, &key, STORE_SET, &value);
		if (one_in(50))
			store_delete(store, &key);
	}
}

static void
operate(void)
{
	struct twin *twin = &twins[below(HASHES)];

	let_time_pass(twin);
	switch (below(60)) {
	case 0:
		try_all(twin);
		break;
	case 1:
		if (one_in(8))
			try_copy(twin);
		break;
	case 2:
		if (one_in(10))
			try_whole(twin);
		break;
	case 3:
		if (one_in(20))
			try_string(twin);
		break;
	case 4: case 5: case 6:
		try_expire(twin);
		break;
	case 7: case 8: case 9: case 10:
		try_replace(twin);
		break;
	case 11: case 12: case 13: case 14: case 15: case 16: case 17:
		try_delete(twin);
		break;
	case 18: case 19: case 20: case 21: case 22: case 23:
		try_find(twin);
		break;
	default:
		/* Grow for a while, then shrink for a while. */
		if (now / 40000 % 3 < 2 || one_in(6))
			try_put(twin);
		else
			try_delete(twin);
	}
	if (one_in(50)) {
		now += (int64_t)below(1000);
		store_set_time(store, now);
		while (store_tick(store, 1000))
			;
	}
}

static void
begin(size_t limit, bool evict, bool cas)
{
	struct store_config config = {
		.limit = limit, .item_max = ITEM_MAX, .growth_factor = 1.25,
		.chunk_min = 40, .evict = evict, .cas = cas,
		.track_access = one_in(2), .hash_seed = VALUES_SEED,
	};
	struct error error;

	refused = 0;
	store = store_open(&config, &error);
	now = 1700000000000;
	store_set_time(store, now);
	for (unsigned n = 0; n < HASHES; n++)
		snprintf(twins[n].name, sizeof twins[n].name, "hash%u", n);
}

static void
end(void)
{
	store_verify(store);
	for (unsigned n = 0; n < HASHES; n++) {
		let_time_pass(&twins[n]);
		try_all(&twins[n]);
	}
	for (unsigned n = 0; n < HASHES; n++) {
		struct store_key key = key_of_twin(&twins[n]);

		store_delete(store, &key);
		forget(&twins[n]);
	}
	store_verify(store);
	if (exact) {
		EXPECT_EQUAL(store_items(store), 0);
		EXPECT_EQUAL(store_counts(store)->bytes, 0);
	}
	store_close(store);
}

static void
hashes_are_what_a_map_is(void)
{
	exact = true;
	begin(256 * MB, true, true);
	for (unsigned n = 0; n < 60000; n++) {
		operate();
		if (n % 2000 == 0)
			store_verify(store);
	}
	end();
}

static void
an_evicted_hash_is_gone_as_a_whole(void)
{
	exact = false;
	begin(12 * MB, true, one_in(2));
	for (unsigned n = 0; n < 60000; n++) {
		operate();
		put_others(1);
		if (n % 2000 == 0)
			store_verify(store);
	}
	EXPECT(store_counts(store)->evictions > 0);
	end();
}

static void
pages_of_hashes_move_and_are_given_back(void)
{
	exact = false;
	begin(40 * MB, true, true);
	for (unsigned n = 0; n < 60000; n++) {
		operate();
		if (one_in(20))
			put_others(3);
		if (one_in(100))
			store_move_page(store, STORE_ANY_CLASS,
			    STORE_NO_CLASS);
		if (one_in(4000))
			store_set_limit(store, (8 + below(40)) * MB);
		if (n % 2000 == 0)
			store_verify(store);
	}
	EXPECT(store_counts(store)->rescues > 0);
	end();
}

static void
what_finds_no_memory_changes_nothing(void)
{
	exact = false;
	begin(8 * MB, false, true);
	for (unsigned n = 0; n < 100000; n++) {
		operate();
		if (one_in(10))
			put_others(1);
		if (n % 2000 == 0)
			store_verify(store);
	}
	EXPECT(refused > 0);
	end();
}

int
main(void)
{
	const char *seed = getenv("CAIRN_SEED");

	rnd.state = seed != NULL ? strtoull(seed, NULL, 10) :
	    (uint64_t)clock_monotonic_us();
	printf("# CAIRN_SEED=%llu\n", (unsigned long long)rnd.state);
	for (size_t n = 0; n < sizeof source; n++)
		source[n] = (char)random_next(&rnd);
	RUN(hashes_are_what_a_map_is);
	RUN(an_evicted_hash_is_gone_as_a_whole);
	RUN(pages_of_hashes_move_and_are_given_back);
	RUN(what_finds_no_memory_changes_nothing);
	return tap_done();
}
