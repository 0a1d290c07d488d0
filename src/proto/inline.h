/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inline.h - requests of RESP that are typed as a line of words.
 *
 * White space parts words. Quotes keep it: in double ones \x41, \n, \r,
 * \t, \b, \a and a backslash before any other byte are one byte, in single
 * ones \' is. Behind a quote that closes, the word has to end.
 */
#ifndef PROTO_INLINE_H
#define PROTO_INLINE_H

#include "base/bytes.h"

/* No line of this has more words. */
size_t	inline_words_most(struct slice line);

/*
 * Cut a line into its words, for which there is room; how many there are, -1:
 * a quote is not closed. Words with escapes are rewritten where they are, so
 * a line is cut once.
 */
int	inline_cut(struct slice line, struct slice *words);

/* The first word, if it is a plain one; its length is 0 if not. */
struct slice inline_name(struct slice line);

#endif
