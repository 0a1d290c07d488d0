/* SPDX-License-Identifier: BSD-3-Clause */
/* guard.c - see guard.h. */
#include "shard/guard.h"

/* All the keys of one guard, with some 40 bytes for each. */
#define GUARD_MAX	((size_t)1 << 20)

struct guarded {
	size_t		size;		/* see records.h */
	uint64_t	hash;
	uint64_t	cas;		/* of the item that was there */
	int64_t		expiry;
	uint32_t	key_length;
	uint8_t		space;
	bool		there;
	char		key[];
};

/* What is there under the key; a unique that it lacks it is given. */
static enum guard_result
look(struct store *store, const struct store_key *key,
    struct guarded *guarded)
{
	struct store_item item = { .cas = 0 };
	enum store_result result = store_fetch(store, key,
	    STORE_WANT_CAS | STORE_UNNOTICED, 0, &item);

	if (result == STORE_NO_MEMORY)
		return GUARD_FULL;
	guarded->there = result == STORE_OK;
	guarded->cas = item.cas;
	guarded->expiry = guarded->there ? item.expiry : 0;
	return guarded->there && item.cas == 0 ? GUARD_NO_UNIQUES : GUARD_OK;
}

static enum guard_result
add_key(struct guard *guard, struct store *store, const struct store_key *key)
{
	struct guarded *guarded = records_add(&guard->records,
	    sizeof *guarded + key->length, GUARD_MAX);

	if (guarded == NULL)
		return GUARD_FULL;
	guarded->hash = key->hash;
	guarded->key_length = (uint32_t)key->length;
	guarded->space = key->space;
	memcpy(guarded->key, key->bytes, key->length);
	return look(store, key, guarded);
}

enum guard_result
guard_add(struct guard *guard, struct visit *visit,
    const struct request *request)
{
	size_t before = guard->records.used;
	enum guard_result result = GUARD_OK;

	for (size_t n = 1; n < request->word_count && result == GUARD_OK;
	    n++) {
		struct store_key key = visit_key(visit, request->words[n],
		    request->space);

		result = add_key(guard, visit_store(visit, key.hash), &key);
	}
	if (result != GUARD_OK)
		guard->records.used = before;
	return result;
}

void
guard_visit(const struct guard *guard, struct visit *visit)
{
	const struct records *records = &guard->records;

	for (const struct guarded *at = records_first(records); at != NULL;
	    at = records_next(records, at))
		visit_add_hash(visit, at->hash);
}

static bool
is_as_it_was(struct visit *visit, const struct guarded *guarded)
{
	struct store_key key = {
		.bytes = guarded->key, .length = guarded->key_length,
		.hash = guarded->hash, .space = guarded->space,
	};
	struct store_item item;
	bool there = store_look(visit_store(visit, key.hash), &key, &item) ==
	    STORE_OK;

	if (!there || !guarded->there)
		return there == guarded->there;
	return item.cas == guarded->cas && item.expiry == guarded->expiry;
}

bool
guard_holds(const struct guard *guard, struct visit *visit)
{
	const struct records *records = &guard->records;

	for (const struct guarded *at = records_first(records); at != NULL;
	    at = records_next(records, at))
		if (!is_as_it_was(visit, at))
			return false;
	return true;
}

bool
guard_is_empty(const struct guard *guard)
{
	return guard->records.used == 0;
}

void
guard_clear(struct guard *guard)
{
	records_clear(&guard->records);
}

void
guard_free(struct guard *guard)
{
	records_free(&guard->records);
}
