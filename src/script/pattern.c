/* SPDX-License-Identifier: BSD-3-Clause */
/* pattern.c - see pattern.h. */
#include "script/pattern.h"

#include <ctype.h>
#include <string.h>

/* Items within items, and repetitions behind each other. */
#define DEPTH_MAX	200

/* Steps that are accounted for at once. */
#define STEPS		256

static const char *match(struct matcher *, const char *at, const char *item);

void
pattern_spend(struct matcher *matcher, size_t steps)
{
	matcher->steps += (unsigned)steps;
	if (matcher->steps < STEPS)
		return;
	sandbox_spend(matcher->lua, matcher->steps);
	matcher->steps = 0;
}

/* Is the byte of the class that the letter names, or that letter itself? */
static bool
is_of_class(unsigned char c, unsigned char letter)
{
	bool is;

	switch (tolower(letter)) {
	case 'a': is = isalpha(c); break;
	case 'c': is = iscntrl(c); break;
	case 'd': is = isdigit(c); break;
	case 'g': is = isgraph(c); break;
	case 'l': is = islower(c); break;
	case 'p': is = ispunct(c); break;
	case 's': is = isspace(c); break;
	case 'u': is = isupper(c); break;
	case 'w': is = isalnum(c); break;
	case 'x': is = isxdigit(c); break;
	default: return c == letter;
	}
	return is != (isupper(letter) != 0);
}

/* Behind the set that begins at '['. Its first byte may be a ']'. */
static const char *
set_end(struct matcher *matcher, const char *at)
{
	const char *first;

	at++;
	if (at < matcher->end && *at == '^')
		at++;
	for (first = at; at < matcher->end; at++) {
		if (*at == ']' && at > first)
			return at + 1;
		if (*at == '%')
			at++;
	}
	luaL_error(matcher->lua, "malformed pattern (missing ']')");
	return NULL;
}

/* Behind a class: a byte, '.', '%' and a byte, or a set. */
static const char *
class_end(struct matcher *matcher, const char *at)
{
	if (*at == '[')
		return set_end(matcher, at);
	if (*at != '%')
		return at + 1;
	if (at + 1 == matcher->end)
		luaL_error(matcher->lua, "malformed pattern (ends with '%%')");
	return at + 2;
}

static bool
is_in_set(unsigned char c, const char *at, const char *end)
{
	bool wanted = at[1] != '^';

	at += wanted ? 1 : 2;
	for (end--; at < end; at++) {
		if (*at == '%') {
			if (is_of_class(c, (unsigned char)*++at))
				return wanted;
		} else if (at + 2 < end && at[1] == '-') {
			if ((unsigned char)at[0] <= c &&
			    c <= (unsigned char)at[2])
				return wanted;
			at += 2;
		} else if ((unsigned char)*at == c) {
			return wanted;
		}
	}
	return !wanted;
}

/* Is there a byte at `at`, and is it of the class? */
static bool
is_one(struct matcher *matcher, const char *at, const char *class,
    const char *end)
{
	unsigned char c;

	pattern_spend(matcher, 1);
	if (at == matcher->text_end)
		return false;
	c = (unsigned char)*at;
	switch (*class) {
	case '.':
		return true;
	case '%':
		return is_of_class(c, (unsigned char)class[1]);
	case '[':
		return is_in_set(c, class, end);
	default:
		return (unsigned char)*class == c;
	}
}

/* As many as there are, and fewer until the rest matches. */
static const char *
match_most(struct matcher *matcher, const char *at, const char *class,
    const char *end)
{
	size_t count = 0;

	while (is_one(matcher, at + count, class, end))
		count++;
	for (;;) {
		const char *found = match(matcher, at + count, end + 1);

		if (found != NULL || count-- == 0)
			return found;
	}
}

/* As few as will do. */
static const char *
match_fewest(struct matcher *matcher, const char *at, const char *class,
    const char *end)
{
	for (;;) {
		const char *found = match(matcher, at, end + 1);

		if (found != NULL || !is_one(matcher, at, class, end))
			return found;
		at++;
	}
}

static const char *
match_maybe(struct matcher *matcher, const char *at, const char *class,
    const char *end)
{
	const char *found = is_one(matcher, at, class, end) ?
	    match(matcher, at + 1, end + 1) : NULL;

	return found != NULL ? found : match(matcher, at, end + 1);
}

static const char *
match_open(struct matcher *matcher, const char *at, const char *rest,
    ptrdiff_t length)
{
	const char *found;

	if (matcher->count == PATTERN_CAPTURES_MAX)
		luaL_error(matcher->lua, "too many captures");
	matcher->captures[matcher->count++] = (struct capture){ at, length };
	found = match(matcher, at, rest);
	if (found == NULL)
		matcher->count--;
	return found;
}

static const char *
match_close(struct matcher *matcher, const char *at, const char *rest)
{
	struct capture *capture = matcher->captures + matcher->count;
	const char *found;

	do {
		if (capture == matcher->captures)
			luaL_error(matcher->lua, "invalid pattern capture");
	} while ((--capture)->length != CAPTURE_OPEN);
	capture->length = at - capture->start;
	found = match(matcher, at, rest);
	if (found == NULL)
		capture->length = CAPTURE_OPEN;
	return found;
}

/* The same bytes as those of a capture before. */
static const char *
skip_same(struct matcher *matcher, const char *at, char digit)
{
	int n = digit - '1';
	const struct capture *capture = &matcher->captures[n < 0 ? 0 : n];

	if (n < 0 || n >= matcher->count || capture->length == CAPTURE_OPEN)
		luaL_error(matcher->lua, "invalid capture index %%%d",
		    n + 1);
	if (capture->length == CAPTURE_POSITION)
		return NULL;
	pattern_spend(matcher, 1 + (size_t)capture->length / 16);
	if (matcher->text_end - at < capture->length ||
	    memcmp(at, capture->start, (size_t)capture->length) != 0)
		return NULL;
	return at + capture->length;
}

/* "%bxy": from an x to its y. */
static const char *
skip_balanced(struct matcher *matcher, const char *at, const char *item)
{
	size_t open = 0;

	if (matcher->end - item < 4)
		luaL_error(matcher->lua, "malformed pattern (missing "
		    "arguments to '%%b')");
	if (at == matcher->text_end || *at != item[2])
		return NULL;
	for (; at < matcher->text_end; at++) {
		pattern_spend(matcher, 1);
		if (*at == item[3]) {
			if (--open == 0)
				return at + 1;
		} else if (*at == item[2]) {
			open++;
		}
	}
	return NULL;
}

/* "%f[set]": from here on what is in the set, before not; `*item` moves. */
static bool
is_frontier(struct matcher *matcher, const char *at, const char **item)
{
	const char *set = *item + 2;
	unsigned char before, here;

	if (set >= matcher->end || *set != '[')
		luaL_error(matcher->lua, "missing '[' after '%%f' in "
		    "pattern");
	*item = set_end(matcher, set);
	before = at == matcher->text ? 0 : (unsigned char)at[-1];
	here = at == matcher->text_end ? 0 : (unsigned char)*at;
	return !is_in_set(before, set, *item) && is_in_set(here, set, *item);
}

/* An item of '%' that is no class. False: it is one. */
static bool
match_special(struct matcher *matcher, const char **at, const char **item)
{
	char kind = *item + 1 < matcher->end ? (*item)[1] : '\0';

	if (**item != '%')
		return false;
	pattern_spend(matcher, 1);
	if (kind == 'b') {
		*at = skip_balanced(matcher, *at, *item);
		*item += 4;
	} else if (kind == 'f') {
		if (!is_frontier(matcher, *at, item))
			*at = NULL;
	} else if (isdigit((unsigned char)kind)) {
		*at = skip_same(matcher, *at, kind);
		*item += 2;
	} else {
		return false;
	}
	return true;
}

static const char *
match_repeated(struct matcher *matcher, const char *at, const char *class,
    const char *end)
{
	switch (*end) {
	case '*':
		return match_most(matcher, at, class, end);
	case '+':
		return is_one(matcher, at, class, end) ?
		    match_most(matcher, at + 1, class, end) : NULL;
	case '-':
		return match_fewest(matcher, at, class, end);
	default:
		return match_maybe(matcher, at, class, end);
	}
}

static bool
is_repetition(const struct matcher *matcher, const char *at)
{
	return at < matcher->end && (*at == '*' || *at == '+' ||
	    *at == '-' || *at == '?');
}

/* The rest of a pattern. Returns where its match ends; NULL: there is none. */
static const char *
match_items(struct matcher *matcher, const char *at, const char *item)
{
	while (at != NULL && item < matcher->end) {
		const char *end;

		if (*item == '(')
			return item + 1 < matcher->end && item[1] == ')' ?
			    match_open(matcher, at, item + 2,
			    CAPTURE_POSITION) :
			    match_open(matcher, at, item + 1,
			    CAPTURE_OPEN);
		if (*item == ')')
			return match_close(matcher, at, item + 1);
		if (*item == '$' && item + 1 == matcher->end)
			return at == matcher->text_end ? at : NULL;
		if (match_special(matcher, &at, &item))
			continue;
		end = class_end(matcher, item);
		if (is_repetition(matcher, end))
			return match_repeated(matcher, at, item, end);
		at = is_one(matcher, at, item, end) ? at + 1 : NULL;
		item = end;
	}
	return at;
}

static const char *
match(struct matcher *matcher, const char *at, const char *item)
{
	const char *found;

	if (matcher->depth == DEPTH_MAX)
		luaL_error(matcher->lua, "pattern too complex");
	pattern_spend(matcher, 1);
	matcher->depth++;
	found = match_items(matcher, at, item);
	matcher->depth--;
	return found;
}

const char *
pattern_match(struct matcher *matcher, const char *at, const char *pattern)
{
	matcher->count = matcher->depth = 0;
	return match(matcher, at, pattern);
}
