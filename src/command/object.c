/* SPDX-License-Identifier: BSD-3-Clause */
/* object.c - calls about how a value is kept: OBJECT, MEMORY USAGE. */
#include "command/calls.h"

/* Redis keeps strings up to this length together with their key. */
#define EMBEDDED_MAX	44

/* What redis-server would call the form of a value. */
static const char *
encoding(const struct store_item *item)
{
	int64_t number;

	if (strcmp(call_type(item), "string") != 0)
		return item->pieces == 0 ? "listpack" : "hashtable";
	if (item->pieces > 0 || item->length > EMBEDDED_MAX)
		return "raw";
	return call_parse_integer((struct slice){ item->value,
	    item->length }, &number) ? "int" : "embstr";
}

/* False: there is no item, and the reply says so. */
static bool
look(struct call *call, struct place *place)
{
	call_look(call, 2, place);
	if (!place->there)
		resp_null(call->output, call->v3);
	return place->there;
}

void
object_encoding(struct call *call)
{
	struct place place;

	if (look(call, &place))
		resp_bulk_text(call->output, encoding(&place.item));
}

void
object_frequency(struct call *call)
{
	struct place place;

	if (look(call, &place))
		resp_error(call->output, "ERR An LFU maxmemory policy is not "
		    "selected, access frequency not tracked. Please note "
		    "that when switching between policies at runtime LRU and "
		    "LFU data will take some time to adjust.");
}

void
object_idle(struct call *call)
{
	struct place place;
	int64_t idle;

	if (!look(call, &place))
		return;
	idle = call->now / 1000 - (int64_t)place.item.accessed;
	resp_integer(call->output,
	    place.item.accessed == 0 || idle < 0 ? 0 : idle);
}

void
object_references(struct call *call)
{
	struct place place;

	if (look(call, &place))
		resp_integer(call->output, 1);
}

/* MEMORY USAGE key [SAMPLES count]; nothing has to be estimated. */
void
object_memory(struct call *call)
{
	struct place place;
	int64_t samples;

	if (call->count != 3 && (call->count != 5 ||
	    !call_word_is(call->words[3], "samples"))) {
		call_syntax_error(call);
		return;
	}
	if (call->count == 5) {
		if (!call_integer(call, 4, &samples))
			return;
		if (samples < 0) {
			call_syntax_error(call);
			return;
		}
	}
	if (look(call, &place))
		resp_integer(call->output, (int64_t)store_item_size(
		    place.store, &place.item));
}
