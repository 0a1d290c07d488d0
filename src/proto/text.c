/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * text.c - see text.h.
 *
 * A line is cut at spaces; a verb is looked up in commands.def, which says
 * how many arguments it may have; then the function for its op in `parsers`
 * reads them. The keys of get and its kin are not cut in advance: such a
 * line has no limit, and gives one request per key.
 */
#include "proto/text.h"

#include "config.h"
#include "proto/meta.h"
#include "proto/words.h"

#define ARGUMENTS_ANY	UINT32_MAX

/* Bytes of "\r\n". */
#define TRAILER		2

/* As in memcached: a longer line without an end is not a client's. */
#define LINE_MAX_PLAIN		2048
#define LINE_SPACES_MAX		100

/* Words that are told apart; more are only counted. */
#define WORDS_MAX		8

/* The longest value that is copied within one piece of output room. */
#define VALUE_ROOM_MAX		2048

struct words {
	struct slice	word[WORDS_MAX];
	size_t		count;		/* of all in the line */
	struct slice	last;
};

struct verb {
	struct slice	name;
	enum op		op;
	uint32_t	least, most;	/* arguments */
};

#define VERB_TEXT(verb, op, least, most)	{ SLICE(verb), op, least, most },
#define VERB_META(verb, op, least, most)

static const struct verb verbs[] = {
#define VERB(protocol, verb, op, least, most, access, synopsis, sentence) \
	VERB_##protocol(verb, OP_##op, least, most)
#include "proto/commands.def"
};

#undef VERB_TEXT
#undef VERB_META
#define VERB_TEXT(verb, op, least, most)
#define VERB_META(verb, op, least, most)	{ SLICE(verb), op, least, most },

/* Each has two letters, which no classic verb has. */
static const struct verb meta_verbs[] = {
#define VERB(protocol, verb, op, least, most, access, synopsis, sentence) \
	VERB_##protocol(verb, OP_##op, least, most)
#include "proto/commands.def"
};

#define LENGTH(array)	(sizeof(array) / sizeof *(array))

static const struct verb *
find_verb(struct slice name)
{
	bool meta = name.length == 2;
	const struct verb *first = meta ? meta_verbs : verbs;
	size_t count = meta ? LENGTH(meta_verbs) : LENGTH(verbs);

	for (size_t i = 0; i < count; i++)
		if (slice_equal(first[i].name, name))
			return &first[i];
	return NULL;
}

bool
text_has_verb(struct slice name)
{
	for (size_t i = 0; i < LENGTH(verbs); i++)
		if (call_word_is(name, verbs[i].name.bytes))
			return true;
	return false;
}

static void
cut_words(struct slice line, struct words *words)
{
	struct slice word;

	words->count = 0;
	while ((word = words_next(&line)).length > 0) {
		if (words->count < WORDS_MAX)
			words->word[words->count] = word;
		words->last = word;
		words->count++;
	}
}

static bool
read_key(struct slice word, struct request *request)
{
	request->key = word;
	return word.length <= KEY_MAX;
}

/*
 * The next key of the line in work. The line was checked when it began, so
 * there is at least one more key.
 */
static enum parse
next_key(struct codec *codec, struct slice *input, struct request *request)
{
	struct slice line = { input->bytes, codec->line_left }, rest;

	*request = codec->line;
	request->key = words_next(&line);
	rest = line;
	if (words_next(&rest).length == 0) {
		request->flags |= REQUEST_LAST;
		input->bytes += codec->line_left;
		input->length -= codec->line_left;
		codec->line_left = 0;
		/* The line's end: "\n" or "\r\n". */
		while (*input->bytes != '\n') {
			input->bytes++;
			input->length--;
		}
		input->bytes++;
		input->length--;
		return PARSE_REQUEST;
	}
	codec->line_left = line.length;
	input->length -= (size_t)(line.bytes - input->bytes);
	input->bytes = line.bytes;
	return PARSE_REQUEST;
}

/* `keys` is what is left of a line; begin to hand out its keys. */
static enum parse
begin_keys(struct codec *codec, struct slice *input, struct slice keys,
    struct request *request)
{
	struct slice line = keys, key;

	while ((key = words_next(&line)).length > 0)
		if (key.length > KEY_MAX)
			return proto_reject(request, STATUS_BAD_FORMAT);
	input->length -= (size_t)(keys.bytes - input->bytes);
	input->bytes = keys.bytes;
	codec->line_left = keys.length;
	codec->line = *request;
	return next_key(codec, input, request);
}

/* What the parsers of single lines get and may change. */
struct context {
	struct codec		*codec;
	struct slice		*input;		/* from the line's start on */
	struct slice		 line;		/* after the verb */
	const struct words	*words;
	size_t			*body;
};

static enum parse
parse_get(struct context *context, struct request *request)
{
	return begin_keys(context->codec, context->input, context->line,
	    request);
}

static enum parse
parse_get_and_touch(struct context *context, struct request *request)
{
	struct slice keys = context->line, exptime = words_next(&keys);

	if (!words_exptime(context->codec->now, exptime,
	    &request->expiry))
		return proto_reject(request, STATUS_BAD_EXPTIME);
	if (context->words->count == 2) {	/* no key: END */
		request->flags |= REQUEST_LAST;
		return proto_reject(request, STATUS_MISS);
	}
	return begin_keys(context->codec, context->input, keys, request);
}

static enum parse
parse_store(struct context *context, struct request *request)
{
	const struct slice *word = context->words->word;
	uint64_t flags, length;

	if (!read_key(word[1], request) ||
	    !words_number(word[2], UINT32_MAX, &flags) ||
	    !words_exptime(context->codec->now, word[3],
	    &request->expiry) ||
	    !words_number(word[4], INT32_MAX - TRAILER, &length) ||
	    (request->op == OP_CAS &&
	    !words_number(word[5], UINT64_MAX, &request->cas)))
		return proto_reject(request, STATUS_BAD_FORMAT);
	request->client_flags = (uint32_t)flags;
	request->value.length = length;
	*context->body = length;
	if (length <= context->codec->config->item_max)
		return PARSE_BODY;
	request->flags |= REQUEST_TOO_LARGE;
	return PARSE_SWALLOW;
}

static enum parse
parse_count(struct context *context, struct request *request)
{
	const struct slice *word = context->words->word;

	if (!read_key(word[1], request))
		return proto_reject(request, STATUS_BAD_FORMAT);
	if (!decimal_parse(words_trim_number(word[2]), &request->number))
		return proto_reject(request, STATUS_BAD_DELTA);
	return PARSE_REQUEST;
}

/* delete once took a time to stay deleted; 0 is still allowed. */
static enum parse
parse_delete(struct context *context, struct request *request)
{
	const struct words *words = context->words;
	bool zero = words->count > 2 &&
	    slice_equal(words->word[2], SLICE("0"));
	bool noreply;

	if (words->count == 2)		/* "delete noreply" names a key */
		request->flags &= ~(unsigned)REQUEST_NOREPLY;
	noreply = request->flags & REQUEST_NOREPLY;
	if ((words->count == 3 && !zero && !noreply) ||
	    (words->count == 4 && !(zero && noreply)))
		return proto_reject(request, STATUS_BAD_DELETE);
	if (!read_key(words->word[1], request))
		return proto_reject(request, STATUS_BAD_FORMAT);
	return PARSE_REQUEST;
}

static enum parse
parse_touch(struct context *context, struct request *request)
{
	const struct slice *word = context->words->word;

	if (!read_key(word[1], request))
		return proto_reject(request, STATUS_BAD_FORMAT);
	if (!words_exptime(context->codec->now, word[2],
	    &request->expiry))
		return proto_reject(request, STATUS_BAD_EXPTIME);
	return PARSE_REQUEST;
}

/*
 * request->expiry: when to flush; 0 or past: at once. A bad time is left to
 * the server to complain about, which may not allow to flush at all.
 */
static enum parse
parse_flush(struct context *context, struct request *request)
{
	const struct words *words = context->words;
	bool noreply = request->flags & REQUEST_NOREPLY;

	if (words->count - noreply < 2)
		return PARSE_REQUEST;
	if (!words_exptime(context->codec->now, words->word[1],
	    &request->expiry))
		request->status = STATUS_BAD_EXPTIME;
	return PARSE_REQUEST;
}

static enum parse
parse_verbosity(struct context *context, struct request *request)
{
	bool given = words_number(context->words->word[1], UINT32_MAX,
	    &request->number);

	return given ? PARSE_REQUEST :
	    proto_reject(request, STATUS_BAD_FORMAT);
}

static enum parse
parse_memory_limit(struct context *context, struct request *request)
{
	if (!words_number(context->words->word[1], UINT64_MAX,
	    &request->number))
		return proto_reject(request,
		    request->flags & REQUEST_NOREPLY ?
		    STATUS_BAD_FORMAT : STATUS_ERROR);
	return PARSE_REQUEST;
}

static enum parse
parse_argument(struct context *context, struct request *request)
{
	if (context->words->count > 1)
		request->argument = context->words->word[1];
	return PARSE_REQUEST;
}

/* All the words are the server's to read. */
static enum parse
parse_tuning(struct context *context, struct request *request)
{
	struct slice line = context->line;

	while (line.length > 0 && line.bytes[0] == ' ') {
		line.bytes++;
		line.length--;
	}
	while (line.length > 0 && line.bytes[line.length - 1] == ' ')
		line.length--;
	if (line.length > 0)
		request->argument = line;
	return PARSE_REQUEST;
}

/* The same, and a last "noreply" is a word like others. */
static enum parse
parse_words(struct context *context, struct request *request)
{
	request->flags &= ~(unsigned)REQUEST_NOREPLY;
	return parse_tuning(context, request);
}

static enum parse
parse_meta(struct context *context, struct request *request)
{
	return meta_parse(context->codec, context->line, request,
	    context->body);
}

static enum parse
parse_meta_noop(struct context *context, struct request *request)
{
	(void)context;
	return proto_reject(request, STATUS_META_NOOP);
}

static enum parse (*const parsers[OP_COUNT])(struct context *,
    struct request *) = {
	[OP_GET] = parse_get,
	[OP_GETS] = parse_get,
	[OP_GAT] = parse_get_and_touch,
	[OP_GATS] = parse_get_and_touch,
	[OP_SET] = parse_store,
	[OP_ADD] = parse_store,
	[OP_REPLACE] = parse_store,
	[OP_APPEND] = parse_store,
	[OP_PREPEND] = parse_store,
	[OP_CAS] = parse_store,
	[OP_INCR] = parse_count,
	[OP_DECR] = parse_count,
	[OP_DELETE] = parse_delete,
	[OP_TOUCH] = parse_touch,
	[OP_META_GET] = parse_meta,
	[OP_META_SET] = parse_meta,
	[OP_META_DELETE] = parse_meta,
	[OP_META_INCR] = parse_meta,
	[OP_META_DEBUG] = parse_meta,
	[OP_META_NOOP] = parse_meta_noop,
	[OP_FLUSH] = parse_flush,
	[OP_MEMORY_LIMIT] = parse_memory_limit,
	[OP_SLABS] = parse_tuning,
	[OP_LRU] = parse_tuning,
	[OP_EXTSTORE] = parse_tuning,
	[OP_LRU_CRAWLER] = parse_words,
	[OP_REFRESH_CERTS] = parse_argument,
	[OP_SHUTDOWN] = parse_argument,
	[OP_DEBUG_TIME] = parse_argument,
	[OP_STATS] = parse_words,
	[OP_VERBOSITY] = parse_verbosity,
	[OP_WATCH] = parse_words,
	[OP_VERSION] = parse_argument,
	[OP_QUIT] = parse_argument,
};

/* These are cut as they are used: they may hold any number of words. */
static bool
is_cut_later(enum op op)
{
	switch (op) {
	case OP_GET:
	case OP_GETS:
	case OP_GAT:
	case OP_GATS:
	case OP_META_GET:
	case OP_META_SET:
	case OP_META_DELETE:
	case OP_META_INCR:
		return true;
	default:
		return false;
	}
}

static enum parse
parse_unknown(const struct words *words, struct request *request)
{
	/* A browser, or somebody who wants us to be one's target. */
	if (words->count > 0 && words->last.length >= 5 &&
	    memcmp(words->last.bytes, "HTTP/", 5) == 0)
		return PARSE_CLOSE;
	return proto_reject(request, STATUS_ERROR);
}

static enum parse
parse_line(struct context *context, struct slice line,
    struct request *request)
{
	struct words words;
	struct slice rest = line, name = words_next(&rest);
	const struct verb *verb = find_verb(name);

	if (verb != NULL && is_cut_later(verb->op)) {
		struct slice first = rest;

		words.count = 1 + (words_next(&first).length > 0) +
		    (words_next(&first).length > 0);
	} else {
		cut_words(line, &words);
		if (words.count > 1 && slice_equal(words.last,
		    SLICE("noreply")))
			request->flags |= REQUEST_NOREPLY;
	}
	if (verb == NULL)
		return parse_unknown(&words, request);
	if (words.count - 1 < verb->least || words.count - 1 > verb->most)
		return proto_reject(request, STATUS_ERROR);
	request->op = verb->op;
	context->line = rest;
	context->words = &words;
	return parsers[verb->op](context, request);
}

/* No line end yet: wait for it, or give up on this client. */
static enum parse
parse_partial(const struct codec *codec, struct slice input)
{
	struct slice line = input;
	struct slice verb = words_next(&line);

	if (input.length <= LINE_MAX_PLAIN)
		return PARSE_MORE;
	if (input.length >= codec->config->line_max ||
	    verb.bytes - input.bytes > LINE_SPACES_MAX)
		return PARSE_CLOSE;
	return slice_equal(verb, SLICE("get")) ||
	    slice_equal(verb, SLICE("gets")) ? PARSE_MORE : PARSE_CLOSE;
}

/*
 * "get key", the commonest line of all, is taken apart by looking for what
 * would make it another one. False: it is none, or not as plain.
 */
static bool
parse_plain_get(struct slice line, struct request *request)
{
	struct slice key = { line.bytes + 4, line.length - 4 };

	if (line.length <= 4 || memcmp(line.bytes, "get ", 4) != 0 ||
	    key.length > KEY_MAX ||
	    memchr(key.bytes, ' ', key.length) != NULL)
		return false;
	*request = (struct request){
		.protocol = &text_protocol, .op = OP_GET,
		.flags = REQUEST_LAST, .key = key,
	};
	return true;
}

/* Up to nine digits and the byte `end`, which is taken off, too. */
static bool
plain_number(const char **at, char end, uint32_t *number)
{
	const char *first = *at;

	*number = 0;
	while (*at - first < 9 && **at >= '0' && **at <= '9')
		*number = *number * 10 + (uint32_t)(*(*at)++ - '0');
	return *at > first && *(*at)++ == end;
}

/*
 * "set key flags exptime bytes", with one space between, and with its "\r\n":
 * so whoever reads digits meets an end. False: it is none, or not as plain.
 */
static bool
parse_plain_set(const struct codec *codec, struct slice line,
    struct request *request)
{
	const char *key = line.bytes + 4, *at;
	uint32_t flags, exptime, length;

	if (line.length <= 4 || memcmp(line.bytes, "set ", 4) != 0)
		return false;
	at = memchr(key, ' ', line.length - 4);
	if (at == NULL || at == key || at - key > KEY_MAX)
		return false;
	*request = (struct request){
		.protocol = &text_protocol, .op = OP_SET,
		.key = { key, (size_t)(at - key) },
	};
	at++;
	if (!plain_number(&at, ' ', &flags) ||
	    !plain_number(&at, ' ', &exptime) ||
	    !plain_number(&at, '\r', &length) || *at != '\n' ||
	    length > codec->config->item_max)
		return false;
	request->client_flags = flags;
	request->expiry = proto_expiry(codec->now, exptime);
	request->value.length = length;
	return true;
}

static void
skip_line(struct slice *input, const char *end)
{
	input->length -= (size_t)(end + 1 - input->bytes);
	input->bytes = end + 1;
}

static enum parse
text_parse(struct codec *codec, struct slice *input, struct request *request,
    size_t *body)
{
	struct context context = {
		.codec = codec, .input = input, .body = body,
	};
	struct slice line = { input->bytes, 0 };
	const char *before = input->bytes, *end;
	enum parse result;

	if (codec->line_left > 0)
		return next_key(codec, input, request);
	end = input->length == 0 ? NULL :
	    memchr(input->bytes, '\n', input->length);
	if (end == NULL)
		return parse_partial(codec, *input);
	line.length = (size_t)(end - line.bytes);
	if (line.length > 0 && end[-1] == '\r')
		line.length--;
	if (parse_plain_get(line, request)) {
		skip_line(input, end);
		return PARSE_REQUEST;
	}
	if (parse_plain_set(codec, line, request)) {
		skip_line(input, end);
		*body = request->value.length;
		return PARSE_BODY;
	}
	*request = (struct request){
		.protocol = &text_protocol, .op = OP_REJECT,
	};
	result = parse_line(&context, line, request);
	/* Unless it began to hand out keys, the line is done. */
	if (input->bytes == before)
		skip_line(input, end);
	return result;
}

static const struct {
	const char	*text;
	size_t		 length;
	enum { OUTCOME, HIDDEN, SHOWN } kind;
} lines[STATUS_COUNT] = {
#define STATUS(name, kind, text, ...) \
	[STATUS_##name] = { text "\r\n", sizeof(text "\r\n") - 1, kind },
#include "proto/statuses.def"
};

static char *
put_bytes(char *at, const char *bytes, size_t length)
{
	memcpy(at, bytes, length);
	return at + length;
}

/* "VALUE <key> <flags> <bytes>[ <cas>]\r\n", value, "\r\n", [END] */
static void
reply_value(struct output *output, const struct request *request,
    const struct reply *reply)
{
	bool small = reply->value.bytes != NULL &&
	    reply->value.length <= VALUE_ROOM_MAX;
	char *at = output_room(output, 6 + KEY_MAX + 4 + 3 * DECIMAL_MAX +
	    VALUE_ROOM_MAX + 7);

	at = put_bytes(at, "VALUE ", 6);
	at = put_bytes(at, request->key.bytes, request->key.length);
	*at++ = ' ';
	at += decimal_format(at, reply->client_flags);
	*at++ = ' ';
	at += decimal_format(at, reply->value.length);
	if (request->op == OP_GETS || request->op == OP_GATS) {
		*at++ = ' ';
		at += decimal_format(at, reply->cas);
	}
	at = put_bytes(at, "\r\n", 2);
	if (small) {
		at = put_bytes(at, reply->value.bytes, reply->value.length);
	} else {
		output_advance(output, at);
		proto_add_value(output, reply);
		at = output_room(output, 7);
	}
	at = put_bytes(at, "\r\nEND\r\n",
	    request->flags & REQUEST_LAST ? 7 : 2);
	output_advance(output, at);
}

static void
reply_number(struct output *output, const struct reply *reply)
{
	char *at = output_room(output, DECIMAL_MAX + 2);

	at += decimal_format(at, reply->number);
	output_advance(output, put_bytes(at, "\r\n", 2));
}

static void
text_reply(struct output *output, const struct request *request,
    const struct reply *reply)
{
	enum status status = reply->status;

	if (status == STATUS_VALUE) {
		reply_value(output, request, reply);
		return;
	}
	if (request->flags & REQUEST_NOREPLY && lines[status].kind != SHOWN)
		return;
	if (status == STATUS_NUMBER)
		reply_number(output, reply);
	else if (status != STATUS_MISS)
		output_bytes(output, lines[status].text,
		    lines[status].length);
	else if (request->flags & REQUEST_LAST)
		OUTPUT_LITERAL(output, "END\r\n");
}

static void
text_line(struct output *output, const struct request *request,
    struct slice word, struct slice name, struct slice value)
{
	(void)request;
	output_bytes(output, word.bytes, word.length);
	OUTPUT_LITERAL(output, " ");
	output_bytes(output, name.bytes, name.length);
	OUTPUT_LITERAL(output, " ");
	output_bytes(output, value.bytes, value.length);
	OUTPUT_LITERAL(output, "\r\n");
}

const struct protocol text_protocol = {
	text_parse, text_reply, text_line, TRAILER,
};
