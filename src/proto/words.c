/* SPDX-License-Identifier: BSD-3-Clause */
/* words.c - see words.h. */
#include "proto/words.h"

#include "proto/proto.h"

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
	*expiry = proto_expiry(now, seconds);
	return true;
}
