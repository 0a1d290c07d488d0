/* SPDX-License-Identifier: BSD-3-Clause */
/* lend.c - see lend.h. */
#include "shard/lend.h"

#include <sys/uio.h>

/* Parts of a value that are asked for at once. */
#define PARTS		16

/* The last part of a pinned value has left. */
static void
value_sent(const void *part, size_t length, void *context)
{
	struct shard *shard = context;

	(void)length;
	shard_enter_now(shard);
	store_unpin(shard->store, part);
	shard_leave(shard);
}

/* By reference; the last part carries the pin. */
static void
add_pinned(const struct lent *lent, struct output *output)
{
	struct store *store = lent->shard->store;
	struct iovec parts[PARTS];
	uint32_t last = lent->item->pieces == 0 ? 0 : lent->item->pieces - 1;
	unsigned count;

	for (uint32_t n = 0; (count = store_parts(store, lent->item, n,
	    parts, PARTS)) > 0; n += count)
		for (unsigned i = 0; i < count; i++)
			if (output_reference(output, parts[i].iov_base,
			    parts[i].iov_len,
			    n + i == last ? value_sent : NULL,
			    lent->shard) == -1 && n + i == last)
				store_unpin(store, parts[i].iov_base);
}

static void
add_copied(const struct lent *lent, struct output *output)
{
	struct iovec part;

	for (uint32_t n = 0; store_parts(lent->shard->store, lent->item, n,
	    &part, 1) == 1; n++)
		output_bytes(output, part.iov_base, part.iov_len);
}

void
lend_value(void *context, struct output *output)
{
	const struct lent *lent = context;

	if (lent->item->length >= LEND_LENGTH &&
	    store_pin(lent->shard->store, lent->item))
		add_pinned(lent, output);
	else
		add_copied(lent, output);
}
