/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * expired.c - items that fall due are gone at once for who asks, and within a
 * second their memory is, if there are ticks; nothing goes early.
 *
 * The clock of these tests goes by steps; after each, ticks run until there
 * is nothing to do. A twin says for each key when it is due, so the number
 * of items is known at any time but for those that fell due in the second
 * before. Keys are not asked for: that would reclaim them.
 */
#include "stored.h"

#define SECOND		((int64_t)1000)
#define MINUTE		(60 * SECOND)
#define HOUR		(60 * MINUTE)
#define DAY		(24 * HOUR)
#define STEP		100
#define KEYS_MAX	8000

/* Slots of the wheel, in ms; see expiry.c. */
static const int64_t slots[] = {
	512, 512 * 64, 512 * 64 * 64, (int64_t)512 * 64 * 64 * 64,
};

#define SLOTS_COUNT	(sizeof slots / sizeof *slots)

static struct random rnd;
static int64_t now;
static int64_t due[KEYS_MAX];	/* 0: never */
static bool stored[KEYS_MAX];
static unsigned keys;

static void
begin_at(int64_t time)
{
	open_usual();
	store_set_time(store, time);
	now = time;
	keys = 0;
	memset(stored, 0, sizeof stored);
	rnd.state = 17;
}

static void
set_due(unsigned n, size_t length, int64_t expiry)
{
	EXPECT_EQUAL(put_all(STORE_SET, numbered("k", n), bytes_of(length),
	    0, expiry, 0), STORE_OK);
	stored[n] = true;
	due[n] = expiry;
	if (n >= keys)
		keys = n + 1;
}

/* A new key that is due in `lifetime`. */
static void
add_key(int64_t lifetime)
{
	set_due(keys, random_below(&rnd, 100), now + lifetime);
}

/* From `least` to `most`, short ones as likely as long ones. */
static int64_t
random_lifetime(int64_t least, int64_t most)
{
	int64_t limit = least;

	while (limit < most && random_below(&rnd, 16) != 0)
		limit += limit / 2 + 1;
	if (limit > most)
		limit = most;
	return least + (int64_t)random_below(&rnd,
	    (uint64_t)(limit - least + 1));
}

/* Keys that are there when all due up to `time` are gone. */
static unsigned
count_alive(int64_t time)
{
	unsigned alive = 0;

	for (unsigned n = 0; n < keys; n++)
		alive += stored[n] && (due[n] == 0 || due[n] > time);
	return alive;
}

static int64_t
next_due(int64_t after)
{
	int64_t next = INT64_MAX;

	for (unsigned n = 0; n < keys; n++)
		if (stored[n] && due[n] > after && due[n] < next)
			next = due[n];
	return next;
}

/* Ask for what is due: it is gone then, wherever the clock goes. */
static void
bury(void)
{
	for (unsigned n = 0; n < keys; n++)
		if (stored[n] && due[n] != 0 && due[n] <= now) {
			struct store_key where = key(numbered("k", n));

			EXPECT(!store_exists(store, &where));
			stored[n] = false;
		}
	EXPECT_EQUAL(items(), count_alive(now));
}

static bool
expect_on_time(void)
{
	bool early = items() < count_alive(now);
	bool late = items() > count_alive(now - LATE);

	if (early || late)
		printf("# %lld ms after the start: too %s\n",
		    (long long)(now - START), early ? "early" : "late");
	return EXPECT(!early && !late);
}

static void
set_time(int64_t time)
{
	now = time;
	store_set_time(store, time);
	tick_until_done(100);
}

/* Go by steps to a time; look at each second. */
static void
walk_until(int64_t time)
{
	for (unsigned n = 1; now < time && !tap_test_failed; n++) {
		set_time(now + STEP < time ? now + STEP : time);
		if (n % 10 == 0)
			expect_on_time();
	}
	expect_on_time();
}

/* Go by strides of up to an hour, but by steps round each time of death. */
static void
stride_until(int64_t time)
{
	while (now < time && !tap_test_failed) {
		int64_t next = next_due(now - LATE);

		if (next <= now + STEP) {
			set_time(now + STEP);
		} else {
			int64_t stride = (int64_t)random_below(&rnd, HOUR);

			set_time(now + stride < next - 1 ? now + stride :
			    next - 1);
		}
		expect_on_time();
	}
}

static void
finish(void)
{
	expect_on_time();
	close_store();
}

/* Lifetimes */

static void
one_item_goes_within_a_second(void)
{
	begin_at(START);
	add_key(5 * SECOND);
	set_time(START + 5 * SECOND - 1);
	EXPECT_EQUAL(items(), 1);
	set_time(START + 6 * SECOND);
	EXPECT_EQUAL(items(), 0);
	EXPECT_EQUAL(store_counts(store)->reclaimed, 1);
	close_store();
}

static void
lifetimes_of_up_to_an_hour(void)
{
	begin_at(START);
	while (now < START + HOUR && !tap_test_failed) {
		if (keys < KEYS_MAX)
			for (int i = 0; i < 4; i++)
				add_key(random_lifetime(1, HOUR));
		walk_until(now + SECOND);
	}
	walk_until(START + 2 * HOUR + MINUTE);
	EXPECT_EQUAL(items(), 0);
	finish();
}

static void
lifetimes_of_up_to_200_days(void)
{
	begin_at(START);
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 50; i++)
			add_key(random_lifetime(MINUTE, 200 * DAY));
		stride_until(now + (int64_t)random_below(&rnd, DAY));
	}
	stride_until(START + 212 * DAY);
	EXPECT_EQUAL(items(), 0);
	finish();
}

/*
 * Items due round the ends of slots and of levels, stored at the beginning,
 * the middle and the end of slots.
 */
static void
add_boundary_keys(void)
{
	for (unsigned level = 0; level < SLOTS_COUNT; level++)
		for (int64_t ahead = 0; ahead < 68; ahead++) {
			int64_t edge = (now / slots[level] + ahead) *
			    slots[level];
			int64_t near = (int64_t)random_below(&rnd, 600);

			/* Somewhat before, at, and somewhat after it. */
			if (edge - near > now)
				add_key(edge - near - now);
			if (edge > now)
				add_key(edge - now);
			add_key(edge + near - now < 1 ? 1 : edge + near - now);
		}
}

static void
stored_at_phase(unsigned level, int64_t phase)
{
	int64_t start = (START / slots[level] + 1) * slots[level] + phase;

	begin_at(start - HOUR);
	set_time(start);
	add_boundary_keys();
	stride_until(start + 36 * HOUR);
	finish();
}

static void
lifetimes_at_the_boundaries_of_slots_and_levels(void)
{
	static const int64_t phases[] = { 0, 1, 511, 512, 1100, -1, -600 };

	for (unsigned level = 1; level < SLOTS_COUNT; level++)
		for (size_t i = 0; i < sizeof phases / sizeof *phases; i++)
			stored_at_phase(level, phases[i]);
}

/* One item at a time, so that nothing else hides when it goes. */
static void
each_single_slot_ahead_is_on_time(void)
{
	begin_at(START);
	for (unsigned n = 0; n < 150 && !tap_test_failed; n++) {
		walk_until((now / slots[0] + 1) * slots[0] + 1);
		stored[0] = false;
		set_due(0, 10, now + n * slots[0] + 200);
		walk_until(due[0] + LATE);
		EXPECT_EQUAL(items(), 0);
	}
	finish();
}

/* Time that jumps */

static void
a_jump_forward_takes_what_is_due_and_leaves_the_rest(void)
{
	static const int64_t jumps[] = {
		31 * SECOND, 33 * MINUTE, 5 * HOUR, 36 * HOUR, 40 * DAY,
		2 * MINUTE, 150 * DAY, 100 * DAY,
	};

	begin_at(START);
	for (int i = 0; i < 2000; i++)
		add_key(random_lifetime(1, 300 * DAY));
	for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
		set_time(now + jumps[i]);
		EXPECT(items() >= count_alive(now));
		set_time(now + LATE);
		expect_on_time();
		walk_until(now + 2 * MINUTE);
		store_verify(store);
	}
	EXPECT(items() > 0);
	finish();
}

static void
after_a_jump_back_nothing_goes_early(void)
{
	static const int64_t jumps[] = {
		3 * SECOND, 40 * SECOND, HOUR, 3 * DAY, 200 * DAY,
	};

	for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
		begin_at(START);
		for (int n = 0; n < 1000; n++)
			add_key(random_lifetime(SECOND, 300 * DAY));
		walk_until(START + MINUTE);
		bury();
		set_time(now - jumps[i]);
		EXPECT_EQUAL(items(), count_alive(now));
		walk_until(now + 2 * MINUTE);
		/* And nothing is forgotten. */
		stride_until(START + 10 * MINUTE);
		for (unsigned day = 1; day < 600; day++)
			set_time(START + day * DAY / 2);
		set_time(now + LATE);
		EXPECT_EQUAL(items(), 0);
		close_store();
	}
}

static void
what_is_stored_after_a_jump_back_goes_on_time(void)
{
	static const int64_t jumps[] = {
		3 * SECOND, 40 * SECOND, HOUR, 3 * DAY,
	};

	for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
		begin_at(START);
		add_key(1);
		walk_until(START + MINUTE);
		bury();
		set_time(now - jumps[i]);
		for (int n = 0; n < 1000; n++)
			add_key(random_lifetime(1, 5 * MINUTE));
		walk_until(now + 7 * MINUTE);
		EXPECT_EQUAL(items(), 0);
		close_store();
	}
}

static void
time_may_wander(void)
{
	begin_at(START);
	for (int i = 0; i < 3000 && !tap_test_failed; i++) {
		int64_t at = now;

		if (keys < KEYS_MAX)
			add_key(random_lifetime(1, 3 * HOUR));
		at += (int64_t)random_below(&rnd, 20 * MINUTE) - 9 * MINUTE;
		set_time(at);
		EXPECT(items() >= count_alive(now));
		bury();
		if (i % 100 == 0)
			store_verify(store);
	}
	for (int i = 0; i < 400; i++)
		set_time(now + MINUTE);
	EXPECT_EQUAL(items(), 0);
	close_store();
}

/* Changes of an item's time */

static bool
is_alive(unsigned n)
{
	return stored[n] && (due[n] == 0 || due[n] > now);
}

static int64_t
random_due(void)
{
	if (random_below(&rnd, 4) == 0)
		return NEVER;
	return now + random_lifetime(1, 10 * MINUTE);
}

static void
change_key(unsigned n)
{
	const char *name = numbered("k", n);
	int64_t expiry = random_due();
	size_t length = random_below(&rnd, 2) * 10 + random_below(&rnd, 60) *
	    random_below(&rnd, 60);
	bool alive = is_alive(n);

	switch (random_below(&rnd, 6)) {
	case 0:
	case 1:
		EXPECT_EQUAL(touch(name, expiry), alive ? STORE_OK :
		    STORE_MISS);
		if (alive)
			due[n] = expiry;
		break;
	case 2:
		EXPECT_EQUAL(put(STORE_APPEND, name, bytes_of(length)),
		    alive ? STORE_OK : STORE_NOT_STORED);
		break;
	case 3:
		EXPECT_EQUAL(delete(name), alive ? STORE_OK : STORE_MISS);
		stored[n] = false;
		break;
	case 4:
		EXPECT_EQUAL(cas_of(name) != 0, alive);
		break;
	default:
		set_due(n, length, expiry);
	}
	/* Whatever was asked, an item that is due is gone by now. */
	stored[n] = is_alive(n);
}

static void
changes_of_any_kind_are_exact(void)
{
	begin_at(START);
	for (int i = 0; i < 4000 && !tap_test_failed; i++) {
		for (int n = 0; n < 8; n++)
			change_key((unsigned)random_below(&rnd, 600));
		walk_until(now + (int64_t)random_below(&rnd, 300));
		if (i % 500 == 0)
			store_verify(store);
	}
	walk_until(now + 11 * MINUTE);
	EXPECT_EQUAL(items(), count_alive(now));
	finish();
}

static void
a_longer_life_is_lived_to_its_end_and_a_shorter_one_too(void)
{
	begin_at(START);
	for (unsigned n = 0; n < 400; n++)
		set_due(n, n, START + 40 * SECOND);
	for (unsigned n = 0; n < 400; n++) {
		if (n % 4 == 0)
			due[n] = START + 2 * SECOND;
		if (n % 4 == 1)
			due[n] = START + 50 * MINUTE;
		if (n % 4 == 2)
			due[n] = NEVER;
		EXPECT_EQUAL(touch(numbered("k", n), due[n]), STORE_OK);
	}
	walk_until(START + HOUR);
	EXPECT_EQUAL(items(), 100);
	finish();
}

static void
what_was_overwritten_lives_by_its_new_time(void)
{
	begin_at(START);
	for (unsigned n = 0; n < 400; n++)
		set_due(n, n, START + 40 * SECOND);
	for (unsigned n = 0; n < 400; n++)
		set_due(n, n % 3 == 0 ? 2 * n : n, n % 4 == 0 ? NEVER :
		    START + (n % 4 == 1 ? SECOND : 3 * MINUTE));
	walk_until(START + 4 * MINUTE);
	EXPECT_EQUAL(items(), 100);
	finish();
}

static void
large_and_held_values_go_on_time(void)
{
	const void *part[100];
	struct iovec piece;

	begin_at(START);
	for (unsigned n = 0; n < 100; n++) {
		set_due(n, 1100 + n * 400, START + 10 * SECOND + n * 500);
		EXPECT_EQUAL(get(numbered("k", n)), STORE_OK);
		EXPECT(store_pin(store, &item));
		store_parts(store, &item, 0, &piece, 1);
		part[n] = piece.iov_base;
	}
	walk_until(START + 2 * MINUTE);
	EXPECT_EQUAL(items(), 0);
	for (unsigned n = 0; n < 100; n++)
		store_unpin(store, part[n]);
	store_verify(store);
	EXPECT_EQUAL(store_free_pages(store), store->slab.pages_held);
	close_store();
}

static void
after_a_flush_time_goes_on(void)
{
	begin_at(START);
	for (int round = 0; round < 5; round++) {
		keys = 0;
		for (int i = 0; i < 1000; i++)
			add_key(random_lifetime(1, 5 * MINUTE));
		walk_until(now + MINUTE);
		store_flush(store);
		memset(stored, 0, sizeof stored);
		EXPECT_EQUAL(items(), 0);
	}
	for (int i = 0; i < 1000; i++)
		add_key(random_lifetime(1, 5 * MINUTE));
	walk_until(now + 6 * MINUTE);
	EXPECT_EQUAL(items(), 0);
	finish();
}

/* Items that move */

/* Items in the store that fell due before `time`. */
static unsigned
count_overdue(int64_t time)
{
	const struct slab *slab = &store->slab;
	unsigned overdue = 0;

	for (uint32_t page = 1; page < slab->pages_touched; page++) {
		if (slab->pages[page].class == SLAB_NO_CLASS)
			continue;
		for (uint32_t n = 0; n < slab->pages[page].fresh; n++) {
			const struct item *at = slab_item(slab,
			    slab_handle(slab, page, n));

			overdue += item_kind(at) == ITEM_LINKED &&
			    item_expired(at, time);
		}
	}
	return overdue;
}

/*
 * A full store that promotes, evicts and moves pages: one key in four is
 * asked for often, and the sizes in demand change all the time.
 */
static void
press(unsigned requests, int64_t lifetime)
{
	static unsigned size;

	for (unsigned i = 0; i < requests; i++) {
		unsigned n = (unsigned)random_below(&rnd, 60000);
		const char *name;

		if (n % 4 != 0)
			n %= 15000;
		name = numbered("p", n);
		if (random_below(&rnd, 20000) == 0)
			size = (size + 1) % 5;
		if (get(name) == STORE_MISS)
			put_all(STORE_SET, name, bytes_of(40 + 90 * size +
			    n % 200), 0, n % 5 == 0 ? NEVER : now + 1 +
			    (int64_t)random_below(&rnd, (uint64_t)lifetime),
			    0);
	}
}

static void
expect_moves(void)
{
	EXPECT(store_counts(store)->evictions > 1000);
	EXPECT(store_counts(store)->pages_moved > 5);
}

static void
moved_items_go_on_time(void)
{
	begin_at(START);
	for (int i = 0; i < 3000; i++) {
		press(100, 3 * MINUTE);
		set_time(now + STEP);
		if (i % 30 == 0)
			EXPECT_EQUAL(count_overdue(now - LATE), 0);
	}
	expect_moves();
	close_store();
}

/* The sweep of a slot takes many small ticks, and items move meanwhile. */
static void
items_that_move_while_their_slot_is_swept_go_on_time(void)
{
	begin_at(START);
	for (int i = 0; i < 60 && !tap_test_failed; i++) {
		for (int n = 0; n < 400; n++) {
			press(10, 2 * MINUTE);
			store_tick(store, 16);
			if (n % 4 == 0)
				store_set_time(store, now += 10);
		}
		tick_until_done(100);
		set_time(now + LATE);
		EXPECT_EQUAL(count_overdue(now - LATE), 0);
	}
	close_store();
}

/* Work */

/* Of all pages: for how many marks a search would look at them. */
static unsigned
count_mark_bits(void)
{
	unsigned bits = 0;

	for (uint32_t page = 1; page < store->slab.pages_touched; page++)
		for (int i = 0; i < 4; i++)
			bits += (unsigned)__builtin_popcountll(
			    store->slab.pages[page].marks.word[i]);
	return bits;
}

static void
items_that_never_expire_cost_no_sweep(void)
{
	begin_at(START);
	for (unsigned n = 0; n < 60000; n++) {
		set(numbered("k", n), bytes_of(n % 300));
		if (n % 3 == 0)
			get(numbered("k", n));
		if (n % 100 == 0)
			set_time(now + STEP);
	}
	EXPECT(store_counts(store)->evictions > 0);
	EXPECT_EQUAL(count_mark_bits(), 0);
	EXPECT_EQUAL(touch("k59999", NEVER), STORE_OK);
	EXPECT_EQUAL(count_mark_bits(), 0);
	EXPECT_EQUAL(touch("k59999", now + HOUR), STORE_OK);
	EXPECT_EQUAL(count_mark_bits(), 1);
	close_store();
}

static void
a_tick_takes_hardly_more_than_its_budget(void)
{
	uint64_t reclaimed = 0;

	begin_at(START);
	for (unsigned n = 0; n < 20000; n++)
		put_all(STORE_SET, numbered("k", n), bytes_of(n % 100), 0,
		    START + 1 + n % 2000, 0);
	store_set_time(store, START + HOUR);
	for (unsigned budget = 1; reclaimed < 20000; budget = budget % 90 + 1) {
		uint64_t before = store_counts(store)->reclaimed;

		if (!store_tick(store, budget))
			break;
		reclaimed = store_counts(store)->reclaimed;
		EXPECT(reclaimed - before < budget + 16);
	}
	tick_until_done(100);
	EXPECT_EQUAL(items(), 0);
	close_store();
}

/*
 * Many pages have marks that are left over from a life that was prolonged: a
 * tick must not search them all. Searching a page takes a bit off it.
 */
static void
a_tick_searches_no_more_pages_than_its_budget_allows(void)
{
	unsigned least, before, after;

	begin_at(START);
	set_time(START);
	for (unsigned n = 0; n < 20000; n++)
		put_all(STORE_SET, numbered("k", n), bytes_of(200), 0,
		    START + 20 * SECOND, 0);
	for (unsigned n = 0; n < 20000; n++)
		touch(numbered("k", n), START + 10 * HOUR);
	least = store->slab.pages_touched - 1;
	after = count_mark_bits();
	EXPECT(least > 250 && after >= 2 * least);
	store_set_time(store, START + 25 * SECOND);
	do {
		before = after;
		store_tick(store, 8);
		after = count_mark_bits();
		EXPECT(before - after <= 2 * 8);
	} while (after > least && !tap_test_failed);
	tick_until_done(100);
	EXPECT_EQUAL(items(), 20000);
	close_store();
}

static void
a_million_items_of_the_same_second_make_room_for_others(void)
{
	struct store_config config = usual;
	unsigned ticks, fitted = 0, count = 1000000;

	config.limit = 96 * MB;
	open_as(&config);
	for (unsigned n = 0; n < count; n++)
		put_all(STORE_SET, numbered("k", n), text(""), 0,
		    START + HOUR + n % 1000, 0);
	EXPECT_EQUAL(items(), count);
	for (int64_t at = START; at < START + HOUR; at += MINUTE) {
		store_set_time(store, at);
		tick_until_done(1000);
	}
	EXPECT_EQUAL(items(), count);
	store_set_time(store, START + HOUR + SECOND + LATE);
	ticks = tick_until_done(1000);
	EXPECT_EQUAL(items(), 0);
	EXPECT(ticks > 500 && ticks < 2000);
	EXPECT_EQUAL(store_counts(store)->reclaimed, count);
	EXPECT_EQUAL(store_free_pages(store), store->slab.pages_held);
	while (store_counts(store)->evictions == 0 && fitted < 100000)
		set(numbered("k", fitted++), bytes_of(8000));
	EXPECT(fitted > 80 * MB / 8100);
	close_store();
}

static void
lifetimes(void)
{
	RUN(one_item_goes_within_a_second);
	RUN(each_single_slot_ahead_is_on_time);
	RUN(lifetimes_of_up_to_an_hour);
	RUN(lifetimes_of_up_to_200_days);
	RUN(lifetimes_at_the_boundaries_of_slots_and_levels);
	RUN(a_jump_forward_takes_what_is_due_and_leaves_the_rest);
	RUN(after_a_jump_back_nothing_goes_early);
	RUN(what_is_stored_after_a_jump_back_goes_on_time);
	RUN(time_may_wander);
}

static void
changes_and_work(void)
{
	RUN(changes_of_any_kind_are_exact);
	RUN(a_longer_life_is_lived_to_its_end_and_a_shorter_one_too);
	RUN(what_was_overwritten_lives_by_its_new_time);
	RUN(large_and_held_values_go_on_time);
	RUN(after_a_flush_time_goes_on);
	RUN(moved_items_go_on_time);
	RUN(items_that_move_while_their_slot_is_swept_go_on_time);
	RUN(items_that_never_expire_cost_no_sweep);
	RUN(a_tick_takes_hardly_more_than_its_budget);
	RUN(a_tick_searches_no_more_pages_than_its_budget_allows);
	RUN(a_million_items_of_the_same_second_make_room_for_others);
}

int
main(void)
{
	fill_source();
	lifetimes();
	changes_and_work();
	return tap_done();
}
