/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * glob.c - see glob.h.
 *
 * All but `*` stands for one byte. So when a part after a star does not fit,
 * only the last star needs to be tried with a byte more: what fitted before
 * it fits best where it was found first.
 */
#include "base/glob.h"

/* One that is between a and b, whichever is the larger. */
static bool
is_between(unsigned char c, unsigned char a, unsigned char b)
{
	return a <= b ? c >= a && c <= b : c >= b && c <= a;
}

/* The class after its bracket; `*at` is moved behind it. */
static bool
class_has(struct slice pattern, size_t *at, char c)
{
	const char *p = pattern.bytes;
	size_t i = *at, end = pattern.length;
	bool negated = i < end && p[i] == '^', found = false;

	for (i += negated; i < end && p[i] != ']'; i++) {
		if (p[i] == '\\' && i + 1 < end) {
			found |= p[++i] == c;
		} else if (i + 2 < end && p[i + 1] == '-') {
			found |= is_between((unsigned char)c,
			    (unsigned char)p[i], (unsigned char)p[i + 2]);
			i += 2;
		} else {
			found |= p[i] == c;
		}
	}
	*at = i < end ? i + 1 : end;
	return found != negated;
}

/* Does what is at `*at`, no star, stand for c? It is moved behind it then. */
static bool
one_matches(struct slice pattern, size_t *at, char c)
{
	size_t i = *at + 1;
	bool matches;

	switch (pattern.bytes[*at]) {
	case '?':
		matches = true;
		break;
	case '[':
		matches = class_has(pattern, &i, c);
		break;
	case '\\':
		if (i < pattern.length) {
			matches = pattern.bytes[i++] == c;
			break;
		}
		/* FALLTHROUGH */
	default:
		matches = pattern.bytes[*at] == c;
	}
	if (matches)
		*at = i;
	return matches;
}

bool
glob_matches(struct slice pattern, struct slice text)
{
	size_t p = 0, t = 0;
	size_t star = SIZE_MAX, tried = 0;	/* behind the last star */

	while (t < text.length) {
		if (p < pattern.length && pattern.bytes[p] == '*') {
			star = ++p;
			tried = t;
		} else if (p < pattern.length &&
		    one_matches(pattern, &p, text.bytes[t])) {
			t++;
		} else if (star != SIZE_MAX) {
			p = star;
			t = ++tried;
		} else {
			return false;
		}
	}
	while (p < pattern.length && pattern.bytes[p] == '*')
		p++;
	return p == pattern.length;
}

bool
glob_is_all(struct slice pattern)
{
	return pattern.length == 1 && *pattern.bytes == '*';
}
