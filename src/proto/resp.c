/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * resp.c - see resp.h.
 *
 * A request is an array of bulk strings, or an inline request: a line of
 * words. One that has not arrived whole is looked through once, as far as it
 * goes; `codec->resp` keeps the place. When it is whole, its words are put
 * into the codec's args. Only the value of a plain SET need not be waited
 * for.
 */
#include "proto/resp.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "proto/call.h"
#include "proto/inline.h"

#define TRAILER		2

/* The longest head of an array or a bulk: "$" and 20 digits, "\r\n". */
#define HEAD_MAX	32

/* The longest value that is copied within one piece of output room. */
#define VALUE_ROOM_MAX	2048

/* The longest error. */
#define ERROR_MAX	512

/* What a look at the input says. */
enum look {
	LOOK_WHOLE,
	LOOK_MORE,
	LOOK_WRONG,	/* the error is told and the connection closed */
};

/* The protocol is broken: say how, and hang up. */
static enum parse
protocol_error(struct request *request, const char *what, char seen)
{
	*request = (struct request){
		.protocol = &resp_protocol, .op = OP_REJECT,
		.flags = REQUEST_CLOSE, .status = STATUS_PROTOCOL,
		.argument = slice_of(what), .mode = seen,
	};
	return PARSE_REQUEST;
}

/*
 * Read the number of a head, "*3\r\n" or "$5\r\n", at `*at`, which is moved
 * behind it.
 */
static enum look
read_head(struct slice input, size_t *at, int64_t *number)
{
	size_t left = input.length - *at;
	const char *start = input.bytes + *at + 1, *end;

	if (left < 2)
		return LOOK_MORE;
	end = memchr(start, '\r', left - 1 < HEAD_MAX ? left - 1 : HEAD_MAX);
	if (end == NULL)
		return left > HEAD_MAX ? LOOK_WRONG : LOOK_MORE;
	if (end + 1 == input.bytes + input.length)
		return LOOK_MORE;
	if (end[1] != '\n' || !decimal_parse_signed((struct slice){ start,
	    (size_t)(end - start) }, number))
		return LOOK_WRONG;
	*at = (size_t)(end + 2 - input.bytes);
	return LOOK_WHOLE;
}

/* The array's head. 0 or fewer words: there is nothing to do. */
static enum look
begin_array(struct codec *codec, struct slice input, struct request *request)
{
	int64_t count;
	size_t at = 0;
	enum look look = read_head(input, &at, &count);

	if (look == LOOK_WRONG || (look == LOOK_WHOLE &&
	    count > RESP_ARGS_MAX)) {
		protocol_error(request, "invalid multibulk length", '\0');
		return LOOK_WRONG;
	}
	if (look == LOOK_MORE)
		return look;
	codec->resp.words = count > 0 ? (uint32_t)count : 0;
	codec->resp.left = codec->resp.words;
	codec->resp.head = codec->resp.at = at;
	return LOOK_WHOLE;
}

/* Is the next word perhaps the value of a plain SET, which has no bound? */
static bool
is_plain_value(const struct codec *codec)
{
	return codec->resp.words == 3 && codec->resp.left == 1;
}

/* Look at the rest of the array, as far as it has arrived. */
static enum look
look_through(struct codec *codec, struct slice input, struct request *request)
{
	while (codec->resp.left > 0) {
		size_t at = codec->resp.at;
		int64_t length;
		enum look look;

		if (at >= input.length)
			return LOOK_MORE;
		if (input.bytes[at] != '$') {
			protocol_error(request, "expected '$', got '",
			    input.bytes[at]);
			return LOOK_WRONG;
		}
		look = read_head(input, &at, &length);
		if (look == LOOK_WRONG || (look == LOOK_WHOLE &&
		    (length < 0 || length > INT32_MAX - TRAILER))) {
			protocol_error(request, "invalid bulk length", '\0');
			return LOOK_WRONG;
		}
		if (look == LOOK_MORE)
			return look;
		if (at + (size_t)length > codec->config->request_max &&
		    !is_plain_value(codec)) {
			protocol_error(request, "too big request", '\0');
			return LOOK_WRONG;
		}
		if (input.length - at < (size_t)length + TRAILER)
			return LOOK_MORE;
		codec->resp.at = at + (size_t)length + TRAILER;
		codec->resp.left--;
	}
	return LOOK_WHOLE;
}

/* The next word of an array that was looked through. */
static struct slice
next_bulk(struct slice input, size_t *at)
{
	struct slice word = { NULL, 0 };
	int64_t length = 0;

	read_head(input, at, &length);
	word.bytes = input.bytes + *at;
	word.length = (size_t)length;
	*at += word.length + TRAILER;
	return word;
}

static void
consume(struct slice *input, size_t length)
{
	input->bytes += length;
	input->length -= length;
}

/* The row of a name; many a pipeline has the same again and again. */
static const struct call_row *
find_call(struct codec *codec, struct slice name)
{
	const struct call_row *last = codec->resp.last;

	if (last == NULL || !call_word_is(name, last->name))
		codec->resp.last = call_find(name);
	return codec->resp.last;
}

static void
begin_call(struct codec *codec, struct request *request,
    const struct slice *words, size_t count)
{
	*request = (struct request){
		.protocol = &resp_protocol, .op = OP_CALL,
		.flags = codec->resp.v3 ? REQUEST_RESP3 : 0,
		.space = codec->resp.space,
		.call = find_call(codec, words[0]),
		.words = words, .word_count = (uint32_t)count,
	};
}

/* Has it one key, and is it for the shards to carry out? */
static bool
has_one_key(const struct request *request)
{
	const struct call_row *row = request->call;
	size_t first, last, step;

	return row->scope == CALL_KEYS &&
	    call_arity_valid(row, request->word_count) &&
	    call_keys(row, request->word_count, &first, &last, &step) &&
	    first + step > last && first == 1;
}

/* A call that other protocols know becomes what it is there. */
static bool
is_plain(const struct request *request, enum call_id id, size_t count)
{
	return request->call == &call_rows[id] && request->word_count == count;
}

static void
choose_op(const struct codec *codec, struct request *request)
{
	if (request->call == NULL || codec->resp.queueing)
		return;
	if (is_plain(request, CALL_GET, 2)) {
		request->op = OP_GET;
		request->flags |= REQUEST_LAST | REQUEST_TYPED;
	} else if (is_plain(request, CALL_SET, 3)) {
		request->op = OP_SET;
		request->value = request->words[2];
	} else if (has_one_key(request)) {
		request->op = OP_KEY_CALL;
	} else {
		return;
	}
	request->key = request->words[1];
	if (request->key.length > RESP_KEY_MAX)
		request->op = OP_CALL;
}

/*
 * "SET key value" with a long value that is still arriving: it need not be
 * whole. The words are read up to the value's head.
 */
static bool
begins_plain_set(const struct codec *codec, struct slice input, size_t *at,
    struct slice *key, int64_t *length)
{
	struct slice name;

	if (codec->resp.words != 3 || codec->resp.left != 1 ||
	    codec->resp.queueing)
		return false;
	*at = codec->resp.head;
	name = next_bulk(input, at);
	*key = next_bulk(input, at);
	return call_word_is(name, "set") && key->length <= KEY_MAX &&
	    input.length > *at &&
	    read_head(input, at, length) == LOOK_WHOLE;
}

static enum parse
parse_partial(struct codec *codec, struct slice *input,
    struct request *request, size_t *body)
{
	struct slice key;
	int64_t length;
	size_t at;

	if (begins_plain_set(codec, *input, &at, &key, &length)) {
		*request = (struct request){
			.protocol = &resp_protocol, .op = OP_SET, .key = key,
			.call = &call_rows[CALL_SET],
			.value = { NULL, (size_t)length },
			.space = codec->resp.space,
		};
		*body = (size_t)length;
		if (*body <= PROTO_BODY_KEPT)
			return PARSE_MORE;
		consume(input, at);
		codec->resp.words = 0;
		if (*body <= codec->config->item_max)
			return PARSE_BODY;
		request->flags |= REQUEST_TOO_LARGE;
		return PARSE_SWALLOW;
	}
	return input->length < codec->config->request_max ? PARSE_MORE :
	    protocol_error(request, "too big request", '\0');
}

/* Words that are read into room that is there anyway. */
#define SHORT_WORDS	16

/* Digits of a number that is read without a second look. */
#define SHORT_DIGITS	5

/* Read a number of a few digits and its line end. NULL: look closer. */
static inline const char *
read_short_head(const char *at, const char *end, size_t *number)
{
	const char *first = at;
	unsigned digit;

	if (end - at < 3)
		return NULL;
	*number = (unsigned char)*at++ - (unsigned)'0';
	if (*number > 9)
		return NULL;
	/* One digit mostly; else the first is not 0. */
	for (; at[0] != '\r'; *number = *number * 10 + digit, at++) {
		digit = (unsigned char)*at - (unsigned)'0';
		if (digit > 9 || *first == '0' ||
		    at - first == SHORT_DIGITS || end - at < 3)
			return NULL;
	}
	return at[1] == '\n' ? at + 2 : NULL;
}

/*
 * The commonest: a few short words, and all of them have arrived. Returns the
 * length of the array, 0: look closer.
 */
static size_t
read_short_array(struct slice input, struct slice words[SHORT_WORDS],
    size_t *count)
{
	const char *end = input.bytes + input.length;
	const char *at = read_short_head(input.bytes + 1, end, count);

	if (at == NULL || *count == 0 || *count > SHORT_WORDS)
		return 0;
	for (size_t i = 0; i < *count; i++) {
		size_t length;

		if (at == end || *at != '$' || (at = read_short_head(at + 1,
		    end, &length)) == NULL ||
		    (size_t)(end - at) < length + TRAILER)
			return 0;
		words[i] = (struct slice){ at, length };
		at += length + TRAILER;
	}
	return (size_t)(at - input.bytes);
}

/* The words have been read: they are a request. */
static enum parse
take_words(struct codec *codec, struct slice *input, struct request *request,
    const struct slice *words, size_t count, size_t length)
{
	codec->args->used += count;
	codec->resp.words = 0;
	consume(input, length);
	begin_call(codec, request, words, count);
	choose_op(codec, request);
	return PARSE_REQUEST;
}

static enum parse
parse_long_array(struct codec *codec, struct slice *input, struct request *request,
    size_t *body)
{
	size_t at, count;
	struct slice *words;

	if (codec->resp.words == 0) {
		switch (begin_array(codec, *input, request)) {
		case LOOK_WRONG:
			return PARSE_REQUEST;
		case LOOK_MORE:
			return PARSE_MORE;
		case LOOK_WHOLE:
			break;
		}
		if (codec->resp.words == 0) {
			consume(input, codec->resp.head);
			return PARSE_NOTHING;
		}
	}
	switch (look_through(codec, *input, request)) {
	case LOOK_WRONG:
		return PARSE_REQUEST;
	case LOOK_MORE:
		return parse_partial(codec, input, request, body);
	case LOOK_WHOLE:
		break;
	}
	count = codec->resp.words;
	if (codec->args->used > 0 &&
	    codec->args->room - codec->args->used < count)
		return PARSE_FLUSH;
	words = args_reserve(codec->args, count);
	if (words == NULL)
		return protocol_error(request, "out of memory", '\0');
	at = codec->resp.head;
	for (size_t i = 0; i < count; i++)
		words[i] = next_bulk(*input, &at);
	return take_words(codec, input, request, words, count, at);
}

static enum parse
parse_array(struct codec *codec, struct slice *input, struct request *request,
    size_t *body)
{
	const struct args *args = codec->args;
	size_t count, length;
	struct slice *words;

	if (codec->resp.words > 0 || args->room - args->used < SHORT_WORDS)
		return parse_long_array(codec, input, request, body);
	words = args->words + args->used;
	length = read_short_array(*input, words, &count);
	return length == 0 ? parse_long_array(codec, input, request, body) :
	    take_words(codec, input, request, words, count, length);
}

static enum parse
parse_inline(struct codec *codec, struct slice *input, struct request *request)
{
	const char *end = memchr(input->bytes, '\n', input->length);
	struct slice line = *input;
	struct slice *words;
	size_t most;
	int count;

	if (end == NULL)
		return input->length < RESP_INLINE_MAX ? PARSE_MORE :
		    protocol_error(request, "too big inline request", '\0');
	line.length = (size_t)(end - line.bytes);
	most = inline_words_most(line);
	if (codec->args->used > 0 &&
	    codec->args->room - codec->args->used < most)
		return PARSE_FLUSH;
	words = args_reserve(codec->args, most);
	if (words == NULL)
		return protocol_error(request, "out of memory", '\0');
	count = inline_cut(line, words);
	if (count == -1)
		return protocol_error(request,
		    "unbalanced quotes in request", '\0');
	consume(input, line.length + 1);
	if (count == 0)
		return PARSE_NOTHING;
	codec->args->used += (size_t)count;
	begin_call(codec, request, words, (size_t)count);
	return PARSE_REQUEST;
}

static enum parse
resp_parse(struct codec *codec, struct slice *input, struct request *request,
    size_t *body)
{
	return codec->resp.words > 0 || *input->bytes == '*' ?
	    parse_array(codec, input, request, body) :
	    parse_inline(codec, input, request);
}

static char *
put_head(char *at, char type, uint64_t number)
{
	*at++ = type;
	at += decimal_format(at, number);
	*at++ = '\r';
	*at++ = '\n';
	return at;
}

static void
add_head(struct output *output, char type, uint64_t number)
{
	char *at = output_room(output, HEAD_MAX);

	output_advance(output, put_head(at, type, number));
}

void
resp_simple(struct output *output, const char *text)
{
	OUTPUT_LITERAL(output, "+");
	output_bytes(output, text, strlen(text));
	OUTPUT_LITERAL(output, "\r\n");
}

/* No line may end within an error. */
static void
make_one_line(char *text)
{
	for (; *text != '\0'; text++)
		if (*text == '\r' || *text == '\n')
			*text = ' ';
}

void
resp_error(struct output *output, const char *format, ...)
{
	char text[ERROR_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	make_one_line(text);
	output->errors++;
	OUTPUT_LITERAL(output, "-");
	output_bytes(output, text, strlen(text));
	OUTPUT_LITERAL(output, "\r\n");
}

void
resp_integer(struct output *output, int64_t number)
{
	char *at = output_room(output, HEAD_MAX);

	*at++ = ':';
	if (number < 0)
		*at++ = '-';
	at += decimal_format(at, number < 0 ? 0 - (uint64_t)number :
	    (uint64_t)number);
	*at++ = '\r';
	*at++ = '\n';
	output_advance(output, at);
}

void
resp_bulk_head(struct output *output, size_t length)
{
	add_head(output, '$', length);
}

void
resp_end(struct output *output)
{
	OUTPUT_LITERAL(output, "\r\n");
}

void
resp_bulk(struct output *output, struct slice bytes)
{
	char *at;

	if (bytes.length > VALUE_ROOM_MAX) {
		resp_bulk_head(output, bytes.length);
		output_bytes(output, bytes.bytes, bytes.length);
		resp_end(output);
		return;
	}
	at = output_room(output, HEAD_MAX + VALUE_ROOM_MAX + TRAILER);
	at = put_head(at, '$', bytes.length);
	if (bytes.length > 0)
		memcpy(at, bytes.bytes, bytes.length);
	at += bytes.length;
	*at++ = '\r';
	*at++ = '\n';
	output_advance(output, at);
}

void
resp_bulk_text(struct output *output, const char *text)
{
	resp_bulk(output, slice_of(text));
}

void
resp_null(struct output *output, bool v3)
{
	if (v3)
		OUTPUT_LITERAL(output, "_\r\n");
	else
		OUTPUT_LITERAL(output, "$-1\r\n");
}

void
resp_null_array(struct output *output, bool v3)
{
	if (v3)
		OUTPUT_LITERAL(output, "_\r\n");
	else
		OUTPUT_LITERAL(output, "*-1\r\n");
}

void
resp_array(struct output *output, size_t count)
{
	add_head(output, '*', count);
}

void
resp_map(struct output *output, bool v3, size_t pairs)
{
	add_head(output, v3 ? '%' : '*', v3 ? pairs : 2 * pairs);
}

void
resp_set(struct output *output, bool v3, size_t count)
{
	add_head(output, v3 ? '~' : '*', count);
}

void
resp_push(struct output *output, bool v3, size_t count)
{
	add_head(output, v3 ? '>' : '*', count);
}

void
resp_boolean(struct output *output, bool v3, bool value)
{
	if (!v3)
		resp_integer(output, value);
	else if (value)
		OUTPUT_LITERAL(output, "#t\r\n");
	else
		OUTPUT_LITERAL(output, "#f\r\n");
}

void
resp_double(struct output *output, bool v3, double value)
{
	char text[64];
	int length = isinf(value) ?
	    snprintf(text, sizeof text, value < 0 ? "-inf" : "inf") :
	    snprintf(text, sizeof text, "%.17g", value);

	if (!v3) {
		resp_bulk(output, (struct slice){ text, (size_t)length });
		return;
	}
	OUTPUT_LITERAL(output, ",");
	output_bytes(output, text, (size_t)length);
	OUTPUT_LITERAL(output, "\r\n");
}

void
resp_verbatim_head(struct output *output, bool v3, size_t length)
{
	if (!v3) {
		resp_bulk_head(output, length);
		return;
	}
	add_head(output, '=', length + 4);
	OUTPUT_LITERAL(output, "txt:");
}

void
resp_verbatim(struct output *output, bool v3, struct slice text)
{
	if (!v3) {
		resp_bulk(output, text);
		return;
	}
	resp_verbatim_head(output, v3, text.length);
	output_bytes(output, text.bytes, text.length);
	resp_end(output);
}

void
resp_wrong_type(struct output *output)
{
	resp_error(output, "WRONGTYPE Operation against a key holding the "
	    "wrong kind of value");
}

/* The reply to a plain GET. */
static void
reply_value(struct output *output, const struct reply *reply)
{
	if (reply->value.bytes != NULL) {
		resp_bulk(output, reply->value);
		return;
	}
	resp_bulk_head(output, reply->value.length);
	proto_add_value(output, reply);
	resp_end(output);
}

static void
reply_protocol_error(struct output *output, const struct request *request)
{
	char seen[] = { request->mode, request->mode == '\0' ? '\0' : '\'',
	    '\0' };

	resp_error(output, "ERR Protocol error: %.*s%s",
	    (int)request->argument.length, request->argument.bytes, seen);
}

static void
resp_reply(struct output *output, const struct request *request,
    const struct reply *reply)
{
	switch (reply->status) {
	case STATUS_VALUE:
		reply_value(output, reply);
		break;
	case STATUS_MISS:
		resp_null(output, request->flags & REQUEST_RESP3);
		break;
	case STATUS_WRONG_TYPE:
		resp_wrong_type(output);
		break;
	case STATUS_STORED:
	case STATUS_OK:
		resp_simple(output, "OK");
		break;
	case STATUS_PROTOCOL:
		reply_protocol_error(output, request);
		break;
	case STATUS_UNAUTHENTICATED:
		resp_error(output, "NOAUTH Authentication required.");
		break;
	case STATUS_TOO_LARGE:
		resp_error(output, "ERR string exceeds maximum allowed size "
		    "(proto-max-bulk-len)");
		break;
	case STATUS_NO_MEMORY:
	case STATUS_NO_MEMORY_READ:
		resp_error(output, "OOM command not allowed when used memory "
		    "> 'maxmemory'.");
		break;
	case STATUS_BAD_CHUNK:
		resp_error(output, "ERR Protocol error: invalid bulk length");
		break;
	default:
		resp_error(output, "ERR syntax error");
	}
}

const struct protocol resp_protocol = {
	resp_parse, resp_reply, NULL, TRAILER,
};
