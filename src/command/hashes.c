/* SPDX-License-Identifier: BSD-3-Clause */
/* hashes.c - calls that read and write single fields of a hash. */
#include "command/hashes.h"

#include <math.h>

bool
hashes_open(struct call *call, enum fields_use use, struct hash *hash)
{
	struct store *store = call_store(call, 1, &hash->key);
	enum store_result result = fields_open(&hash->fields, store,
	    &hash->key, use);

	if (use == FIELDS_READ)
		call_note_read(call, &hash->key, result != STORE_MISS);
	if (result != STORE_WRONG_TYPE)
		return true;
	call_wrong_type(call);
	return false;
}

void
hashes_put_value(struct call *call, const struct hash *hash,
    const struct field *field)
{
	struct slice part;

	if (field->value.bytes != NULL) {
		resp_bulk(call->output, field->value);
		return;
	}
	resp_bulk_head(call->output, field->value.length);
	for (uint32_t n = 0; (part = fields_part(&hash->fields, field,
	    n)).length > 0; n++)
		output_bytes(call->output, part.bytes, part.length);
	resp_end(call->output);
}

void
hashes_put_word(struct call *call, const struct hash *hash, size_t n)
{
	struct field field;

	if (fields_find(&hash->fields, call->words[n], &field))
		hashes_put_value(call, hash, &field);
	else
		resp_null(call->output, call->v3);
}

void
hashes_get(struct call *call)
{
	struct hash hash;

	if (hashes_open(call, FIELDS_READ, &hash))
		hashes_put_word(call, &hash, 2);
}

void
hashes_mget(struct call *call)
{
	struct hash hash;

	if (!hashes_open(call, FIELDS_READ, &hash))
		return;
	resp_array(call->output, call->count - 2);
	for (size_t n = 2; n < call->count; n++)
		hashes_put_word(call, &hash, n);
}

/* HSET, HMSET. */
void
hashes_set(struct call *call)
{
	enum store_result result = STORE_OK;
	int64_t added = 0;
	struct hash hash;
	bool new;

	if (call->count % 2 != 0) {
		call_wrong_arity(call);
		return;
	}
	if (!hashes_open(call, FIELDS_CHANGE, &hash))
		return;
	for (size_t n = 2; n < call->count && result == STORE_OK; n += 2) {
		result = fields_put(&hash.fields, call->words[n],
		    call->words[n + 1], 0, &new);
		added += result == STORE_OK && new;
	}
	if (result != STORE_OK)
		call_fail(call, result);
	else if (call->row->id == CALL_HMSET)
		resp_simple(call->output, "OK");
	else
		resp_integer(call->output, added);
}

void
hashes_setnx(struct call *call)
{
	enum store_result result;
	struct field field;
	struct hash hash;
	bool added;

	if (!hashes_open(call, FIELDS_CHANGE, &hash))
		return;
	if (fields_find(&hash.fields, call->words[2], &field)) {
		resp_integer(call->output, 0);
		return;
	}
	result = fields_put(&hash.fields, call->words[2], call->words[3], 0,
	    &added);
	if (result == STORE_OK)
		resp_integer(call->output, 1);
	else
		call_fail(call, result);
}

void
hashes_delete(struct call *call)
{
	int64_t deleted = 0;
	struct field field;
	struct hash hash;

	if (!hashes_open(call, FIELDS_CHANGE, &hash))
		return;
	for (size_t n = 2; n < call->count; n++) {
		if (!fields_find(&hash.fields, call->words[n], &field))
			continue;
		fields_delete(&hash.fields, &field);
		deleted++;
	}
	resp_integer(call->output, deleted);
}

/* HEXISTS, HSTRLEN. */
void
hashes_look(struct call *call)
{
	struct field field;
	struct hash hash;
	bool found;

	if (!hashes_open(call, FIELDS_READ, &hash))
		return;
	found = fields_find(&hash.fields, call->words[2], &field);
	if (!found || call->row->id == CALL_HEXISTS)
		resp_integer(call->output, found);
	else
		resp_integer(call->output, (int64_t)field.value.length);
}

void
hashes_count(struct call *call)
{
	struct hash hash;

	if (hashes_open(call, FIELDS_READ, &hash))
		resp_integer(call->output,
		    (int64_t)fields_count(&hash.fields));
}

/* A field gets another value and keeps its expiry, or is made. */
static enum store_result
change(struct call *call, struct hash *hash, const struct field *field,
    bool found, struct slice value)
{
	bool added;

	return found ? fields_replace(&hash->fields, field, value) :
	    fields_put(&hash->fields, call->words[2], value, 0, &added);
}

void
hashes_add(struct call *call)
{
	char digits[1 + DECIMAL_MAX];
	enum store_result result;
	int64_t number = 0, delta;
	struct field field;
	struct hash hash;
	bool found;

	if (!call_integer(call, 3, &delta) ||
	    !hashes_open(call, FIELDS_CHANGE, &hash))
		return;
	found = fields_find(&hash.fields, call->words[2], &field);
	if (found && (field.value.bytes == NULL ||
	    !call_parse_integer(field.value, &number))) {
		resp_error(call->output, "ERR hash value is not an integer");
		return;
	}
	if (__builtin_add_overflow(number, delta, &number)) {
		resp_error(call->output,
		    "ERR increment or decrement would overflow");
		return;
	}
	result = change(call, &hash, &field, found, (struct slice){ digits,
	    call_format_integer(digits, number) });
	if (result == STORE_OK)
		resp_integer(call->output, number);
	else
		call_fail(call, result);
}

/* What HINCRBYFLOAT adds. False: the error is told. */
static bool
read_fraction(struct call *call, long double *number)
{
	if (!call_float(call, 3, number))
		return false;
	if (!isinf(*number))
		return true;
	resp_error(call->output, "ERR value is NaN or Infinity");
	return false;
}

void
hashes_add_float(struct call *call)
{
	char text[CALL_FLOAT_MAX];
	long double number = 0, delta;
	struct slice sum = { text, 0 };
	enum store_result result;
	struct field field;
	struct hash hash;
	bool found;

	if (!read_fraction(call, &delta) ||
	    !hashes_open(call, FIELDS_CHANGE, &hash))
		return;
	found = fields_find(&hash.fields, call->words[2], &field);
	if (found && (field.value.bytes == NULL ||
	    !call_parse_float(field.value, &number))) {
		resp_error(call->output, "ERR hash value is not a float");
		return;
	}
	number += delta;
	if (isnan(number) || isinf(number)) {
		resp_error(call->output,
		    "ERR increment would produce NaN or Infinity");
		return;
	}
	sum.length = call_format_float(text, number);
	result = change(call, &hash, &field, found, sum);
	if (result == STORE_OK)
		resp_bulk(call->output, sum);
	else
		call_fail(call, result);
}
