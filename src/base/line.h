/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * line.h - a line of text put together in room that is known to be enough.
 *
 * Each function writes at `at`, no NUL, and returns where to go on.
 */
#ifndef BASE_LINE_H
#define BASE_LINE_H

#include <string.h>

#include "base/bytes.h"
#include "base/uri.h"

static inline char *
line_text(char *at, const char *text)
{
	size_t length = strlen(text);

	memcpy(at, text, length);
	return at + length;
}

/* A name, with what follows it up to the value, and a number. */
static inline char *
line_number(char *at, const char *name, uint64_t value)
{
	at = line_text(at, name);
	return at + decimal_format(at, value);
}

/* A name as above, and bytes as a URI has them. */
static inline char *
line_uri(char *at, const char *name, struct slice bytes)
{
	at = line_text(at, name);
	return at + uri_encode(bytes, at);
}

#endif
