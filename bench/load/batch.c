/* SPDX-License-Identifier: BSD-3-Clause */
/* batch.c - see batch.h. */
#include "load/batch.h"

#include <stdint.h>
#include <stdlib.h>

int
batch_open(struct batch *batch, size_t longest)
{
	batch->text = malloc(BATCH_TEXT + longest + BATCH_COPIED);
	batch_clear(batch);
	return batch->text == NULL ? -1 : 0;
}

void
batch_close(struct batch *batch)
{
	free(batch->text);
}

static void
add_part(struct batch *batch, const char *bytes, size_t length)
{
	struct iovec *last = batch->parts + batch->count;

	batch->length += length;
	if (batch->count > 0 && (char *)last[-1].iov_base +
	    last[-1].iov_len == bytes) {
		last[-1].iov_len += length;
		return;
	}
	batch->parts[batch->count++] = (struct iovec){
		(void *)(uintptr_t)bytes, length };
}

void
batch_text(struct batch *batch, char *end)
{
	if (end > batch->at)
		add_part(batch, batch->at, (size_t)(end - batch->at));
	batch->at = end;
}

void
batch_value(struct batch *batch, struct slice value)
{
	if (value.length > BATCH_COPIED) {
		add_part(batch, value.bytes, value.length);
		return;
	}
	memcpy(batch->at, value.bytes, value.length);
	batch_text(batch, batch->at + value.length);
}

void
batch_skip(struct batch *batch, size_t bytes)
{
	int gone = 0;

	while (gone < batch->count && bytes >= batch->parts[gone].iov_len)
		bytes -= batch->parts[gone++].iov_len;
	batch->count -= gone;
	memmove(batch->parts, batch->parts + gone,
	    (size_t)batch->count * sizeof *batch->parts);
	if (batch->count > 0) {
		struct iovec *first = batch->parts;

		first->iov_base = (char *)first->iov_base + bytes;
		first->iov_len -= bytes;
	}
}
