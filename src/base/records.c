/* SPDX-License-Identifier: BSD-3-Clause */
/* records.c - see records.h. */
#include "base/records.h"

#include <stdlib.h>
#include <string.h>

/* The memory that is kept, and taken at first. */
#define KEPT		((size_t)64 << 10)
#define SMALLEST	((size_t)1 << 10)

static size_t
aligned(size_t size)
{
	return (size + sizeof size - 1) & ~(sizeof size - 1);
}

void *
records_add(struct records *records, size_t size, size_t most)
{
	size_t room = records->room == 0 ? SMALLEST : records->room;
	char *bytes;

	if (size > most || records->used > most - size)
		return NULL;
	size = aligned(size);
	while (room - records->used < size)
		room *= 2;
	if (room != records->room) {
		bytes = realloc(records->bytes, room);
		if (bytes == NULL)
			return NULL;
		records->bytes = bytes;
		records->room = room;
	}
	bytes = records->bytes + records->used;
	memcpy(bytes, &size, sizeof size);
	records->used += size;
	return bytes;
}

void *
records_first(const struct records *records)
{
	return records->used == 0 ? NULL : records->bytes;
}

void *
records_next(const struct records *records, const void *record)
{
	const char *at = record;
	size_t size, offset;

	memcpy(&size, at, sizeof size);
	offset = (size_t)(at - records->bytes) + size;
	return offset == records->used ? NULL : records->bytes + offset;
}

void
records_clear(struct records *records)
{
	records->used = 0;
	if (records->room > KEPT)
		records_free(records);
}

void
records_free(struct records *records)
{
	free(records->bytes);
	*records = (struct records){ NULL, 0, 0 };
}
