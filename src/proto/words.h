/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * words.h - the words of a command line, and what numbers look like in it.
 */
#ifndef PROTO_WORDS_H
#define PROTO_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* Take the next word off a line; its length is 0 when there is none. */
static inline struct slice
words_next(struct slice *line)
{
	struct slice word;
	const char *at = line->bytes, *end = at + line->length;

	while (at < end && *at == ' ')
		at++;
	word.bytes = at;
	while (at < end && *at != ' ')
		at++;
	word.length = (size_t)(at - word.bytes);
	line->bytes = at;
	line->length = (size_t)(end - at);
	return word;
}

/* Numbers may have a '+' in front and carriage returns behind. */
struct slice words_trim_number(struct slice word);

/* Read a number up to `max`. False: it is none. */
bool	words_number(struct slice word, uint64_t max, uint64_t *number);

/* Read a time of expiry for proto_expiry(). */
bool	words_exptime(int64_t now, struct slice word, int64_t *expiry);

#endif
