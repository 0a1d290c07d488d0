/* SPDX-License-Identifier: BSD-3-Clause */
/* inline.c - see inline.h. */
#include "proto/inline.h"

#include <stdbool.h>

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

size_t
inline_words_most(struct slice line)
{
	size_t count = 1;

	for (size_t i = 1; i < line.length; i++)
		count += is_space(line.bytes[i - 1]) &&
		    !is_space(line.bytes[i]);
	return count;
}

/* A word that is being read, and written where it was. */
struct word {
	const char	*at, *end;	/* what is left of the line */
	char		*to;		/* its next byte */
};

/* Most words are written over by themselves: nothing is written then. */
static void
put(struct word *word, char c)
{
	if (word->to != word->at || *word->to != c)
		*word->to = c;
	word->to++;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What a backslash and a byte mean in double quotes. */
static char
meaning_of(char c)
{
	switch (c) {
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case 'b':
		return '\b';
	case 'a':
		return '\a';
	default:
		return c;
	}
}

/* A backslash is next, and another byte behind it. */
static void
take_escape(struct word *word)
{
	const char *at = word->at;
	int high, low;

	if (word->end - at >= 4 && at[1] == 'x' &&
	    (high = hex_digit(at[2])) != -1 && (low = hex_digit(at[3])) != -1) {
		put(word, (char)(high << 4 | low));
		word->at += 4;
	} else {
		put(word, meaning_of(at[1]));
		word->at += 2;
	}
}

/* What stands in quotes, the first of which is next. False: no end. */
static bool
take_quoted(struct word *word)
{
	char quote = *word->at++;

	while (word->at < word->end && *word->at != quote) {
		bool more = word->end - word->at > 1;

		if (*word->at == '\\' && more && quote == '"') {
			take_escape(word);
		} else if (*word->at == '\\' && more &&
		    word->at[1] == '\'') {
			put(word, '\'');
			word->at += 2;
		} else {
			put(word, *word->at);
			word->at++;
		}
	}
	if (word->at == word->end)
		return false;
	word->at++;
	return word->at == word->end || is_space(*word->at);
}

int
inline_cut(struct slice line, struct slice *words)
{
	struct word word = { line.bytes, line.bytes + line.length, NULL };
	int count = 0;

	for (;; count++) {
		char *start;

		while (word.at < word.end && is_space(*word.at))
			word.at++;
		if (word.at == word.end)
			return count;
		/* Behind the quote, so that its bytes stay where they are. */
		start = (char *)word.at + (*word.at == '"' ||
		    *word.at == '\'');
		word.to = start;
		while (word.at < word.end && !is_space(*word.at)) {
			if (*word.at == '"' || *word.at == '\'') {
				if (!take_quoted(&word))
					return -1;
			} else {
				put(&word, *word.at);
				word.at++;
			}
		}
		words[count] = (struct slice){
			start, (size_t)(word.to - start),
		};
	}
}

struct slice
inline_name(struct slice line)
{
	struct slice name = { line.bytes, 0 };
	const char *end = line.bytes + line.length;

	while (name.bytes < end && is_space(*name.bytes))
		name.bytes++;
	while (name.bytes + name.length < end &&
	    !is_space(name.bytes[name.length])) {
		char c = name.bytes[name.length++];

		if (c == '"' || c == '\'' || c == '\\')
			return (struct slice){ NULL, 0 };
	}
	return name;
}
