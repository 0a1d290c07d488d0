/* SPDX-License-Identifier: BSD-3-Clause */
/* words.c - see words.h. */
#include "proto/words.h"

/* Relative up to 30 days, unix time above. */
#define EXPTIME_RELATIVE_MAX	(60 * 60 * 24 * 30)

/* A time long past; and the last one that an item can hold. */
#define EXPIRY_PAST		1
#define EXPIRY_MAX		(((int64_t)1 << 48) - 1)

struct slice
words_trim_number(struct slice word)
{
	while (word.length > 0 && word.bytes[word.length - 1] == '\r')
		word.length--;
	if (word.length > 1 && word.bytes[0] == '+' && word.bytes[1] != '-') {
		word.bytes++;
		word.length--;
	}
	return word;
}

bool
words_number(struct slice word, uint64_t max, uint64_t *number)
{
	int64_t zero;

	word = words_trim_number(word);
	if (decimal_parse(word, number))
		return *number <= max;
	*number = 0;
	return decimal_parse_signed(word, &zero) && zero == 0;	/* "-0" */
}

bool
words_exptime(int64_t now, struct slice word, int64_t *expiry)
{
	int64_t seconds;

	if (!decimal_parse_signed(words_trim_number(word), &seconds))
		return false;
	if (seconds == 0)
		*expiry = 0;
	else if (seconds < 0)
		*expiry = EXPIRY_PAST;
	else if (seconds <= EXPTIME_RELATIVE_MAX)
		*expiry = now + seconds * 1000;
	else if (seconds >= EXPIRY_MAX / 1000)
		*expiry = EXPIRY_MAX;
	else
		*expiry = seconds * 1000;
	return true;
}
