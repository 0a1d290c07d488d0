/* SPDX-License-Identifier: BSD-3-Clause */
/* call.c - see call.h. */
#include "proto/call.h"

#include <stdlib.h>
#include <string.h>

/* The room that is kept between requests, in words: 64 KB. */
#define ARGS_KEPT	4096

const struct call_row call_rows[CALL_COUNT] = {
#define CALL(name, id, arity, scope, access, first, last, step, group,	\
    synopsis, sentence)							\
	[CALL_##id] = {							\
		name, CALL_##id, arity, CALL_##scope, CALL_##access,	\
		first, last, step, group, synopsis, sentence,		\
	},
#include "proto/calls.def"
};

static char
lower(char c)
{
	return (char)(c + ((unsigned)(c - 'A') < 26 ? 'a' - 'A' : 0));
}

/* As memcmp(), by the order of small letters and the end. */
static int
compare(struct slice word, const char *name)
{
	for (size_t i = 0; i < word.length; i++) {
		int order = (unsigned char)lower(word.bytes[i]) -
		    (unsigned char)name[i];

		if (order != 0 || name[i] == '\0')
			return order;
	}
	return name[word.length] == '\0' ? 0 : -1;
}

bool
call_word_is(struct slice word, const char *name)
{
	for (size_t i = 0; i < word.length; i++)
		if (lower(word.bytes[i]) != name[i] || name[i] == '\0')
			return false;
	return name[word.length] == '\0';
}

const struct call_row *
call_find(struct slice name)
{
	size_t low = 0, high = CALL_COUNT;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = compare(name, call_rows[middle].name);

		if (order == 0)
			return &call_rows[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* What is behind the '|' of a part's name. */
static const char *
part_name(const struct call_row *row)
{
	const char *bar = strchr(row->name, '|');

	return bar == NULL ? NULL : bar + 1;
}

bool
call_is_part(const struct call_row *row)
{
	return part_name(row) != NULL;
}

size_t
call_parts(const struct call_row *row)
{
	size_t count = 0;

	if (call_is_part(row))
		return 0;
	while (row + count + 1 < call_rows + CALL_COUNT &&
	    call_is_part(row + count + 1))
		count++;
	return count;
}

const struct call_row *
call_part(const struct call_row *row, struct slice name)
{
	for (size_t left = call_parts(row); left > 0; left--)
		if (call_word_is(name, part_name(++row)))
			return row;
	return NULL;
}

const struct call_row *
call_whole(const struct call_row *row)
{
	while (call_is_part(row))
		row--;
	return row;
}

bool
call_keys(const struct call_row *row, size_t count, size_t *first,
    size_t *last, size_t *step)
{
	if (row->first == 0 || (size_t)row->first >= count)
		return false;
	*first = (size_t)row->first;
	*step = (size_t)row->step;
	*last = row->last >= 0 ? (size_t)row->last :
	    count - (size_t)-row->last;
	return *last >= *first && *last < count;
}

struct slice *
args_reserve(struct args *args, size_t count)
{
	struct slice *words;
	size_t room = args->room == 0 ? ARGS_KEPT : args->room;

	while (room - args->used < count)
		room *= 2;
	if (room != args->room) {
		words = realloc(args->words, room * sizeof *words);
		if (words == NULL)
			return NULL;
		args->words = words;
		args->room = room;
	}
	return args->words + args->used;
}

void
args_reset(struct args *args)
{
	args->used = 0;
	if (args->room > ARGS_KEPT)
		args_free(args);
}

void
args_free(struct args *args)
{
	free(args->words);
	*args = (struct args){ NULL, 0, 0 };
}
