/* SPDX-License-Identifier: BSD-3-Clause */
/* hashes_all.c - calls about all fields of a hash, or some of them. */
#include "base/glob.h"
#include "command/hashes.h"

/* What is told of a field. */
enum part { NAMES = 1, VALUES = 2 };

static void
put_field(struct call *call, const struct hash *hash,
    const struct field *field, unsigned parts)
{
	if (parts & NAMES)
		resp_bulk(call->output, field->name);
	if (parts & VALUES)
		hashes_put_value(call, hash, field);
}

/* HGETALL, HKEYS, HVALS. */
void
hashes_all(struct call *call)
{
	unsigned parts = call->row->id == CALL_HKEYS ? NAMES :
	    call->row->id == CALL_HVALS ? VALUES : NAMES | VALUES;
	struct fields_place place = { 0, 0 };
	struct field field;
	struct hash hash;
	uint64_t count;

	if (!hashes_open(call, FIELDS_READ, &hash))
		return;
	fields_tidy(&hash.fields);
	count = fields_count(&hash.fields);
	if (parts == (NAMES | VALUES))
		resp_map(call->output, call->v3, count);
	else
		resp_array(call->output, count);
	while (fields_next(&hash.fields, &place, &field))
		put_field(call, &hash, &field, parts);
}

/* HSCAN. */

#define COUNT_MAX	4096
#define COUNT_DEFAULT	10

/* Which fields are wanted, and where they go. */
struct search {
	struct call	*call;
	struct hash	 hash;
	struct slice	 pattern;
	bool		 all;		/* the pattern matches all */
	bool		 put;		/* or they are counted */
	unsigned	 parts;
	unsigned	 count;		/* of fields to look at */
	uint64_t	 found;
};

static void
meet(void *context, const struct field *field)
{
	struct search *search = context;

	if (!search->all && !glob_matches(search->pattern, field->name))
		return;
	search->found++;
	if (search->put)
		put_field(search->call, &search->hash, field, search->parts);
}

/* False: the error is told. */
static bool
read_count(struct call *call, size_t n, struct search *search)
{
	int64_t number;

	if (!call_integer(call, n, &number))
		return false;
	if (number < 1) {
		call_syntax_error(call);
		return false;
	}
	search->count = number < COUNT_MAX ? (unsigned)number : COUNT_MAX;
	return true;
}

/* What stands behind the cursor. False: the error is told. */
static bool
read_options(struct call *call, struct search *search)
{
	for (size_t n = 3; n < call->count; n++) {
		bool last = n + 1 == call->count;

		if (call_word_is(call->words[n], "novalues")) {
			search->parts = NAMES;
		} else if (!last && call_word_is(call->words[n], "count")) {
			if (!read_count(call, ++n, search))
				return false;
		} else if (!last && call_word_is(call->words[n], "match")) {
			search->pattern = call->words[++n];
			search->all = glob_is_all(search->pattern);
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

/* Once to count what is wanted and once to tell it, as the count is first. */
static void
scan(struct call *call, struct search *search, uint64_t from)
{
	uint64_t next = fields_scan(&search->hash.fields, from, search->count,
	    meet, search);

	put_cursor(call->output, bits_reverse(next));
	resp_array(call->output, search->found *
	    (search->parts == NAMES ? 1 : 2));
	search->put = true;
	fields_scan(&search->hash.fields, from, search->count, meet, search);
}

void
hashes_scan(struct call *call)
{
	struct search search = {
		.call = call, .all = true, .parts = NAMES | VALUES,
		.count = COUNT_DEFAULT,
	};
	uint64_t number;
	int64_t below;

	/* As Redis has it, -1 is the largest. */
	if (decimal_parse_signed(call->words[2], &below)) {
		number = (uint64_t)below;
	} else if (!decimal_parse(call->words[2], &number)) {
		resp_error(call->output, "ERR invalid cursor");
		return;
	}
	if (!hashes_open(call, FIELDS_READ, &search.hash))
		return;
	if (search.hash.fields.handle == 0) {
		put_cursor(call->output, 0);
		resp_array(call->output, 0);
	} else if (read_options(call, &search)) {
		scan(call, &search, bits_reverse(number));
	}
}

/* HRANDFIELD. */

/* The most that may be wanted with repetitions. */
#define REPEATED_MAX	((int64_t)1 << 20)

/* Fields that are chosen one by one, each compared with those before. */
#define CHOSEN_MAX	32
#define CHOSEN_PART	4	/* if there are so many times more */

/* RESP3 has a list for each field and its value. */
static void
put_chosen(struct call *call, const struct hash *hash,
    const struct field *field, unsigned parts)
{
	if (parts == (NAMES | VALUES) && call->v3)
		resp_array(call->output, 2);
	put_field(call, hash, field, parts);
}

static void
put_head(struct call *call, uint64_t count, unsigned parts)
{
	resp_array(call->output, parts == (NAMES | VALUES) && !call->v3 ?
	    2 * count : count);
}

/* Any fields, each any number of times. */
static void
choose_repeated(struct call *call, const struct hash *hash, uint64_t count,
    unsigned parts)
{
	struct field field;

	put_head(call, count, parts);
	for (; count > 0 && fields_random(&hash->fields, call->random,
	    call->context, &field); count--)
		put_chosen(call, hash, &field, parts);
}

static bool
is_among(const struct field *field, const struct field *chosen,
    uint64_t count)
{
	while (count-- > 0)
		if (chosen[count].name.bytes == field->name.bytes)
			return true;
	return false;
}

/* A few of many fields. */
static void
choose_few(struct call *call, const struct hash *hash, uint64_t count,
    unsigned parts)
{
	struct field chosen[CHOSEN_MAX];

	put_head(call, count, parts);
	for (uint64_t n = 0; n < count && fields_random(&hash->fields,
	    call->random, call->context, &chosen[n]); )
		if (!is_among(&chosen[n], chosen, n))
			put_chosen(call, hash, &chosen[n++], parts);
}

/*
 * Each field is taken with the probability that is left for it (selection
 * sampling, Fan et al. 1962), so all choices are as probable.
 */
static void
choose_many(struct call *call, const struct hash *hash, uint64_t count,
    unsigned parts)
{
	struct fields_place place = { 0, 0 };
	uint64_t left = fields_count(&hash->fields);
	struct field field;

	put_head(call, count, parts);
	for (; count > 0 && fields_next(&hash->fields, &place, &field);
	    left--) {
		if (call->random(call->context) % left >= count)
			continue;
		put_chosen(call, hash, &field, parts);
		count--;
	}
}

static void
choose(struct call *call, struct hash *hash, int64_t count, unsigned parts)
{
	uint64_t all;

	fields_tidy(&hash->fields);
	all = fields_count(&hash->fields);
	if (all == 0 || count == 0)
		resp_array(call->output, 0);
	else if (count < 0)
		choose_repeated(call, hash, (uint64_t)-count, parts);
	else if (count <= CHOSEN_MAX && (uint64_t)count < all / CHOSEN_PART)
		choose_few(call, hash, (uint64_t)count, parts);
	else
		choose_many(call, hash, (uint64_t)count < all ?
		    (uint64_t)count : all, parts);
}

/* How many, and what of them. False: the error is told. */
static bool
read_choice(struct call *call, int64_t *count, unsigned *parts)
{
	*parts = call->count == 3 ? NAMES : NAMES | VALUES;
	if (!call_integer(call, 2, count))
		return false;
	if (*count == INT64_MIN) {
		resp_error(call->output, "ERR value is out of range, value "
		    "must between -%jd and %jd", INTMAX_MAX, INTMAX_MAX);
		return false;
	}
	if (call->count > 3 && (call->count > 4 ||
	    !call_word_is(call->words[3], "withvalues"))) {
		call_syntax_error(call);
		return false;
	}
	if (*count < -REPEATED_MAX ||
	    (*parts & VALUES && *count > INT64_MAX / 2)) {
		resp_error(call->output, "ERR value is out of range");
		return false;
	}
	return true;
}

void
hashes_random(struct call *call)
{
	struct field field;
	struct hash hash;
	unsigned parts;
	int64_t count;

	if (call->count > 2) {
		if (read_choice(call, &count, &parts) &&
		    hashes_open(call, FIELDS_READ, &hash))
			choose(call, &hash, count, parts);
		return;
	}
	if (!hashes_open(call, FIELDS_READ, &hash))
		return;
	if (fields_random(&hash.fields, call->random, call->context, &field))
		resp_bulk(call->output, field.name);
	else
		resp_null(call->output, call->v3);
}
