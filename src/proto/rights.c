/* SPDX-License-Identifier: BSD-3-Clause */
/* rights.c - see rights.h. */
#include "proto/rights.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/glob.h"
#include "proto/call.h"
#include "proto/classes.h"
#include "proto/words.h"

#define CALL_WORDS	((CALL_COUNT + 63) / 64)

/* Words of one kind, each behind the other with a space between. */
struct text {
	char	*bytes;		/* or NULL */
	size_t	 length;
};

struct pattern {
	char		*text;
	size_t		 length;
	enum rights_way	 ways;
};

struct patterns {
	struct pattern	*list;
	size_t		 count;
	struct text	 text;
};

struct rights {
	_Atomic unsigned	 holders;
	uint64_t		 calls[CALL_WORDS];	/* a bit for each */
	uint32_t		 classes;	/* for other protocols */
	struct text		 text;		/* of calls */
	struct patterns		 keys, channels;
};

static enum call_access
op_access(enum op op)
{
	static const enum call_access accesses[OP_COUNT] = {
#define OP(name, scope, access, function)	[OP_##name] = CALL_##access,
#include "proto/commands.def"
	};

	return accesses[op];
}

struct rights *
rights_new(void)
{
	struct rights *rights = calloc(1, sizeof *rights);

	if (rights != NULL)
		rights->holders = 1;
	return rights;
}

struct rights *
rights_hold(struct rights *rights)
{
	if (rights != NULL)
		atomic_fetch_add_explicit(&rights->holders, 1,
		    memory_order_relaxed);
	return rights;
}

static void
free_patterns(struct patterns *patterns)
{
	for (size_t i = 0; i < patterns->count; i++)
		free(patterns->list[i].text);
	free(patterns->list);
	free(patterns->text.bytes);
}

void
rights_release(struct rights *rights)
{
	if (rights == NULL || atomic_fetch_sub_explicit(&rights->holders, 1,
	    memory_order_acq_rel) > 1)
		return;
	free_patterns(&rights->keys);
	free_patterns(&rights->channels);
	free(rights->text.bytes);
	free(rights);
}

static int
note_word(struct text *text, struct slice word, struct error *error)
{
	size_t space = text->length > 0;
	char *bytes = realloc(text->bytes, text->length + space +
	    word.length);

	if (bytes == NULL)
		return error_set(error, "out of memory");
	if (space)
		bytes[text->length] = ' ';
	memcpy(bytes + text->length + space, word.bytes, word.length);
	text->bytes = bytes;
	text->length += space + word.length;
	return 0;
}

static int
add_pattern(struct patterns *patterns, struct slice word, size_t prefix,
    enum rights_way ways, struct error *error)
{
	struct pattern *list = realloc(patterns->list,
	    (patterns->count + 1) * sizeof *list);
	struct pattern *pattern;

	if (list == NULL)
		return error_set(error, "out of memory");
	patterns->list = list;
	pattern = &list[patterns->count];
	pattern->length = word.length - prefix;
	pattern->ways = ways;
	pattern->text = malloc(pattern->length + 1);
	if (pattern->text == NULL)
		return error_set(error, "out of memory");
	memcpy(pattern->text, word.bytes + prefix, pattern->length);
	patterns->count++;
	return note_word(&patterns->text, word, error);
}

static void
set_call(struct rights *rights, const struct call_row *row, bool given)
{
	size_t n = (size_t)(row - call_rows);
	uint64_t bit = (uint64_t)1 << n % 64;

	if (given)
		rights->calls[n / 64] |= bit;
	else
		rights->calls[n / 64] &= ~bit;
}

static bool
has_call(const struct rights *rights, const struct call_row *row)
{
	size_t n = (size_t)(row - call_rows);

	return rights->calls[n / 64] >> n % 64 & 1;
}

/* The calls of `classes`, and what other protocols have of them. */
static void
set_classes(struct rights *rights, uint32_t classes, bool given)
{
	for (size_t n = 0; n < CALL_COUNT; n++)
		if (call_classes(&call_rows[n]) & classes)
			set_call(rights, &call_rows[n], given);
	rights->classes = given ? rights->classes | classes :
	    rights->classes & ~classes;
}

static int
add_class(struct rights *rights, struct slice name, bool given,
    struct error *error)
{
	int class = class_find(name);

	if (call_word_is(name, "all"))
		set_classes(rights, UINT32_MAX, given);
	else if (class != -1)
		set_classes(rights, (uint32_t)1 << class, given);
	else
		return error_set(error, "there is no class of calls '%.*s'",
		    (int)name.length, name.bytes);
	return 0;
}

/* A call with all its parts, or one part: `client`, `client|id`. */
static int
add_call(struct rights *rights, struct slice name, bool given,
    struct error *error)
{
	const struct call_row *row = call_find(name);

	if (row == NULL)
		return error_set(error, "there is no call '%.*s'",
		    (int)name.length, name.bytes);
	for (size_t n = 0; n <= call_parts(row); n++)
		set_call(rights, row + n, given);
	return 0;
}

/* `+get`, `-@admin`. */
static int
add_calls(struct rights *rights, struct slice word, struct error *error)
{
	bool given = word.bytes[0] == '+';
	bool class = word.length > 1 && word.bytes[1] == '@';
	struct slice name = { word.bytes + 1 + class, word.length - 1 - class };

	if ((class ? add_class(rights, name, given, error) :
	    add_call(rights, name, given, error)) == -1)
		return -1;
	return note_word(&rights->text, word, error);
}

/* `%R~a*`: what stands before the pattern, and which ways it means. */
static const struct {
	struct slice	before;
	enum rights_way	ways;
} key_words[] = {
	{ SLICE("~"), RIGHTS_ALL },
	{ SLICE("%R~"), RIGHTS_READ },
	{ SLICE("%W~"), RIGHTS_WRITE },
	{ SLICE("%RW~"), RIGHTS_ALL },
};

/* Words that stand for others, as in Redis. */
static const struct {
	const char	*word;
	struct slice	 meaning;
} names[] = {
	{ "allkeys", SLICE("~*") },
	{ "allchannels", SLICE("&*") },
	{ "allcommands", SLICE("+@all") },
	{ "nocommands", SLICE("-@all") },
};

static struct slice
spelled_out(struct slice word)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (call_word_is(word, names[i].word))
			return names[i].meaning;
	return word;
}

static bool
begins_with(struct slice word, struct slice start)
{
	return word.length >= start.length &&
	    memcmp(word.bytes, start.bytes, start.length) == 0;
}

int
rights_add(struct rights *rights, struct slice word, struct error *error)
{
	word = spelled_out(word);
	if (word.length > 1 && (*word.bytes == '+' || *word.bytes == '-'))
		return add_calls(rights, word, error);
	if (word.length > 0 && *word.bytes == '&')
		return add_pattern(&rights->channels, word, 1, RIGHTS_ALL,
		    error);
	for (size_t i = 0; i < sizeof key_words / sizeof *key_words; i++)
		if (begins_with(word, key_words[i].before))
			return add_pattern(&rights->keys, word,
			    key_words[i].before.length, key_words[i].ways,
			    error);
	return error_set(error, "'%.*s' is none of +call, -call, +@class, "
	    "-@class, ~keys, %%R~keys, %%W~keys, &channels",
	    (int)word.length, word.bytes);
}

static struct slice
slice_of_text(const struct text *text)
{
	return (struct slice){ text->bytes == NULL ? "" : text->bytes,
	    text->length };
}

struct slice
rights_calls(const struct rights *rights)
{
	return slice_of_text(&rights->text);
}

struct slice
rights_keys(const struct rights *rights)
{
	return slice_of_text(&rights->keys.text);
}

struct slice
rights_channels(const struct rights *rights)
{
	return slice_of_text(&rights->channels.text);
}

int
rights_join(struct rights *rights, const struct rights *others,
    struct error *error)
{
	struct slice texts[] = {
		rights_calls(others), rights_keys(others),
		rights_channels(others),
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct slice word;

		while ((word = words_next(&texts[i])).length > 0)
			if (rights_add(rights, word, error) == -1)
				return -1;
	}
	return 0;
}

/* Both ways may be given by two patterns. */
static bool
matches(const struct patterns *patterns, struct slice text,
    enum rights_way ways)
{
	unsigned left = ways;

	for (size_t i = 0; i < patterns->count && left != 0; i++) {
		const struct pattern *pattern = &patterns->list[i];

		if (left & pattern->ways && glob_matches((struct slice){
		    pattern->text, pattern->length }, text))
			left &= ~(unsigned)pattern->ways;
	}
	return left == 0;
}

static bool
has_all_keys(const struct rights *rights, enum rights_way ways)
{
	unsigned left = ways;

	for (size_t i = 0; i < rights->keys.count; i++) {
		const struct pattern *pattern = &rights->keys.list[i];

		if (glob_is_all((struct slice){ pattern->text,
		    pattern->length }))
			left &= ~(unsigned)pattern->ways;
	}
	return left == 0;
}

bool
rights_to_key(const struct rights *rights, struct slice key,
    enum rights_way ways)
{
	return matches(&rights->keys, key, ways);
}

/* Calls that write, and tell what was there or what there is now. */
static const char *const tellers[] = {
	"decr", "decrby", "delifeq", "getdel", "getex", "getset", "hgetdel",
	"hgetex", "hincrby", "hincrbyfloat", "incr", "incrby", "incrbyfloat",
	"move", "rename", "renamenx",
};

static bool
tells(const struct call_row *row)
{
	for (size_t i = 0; i < sizeof tellers / sizeof *tellers; i++)
		if (strcmp(row->name, tellers[i]) == 0)
			return true;
	return false;
}

/* SET tells what was there, or something about it, with some words. */
static bool
set_tells(const struct slice *words, size_t count)
{
	for (size_t n = 3; n < count; n++)
		if (call_word_is(words[n], "get") ||
		    call_word_is(words[n], "ifeq"))
			return true;
	return false;
}

/* What is done with the key that is word number `n`. */
static enum rights_way
ways_of(const struct call_row *row, const struct slice *words, size_t count,
    size_t n)
{
	bool first = n == (size_t)row->first;

	if (row->access != CALL_WRITE)
		return RIGHTS_READ;
	if (row->id == CALL_COPY)
		return first ? RIGHTS_READ : RIGHTS_WRITE;
	if (row->id == CALL_SET)
		return set_tells(words, count) ? RIGHTS_ALL : RIGHTS_WRITE;
	return tells(row) && first ? RIGHTS_ALL : RIGHTS_WRITE;
}

/* What is about all keys needs a right to all: it would change them. */
static bool
changes_all(const struct call_row *row)
{
	return row->scope == CALL_KEYS && row->access == CALL_WRITE &&
	    row->first == 0;
}

/* Some calls tell of keys that their client has not asked for. */
static bool
tells_of_all(const struct call_row *row, const struct slice *words,
    size_t count)
{
	if (row->id == CALL_CLIENT_TRACKING)
		for (size_t n = 3; n < count; n++)
			if (call_word_is(words[n], "bcast"))
				return true;
	return false;
}

/* Those that are open to all users: to log in, and to say good-bye. */
static bool
is_open(const struct call_row *row)
{
	return row->id == CALL_AUTH || row->id == CALL_HELLO ||
	    row->id == CALL_QUIT || row->id == CALL_RESET;
}

/* Calls whose words are channels, or patterns of them. */
static const struct {
	const char	*name;
	bool		 all;		/* words, or the first one */
	bool		 patterns;
} channel_calls[] = {
	{ "psubscribe", true, true },
	{ "publish", false, false },
	{ "spublish", false, false },
	{ "ssubscribe", true, false },
	{ "subscribe", true, false },
};

/* What a pattern matches may be more than another does: it has to be one. */
static bool
has_channels(const struct rights *rights, struct slice word, bool pattern)
{
	if (!pattern)
		return matches(&rights->channels, word, RIGHTS_ALL);
	for (size_t i = 0; i < rights->channels.count; i++) {
		const struct pattern *given = &rights->channels.list[i];
		struct slice text = { given->text, given->length };

		if (glob_is_all(text) || slice_equal(text, word))
			return true;
	}
	return false;
}

static bool
may_use_channels(const struct rights *rights, const struct call_row *row,
    const struct slice *words, size_t count, size_t *word)
{
	size_t i = 0;

	while (i < sizeof channel_calls / sizeof *channel_calls &&
	    strcmp(channel_calls[i].name, row->name) != 0)
		i++;
	if (i == sizeof channel_calls / sizeof *channel_calls)
		return true;
	for (size_t n = 1; n < (channel_calls[i].all ? count : 2); n++)
		if (!has_channels(rights, words[n],
		    channel_calls[i].patterns)) {
			*word = n;
			return false;
		}
	return true;
}

enum rights_answer
rights_to_call(const struct rights *rights, const struct call_row *row,
    const struct slice *words, size_t count, size_t *word)
{
	size_t first, last, step;

	if (!has_call(rights, row) && !is_open(row))
		return RIGHTS_NO_CALL;
	*word = 0;
	if (changes_all(row) && !has_all_keys(rights, RIGHTS_WRITE))
		return RIGHTS_NO_KEY;
	if (tells_of_all(row, words, count) &&
	    !has_all_keys(rights, RIGHTS_READ))
		return RIGHTS_NO_KEY;
	if (!may_use_channels(rights, row, words, count, word))
		return RIGHTS_NO_CHANNEL;
	if (!call_keys(row, count, &first, &last, &step))
		return RIGHTS_OK;
	for (size_t n = first; n <= last; n += step)
		if (!matches(&rights->keys, words[n],
		    ways_of(row, words, count, n))) {
			*word = n;
			return RIGHTS_NO_KEY;
		}
	return RIGHTS_OK;
}

/* Commands of memcached that write, and tell. */
static enum rights_way
ways_of_op(enum op op)
{
	switch (op) {
	case OP_GAT:
	case OP_GATS:
	case OP_INCR:
	case OP_DECR:
	case OP_META_TOUCH:
	case OP_META_INCR:
	case OP_META_DECR:
		return RIGHTS_ALL;
	default:
		return op_access(op) == CALL_READ ? RIGHTS_READ :
		    RIGHTS_WRITE;
	}
}

/* Some groups of stats have keys in them. */
static bool
stats_tell_keys(struct slice words)
{
	struct slice group;

	if (words.length == 0)
		return false;
	group = words_next(&words);
	return slice_equal(group, SLICE("cachedump")) ||
	    slice_equal(group, SLICE("detail"));
}

static bool
may_use_server(const struct rights *rights, const struct request *request)
{
	switch (request->op) {
	case OP_WATCH:
	case OP_LRU_CRAWLER:
		return has_all_keys(rights, RIGHTS_READ);
	case OP_STATS:
		return !stats_tell_keys(request->argument) ||
		    has_all_keys(rights, RIGHTS_READ);
	case OP_FLUSH:
		return has_all_keys(rights, RIGHTS_WRITE);
	default:
		return true;
	}
}

bool
rights_to_request(const struct rights *rights, const struct request *request)
{
	static const uint32_t classes[] = {
		[CALL_READ] = CLASS_BIT(read),
		[CALL_WRITE] = CLASS_BIT(write),
		[CALL_ADMIN] = CLASS_BIT(admin),
	};

	if (request_scope(request->op) == SCOPE_CONNECTION ||
	    request->op == OP_VERSION)
		return true;
	if (!(rights->classes & classes[op_access(request->op)]))
		return false;
	return request_scope(request->op) == SCOPE_SERVER ?
	    may_use_server(rights, request) :
	    matches(&rights->keys, request->key, ways_of_op(request->op));
}
