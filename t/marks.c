/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * marks.c - what store.h promises about the marks of an item, its last access
 * and a cas unique that the caller chooses.
 */
#include "stored.h"

static enum store_result
fetch(const char *name, unsigned how, int64_t expiry)
{
	struct store_key where = key(name);

	return store_fetch(store, &where, how, expiry, &item);
}

static unsigned
marks_of(const char *name)
{
	EXPECT_EQUAL(fetch(name, STORE_UNNOTICED, 0), STORE_OK);
	return item.marks;
}

static void
a_fetch_tells_whether_it_is_the_first(void)
{
	open_usual();
	EXPECT_EQUAL(set("k", text("v")), STORE_OK);
	EXPECT_EQUAL(marks_of("k"), 0);
	EXPECT_EQUAL(marks_of("k"), 0);
	EXPECT_EQUAL(fetch("k", 0, 0), STORE_OK);
	EXPECT_EQUAL(item.marks, 0);
	EXPECT_EQUAL(fetch("k", 0, 0), STORE_OK);
	EXPECT_EQUAL(item.marks, STORE_FETCHED);
	EXPECT_EQUAL(fetch("none", 0, 0), STORE_MISS);
	close_store();
}

static void
a_fetch_touches_only_when_asked(void)
{
	open_usual();
	EXPECT_EQUAL(set("k", text("v")), STORE_OK);
	EXPECT_EQUAL(fetch("k", STORE_TOUCH, START + 50), STORE_OK);
	EXPECT_EQUAL(item.expiry, START + 50);
	EXPECT_EQUAL(fetch("k", 0, START + 99), STORE_OK);
	EXPECT_EQUAL(item.expiry, START + 50);
	EXPECT_EQUAL(fetch("k", STORE_TOUCH, NEVER), STORE_OK);
	EXPECT_EQUAL(fetch("k", STORE_WANT_CAS, 0), STORE_OK);
	EXPECT(item.cas != 0);
	EXPECT_EQUAL(item.expiry, NEVER);
	EXPECT(has("k", text("v")));
	close_store();
}

static void
expect_cleared(const char *name)
{
	EXPECT_EQUAL(marks_of(name) & (STORE_STALE | STORE_TOKEN_SENT), 0);
	store_mark(store, &item, STORE_STALE | STORE_TOKEN_SENT, 0);
	EXPECT_EQUAL(item.marks & (STORE_STALE | STORE_TOKEN_SENT),
	    STORE_STALE | STORE_TOKEN_SENT);
}

static void
a_write_clears_the_marks(void)
{
	uint64_t number;

	open_usual();
	EXPECT_EQUAL(set("k", text("1")), STORE_OK);
	expect_cleared("k");
	EXPECT_EQUAL(set("k", text("2")), STORE_OK);	/* as long */
	expect_cleared("k");
	EXPECT_EQUAL(set("k", text("10")), STORE_OK);
	expect_cleared("k");
	EXPECT_EQUAL(put(STORE_APPEND, "k", text("0")), STORE_OK);
	expect_cleared("k");
	EXPECT_EQUAL(put(STORE_PREPEND, "k", text("1")), STORE_OK);
	expect_cleared("k");
	EXPECT_EQUAL(put(STORE_REPLACE, "k", bytes_of(5000)), STORE_OK);
	expect_cleared("k");
	EXPECT_EQUAL(set("k", text("5")), STORE_OK);
	expect_cleared("k");
	/* But a number that is counted on stays what it was. */
	EXPECT_EQUAL(count("k", false, 1, &number), STORE_OK);
	EXPECT(marks_of("k") & STORE_STALE);
	close_store();
}

static void
marks_last_while_the_item_changes_its_shape(void)
{
	open_usual();
	EXPECT_EQUAL(set("k", text("v")), STORE_OK);
	expect_cleared("k");
	EXPECT_EQUAL(fetch("k", STORE_TOUCH, START + 9), STORE_OK);
	EXPECT(cas_of("k") != 0);
	EXPECT_EQUAL(marks_of("k"), STORE_FETCHED | STORE_STALE |
	    STORE_TOKEN_SENT);
	store_mark(store, &item, 0, STORE_TOKEN_SENT);
	EXPECT_EQUAL(marks_of("k"), STORE_FETCHED | STORE_STALE);
	EXPECT(has("k", text("v")));
	store_verify(store);
	close_store();
}

static void
a_cas_unique_can_be_chosen(void)
{
	open_usual();
	EXPECT_EQUAL(set("k", text("v")), STORE_OK);
	EXPECT_EQUAL(fetch("k", 0, 0), STORE_OK);
	store_renew_cas(store, &item, 77);
	EXPECT_EQUAL(item.cas, 0);		/* it has none */
	EXPECT_EQUAL(fetch("k", STORE_WANT_CAS, 0), STORE_OK);
	store_renew_cas(store, &item, 77);
	EXPECT_EQUAL(item.cas, 77);
	EXPECT_EQUAL(cas_of("k"), 77);
	store_renew_cas(store, &item, 0);
	EXPECT(item.cas > usual.cas_start);
	EXPECT_EQUAL(cas_of("k"), item.cas);
	close_store();
}

static const size_t lengths[] = { 1, 10, 100, 1000, 5000, 100000 };

static void
an_item_knows_its_last_access_where_it_is_kept(void)
{
	struct store_config config = usual;

	config.track_access = true;
	open_as(&config);
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		struct slice value = bytes_of(lengths[i]);

		store_set_time(store, START);
		EXPECT_EQUAL(put_all(STORE_SET, "k", value, i % 2 ? 5 : 0,
		    NEVER, 0), STORE_OK);
		store_set_time(store, START + 20000);
		EXPECT_EQUAL(fetch("k", STORE_UNNOTICED, 0), STORE_OK);
		EXPECT_EQUAL(item.accessed, START / 1000);
		EXPECT_EQUAL(fetch("k", STORE_WANT_CAS, 0), STORE_OK);
		EXPECT_EQUAL(item.accessed, START / 1000);
		EXPECT_EQUAL(fetch("k", STORE_TOUCH, START + 90000),
		    STORE_OK);
		EXPECT_EQUAL(item.accessed, START / 1000 + 20);
		EXPECT_EQUAL(item.flags, i % 2 ? 5U : 0U);
		EXPECT(has("k", value));
	}
	store_verify(store);
	close_store();
}

static void
elsewhere_it_is_unknown_and_takes_no_room(void)
{
	uint64_t bytes;
	struct store_config config = usual;

	open_usual();
	EXPECT_EQUAL(set("k", text("v")), STORE_OK);
	EXPECT_EQUAL(get("k"), STORE_OK);
	EXPECT_EQUAL(item.accessed, 0);
	bytes = store_counts(store)->bytes;
	close_store();
	config.track_access = true;
	open_as(&config);
	EXPECT_EQUAL(set("k", text("v")), STORE_OK);
	EXPECT_EQUAL(store_counts(store)->bytes, bytes + 4);
	close_store();
}

int
main(void)
{
	fill_source();
	RUN(a_fetch_tells_whether_it_is_the_first);
	RUN(a_fetch_touches_only_when_asked);
	RUN(a_write_clears_the_marks);
	RUN(marks_last_while_the_item_changes_its_shape);
	RUN(a_cas_unique_can_be_chosen);
	RUN(an_item_knows_its_last_access_where_it_is_kept);
	RUN(elsewhere_it_is_unknown_and_takes_no_room);
	return tap_done();
}
