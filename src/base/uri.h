/* SPDX-License-Identifier: BSD-3-Clause */
/* uri.h - bytes in a line of text, as a URI has them, RFC 3986. */
#ifndef BASE_URI_H
#define BASE_URI_H

#include <stddef.h>

#include "base/bytes.h"

/* Characters that `length` bytes become at most. */
#define URI_LENGTH_MAX(length)	(3 * (length))

/*
 * Write the bytes at `out`, no NUL: letters, digits and -._~ as they are, the
 * others as %XX. Returns how many characters these are.
 */
size_t	uri_encode(struct slice bytes, char *out);

#endif
