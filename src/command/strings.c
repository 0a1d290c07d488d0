/* SPDX-License-Identifier: BSD-3-Clause */
/* strings.c - calls on string values. */
#include "command/calls.h"

void
strings_get(struct call *call)
{
	struct store_key key;
	struct store *store = call_store(call, 1, &key);
	struct store_item item;

	switch (store_get(store, &key, false, &item)) {
	case STORE_OK:
		call_put_item(call, store, &item);
		break;
	default:
		resp_null(call->output, call->v3);
	}
}

void
strings_mget(struct call *call)
{
	resp_array(call->output, call->count - 1);
	for (size_t n = 1; n < call->count; n++) {
		struct store_key key;
		struct store *store = call_store(call, n, &key);
		struct store_item item;

		if (store_get(store, &key, false, &item) == STORE_OK)
			call_put_item(call, store, &item);
		else
			resp_null(call->output, call->v3);
	}
}

/* What stands behind the value of SET. */
struct set_options {
	enum store_mode	mode;
	bool		give_old;	/* GET */
	bool		keep_ttl;
	bool		timed;		/* one of EX, PX, EXAT, PXAT */
	int64_t		expiry;
};

/* A time of expiry that overflows or is not above 0 is an error. */
static bool
read_expiry(struct call *call, size_t n, bool seconds, bool relative,
    int64_t *expiry)
{
	int64_t number;

	if (!call_integer(call, n, &number))
		return false;
	if (number <= 0 || (seconds && number > INT64_MAX / 1000))
		goto invalid;
	if (seconds)
		number *= 1000;
	if (relative && number > INT64_MAX - call->now)
		goto invalid;
	*expiry = relative ? number + call->now : number;
	return true;
invalid:
	resp_error(call->output, "ERR invalid expire time in '%s' command",
	    call->row->name);
	return false;
}

static const struct time_word {
	const char	*word;
	bool		 seconds, relative;
} time_words[] = {
	{ "ex", true, true }, { "px", false, true },
	{ "exat", true, false }, { "pxat", false, false },
};

static const struct time_word *
find_time_word(struct slice word)
{
	for (size_t i = 0; i < sizeof time_words / sizeof *time_words; i++)
		if (call_word_is(word, time_words[i].word))
			return &time_words[i];
	return NULL;
}

/* False: the error is told. */
static bool
read_set_options(struct call *call, struct set_options *options)
{
	*options = (struct set_options){ .mode = STORE_SET };
	for (size_t n = 3; n < call->count; n++) {
		struct slice word = call->words[n];
		const struct time_word *time = find_time_word(word);

		if (call_word_is(word, "nx") && options->mode == STORE_SET) {
			options->mode = STORE_ADD;
		} else if (call_word_is(word, "xx") &&
		    options->mode == STORE_SET) {
			options->mode = STORE_REPLACE;
		} else if (call_word_is(word, "get")) {
			options->give_old = true;
		} else if (call_word_is(word, "keepttl") &&
		    !options->timed) {
			options->keep_ttl = true;
		} else if (time != NULL && n + 1 < call->count &&
		    !options->timed && !options->keep_ttl) {
			options->timed = true;
			if (!read_expiry(call, ++n, time->seconds,
			    time->relative, &options->expiry))
				return false;
		} else {
			call_syntax_error(call);
			return false;
		}
	}
	return true;
}

void
strings_set(struct call *call)
{
	struct set_options options;
	struct store_key key;
	struct store *store;
	struct store_item old;
	struct store_value value = { .bytes = call->words[2] };
	enum store_result result;
	bool there = false;

	if (!read_set_options(call, &options))
		return;
	store = call_store(call, 1, &key);
	value.expiry = options.expiry;
	if (options.give_old || options.keep_ttl)
		there = store_look(store, &key, &old) == STORE_OK;
	if (options.keep_ttl && there)
		value.expiry = old.expiry;
	if (options.give_old && there)
		call_put_item(call, store, &old);
	else if (options.give_old)
		resp_null(call->output, call->v3);
	result = store_put(store, &key, options.mode, &value);
	if (options.give_old)
		return;
	if (result == STORE_OK)
		resp_simple(call->output, "OK");
	else if (result == STORE_NOT_STORED)
		resp_null(call->output, call->v3);
	else
		call_fail(call, result);
}

void
strings_mset(struct call *call)
{
	enum store_result result = STORE_OK;

	if (call->count % 2 == 0) {
		resp_error(call->output,
		    "ERR wrong number of arguments for 'mset' command");
		return;
	}
	for (size_t n = 1; n < call->count && result == STORE_OK; n += 2) {
		struct store_key key;
		struct store *store = call_store(call, n, &key);
		struct store_value value = { .bytes = call->words[n + 1] };

		result = store_put(store, &key, STORE_SET, &value);
	}
	if (result == STORE_OK)
		resp_simple(call->output, "OK");
	else
		call_fail(call, result);
}

void
strings_msetnx(struct call *call)
{
	enum store_result result = STORE_OK;

	if (call->count % 2 == 0) {
		resp_error(call->output,
		    "ERR wrong number of arguments for 'msetnx' command");
		return;
	}
	for (size_t n = 1; n < call->count; n += 2) {
		struct store_key key;
		struct store *store = call_store(call, n, &key);

		if (store_exists(store, &key)) {
			resp_integer(call->output, 0);
			return;
		}
	}
	for (size_t n = 1; n < call->count && result == STORE_OK; n += 2) {
		struct store_key key;
		struct store *store = call_store(call, n, &key);
		struct store_value value = { .bytes = call->words[n + 1] };

		result = store_put(store, &key, STORE_SET, &value);
	}
	if (result == STORE_OK)
		resp_integer(call->output, 1);
	else
		call_fail(call, result);
}

void
strings_strlen(struct call *call)
{
	struct store_key key;
	struct store *store = call_store(call, 1, &key);
	struct store_item item;

	resp_integer(call->output, store_look(store, &key, &item) ==
	    STORE_OK ? item.length : 0);
}

void
strings_append(struct call *call)
{
	struct store_key key;
	struct store *store = call_store(call, 1, &key);
	struct store_value value = { .bytes = call->words[2] };
	struct store_item item;
	enum store_result result = store_put(store, &key, STORE_APPEND,
	    &value);

	if (result == STORE_NOT_STORED)
		result = store_put(store, &key, STORE_ADD, &value);
	if (result == STORE_OK)
		result = store_look(store, &key, &item);
	if (result == STORE_OK)
		resp_integer(call->output, item.length);
	else
		call_fail(call, result);
}

/* What INCR and its like add. False: the error is told. */
static bool
read_delta(struct call *call, int64_t *delta)
{
	bool subtract = call->row->id == CALL_DECR ||
	    call->row->id == CALL_DECRBY;

	*delta = 1;
	if (call->count == 3 && !call_integer(call, 2, delta))
		return false;
	if (subtract && *delta == INT64_MIN) {
		resp_error(call->output, "ERR decrement would overflow");
		return false;
	}
	if (subtract)
		*delta = -*delta;
	return true;
}

/* The number that a value is, 0 if there is none. False: it is no number. */
static bool
read_number(struct store *store, const struct store_key *key,
    struct store_item *item, int64_t *number)
{
	*number = 0;
	if (store_look(store, key, item) != STORE_OK) {
		*item = (struct store_item){ .length = 0 };
		return true;
	}
	return item->pieces == 0 && decimal_parse_signed(
	    (struct slice){ item->value, item->length }, number);
}

void
strings_count(struct call *call)
{
	char digits[1 + DECIMAL_MAX];
	struct store_key key;
	struct store *store = call_store(call, 1, &key);
	struct store_item item;
	struct store_value value = { .bytes = { digits, 0 } };
	int64_t number, delta;
	enum store_result result;

	if (!read_delta(call, &delta))
		return;
	if (!read_number(store, &key, &item, &number)) {
		resp_error(call->output,
		    "ERR value is not an integer or out of range");
		return;
	}
	if (__builtin_add_overflow(number, delta, &number)) {
		resp_error(call->output,
		    "ERR increment or decrement would overflow");
		return;
	}
	if (number < 0)
		digits[value.bytes.length++] = '-';
	value.bytes.length += decimal_format(digits + value.bytes.length,
	    number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
	value.flags = item.flags;
	value.expiry = item.expiry;
	result = store_put(store, &key, STORE_SET, &value);
	if (result == STORE_OK)
		resp_integer(call->output, number);
	else
		call_fail(call, result);
}
