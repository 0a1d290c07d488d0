/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pattern.c - find, match, gmatch and gsub of the library string.
 *
 * They are those of the reference manual of Lua 5.4, 6.4, but that each
 * comparison is a step of the script: a pattern with a few repetitions can take
 * ages on a text that is not even long, and no hook would see it.
 */
#include <ctype.h>
#include <string.h>

#include "script/interpreter.h"

#define CAPTURES_MAX	32

/* Items within items, and repetitions behind each other. */
#define DEPTH_MAX	200

/* Steps that are accounted for at once. */
#define STEPS		256

/* Lengths of captures that are none. */
#define OPEN		(-1)
#define POSITION	(-2)

struct capture {
	const char	*start;
	ptrdiff_t	 length;
};

struct matcher {
	lua_State	*lua;
	const char	*text, *text_end;
	const char	*end;			/* of the pattern */
	struct capture	 captures[CAPTURES_MAX];
	int		 count;			/* of these */
	int		 depth;
	unsigned	 steps;			/* not accounted for */
};

static const char *match(struct matcher *, const char *at, const char *item);

static void
spend(struct matcher *matcher, size_t steps)
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

	spend(matcher, 1);
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

	if (matcher->count == CAPTURES_MAX)
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
	} while ((--capture)->length != OPEN);
	capture->length = at - capture->start;
	found = match(matcher, at, rest);
	if (found == NULL)
		capture->length = OPEN;
	return found;
}

/* The same bytes as those of a capture before. */
static const char *
skip_same(struct matcher *matcher, const char *at, char digit)
{
	int n = digit - '1';
	const struct capture *capture = &matcher->captures[n < 0 ? 0 : n];

	if (n < 0 || n >= matcher->count || capture->length == OPEN)
		luaL_error(matcher->lua, "invalid capture index %%%d",
		    n + 1);
	if (capture->length == POSITION)
		return NULL;
	spend(matcher, 1 + (size_t)capture->length / 16);
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
		spend(matcher, 1);
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
	spend(matcher, 1);
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
			    match_open(matcher, at, item + 2, POSITION) :
			    match_open(matcher, at, item + 1, OPEN);
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
	spend(matcher, 1);
	matcher->depth++;
	found = match_items(matcher, at, item);
	matcher->depth--;
	return found;
}

/* The arguments that all four have: the text and the pattern. */
static const char *
open_matcher(struct matcher *matcher, lua_State *lua, int text, int pattern)
{
	size_t text_length, length;
	const char *start;

	sandbox_check(lua);
	matcher->lua = lua;
	matcher->text = luaL_checklstring(lua, text, &text_length);
	matcher->text_end = matcher->text + text_length;
	start = luaL_checklstring(lua, pattern, &length);
	matcher->end = start + length;
	matcher->count = matcher->depth = 0;
	matcher->steps = 0;
	return start;
}

/* A new attempt, from `at` on. */
static const char *
try_at(struct matcher *matcher, const char *at, const char *pattern)
{
	matcher->count = matcher->depth = 0;
	return match(matcher, at, pattern);
}

/* Capture number n, from 0 on; without captures the first is the match. */
static void
push_capture(struct matcher *matcher, int n, const char *from,
    const char *to)
{
	const struct capture *capture = &matcher->captures[n];

	if (n >= matcher->count) {
		if (n > 0)
			luaL_error(matcher->lua, "invalid capture index "
			    "%%%d", n + 1);
		lua_pushlstring(matcher->lua, from, (size_t)(to - from));
	} else if (capture->length == POSITION) {
		lua_pushinteger(matcher->lua,
		    capture->start - matcher->text + 1);
	} else if (capture->length == OPEN) {
		luaL_error(matcher->lua, "unfinished capture");
	} else {
		lua_pushlstring(matcher->lua, capture->start,
		    (size_t)capture->length);
	}
}

/* All of them, or the match if there is none but `from` is. */
static int
push_captures(struct matcher *matcher, const char *from, const char *to)
{
	int count = matcher->count == 0 && from != NULL ? 1 : matcher->count;

	luaL_checkstack(matcher->lua, count, "too many captures");
	for (int n = 0; n < count; n++)
		push_capture(matcher, n, from, to);
	return count;
}

/* Where to begin: from 1 on, below 0 from the end. NULL: behind the text. */
static const char *
read_start(struct matcher *matcher, int argument)
{
	lua_Integer length = matcher->text_end - matcher->text;
	lua_Integer start = luaL_optinteger(matcher->lua, argument, 1);

	if (start < 0)
		start = start < -length ? 1 : length + start + 1;
	else if (start == 0)
		start = 1;
	return start - 1 > length ? NULL : matcher->text + start - 1;
}

/* The first match from `at` on, which moves there. NULL: there is none. */
static const char *
search(struct matcher *matcher, const char **at, const char *pattern)
{
	bool anchored = pattern < matcher->end && *pattern == '^';

	for (pattern += anchored; *at <= matcher->text_end; ++*at) {
		const char *found = try_at(matcher, *at, pattern);

		if (found != NULL || anchored)
			return found;
	}
	return NULL;
}

static bool
is_plain(const char *pattern, const char *end)
{
	for (; pattern < end; pattern++)
		if (*pattern != '\0' && strchr("^$*+?.([%-", *pattern) !=
		    NULL)
			return false;
	return true;
}

/* The same for a text without patterns. */
static const char *
search_plain(struct matcher *matcher, const char **at, const char *wanted)
{
	size_t length = (size_t)(matcher->end - wanted);

	for (; (size_t)(matcher->text_end - *at) >= length; ++*at) {
		if (length == 0)
			return *at;
		*at = memchr(*at, *wanted, (size_t)(matcher->text_end -
		    *at) - length + 1);
		if (*at == NULL)
			return NULL;
		spend(matcher, 1 + length / 16);
		if (memcmp(*at, wanted, length) == 0)
			return *at + length;
	}
	return NULL;
}

int
pattern_find(lua_State *lua)
{
	struct matcher matcher;
	const char *pattern = open_matcher(&matcher, lua, 1, 2), *end = NULL;
	const char *at = read_start(&matcher, 3);

	if (at != NULL)
		end = lua_toboolean(lua, 4) ||
		    is_plain(pattern, matcher.end) ?
		    search_plain(&matcher, &at, pattern) :
		    search(&matcher, &at, pattern);
	if (end == NULL) {
		lua_pushnil(lua);
		return 1;
	}
	lua_pushinteger(lua, at - matcher.text + 1);
	lua_pushinteger(lua, end - matcher.text);
	return 2 + push_captures(&matcher, NULL, NULL);
}

int
pattern_match(lua_State *lua)
{
	struct matcher matcher;
	const char *pattern = open_matcher(&matcher, lua, 1, 2), *end = NULL;
	const char *at = read_start(&matcher, 3);

	if (at != NULL)
		end = search(&matcher, &at, pattern);
	if (end != NULL)
		return push_captures(&matcher, at, end);
	lua_pushnil(lua);
	return 1;
}

/*
 * The upvalues are text, pattern, where to go on, and where the last match
 * ended: an empty one there is no other.
 */
static int
next_match(lua_State *lua)
{
	struct matcher matcher;
	const char *pattern = open_matcher(&matcher, lua, lua_upvalueindex(1),
	    lua_upvalueindex(2));
	const char *at = matcher.text +
	    lua_tointeger(lua, lua_upvalueindex(3));
	lua_Integer last = lua_tointeger(lua, lua_upvalueindex(4));

	for (; at <= matcher.text_end; at++) {
		const char *end = try_at(&matcher, at, pattern);

		if (end == NULL || end - matcher.text == last)
			continue;
		lua_pushinteger(lua, end - matcher.text);
		lua_copy(lua, -1, lua_upvalueindex(3));
		lua_replace(lua, lua_upvalueindex(4));
		return push_captures(&matcher, at, end);
	}
	return 0;
}

int
pattern_gmatch(lua_State *lua)
{
	struct matcher matcher;
	const char *at;

	open_matcher(&matcher, lua, 1, 2);
	at = read_start(&matcher, 3);
	lua_settop(lua, 2);
	lua_pushinteger(lua, (at == NULL ? matcher.text_end + 1 : at) -
	    matcher.text);
	lua_pushinteger(lua, -1);
	lua_pushcclosure(lua, next_match, 4);
	return 1;
}

/* "%1" is a capture, "%0" the match, "%%" itself. */
static void
add_text(struct matcher *matcher, luaL_Buffer *buffer, const char *from,
    const char *to)
{
	size_t length;
	const char *at = lua_tolstring(matcher->lua, 3, &length);

	for (const char *end = at + length; at < end; at++) {
		if (*at != '%') {
			luaL_addchar(buffer, *at);
		} else if (++at < end && *at == '%') {
			luaL_addchar(buffer, '%');
		} else if (at < end && *at == '0') {
			luaL_addlstring(buffer, from, (size_t)(to - from));
		} else if (at < end && isdigit((unsigned char)*at)) {
			push_capture(matcher, *at - '1', from, to);
			luaL_tolstring(matcher->lua, -1, NULL);
			lua_remove(matcher->lua, -2);
			luaL_addvalue(buffer);
		} else {
			luaL_error(matcher->lua, "invalid use of '%%' in "
			    "replacement string");
		}
	}
}

/* What a table or function has for the match; false or nil: it stays. */
static void
add_value(struct matcher *matcher, luaL_Buffer *buffer, const char *from,
    const char *to)
{
	lua_State *lua = matcher->lua;

	if (lua_type(lua, 3) == LUA_TFUNCTION) {
		lua_pushvalue(lua, 3);
		lua_call(lua, push_captures(matcher, from, to), 1);
	} else {
		push_capture(matcher, 0, from, to);
		lua_gettable(lua, 3);
	}
	if (!lua_toboolean(lua, -1)) {
		lua_pop(lua, 1);
		luaL_addlstring(buffer, from, (size_t)(to - from));
	} else if (!lua_isstring(lua, -1)) {
		luaL_error(lua, "invalid replacement value (a %s)",
		    luaL_typename(lua, -1));
	} else {
		luaL_addvalue(buffer);
	}
}

static void
check_replacement(lua_State *lua)
{
	int type = lua_type(lua, 3);

	luaL_argexpected(lua, type == LUA_TNUMBER || type == LUA_TSTRING ||
	    type == LUA_TFUNCTION || type == LUA_TTABLE, 3,
	    "string/function/table");
}

int
pattern_gsub(lua_State *lua)
{
	struct matcher matcher;
	const char *pattern = open_matcher(&matcher, lua, 1, 2);
	const char *at = matcher.text, *last = NULL;
	lua_Integer most = luaL_optinteger(lua, 4,
	    matcher.text_end - matcher.text + 1), count = 0;
	bool anchored = pattern < matcher.end && *pattern == '^';
	luaL_Buffer buffer;

	check_replacement(lua);
	pattern += anchored;
	luaL_buffinit(lua, &buffer);
	while (count < most) {
		const char *end = try_at(&matcher, at, pattern);

		if (end != NULL && end != last) {
			count++;
			if (lua_isstring(lua, 3))
				add_text(&matcher, &buffer, at, end);
			else
				add_value(&matcher, &buffer, at, end);
			at = last = end;
		} else if (at < matcher.text_end) {
			luaL_addchar(&buffer, *at++);
		} else {
			break;
		}
		if (anchored)
			break;
	}
	luaL_addlstring(&buffer, at, (size_t)(matcher.text_end - at));
	luaL_pushresult(&buffer);
	lua_pushinteger(lua, count);
	return 2;
}
