/* SPDX-License-Identifier: BSD-3-Clause */
/* ranges.c - calls on parts of string values. */
#include <sys/uio.h>

#include "base/check.h"
#include "command/calls.h"

void
ranges_strlen(struct call *call)
{
	struct place place;

	if (!call_look_string(call, 1, &place))
		return;
	call_note_read(call, &place.key, place.there);
	resp_integer(call->output, place.item.length);
}

void
ranges_append(struct call *call)
{
	struct slice more = call->words[2];
	struct store_value value = { .bytes = more };
	struct place place;
	enum store_result result;

	if (!call_look_string(call, 1, &place))
		return;
	result = store_put(place.store, &place.key,
	    place.there ? STORE_APPEND : STORE_ADD, &value);
	if (result == STORE_OK)
		resp_integer(call->output, (int64_t)(place.item.length +
		    more.length));
	else
		call_fail(call, result);
}

/*
 * First and last byte, from the end when below 0, of a value of that length.
 * False: there are none between.
 */
static bool
clip(int64_t *first, int64_t *last, int64_t length)
{
	if (*first < 0 && *last < 0 && *first > *last)
		return false;
	if (*first < 0)
		*first = *first + length < 0 ? 0 : *first + length;
	if (*last < 0)
		*last = *last + length < 0 ? 0 : *last + length;
	if (*last >= length)
		*last = length - 1;
	return *first <= *last;
}

/* Bytes of a value that may be in pieces. */
static void
put_part(struct call *call, const struct place *place, size_t at,
    size_t length)
{
	struct iovec part;

	for (uint32_t n = 0; length > 0; n++) {
		size_t here;

		CHECK(store_parts(place->store, &place->item, n, &part, 1) ==
		    1);
		if (at >= part.iov_len) {
			at -= part.iov_len;
			continue;
		}
		here = part.iov_len - at < length ? part.iov_len - at : length;
		output_bytes(call->output, (char *)part.iov_base + at, here);
		length -= here;
		at = 0;
	}
}

void
ranges_get(struct call *call)
{
	int64_t first, last;
	struct place place;

	if (!call_integer(call, 2, &first) || !call_integer(call, 3, &last) ||
	    !call_read_string(call, 1, &place))
		return;
	if (!clip(&first, &last, place.item.length)) {
		resp_bulk(call->output, (struct slice){ NULL, 0 });
		return;
	}
	resp_bulk_head(call->output, (size_t)(last - first + 1));
	put_part(call, &place, (size_t)first, (size_t)(last - first + 1));
	resp_end(call->output);
}

/* Where in the memory of a draft the next bytes go. */
struct writer {
	struct store		*store;
	struct store_item	 draft;
	struct iovec		 part;	/* the rest of it */
	uint32_t		 next;	/* part */
};

/* Add bytes; from NULL: zeros. */
static void
write_bytes(struct writer *writer, const char *from, size_t length)
{
	while (length > 0) {
		size_t here;

		if (writer->part.iov_len == 0)
			CHECK(store_parts(writer->store, &writer->draft,
			    writer->next++, &writer->part, 1) == 1);
		here = writer->part.iov_len < length ?
		    writer->part.iov_len : length;
		if (from != NULL) {
			memcpy(writer->part.iov_base, from, here);
			from += here;
		} else {
			memset(writer->part.iov_base, 0, here);
		}
		writer->part.iov_base = (char *)writer->part.iov_base + here;
		writer->part.iov_len -= here;
		length -= here;
	}
}

/* Bytes from `at` on of what was there, up to `end` or its own. */
static void
write_old(struct writer *writer, const struct place *old, size_t at,
    size_t end)
{
	struct iovec part;

	for (uint32_t n = 0; at < end && store_parts(old->store, &old->item,
	    n, &part, 1) == 1; n++) {
		size_t length = part.iov_len;

		if (at < length) {
			write_bytes(writer, (char *)part.iov_base + at,
			    (length < end ? length : end) - at);
			at = 0;
		} else {
			at -= length;
		}
		end -= length < end ? length : end;
	}
}

/* The old value with other bytes at `offset`, written to a draft. */
static enum store_result
overlay(struct place *old, size_t offset, struct slice bytes, size_t length)
{
	struct store_value value = { .flags = 0 };
	struct writer writer = { .store = old->store };
	size_t old_length = old->item.length;
	enum store_result result = store_draft(old->store, &old->key,
	    (uint32_t)length, old->item.flags, old->item.expiry,
	    &value.draft);

	if (result != STORE_OK)
		return result;
	store_draft_item(old->store, value.draft, &writer.draft);
	if (old->there)
		write_old(&writer, old, 0, offset);
	if (offset > old_length)
		write_bytes(&writer, NULL, offset - old_length);
	write_bytes(&writer, bytes.bytes, bytes.length);
	if (offset + bytes.length < old_length)
		write_old(&writer, old, offset + bytes.length, old_length);
	return store_put(old->store, &old->key, old->there ? STORE_REPLACE :
	    STORE_ADD, &value);
}

void
ranges_set(struct call *call)
{
	struct slice bytes = call->words[3];
	struct place place;
	int64_t offset;
	size_t length;
	enum store_result result;

	if (!call_integer(call, 2, &offset))
		return;
	if (offset < 0) {
		resp_error(call->output, "ERR offset is out of range");
		return;
	}
	if (!call_look_string(call, 1, &place))
		return;
	if (bytes.length == 0) {
		resp_integer(call->output, place.item.length);
		return;
	}
	if ((size_t)offset > UINT32_MAX - bytes.length) {
		call_fail(call, STORE_TOO_LARGE);
		return;
	}
	length = (size_t)offset + bytes.length;
	if (length < place.item.length)
		length = place.item.length;
	/* Held, so that making room does not take it away. */
	if (place.there && !store_pin(place.store, &place.item)) {
		call_fail(call, STORE_NO_MEMORY);
		return;
	}
	result = overlay(&place, (size_t)offset, bytes, length);
	if (place.there)
		store_unpin_item(place.store, &place.item);
	if (result == STORE_OK)
		resp_integer(call->output, (int64_t)length);
	else
		call_fail(call, result);
}
