/* SPDX-License-Identifier: BSD-3-Clause */
/* base64.h - binary as text, RFC 4648 section 4: with padding, one line. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

/* Characters that `length` bytes become. */
#define BASE64_LENGTH(length)	(((length) + 2) / 3 * 4)

/*
 * Write BASE64_LENGTH(bytes.length) characters at `out`, no NUL. Returns how
 * many these are.
 */
size_t	base64_encode(struct slice bytes, char *out);

/*
 * Write the bytes that `text` stands for at `out`, which has room for 3 bytes
 * per 4 characters. False: it is not base64; `out` is undefined then.
 */
bool	base64_decode(struct slice text, char *out, size_t *length);

#endif
