/* SPDX-License-Identifier: BSD-3-Clause */
/* glob.c - what patterns match. */
#include "base/glob.h"

#include "tap.h"

static const struct {
	const char	*pattern, *text;
	bool		 matches;
} cases[] = {
	{ "", "", true }, { "", "a", false }, { "a", "", false },
	{ "abc", "abc", true }, { "abc", "abd", false },
	{ "abc", "abcd", false }, { "abcd", "abc", false },
	{ "*", "", true }, { "*", "anything", true },
	{ "a*", "a", true }, { "a*", "abc", true }, { "a*", "ba", false },
	{ "*c", "abc", true }, { "*c", "abcd", false },
	{ "a*c", "abcabc", true }, { "a*b*c", "a1b2b3c", true },
	{ "a*b*c", "a1c2b", false }, { "a**c", "abc", true },
	{ "*ab", "aab", true }, { "*aab", "aaab", true },
	{ "?", "a", true }, { "?", "", false }, { "??", "a", false },
	{ "h?llo", "hello", true }, { "*?", "a", true },
	{ "h[ae]llo", "hallo", true }, { "h[ae]llo", "hillo", false },
	{ "h[^e]llo", "hallo", true }, { "h[^e]llo", "hello", false },
	{ "h[a-c]llo", "hbllo", true }, { "h[c-a]llo", "hbllo", true },
	{ "h[a-c]llo", "hdllo", false }, { "h[^a-c]llo", "hdllo", true },
	{ "[a-]", "-", false }, { "[a-]", "_", true },
	{ "[]", "a", false }, { "[^]", "a", true },
	{ "[\\]]", "]", true }, { "[\\a-c]", "-", true },
	{ "[abc", "b", true }, { "[abc", "d", false }, { "[", "a", false },
	{ "[^", "a", true }, { "*[0-9]", "a7", true },
	{ "\\*", "*", true }, { "\\*", "a", false }, { "a\\", "a\\", true },
	{ "\\?", "?", true }, { "a\\bc", "abc", true },
	{ "*\\*", "a*", true }, { "*[*]*", "a*b", true },
};

static void
patterns_match_what_they_should(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		tap_expect(__FILE__, __LINE__, cases[i].pattern,
		    glob_matches(slice_of(cases[i].pattern),
		    slice_of(cases[i].text)) == cases[i].matches);
}

static void
bytes_may_be_any(void)
{
	EXPECT(glob_matches(SLICE("a\0?\xff"), SLICE("a\0\n\xff")));
	EXPECT(glob_matches(SLICE("[\x80-\xff]"), SLICE("\xe4")));
	EXPECT(!glob_matches(SLICE("[\x80-\xff]"), SLICE("a")));
	EXPECT(glob_is_all(SLICE("*")));
	EXPECT(!glob_is_all(SLICE("**")));
	EXPECT(!glob_is_all(SLICE("")));
}

/* It would take 2^1000 steps to try every way. */
static void
many_stars_take_no_time(void)
{
	static char pattern[2001], text[20000];

	for (size_t i = 0; i < sizeof pattern; i++)
		pattern[i] = i % 2 == 0 ? '*' : 'a';
	pattern[sizeof pattern - 1] = 'b';
	memset(text, 'a', sizeof text);
	EXPECT(!glob_matches((struct slice){ pattern, sizeof pattern },
	    (struct slice){ text, sizeof text }));
}

int
main(void)
{
	RUN(patterns_match_what_they_should);
	RUN(bytes_may_be_any);
	RUN(many_stars_take_no_time);
	return tap_done();
}
