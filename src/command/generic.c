/* SPDX-License-Identifier: BSD-3-Clause */
/* generic.c - calls for which it does not matter what a key holds. */
#include <sys/uio.h>

#include "base/check.h"
#include "command/calls.h"
#include "store/fields.h"

void
generic_delete(struct call *call)
{
	int64_t deleted = 0;

	for (size_t n = 1; n < call->count; n++) {
		struct store_key key;
		struct store *store = call_store(call, n, &key);

		deleted += store_delete(store, &key) == STORE_OK;
	}
	resp_integer(call->output, deleted);
}

void
generic_exists(struct call *call)
{
	int64_t there = 0;
	bool hit;

	for (size_t n = 1; n < call->count; n++) {
		struct store_key key;
		struct store *store = call_store(call, n, &key);

		hit = store_exists(store, &key);
		call_note_read(call, &key, hit);
		there += hit;
	}
	resp_integer(call->output, there);
}

void
generic_touch(struct call *call)
{
	struct store_item item;
	int64_t there = 0;
	bool hit;

	for (size_t n = 1; n < call->count; n++) {
		struct store_key key;
		struct store *store = call_store(call, n, &key);

		hit = store_fetch(store, &key, 0, 0, &item) == STORE_OK;
		call_note_read(call, &key, hit);
		there += hit;
	}
	resp_integer(call->output, there);
}

const char *
call_type(const struct store_item *item)
{
	return item->hash ? "hash" : "string";
}

void
generic_type(struct call *call)
{
	struct place place;

	call_look(call, 1, &place);
	call_note_read(call, &place.key, place.there);
	resp_simple(call->output, place.there ? call_type(&place.item) :
	    "none");
}

/* Copy a value in pieces to the memory of a draft, which has as many. */
static void
fill_draft(const struct place *from, struct place *to, uint32_t draft)
{
	struct store_item item;
	struct iovec source, target;

	store_draft_item(to->store, draft, &item);
	for (uint32_t n = 0; store_parts(from->store, &from->item, n, &source,
	    1) == 1; n++) {
		CHECK(store_parts(to->store, &item, n, &target, 1) == 1 &&
		    target.iov_len == source.iov_len);
		memcpy(target.iov_base, source.iov_base, source.iov_len);
	}
}

/* The value, which is held, becomes that of the other key, too. */
static enum store_result
copy_held(const struct place *from, struct place *to)
{
	struct store_value value = {
		.bytes = { from->item.value, from->item.length },
		.flags = from->item.flags, .expiry = from->item.expiry,
	};

	if (from->item.pieces > 0) {
		enum store_result result = store_draft(to->store, &to->key,
		    from->item.length, value.flags, value.expiry,
		    &value.draft);

		if (result != STORE_OK)
			return result;
		fill_draft(from, to, value.draft);
	}
	return store_put(to->store, &to->key, to->there ? STORE_REPLACE :
	    STORE_ADD, &value);
}

static enum store_result
copy_value(const struct place *from, struct place *to)
{
	enum store_result result;
	struct fields fields;

	if (from->item.hash) {
		if (fields_open(&fields, from->store, &from->key,
		    FIELDS_CHANGE) != STORE_OK)
			return STORE_NO_MEMORY;
		return fields_copy(&fields, to->store, &to->key,
		    from->item.expiry);
	}
	if (!store_pin(from->store, &from->item))
		return STORE_NO_MEMORY;
	result = copy_held(from, to);
	store_unpin_item(from->store, &from->item);
	return result;
}

/* RENAME, RENAMENX. */
void
generic_rename(struct call *call)
{
	bool careful = call->row->id == CALL_RENAMENX;
	bool same = slice_equal(call->words[1], call->words[2]);
	enum store_result result;
	struct place from, to;

	call_look(call, 1, &from);
	if (!from.there) {
		resp_error(call->output, "ERR no such key");
		return;
	}
	call_look(call, 2, &to);
	if (careful && to.there) {
		resp_integer(call->output, 0);
		return;
	}
	result = same ? STORE_OK : copy_value(&from, &to);
	if (result != STORE_OK) {
		call_fail(call, result);
		return;
	}
	if (!same)
		store_delete(from.store, &from.key);
	if (careful)
		resp_integer(call->output, 1);
	else
		resp_simple(call->output, "OK");
}

/* The options of COPY. False: the error is told. */
static bool
read_copy_options(struct call *call, bool *replace, uint8_t *space)
{
	*replace = false;
	*space = (uint8_t)call->space;
	for (size_t n = 3; n < call->count; n++) {
		if (call_word_is(call->words[n], "replace")) {
			*replace = true;
		} else if (call_word_is(call->words[n], "db") &&
		    n + 1 < call->count) {
			if (!call_space(call, ++n, space))
				return false;
		} else {
			call_syntax_error(call);
			return false;
		}
	}
	return true;
}

void
generic_copy(struct call *call)
{
	enum store_result result;
	struct place from, to;
	bool replace;
	uint8_t space;

	if (!read_copy_options(call, &replace, &space))
		return;
	if (space == call->space &&
	    slice_equal(call->words[1], call->words[2])) {
		resp_error(call->output,
		    "ERR source and destination objects are the same");
		return;
	}
	call_look(call, 1, &from);
	call_look_in(call, 2, space, &to);
	if (!from.there || (to.there && !replace)) {
		resp_integer(call->output, 0);
		return;
	}
	result = copy_value(&from, &to);
	if (result == STORE_OK)
		resp_integer(call->output, 1);
	else
		call_fail(call, result);
}

/* To the same key in another database, which is in the same store. */
void
generic_move(struct call *call)
{
	enum store_result result;
	struct place from, to;
	uint8_t space;

	if (!call_space(call, 2, &space))
		return;
	if (space == call->space) {
		resp_error(call->output,
		    "ERR source and destination objects are the same");
		return;
	}
	call_look(call, 1, &from);
	call_look_in(call, 1, space, &to);
	if (!from.there || to.there) {
		resp_integer(call->output, 0);
		return;
	}
	result = copy_value(&from, &to);
	if (result != STORE_OK) {
		call_fail(call, result);
		return;
	}
	store_delete(from.store, &from.key);
	resp_integer(call->output, 1);
}
