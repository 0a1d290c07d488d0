/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hashes_expire.c - calls that set and tell when fields of a hash expire.
 *
 * Their fields stand at the end, behind FIELDS and their number. The reply has
 * a part for each of them.
 */
#include "command/hashes.h"

/* What is told of a field. */
enum answer {
	NO_FIELD = -2,
	NO_EXPIRY = -1,
	UNCHANGED = 0,		/* the condition is not met */
	CHANGED = 1,
	REMOVED = 2,		/* the time has come already */
};

/* The words that name fields. */
struct names {
	size_t	first, count, step;	/* words from one to the next */
};

/* How the time of a call is meant. */
static struct time_unit
unit_of(const struct call *call)
{
	switch (call->row->id) {
	case CALL_HEXPIRE:
	case CALL_HTTL:
		return (struct time_unit){ .seconds = true, .relative = true };
	case CALL_HPEXPIRE:
	case CALL_HPTTL:
		return (struct time_unit){ .relative = true };
	case CALL_HEXPIREAT:
	case CALL_HEXPIRETIME:
		return (struct time_unit){ .seconds = true };
	default:
		return (struct time_unit){ .seconds = false };
	}
}

/*
 * FIELDS is to be word number `n`, and all behind it. `step` is 2 if a value
 * follows each name. False: the error is told.
 */
static bool
read_names(struct call *call, size_t n, size_t step, struct names *names)
{
	int64_t count;

	if (n + 1 >= call->count || !call_word_is(call->words[n], "fields")) {
		resp_error(call->output, "ERR Mandatory argument FIELDS is "
		    "missing or not at the right position");
		return false;
	}
	if (!call_parse_integer(call->words[n + 1], &count) || count < 1) {
		resp_error(call->output, "ERR Number of fields must be a "
		    "positive integer");
		return false;
	}
	*names = (struct names){ n + 2, call->count - n - 2, step };
	if (names->count % step != 0 ||
	    (uint64_t)count != names->count / step) {
		resp_error(call->output, "ERR The `numfields` parameter must "
		    "match the number of arguments");
		return false;
	}
	names->count /= step;
	return true;
}

/* Unix ms of the time that word number `n` says. False: the error is told. */
static bool
read_when(struct call *call, size_t n, struct time_unit unit, int64_t *when)
{
	if (!call_integer(call, n, when))
		return false;
	if (*when < 0) {
		resp_error(call->output,
		    "ERR invalid expire time, must be >= 0");
		return false;
	}
	if (*when > STORE_EXPIRY_MAX / (unit.seconds ? 1000 : 1))
		goto invalid;
	if (unit.seconds)
		*when *= 1000;
	if (unit.relative)
		*when += call->now;
	if (*when <= STORE_EXPIRY_MAX)
		return true;
invalid:
	call_invalid_expiry(call);
	return false;
}

/* Does a word name a field that is there? */
static bool
find(struct call *call, const struct hash *hash, const struct names *names,
    size_t n, struct field *field)
{
	return fields_find(&hash->fields,
	    call->words[names->first + n * names->step], field);
}

/* Let a field expire then, or remove it if that has passed. */
static enum store_result
set_expiry(struct call *call, struct hash *hash, const struct field *field,
    int64_t when)
{
	if (when == 0 || when > call->now)
		return fields_expire(&hash->fields, field, when);
	fields_delete(&hash->fields, field);
	return STORE_OK;
}

/* On which condition a field's expiry changes. */
enum condition { ALWAYS, IF_NONE, IF_SOME, IF_LATER, IF_SOONER };

static enum condition
find_condition(struct slice word)
{
	static const char *const words[] = {
		[IF_NONE] = "nx", [IF_SOME] = "xx", [IF_LATER] = "gt",
		[IF_SOONER] = "lt",
	};

	for (unsigned n = IF_NONE; n <= IF_SOONER; n++)
		if (call_word_is(word, words[n]))
			return (enum condition)n;
	return ALWAYS;
}

/* A field without an expiry has one that is after all others. */
static bool
is_met(enum condition condition, int64_t before, int64_t when)
{
	switch (condition) {
	case IF_NONE:
		return before == 0;
	case IF_SOME:
		return before != 0;
	case IF_LATER:
		return before != 0 && when > before;
	case IF_SOONER:
		return before == 0 || when < before;
	default:
		return true;
	}
}

/* Each part of a reply is for itself, so what fails is an error there. */
static void
answer(struct call *call, enum store_result result, enum answer answer)
{
	if (result == STORE_OK)
		resp_integer(call->output, answer);
	else
		call_fail(call, result);
}

static void
expire_one(struct call *call, struct hash *hash, const struct field *field,
    enum condition condition, int64_t when)
{
	/* 1970 is over: it is 0 that stands for never. */
	if (when == 0)
		when = 1;
	if (is_met(condition, field->expiry, when))
		answer(call, set_expiry(call, hash, field, when),
		    when <= call->now ? REMOVED : CHANGED);
	else
		resp_integer(call->output, UNCHANGED);
}

/* HEXPIRE, HPEXPIRE, HEXPIREAT, HPEXPIREAT. */
void
hashes_expire(struct call *call)
{
	enum condition condition;
	struct field field;
	struct names names;
	struct hash hash;
	int64_t when;

	if (!hashes_open(call, FIELDS_CHANGE, &hash) ||
	    !read_when(call, 2, unit_of(call), &when))
		return;
	condition = find_condition(call->words[3]);
	if (!read_names(call, condition == ALWAYS ? 3 : 4, 1, &names))
		return;
	resp_array(call->output, names.count);
	for (size_t n = 0; n < names.count; n++)
		if (find(call, &hash, &names, n, &field))
			expire_one(call, &hash, &field, condition, when);
		else
			resp_integer(call->output, NO_FIELD);
}

/* The time of a field as the call tells it; seconds are rounded up. */
static int64_t
time_of(const struct call *call, const struct field *field)
{
	struct time_unit unit = unit_of(call);
	int64_t time = field->expiry;

	if (time == 0)
		return NO_EXPIRY;
	if (unit.relative)
		time -= call->now;
	return unit.seconds ? (time + 999) / 1000 : time;
}

/* HTTL, HPTTL, HEXPIRETIME, HPEXPIRETIME. */
void
hashes_left(struct call *call)
{
	struct field field;
	struct names names;
	struct hash hash;

	if (!hashes_open(call, FIELDS_READ, &hash) ||
	    !read_names(call, 2, 1, &names))
		return;
	resp_array(call->output, names.count);
	for (size_t n = 0; n < names.count; n++)
		resp_integer(call->output, find(call, &hash, &names, n,
		    &field) ? time_of(call, &field) : NO_FIELD);
}

void
hashes_persist(struct call *call)
{
	struct field field;
	struct names names;
	struct hash hash;

	if (!hashes_open(call, FIELDS_CHANGE, &hash) ||
	    !read_names(call, 2, 1, &names))
		return;
	resp_array(call->output, names.count);
	for (size_t n = 0; n < names.count; n++)
		if (!find(call, &hash, &names, n, &field))
			resp_integer(call->output, NO_FIELD);
		else if (field.expiry == 0)
			resp_integer(call->output, NO_EXPIRY);
		else
			answer(call, set_expiry(call, &hash, &field, 0),
			    CHANGED);
}

void
hashes_getdel(struct call *call)
{
	struct field field;
	struct names names;
	struct hash hash;

	if (!hashes_open(call, FIELDS_CHANGE, &hash) ||
	    !read_names(call, 2, 1, &names))
		return;
	call_note_read(call, &hash.key, hash.fields.handle != 0);
	resp_array(call->output, names.count);
	for (size_t n = 0; n < names.count; n++) {
		hashes_put_word(call, &hash, names.first + n);
		if (find(call, &hash, &names, n, &field))
			fields_delete(&hash.fields, &field);
	}
}

/* What stands before FIELDS in HGETEX and HSETEX. */
enum option {
	OPTION_TIME = 1,
	OPTION_PERSIST = 2,
	OPTION_KEEPTTL = 4,
	OPTION_NEW = 8,		/* FNX: none of the fields is there */
	OPTION_OLD = 16,	/* FXX: all of them are */
};

#define EXPIRIES	(OPTION_TIME | OPTION_PERSIST | OPTION_KEEPTTL)
#define CONDITIONS	(OPTION_NEW | OPTION_OLD)
#define GETEX_OPTIONS	(OPTION_TIME | OPTION_PERSIST)
#define SETEX_OPTIONS	(OPTION_TIME | OPTION_KEEPTTL | CONDITIONS)

static const struct option_word {
	const char	*word;
	enum option	 option;
	unsigned	 excludes;
	struct time_unit unit;
} option_words[] = {
	{ "ex", OPTION_TIME, EXPIRIES,
	    { .seconds = true, .relative = true } },
	{ "px", OPTION_TIME, EXPIRIES, { .relative = true } },
	{ "exat", OPTION_TIME, EXPIRIES, { .seconds = true } },
	{ "pxat", OPTION_TIME, EXPIRIES, { .seconds = false } },
	{ "persist", OPTION_PERSIST, EXPIRIES, { .seconds = false } },
	{ "keepttl", OPTION_KEEPTTL, EXPIRIES, { .seconds = false } },
	{ "fnx", OPTION_NEW, CONDITIONS, { .seconds = false } },
	{ "fxx", OPTION_OLD, CONDITIONS, { .seconds = false } },
};

static const struct option_word *
find_option(struct slice word)
{
	for (size_t i = 0; i < sizeof option_words / sizeof *option_words; i++)
		if (call_word_is(word, option_words[i].word))
			return &option_words[i];
	return NULL;
}

struct options {
	unsigned	given;
	int64_t		when;		/* unix ms */
	size_t		fields;		/* the word that should be FIELDS */
};

/* Those of `allowed`. False: the error is told. */
static bool
read_options(struct call *call, unsigned allowed, struct options *options)
{
	const struct option_word *word;
	size_t n = 2;

	*options = (struct options){ .given = 0 };
	for (; n < call->count && (word = find_option(call->words[n])) != NULL;
	    n++) {
		if (!(word->option & allowed) ||
		    options->given & word->excludes ||
		    (word->option == OPTION_TIME && n + 1 == call->count)) {
			call_syntax_error(call);
			return false;
		}
		options->given |= word->option;
		if (word->option == OPTION_TIME && !read_when(call, ++n,
		    word->unit, &options->when))
			return false;
	}
	options->fields = n;
	return true;
}

void
hashes_getex(struct call *call)
{
	struct options options;
	struct field field;
	struct names names;
	struct hash hash;
	bool removes;

	if (!hashes_open(call, FIELDS_READ, &hash) ||
	    !read_options(call, GETEX_OPTIONS, &options) ||
	    !read_names(call, options.fields, 1, &names))
		return;
	removes = options.given & OPTION_TIME && options.when <= call->now;
	resp_array(call->output, names.count);
	for (size_t n = 0; n < names.count; n++) {
		enum store_result result = STORE_OK;
		bool found = find(call, &hash, &names, n, &field);

		/* PERSIST has the time 0, which is never. */
		if (found && options.given != 0 && !removes)
			result = set_expiry(call, &hash, &field,
			    options.when);
		if (result == STORE_OK)
			hashes_put_word(call, &hash, names.first + n);
		else
			call_fail(call, result);
		if (found && removes)
			fields_delete(&hash.fields, &field);
	}
}

/* Are all of the fields there, or none, if that is the condition? */
static bool
may_set(struct call *call, const struct hash *hash,
    const struct names *names, unsigned given)
{
	struct field field;

	for (size_t n = 0; given & CONDITIONS && n < names->count; n++)
		if (find(call, hash, names, n, &field) !=
		    (given & OPTION_OLD ? true : false))
			return false;
	return true;
}

/* Give one field its value. */
static enum store_result
set_one(struct call *call, struct hash *hash, const struct names *names,
    size_t n, const struct options *options)
{
	size_t word = names->first + n * names->step;
	int64_t expiry = options->given & OPTION_TIME ? options->when : 0;
	struct field field;
	bool found = find(call, hash, names, n, &field), added;

	if (found && options->given & OPTION_KEEPTTL)
		return fields_replace(&hash->fields, &field,
		    call->words[word + 1]);
	if (!(options->given & OPTION_TIME) || expiry > call->now)
		return fields_put(&hash->fields, call->words[word],
		    call->words[word + 1], expiry, &added);
	if (found)
		fields_delete(&hash->fields, &field);
	return STORE_OK;
}

void
hashes_setex(struct call *call)
{
	enum store_result result = STORE_OK;
	struct options options;
	struct names names;
	struct hash hash;

	if (!hashes_open(call, FIELDS_CHANGE, &hash) ||
	    !read_options(call, SETEX_OPTIONS, &options) ||
	    !read_names(call, options.fields, 2, &names))
		return;
	if (!may_set(call, &hash, &names, options.given)) {
		resp_integer(call->output, 0);
		return;
	}
	for (size_t n = 0; n < names.count && result == STORE_OK; n++)
		result = set_one(call, &hash, &names, n, &options);
	if (result == STORE_OK)
		resp_integer(call->output, 1);
	else
		call_fail(call, result);
}
