/* SPDX-License-Identifier: BSD-3-Clause */
/* fields_walk.c - all fields of a hash, some after a cursor, one by chance. */
#include "store/entries.h"
#include "store/fields.h"

/* Tries to meet a field in a random place before all are counted. */
#define RANDOM_TRIES	128

bool
fields_next(const struct fields *fields, struct fields_place *place,
    struct field *field)
{
	struct packed_entry entry;

	if (fields->handle == 0)
		return false;
	while (place->segment < entries_runs(fields->store, fields->handle)) {
		struct slice entries = entries_run(fields->store,
		    fields->handle, place->segment);

		while (packed_next(entries, &place->at, &entry)) {
			if (entries_is_due(fields->store, &entry))
				continue;
			entries_describe(&entry, place->segment, field);
			return true;
		}
		place->segment++;
		place->at = 0;
	}
	return false;
}

/* Visit the fields of a segment that come from a cursor on. */
static unsigned
scan_segment(const struct fields *fields, uint32_t segment, uint64_t cursor,
    void (*visit)(void *, const struct field *), void *context)
{
	bool all = cursor == bits_reverse(segment);
	struct packed_entry entry;
	unsigned visited = 0;
	uint32_t at = 0;

	while (packed_next(entries_run(fields->store, fields->handle,
	    segment), &at, &entry)) {
		struct field field;

		if (entries_is_due(fields->store, &entry) || (!all &&
		    bits_reverse(segments_hash(fields->store,
		    entry.field)) < cursor))
			continue;
		entries_describe(&entry, segment, &field);
		visit(context, &field);
		visited++;
	}
	return visited;
}

/*
 * A cursor is a place in the order of the reversed bits of the hash. There
 * each segment is an interval, which a split cuts and a merge joins to another.
 */
uint64_t
fields_scan(const struct fields *fields, uint64_t cursor, unsigned count,
    void (*visit)(void *, const struct field *), void *context)
{
	unsigned visited = 0, looks = 0;

	if (fields->handle == 0)
		return 0;
	if (!fields_are_spread(fields))
		cursor = 0;		/* nobody was given another one */
	do {
		uint32_t segments = entries_runs(fields->store,
		    fields->handle);
		uint32_t segment = segments_number(bits_reverse(cursor),
		    segments);
		unsigned bits = segments_bits(segment, segments);

		visited += scan_segment(fields, segment, cursor, visit,
		    context);
		cursor = bits == 0 ? 0 : bits_reverse(segment) +
		    ((uint64_t)1 << (64 - bits));
	} while (cursor != 0 && visited < count && ++looks < count);
	return cursor;
}

/* Entry number `n` of a segment, if it has so many and that is not due. */
static bool
field_number(const struct fields *fields, uint32_t segment, uint32_t n,
    struct field *field)
{
	struct slice entries = entries_run(fields->store, fields->handle,
	    segment);
	struct packed_entry entry;
	uint32_t at = 0;

	do
		if (!packed_next(entries, &at, &entry))
			return false;
	while (n-- > 0);
	entries_describe(&entry, segment, field);
	return !entries_is_due(fields->store, &entry);
}

/* One of all fields, each of which is looked at. */
static bool
random_of_all(const struct fields *fields, uint64_t (*random)(void *),
    void *context, struct field *chosen)
{
	struct fields_place place = { 0, 0 };
	struct field field;
	uint64_t seen = 0;

	while (fields_next(fields, &place, &field))
		if (random(context) % ++seen == 0)
			*chosen = field;
	return seen > 0;
}

bool
fields_random(const struct fields *fields, uint64_t (*random)(void *),
    void *context, struct field *field)
{
	uint32_t segments, most;

	if (fields->handle == 0)
		return false;
	segments = entries_runs(fields->store, fields->handle);
	if (segments == 1)
		return random_of_all(fields, random, context, field);
	/* More than a segment has; a place without a field is not taken. */
	most = (uint32_t)(fields_count(fields) / segments + 1) * 4;
	for (unsigned n = 0; n < RANDOM_TRIES; n++)
		if (field_number(fields, (uint32_t)(random(context) %
		    segments), (uint32_t)(random(context) % most), field))
			return true;
	return random_of_all(fields, random, context, field);
}
