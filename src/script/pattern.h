/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pattern.h - one match of a pattern of Lua. Private to src/script/.
 *
 * Patterns are those of the reference manual of Lua 5.4, 6.4.1, but that each
 * comparison is a step of the script: a pattern with a few repetitions can take
 * ages on a text that is not even long, and no hook would see it.
 */
#ifndef SCRIPT_PATTERN_H
#define SCRIPT_PATTERN_H

#include <stddef.h>

#include "script/interpreter.h"

#define PATTERN_CAPTURES_MAX	32

/* Lengths of captures that are none. */
#define CAPTURE_OPEN		(-1)
#define CAPTURE_POSITION	(-2)

struct capture {
	const char	*start;
	ptrdiff_t	 length;
};

/* The text and the pattern; the caller sets these four, and `steps` to 0. */
struct matcher {
	lua_State	*lua;
	const char	*text, *text_end;
	const char	*end;			/* of the pattern */
	struct capture	 captures[PATTERN_CAPTURES_MAX];
	int		 count;			/* of these */
	int		 depth;
	unsigned	 steps;			/* not accounted for */
};

/*
 * Match at this place of the text. Returns where the match ends; NULL: there
 * is none. A broken pattern is an error of Lua.
 */
const char *pattern_match(struct matcher *, const char *at,
	    const char *pattern);

/* What is about to be done is so many steps. */
void	pattern_spend(struct matcher *, size_t steps);

#endif
