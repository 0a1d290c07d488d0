/* SPDX-License-Identifier: BSD-3-Clause */
/* call.c - see call.h and calls.h. */
#include "command/call.h"

#include "base/check.h"
#include "command/calls.h"

static call_function *const functions[CALL_COUNT] = {
	[CALL_APPEND] = ranges_append,
	[CALL_COPY] = generic_copy,
	[CALL_DBSIZE] = keyspace_count,
	[CALL_DECR] = numbers_add,
	[CALL_DECRBY] = numbers_add,
	[CALL_DEL] = generic_delete,
	[CALL_DELIFEQ] = strings_delifeq,
	[CALL_EXISTS] = generic_exists,
	[CALL_EXPIRE] = expire_at,
	[CALL_EXPIREAT] = expire_at,
	[CALL_EXPIRETIME] = expire_left,
	[CALL_FLUSHALL] = keyspace_flush,
	[CALL_FLUSHDB] = keyspace_flush,
	[CALL_GET] = strings_get,
	[CALL_GETDEL] = strings_getdel,
	[CALL_GETEX] = strings_getex,
	[CALL_GETRANGE] = ranges_get,
	[CALL_GETSET] = strings_getset,
	[CALL_HDEL] = hashes_delete,
	[CALL_HEXISTS] = hashes_look,
	[CALL_HEXPIRE] = hashes_expire,
	[CALL_HEXPIREAT] = hashes_expire,
	[CALL_HEXPIRETIME] = hashes_left,
	[CALL_HGET] = hashes_get,
	[CALL_HGETALL] = hashes_all,
	[CALL_HGETDEL] = hashes_getdel,
	[CALL_HGETEX] = hashes_getex,
	[CALL_HINCRBY] = hashes_add,
	[CALL_HINCRBYFLOAT] = hashes_add_float,
	[CALL_HKEYS] = hashes_all,
	[CALL_HLEN] = hashes_count,
	[CALL_HMGET] = hashes_mget,
	[CALL_HMSET] = hashes_set,
	[CALL_HPERSIST] = hashes_persist,
	[CALL_HPEXPIRE] = hashes_expire,
	[CALL_HPEXPIREAT] = hashes_expire,
	[CALL_HPEXPIRETIME] = hashes_left,
	[CALL_HPTTL] = hashes_left,
	[CALL_HRANDFIELD] = hashes_random,
	[CALL_HSCAN] = hashes_scan,
	[CALL_HSET] = hashes_set,
	[CALL_HSETEX] = hashes_setex,
	[CALL_HSETNX] = hashes_setnx,
	[CALL_HSTRLEN] = hashes_look,
	[CALL_HTTL] = hashes_left,
	[CALL_HVALS] = hashes_all,
	[CALL_INCR] = numbers_add,
	[CALL_INCRBY] = numbers_add,
	[CALL_INCRBYFLOAT] = numbers_add_float,
	[CALL_KEYS_LIKE] = keyspace_keys,
	[CALL_MOVE] = generic_move,
	[CALL_MGET] = strings_mget,
	[CALL_MSET] = strings_mset,
	[CALL_MSETNX] = strings_msetnx,
	[CALL_MEMORY_USAGE] = object_memory,
	[CALL_OBJECT_ENCODING] = object_encoding,
	[CALL_OBJECT_FREQ] = object_frequency,
	[CALL_OBJECT_IDLETIME] = object_idle,
	[CALL_OBJECT_REFCOUNT] = object_references,
	[CALL_PERSIST] = expire_persist,
	[CALL_PEXPIRE] = expire_at,
	[CALL_PEXPIREAT] = expire_at,
	[CALL_PEXPIRETIME] = expire_left,
	[CALL_PSETEX] = strings_setex,
	[CALL_PTTL] = expire_left,
	[CALL_RANDOMKEY] = keyspace_random,
	[CALL_RENAME] = generic_rename,
	[CALL_RENAMENX] = generic_rename,
	[CALL_SCAN] = keyspace_scan,
	[CALL_SET] = strings_set,
	[CALL_SETEX] = strings_setex,
	[CALL_SETNX] = strings_setnx,
	[CALL_SETRANGE] = ranges_set,
	[CALL_STRLEN] = ranges_strlen,
	[CALL_SUBSTR] = ranges_get,
	[CALL_SWAPDB] = keyspace_swap,
	[CALL_TOUCH] = generic_touch,
	[CALL_TTL] = expire_left,
	[CALL_TYPE] = generic_type,
	[CALL_UNLINK] = generic_delete,
};

void
call_execute(struct call *call)
{
	CHECK(call->row->scope == CALL_KEYS &&
	    functions[call->row->id] != NULL);
	functions[call->row->id](call);
}

static enum store_result
find(struct call *call, size_t n, bool read, struct place *place)
{
	enum store_result result;

	place->store = call_store(call, n, &place->key);
	result = read ?
	    store_get(place->store, &place->key, false, &place->item) :
	    store_look(place->store, &place->key, &place->item);
	place->there = result == STORE_OK;
	if (read)
		call_note_read(call, &place->key, result != STORE_MISS);
	if (!place->there)
		place->item = (struct store_item){ .length = 0 };
	return result;
}

void
call_look(struct call *call, size_t n, struct place *place)
{
	find(call, n, false, place);
}

void
call_look_in(struct call *call, size_t n, uint8_t space, struct place *place)
{
	place->store = call_store(call, n, &place->key);
	place->key.space = space;
	place->there = store_look(place->store, &place->key, &place->item) ==
	    STORE_OK;
	if (!place->there)
		place->item = (struct store_item){ .length = 0 };
}

bool
call_read_string(struct call *call, size_t n, struct place *place)
{
	if (find(call, n, true, place) != STORE_WRONG_TYPE)
		return true;
	call_wrong_type(call);
	return false;
}

bool
call_look_string(struct call *call, size_t n, struct place *place)
{
	find(call, n, false, place);
	if (!place->item.hash)
		return true;
	call_wrong_type(call);
	return false;
}

void
call_put_item(struct call *call, struct store *store,
    struct store_item *item)
{
	if (item->pieces == 0 && item->length < 1024) {
		resp_bulk(call->output, (struct slice){ item->value,
		    item->length });
		return;
	}
	resp_bulk_head(call->output, item->length);
	call->put_value(call->context, store, item, call->output);
	resp_end(call->output);
}

void
call_put_place(struct call *call, struct place *place)
{
	if (place->there)
		call_put_item(call, place->store, &place->item);
	else
		resp_null(call->output, call->v3);
}

bool
call_integer(struct call *call, size_t n, int64_t *number)
{
	if (call_parse_integer(call->words[n], number))
		return true;
	call_not_an_integer(call);
	return false;
}

bool
call_space(struct call *call, size_t n, uint8_t *space)
{
	int64_t number;

	if (!call_integer(call, n, &number))
		return false;
	if (number < 0 || number >= STORE_SPACES) {
		resp_error(call->output, "ERR DB index is out of range");
		return false;
	}
	*space = (uint8_t)number;
	return true;
}

bool
call_float(struct call *call, size_t n, long double *number)
{
	if (call_parse_float(call->words[n], number))
		return true;
	resp_error(call->output, "ERR value is not a valid float");
	return false;
}

/* One that overflows or is not above 0 is an error. */
bool
call_expiry(struct call *call, size_t n, struct time_unit unit,
    int64_t *expiry)
{
	int64_t number;

	if (!call_integer(call, n, &number))
		return false;
	if (number <= 0 || (unit.seconds && number > INT64_MAX / 1000))
		goto invalid;
	if (unit.seconds)
		number *= 1000;
	if (unit.relative && number > INT64_MAX - call->now)
		goto invalid;
	if (unit.relative)
		number += call->now;
	*expiry = number < STORE_EXPIRY_MAX ? number : STORE_EXPIRY_MAX;
	return true;
invalid:
	call_invalid_expiry(call);
	return false;
}

enum store_result
call_replace(struct place *place, struct slice bytes)
{
	struct store_value value = {
		.bytes = bytes, .flags = place->item.flags,
		.expiry = place->item.expiry,
	};

	return store_put(place->store, &place->key,
	    place->there ? STORE_REPLACE : STORE_ADD, &value);
}

void
call_fail(struct call *call, enum store_result result)
{
	if (result == STORE_TOO_LARGE)
		resp_error(call->output, "ERR string exceeds maximum allowed "
		    "size (proto-max-bulk-len)");
	else
		resp_error(call->output, "OOM command not allowed when used "
		    "memory > 'maxmemory'.");
}

void
call_wrong_type(struct call *call)
{
	resp_wrong_type(call->output);
}

void
call_syntax_error(struct call *call)
{
	resp_error(call->output, "ERR syntax error");
}

void
call_wrong_arity(struct call *call)
{
	resp_error(call->output, "ERR wrong number of arguments for '%s' "
	    "command", call->row->name);
}

void
call_not_an_integer(struct call *call)
{
	resp_error(call->output,
	    "ERR value is not an integer or out of range");
}

void
call_invalid_expiry(struct call *call)
{
	resp_error(call->output, "ERR invalid expire time in '%s' command",
	    call->row->name);
}
