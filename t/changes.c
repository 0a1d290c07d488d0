/* SPDX-License-Identifier: BSD-3-Clause */
/* changes.c - whoever asks is told of each key that is not as it was. */
#include "stored.h"

#define ASIDE	"aside"		/* a key that nothing happens to */

/* Keys, a space behind each; with a mark what nobody asked for. */
static char told[256];

static void
note(void *context, struct slice changed, bool asked)
{
	size_t length = strlen(told);

	EXPECT(context == &told);
	if (changed.bytes == NULL)
		changed = SLICE("*all*");
	if (length + changed.length + 2 < sizeof told)
		snprintf(told + length, sizeof told - length, "%.*s%s ",
		    (int)changed.length, changed.bytes, asked ? "" : "!");
}

static void
begin(void)
{
	open_usual();
	set(ASIDE, text("x"));
	store_tell_changes(store, note, &told);
	*told = '\0';
}

/* Is this what was told since it was asked for last? */
static bool
told_of(const char *keys)
{
	bool so = strcmp(told, keys) == 0;

	if (!so)
		printf("# told '%s'\n", told);
	*told = '\0';
	return so;
}

static void
every_way_to_write_is_told(void)
{
	uint64_t number;

	begin();
	EXPECT(set("k", text("12")) == STORE_OK && told_of("k "));
	EXPECT(set("k", text("34")) == STORE_OK && told_of("k "));
	EXPECT(set("k", text("345")) == STORE_OK && told_of("k "));
	EXPECT(set("k", bytes_of(2000)) == STORE_OK && told_of("k "));
	EXPECT(set("k", bytes_of(MB / 2)) == STORE_OK && told_of("k "));
	EXPECT(set("k", text("1")) == STORE_OK && told_of("k "));
	EXPECT(put(STORE_APPEND, "k", text("2")) == STORE_OK &&
	    told_of("k "));
	EXPECT(put(STORE_PREPEND, "k", text("1")) == STORE_OK &&
	    told_of("k "));
	EXPECT(count("k", false, 1, &number) == STORE_OK && told_of("k "));
	EXPECT(count("k", false, 1000000000, &number) == STORE_OK &&
	    told_of("k "));
	EXPECT(count("k", true, 1000000000, &number) == STORE_OK &&
	    told_of("k "));
	EXPECT(put_all(STORE_SET, "k", text("x"), 5, START + 10000, 0) ==
	    STORE_OK && told_of("k "));
	EXPECT(touch("k", START + 20000) == STORE_OK && told_of("k "));
	EXPECT(delete("k") == STORE_OK && told_of("k "));
	close_store();
}

static void
what_changes_nothing_is_not_told(void)
{
	uint64_t number;

	begin();
	get(ASIDE);
	get("none");
	delete("none");
	touch("none", START + 1000);
	put(STORE_ADD, ASIDE, text("y"));
	put(STORE_REPLACE, "none", text("y"));
	put(STORE_APPEND, "none", text("y"));
	put_all(STORE_CAS, ASIDE, text("y"), 0, NEVER, 1);
	count(ASIDE, false, 1, &number);
	EXPECT(cas_of(ASIDE) != 0);
	EXPECT(told_of(""));
	close_store();
}

static void
what_falls_due_is_told_when_it_goes(void)
{
	begin();
	put_all(STORE_SET, "found", text("x"), 0, START + 100, 0);
	put_all(STORE_SET, "swept", text("x"), 0, START + 200, 0);
	EXPECT(told_of("found swept "));
	store_set_time(store, START + 100);
	EXPECT(get("found") == STORE_MISS && told_of("found! "));
	store_set_time(store, START + 200 + LATE);
	tick_until_done(1000);
	EXPECT(told_of("swept! "));
	close_store();
}

static unsigned came, gone;

static void
count_each(void *context, struct slice changed, bool asked)
{
	(void)context;
	(void)changed;
	if (asked)
		came++;
	else
		gone++;
}

static void
what_is_evicted_is_told(void)
{
	unsigned put = 0;

	open_small(true);
	store_tell_changes(store, count_each, NULL);
	for (; put < 20000; put++)
		set(numbered("k", put), bytes_of(500));
	EXPECT(store_counts(store)->evictions > 0);
	EXPECT_EQUAL(came, put);
	EXPECT_EQUAL(gone, store_counts(store)->evictions);
	close_store();
}

static void
a_flush_is_told_once(void)
{
	begin();
	set("k", text("x"));
	EXPECT(told_of("k "));
	store_flush(store);
	EXPECT(told_of("*all* "));
	store_tell_changes(store, NULL, NULL);
	set("k", text("x"));
	EXPECT(told_of(""));
	close_store();
}

int
main(void)
{
	fill_source();
	RUN(every_way_to_write_is_told);
	RUN(what_changes_nothing_is_not_told);
	RUN(what_falls_due_is_told_when_it_goes);
	RUN(what_is_evicted_is_told);
	RUN(a_flush_is_told_once);
	return tap_done();
}
