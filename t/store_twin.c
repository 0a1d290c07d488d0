/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store_twin.c - random operations on a store and on a plain map, which must
 * always agree. One run has memory to spare and is exact; in the others an
 * item may have been evicted, but never be wrong.
 *
 * The seed is printed; CAIRN_SEED=n repeats a run.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "store/store.h"
#include "tap.h"
#include "values.h"

#define MB		((size_t)1 << 20)
#define KEYS_MAX	3000
#define HELD_MAX	3
#define ITEM_MAX	(200 * 1024)
#define LENGTH_MAX	(180 * 1024)
#define BY_PART_LEAST	1024	/* smaller items are not unpinned by part */
#define NEVER_GIVEN	UINT64_MAX	/* as a cas unique */
#define NUMBER_LENGTH_END 1024	/* a value from here on is no number */

/* What the map knows of a key. */
struct twin {
	char		*bytes;		/* NULL: not there */
	size_t		 length;
	uint32_t	 flags;
	int64_t		 expiry;
	uint64_t	 cas;		/* as last seen; 0: never */
	bool		 written;	/* since it was seen */
	bool		 broken;	/* not there all the time of the scan */
	unsigned	 visits;	/* of the scan */
	char		 name[40];
};

/* A pinned value: its bytes must stay, whatever happens to the key. */
struct held {
	bool		 used;
	const void	*part;		/* NULL: unpin it by the item */
	struct store_item item;
	char		*bytes;
};

/* A draft that is being filled. */
struct filling {
	uint32_t	 draft;		/* 0: this place is free */
	unsigned	 key;
	size_t		 length;
	uint32_t	 flags;
	int64_t		 expiry;
	char		*bytes;
};

static struct random rnd;
static struct store *store;
static struct twin twins[KEYS_MAX];
static struct held held[HELD_MAX];
static struct filling filling[HELD_MAX];
static unsigned keys;
static bool exact;		/* nothing is ever evicted */
static int64_t now;
static uint64_t scan_cursor;	/* of the scan under way; 0: none */
static size_t shift;		/* of the lengths in demand */
static char source[2 * LENGTH_MAX];	/* of random bytes for values */

static bool
one_in(uint64_t n)
{
	return random_below(&rnd, n) == 0;
}

static struct store_key
key_of_twin(const struct twin *twin)
{
	return key_of(twin->name, strlen(twin->name));
}

static void
twin_forget(struct twin *twin)
{
	free(twin->bytes);
	twin->bytes = NULL;
	twin->cas = 0;
	twin->broken = true;
}

/* Takes `bytes` over. */
static void
twin_write(struct twin *twin, char *bytes, size_t length, uint32_t flags,
    int64_t expiry)
{
	if (twin->bytes == NULL)
		twin->broken = true;
	if (twin->bytes != bytes)
		free(twin->bytes);
	twin->bytes = bytes;
	twin->length = length;
	twin->flags = flags;
	twin->expiry = expiry;
	twin->written = true;
}

/* Forget it when it is due or, where that may be, when it was evicted. */
static bool
twin_present(struct twin *twin)
{
	struct store_key key = key_of_twin(twin);
	struct store_item item;

	if (twin->bytes != NULL && twin->expiry != 0 && twin->expiry <= now)
		twin_forget(twin);
	if (twin->bytes != NULL && !exact &&
	    store_get(store, &key, false, &item) == STORE_MISS)
		twin_forget(twin);
	return twin->bytes != NULL;
}

static size_t
random_length(void)
{
	switch (random_below(&rnd, 20)) {
	case 0:
		return random_below(&rnd, LENGTH_MAX);
	case 1:
		return 16384 * random_below(&rnd, 4) +
		    random_below(&rnd, 600);
	case 2:
	case 3:
		return 7800 + random_below(&rnd, 500);
	case 4:
	case 5:
	case 6:
		return random_below(&rnd, 1300);
	default:
		return shift + random_below(&rnd, 150);
	}
}

static int64_t
random_expiry(void)
{
	switch (random_below(&rnd, 12)) {
	case 0:
		return 1;
	case 1:
	case 2:
		return now + 1 + (int64_t)random_below(&rnd, 3000);
	case 3:
		return now + 1 + (int64_t)random_below(&rnd, 300000);
	default:
		return 0;
	}
}

static uint32_t
random_flags(void)
{
	return one_in(3) ? (uint32_t)random_next(&rnd) : 0;
}

/* A copy of random bytes, or now and then of a number. */
static char *
random_bytes(size_t *length)
{
	char *bytes;

	*length = random_length();
	bytes = malloc(*length + DECIMAL_MAX);
	memcpy(bytes, source + random_below(&rnd, LENGTH_MAX), *length);
	if (one_in(4)) {
		if (*length > 2000)
			*length %= 400;
		memset(bytes, ' ', *length);
		if (one_in(2))
			*length = 0;
		*length += decimal_format(bytes + *length,
		    random_next(&rnd) >> random_below(&rnd, 64));
	}
	return bytes;
}

static uint64_t
random_cas(const struct twin *twin)
{
	return one_in(3) ? 0 : one_in(3) ? NEVER_GIVEN : twin->cas;
}

static struct twin *
random_twin(void)
{
	return &twins[random_below(&rnd, keys)];
}

static bool
twin_unchanged(const struct twin *twin, uint64_t cas)
{
	return cas != 0 && !twin->written && twin->cas == cas;
}

/* What store_put() has to answer. */
static enum store_result
wanted_result(struct twin *twin, enum store_mode mode, uint64_t cas)
{
	bool present = twin_present(twin);

	switch (mode) {
	case STORE_SET:
		return STORE_OK;
	case STORE_ADD:
		return present ? STORE_NOT_STORED : STORE_OK;
	case STORE_CAS:
		if (!present)
			return STORE_MISS;
		return twin_unchanged(twin, cas) ? STORE_OK : STORE_EXISTS;
	case STORE_APPEND:
	case STORE_PREPEND:
		if (!present)
			return STORE_NOT_STORED;
		return cas == 0 || twin_unchanged(twin, cas) ? STORE_OK :
		    STORE_EXISTS;
	default:
		return present ? STORE_OK : STORE_NOT_STORED;
	}
}

/*
 * Expect what the twin says of a put; but any request may first have evicted
 * the key. Returns what is right.
 */
static enum store_result
expect_result(struct twin *twin, enum store_mode mode, uint64_t cas,
    enum store_result got, enum store_result wanted)
{
	if (got != wanted && !exact) {
		twin_forget(twin);
		wanted = wanted_result(twin, mode, cas);
	}
	EXPECT_EQUAL(got, wanted);
	return wanted;
}

/* A write that asked for the unique went well. */
static void
twin_learn_cas(struct twin *twin)
{
	uint64_t cas = store_last_cas(store);

	EXPECT(cas != 0 && cas != twin->cas);
	twin->cas = cas;
	twin->written = false;
}

/* The twin's side of a put that went well; takes `bytes` over. */
static void
twin_put(struct twin *twin, enum store_mode mode, char *bytes, size_t length,
    uint32_t flags, int64_t expiry)
{
	bool append = mode == STORE_APPEND;
	size_t old = twin->length;
	char *joined;

	if (mode != STORE_APPEND && mode != STORE_PREPEND) {
		twin_write(twin, bytes, length, flags, expiry);
		return;
	}
	joined = malloc(old + length + 1);
	memcpy(joined + (append ? 0 : length), twin->bytes, old);
	memcpy(joined + (append ? old : 0), bytes, length);
	free(bytes);
	twin_write(twin, joined, old + length, twin->flags, twin->expiry);
}

/* Would the store refuse it for its size? Never asked close to the limit. */
static bool
would_be_too_large(struct twin *twin, enum store_mode mode, size_t length)
{
	return (mode == STORE_APPEND || mode == STORE_PREPEND) &&
	    twin_present(twin) && twin->length + length > LENGTH_MAX;
}

static enum store_mode
random_mode(void)
{
	return (enum store_mode)random_below(&rnd, STORE_CAS + 1);
}

static void
do_put(void)
{
	struct twin *twin = random_twin();
	struct store_key key = key_of_twin(twin);
	enum store_mode mode = one_in(2) ? STORE_SET : random_mode();
	size_t length;
	char *bytes = random_bytes(&length);
	struct store_value value = {
		.bytes = { bytes, length },
		.flags = random_flags(),
		.expiry = random_expiry(),
		.cas = random_cas(twin),
		.want_cas = one_in(4),
	};
	enum store_result wanted = wanted_result(twin, mode, value.cas);

	if (would_be_too_large(twin, mode, length)) {
		free(bytes);
		return;
	}
	wanted = expect_result(twin, mode, value.cas,
	    store_put(store, &key, mode, &value), wanted);
	if (wanted != STORE_OK) {
		free(bytes);
		return;
	}
	twin_put(twin, mode, bytes, length, value.flags, value.expiry);
	if (value.want_cas)
		twin_learn_cas(twin);
}

/* The item is what the twin says, its cas unique included. */
static void
compare(struct twin *twin, bool want_cas, const struct store_item *item)
{
	EXPECT(value_equals(store, item, twin->bytes, twin->length));
	EXPECT_EQUAL(item->flags, twin->flags);
	EXPECT_EQUAL(item->expiry, twin->expiry);
	if (!want_cas)
		return;
	EXPECT(item->cas != 0);
	if (twin->cas != 0 && !twin->written)
		EXPECT_EQUAL(item->cas, twin->cas);
	else
		EXPECT(item->cas != twin->cas);
	twin->cas = item->cas;
	twin->written = false;
}

static void
get_and_compare(struct twin *twin, bool want_cas)
{
	bool present = twin_present(twin);
	struct store_key key = key_of_twin(twin);
	struct store_item item;
	enum store_result result = store_get(store, &key, want_cas, &item);

	if (present && !exact && result == STORE_MISS) {
		twin_forget(twin);
		return;
	}
	EXPECT_EQUAL(result, present ? STORE_OK : STORE_MISS);
	if (present && !tap_test_failed)
		compare(twin, want_cas, &item);
}

static void
do_get(void)
{
	get_and_compare(random_twin(), one_in(3));
}

/* Questions that make no difference. */
static void
do_look(void)
{
	struct twin *twin = random_twin();
	bool present = twin_present(twin);
	struct store_key key = key_of_twin(twin);
	struct store_item item;

	EXPECT_EQUAL(store_exists(store, &key), present);
	EXPECT_EQUAL(store_look(store, &key, &item),
	    present ? STORE_OK : STORE_MISS);
	if (present && !tap_test_failed)
		compare(twin, false, &item);
}

static void
begin_scan(void)
{
	for (unsigned i = 0; i < keys; i++) {
		twins[i].visits = 0;
		twins[i].broken = !twin_present(&twins[i]);
	}
}

static void
end_scan(void)
{
	for (unsigned i = 0; i < keys; i++) {
		if (twin_present(&twins[i]) && !twins[i].broken)
			EXPECT_EQUAL(twins[i].visits, 1);
		EXPECT(twins[i].visits <= 1);
	}
}

/* The names end in the twin's number. */
static void
visit(void *context, struct slice name, const struct store_item *item)
{
	char digits[8] = "";
	size_t start = name.length;
	struct twin *twin;

	while (start > 0 && strchr("0123456789", name.bytes[start - 1]))
		start--;
	memcpy(digits, name.bytes + start, name.length - start);
	twin = &twins[strtoul(digits, NULL, 10)];
	EXPECT(context == &scan_cursor);
	EXPECT(name.length == strlen(twin->name) &&
	    memcmp(name.bytes, twin->name, name.length) == 0);
	twin->visits++;
	if (EXPECT(twin->bytes != NULL))
		compare(twin, false, item);
}

static void
do_scan(void)
{
	if (scan_cursor == 0)
		begin_scan();
	scan_cursor = store_scan(store, scan_cursor,
	    (unsigned)random_below(&rnd, one_in(10) ? keys : 12), visit,
	    &scan_cursor);
	if (scan_cursor == 0)
		end_scan();
}

static void
do_shift(void)
{
	if (one_in(100))
		shift = random_below(&rnd, 5) * 150;
}

static void
do_touch(void)
{
	struct twin *twin = random_twin();
	bool present = twin_present(twin), want_cas = one_in(4);
	int64_t expiry = random_expiry();
	struct store_key key = key_of_twin(twin);
	struct store_item item;

	EXPECT_EQUAL(store_touch(store, &key, expiry, want_cas, &item),
	    present ? STORE_OK : STORE_MISS);
	if (!present || tap_test_failed)
		return;
	twin->expiry = expiry;
	compare(twin, want_cas, &item);
}

static void
do_delete(void)
{
	struct twin *twin = random_twin();
	bool present = twin_present(twin);
	struct store_key key = key_of_twin(twin);

	EXPECT_EQUAL(store_delete(store, &key),
	    present ? STORE_OK : STORE_MISS);
	twin_forget(twin);
}

static size_t
skip(const struct twin *twin, size_t at, const char *these)
{
	while (at < twin->length && twin->bytes[at] != '\0' &&
	    strchr(these, twin->bytes[at]) != NULL)
		at++;
	return at;
}

/* White space, a '+', then 1 to 20 digits, then nothing or white space. */
static bool
twin_number(const struct twin *twin, uint64_t *number)
{
	static const char space[] = " \t\n\v\f\r";
	size_t start = skip(twin, 0, space), end;
	unsigned __int128 sum = 0;

	if (start < twin->length && twin->bytes[start] == '+')
		start++;
	end = skip(twin, start, "0123456789");
	if (end == start || end - start > DECIMAL_MAX ||
	    twin->length >= NUMBER_LENGTH_END ||
	    (end < twin->length && skip(twin, end, space) == end))
		return false;
	for (size_t at = start; at < end; at++)
		sum = sum * 10 + (unsigned)(twin->bytes[at] - '0');
	*number = (uint64_t)sum;
	return sum <= UINT64_MAX;
}

static void
twin_count(struct twin *twin, uint64_t number)
{
	char *bytes = malloc(twin->length + DECIMAL_MAX);
	size_t length = decimal_format(bytes, number);

	while (length < twin->length)
		bytes[length++] = ' ';
	twin_write(twin, bytes, length, twin->flags, twin->expiry);
}

static void
do_count(void)
{
	struct twin *twin = random_twin();
	struct store_key key = key_of_twin(twin);
	bool subtract = one_in(2), want_cas = one_in(4);
	uint64_t delta = random_next(&rnd) >> random_below(&rnd, 64);
	uint64_t number = 0, got;
	enum store_result wanted = STORE_MISS;

	if (twin_present(twin)) {
		wanted = twin_number(twin, &number) ? STORE_OK :
		    STORE_NOT_A_NUMBER;
		if (subtract)
			number = number > delta ? number - delta : 0;
		else
			number += delta;
	}
	EXPECT_EQUAL(store_add_number(store, &key, subtract, delta, want_cas,
	    &got), wanted);
	if (wanted == STORE_OK) {
		EXPECT(got == number);
		twin_count(twin, number);
		if (want_cas)
			twin_learn_cas(twin);
	}
}

static void
finish_draft(struct filling *fill)
{
	struct twin *twin = &twins[fill->key];
	struct store_key key = key_of_twin(twin);
	enum store_mode mode = one_in(2) ? STORE_SET : random_mode();
	struct store_value value = {
		.draft = fill->draft, .flags = fill->flags,
		.expiry = fill->expiry, .cas = random_cas(twin),
		.want_cas = one_in(4),
	};
	enum store_result wanted = wanted_result(twin, mode, value.cas);

	if (one_in(4) || would_be_too_large(twin, mode, fill->length)) {
		store_draft_abandon(store, fill->draft);
		free(fill->bytes);
		return;
	}
	value_fill(store, fill->draft, fill->bytes);
	wanted = expect_result(twin, mode, value.cas,
	    store_put(store, &key, mode, &value), wanted);
	if (wanted != STORE_OK) {
		free(fill->bytes);
		return;
	}
	twin_put(twin, mode, fill->bytes, fill->length, fill->flags,
	    fill->expiry);
	if (value.want_cas)
		twin_learn_cas(twin);
}

/* Begin to fill a draft, or finish one that was begun. */
static void
do_draft(void)
{
	struct filling *fill = &filling[random_below(&rnd, HELD_MAX)];
	struct store_key key;

	if (fill->draft != 0) {
		finish_draft(fill);
		fill->draft = 0;
		return;
	}
	*fill = (struct filling){
		.key = (unsigned)random_below(&rnd, keys),
		.flags = random_flags(),
		.expiry = random_expiry(),
	};
	fill->bytes = random_bytes(&fill->length);
	key = key_of_twin(&twins[fill->key]);
	if (!EXPECT_EQUAL(store_draft(store, &key, (uint32_t)fill->length,
	    fill->flags, fill->expiry, &fill->draft), STORE_OK)) {
		fill->draft = 0;
		free(fill->bytes);
	}
}

static void
let_go(struct held *hold)
{
	EXPECT(value_equals(store, &hold->item, hold->bytes,
	    hold->item.length));
	if (hold->part != NULL)
		store_unpin(store, hold->part);
	else
		store_unpin_item(store, &hold->item);
	free(hold->bytes);
	hold->used = false;
}

/* Pin a value, or check and let go one that was pinned. */
static void
do_pin(void)
{
	struct held *hold = &held[random_below(&rnd, HELD_MAX)];
	struct twin *twin = random_twin();
	struct store_key key = key_of_twin(twin);
	struct iovec part;

	if (hold->used) {
		let_go(hold);
		return;
	}
	if (!twin_present(twin))
		return;
	if (store_get(store, &key, one_in(2), &hold->item) != STORE_OK) {
		EXPECT(!exact);
		return;
	}
	EXPECT(store_pin(store, &hold->item));
	store_parts(store, &hold->item, (uint32_t)random_below(&rnd,
	    hold->item.pieces > 0 ? hold->item.pieces : 1), &part, 1);
	hold->used = true;
	hold->part = hold->item.length >= BY_PART_LEAST && one_in(2) ?
	    part.iov_base : NULL;
	hold->bytes = malloc(hold->item.length + 1);
	value_read(store, &hold->item, hold->bytes);
}

static void
do_tick(void)
{
	store_tick(store, (unsigned)random_below(&rnd, 600));
}

static void
do_time(void)
{
	now += (int64_t)random_below(&rnd, one_in(200) ? 100000 : 300);
	store_set_time(store, now);
}

static void
do_flush(void)
{
	if (!one_in(300))
		return;
	store_flush(store);
	for (unsigned i = 0; i < keys; i++)
		twin_forget(&twins[i]);
	EXPECT_EQUAL(store_counts(store)->items, 0);
	EXPECT_EQUAL(store_counts(store)->bytes, 0);
}

static void
do_limit(void)
{
	if (!exact && one_in(20))
		EXPECT(store_set_limit(store, 2 * MB +
		    random_below(&rnd, 3 * MB)));
}

static const struct {
	void		(*run)(void);
	unsigned	 weight;
} operations[] = {
	{ do_put, 40 }, { do_get, 25 }, { do_touch, 8 }, { do_delete, 6 },
	{ do_count, 10 }, { do_draft, 6 }, { do_pin, 6 }, { do_tick, 3 },
	{ do_time, 3 }, { do_flush, 1 }, { do_limit, 1 }, { do_look, 4 },
	{ do_scan, 8 }, { do_shift, 1 },
};

static void
do_one(void)
{
	uint64_t ticket, all = 0;
	size_t n = 0;

	for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
		all += operations[i].weight;
	ticket = random_below(&rnd, all);
	while (ticket >= operations[n].weight)
		ticket -= operations[n++].weight;
	operations[n].run();
}

static void
compare_all(void)
{
	store_verify(store);
	for (unsigned i = 0; i < keys && !tap_test_failed; i++)
		get_and_compare(&twins[i], false);
	if (exact)
		EXPECT_EQUAL(store_counts(store)->evictions, 0);
}

static void
open_twins(size_t limit)
{
	struct store_config config = {
		.limit = limit, .item_max = ITEM_MAX, .growth_factor = 1.25,
		.chunk_min = 48, .evict = true, .cas = true,
		.hash_seed = VALUES_SEED,
	};
	struct error problem;

	store = store_open(&config, &problem);
	if (store == NULL)
		printf("Bail out! %s\n", problem.text);
	scan_cursor = 0;
	shift = 0;
	now = 1000000000000;
	store_set_time(store, now);
	for (unsigned i = 0; i < keys; i++) {
		twins[i] = (struct twin){ .bytes = NULL };
		/* Keys of many lengths, so of many classes. */
		snprintf(twins[i].name, sizeof twins[i].name, "%.*s%u",
		    (int)(i % 25), "a-key-with-a-longer-name-", i);
	}
}

static void
close_twins(void)
{
	for (unsigned i = 0; i < HELD_MAX; i++) {
		if (held[i].used)
			let_go(&held[i]);
		if (filling[i].draft != 0) {
			store_draft_abandon(store, filling[i].draft);
			free(filling[i].bytes);
		}
		filling[i].draft = 0;
	}
	compare_all();
	for (unsigned i = 0; i < keys; i++)
		twin_forget(&twins[i]);
	store_flush(store);
	store_verify(store);
	store_close(store);
}

/* Things that a run under pressure has to have come across. */
static void
expect_pressure(void)
{
	EXPECT(store_counts(store)->evictions > 100);
	EXPECT(store_counts(store)->pages_moved > 5);
	EXPECT(store_counts(store)->reclaimed > 100);
}

static void
run_twins(size_t limit, unsigned key_count, unsigned count)
{
	keys = key_count;
	open_twins(limit);
	for (unsigned i = 1; i <= count && !tap_test_failed; i++) {
		do_one();
		if (i % 1000 == 0)
			compare_all();
		if (tap_test_failed)
			printf("# at operation %u\n", i);
	}
	if (!exact && !tap_test_failed)
		expect_pressure();
	close_twins();
}

static void
with_memory_to_spare_the_store_is_a_map(void)
{
	exact = true;
	run_twins(15 * MB, 500, 60000);
}

static void
a_small_map_is_changed_over_and_over(void)
{
	exact = true;
	run_twins(8 * MB, 12, 50000);
}

static void
under_pressure_items_may_be_missing_but_never_wrong(void)
{
	exact = false;
	run_twins(4 * MB, 3000, 100000);
}

static void
under_great_pressure_too(void)
{
	exact = false;
	run_twins(2 * MB, 1500, 50000);
}

static uint64_t
choose_seed(void)
{
	const char *given = getenv("CAIRN_SEED");

	if (given != NULL)
		return strtoull(given, NULL, 10);
	return (uint64_t)clock_monotonic_us();
}

int
main(void)
{
	uint64_t seed = choose_seed();

	printf("# CAIRN_SEED=%llu\n", (unsigned long long)seed);
	rnd.state = seed;
	for (size_t i = 0; i < sizeof source; i++)
		source[i] = (char)random_next(&rnd);
	RUN(with_memory_to_spare_the_store_is_a_map);
	RUN(a_small_map_is_changed_over_and_over);
	RUN(under_pressure_items_may_be_missing_but_never_wrong);
	RUN(under_great_pressure_too);
	return tap_done();
}
