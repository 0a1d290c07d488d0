/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * batch.h - requests put together for one write.
 *
 * Text is written into the batch's own room, and larger values are only
 * pointed at. Each thread has one, whatever the number of its connections:
 * what a socket did not take is made anew when it takes more.
 */
#ifndef LOAD_BATCH_H
#define LOAD_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "base/bytes.h"

#define BATCH_REQUESTS	1024	/* at most in one */
#define BATCH_PARTS	64
#define BATCH_TEXT	((size_t)64 << 10)
#define BATCH_LENGTH	((size_t)512 << 10)

/* Values up to it are copied. */
#define BATCH_COPIED	1024

struct batch {
	char		*text;
	char		*at;
	struct iovec	 parts[BATCH_PARTS];
	int		 count;			/* of parts */
	size_t		 length;
	unsigned	 requests;
	size_t		 ends[BATCH_REQUESTS];	/* where each one ends */
};

/* No request has more than `longest` bytes beside its value. -1: no memory. */
int	batch_open(struct batch *, size_t longest);
void	batch_close(struct batch *);

static inline void
batch_clear(struct batch *batch)
{
	batch->at = batch->text;
	batch->count = 0;
	batch->length = 0;
	batch->requests = 0;
}

/* A request has up to three parts. */
static inline bool
batch_is_full(const struct batch *batch)
{
	return batch->requests == BATCH_REQUESTS ||
	    batch->count > BATCH_PARTS - 3 ||
	    batch->length >= BATCH_LENGTH ||
	    (size_t)(batch->at - batch->text) >= BATCH_TEXT;
}

/* What was written from `at` on ends here. */
void	batch_text(struct batch *, char *end);
void	batch_value(struct batch *, struct slice);

static inline void
batch_end_request(struct batch *batch)
{
	batch->ends[batch->requests++] = batch->length;
}

/* Leave out the first bytes, which were sent before. */
void	batch_skip(struct batch *, size_t bytes);

#endif
