/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keyspace.c - calls about all keys.
 *
 * A shard is entered for a bounded number of items at a time. What is there
 * all the while is met exactly once, see store_scan().
 */
#include "base/glob.h"
#include "command/calls.h"

/* Items that are looked at while a shard is entered: some 100 us. */
#define SLICE_ITEMS	1024

/* The most that COUNT makes one SCAN look at, and by itself. */
#define SCAN_MAX	4096
#define SCAN_DEFAULT	10

/* The longest reply to KEYS. */
#define KEYS_BYTES_MAX	((size_t)1 << 28)

/* Which keys are wanted, and where they go. */
struct search {
	struct slice	 pattern;
	bool		 all;		/* the pattern matches all */
	unsigned	 space;
	const struct rights *rights;	/* of who searches; NULL: to all */
	struct slice	 type;		/* bytes NULL: any */
	struct output	*output;	/* NULL: they are only counted */
	uint64_t	 seen, found;
};

static void
set_pattern(struct search *search, struct slice pattern)
{
	search->pattern = pattern;
	search->all = glob_is_all(pattern);
}

static void
meet(void *context, struct slice key, const struct store_item *item)
{
	struct search *search = context;

	search->seen++;
	if (item->space != search->space)
		return;
	if (search->type.bytes != NULL &&
	    !call_word_is(search->type, call_type(item)))
		return;
	if (!search->all && !glob_matches(search->pattern, key))
		return;
	if (search->rights != NULL &&
	    !rights_to_key(search->rights, key, RIGHTS_READ))
		return;
	search->found++;
	if (search->output != NULL)
		resp_bulk(search->output, key);
}

static bool
may_list(struct call *call)
{
	if (!call->rules->no_listing)
		return true;
	resp_error(call->output, "ERR '%s' is not allowed here",
	    call->row->name);
	return false;
}

/* Slice by slice, as a shard is not to be kept from others. */
static void
search_shard(struct call *call, unsigned n, struct search *search)
{
	uint64_t cursor = 0;

	do {
		cursor = store_scan(call->enter(call->context, n), cursor,
		    SLICE_ITEMS, meet, search);
		call->leave(call->context, n);
	} while (cursor != 0 &&
	    output_length(search->output) <= KEYS_BYTES_MAX);
}

void
keyspace_keys(struct call *call)
{
	struct output apart;
	struct search search = {
		.output = &apart, .space = call->space,
		.rights = call->rights,
	};

	if (!may_list(call))
		return;
	if (output_open_apart(&apart) == -1) {
		call_fail(call, STORE_NO_MEMORY);
		return;
	}
	set_pattern(&search, call->words[1]);
	for (unsigned n = 0; n < call->store_count; n++)
		search_shard(call, n, &search);
	if (output_length(&apart) > KEYS_BYTES_MAX) {
		output_drop(&apart);
		resp_error(call->output, "ERR too many keys match, use SCAN");
		return;
	}
	resp_array(call->output, search.found);
	output_join(call->output, &apart);
}

/*
 * What a client is told of a place: the cursor of its store, with the number
 * of the shard in the low byte, which a cursor leaves alone. It is below 2^53:
 * some clients keep it in a double.
 */
#define SHARD_BYTE	0xff

struct scan_place {
	unsigned	shard;
	uint64_t	cursor;
};

static struct scan_place
unpack_place(uint64_t number)
{
	return (struct scan_place){
		.shard = (unsigned)(number & SHARD_BYTE),
		.cursor = number & ~(uint64_t)SHARD_BYTE,
	};
}

static uint64_t
pack_place(struct scan_place place)
{
	return place.cursor | place.shard;
}

/* What stands behind the cursor of SCAN. False: the error is told. */
static bool
read_scan_options(struct call *call, struct search *search, unsigned *count)
{
	int64_t number;

	for (size_t n = 2; n < call->count; n += 2) {
		struct slice word = call->words[n];

		if (n + 1 == call->count) {
			call_syntax_error(call);
			return false;
		}
		if (call_word_is(word, "count")) {
			if (!call_integer(call, n + 1, &number))
				return false;
			if (number < 1) {
				call_syntax_error(call);
				return false;
			}
			*count = number < SCAN_MAX ? (unsigned)number :
			    SCAN_MAX;
		} else if (call_word_is(word, "match")) {
			set_pattern(search, call->words[n + 1]);
		} else if (call_word_is(word, "type")) {
			search->type = call->words[n + 1];
		} else {
			call_syntax_error(call);
			return false;
		}
	}
	return true;
}

static void
put_cursor(struct output *output, uint64_t number)
{
	char digits[DECIMAL_MAX];

	resp_array(output, 2);
	resp_bulk(output, (struct slice){ digits,
	    decimal_format(digits, number) });
}

/*
 * Look at some of a store from a place on, once to count what is wanted and
 * once to tell it. False: there is nothing from there on, and nothing is told.
 */
static bool
scan_store(struct call *call, struct store *store, struct search *search,
    unsigned count, struct scan_place from)
{
	struct scan_place next = { .shard = from.shard };

	next.cursor = store_scan(store, from.cursor, count, meet, search);
	if (next.cursor == 0 && search->seen == 0)
		return false;
	if (next.cursor == 0 && ++next.shard == call->store_count)
		next.shard = 0;
	put_cursor(call->output, pack_place(next));
	resp_array(call->output, search->found);
	search->output = call->output;
	store_scan(store, from.cursor, count, meet, search);
	return true;
}

void
keyspace_scan(struct call *call)
{
	struct search search = {
		.all = true, .space = call->space, .rights = call->rights,
	};
	unsigned count = SCAN_DEFAULT;
	struct scan_place from;
	uint64_t number;
	bool told = false;

	if (!decimal_parse(call->words[1], &number)) {
		resp_error(call->output, "ERR invalid cursor");
		return;
	}
	if (!read_scan_options(call, &search, &count) || !may_list(call))
		return;
	from = unpack_place(number);
	while (!told && from.shard < call->store_count) {
		told = scan_store(call, call->enter(call->context, from.shard),
		    &search, count, from);
		call->leave(call->context, from.shard);
		from = (struct scan_place){ .shard = from.shard + 1 };
	}
	if (!told) {
		put_cursor(call->output, 0);
		resp_array(call->output, 0);
	}
}

static uint64_t
count_items(struct call *call, unsigned n)
{
	uint64_t count = store_space_items(call->enter(call->context, n),
	    call->space);

	call->leave(call->context, n);
	return count;
}

/* DBSIZE. Items that are due and still lie there are counted. */
void
keyspace_count(struct call *call)
{
	uint64_t count = 0;

	for (unsigned n = 0; n < call->store_count; n++)
		count += count_items(call, n);
	resp_integer(call->output, (int64_t)count);
}

/* One of several keys, each as probable. */
struct choice {
	struct call	*call;
	struct slice	 key;
	uint64_t	 seen;
};

static void
consider(void *context, struct slice key, const struct store_item *item)
{
	struct choice *choice = context;

	if (item->space != choice->call->space)
		return;
	if (choice->call->rights != NULL &&
	    !rights_to_key(choice->call->rights, key, RIGHTS_READ))
		return;
	if (choice->call->random(choice->call->context) % ++choice->seen == 0)
		choice->key = key;
}

/*
 * Tell one of the first keys from a random place on; at the end of the store
 * it begins. False: it is empty.
 */
static bool
choose_key(struct call *call, unsigned n)
{
	struct choice choice = { .call = call };
	uint64_t cursor = unpack_place(call->random(call->context)).cursor;

	for (int round = 0; round < 2; round++) {
		do {
			cursor = store_scan(call->enter(call->context, n),
			    cursor, 1, consider, &choice);
			if (choice.seen > 0)
				resp_bulk(call->output, choice.key);
			call->leave(call->context, n);
		} while (cursor != 0 && choice.seen == 0);
		if (choice.seen > 0)
			return true;
	}
	return false;
}

/* A shard, as probable as it has many items. */
static unsigned
choose_shard(struct call *call)
{
	uint64_t sum = 0;
	unsigned chosen = 0;

	for (unsigned n = 0; n < call->store_count; n++) {
		uint64_t count = count_items(call, n);

		sum += count;
		if (count > 0 && call->random(call->context) % sum < count)
			chosen = n;
	}
	return chosen;
}

void
keyspace_random(struct call *call)
{
	unsigned first;

	if (!may_list(call))
		return;
	first = choose_shard(call);
	for (unsigned n = 0; n < call->store_count; n++)
		if (choose_key(call, (first + n) % call->store_count))
			return;
	resp_null(call->output, call->v3);
}

/* Some of the items that are to be removed. */
#define DOOMED_MAX	64

struct doomed {
	unsigned	space;
	unsigned	count;
	bool		more;		/* than that were met */
	struct slice	keys[DOOMED_MAX];
};

static void
doom(void *context, struct slice key, const struct store_item *item)
{
	struct doomed *doomed = context;

	if (item->space != doomed->space)
		return;
	if (doomed->count == DOOMED_MAX)
		doomed->more = true;
	else
		doomed->keys[doomed->count++] = key;
}

/* Remove the items; the keys lie in them, and stay where they are. */
static void
remove_doomed(struct call *call, struct store *store,
    const struct doomed *doomed)
{
	for (unsigned i = 0; i < doomed->count; i++) {
		struct store_key key = {
			.bytes = doomed->keys[i].bytes,
			.length = doomed->keys[i].length,
			.space = (uint8_t)doomed->space,
		};

		key.hash = call->hash(call->context, &key);
		store_delete(store, &key);
	}
}

/* Remove the items of a database from a shard that has others, too. */
static void
flush_space(struct call *call, unsigned n)
{
	struct doomed doomed = { .space = call->space };
	uint64_t cursor = 0, next;

	do {
		struct store *store = call->enter(call->context, n);

		doomed.count = 0;
		doomed.more = false;
		next = store_scan(store, cursor, DOOMED_MAX / 2, doom,
		    &doomed);
		remove_doomed(call, store, &doomed);
		call->leave(call->context, n);
		if (!doomed.more)
			cursor = next;
	} while (doomed.more || cursor != 0);
}

/* Remove what is in a shard; if there is nothing else, at once. */
static void
flush_shard(struct call *call, unsigned n, bool all)
{
	struct store *store = call->enter(call->context, n);
	bool at_once = all || store_space_items(store, call->space) ==
	    store_items(store);

	if (at_once)
		store_flush(store);
	call->leave(call->context, n);
	if (!at_once)
		flush_space(call, n);
}

/* FLUSHALL, FLUSHDB. */
void
keyspace_flush(struct call *call)
{
	if (call->count > 2 || (call->count == 2 &&
	    !call_word_is(call->words[1], "async") &&
	    !call_word_is(call->words[1], "sync"))) {
		call_syntax_error(call);
		return;
	}
	if (call->rules->no_flush) {
		resp_error(call->output, "ERR '%s' is not allowed here",
		    call->row->name);
		return;
	}
	for (unsigned n = 0; n < call->store_count; n++)
		flush_shard(call, n, call->row->id == CALL_FLUSHALL);
	call->flushed(call->context);
	resp_simple(call->output, "OK");
}

/* SWAPDB. All shards are entered. */
void
keyspace_swap(struct call *call)
{
	static const char *const ordinals[] = { "first", "second" };
	uint8_t spaces[2];

	for (size_t i = 0; i < 2; i++) {
		int64_t number;

		if (!call_parse_integer(call->words[1 + i], &number)) {
			resp_error(call->output, "ERR invalid %s DB index",
			    ordinals[i]);
			return;
		}
		if (number < 0 || number >= STORE_SPACES) {
			resp_error(call->output,
			    "ERR DB index is out of range");
			return;
		}
		spaces[i] = (uint8_t)number;
	}
	for (unsigned n = 0; n < call->store_count; n++) {
		store_swap_spaces(call->enter(call->context, n), spaces[0],
		    spaces[1]);
		call->leave(call->context, n);
	}
	call->flushed(call->context);
	resp_simple(call->output, "OK");
}
