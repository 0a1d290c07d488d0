/* SPDX-License-Identifier: BSD-3-Clause */
/* sizes.c - see sizes.h. */
#include "load/sizes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define PARTS_MAX	64

/* The parameters for values in the paper, table 4 of its section 5. */
#define ETC_SCALE	214.476
#define ETC_SHAPE	0.348238

struct part {
	uint64_t	from, to, weight;
};

/* Digits, and perhaps a k or an m. */
static int
parse_size(struct slice text, uint64_t *size)
{
	int shift = 0;

	if (text.length > 1 && text.bytes[text.length - 1] == 'k')
		shift = 10;
	if (text.length > 1 && text.bytes[text.length - 1] == 'm')
		shift = 20;
	text.length -= shift > 0;
	if (!decimal_parse(text, size) || *size > UINT32_MAX)
		return -1;
	*size <<= shift;
	return 0;
}

/* What is before a byte, and in `text` what is behind; all, if it is not. */
static struct slice
cut(struct slice *text, char byte)
{
	const char *at = memchr(text->bytes, byte, text->length);
	struct slice before = *text;

	if (at != NULL)
		before.length = (size_t)(at - text->bytes);
	text->bytes += before.length + (at != NULL);
	text->length -= before.length + (at != NULL);
	return before;
}

/* size[-size][:weight] */
static int
parse_part(struct slice text, struct part *part)
{
	struct slice range = cut(&text, ':');
	struct slice from = cut(&range, '-');

	part->weight = 1;
	if (text.bytes > range.bytes + range.length &&
	    (!decimal_parse(text, &part->weight) || part->weight == 0 ||
	    part->weight > UINT32_MAX))
		return -1;
	if (parse_size(from, &part->from) == -1)
		return -1;
	part->to = part->from;
	if (range.bytes > from.bytes + from.length &&
	    parse_size(range, &part->to) == -1)
		return -1;
	return part->from <= part->to ? 0 : -1;
}

static int
parse_parts(const char *text, struct part *parts, size_t *count,
    int64_t low, int64_t high, struct error *err)
{
	struct slice rest = slice_of(text);

	for (*count = 0; rest.length > 0 || *count == 0; ++*count) {
		struct part *part = &parts[*count];
		struct slice word = cut(&rest, ',');

		if (*count == PARTS_MAX)
			return error_set(err, "has more than %d parts",
			    PARTS_MAX);
		if (parse_part(word, part) == -1)
			return error_set(err, "\"%.*s\" is not a number, a "
			    "range as 64-1024, or one of them with its weight,"
			    " as 100:50", (int)word.length, word.bytes);
		if ((int64_t)part->from < low || (int64_t)part->to > high)
			return error_set(err, "\"%.*s\" is not within %lld to "
			    "%lld", (int)word.length, word.bytes,
			    (long long)low, (long long)high);
	}
	return 0;
}

/* Of as many places for a part, the number in one: they lie evenly in it. */
static uint32_t
number_in(const struct part *part, uint32_t place, uint32_t places)
{
	uint64_t numbers = part->to - part->from + 1;

	if (numbers <= places)
		return (uint32_t)(part->from + numbers * place / places);
	return (uint32_t)(places == 1 ? part->from : part->from +
	    (numbers - 1) * place / (places - 1));
}

static void
fill_places(struct sizes *sizes, const struct part *parts, size_t count)
{
	uint64_t total = 0, before = 0;
	uint32_t place = 0;

	for (size_t n = 0; n < count; n++)
		total += parts[n].weight;
	for (size_t n = 0; n < count; n++) {
		const struct part *part = &parts[n];
		uint32_t first = place;
		uint32_t end = (uint32_t)((double)(before += part->weight) *
		    SIZES_PLACES / (double)total + 0.5);

		for (; place < end; place++)
			sizes->places[place] = number_in(part, place - first,
			    end - first);
	}
}

static void
fill_etc(struct sizes *sizes, int64_t low, int64_t high)
{
	for (uint32_t place = 0; place < SIZES_PLACES; place++) {
		double share = (place + 0.5) / SIZES_PLACES;
		double size = ETC_SCALE / ETC_SHAPE *
		    (pow(1 - share, -ETC_SHAPE) - 1);

		if (size < (double)low)
			size = (double)low;
		sizes->places[place] = (uint32_t)(size < (double)high ?
		    size : (double)high);
	}
}

int
sizes_parse(struct sizes *sizes, const char *text, int64_t low, int64_t high,
    struct error *err)
{
	struct part parts[PARTS_MAX];
	size_t count;

	if (strcmp(text, "etc") == 0)
		fill_etc(sizes, low, high);
	else if (parse_parts(text, parts, &count, low, high, err) == -1)
		return -1;
	else
		fill_places(sizes, parts, count);
	sizes->least = sizes->most = sizes->places[0];
	for (size_t n = 1; n < SIZES_PLACES; n++) {
		if (sizes->places[n] < sizes->least)
			sizes->least = sizes->places[n];
		if (sizes->places[n] > sizes->most)
			sizes->most = sizes->places[n];
	}
	return 0;
}
