/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * text.c - lines of the text protocol to requests, replies to bytes.
 *
 * What a line means is compared as words: the op, what differs from an empty
 * request, and what the parser asks for. "READ" is a request that is whole,
 * "|" stands between two.
 */
#include "proto/text.h"

#include <event2/buffer.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "tap.h"

#define NOW		((int64_t)1700000000000)
#define ITEM_MAX	1000
#define LINE_MAX	100000
#define TRAILER		2

static const struct codec_config config = {
	.item_max = ITEM_MAX, .line_max = LINE_MAX,
	.request_max = LINE_MAX,
};

static const char *const op_names[] = {
#define OP(name, scope, access, function)	[OP_##name] = #name,
#include "proto/commands.def"
};

static const char *const status_names[] = {
#define STATUS(name, ...)	[STATUS_##name] = #name,
#include "proto/statuses.def"
};

/* The words are collected here. */
static char said[1 << 16];
static size_t said_length;

static void __attribute__((format(printf, 1, 2)))
say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	said_length += (size_t)vsnprintf(said + said_length,
	    sizeof said - said_length, format, arguments);
	va_end(arguments);
	if (said_length >= sizeof said)
		said_length = sizeof said - 1;
}

static void
say_slice(const char *name, struct slice slice)
{
	if (slice.bytes != NULL)
		say(" %s=%.*s", name, (int)slice.length, slice.bytes);
}

static void
say_number(const char *name, uint64_t number)
{
	if (number != 0)
		say(" %s=%" PRIu64, name, number);
}

/* Relative to now, when it is near. */
static void
say_expiry(int64_t expiry)
{
	int64_t from_now = expiry - NOW;

	if (expiry == 0)
		return;
	if (from_now > -1000000000 && from_now < 10000000000)
		say(" expiry=now+%" PRId64, from_now);
	else
		say(" expiry=%" PRId64, expiry);
}

static void
say_request(const struct request *request)
{
	say("%s", op_names[request->op]);
	if (request->status != STATUS_NONE)
		say(" %s", status_names[request->status]);
	if (request->op != OP_REJECT) {
		say_slice("key", request->key);
		say_number("flags", request->client_flags);
		say_expiry(request->expiry);
		say_number("number", request->number);
		say_number("cas", request->cas);
		say_slice("argument", request->argument);
	}
	if (request->flags & REQUEST_NOREPLY)
		say(" noreply");
	if (request->flags & REQUEST_LAST)
		say(" last");
	if (request->flags & REQUEST_TOO_LARGE)
		say(" large");
}

/* Parse one request and say it. True: there may be another. */
static bool
say_next(struct codec *codec, struct slice *input)
{
	struct slice before = *input;
	struct request request;
	size_t body = 0;
	enum parse result = proto_parse(codec, input, &request, &body);

	if (result == PARSE_MORE) {
		EXPECT(input->bytes == before.bytes &&
		    input->length == before.length);
		return false;
	}
	if (said_length > 0)
		say(" | ");
	if (result == PARSE_CLOSE) {
		say("CLOSE");
		return false;
	}
	if (result != PARSE_REQUEST && input->length < body + TRAILER) {
		/* The value is not whole: begin again with its header. */
		*input = before;
		said_length -= said_length > 0 ? 3 : 0;
		return false;
	}
	say_request(&request);
	if (result == PARSE_REQUEST)
		return true;
	say(result == PARSE_BODY ? " body=%zu" : " swallow=%zu", body);
	input->bytes += body + TRAILER;
	input->length -= body + TRAILER;
	return true;
}

/*
 * Say all requests that a stream begins with. Returns how many bytes were
 * consumed. The stream is copied so that reading past its end is noticed.
 */
static size_t
say_all(struct codec *codec, const char *stream, size_t length)
{
	char *copy = malloc(length > 0 ? length : 1);
	struct slice input = { copy, length };

	memcpy(copy, stream, length);
	while (say_next(codec, &input))
		;
	free(copy);
	return length - input.length;
}

static void
open_codec(struct codec *codec)
{
	proto_open(codec, &config, PROTO_TEXT);
	codec->now = NOW;
	said_length = 0;
	said[0] = '\0';
}

/* What a stream says; "" when its first request is not whole. */
static const char *
meaning_of(const char *stream, size_t length)
{
	struct codec codec;

	open_codec(&codec);
	say_all(&codec, stream, length);
	return said;
}

static const char *
meaning(const char *stream)
{
	return meaning_of(stream, strlen(stream));
}

/* `before`, `count` times a byte, `after`. Valid until the next call. */
static const char *
padded(const char *before, size_t count, char byte, const char *after)
{
	static char line[2 * LINE_MAX];
	size_t length = strlen(before);

	memcpy(line, before, length);
	memset(line + length, byte, count);
	strcpy(line + length + count, after);
	return line;
}

/* A key of 250 bytes is the longest. */
static const char *
with_key(const char *before, size_t length, const char *after)
{
	return padded(before, length, 'k', after);
}

struct saying {
	const char	*line, *means;
};

static void
expect_sayings(const struct saying *sayings, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!EXPECT_TEXT(meaning(sayings[i].line), sayings[i].means))
			printf("# the line was %s", sayings[i].line);
}

#define EXPECT_SAYINGS(sayings)						\
	expect_sayings((sayings), sizeof (sayings) / sizeof *(sayings))

/* Reading */

static void
get_gives_a_request_for_each_key(void)
{
	static const struct saying sayings[] = {
		{ "get a\r\n", "GET key=a last" },
		{ "gets a\r\n", "GETS key=a last" },
		{ "get a b c\r\n", "GET key=a | GET key=b | GET key=c last" },
		{ "gets a a\r\n", "GETS key=a | GETS key=a last" },
		{ "get a noreply\r\n", "GET key=a | GET key=noreply last" },
		{ "get / HTTP/1.0\r\n", "GET key=/ | GET key=HTTP/1.0 last" },
		{ "get a\r\nget b\r\n", "GET key=a last | GET key=b last" },
	};

	EXPECT_SAYINGS(sayings);
}

static void
get_needs_a_key(void)
{
	static const struct saying sayings[] = {
		{ "get\r\n", "REJECT ERROR" },
		{ "get  \r\n", "REJECT ERROR" },
		{ "gets\r\n", "REJECT ERROR" },
		{ "gat\r\n", "REJECT ERROR" },
		{ "gats\r\n", "REJECT ERROR" },
	};

	EXPECT_SAYINGS(sayings);
}

static void
gat_takes_a_time_and_keys(void)
{
	static const struct saying sayings[] = {
		{ "gat 0 a\r\n", "GAT key=a last" },
		{ "gat 10 a b\r\n", "GAT key=a expiry=now+10000 | "
		    "GAT key=b expiry=now+10000 last" },
		{ "gats 10 a\r\n", "GATS key=a expiry=now+10000 last" },
		{ "gat -1 a\r\n", "GAT key=a expiry=1 last" },
		{ "gat 0\r\n", "REJECT MISS last" },
		{ "gat x\r\n", "REJECT BAD_EXPTIME" },
		{ "gat x a b\r\nget c\r\n", "REJECT BAD_EXPTIME | "
		    "GET key=c last" },
	};

	EXPECT_SAYINGS(sayings);
}

static void
a_key_too_long_anywhere_refuses_the_whole_line(void)
{
	EXPECT(strncmp(meaning(with_key("get ", 250, "\r\n")), "GET key=kkk",
	    11) == 0);
	EXPECT_TEXT(meaning(with_key("get ", 251, "\r\n")),
	    "REJECT BAD_FORMAT");
	EXPECT_TEXT(meaning(with_key("get a b ", 251, " c\r\nget d\r\n")),
	    "REJECT BAD_FORMAT | GET key=d last");
	EXPECT_TEXT(meaning(with_key("gat 0 a ", 251, "\r\n")),
	    "REJECT BAD_FORMAT");
}

static void
a_line_may_have_very_many_keys(void)
{
	static char line[3 + 2 * 40000 + 1] = "get";
	struct slice input = { line, sizeof line };
	struct codec codec;
	struct request request;
	size_t body;
	unsigned count = 0;

	for (unsigned n = 0; n < 40000; n++)
		memcpy(line + 3 + 2 * n, " k", 2);
	line[sizeof line - 1] = '\n';
	open_codec(&codec);
	while (proto_parse(&codec, &input, &request, &body) == PARSE_REQUEST) {
		count++;
		EXPECT(slice_equal(request.key, SLICE("k")));
		EXPECT_EQUAL(!!(request.flags & REQUEST_LAST),
		    count == 40000);
	}
	EXPECT_EQUAL(count, 40000);
	EXPECT_EQUAL(input.length, 0);
}

/* Storing */

static void
each_storing_verb_asks_for_its_value(void)
{
	static const struct saying sayings[] = {
		{ "set a 1 0 3\r\nxyz\r\n", "SET key=a flags=1 body=3" },
		{ "add a 1 0 3\r\nxyz\r\n", "ADD key=a flags=1 body=3" },
		{ "replace a 0 0 3\r\nxyz\r\n", "REPLACE key=a body=3" },
		{ "append a 0 0 3\r\nxyz\r\n", "APPEND key=a body=3" },
		{ "prepend a 0 0 3\r\nxyz\r\n", "PREPEND key=a body=3" },
		{ "cas a 0 0 3 77\r\nxyz\r\n", "CAS key=a cas=77 body=3" },
		{ "set a 0 0 0\r\n\r\nget b\r\n",
		    "SET key=a body=0 | GET key=b last" },
		{ "set a 0 0 1 noreply\r\nx\r\n",
		    "SET key=a noreply body=1" },
		{ "cas a 0 0 1 5 noreply\r\nx\r\n",
		    "CAS key=a cas=5 noreply body=1" },
		{ "set a 0 0 1 extra\r\nx\r\n", "SET key=a body=1" },
		{ "set a 0 0 1 NOREPLY\r\nx\r\n", "SET key=a body=1" },
	};

	EXPECT_SAYINGS(sayings);
}

static void
the_parser_asks_for_the_value_without_having_it(void)
{
	struct slice input = SLICE("set a 0 0 5\r\n");
	struct codec codec;
	struct request request;
	size_t body = 0;

	open_codec(&codec);
	EXPECT_EQUAL(proto_parse(&codec, &input, &request, &body),
	    PARSE_BODY);
	EXPECT_EQUAL(body, 5);
	EXPECT_EQUAL(input.length, 0);
}

static void
a_value_above_the_limit_is_to_be_swallowed(void)
{
	struct slice input = SLICE("set a 0 0 2147483645\r\n");
	struct codec codec;
	struct request request;
	size_t body = 0;

	EXPECT_TEXT(meaning(padded("set a 0 0 1000\r\n", 1000, 'x', "\r\n")),
	    "SET key=a body=1000");
	EXPECT_TEXT(meaning(padded("set a 0 0 1001\r\n", 1001, 'x', "\r\n")),
	    "SET key=a large swallow=1001");
	EXPECT_TEXT(meaning(padded("append a 0 0 1001 noreply\r\n", 1001, 'x',
	    "\r\n")), "APPEND key=a noreply large swallow=1001");
	open_codec(&codec);
	EXPECT_EQUAL(proto_parse(&codec, &input, &request, &body),
	    PARSE_SWALLOW);
	EXPECT_EQUAL(body, 2147483645);
}

static void
too_few_or_too_many_words_are_an_error(void)
{
	static const struct saying sayings[] = {
		{ "set\r\n", "REJECT ERROR" },
		{ "set a\r\n", "REJECT ERROR" },
		{ "set a 0\r\n", "REJECT ERROR" },
		{ "set a 0 0\r\n", "REJECT ERROR" },
		{ "set a 0 0 1 x y\r\n", "REJECT ERROR" },
		{ "set a 0 0 1 a b c d e f g h i\r\n", "REJECT ERROR" },
		{ "cas a 0 0 1\r\n", "REJECT ERROR" },
		{ "cas a 0 0 1 2 x y\r\n", "REJECT ERROR" },
		{ "incr\r\n", "REJECT ERROR" },
		{ "incr a\r\n", "REJECT ERROR" },
		{ "decr a 1 x y\r\n", "REJECT ERROR" },
		{ "delete\r\n", "REJECT ERROR" },
		{ "delete a 0 0 0\r\n", "REJECT ERROR" },
		{ "touch a\r\n", "REJECT ERROR" },
		{ "touch a 1 x y\r\n", "REJECT ERROR" },
		{ "flush_all 0 0 0\r\n", "REJECT ERROR" },
		{ "verbosity\r\n", "REJECT ERROR" },
		{ "cache_memlimit\r\n", "REJECT ERROR" },
	};

	EXPECT_SAYINGS(sayings);
}

static void
a_set_line_that_is_wrong_leaves_the_value_to_be_parsed(void)
{
	static const struct saying sayings[] = {
		{ "set a x 0 1\r\ny\r\n", "REJECT BAD_FORMAT | REJECT ERROR" },
		{ "set a 0 x 1\r\n", "REJECT BAD_FORMAT" },
		{ "set a 0 0 x\r\n", "REJECT BAD_FORMAT" },
		{ "set a -1 0 1\r\n", "REJECT BAD_FORMAT" },
		{ "set a 0 0 -1\r\n", "REJECT BAD_FORMAT" },
		{ "set a 0x1 0 1\r\n", "REJECT BAD_FORMAT" },
		{ "set a 1x 0 1\r\n", "REJECT BAD_FORMAT" },
		{ "set a 0 1.5 1\r\n", "REJECT BAD_FORMAT" },
		{ "set a 4294967296 0 1\r\n", "REJECT BAD_FORMAT" },
		{ "set a 0 9223372036854775808 1\r\n", "REJECT BAD_FORMAT" },
		{ "set a 0 0 2147483646\r\n", "REJECT BAD_FORMAT" },
		{ "set a 0 0 4294967297\r\n", "REJECT BAD_FORMAT" },
		{ "set a 0 0 18446744073709551617\r\n", "REJECT BAD_FORMAT" },
		{ "cas a 0 0 1 x\r\n", "REJECT BAD_FORMAT" },
		{ "cas a 0 0 1 -1\r\n", "REJECT BAD_FORMAT" },
		{ "cas a 0 0 1 18446744073709551616\r\n",
		    "REJECT BAD_FORMAT" },
		{ "cas a 0 0 1 noreply\r\n", "REJECT BAD_FORMAT noreply" },
		{ "set a x 0 1 noreply\r\n", "REJECT BAD_FORMAT noreply" },
	};

	EXPECT_SAYINGS(sayings);
	EXPECT_TEXT(meaning(with_key("set ", 251, " 0 0 1\r\n")),
	    "REJECT BAD_FORMAT");
}

static void
numbers_are_read_as_memcached_does(void)
{
	static const struct saying sayings[] = {
		{ "set a +1 0 01\r\nx\r\n", "SET key=a flags=1 body=1" },
		{ "set a -0 -0 +1\r\nx\r\n", "SET key=a body=1" },
		{ "set a 4294967295 0 1\r\nx\r\n",
		    "SET key=a flags=4294967295 body=1" },
		{ "set a 0 0 1\r\r\nx\r\n", "SET key=a body=1" },
		{ "cas a 0 0 1 18446744073709551615\r\nx\r\n",
		    "CAS key=a cas=18446744073709551615 body=1" },
		{ "incr a +1\r\n", "INCR key=a number=1" },
		{ "incr a 010\r\n", "INCR key=a number=10" },
	};

	EXPECT_SAYINGS(sayings);
}

static void
times_are_relative_up_to_thirty_days(void)
{
	static const struct saying sayings[] = {
		{ "touch a 0\r\n", "TOUCH key=a" },
		{ "touch a 1\r\n", "TOUCH key=a expiry=now+1000" },
		{ "touch a 2592000\r\n", "TOUCH key=a expiry=now+2592000000" },
		{ "touch a 2592001\r\n", "TOUCH key=a expiry=2592001000" },
		{ "touch a 1700000100\r\n", "TOUCH key=a expiry=now+100000" },
		{ "touch a -1\r\n", "TOUCH key=a expiry=1" },
		{ "touch a -9223372036854775808\r\n",
		    "TOUCH key=a expiry=1" },
		{ "touch a 9223372036854775807\r\n",
		    "TOUCH key=a expiry=281474976710655" },
		{ "touch a 281474976710\r\n",
		    "TOUCH key=a expiry=281474976710655" },
		{ "touch a 281474976709\r\n",
		    "TOUCH key=a expiry=281474976709000" },
		{ "touch a 9223372036854775808\r\n", "REJECT BAD_EXPTIME" },
	};

	EXPECT_SAYINGS(sayings);
}

/* Everything else */

static void
incr_and_decr_take_a_delta(void)
{
	static const struct saying sayings[] = {
		{ "incr a 1\r\n", "INCR key=a number=1" },
		{ "decr a 18446744073709551615\r\n",
		    "DECR key=a number=18446744073709551615" },
		{ "incr a 0\r\n", "INCR key=a" },
		{ "incr a 1 noreply\r\n", "INCR key=a number=1 noreply" },
		{ "incr a 1 x\r\n", "INCR key=a number=1" },
		{ "incr a x\r\n", "REJECT BAD_DELTA" },
		{ "incr a -1\r\n", "REJECT BAD_DELTA" },
		{ "incr a 1x\r\n", "REJECT BAD_DELTA" },
		{ "decr a 1.5\r\n", "REJECT BAD_DELTA" },
		{ "decr a 18446744073709551616\r\n", "REJECT BAD_DELTA" },
		{ "incr a x noreply\r\n", "REJECT BAD_DELTA noreply" },
	};

	EXPECT_SAYINGS(sayings);
	EXPECT_TEXT(meaning(with_key("incr ", 251, " 1\r\n")),
	    "REJECT BAD_FORMAT");
}

static void
delete_takes_a_zero_and_nothing_else(void)
{
	static const struct saying sayings[] = {
		{ "delete a\r\n", "DELETE key=a" },
		{ "delete a 0\r\n", "DELETE key=a" },
		{ "delete a noreply\r\n", "DELETE key=a noreply" },
		{ "delete a 0 noreply\r\n", "DELETE key=a noreply" },
		{ "delete a 1\r\n", "REJECT BAD_DELETE" },
		{ "delete a 00\r\n", "REJECT BAD_DELETE" },
		{ "delete a foo\r\n", "REJECT BAD_DELETE" },
		{ "delete a foo bar\r\n", "REJECT BAD_DELETE" },
		{ "delete a noreply 0\r\n", "REJECT BAD_DELETE" },
		{ "delete a 1 noreply\r\n", "REJECT BAD_DELETE noreply" },
	};

	EXPECT_SAYINGS(sayings);
	EXPECT_TEXT(meaning(with_key("delete ", 251, "\r\n")),
	    "REJECT BAD_FORMAT");
}

static void
touch_takes_a_time(void)
{
	static const struct saying sayings[] = {
		{ "touch a 5 noreply\r\n",
		    "TOUCH key=a expiry=now+5000 noreply" },
		{ "touch a x\r\n", "REJECT BAD_EXPTIME" },
		{ "touch a x noreply\r\n", "REJECT BAD_EXPTIME noreply" },
	};

	EXPECT_SAYINGS(sayings);
	EXPECT_TEXT(meaning(with_key("touch ", 251, " 1\r\n")),
	    "REJECT BAD_FORMAT");
}

static void
the_servers_own_commands_are_told_apart(void)
{
	static const struct saying sayings[] = {
		{ "flush_all\r\n", "FLUSH" },
		{ "flush_all noreply\r\n", "FLUSH noreply" },
		{ "flush_all 0\r\n", "FLUSH" },
		{ "flush_all -1\r\n", "FLUSH expiry=1" },
		{ "flush_all 10 noreply\r\n",
		    "FLUSH expiry=now+10000 noreply" },
		{ "version\r\n", "VERSION" },
		{ "verbosity 2\r\n", "VERBOSITY number=2" },
		{ "verbosity 0 0\r\n", "VERBOSITY" },
		{ "verbosity 1 noreply\r\n", "VERBOSITY number=1 noreply" },
		{ "verbosity x\r\n", "REJECT BAD_FORMAT" },
		{ "verbosity noreply\r\n", "REJECT BAD_FORMAT noreply" },
		{ "cache_memlimit 64\r\n", "MEMORY_LIMIT number=64" },
		{ "cache_memlimit 64 x\r\n", "MEMORY_LIMIT number=64" },
		{ "cache_memlimit x\r\n", "REJECT ERROR" },
		{ "cache_memlimit -1\r\n", "REJECT ERROR" },
		{ "cache_memlimit noreply\r\n",
		    "REJECT BAD_FORMAT noreply" },
		{ "stats\r\n", "STATS" },
		{ "stats reset\r\n", "STATS argument=reset" },
		{ "stats  detail on noreply \r\n",
		    "STATS argument=detail on noreply" },
		{ "quit\r\n", "QUIT" },
		{ " quit\r\n", "QUIT" },
		{ "shutdown\r\n", "SHUTDOWN" },
		{ "shutdown graceful\r\n", "SHUTDOWN argument=graceful" },
	};

	EXPECT_SAYINGS(sayings);
}

static void
a_time_to_flush_that_is_none_is_noticed(void)
{
	EXPECT(strstr(meaning("flush_all x\r\n"), "BAD_EXPTIME") != NULL);
	EXPECT(strstr(meaning("flush_all noreply x\r\n"),
	    "BAD_EXPTIME") != NULL);
}

static void
what_is_no_command_is_an_error(void)
{
	static const struct saying sayings[] = {
		{ "\r\n", "REJECT ERROR" },
		{ "\n", "REJECT ERROR" },
		{ "   \r\n", "REJECT ERROR" },
		{ "a\r\n", "REJECT ERROR" },
		{ "GET a\r\n", "REJECT ERROR" },
		{ "Set a 0 0 1\r\nx\r\n", "REJECT ERROR | REJECT ERROR" },
		{ "get\ta\r\n", "REJECT ERROR" },
		{ "getx a\r\n", "REJECT ERROR" },
		{ "ge a\r\n", "REJECT ERROR" },
		{ "version\r\r\n", "REJECT ERROR" },
	};

	EXPECT_SAYINGS(sayings);
}

static void
spaces_part_words_and_a_line_may_end_without_a_return(void)
{
	static const struct saying sayings[] = {
		{ " get   a   b \r\n", "GET key=a | GET key=b last" },
		{ "get a\n", "GET key=a last" },
		{ "get a b\nget c\n", "GET key=a | GET key=b last | "
		    "GET key=c last" },
		{ "set  a  0  0  1 \nx\r\n", "SET key=a body=1" },
		{ " set a 0 0 1  noreply \r\nx\r\n",
		    "SET key=a noreply body=1" },
		{ "delete a\tb\r\n", "DELETE key=a\tb" },
		{ "get a\rb\r\n", "GET key=a\rb last" },
		{ "get \x01\x7f\xff\r\n", "GET key=\x01\x7f\xff last" },
	};

	EXPECT_SAYINGS(sayings);
}

/* What is plain is parsed apart; with one more space it is not. */
static void
a_plain_line_means_what_it_means_with_more_spaces(void)
{
	static const char *const arguments[] = {
		"", "a", "a 0 0 1", "a 4294967295 0 1", "a 4294967296 0 1",
		"a 999999999 0 1", "a 1000000000 0 1", "a 1 2592000 1",
		"a 1 2592001 1", "a 1 999999999 1", "a 1 1000000000 1",
		"a 1 -1 1", "a +1 0 1", "a 1x 0 1", "a 1 0x 1", "a 1 0 1x",
		"a  0 1", "a 0  1", "a 0 0 ", "a 0 0", "a 0 0 1000",
		"a 0 0 1001", "a 0 0 0000000001", "a 0 0 000000001",
		"a 0 0 1 noreply", "a\r 0 0 1", "a 0 0\r 1", "a 0 0 1\r",
	};
	static const char *const ends[] = { "\r\nx\r\n", "\nx\r\n" };
	static const char *const verbs[] = { "get", "set", "add" };
	char plain[64], spaced[64], means[256];

	for (size_t i = 0; i < 6 * sizeof arguments / sizeof *arguments; i++) {
		const char *words = arguments[i / 6], *end = ends[i % 2];
		const char *verb = verbs[i / 2 % 3];

		snprintf(plain, sizeof plain, "%s %s%s", verb, words, end);
		snprintf(spaced, sizeof spaced, "%s  %s%s", verb, words, end);
		snprintf(means, sizeof means, "%s", meaning(spaced));
		if (!EXPECT_TEXT(meaning(plain), means))
			printf("# the line was %s", plain);
	}
}

static void
a_browser_is_hung_up_on(void)
{
	static const struct saying sayings[] = {
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "CLOSE" },
		{ "POST /x y HTTP/1.0\r\n", "CLOSE" },
		{ "foo HTTP/\r\n", "CLOSE" },
		{ "get a\r\nGET / HTTP/1.1\r\n", "GET key=a last | CLOSE" },
		{ "foo HTTP/ bar\r\n", "REJECT ERROR" },
		{ "foo HTTP\r\n", "REJECT ERROR" },
		{ "foo http/1.1\r\n", "REJECT ERROR" },
	};

	EXPECT_SAYINGS(sayings);
}

/* A line that does not end */

static enum parse
result_of(const char *bytes)
{
	struct slice input = { bytes, strlen(bytes) };
	struct codec codec;
	struct request request;
	size_t body;

	open_codec(&codec);
	return proto_parse(&codec, &input, &request, &body);
}

static void
two_kilobytes_without_an_end_are_too_many(void)
{
	EXPECT_EQUAL(result_of(padded("", 2048, 'a', "")), PARSE_MORE);
	EXPECT_EQUAL(result_of(padded("", 2049, 'a', "")), PARSE_CLOSE);
	EXPECT_EQUAL(result_of(padded("set ", 2045, 'a', "")), PARSE_CLOSE);
	EXPECT_EQUAL(result_of(padded("gat 0 ", 2045, 'a', "")),
	    PARSE_CLOSE);
	EXPECT_EQUAL(result_of(padded("getx ", 2045, 'a', "")), PARSE_CLOSE);
}

static void
get_waits_for_the_end_of_a_much_longer_line(void)
{
	EXPECT_EQUAL(result_of(padded("get ", 30000, 'a', "")), PARSE_MORE);
	EXPECT_EQUAL(result_of(padded("gets ", 30000, 'a', "")), PARSE_MORE);
	EXPECT_EQUAL(result_of(padded("get ", LINE_MAX - 5, 'a', "")),
	    PARSE_MORE);
	EXPECT_EQUAL(result_of(padded("get ", LINE_MAX, 'a', "")),
	    PARSE_CLOSE);
}

static void
a_hundred_spaces_may_stand_before_the_verb(void)
{
	static char line[4000];

	memset(line, ' ', 100);
	memset(line + 100, 'a', 3000);
	memcpy(line + 100, "get ", 4);
	EXPECT_EQUAL(result_of(line), PARSE_MORE);
	memcpy(line + 100, " get ", 5);
	EXPECT_EQUAL(result_of(line), PARSE_CLOSE);
}

static void
a_long_line_with_an_end_is_parsed(void)
{
	EXPECT_TEXT(meaning(padded("", 5000, 'a', "\r\n")), "REJECT ERROR");
	EXPECT_TEXT(meaning(padded("delete ", 5000, 'a', "\r\n")),
	    "REJECT BAD_FORMAT");
	EXPECT_TEXT(meaning(padded("get a", 5000, ' ', "b\r\n")),
	    "GET key=a | GET key=b last");
}

/* Streams cut anywhere */

static const char *const streams[] = {
	"get a\r\n",
	"get a b  c \r\nversion\r\n",
	"gats 100 one two\r\n",
	"set key 7 100 5\r\nvalue\r\nget key\r\n",
	"cas key 7 100 5 99 noreply\r\nvalue\r\n",
	"set k 0 0 0\r\n\r\nset k 0 0 2\r\n\r\n\r\n",
	"incr n 5\r\ndecr n 5 noreply\r\ndelete n\r\ntouch n 100\r\n",
	"flush_all\r\nstats items\r\nverbosity 1\r\nquit\r\n",
	"wrong\r\n\r\n \n set a x 0 1\r\nx\r\nget b\n",
	"replace r 1 1 3\r\nabc\r\nappend a 0 0 1\r\nx\r\n",
	"prepend p 0 0 1\nx\r\nadd a 0 0 1\r\nx\r\ngets a b\n",
};

#define STREAMS	(sizeof streams / sizeof *streams)

static void
any_beginning_of_a_request_gives_more(void)
{
	for (size_t i = 0; i < STREAMS; i++) {
		size_t end = strcspn(streams[i], "\n");

		for (size_t length = 0; length <= end; length++)
			EXPECT_TEXT(meaning_of(streams[i], length), "");
		EXPECT(meaning(streams[i])[0] != '\0');
	}
}

/* The second part arrives behind what the first one left over. */
static void
expect_same_when_cut(const char *stream, size_t cut, const char *whole)
{
	struct codec codec;
	size_t length = strlen(stream), used;

	open_codec(&codec);
	used = say_all(&codec, stream, cut);
	used += say_all(&codec, stream + used, length - used);
	EXPECT_EQUAL(used, length);
	if (!EXPECT_TEXT(said, whole))
		printf("# cut at %zu\n", cut);
}

static void
a_stream_means_the_same_wherever_it_is_cut(void)
{
	for (size_t i = 0; i < STREAMS; i++) {
		char *whole = strdup(meaning(streams[i]));

		for (size_t cut = 0; cut <= strlen(streams[i]); cut++)
			expect_same_when_cut(streams[i], cut, whole);
		free(whole);
	}
}

static void
a_stream_means_the_same_byte_by_byte(void)
{
	for (size_t i = 0; i < STREAMS; i++) {
		char *whole = strdup(meaning(streams[i]));
		struct codec codec;
		size_t used = 0;

		open_codec(&codec);
		for (size_t end = 0; end <= strlen(streams[i]); end++)
			used += say_all(&codec, streams[i] + used,
			    end - used);
		EXPECT_EQUAL(used, strlen(streams[i]));
		EXPECT_TEXT(said, whole);
		free(whole);
	}
}

static void
a_header_is_parsed_again_when_its_value_was_not_there(void)
{
	struct codec codec;
	const char *stream = "set key 7 100 5 noreply\r\nvalue\r\n";

	open_codec(&codec);
	EXPECT_EQUAL(say_all(&codec, stream, strlen(stream) - 1), 0);
	EXPECT_EQUAL(say_all(&codec, stream, strlen(stream)),
	    strlen(stream));
	EXPECT_TEXT(said,
	    "SET key=key flags=7 expiry=now+100000 noreply body=5");
}

static void
a_value_ends_with_return_and_newline(void)
{
	EXPECT(proto_trailer_valid("\r\n", TRAILER));
	EXPECT(!proto_trailer_valid("\n\r", TRAILER));
	EXPECT(!proto_trailer_valid("\n\n", TRAILER));
	EXPECT(!proto_trailer_valid("\r ", TRAILER));
	EXPECT(!proto_trailer_valid("xy", TRAILER));
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

/* All that was sent, as a string. */
static const char *
sent(void)
{
	static char bytes[1 << 16];
	ssize_t length;

	output_close(&output);
	length = evbuffer_copyout(buffer, bytes, sizeof bytes - 1);
	bytes[length < 0 ? 0 : length] = '\0';
	evbuffer_free(buffer);
	return bytes;
}

/* The reply of a status to a plain request. */
static const char *
reply_of(enum status status, unsigned flags)
{
	struct request request = { .op = OP_SET, .flags = flags };
	struct reply reply = { .status = status };

	begin_output();
	text_protocol.reply(&output, &request, &reply);
	return sent();
}

static const struct {
	enum status	 status;
	const char	*line;
} outcomes[] = {
	{ STATUS_OK, "OK\r\n" },
	{ STATUS_STORED, "STORED\r\n" },
	{ STATUS_NOT_STORED, "NOT_STORED\r\n" },
	{ STATUS_EXISTS, "EXISTS\r\n" },
	{ STATUS_NOT_FOUND, "NOT_FOUND\r\n" },
	{ STATUS_DELETED, "DELETED\r\n" },
	{ STATUS_TOUCHED, "TOUCHED\r\n" },
	{ STATUS_BAD_FORMAT, "CLIENT_ERROR bad command line format\r\n" },
	{ STATUS_BAD_DELETE, "CLIENT_ERROR bad command line format."
	    "  Usage: delete <key> [noreply]\r\n" },
	{ STATUS_BAD_EXPTIME, "CLIENT_ERROR invalid exptime argument\r\n" },
	{ STATUS_BAD_DELTA,
	    "CLIENT_ERROR invalid numeric delta argument\r\n" },
	{ STATUS_BAD_CHUNK, "CLIENT_ERROR bad data chunk\r\n" },
	{ STATUS_NOT_A_NUMBER, "CLIENT_ERROR cannot increment or decrement "
	    "non-numeric value\r\n" },
	{ STATUS_NO_FLUSH, "CLIENT_ERROR flush_all not allowed\r\n" },
	{ STATUS_TOO_LARGE, "SERVER_ERROR object too large for cache\r\n" },
	{ STATUS_NO_MEMORY, "SERVER_ERROR out of memory storing object\r\n" },
};

static void
a_status_is_one_line(void)
{
	for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
		EXPECT_TEXT(reply_of(outcomes[i].status, 0),
		    outcomes[i].line);
	EXPECT_TEXT(reply_of(STATUS_STATS, 0), "END\r\n");
	EXPECT_TEXT(reply_of(STATUS_RESET, 0), "RESET\r\n");
	EXPECT(strncmp(reply_of(STATUS_VERSION, 0), "VERSION ", 8) == 0);
}

static void
noreply_hides_all_but_the_plain_error(void)
{
	for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
		EXPECT_TEXT(reply_of(outcomes[i].status, REQUEST_NOREPLY),
		    "");
	EXPECT_TEXT(reply_of(STATUS_NUMBER, REQUEST_NOREPLY), "");
	EXPECT_TEXT(reply_of(STATUS_ERROR, REQUEST_NOREPLY), "ERROR\r\n");
	EXPECT_TEXT(reply_of(STATUS_ERROR, 0), "ERROR\r\n");
}

static void
a_number_is_sent_in_decimal(void)
{
	struct request request = { .op = OP_INCR };
	struct reply reply = { .status = STATUS_NUMBER };

	begin_output();
	text_protocol.reply(&output, &request, &reply);
	reply.number = UINT64_MAX;
	text_protocol.reply(&output, &request, &reply);
	EXPECT_TEXT(sent(), "0\r\n18446744073709551615\r\n");
}

static void
a_miss_is_silent_but_for_the_last_keys_end(void)
{
	EXPECT_TEXT(reply_of(STATUS_MISS, 0), "");
	EXPECT_TEXT(reply_of(STATUS_MISS, REQUEST_LAST), "END\r\n");
}

static const char *
value_reply(enum op op, unsigned flags, struct reply reply)
{
	struct request request = {
		.op = op, .flags = flags, .key = SLICE("key"),
	};

	reply.status = STATUS_VALUE;
	begin_output();
	text_protocol.reply(&output, &request, &reply);
	return sent();
}

static void
a_value_is_sent_with_its_key_flags_and_length(void)
{
	struct reply reply = {
		.client_flags = 42, .cas = 99, .value = SLICE("hello"),
	};

	EXPECT_TEXT(value_reply(OP_GET, 0, reply),
	    "VALUE key 42 5\r\nhello\r\n");
	EXPECT_TEXT(value_reply(OP_GET, REQUEST_LAST, reply),
	    "VALUE key 42 5\r\nhello\r\nEND\r\n");
	EXPECT_TEXT(value_reply(OP_GAT, REQUEST_LAST, reply),
	    "VALUE key 42 5\r\nhello\r\nEND\r\n");
	EXPECT_TEXT(value_reply(OP_GETS, 0, reply),
	    "VALUE key 42 5 99\r\nhello\r\n");
	EXPECT_TEXT(value_reply(OP_GATS, REQUEST_LAST, reply),
	    "VALUE key 42 5 99\r\nhello\r\nEND\r\n");
}

static void
an_empty_value_is_a_value(void)
{
	struct reply reply = { .value = SLICE("") };

	EXPECT_TEXT(value_reply(OP_GET, REQUEST_LAST, reply),
	    "VALUE key 0 0\r\n\r\nEND\r\n");
	EXPECT_TEXT(value_reply(OP_GETS, 0, reply),
	    "VALUE key 0 0 0\r\n\r\n");
}

static void
the_largest_header_fits(void)
{
	static char key[KEY_MAX], wanted[1000];
	struct request request = {
		.op = OP_GETS, .flags = REQUEST_LAST,
		.key = { key, sizeof key },
	};
	struct reply reply = {
		.status = STATUS_VALUE, .client_flags = UINT32_MAX,
		.cas = UINT64_MAX, .value = SLICE("v"),
	};

	memset(key, 'k', sizeof key);
	snprintf(wanted, sizeof wanted,
	    "VALUE %.250s 4294967295 1 18446744073709551615\r\nv\r\nEND\r\n",
	    key);
	begin_output();
	text_protocol.reply(&output, &request, &reply);
	EXPECT_TEXT(sent(), wanted);
}

static void
values_of_any_length_are_sent_whole(void)
{
	static char value[20000], wanted[21000];

	for (size_t length = 1; length < sizeof value; length +=
	    length / 7 + 1) {
		struct reply reply = { .value = { value, length } };

		memset(value, 'a' + (int)(length % 26), length);
		snprintf(wanted, sizeof wanted,
		    "VALUE key 0 %zu\r\n%.*s\r\nEND\r\n", length,
		    (int)length, value);
		EXPECT_TEXT(value_reply(OP_GET, REQUEST_LAST, reply),
		    wanted);
	}
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
		.client_flags = 1, .cas = 2,
		.value = { NULL, 5 },
		.add_value = add_in_two_parts, .context = value,
	};

	EXPECT_TEXT(value_reply(OP_GETS, REQUEST_LAST, reply),
	    "VALUE key 1 5 2\r\nhello\r\nEND\r\n");
	EXPECT_TEXT(value_reply(OP_GET, 0, reply),
	    "VALUE key 1 5\r\nhello\r\n");
}

static void
statistics_are_named_lines(void)
{
	begin_output();
	text_protocol.line(&output, NULL, SLICE("STAT"), SLICE("pid"),
	    SLICE("1234"));
	text_protocol.line(&output, NULL, SLICE("STAT"), SLICE("version"),
	    SLICE(""));
	EXPECT_TEXT(sent(), "STAT pid 1234\r\nSTAT version \r\n");
}

static void
replies_follow_each_other(void)
{
	struct request request = { .op = OP_SET };
	struct reply stored = { .status = STATUS_STORED };
	size_t length;

	begin_output();
	for (int i = 0; i < 5000; i++)
		text_protocol.reply(&output, &request, &stored);
	length = strlen("STORED\r\n") * 5000;
	EXPECT_EQUAL(output_length(&output), length);
	EXPECT_EQUAL(strlen(sent()), length);
}

static void
an_op_has_a_scope(void)
{
	EXPECT_EQUAL(request_scope(OP_GET), SCOPE_KEY);
	EXPECT_EQUAL(request_scope(OP_CAS), SCOPE_KEY);
	EXPECT_EQUAL(request_scope(OP_FLUSH), SCOPE_SERVER);
	EXPECT_EQUAL(request_scope(OP_REJECT), SCOPE_CONNECTION);
	EXPECT_EQUAL(request_scope(OP_QUIT), SCOPE_CONNECTION);
}

static void
lines(void)
{
	RUN(get_gives_a_request_for_each_key);
	RUN(get_needs_a_key);
	RUN(gat_takes_a_time_and_keys);
	RUN(a_key_too_long_anywhere_refuses_the_whole_line);
	RUN(a_line_may_have_very_many_keys);
	RUN(each_storing_verb_asks_for_its_value);
	RUN(the_parser_asks_for_the_value_without_having_it);
	RUN(a_value_above_the_limit_is_to_be_swallowed);
	RUN(too_few_or_too_many_words_are_an_error);
	RUN(a_set_line_that_is_wrong_leaves_the_value_to_be_parsed);
	RUN(numbers_are_read_as_memcached_does);
	RUN(times_are_relative_up_to_thirty_days);
	RUN(incr_and_decr_take_a_delta);
	RUN(delete_takes_a_zero_and_nothing_else);
	RUN(touch_takes_a_time);
	RUN(the_servers_own_commands_are_told_apart);
	RUN(a_time_to_flush_that_is_none_is_noticed);
	RUN(what_is_no_command_is_an_error);
	RUN(spaces_part_words_and_a_line_may_end_without_a_return);
	RUN(a_plain_line_means_what_it_means_with_more_spaces);
	RUN(a_browser_is_hung_up_on);
	RUN(two_kilobytes_without_an_end_are_too_many);
	RUN(get_waits_for_the_end_of_a_much_longer_line);
	RUN(a_hundred_spaces_may_stand_before_the_verb);
	RUN(a_long_line_with_an_end_is_parsed);
}

static void
cuts(void)
{
	RUN(any_beginning_of_a_request_gives_more);
	RUN(a_stream_means_the_same_wherever_it_is_cut);
	RUN(a_stream_means_the_same_byte_by_byte);
	RUN(a_header_is_parsed_again_when_its_value_was_not_there);
	RUN(a_value_ends_with_return_and_newline);
}

static void
replies(void)
{
	RUN(a_status_is_one_line);
	RUN(noreply_hides_all_but_the_plain_error);
	RUN(a_number_is_sent_in_decimal);
	RUN(a_miss_is_silent_but_for_the_last_keys_end);
	RUN(a_value_is_sent_with_its_key_flags_and_length);
	RUN(an_empty_value_is_a_value);
	RUN(the_largest_header_fits);
	RUN(values_of_any_length_are_sent_whole);
	RUN(a_value_may_add_itself);
	RUN(statistics_are_named_lines);
	RUN(replies_follow_each_other);
	RUN(an_op_has_a_scope);
}

int
main(void)
{
	lines();
	cuts();
	replies();
	return tap_done();
}
