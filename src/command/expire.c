/* SPDX-License-Identifier: BSD-3-Clause */
/* expire.c - calls that set and tell when items expire. */
#include "command/calls.h"

/* The names of a group differ in these. */
static struct time_unit
unit_of(const struct call *call)
{
	switch (call->row->id) {
	case CALL_EXPIRE:
	case CALL_TTL:
		return (struct time_unit){ .seconds = true, .relative = true };
	case CALL_PEXPIRE:
	case CALL_PTTL:
		return (struct time_unit){ .relative = true };
	case CALL_EXPIREAT:
	case CALL_EXPIRETIME:
		return (struct time_unit){ .seconds = true };
	default:
		return (struct time_unit){ .seconds = false };
	}
}

enum condition {
	IF_NONE = 1,	/* NX: it does not expire yet */
	IF_SOME = 2,	/* XX: it does */
	IF_LATER = 4,	/* GT: than so far */
	IF_SOONER = 8,	/* LT */
};

static const struct {
	const char	*word;
	enum condition	 condition;
} condition_words[] = {
	{ "nx", IF_NONE }, { "xx", IF_SOME },
	{ "gt", IF_LATER }, { "lt", IF_SOONER },
};

static unsigned
find_condition(struct slice word)
{
	for (size_t i = 0; i < sizeof condition_words /
	    sizeof *condition_words; i++)
		if (call_word_is(word, condition_words[i].word))
			return condition_words[i].condition;
	return 0;
}

/* False: the error is told. */
static bool
read_conditions(struct call *call, size_t n, unsigned *conditions)
{
	*conditions = 0;
	for (; n < call->count; n++) {
		struct slice word = call->words[n];
		unsigned condition = find_condition(word);

		if (condition == 0) {
			resp_error(call->output, "ERR Unsupported option "
			    "%.*s", (int)(word.length < 128 ? word.length :
			    128), word.bytes);
			return false;
		}
		*conditions |= condition;
	}
	if (*conditions & IF_NONE && *conditions != IF_NONE)
		resp_error(call->output, "ERR NX and XX, GT or LT options at "
		    "the same time are not compatible");
	else if (*conditions & IF_LATER && *conditions & IF_SOONER)
		resp_error(call->output, "ERR GT and LT options at the same "
		    "time are not compatible");
	else
		return true;
	return false;
}

/* Unix ms; it may have passed, even before 1970. False: the error is told. */
static bool
read_when(struct call *call, size_t n, int64_t *when)
{
	struct time_unit unit = unit_of(call);

	if (!call_integer(call, n, when))
		return false;
	if ((unit.seconds && __builtin_mul_overflow(*when, 1000, when)) ||
	    (unit.relative && *when > INT64_MAX - call->now)) {
		call_invalid_expiry(call);
		return false;
	}
	if (unit.relative)
		*when += call->now;
	if (*when > STORE_EXPIRY_MAX)
		*when = STORE_EXPIRY_MAX;
	return true;
}

/* An item that does not expire is one that expires after any time. */
static bool
are_met(unsigned conditions, int64_t before, int64_t when)
{
	return !(conditions & IF_NONE && before != 0) &&
	    !(conditions & IF_SOME && before == 0) &&
	    !(conditions & IF_LATER && (before == 0 || when <= before)) &&
	    !(conditions & IF_SOONER && before != 0 && when >= before);
}

/* For those who WATCH the key it is a change. */
static enum store_result
set_expiry(struct place *place, int64_t expiry)
{
	enum store_result result = store_fetch(place->store, &place->key,
	    STORE_TOUCH | STORE_UNNOTICED, expiry, &place->item);

	if (result == STORE_OK)
		store_renew_cas(place->store, &place->item, 0);
	return result;
}

/* EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT. */
void
expire_at(struct call *call)
{
	enum store_result result;
	unsigned conditions;
	struct place place;
	int64_t when;

	if (!read_conditions(call, 3, &conditions) ||
	    !read_when(call, 2, &when))
		return;
	call_look(call, 1, &place);
	if (!place.there || !are_met(conditions, place.item.expiry, when)) {
		resp_integer(call->output, 0);
		return;
	}
	result = when <= call->now ? store_delete(place.store, &place.key) :
	    set_expiry(&place, when);
	if (result == STORE_OK)
		resp_integer(call->output, 1);
	else
		call_fail(call, result);
}

/* TTL, PTTL, EXPIRETIME, PEXPIRETIME. */
void
expire_left(struct call *call)
{
	struct time_unit unit = unit_of(call);
	struct place place;
	int64_t time;

	call_look(call, 1, &place);
	call_note_read(call, &place.key, place.there);
	if (!place.there || place.item.expiry == 0) {
		resp_integer(call->output, place.there ? -1 : -2);
		return;
	}
	time = place.item.expiry;
	if (unit.relative)
		time -= call->now;
	resp_integer(call->output, unit.seconds ? (time + 500) / 1000 : time);
}

void
expire_persist(struct call *call)
{
	struct place place;
	bool expires;

	call_look(call, 1, &place);
	expires = place.there && place.item.expiry != 0;
	if (expires)
		set_expiry(&place, 0);
	resp_integer(call->output, expires);
}
