/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * meta.c - see meta.h.
 *
 * A flag is a letter with a token right behind it. `letters` says what each
 * does to the request; it is the same for every verb, and a verb ignores
 * what means nothing to it. What a reply tells is `request->returns`, the
 * letters in the order of the line.
 */
#include "proto/meta.h"

#include <stdio.h>

#include "base/base64.h"
#include "base/check.h"
#include "proto/text.h"
#include "proto/words.h"

/* Words of a line, with the verb. */
#define WORDS_MAX	20

/* The longest value that is copied within one piece of output room. */
#define VALUE_ROOM_MAX	2048

/* The end of a value. */
#define TRAILER		2

/* The longest line of a reply: the key may be in base64. */
#define LINE_ROOM_MAX	(BASE64_LENGTH(KEY_MAX) + REQUEST_OPAQUE_MAX + \
			    16 * (DECIMAL_MAX + 3))

static const struct protocol meta_protocol;

/* Read a flag's token. STATUS_NONE: well. */
typedef enum status read_token(const struct codec *, struct slice token,
	    struct request *);

static enum status
read_cas(const struct codec *codec, struct slice token,
    struct request *request)
{
	(void)codec;
	return words_number(token, UINT64_MAX, &request->cas) ?
	    STATUS_NONE : STATUS_BAD_TOKEN;
}

static enum status
read_new_cas(const struct codec *codec, struct slice token,
    struct request *request)
{
	(void)codec;
	return words_number(token, UINT64_MAX, &request->new_cas) ?
	    STATUS_NONE : STATUS_BAD_TOKEN;
}

static enum status
read_client_flags(const struct codec *codec, struct slice token,
    struct request *request)
{
	uint64_t flags;

	(void)codec;
	if (!words_number(token, UINT32_MAX, &flags))
		return STATUS_BAD_TOKEN;
	request->client_flags = (uint32_t)flags;
	return STATUS_NONE;
}

static enum status
read_delta(const struct codec *codec, struct slice token,
    struct request *request)
{
	(void)codec;
	return words_number(token, UINT64_MAX, &request->number) ?
	    STATUS_NONE : STATUS_BAD_TOKEN;
}

static enum status
read_initial(const struct codec *codec, struct slice token,
    struct request *request)
{
	(void)codec;
	return words_number(token, UINT64_MAX, &request->initial) ?
	    STATUS_NONE : STATUS_BAD_TOKEN;
}

static enum status
read_expiry(const struct codec *codec, struct slice token,
    struct request *request)
{
	return words_exptime(codec->now, token, &request->expiry) ?
	    STATUS_NONE : STATUS_BAD_TOKEN;
}

static enum status
read_create_expiry(const struct codec *codec, struct slice token,
    struct request *request)
{
	return words_exptime(codec->now, token, &request->create_expiry) ?
	    STATUS_NONE : STATUS_BAD_TOKEN;
}

static enum status
read_recache(const struct codec *codec, struct slice token,
    struct request *request)
{
	uint64_t seconds;

	(void)codec;
	if (!words_number(token, UINT32_MAX, &seconds))
		return STATUS_BAD_TOKEN;
	request->recache = (uint32_t)seconds;
	return STATUS_NONE;
}

static enum status
read_opaque(const struct codec *codec, struct slice token,
    struct request *request)
{
	(void)codec;
	request->argument = token;
	return token.length <= REQUEST_OPAQUE_MAX ?
	    STATUS_NONE : STATUS_LONG_OPAQUE;
}

/* What it means depends on the verb. */
static enum status
read_mode(const struct codec *codec, struct slice token,
    struct request *request)
{
	(void)codec;
	request->mode = token.length == 1 ? token.bytes[0] : '\0';
	return token.length == 1 ? STATUS_NONE : STATUS_BAD_MODE_LENGTH;
}

static const struct letter {
	bool		 known;
	unsigned	 flags;		/* of the request, that it sets */
	read_token	*read;		/* NULL: a token is ignored */
} letters[128] = {
	['b'] = { true, REQUEST_BASE64, NULL },
	['c'] = { true, REQUEST_WANT_CAS, NULL },
	['f'] = { true, 0, NULL },
	['h'] = { true, 0, NULL },
	['k'] = { true, 0, NULL },
	['l'] = { true, 0, NULL },
	['q'] = { true, REQUEST_QUIET, NULL },
	['s'] = { true, 0, NULL },
	['t'] = { true, 0, NULL },
	['u'] = { true, REQUEST_UNNOTICED, NULL },
	['v'] = { true, REQUEST_WANT_VALUE, NULL },
	['x'] = { true, REQUEST_DROP_VALUE, NULL },
	['C'] = { true, REQUEST_HAS_CAS, read_cas },
	['D'] = { true, 0, read_delta },
	['E'] = { true, REQUEST_WANT_CAS, read_new_cas },
	['F'] = { true, 0, read_client_flags },
	['I'] = { true, REQUEST_INVALIDATE, NULL },
	['J'] = { true, 0, read_initial },
	['L'] = { true, 0, NULL },	/* for proxies */
	['M'] = { true, 0, read_mode },
	['N'] = { true, REQUEST_CREATE, read_create_expiry },
	['O'] = { true, 0, read_opaque },
	['P'] = { true, 0, NULL },	/* for proxies */
	['R'] = { true, REQUEST_RECACHE, read_recache },
	['T'] = { true, REQUEST_TOUCH, read_expiry },
};

/* The letters that a verb's reply repeats or answers. */
#define ALL_LETTERS	"cfhklOst"

static const char *
returned_letters(enum op op)
{
	switch (op) {
	case OP_META_SET:
		return "ckOs";
	case OP_META_DELETE:
		return "kO";
	case OP_META_INCR:
		return "ckOt";
	default:
		return ALL_LETTERS;
	}
}

static enum status
read_flags(const struct codec *codec, struct slice line, unsigned words,
    struct request *request)
{
	const char *returned = returned_letters(request->op);
	unsigned returns = 0;
	struct slice word;
	uint64_t seen[2] = { 0, 0 };

	while ((word = words_next(&line)).length > 0) {
		unsigned char c = (unsigned char)word.bytes[0];
		struct slice token = { word.bytes + 1, word.length - 1 };
		enum status status;

		if (++words > WORDS_MAX)
			return STATUS_MANY_FLAGS;
		if (c >= 128 || !letters[c].known)
			return STATUS_BAD_FLAG;
		if (seen[c / 64] & (uint64_t)1 << c % 64)
			return STATUS_DUPLICATE_FLAG;
		seen[c / 64] |= (uint64_t)1 << c % 64;
		request->flags |= letters[c].flags;
		status = letters[c].read == NULL ? STATUS_NONE :
		    letters[c].read(codec, token, request);
		if (status != STATUS_NONE)
			return status;
		if (strchr(returned, c) != NULL)
			request->returns[returns++] = (char)c;
	}
	return STATUS_NONE;
}

/* A binary key is decoded into the room that the codec's owner keeps. */
static enum status
read_key(const struct codec *codec, struct request *request)
{
	size_t length;

	if (!(request->flags & REQUEST_BASE64))
		return STATUS_NONE;
	CHECK(codec->key_room != NULL);
	if (!base64_decode(request->key, codec->key_room, &length) ||
	    length == 0)
		return STATUS_BAD_BASE64;
	request->key = (struct slice){ codec->key_room, length };
	return STATUS_NONE;
}

/* What the letter behind M makes of a storing or counting command. */
static const struct mode {
	enum op	op;
	char	letter;
	enum op	as;
} modes[] = {
	{ OP_META_SET, 'S', OP_SET },
	{ OP_META_SET, 'E', OP_ADD },
	{ OP_META_SET, 'R', OP_REPLACE },
	{ OP_META_SET, 'A', OP_APPEND },
	{ OP_META_SET, 'P', OP_PREPEND },
	{ OP_META_INCR, 'I', OP_META_INCR },
	{ OP_META_INCR, '+', OP_META_INCR },
	{ OP_META_INCR, 'D', OP_META_DECR },
	{ OP_META_INCR, '-', OP_META_DECR },
};

static const struct mode *
find_mode(const struct request *request)
{
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (modes[i].op == request->op &&
		    modes[i].letter == request->mode)
			return &modes[i];
	return NULL;
}

/* The verb and some flags together say what is to be done and counted. */
static enum status
choose_op(struct request *request)
{
	const struct mode *mode = find_mode(request);

	switch (request->op) {
	case OP_META_GET:
		if (request->flags & REQUEST_TOUCH)
			request->op = OP_META_TOUCH;
		return STATUS_NONE;
	case OP_META_SET:
		request->as = mode != NULL ? mode->as : OP_SET;
		if (request->flags & REQUEST_HAS_CAS &&
		    (request->as == OP_SET || request->as == OP_REPLACE))
			request->op = OP_META_CAS;
		return mode != NULL ? STATUS_NONE : STATUS_BAD_SET_MODE;
	case OP_META_INCR:
		if (mode != NULL)
			request->op = mode->as;
		return mode != NULL ? STATUS_NONE : STATUS_BAD_COUNT_MODE;
	default:
		return STATUS_NONE;
	}
}

/* What a request is before its flags are read. */
static void
begin(struct request *request)
{
	request->protocol = &meta_protocol;
	request->number = 1;
	request->mode = request->op == OP_META_SET ? 'S' : 'I';
}

enum parse
meta_parse(struct codec *codec, struct slice line, struct request *request,
    size_t *body)
{
	bool stores = request->op == OP_META_SET;
	enum status status;
	uint64_t length = 0;

	begin(request);
	request->key = words_next(&line);
	if (request->key.length == 0 || request->key.length > KEY_MAX ||
	    (stores && !words_number(words_next(&line), INT32_MAX - TRAILER,
	    &length)))
		return proto_reject(request, STATUS_BAD_FORMAT);
	*body = request->value.length = length;
	status = read_flags(codec, line, 2 + stores, request);
	if (status == STATUS_NONE)
		status = choose_op(request);
	if (status == STATUS_NONE)
		status = read_key(codec, request);
	if (status != STATUS_NONE)
		proto_reject(request, status);
	else if (stores && length <= codec->config->item_max)
		return PARSE_BODY;
	else if (stores)
		request->flags |= REQUEST_TOO_LARGE;
	return stores ? PARSE_SWALLOW : PARSE_REQUEST;
}

static char *
put_number(char *at, char letter, int64_t number)
{
	*at++ = ' ';
	*at++ = letter;
	if (number < 0) {
		*at++ = '-';
		number = -number;
	}
	return at + decimal_format(at, (uint64_t)number);
}

static char *
put_unsigned(char *at, char letter, uint64_t number)
{
	*at++ = ' ';
	*at++ = letter;
	return at + decimal_format(at, number);
}

static char *
put_slice(char *at, struct slice bytes)
{
	memcpy(at, bytes.bytes, bytes.length);
	return at + bytes.length;
}

/* The key as the client spells it. */
static char *
put_key(char *at, const struct request *request)
{
	if (request->flags & REQUEST_BASE64)
		return at + base64_encode(request->key, at);
	return put_slice(at, request->key);
}

/* One of `request->returns`. */
static char *
put_return(char *at, char letter, const struct request *request,
    const struct reply *reply)
{
	switch (letter) {
	case 'c':
		return put_unsigned(at, letter, reply->cas);
	case 'f':
		return put_unsigned(at, letter, reply->client_flags);
	case 'h':
		return put_unsigned(at, letter,
		    reply->marks & REPLY_FETCHED ? 1 : 0);
	case 'k':
		at = put_key(put_slice(at, SLICE(" k")), request);
		return request->flags & REQUEST_BASE64 ?
		    put_slice(at, SLICE(" b")) : at;
	case 'l':
		return put_unsigned(at, letter, reply->idle);
	case 'O':
		return put_slice(put_slice(at, SLICE(" O")),
		    request->argument);
	case 's':
		return put_unsigned(at, letter, reply->value.length);
	default:
		return put_number(at, letter, reply->ttl);
	}
}

/*
 * How a request ended: the code, and what of `returns` goes with it. A
 * storing command that fails still answers for its value.
 */
static const struct outcome {
	const char	*code;
	bool		 quiet;		/* q hides it */
	bool		 failed;	/* there is no item to tell about */
} outcomes[STATUS_COUNT] = {
#define CODE(status, code, quiet, failed)				\
	[STATUS_##status] = { code, quiet, failed },
#include "proto/codes.def"
};

static bool
is_storing(enum op op)
{
	return op == OP_META_SET || op == OP_META_CAS;
}

static char *
put_line(char *at, const struct outcome *outcome,
    const struct request *request, const struct reply *reply)
{
	const char *returns = outcome->failed && !is_storing(request->op) ?
	    "kO" : ALL_LETTERS;

	for (const char *letter = request->returns; *letter != '\0'; letter++)
		if (strchr(returns, *letter) != NULL)
			at = put_return(at, *letter, request, reply);
	if (reply->marks & REPLY_TOKEN_SENT)
		at = put_slice(at, SLICE(" Z"));
	if (reply->marks & REPLY_STALE)
		at = put_slice(at, SLICE(" X"));
	if (reply->marks & REPLY_WON)
		at = put_slice(at, SLICE(" W"));
	return put_slice(at, SLICE("\r\n"));
}

static void
reply_line(struct output *output, const struct outcome *outcome,
    const struct request *request, const struct reply *reply)
{
	char *at = output_room(output, LINE_ROOM_MAX);

	at = put_slice(at, (struct slice){ outcome->code, 2 });
	output_advance(output, put_line(at, outcome, request, reply));
}

/* "VA <length> <flags>", value, "\r\n" */
static void
reply_value(struct output *output, const struct request *request,
    const struct reply *reply)
{
	char *at = output_room(output, LINE_ROOM_MAX + VALUE_ROOM_MAX);

	at = put_slice(at, SLICE("VA "));
	at += decimal_format(at, reply->value.length);
	at = put_line(at, &outcomes[STATUS_VALUE], request, reply);
	if (reply->value.bytes != NULL &&
	    reply->value.length <= VALUE_ROOM_MAX) {
		at = put_slice(at, reply->value);
	} else {
		output_advance(output, at);
		proto_add_value(output, reply);
		at = output_room(output, TRAILER);
	}
	output_advance(output, put_slice(at, SLICE("\r\n")));
}

static void
reply_number(struct output *output, const struct request *request,
    const struct reply *reply)
{
	char digits[DECIMAL_MAX];
	struct reply value = *reply;

	value.value = (struct slice){
		digits, decimal_format(digits, reply->number),
	};
	reply_value(output, request, &value);
}

/* "ME <key> <name>=<value>*" */
static void
reply_debug(struct output *output, const struct request *request,
    const struct reply *reply)
{
	char line[128];
	int length = snprintf(line, sizeof line, " exp=%lld la=%u cas=%llu "
	    "fetch=%s cls=%u size=%llu\r\n",
	    (long long)(reply->ttl == -1 ? -1 : -reply->ttl), reply->idle,
	    (unsigned long long)reply->cas,
	    reply->marks & REPLY_FETCHED ? "yes" : "no", reply->class,
	    (unsigned long long)reply->number);
	char *at = output_room(output, BASE64_LENGTH(KEY_MAX) + sizeof line);

	at = put_key(put_slice(at, SLICE("ME ")), request);
	output_advance(output, put_slice(at,
	    (struct slice){ line, (size_t)length }));
}

static void
meta_reply(struct output *output, const struct request *request,
    const struct reply *reply)
{
	const struct outcome *outcome = &outcomes[reply->status];
	bool counts = request->op == OP_META_INCR ||
	    request->op == OP_META_DECR;

	if (reply->status == STATUS_ITEM)
		reply_debug(output, request, reply);
	else if (outcome->code == NULL)
		text_protocol.reply(output, request, reply);
	else if (outcome->quiet && request->flags & REQUEST_QUIET &&
	    !(counts && reply->status == STATUS_STORED))
		return;
	else if (reply->status == STATUS_VALUE)
		reply_value(output, request, reply);
	else if (counts && request->flags & REQUEST_WANT_VALUE &&
	    (reply->status == STATUS_NUMBER || reply->status == STATUS_STORED))
		reply_number(output, request, reply);
	else
		reply_line(output, outcome, request, reply);
}

static const struct protocol meta_protocol = {
	NULL, meta_reply, NULL, TRAILER,
};
