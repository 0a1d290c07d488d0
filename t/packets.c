/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * packets.c - packets of the binary protocol to requests, replies to bytes.
 *
 * Packets are written in hex, blanks as one likes; `-n` stands for n bytes
 * of 'v'. The opaque of every request is deadbeef.
 */
#include "proto/binary.h"

#include <event2/buffer.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/check.h"
#include "tap.h"

#define NOW		((int64_t)1700000000000)
#define ITEM_MAX	1000
#define HEADER		24
#define PACKET_MAX	4096

static const struct codec_config config = {
	.item_max = ITEM_MAX, .cas = true,
};

static const char *const op_names[] = {
#define OP(name, scope, access, function)	[OP_##name] = #name,
#include "proto/commands.def"
};

static const char *const status_names[] = {
#define STATUS(name, ...)	[STATUS_##name] = #name,
#include "proto/statuses.def"
};

static unsigned
digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Bytes of hex; returns how many. */
static size_t
unhex(const char *text, char *out)
{
	char *at = out;
	char *end;

	while (*text != '\0')
		if (*text == ' ') {
			text++;
		} else if (*text == '-') {
			size_t length = strtoul(text + 1, &end, 10);

			memset(at, 'v', length);
			at += length;
			text = end;
		} else {
			*at++ = (char)(digit(text[0]) << 4 | digit(text[1]));
			text += 2;
		}
	return (size_t)(at - out);
}

/* What a request says is collected here. */
static char said[1024];

static void
say(const char *format, ...)
{
	size_t length = strlen(said);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(said + length, sizeof said - length, format, arguments);
	va_end(arguments);
}

static void
say_number(const char *name, uint64_t number)
{
	if (number != 0)
		say(" %s=%" PRIu64, name, number);
}

static void
say_flags(unsigned flags)
{
	static const struct {
		unsigned	 flag;
		const char	*name;
	} names[] = {
		{ REQUEST_QUIET, "quiet" },
		{ REQUEST_TOO_LARGE, "too-large" },
		{ REQUEST_WANT_CAS, "want-cas" },
		{ REQUEST_HAS_CAS, "has-cas" },
		{ REQUEST_CREATE, "create" },
		{ REQUEST_WITH_KEY, "with-key" },
		{ REQUEST_CLOSE, "close" },
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (flags & names[i].flag)
			say(" %s", names[i].name);
}

static void
say_request(const struct request *request)
{
	say("%s", op_names[request->op]);
	if (request->status != STATUS_NONE)
		say(" %s", status_names[request->status]);
	if (request->key.length > 0)
		say(" %.*s", (int)request->key.length, request->key.bytes);
	say_number("flags", request->client_flags);
	if (request->expiry > NOW)
		say(" expiry=now+%" PRId64, request->expiry - NOW);
	else if (request->expiry != 0)
		say(" expiry=%" PRId64, request->expiry);
	say_number("number", request->number);
	say_number("initial", request->initial);
	if (request->create_expiry != 0)
		say(" for=now+%" PRId64, request->create_expiry - NOW);
	say_number("cas", request->cas);
	say_flags(request->flags);
}

static void
say_result(enum parse result, const struct request *request, size_t body)
{
	if (result == PARSE_MORE) {
		say("MORE");
	} else if (result == PARSE_CLOSE) {
		say("CLOSE");
	} else {
		say_request(request);
		if (result == PARSE_BODY)
			say(" body=%zu", body);
		if (result == PARSE_SWALLOW)
			say(" swallow=%zu", body);
	}
}

static void
parse_by(struct codec *codec, const char *bytes, size_t length,
    size_t *consumed, struct request *request)
{
	char *copy = malloc(length);
	struct slice input = { copy, length };
	size_t body = 0;
	enum parse result;

	memcpy(copy, bytes, length);
	said[0] = '\0';
	codec->now = NOW;
	result = proto_parse(codec, &input, request, &body);
	*consumed = length - input.length;
	say_result(result, request, body);
	free(copy);
}

/* What the packets in hex begin with. */
static const char *
meaning_to(const struct codec_config *to, const char *text)
{
	static char bytes[PACKET_MAX];
	struct codec codec;
	struct request request;
	size_t consumed;

	proto_open(&codec, to, PROTO_BINARY);
	parse_by(&codec, bytes, unhex(text, bytes), &consumed, &request);
	return said;
}

static const char *
meaning(const char *text)
{
	return meaning_to(&config, text);
}

/* Requests */

#define GET_KEY		"80 00 0003 00 00 0000 00000003 deadbeef " \
			"0000000000000000 6b6579"
#define SET_KEY		"80 01 0003 08 00 0000 00000010 deadbeef " \
			"0000000000000000 00000007 00000064 6b6579 76616c7565"

static void
a_packet_gives_a_request(void)
{
	char bytes[PACKET_MAX];
	struct codec codec;
	struct request request;
	size_t consumed;

	proto_open(&codec, &config, PROTO_BINARY);
	parse_by(&codec, bytes, unhex(GET_KEY, bytes), &consumed, &request);
	EXPECT_TEXT(said, "GETS key want-cas");
	EXPECT_EQUAL(consumed, 27);
	EXPECT(request.protocol == &binary_protocol);
	EXPECT_EQUAL(request.opaque, 0xdeadbeef);
	EXPECT_EQUAL(request.opcode, 0);
	EXPECT_EQUAL(request.hash, 0);

	parse_by(&codec, bytes, unhex(SET_KEY, bytes), &consumed, &request);
	EXPECT_TEXT(said, "SET key flags=7 expiry=now+100000 want-cas "
	    "body=5");
	EXPECT_EQUAL(consumed, 35);
	EXPECT_EQUAL(request.value.length, 5);
	EXPECT(request.value.bytes == NULL);
	EXPECT_EQUAL(binary_protocol.trailer, 0);
}

/* Each command as it should be; `x` in the key's place is a key of 1. */
static const struct {
	const char	*packet;	/* opcode, key length, ... */
	const char	*meaning;
} commands[] = {
#define EMPTY	"0000 00 00 0000 00000000 deadbeef 0000000000000000"
#define K	"0001 00 00 0000 00000001 deadbeef 0000000000000000 6b"
#define KV	"0001 00 00 0000 00000003 deadbeef 0000000000000000 6b 7676"
#define STORE	"0001 08 00 0000 0000000b deadbeef 0000000000000000 " \
		"00000000 00000000 6b 7676"
#define COUNT	"0001 14 00 0000 00000015 deadbeef 0000000000000000 " \
		"0000000000000002 0000000000000003 00000004 6b"
#define NO_COUNT "0001 14 00 0000 00000015 deadbeef 0000000000000000 " \
		"0000000000000002 0000000000000003 ffffffff 6b"
#define TIME	"0001 04 00 0000 00000005 deadbeef 0000000000000000 " \
		"00000004 6b"
#define DELAY	"0000 04 00 0000 00000004 deadbeef 0000000000000000 00000004"
	{ "80 00" K, "GETS k want-cas" },
	{ "80 01" STORE, "SET k want-cas body=2" },
	{ "80 02" STORE, "ADD k want-cas body=2" },
	{ "80 03" STORE, "REPLACE k want-cas body=2" },
	{ "80 04" K, "DELETE k want-cas" },
	{ "80 05" COUNT,
	    "INCR k number=2 initial=3 for=now+4000 want-cas create" },
	{ "80 05" NO_COUNT, "INCR k number=2 want-cas" },
	{ "80 06" COUNT,
	    "DECR k number=2 initial=3 for=now+4000 want-cas create" },
	{ "80 07" EMPTY, "NOOP want-cas close" },
	{ "80 08" EMPTY, "FLUSH want-cas" },
	{ "80 08" DELAY, "FLUSH expiry=now+4000 want-cas" },
	{ "80 09" K, "GETS k quiet" },
	{ "80 0a" EMPTY, "NOOP want-cas" },
	{ "80 0b" EMPTY, "VERSION want-cas" },
	{ "80 0c" K, "GETS k want-cas with-key" },
	{ "80 0d" K, "GETS k quiet with-key" },
	{ "80 0e" KV, "APPEND k want-cas body=2" },
	{ "80 0f" KV, "PREPEND k want-cas body=2" },
	{ "80 10" EMPTY, "STATS want-cas" },
	{ "80 10" K, "STATS k want-cas" },
	{ "80 11" STORE, "SET k quiet body=2" },
	{ "80 12" STORE, "ADD k quiet body=2" },
	{ "80 13" STORE, "REPLACE k quiet body=2" },
	{ "80 14" K, "DELETE k quiet" },
	{ "80 15" COUNT,
	    "INCR k number=2 initial=3 for=now+4000 quiet create" },
	{ "80 16" NO_COUNT, "DECR k number=2 quiet" },
	{ "80 17" EMPTY, "NOOP quiet close" },
	{ "80 18" EMPTY, "FLUSH quiet" },
	{ "80 18" DELAY, "FLUSH expiry=now+4000 quiet" },
	{ "80 19" KV, "APPEND k quiet body=2" },
	{ "80 1a" KV, "PREPEND k quiet body=2" },
	{ "80 1c" TIME, "TOUCH k expiry=now+4000 want-cas" },
	{ "80 1d" TIME, "GATS k expiry=now+4000 want-cas" },
	{ "80 1e" TIME, "GATS k expiry=now+4000 quiet" },
	{ "80 20" EMPTY, "SASL_MECHANISMS want-cas" },
	{ "80 21" KV, "SASL_AUTH k want-cas body=2" },
	{ "80 22" KV, "SASL_STEP k want-cas body=2" },
	{ "80 23" TIME, "GATS k expiry=now+4000 want-cas with-key" },
	{ "80 24" TIME, "GATS k expiry=now+4000 quiet with-key" },
};

#define COMMANDS	(sizeof commands / sizeof *commands)

static void
each_opcode_has_its_request(void)
{
	for (size_t i = 0; i < COMMANDS; i++)
		EXPECT_TEXT(meaning(commands[i].packet), commands[i].meaning);
}

static void
no_command_is_left_out(void)
{
	static const unsigned char codes[] = {
#define PACKET(code, ...)	code,
#include "proto/commands.def"
	};

	for (size_t i = 0; i < sizeof codes; i++) {
		char prefix[8];
		bool found = false;

		snprintf(prefix, sizeof prefix, "80 %02x", codes[i]);
		for (size_t n = 0; n < COMMANDS; n++)
			found |= strncmp(commands[n].packet, prefix, 5) == 0;
		if (!EXPECT(found))
			printf("# no test of opcode %02x\n", codes[i]);
	}
}

static void
a_value_may_be_empty(void)
{
	EXPECT_TEXT(meaning("80 01 0001 08 00 0000 00000009 deadbeef "
	    "0000000000000000 00000000 00000000 6b"),
	    "SET k want-cas body=0");
	EXPECT_TEXT(meaning("80 0e" K), "APPEND k want-cas body=0");
}

static void
a_key_is_any_bytes_up_to_250(void)
{
	EXPECT_TEXT(meaning("80 00 0003 00 00 0000 00000003 deadbeef "
	    "0000000000000000 20 0d 0a"), "GETS  \r\n want-cas");
	EXPECT_EQUAL(strspn(meaning("80 00 00fa 00 00 0000 000000fa deadbeef "
	    "0000000000000000 -250") + 5, "v"), 250);
	EXPECT_TEXT(meaning("80 00 00fb 00 00 0000 000000fb deadbeef "
	    "0000000000000000 -251"), "REJECT BAD_FORMAT close");
	/* The key need not have come. */
	EXPECT_TEXT(meaning("80 00 ffff 00 00 0000 0000ffff deadbeef "
	    "0000000000000000"), "REJECT BAD_FORMAT close");
}

static void
numbers_have_all_their_bits(void)
{
	EXPECT_TEXT(meaning("80 01 0001 08 00 0000 00000009 deadbeef "
	    "0000000000000000 ffffffff ffffffff 6b"),
	    "SET k flags=4294967295 expiry=now+2594967295000 want-cas "
	    "body=0");
	EXPECT_TEXT(meaning("80 05 0001 14 00 0000 00000015 deadbeef "
	    "ffffffffffffffff fffffffffffffffe fffffffffffffffd 00000000 6b"),
	    "INCR k number=18446744073709551614 "
	    "initial=18446744073709551613 cas=18446744073709551615 "
	    "want-cas has-cas create");
}

static void
times_are_those_of_text(void)
{
	EXPECT_TEXT(meaning("80 1c 0001 04 00 0000 00000005 deadbeef "
	    "0000000000000000 00278d00 6b"),
	    "TOUCH k expiry=now+2592000000 want-cas");
	EXPECT_TEXT(meaning("80 1c 0001 04 00 0000 00000005 deadbeef "
	    "0000000000000000 00278d01 6b"),
	    "TOUCH k expiry=2592001000 want-cas");
	EXPECT_TEXT(meaning("80 1c 0001 04 00 0000 00000005 deadbeef "
	    "0000000000000000 00000000 6b"), "TOUCH k want-cas");
}

/* The packet of a command with the unique 5. */
static const char *
with_cas(const struct codec_config *to, const char *packet)
{
	static const size_t at = sizeof "80 00" EMPTY - 2;
	char changed[200];

	snprintf(changed, sizeof changed, "%s", packet);
	CHECK(changed[at] == '0');
	changed[at] = '5';
	return meaning_to(to, changed);
}

static void
a_unique_binds_a_write(void)
{
	EXPECT_TEXT(with_cas(&config, "80 01" STORE),
	    "CAS k cas=5 want-cas body=2");
	EXPECT_TEXT(with_cas(&config, "80 12" STORE), "CAS k cas=5 quiet "
	    "body=2");
	EXPECT_TEXT(with_cas(&config, "80 03" STORE),
	    "CAS k cas=5 want-cas body=2");
	EXPECT_TEXT(with_cas(&config, "80 0e" KV),
	    "APPEND k cas=5 want-cas body=2");
	EXPECT_TEXT(with_cas(&config, "80 04" K),
	    "DELETE k cas=5 want-cas has-cas");
	EXPECT_TEXT(with_cas(&config, "80 06" NO_COUNT),
	    "DECR k number=2 cas=5 want-cas has-cas");
}

static void
without_uniques_a_store_is_bound_to_none(void)
{
	static const struct codec_config none = { .item_max = ITEM_MAX };

	EXPECT_TEXT(with_cas(&none, "80 01" STORE), "SET k want-cas body=2");
	EXPECT_TEXT(with_cas(&none, "80 02" STORE), "ADD k want-cas body=2");
	EXPECT_TEXT(with_cas(&none, "80 0f" KV),
	    "PREPEND k want-cas body=2");
	EXPECT_TEXT(with_cas(&none, "80 04" K),
	    "DELETE k cas=5 want-cas has-cas");
}

/* What each command looks like, by the table. */
enum { KEY = 1, KEY_MAYBE = 2, VALUE = 4, EXTRAS_MAYBE = 8 };
enum { QUIET, WITH_KEY, CLOSE };

static const struct {
	unsigned	code, extras, parts;
} shapes[] = {
#define PACKET(code, name, op, extras, parts, ...)	{ code, extras, parts },
#include "proto/commands.def"
};

static const char *
meaning_of_shape(unsigned code, unsigned extras, unsigned key,
    unsigned value)
{
	char packet[200];

	snprintf(packet, sizeof packet, "80 %02x %04x %02x 00 0000 %08x "
	    "deadbeef 0000000000000000 -%u", code, key, extras,
	    extras + key + value, extras + key + value);
	return meaning(packet);
}

static void
any_other_shape_is_refused(void)
{
	static const char refused[] = "REJECT BAD_FORMAT close";

	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
		for (unsigned extras = 0; extras < 24; extras++)
			for (unsigned key = 0; key < 2; key++)
				for (unsigned value = 0; value < 2; value++) {
	unsigned parts = shapes[i].parts;
	bool good = (extras == shapes[i].extras ||
	    (extras == 0 && parts & EXTRAS_MAYBE)) &&
	    (parts & KEY_MAYBE || key == (parts & KEY)) &&
	    (value == 0 || parts & VALUE);
	const char *got = meaning_of_shape(shapes[i].code, extras, key,
	    value);

	if (!EXPECT_EQUAL(strcmp(got, refused) != 0, good))
		printf("# %02x extras %u key %u value %u: %s\n",
		    shapes[i].code, extras, key, value, got);
				}
}

static void
parts_longer_than_the_body_are_refused(void)
{
	EXPECT_TEXT(meaning("80 00 0002 00 00 0000 00000001 deadbeef "
	    "0000000000000000 6b"), "REJECT ERROR close");
	EXPECT_TEXT(meaning("80 01 0001 08 00 0000 00000008 deadbeef "
	    "0000000000000000 -8"), "REJECT ERROR close");
	EXPECT_TEXT(meaning("80 55 ffff ff 00 0000 00000000 deadbeef "
	    "0000000000000000"), "REJECT ERROR close");
}

static void
an_unknown_command_is_skipped(void)
{
	EXPECT_TEXT(meaning("80 1b" EMPTY), "REJECT ERROR swallow=0");
	EXPECT_TEXT(meaning("80 55" STORE), "REJECT ERROR swallow=11");
	EXPECT_TEXT(meaning("80 ff 0001 00 00 0000 ffffffff deadbeef "
	    "0000000000000000"), "REJECT ERROR swallow=4294967295");
}

static void
a_value_above_the_limit_is_swallowed(void)
{
	EXPECT_TEXT(meaning("80 01 0001 08 00 0000 000003f1 deadbeef "
	    "0000000000000000 00000000 00000000 6b"),
	    "SET k want-cas body=1000");
	EXPECT_TEXT(meaning("80 01 0001 08 00 0000 000003f2 deadbeef "
	    "0000000000000000 00000000 00000000 6b"),
	    "SET k too-large want-cas swallow=1001");
	EXPECT_TEXT(meaning("80 21 0001 00 00 0000 00000802 deadbeef "
	    "0000000000000000 6b"),
	    "SASL_AUTH k too-large want-cas swallow=2049");
	EXPECT_TEXT(meaning("80 19 0001 00 00 0000 ffffffff deadbeef "
	    "0000000000000000 6b"),
	    "APPEND k quiet too-large swallow=4294967294");
}

static void
a_packet_is_waited_for(void)
{
	char bytes[PACKET_MAX];
	size_t length = unhex(SET_KEY, bytes), consumed;
	struct codec codec;
	struct request request;

	proto_open(&codec, &config, PROTO_BINARY);
	for (size_t end = 1; end < HEADER + 11; end++) {
		parse_by(&codec, bytes, end, &consumed, &request);
		EXPECT_TEXT(said, "MORE");
		EXPECT_EQUAL(consumed, 0);
	}
	for (size_t end = HEADER + 11; end <= length; end++) {
		parse_by(&codec, bytes, end, &consumed, &request);
		EXPECT_EQUAL(consumed, HEADER + 11);
	}
}

static void
another_magic_closes(void)
{
	for (unsigned magic = 0; magic < 256; magic++) {
		char packet[200];

		snprintf(packet, sizeof packet, "%02x 0a" EMPTY, magic);
		EXPECT_TEXT(meaning(packet), magic == 0x80 ?
		    "NOOP want-cas" : "CLOSE");
		packet[2] = '\0';
		EXPECT_TEXT(meaning(packet), magic == 0x80 ?
		    "MORE" : "CLOSE");
	}
}

static const char *
meaning_to_choice(enum proto_choice choice, const char *text,
    struct codec *codec)
{
	char bytes[PACKET_MAX];
	struct request request;
	size_t consumed;

	proto_open(codec, &config, choice);
	parse_by(codec, bytes, unhex(text, bytes), &consumed, &request);
	return said;
}

static void
the_first_byte_chooses_the_protocol(void)
{
	struct codec codec;

	EXPECT_TEXT(meaning_to_choice(PROTO_NEGOTIATE, "80", &codec), "MORE");
	EXPECT(codec.protocol == &binary_protocol);
	EXPECT_TEXT(meaning_to_choice(PROTO_NEGOTIATE, "81", &codec), "MORE");
	EXPECT(codec.protocol != &binary_protocol);
	EXPECT_TEXT(meaning_to_choice(PROTO_NEGOTIATE, "0d 0a", &codec),
	    "REJECT ERROR");
	EXPECT_TEXT(meaning_to_choice(PROTO_TEXT, "80 0d 0a", &codec),
	    "REJECT ERROR");
	EXPECT_TEXT(meaning_to_choice(PROTO_BINARY, "0d 0a", &codec),
	    "CLOSE");
}

/* Replies */

static struct evbuffer *buffer;
static struct output output;

static void
begin_output(void)
{
	buffer = evbuffer_new();
	output_open(&output, buffer);
}

/* All that was sent, in hex, with a blank behind each part of a header. */
static const char *
sent(void)
{
	static const char gaps[HEADER] = {
		1, 1, 0, 1, 1, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1,
		0, 0, 0, 0, 0, 0, 0, 1,
	};
	static unsigned char bytes[1 << 16];
	static char text[4 * sizeof bytes];
	char *at = text;
	ssize_t length;

	output_close(&output);
	length = evbuffer_copyout(buffer, bytes, sizeof bytes);
	for (ssize_t i = 0; i < length; i++)
		at += sprintf(at, "%02x%s", bytes[i],
		    i < HEADER && gaps[i] && i + 1 < length ? " " : "");
	*at = '\0';
	evbuffer_free(buffer);
	return text;
}

static const char *
reply_to(enum op op, uint8_t opcode, unsigned flags, struct reply reply)
{
	struct request request = {
		.protocol = &binary_protocol, .op = op, .flags = flags,
		.key = SLICE("key"), .opaque = 0xdeadbeef, .opcode = opcode,
	};

	begin_output();
	proto_reply(&output, &request, &reply);
	return sent();
}

static const char *
status_to(enum op op, uint8_t opcode, unsigned flags, enum status status)
{
	return reply_to(op, opcode, flags, (struct reply){
		.status = status });
}

static const struct {
	enum op		 op;
	uint8_t		 opcode;
	enum status	 status;
	const char	*packet;
} outcomes[] = {
#define GOOD(opcode)	"81 " opcode " 0000 00 00 0000 00000000 deadbeef " \
			"0000000000000000"
#define BAD(opcode, code, length, text)					\
			"81 " opcode " 0000 00 00 " code " 000000" length \
			" deadbeef 0000000000000000 " text
#define NOT_FOUND	"4e6f7420666f756e64"
#define DATA_EXISTS	"446174612065786973747320666f72206b65792e"
	{ OP_SET, 1, STATUS_STORED, GOOD("01") },
	{ OP_DELETE, 4, STATUS_DELETED, GOOD("04") },
	{ OP_NOOP, 0xa, STATUS_OK, GOOD("0a") },
	{ OP_FLUSH, 8, STATUS_OK, GOOD("08") },
	{ OP_STATS, 0x10, STATUS_STATS, GOOD("10") },
	{ OP_STATS, 0x10, STATUS_RESET, GOOD("10") },
	{ OP_GETS, 0, STATUS_MISS, BAD("00", "0001", "09", NOT_FOUND) },
	{ OP_DELETE, 4, STATUS_NOT_FOUND, BAD("04", "0001", "09", NOT_FOUND) },
	{ OP_STATS, 0x10, STATUS_ERROR, BAD("10", "0001", "09", NOT_FOUND) },
	{ OP_STATS, 0x10, STATUS_BAD_DETAIL,
	    BAD("10", "0001", "09", NOT_FOUND) },
	{ OP_CAS, 1, STATUS_EXISTS, BAD("01", "0002", "14", DATA_EXISTS) },
	{ OP_ADD, 2, STATUS_NOT_STORED, BAD("02", "0002", "14", DATA_EXISTS) },
	{ OP_REPLACE, 3, STATUS_NOT_STORED,
	    BAD("03", "0001", "09", NOT_FOUND) },
	{ OP_SET, 1, STATUS_TOO_LARGE,
	    BAD("01", "0003", "0a", "546f6f206c617267652e") },
	{ OP_REJECT, 5, STATUS_BAD_FORMAT, BAD("05", "0004", "11",
	    "496e76616c696420617267756d656e7473") },
	/* One that has no code of its own. */
	{ OP_STATS, 0x10, STATUS_BAD_EXPTIME, BAD("10", "0004", "11",
	    "496e76616c696420617267756d656e7473") },
	{ OP_APPEND, 0xe, STATUS_NOT_STORED,
	    BAD("0e", "0005", "0b", "4e6f742073746f7265642e") },
	{ OP_INCR, 5, STATUS_NOT_A_NUMBER, BAD("05", "0006", "2e",
	    "4e6f6e2d6e756d65726963207365727665722d736964652076616c7565"
	    "20666f7220696e6372206f722064656372") },
	{ OP_SASL_MECHANISMS, 0x20, STATUS_MECHANISMS,
	    BAD("20", "0000", "05", "504c41494e") },
	{ OP_SASL_AUTH, 0x21, STATUS_AUTHENTICATED,
	    BAD("21", "0000", "0d", "41757468656e74696361746564") },
	{ OP_SASL_AUTH, 0x21, STATUS_AUTH_FAILURE,
	    BAD("21", "0020", "0d", "41757468206661696c7572652e") },
	{ OP_GETS, 0, STATUS_UNAUTHENTICATED,
	    BAD("00", "0020", "0d", "41757468206661696c7572652e") },
	{ OP_FLUSH, 8, STATUS_NO_FLUSH,
	    BAD("08", "0020", "0d", "41757468206661696c7572652e") },
	{ OP_REJECT, 0x55, STATUS_ERROR, BAD("55", "0081", "0f",
	    "556e6b6e6f776e20636f6d6d616e64") },
	{ OP_SET, 1, STATUS_NO_MEMORY,
	    BAD("01", "0082", "0d", "4f7574206f66206d656d6f7279") },
	{ OP_GETS, 0, STATUS_NO_MEMORY_READ,
	    BAD("00", "0082", "0d", "4f7574206f66206d656d6f7279") },
};

static void
each_outcome_has_its_packet(void)
{
	for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
		EXPECT_TEXT(status_to(outcomes[i].op, outcomes[i].opcode, 0,
		    outcomes[i].status), outcomes[i].packet);
}

static void
a_quiet_request_hears_of_errors_only(void)
{
	for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
		bool silent = outcomes[i].status == STATUS_MISS ||
		    strstr(outcomes[i].packet, " 0000 0000000") != NULL;

		EXPECT_TEXT(status_to(outcomes[i].op, outcomes[i].opcode,
		    REQUEST_QUIET, outcomes[i].status),
		    silent ? "" : outcomes[i].packet);
	}
}

static void
a_value_comes_with_flags_and_unique(void)
{
	struct reply reply = {
		.status = STATUS_VALUE, .client_flags = 0x01020304,
		.cas = 0x1112131415161718, .value = SLICE("hello"),
	};

	EXPECT_TEXT(reply_to(OP_GETS, 0, 0, reply),
	    "81 00 0000 04 00 0000 00000009 deadbeef 1112131415161718 "
	    "0102030468656c6c6f");
	EXPECT_TEXT(reply_to(OP_GETS, 9, REQUEST_QUIET, reply),
	    "81 09 0000 04 00 0000 00000009 deadbeef 1112131415161718 "
	    "0102030468656c6c6f");
	EXPECT_TEXT(reply_to(OP_GATS, 0x24, REQUEST_QUIET |
	    REQUEST_WITH_KEY, reply),
	    "81 24 0003 04 00 0000 0000000c deadbeef 1112131415161718 "
	    "010203046b657968656c6c6f");
	reply.value.length = 0;
	EXPECT_TEXT(reply_to(OP_GETS, 0, 0, reply),
	    "81 00 0000 04 00 0000 00000004 deadbeef 1112131415161718 "
	    "01020304");
}

static void
a_miss_may_give_the_key_back(void)
{
	EXPECT_TEXT(status_to(OP_GETS, 0xc, REQUEST_WITH_KEY, STATUS_MISS),
	    "81 0c 0003 00 00 0001 00000003 deadbeef 0000000000000000 "
	    "6b6579");
	EXPECT_TEXT(status_to(OP_GETS, 0xd, REQUEST_WITH_KEY |
	    REQUEST_QUIET, STATUS_MISS), "");
}

static void
a_write_gives_the_new_unique(void)
{
	struct reply reply = { .status = STATUS_STORED, .cas = 77 };

	EXPECT_TEXT(reply_to(OP_SET, 1, 0, reply),
	    "81 01 0000 00 00 0000 00000000 deadbeef 000000000000004d");
	EXPECT_TEXT(reply_to(OP_APPEND, 0xe, 0, reply),
	    "81 0e 0000 00 00 0000 00000000 deadbeef 000000000000004d");
}

static void
a_number_has_eight_bytes(void)
{
	struct reply reply = {
		.status = STATUS_NUMBER, .cas = 1,
		.number = 0xfffefdfcfbfaf9f8,
	};

	EXPECT_TEXT(reply_to(OP_INCR, 5, 0, reply),
	    "81 05 0000 00 00 0000 00000008 deadbeef 0000000000000001 "
	    "fffefdfcfbfaf9f8");
	reply.status = STATUS_STORED;	/* it began with the initial one */
	EXPECT_TEXT(reply_to(OP_DECR, 6, 0, reply),
	    "81 06 0000 00 00 0000 00000008 deadbeef 0000000000000001 "
	    "fffefdfcfbfaf9f8");
	EXPECT_TEXT(reply_to(OP_DECR, 0x16, REQUEST_QUIET, reply), "");
}

static void
touch_gives_flags_and_unique(void)
{
	struct reply reply = {
		.status = STATUS_TOUCHED, .cas = 2, .client_flags = 3,
	};

	EXPECT_TEXT(reply_to(OP_TOUCH, 0x1c, 0, reply),
	    "81 1c 0000 04 00 0000 00000004 deadbeef 0000000000000002 "
	    "00000003");
}

static void
the_version_is_text(void)
{
	const char *packet = status_to(OP_VERSION, 0xb, 0, STATUS_VERSION);

	EXPECT_EQUAL(strncmp(packet, "81 0b 0000 00 00 0000 000000", 28), 0);
	EXPECT(strstr(packet, " 312e362e34352d636169726e2d") != NULL);
}

static void
add_in_two_parts(void *context, struct output *to)
{
	const char *value = context;

	output_reference(to, value, 2, NULL, NULL);
	output_bytes(to, value + 2, 3);
}

static void
a_value_may_add_itself(void)
{
	static char value[] = "hello";
	struct reply reply = {
		.status = STATUS_VALUE, .value = { NULL, 5 },
		.add_value = add_in_two_parts, .context = value,
	};

	EXPECT_TEXT(reply_to(OP_GETS, 0xc, REQUEST_WITH_KEY, reply),
	    "81 0c 0003 04 00 0000 0000000c deadbeef 0000000000000000 "
	    "000000006b657968656c6c6f");
}

static void
values_of_any_length_are_sent_whole(void)
{
	static char value[20000];

	memset(value, 'v', sizeof value);
	for (size_t length = 1; length < sizeof value;
	    length += length / 7 + 1) {
		const char *packet = reply_to(OP_GETS, 0, 0, (struct reply){
			.status = STATUS_VALUE, .value = { value, length } });
		char head[120];

		snprintf(head, sizeof head, "81 00 0000 04 00 0000 %08zx "
		    "deadbeef 0000000000000000 00000000", length + 4);
		EXPECT_EQUAL(strncmp(packet, head, strlen(head)), 0);
		EXPECT_EQUAL(strlen(packet), strlen(head) + 2 * length);
	}
}

static void
statistics_are_packets(void)
{
	struct request request = {
		.protocol = &binary_protocol, .op = OP_STATS,
		.opcode = 0x10, .opaque = 0xdeadbeef,
	};

	begin_output();
	proto_stat(&output, &request, "pid", "12");
	EXPECT_TEXT(sent(), "81 10 0003 00 00 0000 00000005 deadbeef "
	    "0000000000000000 7069643132");
}

static void
a_statistic_may_be_long(void)
{
	static char value[20000 + 1];
	struct request request = { .protocol = &binary_protocol };

	memset(value, 'v', sizeof value - 1);
	begin_output();
	proto_stat(&output, &request, "x", value);
	EXPECT_EQUAL(output_length(&output), HEADER + sizeof value);
	sent();
}

int
main(void)
{
	RUN(a_packet_gives_a_request);
	RUN(each_opcode_has_its_request);
	RUN(no_command_is_left_out);
	RUN(a_value_may_be_empty);
	RUN(a_key_is_any_bytes_up_to_250);
	RUN(numbers_have_all_their_bits);
	RUN(times_are_those_of_text);
	RUN(a_unique_binds_a_write);
	RUN(without_uniques_a_store_is_bound_to_none);
	RUN(any_other_shape_is_refused);
	RUN(parts_longer_than_the_body_are_refused);
	RUN(an_unknown_command_is_skipped);
	RUN(a_value_above_the_limit_is_swallowed);
	RUN(a_packet_is_waited_for);
	RUN(another_magic_closes);
	RUN(the_first_byte_chooses_the_protocol);

	RUN(each_outcome_has_its_packet);
	RUN(a_quiet_request_hears_of_errors_only);
	RUN(a_value_comes_with_flags_and_unique);
	RUN(a_miss_may_give_the_key_back);
	RUN(a_write_gives_the_new_unique);
	RUN(a_number_has_eight_bytes);
	RUN(touch_gives_flags_and_unique);
	RUN(the_version_is_text);
	RUN(a_value_may_add_itself);
	RUN(values_of_any_length_are_sent_whole);
	RUN(statistics_are_packets);
	RUN(a_statistic_may_be_long);
	return tap_done();
}
