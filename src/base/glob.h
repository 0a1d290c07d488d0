/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * glob.h - patterns of KEYS, SCAN and their like.
 *
 *	*	any bytes, also none	[abc]	one of these
 *	?	one byte		[a-z]	one between these
 *	\x	x itself		[^a]	one but these
 *
 * A class that is not closed ends with the pattern.
 */
#ifndef BASE_GLOB_H
#define BASE_GLOB_H

#include "base/bytes.h"

/* In time of the product of the two lengths at most. */
bool	glob_matches(struct slice pattern, struct slice text);

/* Does it match everything? */
bool	glob_is_all(struct slice pattern);

#endif
