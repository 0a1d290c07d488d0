/* SPDX-License-Identifier: BSD-3-Clause */
/* redis_command.c - COMMAND: what calls.def says, to clients. */
#include "base/glob.h"
#include "proto/classes.h"
#include "proto/resp.h"
#include "server/redis_calls.h"

#define FIRST	(call_rows)
#define END	(call_rows + CALL_COUNT)

/* The flags that say no more than classes do. */
static const struct {
	uint32_t	 classes;
	const char	*flag;
} flags[] = {
	{ CLASS_BIT(write), "write" },
	{ CLASS_BIT(read), "readonly" },
	{ CLASS_BIT(admin), "admin" },
	{ CLASS_BIT(pubsub), "pubsub" },
	{ CLASS_BIT(fast), "fast" },
};

#define FLAGS	(sizeof flags / sizeof *flags)

static size_t
count_calls(void)
{
	size_t count = 0;

	for (const struct call_row *row = FIRST; row < END; row++)
		count += !call_is_part(row);
	return count;
}

/* The row of "get", "client" or "client|id". */
static const struct call_row *
find(struct slice name)
{
	const char *bar = name.length == 0 ? NULL :
	    memchr(name.bytes, '|', name.length);
	const struct call_row *whole;

	if (bar == NULL)
		return call_find(name);
	whole = call_find((struct slice){ name.bytes,
	    (size_t)(bar - name.bytes) });
	return whole == NULL ? NULL : call_part(whole, (struct slice){
	    bar + 1, name.length - (size_t)(bar + 1 - name.bytes) });
}

static void
put_flags(struct output *output, bool v3, const struct call_row *row)
{
	uint32_t classes = call_parts(row) > 0 ? 0 : call_classes(row);
	size_t count = 0;

	if (row->access != CALL_ADMIN)
		classes &= ~CLASS_BIT(admin);

	for (size_t i = 0; i < FLAGS; i++)
		count += (flags[i].classes & classes) != 0;
	resp_set(output, v3, count);
	for (size_t i = 0; i < FLAGS; i++)
		if (flags[i].classes & classes)
			resp_simple(output, flags[i].flag);
}

static void
put_classes(struct output *output, bool v3, uint32_t classes)
{
	char name[32] = "@";

	resp_set(output, v3, (size_t)__builtin_popcount(classes));
	for (unsigned i = 0; i < CLASS_COUNT; i++)
		if (classes >> i & 1) {
			strcpy(name + 1, class_names[i]);
			resp_simple(output, name);
		}
}

static void
put_pair(struct output *output, const char *name, int64_t number)
{
	resp_bulk_text(output, name);
	resp_integer(output, number);
}

/* Where its keys are, the way that Redis 7 says it. */
static void
put_key_specs(struct output *output, bool v3, const struct call_row *row)
{
	resp_set(output, v3, row->first > 0);
	if (row->first == 0)
		return;
	resp_map(output, v3, 3);
	resp_bulk_text(output, "flags");
	resp_set(output, v3, 1);
	resp_simple(output, row->access == CALL_READ ? "RO" : "RW");
	resp_bulk_text(output, "begin_search");
	resp_map(output, v3, 2);
	resp_bulk_text(output, "type");
	resp_bulk_text(output, "index");
	resp_bulk_text(output, "spec");
	resp_map(output, v3, 1);
	put_pair(output, "index", row->first);
	resp_bulk_text(output, "find_keys");
	resp_map(output, v3, 2);
	resp_bulk_text(output, "type");
	resp_bulk_text(output, "range");
	resp_bulk_text(output, "spec");
	resp_map(output, v3, 3);
	put_pair(output, "lastkey",
	    row->last < 0 ? row->last : row->last - row->first);
	put_pair(output, "keystep", row->step);
	put_pair(output, "limit", 0);
}

static void
put_info(struct output *output, bool v3, const struct call_row *row)
{
	size_t parts = call_parts(row);

	resp_array(output, 10);
	resp_bulk_text(output, row->name);
	resp_integer(output, row->arity);
	put_flags(output, v3, row);
	resp_integer(output, row->first);
	resp_integer(output, row->last);
	resp_integer(output, row->step);
	put_classes(output, v3, call_classes(row));
	resp_set(output, v3, 0);
	put_key_specs(output, v3, row);
	resp_array(output, parts);
	for (size_t n = 1; n <= parts; n++)
		put_info(output, v3, row + n);
}

void
command_all(struct admin *admin, struct session_call *call)
{
	(void)admin;
	resp_array(call->output, count_calls());
	for (const struct call_row *row = FIRST; row < END; row++)
		if (!call_is_part(row))
			put_info(call->output, call->v3, row);
}

void
command_info(struct admin *admin, struct session_call *call)
{
	if (call->count == 2) {
		command_all(admin, call);
		return;
	}
	resp_array(call->output, call->count - 2);
	for (size_t n = 2; n < call->count; n++) {
		const struct call_row *row = find(call->words[n]);

		if (row == NULL)
			resp_null(call->output, call->v3);
		else
			put_info(call->output, call->v3, row);
	}
}

void
command_count(struct admin *admin, struct session_call *call)
{
	(void)admin;
	resp_integer(call->output, (int64_t)count_calls());
}

/* Which calls LIST lists. */
struct filter {
	struct slice	pattern;	/* bytes NULL: any */
	uint32_t	classes;	/* 0: any */
	bool		none;		/* of a module, or a class, that
					   there is not */
};

static bool
passes(const struct filter *filter, const struct call_row *row)
{
	if (filter->none)
		return false;
	if (filter->pattern.bytes != NULL)
		return glob_matches(filter->pattern, slice_of(row->name));
	if (filter->classes != 0)
		return filter->classes & call_classes(row);
	return !call_is_part(row);
}

static void
read_class(struct slice name, struct filter *filter)
{
	int class = class_find(name);

	if (class == -1)
		filter->none = true;
	else
		filter->classes = (uint32_t)1 << class;
}

static bool
read_filter(struct session_call *call, struct filter *filter)
{
	*filter = (struct filter){ .none = false };
	if (call->count == 2)
		return true;
	if (call->count != 5 || !call_word_is(call->words[2], "filterby"))
		return false;
	if (call_word_is(call->words[3], "module"))
		filter->none = true;
	else if (call_word_is(call->words[3], "aclcat"))
		read_class(call->words[4], filter);
	else if (call_word_is(call->words[3], "pattern"))
		filter->pattern = call->words[4];
	else
		return false;
	return true;
}

void
command_list(struct admin *admin, struct session_call *call)
{
	struct filter filter;
	size_t count = 0;

	(void)admin;
	if (!read_filter(call, &filter)) {
		session_syntax_error(call);
		return;
	}
	for (const struct call_row *row = FIRST; row < END; row++)
		count += passes(&filter, row);
	resp_set(call->output, call->v3, count);
	for (const struct call_row *row = FIRST; row < END; row++)
		if (passes(&filter, row))
			resp_bulk_text(call->output, row->name);
}

/* The words of a synopsis after the name, of which a part has two. */
static const char *
arguments_of(const struct call_row *row)
{
	const char *at = row->synopsis + strlen(row->name);

	return call_parts(row) > 0 || *at == '\0' ? NULL : at + 1;
}

/* All of them as one argument, so that redis-cli shows them. */
static void
put_arguments(struct output *output, bool v3, const char *words)
{
	resp_bulk_text(output, "arguments");
	resp_array(output, 1);
	resp_map(output, v3, 3);
	resp_bulk_text(output, "name");
	resp_bulk_text(output, words);
	resp_bulk_text(output, "type");
	resp_bulk_text(output, "string");
	resp_bulk_text(output, "display_text");
	resp_bulk_text(output, words);
}

static void
put_docs(struct output *output, bool v3, const struct call_row *row)
{
	const char *words = arguments_of(row);
	size_t parts = call_parts(row);

	resp_bulk_text(output, row->name);
	resp_map(output, v3, 2 + (words != NULL) + (parts > 0));
	resp_bulk_text(output, "summary");
	resp_bulk_text(output, row->sentence);
	resp_bulk_text(output, "group");
	resp_bulk_text(output, row->group);
	if (words != NULL)
		put_arguments(output, v3, words);
	if (parts > 0) {
		resp_bulk_text(output, "subcommands");
		resp_map(output, v3, parts);
	}
	for (size_t n = 1; n <= parts; n++)
		put_docs(output, v3, row + n);
}

void
command_docs(struct admin *admin, struct session_call *call)
{
	size_t count = 0;

	(void)admin;
	if (call->count == 2) {
		resp_map(call->output, call->v3, count_calls());
		for (const struct call_row *row = FIRST; row < END; row++)
			if (!call_is_part(row))
				put_docs(call->output, call->v3, row);
		return;
	}
	for (size_t n = 2; n < call->count; n++)
		count += find(call->words[n]) != NULL;
	resp_map(call->output, call->v3, count);
	for (size_t n = 2; n < call->count; n++)
		if (find(call->words[n]) != NULL)
			put_docs(call->output, call->v3,
			    find(call->words[n]));
}

static void
put_keys(struct session_call *call, size_t first, size_t last, size_t step)
{
	resp_array(call->output, (last - first) / step + 1);
	for (size_t n = first; n <= last; n += step)
		resp_bulk(call->output, call->words[2 + n]);
}

/* EVAL and its like say how many keys they have, in word number 2. */
static bool
script_keys(const struct call_row *row, const struct slice *words,
    size_t count, size_t *first, size_t *last)
{
	int64_t number;

	*first = 3;
	if (strncmp(row->name, "eval", 4) != 0 || count < 3 ||
	    !decimal_parse_signed(words[2], &number) || number < 1 ||
	    (uint64_t)number > count - 3)
		return false;
	*last = *first + (size_t)number - 1;
	return true;
}

void
command_getkeys(struct admin *admin, struct session_call *call)
{
	const struct call_row *row = call_find(call->words[2]), *part;
	size_t count = call->count - 2, first, last, step;

	(void)admin;
	if (row != NULL && count > 1 &&
	    (part = call_part(row, call->words[3])) != NULL)
		row = part;
	if (row == NULL) {
		resp_error(call->output, "ERR Invalid command specified");
	} else if (script_keys(row, call->words + 2, count, &first, &last)) {
		put_keys(call, first, last, 1);
	} else if (row->first == 0) {
		resp_error(call->output,
		    "ERR The command has no key arguments");
	} else if (!call_arity_valid(row, count) ||
	    !call_keys(row, count, &first, &last, &step)) {
		resp_error(call->output, "ERR Invalid number of arguments "
		    "specified for command");
	} else {
		put_keys(call, first, last, step);
	}
}
