/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * binary.c - see binary.h.
 *
 * A packet is a header, extras (arguments of a fixed length), a key, and a
 * value; `body` counts all but the header. Numbers are big-endian.
 *
 *   offset  size  request              reply
 *   0       1     magic 0x80           magic 0x81
 *   1       1     opcode               the same
 *   2       2     key length
 *   4       1     length of extras
 *   5       1     data type, 0
 *   6       2     unused               status
 *   8       4     length of the body
 *   12      4     opaque               the same
 *   16      8     cas unique, 0: any   cas unique of the item
 *
 * The PACKET rows of commands.def say what a packet with an opcode has to
 * look like. One that does not is no client's: it is answered, and the
 * connection is closed, as where the next one begins is not certain.
 */
#include "proto/binary.h"

#include "config.h"

#define MAGIC_REPLY	((char)0x81)
#define HEADER		24

/* Of a number that is not to begin when it is missing. */
#define NO_INITIAL	UINT32_MAX

/* The longest value by which somebody logs in. */
#define LOGIN_MAX	2048

/* The longest value that is copied within one piece of output room. */
#define VALUE_ROOM_MAX	2048

struct packet {
	uint8_t		opcode;
	uint8_t		extras;		/* lengths in bytes */
	uint16_t	key;
	uint32_t	body;
	uint32_t	opaque;
	uint64_t	cas;
};

enum parts {
	KEY = 1,
	KEY_MAYBE = 2,
	VALUE = 4,
	EXTRAS_MAYBE = 8,
};

enum { QUIET = REQUEST_QUIET, WITH_KEY = REQUEST_WITH_KEY,
    CLOSE = REQUEST_CLOSE };

struct command {
	bool		known;
	uint8_t		extras;
	uint8_t		parts;		/* enum parts */
	uint32_t	flags;		/* of the request */
	enum op		op;
};

static const struct command commands[] = {
#define PACKET(code, name, op, extras, parts, flags, sentence) \
	[code] = { true, extras, parts, flags, OP_##op },
#include "proto/commands.def"
};

#define COMMANDS	(sizeof commands / sizeof *commands)

static void
read_header(const char *at, struct packet *packet)
{
	packet->opcode = (uint8_t)at[1];
	packet->key = big_read16(at + 2);
	packet->extras = (uint8_t)at[4];
	packet->body = big_read32(at + 8);
	packet->opaque = big_read32(at + 12);
	packet->cas = big_read64(at + 16);
}

static const struct command *
find_command(uint8_t opcode)
{
	return opcode < COMMANDS && commands[opcode].known ?
	    &commands[opcode] : NULL;
}

/* Has the packet the parts that its command needs, and no others? */
static bool
is_well_formed(const struct packet *packet, const struct command *command)
{
	bool extras = packet->extras == command->extras ||
	    (command->parts & EXTRAS_MAYBE && packet->extras == 0);
	bool key = command->parts & KEY_MAYBE ||
	    (packet->key > 0) == (command->parts & KEY);
	bool value = command->parts & VALUE ||
	    packet->body == (uint32_t)packet->key + packet->extras;

	return extras && key && value;
}

/* What a request's extras say. */

static void
read_store(const struct codec *codec, const char *extras,
    struct request *request)
{
	request->client_flags = big_read32(extras);
	request->expiry = proto_expiry(codec->now, big_read32(extras + 4));
}

static void
read_count(const struct codec *codec, const char *extras,
    struct request *request)
{
	uint32_t exptime = big_read32(extras + 16);

	request->number = big_read64(extras);
	if (exptime == NO_INITIAL)
		return;
	request->flags |= REQUEST_CREATE;
	request->initial = big_read64(extras + 8);
	request->create_expiry = proto_expiry(codec->now, exptime);
}

static void
read_expiry(const struct codec *codec, const char *extras,
    struct request *request)
{
	request->expiry = proto_expiry(codec->now, big_read32(extras));
}

static void (*const readers[OP_COUNT])(const struct codec *,
    const char *extras, struct request *) = {
	[OP_SET] = read_store,
	[OP_ADD] = read_store,
	[OP_REPLACE] = read_store,
	[OP_INCR] = read_count,
	[OP_DECR] = read_count,
	[OP_TOUCH] = read_expiry,
	[OP_GATS] = read_expiry,
	[OP_FLUSH] = read_expiry,
};

/*
 * Only the item with this unique is meant, so to store is to cas. Where no
 * item has one, memcached stores anything, but counts on and deletes nothing.
 */
static void
bind_to_cas(const struct codec *codec, const struct command *command,
    struct request *request, uint64_t cas)
{
	if (!(command->parts & VALUE))
		request->flags |= REQUEST_HAS_CAS;
	else if (!codec->config->cas)
		return;
	else if (request->op != OP_APPEND && request->op != OP_PREPEND)
		request->op = OP_CAS;
	request->cas = cas;
}

/* The value follows; there is no other word for its length. */
static enum parse
expect_value(const struct codec *codec, struct request *request,
    size_t length, size_t *body)
{
	bool logs_in = request->op == OP_SASL_AUTH ||
	    request->op == OP_SASL_STEP;
	size_t most = logs_in ? LOGIN_MAX : codec->config->item_max;

	*body = length;
	request->value.length = length;
	if (length <= most)
		return PARSE_BODY;
	request->flags |= REQUEST_TOO_LARGE;
	return PARSE_SWALLOW;
}

/* Header, extras and key are there, and what they have to be. */
static enum parse
take_command(const struct codec *codec, const struct packet *packet,
    const struct command *command, struct slice *input,
    struct request *request, size_t *body)
{
	const char *extras = input->bytes + HEADER;
	size_t head = (size_t)packet->extras + packet->key;

	request->op = command->op;
	request->flags = command->flags;
	request->key.bytes = extras + packet->extras;
	request->key.length = packet->key;
	if (command->op == OP_STATS)
		request->argument = request->key;
	if (packet->extras > 0)
		readers[command->op](codec, extras, request);
	if (packet->cas != 0)
		bind_to_cas(codec, command, request, packet->cas);
	if (!(command->flags & QUIET))
		request->flags |= REQUEST_WANT_CAS;
	input->bytes += HEADER + head;
	input->length -= HEADER + head;
	if (!(command->parts & VALUE))
		return PARSE_REQUEST;
	return expect_value(codec, request, packet->body - head, body);
}

/* Answer with an error and close. */
static enum parse
give_up(struct request *request, enum status status)
{
	request->flags = REQUEST_CLOSE;
	return proto_reject(request, status);
}

static enum parse
skip_unknown(const struct packet *packet, struct slice *input,
    struct request *request, size_t *body)
{
	input->bytes += HEADER;
	input->length -= HEADER;
	*body = packet->body;
	proto_reject(request, STATUS_ERROR);
	return PARSE_SWALLOW;
}

static enum parse
binary_parse(struct codec *codec, struct slice *input,
    struct request *request, size_t *body)
{
	const struct command *command;
	struct packet packet;
	size_t head;

	if (*input->bytes != BINARY_MAGIC)
		return PARSE_CLOSE;
	if (input->length < HEADER)
		return PARSE_MORE;
	read_header(input->bytes, &packet);
	*request = (struct request){
		.protocol = &binary_protocol,
		.opcode = packet.opcode, .opaque = packet.opaque,
	};
	head = (size_t)packet.extras + packet.key;
	if (head > packet.body)
		return give_up(request, STATUS_ERROR);
	if (packet.key > KEY_MAX)
		return give_up(request, STATUS_BAD_FORMAT);
	command = find_command(packet.opcode);
	if (command == NULL)
		return skip_unknown(&packet, input, request, body);
	if (!is_well_formed(&packet, command))
		return give_up(request, STATUS_BAD_FORMAT);
	if (input->length < HEADER + head)
		return PARSE_MORE;
	return take_command(codec, &packet, command, input, request, body);
}

/* Replies */

/* What a status is here. One that is not listed is BAD_FORMAT. */
static const struct outcome {
	uint16_t	code;		/* 0: success */
	struct slice	text;
} outcomes[STATUS_COUNT] = {
	[STATUS_NONE] = { 0, SLICE("") },
	[STATUS_VALUE] = { 0, SLICE("") },
	[STATUS_NUMBER] = { 0, SLICE("") },
	[STATUS_STATS] = { 0, SLICE("") },
	[STATUS_VERSION] = { 0, SLICE(PROTO_VERSION) },
	[STATUS_OK] = { 0, SLICE("") },
	[STATUS_RESET] = { 0, SLICE("") },
	[STATUS_STORED] = { 0, SLICE("") },
	[STATUS_DELETED] = { 0, SLICE("") },
	[STATUS_TOUCHED] = { 0, SLICE("") },
	[STATUS_MECHANISMS] = { 0, SLICE("PLAIN") },
	[STATUS_AUTHENTICATED] = { 0, SLICE("Authenticated") },
	[STATUS_MISS] = { 0x01, SLICE("Not found") },
	[STATUS_NOT_FOUND] = { 0x01, SLICE("Not found") },
	[STATUS_EXISTS] = { 0x02, SLICE("Data exists for key.") },
	[STATUS_TOO_LARGE] = { 0x03, SLICE("Too large.") },
	[STATUS_BAD_FORMAT] = { 0x04, SLICE("Invalid arguments") },
	[STATUS_NOT_STORED] = { 0x05, SLICE("Not stored.") },
	[STATUS_NOT_A_NUMBER] = { 0x06,
	    SLICE("Non-numeric server-side value for incr or decr") },
	[STATUS_UNAUTHENTICATED] = { 0x20, SLICE("Auth failure.") },
	[STATUS_AUTH_FAILURE] = { 0x20, SLICE("Auth failure.") },
	[STATUS_NOT_PERMITTED] = { 0x20, SLICE("Not permitted.") },
	[STATUS_NO_FLUSH] = { 0x20, SLICE("Auth failure.") },
	[STATUS_NO_DETAIL] = { 0x20, SLICE("Auth failure.") },
	[STATUS_NO_CACHEDUMP] = { 0x20, SLICE("Auth failure.") },
	[STATUS_AUTH_CONTINUE] = { 0x21, SLICE("") },
	[STATUS_ERROR] = { 0x81, SLICE("Unknown command") },
	[STATUS_NO_MEMORY] = { 0x82, SLICE("Out of memory") },
	[STATUS_NO_MEMORY_READ] = { 0x82, SLICE("Out of memory") },
	[STATUS_OUT_OF_MEMORY] = { 0x82, SLICE("Out of memory") },
	[STATUS_BUSY_LISTING] = { 0x85, SLICE("Busy.") },
};

static const struct outcome *
find_outcome(enum status status)
{
	return &outcomes[outcomes[status].text.bytes != NULL ? status :
	    STATUS_BAD_FORMAT];
}

/* Some statuses are more exact here than in text. */
static enum status
exact_status(enum op op, enum status status)
{
	if (status == STATUS_NOT_STORED && op == OP_ADD)
		return STATUS_EXISTS;
	if (status == STATUS_NOT_STORED && op == OP_REPLACE)
		return STATUS_NOT_FOUND;
	if ((status == STATUS_ERROR || status == STATUS_BAD_DETAIL) &&
	    op == OP_STATS)
		return STATUS_NOT_FOUND;
	return status;
}

static char *
put_header(char *at, const struct request *request, uint16_t code,
    size_t extras, size_t key, size_t value, uint64_t cas)
{
	at[0] = MAGIC_REPLY;
	at[1] = (char)request->opcode;
	at = big_write16(at + 2, (uint16_t)key);
	at[0] = (char)extras;
	at[1] = 0;
	at = big_write16(at + 2, code);
	at = big_write32(at, (uint32_t)(extras + key + value));
	at = big_write32(at, request->opaque);
	return big_write64(at, cas);
}

static char *
put_slice(char *at, struct slice slice)
{
	memcpy(at, slice.bytes, slice.length);
	return at + slice.length;
}

/* The key, if the reply is to have it. */
static struct slice
reply_key(const struct request *request)
{
	return request->flags & REQUEST_WITH_KEY ? request->key :
	    (struct slice){ "", 0 };
}

static void
reply_value(struct output *output, const struct request *request,
    const struct reply *reply)
{
	struct slice key = reply_key(request), value = reply->value;
	char *at = output_room(output, HEADER + 4 + KEY_MAX + VALUE_ROOM_MAX);

	at = put_header(at, request, 0, 4, key.length, value.length,
	    reply->cas);
	at = big_write32(at, reply->client_flags);
	at = put_slice(at, key);
	if (value.bytes != NULL && value.length <= VALUE_ROOM_MAX) {
		output_advance(output, put_slice(at, value));
		return;
	}
	output_advance(output, at);
	if (value.bytes != NULL)
		output_bytes(output, value.bytes, value.length);
	else
		reply->add_value(reply->context, output);
}

/* A packet without extras that is not long. */
static void
reply_short(struct output *output, const struct request *request,
    uint16_t code, struct slice key, struct slice value, uint64_t cas)
{
	char *at = output_room(output, HEADER + key.length + value.length);

	at = put_header(at, request, code, 0, key.length, value.length, cas);
	output_advance(output, put_slice(put_slice(at, key), value));
}

static void
reply_number(struct output *output, const struct request *request,
    const struct reply *reply)
{
	char number[8];

	big_write64(number, reply->number);
	reply_short(output, request, 0, SLICE(""),
	    (struct slice){ number, sizeof number }, reply->cas);
}

/* Touch gives the client's flags, as a get without value. */
static void
reply_flags(struct output *output, const struct request *request,
    const struct reply *reply)
{
	char *at = output_room(output, HEADER + 4);

	at = put_header(at, request, 0, 4, 0, 0, reply->cas);
	output_advance(output, big_write32(at, reply->client_flags));
}

static void
reply_success(struct output *output, const struct request *request,
    const struct reply *reply)
{
	if (reply->status == STATUS_VALUE)
		reply_value(output, request, reply);
	else if (request->op == OP_INCR || request->op == OP_DECR)
		reply_number(output, request, reply);
	else if (reply->status == STATUS_TOUCHED)
		reply_flags(output, request, reply);
	else
		reply_short(output, request, 0, SLICE(""),
		    outcomes[reply->status].text, reply->cas);
}

static void
binary_reply(struct output *output, const struct request *request,
    const struct reply *reply)
{
	enum status status = exact_status(request->op, reply->status);
	const struct outcome *outcome = find_outcome(status);
	bool quiet = request->flags & REQUEST_QUIET;

	if (status == STATUS_MISS && request->flags & REQUEST_WITH_KEY &&
	    !quiet)
		reply_short(output, request, outcome->code, request->key,
		    SLICE(""), 0);
	else if (outcome->code == 0 && (!quiet || status == STATUS_VALUE))
		reply_success(output, request, reply);
	else if (outcome->code != 0 && !(quiet && status == STATUS_MISS))
		reply_short(output, request, outcome->code, SLICE(""),
		    outcome->text, 0);
}

static void
binary_line(struct output *output, const struct request *request,
    struct slice word, struct slice name, struct slice value)
{
	char *at = output_room(output, HEADER);

	(void)word;
	output_advance(output, put_header(at, request, 0, 0, name.length,
	    value.length, 0));
	output_bytes(output, name.bytes, name.length);
	output_bytes(output, value.bytes, value.length);
}

const struct protocol binary_protocol = {
	binary_parse, binary_reply, binary_line, 0,
};
