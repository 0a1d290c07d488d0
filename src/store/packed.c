/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * packed.c - see packed.h.
 *
 *   bytes   part
 *   1..5    length of the field * 2, + 1 if the entry expires
 *   1..5    length of the value * 2, + 1 if it is a reference
 *   0|6     expiry, unix ms
 *   ..      field
 *   ..      value
 *
 * Entries follow each other without a gap and in no order; new ones go to the
 * end. Lengths are of 7 bits a byte, the low ones first, so most entries take
 * two bytes more than their field and value. Both lengths stand in front, so
 * that a search steps over values without touching them.
 */
#include "store/packed.h"

#include "base/check.h"

#define EXPIRY_SIZE	6
#define LENGTH_BYTES	5	/* that 32 bits take at most */

static size_t
length_size(uint32_t number)
{
	size_t size = 1;

	for (; number >= 0x80; number >>= 7)
		size++;
	return size;
}

static char *
write_length(char *at, uint32_t number)
{
	for (; number >= 0x80; number >>= 7)
		*at++ = (char)(number | 0x80);
	*at++ = (char)number;
	return at;
}

/* NULL: it does not end before `end`, or is too large. */
static const char *
read_long_length(const char *at, const char *end, uint32_t *number)
{
	uint64_t sum = 0;

	for (unsigned n = 0; n < LENGTH_BYTES && at < end; n++) {
		uint8_t byte = (uint8_t)*at++;

		sum |= (uint64_t)(byte & 0x7f) << 7 * n;
		if (byte & 0x80)
			continue;
		*number = (uint32_t)sum;
		return sum <= UINT32_MAX ? at : NULL;
	}
	return NULL;
}

static inline const char *
read_length(const char *at, const char *end, uint32_t *number)
{
	if (at >= end)
		return NULL;
	if ((uint8_t)*at >= 0x80)
		return read_long_length(at, end, number);
	*number = (uint8_t)*at;
	return at + 1;
}

static int64_t
read_expiry(const char *at)
{
	uint32_t low;
	uint16_t high;

	memcpy(&low, at, 4);
	memcpy(&high, at + 4, 2);
	return (int64_t)high << 32 | low;
}

static void
write_expiry(char *at, int64_t expiry)
{
	uint32_t low = (uint32_t)expiry;
	uint16_t high = (uint16_t)(expiry >> 32);

	memcpy(at, &low, 4);
	memcpy(at + 4, &high, 2);
}

/* What stands before the field. */
struct lengths {
	uint32_t	field, value;	/* with their low bits */
};

/*
 * Where the field, or the expiry before it, begins. NULL: there is no whole
 * entry.
 */
static inline const char *
read_lengths(const char *at, const char *end, struct lengths *lengths)
{
	uint64_t rest;

	at = read_length(at, end, &lengths->field);
	if (at == NULL)
		return NULL;
	at = read_length(at, end, &lengths->value);
	if (at == NULL)
		return NULL;
	rest = (uint64_t)(lengths->field >> 1) + (lengths->value >> 1) +
	    (lengths->field & 1 ? EXPIRY_SIZE : 0);
	return rest <= (size_t)(end - at) ? at : NULL;
}

/* `body` is what read_lengths() returned. */
static void
describe(const char *start, uint32_t at, const char *body,
    struct lengths lengths, struct packed_entry *entry)
{
	bool expires = lengths.field & 1;
	const char *field = body + (expires ? EXPIRY_SIZE : 0);
	size_t field_length = lengths.field >> 1;
	size_t value_length = lengths.value >> 1;

	*entry = (struct packed_entry){
		.at = at,
		.field = { field, field_length },
		.value = { field + field_length, value_length },
		.expiry = expires ? read_expiry(body) : 0,
		.outside = lengths.value & 1,
	};
	entry->size = (uint32_t)(field + field_length + value_length -
	    start) - at;
}

bool
packed_next(struct slice packed, uint32_t *at, struct packed_entry *entry)
{
	struct lengths lengths;
	const char *body;

	if (*at >= packed.length)
		return false;
	body = read_lengths(packed.bytes + *at,
	    packed.bytes + packed.length, &lengths);
	if (body == NULL)
		return false;
	describe(packed.bytes, *at, body, lengths, entry);
	*at += entry->size;
	return true;
}

bool
packed_find(struct slice packed, struct slice field,
    struct packed_entry *entry)
{
	const char *at = packed.bytes, *end = at + packed.length;

	while (at < end) {
		struct lengths lengths;
		const char *body = read_lengths(at, end, &lengths), *name;

		if (body == NULL)
			return false;
		name = body + (lengths.field & 1 ? EXPIRY_SIZE : 0);
		if (lengths.field >> 1 == field.length &&
		    bytes_equal(name, field.bytes, field.length)) {
			describe(packed.bytes, (uint32_t)(at - packed.bytes),
			    body, lengths, entry);
			return true;
		}
		at = name + (lengths.field >> 1) + (lengths.value >> 1);
	}
	return false;
}

bool
packed_is_sound(struct slice packed)
{
	struct packed_entry entry;
	uint32_t at = 0;

	while (packed_next(packed, &at, &entry))
		;
	return at == packed.length;
}

uint32_t
packed_count(struct slice packed)
{
	struct packed_entry entry;
	uint32_t at = 0, count = 0;

	while (packed_next(packed, &at, &entry))
		count++;
	return count;
}

static struct lengths
lengths_of(const struct packed_entry *entry)
{
	CHECK(entry->field.length <= PACKED_PART_MAX &&
	    entry->value.length <= PACKED_PART_MAX);
	return (struct lengths){
		.field = (uint32_t)entry->field.length << 1 |
		    (entry->expiry != 0),
		.value = (uint32_t)entry->value.length << 1 | entry->outside,
	};
}

size_t
packed_entry_size(const struct packed_entry *entry)
{
	struct lengths lengths = lengths_of(entry);

	return length_size(lengths.field) + length_size(lengths.value) +
	    (entry->expiry != 0 ? EXPIRY_SIZE : 0) + entry->field.length +
	    entry->value.length;
}

/* Let what is at `at` take `to` bytes instead of `from`. */
static void
resize(char *bytes, uint32_t *length, uint32_t at, size_t from, size_t to)
{
	if (from != to)
		memmove(bytes + at + to, bytes + at + from,
		    *length - at - from);
	*length = (uint32_t)(*length - from + to);
}

void
packed_put(char *bytes, uint32_t *length, const struct packed_entry *old,
    const struct packed_entry *entry)
{
	struct lengths lengths = lengths_of(entry);
	uint32_t place = old != NULL ? old->at : *length;
	char *at = bytes + place;

	resize(bytes, length, place, old != NULL ? old->size : 0,
	    packed_entry_size(entry));
	at = write_length(at, lengths.field);
	at = write_length(at, lengths.value);
	if (entry->expiry != 0) {
		write_expiry(at, entry->expiry);
		at += EXPIRY_SIZE;
	}
	bytes_copy(at, entry->field.bytes, entry->field.length);
	at += entry->field.length;
	bytes_copy(at, entry->value.bytes, entry->value.length);
}

void
packed_delete(char *bytes, uint32_t *length, const struct packed_entry *entry)
{
	resize(bytes, length, entry->at, entry->size, 0);
}

int
packed_expiry_growth(const struct packed_entry *entry, int64_t expiry)
{
	return ((expiry != 0) - (entry->expiry != 0)) * EXPIRY_SIZE;
}

void
packed_set_expiry(char *bytes, uint32_t *length,
    const struct packed_entry *entry, int64_t expiry)
{
	struct packed_entry after = *entry;
	uint32_t field_at = (uint32_t)(entry->field.bytes - bytes);
	char *at = bytes + entry->at;

	after.expiry = expiry;
	if (packed_expiry_growth(entry, expiry) != 0)
		resize(bytes, length, field_at -
		    (entry->expiry != 0 ? EXPIRY_SIZE : 0),
		    entry->expiry != 0 ? EXPIRY_SIZE : 0,
		    expiry != 0 ? EXPIRY_SIZE : 0);
	at = write_length(at, lengths_of(&after).field);
	at = write_length(at, lengths_of(&after).value);
	if (expiry != 0)
		write_expiry(at, expiry);
}
