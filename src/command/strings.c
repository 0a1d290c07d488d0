/* SPDX-License-Identifier: BSD-3-Clause */
/* strings.c - calls that read and write whole string values. */
#include <sys/uio.h>

#include "command/calls.h"

/* What stands behind the value of SET, or the key of GETEX. */
enum option {
	OPTION_NX = 1,
	OPTION_XX = 2,
	OPTION_IFEQ = 4,
	OPTION_GET = 8,
	OPTION_KEEPTTL = 16,
	OPTION_PERSIST = 32,
	OPTION_EX = 64,
	OPTION_PX = 128,
	OPTION_EXAT = 256,
	OPTION_PXAT = 512,
};

#define CONDITIONS	(OPTION_NX | OPTION_XX | OPTION_IFEQ)
#define TIMES		(OPTION_EX | OPTION_PX | OPTION_EXAT | OPTION_PXAT)
#define EXPIRIES	(TIMES | OPTION_KEEPTTL | OPTION_PERSIST)

#define SET_OPTIONS	(CONDITIONS | OPTION_GET | OPTION_KEEPTTL | TIMES)
#define GETEX_OPTIONS	(OPTION_PERSIST | TIMES)

static const struct option_word {
	const char	*word;
	unsigned	 option;
	unsigned	 excludes;	/* and itself once more, if it has a
					   word that is to be compared */
	bool		 argument;
	struct time_unit unit;
} option_words[] = {
	{ "nx", OPTION_NX, CONDITIONS ^ OPTION_NX, false, { 0 } },
	{ "xx", OPTION_XX, CONDITIONS ^ OPTION_XX, false, { 0 } },
	{ "ifeq", OPTION_IFEQ, CONDITIONS, true, { 0 } },
	{ "get", OPTION_GET, 0, false, { 0 } },
	{ "keepttl", OPTION_KEEPTTL, EXPIRIES ^ OPTION_KEEPTTL, false,
	    { 0 } },
	{ "persist", OPTION_PERSIST, EXPIRIES ^ OPTION_PERSIST, false,
	    { 0 } },
	{ "ex", OPTION_EX, EXPIRIES ^ OPTION_EX, true,
	    { .seconds = true, .relative = true } },
	{ "px", OPTION_PX, EXPIRIES ^ OPTION_PX, true,
	    { .relative = true } },
	{ "exat", OPTION_EXAT, EXPIRIES ^ OPTION_EXAT, true,
	    { .seconds = true } },
	{ "pxat", OPTION_PXAT, EXPIRIES ^ OPTION_PXAT, true, { 0 } },
};

struct options {
	unsigned		given;
	size_t			time;		/* the word that has it */
	struct time_unit	unit;
	size_t			compared;	/* the word of IFEQ */
};

static const struct option_word *
find_option(struct slice word)
{
	for (size_t i = 0; i < sizeof option_words / sizeof *option_words; i++)
		if (call_word_is(word, option_words[i].word))
			return &option_words[i];
	return NULL;
}

/* From word number `n` on, those of `allowed`. False: the error is told. */
static bool
read_options(struct call *call, size_t n, unsigned allowed,
    struct options *options)
{
	*options = (struct options){ .given = 0 };
	for (; n < call->count; n++) {
		const struct option_word *word = find_option(call->words[n]);

		if (word == NULL || !(word->option & allowed) ||
		    options->given & word->excludes ||
		    (word->argument && n + 1 == call->count)) {
			call_syntax_error(call);
			return false;
		}
		options->given |= word->option;
		if (word->argument)
			n++;
		if (word->option & TIMES) {
			options->time = n;
			options->unit = word->unit;
		} else if (word->option == OPTION_IFEQ) {
			options->compared = n;
		}
	}
	return true;
}

/* The time among the options, 0 if there is none. False: the error is told. */
static bool
read_time(struct call *call, const struct options *options, int64_t *expiry)
{
	*expiry = 0;
	return !(options->given & TIMES) ||
	    call_expiry(call, options->time, options->unit, expiry);
}

/* Is there a value, and is it this one? */
static bool
equals(const struct place *place, struct slice bytes)
{
	struct iovec part;

	if (!place->there || place->item.length != bytes.length)
		return false;
	if (place->item.pieces == 0)
		return memcmp(place->item.value, bytes.bytes, bytes.length) ==
		    0;
	for (uint32_t n = 0; store_parts(place->store, &place->item, n, &part,
	    1) == 1; n++) {
		if (memcmp(part.iov_base, bytes.bytes, part.iov_len) != 0)
			return false;
		bytes.bytes += part.iov_len;
	}
	return true;
}

void
strings_get(struct call *call)
{
	struct place place;

	if (call_read_string(call, 1, &place))
		call_put_place(call, &place);
}

void
strings_mget(struct call *call)
{
	resp_array(call->output, call->count - 1);
	for (size_t n = 1; n < call->count; n++) {
		struct place place;

		place.store = call_store(call, n, &place.key);
		place.there = store_get(place.store, &place.key, false,
		    &place.item) == STORE_OK;
		call_note_read(call, &place.key, place.there);
		call_put_place(call, &place);
	}
}

static bool
may_set(struct call *call, const struct options *options,
    const struct place *place)
{
	switch (options->given & CONDITIONS) {
	case OPTION_NX:
		return !place->there;
	case OPTION_XX:
		return place->there;
	case OPTION_IFEQ:
		return equals(place, call->words[options->compared]);
	default:
		return true;
	}
}

/* The last part of SET and its like. */
static void
store_string(struct call *call, struct place *place, struct slice bytes,
    int64_t expiry, bool replied)
{
	struct store_value value = { .bytes = bytes, .expiry = expiry };
	enum store_result result = store_put(place->store, &place->key,
	    STORE_SET, &value);

	if (replied)
		return;
	if (result == STORE_OK)
		resp_simple(call->output, "OK");
	else
		call_fail(call, result);
}

void
strings_set(struct call *call)
{
	struct options options;
	struct place place;
	int64_t expiry;
	bool give_old;

	if (!read_options(call, 3, SET_OPTIONS, &options) ||
	    !read_time(call, &options, &expiry))
		return;
	give_old = options.given & OPTION_GET;
	if (options.given & (OPTION_GET | OPTION_IFEQ)) {
		if (!call_look_string(call, 1, &place))
			return;
	} else if (options.given & (CONDITIONS | OPTION_KEEPTTL)) {
		call_look(call, 1, &place);
	} else {
		place.store = call_store(call, 1, &place.key);
	}
	if (give_old)
		call_put_place(call, &place);
	if (!may_set(call, &options, &place)) {
		if (!give_old)
			resp_null(call->output, call->v3);
		return;
	}
	if (options.given & OPTION_KEEPTTL)
		expiry = place.item.expiry;
	store_string(call, &place, call->words[2], expiry, give_old);
}

void
strings_setex(struct call *call)
{
	struct time_unit unit = {
		.seconds = call->row->id == CALL_SETEX, .relative = true,
	};
	struct place place;
	int64_t expiry;

	if (!call_expiry(call, 2, unit, &expiry))
		return;
	place.store = call_store(call, 1, &place.key);
	store_string(call, &place, call->words[3], expiry, false);
}

void
strings_setnx(struct call *call)
{
	struct store_value value = { .bytes = call->words[2] };
	struct store_key key;
	struct store *store = call_store(call, 1, &key);
	enum store_result result = store_put(store, &key, STORE_ADD, &value);

	if (result == STORE_OK || result == STORE_NOT_STORED)
		resp_integer(call->output, result == STORE_OK);
	else
		call_fail(call, result);
}

void
strings_getset(struct call *call)
{
	struct place place;

	if (!call_look_string(call, 1, &place))
		return;
	call_put_place(call, &place);
	store_string(call, &place, call->words[2], 0, true);
}

void
strings_getdel(struct call *call)
{
	struct place place;

	if (!call_read_string(call, 1, &place))
		return;
	call_put_place(call, &place);
	if (place.there)
		store_delete(place.store, &place.key);
}

void
strings_delifeq(struct call *call)
{
	struct place place;
	bool equal;

	if (!call_look_string(call, 1, &place))
		return;
	equal = equals(&place, call->words[2]);
	if (equal)
		store_delete(place.store, &place.key);
	resp_integer(call->output, equal);
}

void
strings_getex(struct call *call)
{
	struct options options;
	struct place place;
	int64_t expiry;

	if (!read_options(call, 2, GETEX_OPTIONS, &options) ||
	    !call_read_string(call, 1, &place))
		return;
	if (!place.there) {
		resp_null(call->output, call->v3);
		return;
	}
	if (!read_time(call, &options, &expiry))
		return;
	call_put_place(call, &place);
	if (options.given & TIMES && expiry <= call->now)
		store_delete(place.store, &place.key);
	else if (options.given != 0 && store_touch(place.store, &place.key,
	    expiry, false, &place.item) == STORE_OK)
		store_renew_cas(place.store, &place.item, 0);
}

/* Store all pairs of a call. */
static enum store_result
store_pairs(struct call *call)
{
	enum store_result result = STORE_OK;

	for (size_t n = 1; n < call->count && result == STORE_OK; n += 2) {
		struct store_key key;
		struct store *store = call_store(call, n, &key);
		struct store_value value = { .bytes = call->words[n + 1] };

		result = store_put(store, &key, STORE_SET, &value);
	}
	return result;
}

void
strings_mset(struct call *call)
{
	enum store_result result;

	if (call->count % 2 == 0) {
		call_wrong_arity(call);
		return;
	}
	result = store_pairs(call);
	if (result == STORE_OK)
		resp_simple(call->output, "OK");
	else
		call_fail(call, result);
}

static bool
any_is_there(struct call *call)
{
	for (size_t n = 1; n < call->count; n += 2) {
		struct store_key key;
		struct store *store = call_store(call, n, &key);

		if (store_exists(store, &key))
			return true;
	}
	return false;
}

void
strings_msetnx(struct call *call)
{
	enum store_result result;

	if (call->count % 2 == 0) {
		call_wrong_arity(call);
		return;
	}
	if (any_is_there(call)) {
		resp_integer(call->output, 0);
		return;
	}
	result = store_pairs(call);
	if (result == STORE_OK)
		resp_integer(call->output, 1);
	else
		call_fail(call, result);
}
