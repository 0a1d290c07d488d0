/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * prefix.c - see prefix.h.
 *
 * The names are in a table with open addressing, at most half full. A slot
 * goes from empty to a name by a compare and swap and then stays, so whoever
 * finds one may use it without asking anybody.
 */
#include "shard/prefix.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/hash.h"
#include "os/os.h"

#define SLOT_NONE	UINT32_MAX

struct name {
	uint8_t	length;
	char	bytes[];
};

/* NULL: empty. */
typedef _Atomic(struct name *) name_slot;

_Static_assert(PREFIX_LENGTH_MAX <= UINT8_MAX, "the length is a byte");

#define NAMES_BYTES	(PREFIX_SLOTS * sizeof(name_slot))
#define COUNTS_BYTES	(PREFIX_SLOTS * sizeof(struct prefix_count))

struct prefix_names {
	char			 delimiter;
	uint64_t		 seed;
	_Atomic uint32_t	 count;
	name_slot		*slots;
};

/* What the ops count as; the others are not counted. */
static const enum prefix_kind kinds[OP_COUNT] = {
	[OP_GET] = PREFIX_GETS,
	[OP_GETS] = PREFIX_GETS,
	[OP_GAT] = PREFIX_GETS,
	[OP_GATS] = PREFIX_GETS,
	[OP_SET] = PREFIX_SETS,
	[OP_ADD] = PREFIX_SETS,
	[OP_REPLACE] = PREFIX_SETS,
	[OP_APPEND] = PREFIX_SETS,
	[OP_PREPEND] = PREFIX_SETS,
	[OP_CAS] = PREFIX_SETS,
	[OP_DELETE] = PREFIX_DELETES,
	[OP_META_GET] = PREFIX_GETS,
	[OP_META_TOUCH] = PREFIX_GETS,
	[OP_META_SET] = PREFIX_SETS,
	[OP_META_CAS] = PREFIX_SETS,
	[OP_META_DELETE] = PREFIX_DELETES,
};

static void *
take_memory(size_t bytes)
{
	void *memory = os_reserve(bytes);

	if (memory != NULL && os_commit(memory, bytes) == -1) {
		os_release(memory, bytes);
		return NULL;
	}
	return memory;
}

struct prefix_names *
prefix_names_create(char delimiter, uint64_t seed)
{
	struct prefix_names *names = malloc(sizeof *names);

	if (names == NULL)
		return NULL;
	*names = (struct prefix_names){
		.delimiter = delimiter, .seed = seed,
		.slots = take_memory(NAMES_BYTES),
	};
	if (names->slots == NULL) {
		free(names);
		return NULL;
	}
	return names;
}

void
prefix_names_clear(struct prefix_names *names)
{
	for (uint32_t i = 0; i < PREFIX_SLOTS; i++)
		free(names->slots[i]);
	os_discard(names->slots, NAMES_BYTES);
	names->count = 0;
}

void
prefix_names_destroy(struct prefix_names *names)
{
	if (names == NULL)
		return;
	prefix_names_clear(names);
	os_release(names->slots, NAMES_BYTES);
	free(names);
}

uint32_t
prefix_names_count(const struct prefix_names *names)
{
	return atomic_load_explicit(&names->count, memory_order_relaxed);
}

static struct slice
text_of(const struct name *name)
{
	return (struct slice){ name->bytes, name->length };
}

bool
prefix_names_get(const struct prefix_names *names, uint32_t number,
    struct slice *text)
{
	const struct name *name = atomic_load_explicit(&names->slots[number],
	    memory_order_acquire);

	if (name == NULL)
		return false;
	*text = text_of(name);
	return true;
}

/*
 * Put a new name into an empty slot. Returns the name that is there then,
 * which may be another one's; NULL: there are too many, or no memory.
 */
static struct name *
add(struct prefix_names *names, name_slot *slot, struct slice text)
{
	struct name *there = NULL, *name;

	if (prefix_names_count(names) >= PREFIX_MAX)
		return NULL;
	name = malloc(sizeof *name + text.length);
	if (name == NULL)
		return NULL;
	name->length = (uint8_t)text.length;
	memcpy(name->bytes, text.bytes, text.length);
	if (atomic_fetch_add(&names->count, 1) < PREFIX_MAX &&
	    atomic_compare_exchange_strong(slot, &there, name))
		return name;
	atomic_fetch_sub(&names->count, 1);
	free(name);
	return there;
}

static uint32_t
find(struct prefix_names *names, struct slice text)
{
	uint32_t number = (uint32_t)hash_bytes(names->seed, text.bytes,
	    text.length);

	for (;; number++) {
		name_slot *slot = &names->slots[number %= PREFIX_SLOTS];
		struct name *name = atomic_load_explicit(slot,
		    memory_order_acquire);

		if (name == NULL)
			name = add(names, slot, text);
		if (name == NULL)
			return SLOT_NONE;
		if (slice_equal(text_of(name), text))
			return number;
	}
}

int
prefix_table_open(struct prefix_table *table, struct prefix_names *names)
{
	*table = (struct prefix_table){
		.names = names, .counts = take_memory(COUNTS_BYTES),
	};
	return table->counts == NULL ? -1 : 0;
}

void
prefix_table_close(struct prefix_table *table)
{
	if (table->counts != NULL)
		os_release(table->counts, COUNTS_BYTES);
}

void
prefix_table_clear(struct prefix_table *table)
{
	os_discard(table->counts, COUNTS_BYTES);
	table->refused = 0;
}

void
prefix_count(struct prefix_table *table, const struct request *request,
    enum status status)
{
	enum prefix_kind kind = kinds[request->op];
	struct slice key = request->key;
	const char *end = memchr(key.bytes, table->names->delimiter,
	    key.length);
	uint32_t number;

	if (kind == PREFIX_HITS || end == NULL)
		return;
	key.length = (size_t)(end - key.bytes);
	number = key.length > PREFIX_LENGTH_MAX ? SLOT_NONE :
	    find(table->names, key);
	if (number == SLOT_NONE) {
		table->refused++;
		return;
	}
	table->counts[number].of[kind]++;
	if (kind == PREFIX_GETS &&
	    (status == STATUS_VALUE || status == STATUS_FOUND))
		table->counts[number].of[PREFIX_HITS]++;
}
