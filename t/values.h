/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * values.h - for tests of the store: keys, and values as plain bytes however
 * many parts they lie in.
 */
#ifndef T_VALUES_H
#define T_VALUES_H

#include <sys/uio.h>

#include "base/hash.h"
#include "store/store.h"

/* Of every store in the tests. */
#define VALUES_SEED	90210

static inline struct store_key
key_of(const void *bytes, size_t length)
{
	return (struct store_key){
		bytes, length, hash_bytes(VALUES_SEED, bytes, length), 0,
	};
}

/* Copy out a whole value, three parts at a time; the sum of their lengths. */
static inline size_t
value_read(const struct store *store, const struct store_item *item,
    char *out)
{
	struct iovec parts[3];
	unsigned first = 0, count;
	size_t length = 0;

	while ((count = store_parts(store, item, first, parts, 3)) > 0) {
		for (unsigned n = 0; n < count; n++) {
			if (parts[n].iov_len > 0)
				memcpy(out + length, parts[n].iov_base,
				    parts[n].iov_len);
			length += parts[n].iov_len;
		}
		first += count;
	}
	return length;
}

/* Is the value these bytes? Compares in place. */
static inline bool
value_equals(const struct store *store, const struct store_item *item,
    const char *bytes, size_t length)
{
	struct iovec part;
	bool equal = item->length == length;

	for (unsigned n = 0; equal &&
	    store_parts(store, item, n, &part, 1) == 1; n++) {
		equal = part.iov_len <= length && (part.iov_len == 0 ||
		    memcmp(part.iov_base, bytes, part.iov_len) == 0);
		bytes += part.iov_len;
		length -= part.iov_len;
	}
	return equal && length == 0;
}

/* Write all of a draft's value. */
static inline void
value_fill(struct store *store, uint32_t draft, const char *bytes)
{
	struct store_item item;
	struct iovec part;

	store_draft_item(store, draft, &item);
	for (unsigned n = 0;
	    store_parts(store, &item, n, &part, 1) == 1; n++) {
		if (part.iov_len > 0)
			memcpy(part.iov_base, bytes, part.iov_len);
		bytes += part.iov_len;
	}
}

#endif
