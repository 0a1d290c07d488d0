/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * packed.c - entries one behind the other, beside an array that has them,
 * too; and bytes that are no entries.
 *
 * The seed is printed; CAIRN_SEED=n repeats a run.
 */
#include "store/packed.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "tap.h"

#define ENTRIES_MAX	40
#define PART_MAX	300
#define BYTES_MAX	(ENTRIES_MAX * (2 * PART_MAX + 16))

struct twin {
	char	name[PART_MAX], value[PART_MAX];
	size_t	name_length, value_length;
	int64_t	expiry;
	bool	outside;
};

static struct random rnd;
static struct twin twins[ENTRIES_MAX];
static unsigned count;
static char bytes[BYTES_MAX];
static uint32_t length;

static uint64_t
below(uint64_t n)
{
	return random_below(&rnd, n);
}

static struct slice
packed(void)
{
	return (struct slice){ bytes, length };
}

static size_t
fill(char *to, size_t number)
{
	for (size_t n = 0; n < number; n++)
		to[n] = (char)random_next(&rnd);
	return number;
}

static struct packed_entry
entry_of(const struct twin *twin)
{
	return (struct packed_entry){
		.field = { twin->name, twin->name_length },
		.value = { twin->value, twin->value_length },
		.expiry = twin->expiry, .outside = twin->outside,
	};
}

static bool
is_twin(const struct packed_entry *entry, const struct twin *twin)
{
	return slice_equal(entry->field, entry_of(twin).field) &&
	    slice_equal(entry->value, entry_of(twin).value) &&
	    entry->expiry == twin->expiry &&
	    entry->outside == twin->outside;
}

static void
renew(struct twin *twin)
{
	twin->value_length = fill(twin->value, below(2) ? below(20) :
	    below(PART_MAX));
	twin->expiry = below(3) ? 0 : 1 + (int64_t)below((uint64_t)1 << 48);
	if (twin->expiry == (int64_t)1 << 48)
		twin->expiry--;
	twin->outside = below(5) == 0;
}

/* Every entry is there, in the order in which they were put first. */
static void
compare(void)
{
	struct packed_entry entry;
	uint32_t at = 0;
	unsigned n = 0;

	for (; packed_next(packed(), &at, &entry); n++)
		EXPECT(n < count && is_twin(&entry, &twins[n]));
	EXPECT_EQUAL(n, count);
	EXPECT_EQUAL(packed_count(packed()), count);
	EXPECT(packed_is_sound(packed()));
}

static void
add(void)
{
	struct twin *twin = &twins[count++];
	struct packed_entry entry;

	/* The number makes the name its own. */
	do {
		twin->name_length = fill(twin->name, below(2) ? below(20) :
		    below(PART_MAX));
	} while (packed_find(packed(), entry_of(twin).field, &entry));
	renew(twin);
	entry = entry_of(twin);
	EXPECT(length + packed_entry_size(&entry) <= sizeof bytes);
	packed_put(bytes, &length, NULL, &entry);
}

static void
change(unsigned n)
{
	struct packed_entry old, entry;

	EXPECT(packed_find(packed(), entry_of(&twins[n]).field, &old));
	renew(&twins[n]);
	entry = entry_of(&twins[n]);
	packed_put(bytes, &length, &old, &entry);
}

static void
set_expiry(unsigned n)
{
	struct packed_entry entry;
	int64_t expiry = below(2) ? 0 : 1 + (int64_t)below(1 << 30);
	uint32_t before = length;
	int growth;

	EXPECT(packed_find(packed(), entry_of(&twins[n]).field, &entry));
	growth = packed_expiry_growth(&entry, expiry);
	packed_set_expiry(bytes, &length, &entry, expiry);
	EXPECT_EQUAL(length, before + (uint32_t)growth);
	twins[n].expiry = expiry;
}

static void
take_out(unsigned n)
{
	struct packed_entry entry;

	EXPECT(packed_find(packed(), entry_of(&twins[n]).field, &entry));
	packed_delete(bytes, &length, &entry);
	EXPECT(!packed_find(packed(), entry_of(&twins[n]).field, &entry));
	memmove(&twins[n], &twins[n + 1], (--count - n) * sizeof *twins);
}

static void
entries_are_what_an_array_has(void)
{
	for (unsigned n = 0; n < 30000; n++) {
		unsigned chosen = count > 0 ? (unsigned)below(count) : 0;

		switch (below(5)) {
		case 0:
		case 1:
			if (count < ENTRIES_MAX)
				add();
			break;
		case 2:
			if (count > 0)
				take_out(chosen);
			break;
		case 3:
			if (count > 0)
				change(chosen);
			break;
		default:
			if (count > 0)
				set_expiry(chosen);
		}
		compare();
	}
}

/* In memory of its own, so that a sanitizer sees what is read behind it. */
static void
read_all(const char *from, uint32_t size)
{
	char *copy = malloc(size + 1);
	struct packed_entry entry;
	uint32_t at = 0;

	memcpy(copy, from, size);
	copy = realloc(copy, size > 0 ? size : 1);
	while (packed_next((struct slice){ copy, size }, &at, &entry)) {
		EXPECT(at <= size);
		EXPECT(entry.value.bytes + entry.value.length <=
		    copy + size);
	}
	packed_find((struct slice){ copy, size }, SLICE("name"), &entry);
	packed_is_sound((struct slice){ copy, size });
	free(copy);
}

static void
bytes_that_are_no_entries_end_early(void)
{
	for (unsigned n = 0; n < 30000; n++) {
		uint32_t size = (uint32_t)below(200);

		while (count < 5)
			add();
		if (size > length)
			size = length;
		bytes[below(length)] = (char)random_next(&rnd);
		read_all(bytes, size);
		if (n % 10 == 0)
			count = length = 0;
	}
}

static void
lengths_that_lie_are_not_believed(void)
{
	static const char *const lies[] = {
		"\x02", "\x02\x02", "\x02\x02" "a", "\x03\x02" "abcdef",
		"\xff\xff\xff\xff\x0f\x02", "\x02\xff\xff\xff\xff\x0f",
		"\xff\xff\xff\xff\xff\xff\xff", "\x80\x80\x80\x80\x80\x80",
		"\xfe\xff\xff\xff\x0f\xfe\xff\xff\xff\x0f" "a",
	};

	for (size_t n = 0; n < sizeof lies / sizeof *lies; n++) {
		struct slice lie = slice_of(lies[n]);
		struct packed_entry entry;
		uint32_t at = 0;

		EXPECT(!packed_next(lie, &at, &entry));
		EXPECT(!packed_find(lie, SLICE("a"), &entry));
		EXPECT(!packed_is_sound(lie));
	}
}

int
main(void)
{
	const char *seed = getenv("CAIRN_SEED");

	rnd.state = seed != NULL ? strtoull(seed, NULL, 10) :
	    (uint64_t)clock_monotonic_us();
	printf("# CAIRN_SEED=%llu\n", (unsigned long long)rnd.state);
	RUN(entries_are_what_an_array_has);
	RUN(bytes_that_are_no_entries_end_early);
	RUN(lengths_that_lie_are_not_believed);
	return tap_done();
}
