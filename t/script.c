/* SPDX-License-Identifier: BSD-3-Clause */
/* t/script.c - the interpreter of scripts: what it keeps, and what ends one. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "base/output.h"
#include "proto/resp.h"
#include "script/script.h"
#include "tap.h"

/* Enough for what these scripts do, and over soon. */
#define STEPS	20000000

static struct log silent;
static struct scripts *scripts;
static char reply[256];

/* What the calls of scripts were. */
static unsigned calls;
static char called[64];

static void
note_call(void *context, const struct slice *words, size_t count, bool v3,
    struct output *output)
{
	(void)context;
	(void)v3;
	calls++;
	snprintf(called, sizeof called, "%zu %.*s", count,
	    (int)words[count - 1].length, words[count - 1].bytes);
	resp_simple(output, "OK");
}

/* Somebody else kills the script from within. */
static void
kill_script(void *context, const struct slice *words, size_t count, bool v3,
    struct output *output)
{
	enum script_kill *result = context;

	(void)words;
	(void)count;
	(void)v3;
	*result = script_kill(scripts);
	resp_simple(output, "OK");
}

/* The same after it has written. */
static void
write_and_kill(void *context, const struct slice *words, size_t count,
    bool v3, struct output *output)
{
	EXPECT(script_may_write(scripts));
	kill_script(context, words, count, v3, output);
}

static void
take_reply(struct output *output, struct evbuffer *buffer)
{
	size_t length;

	output_close(output);
	length = evbuffer_get_length(buffer);
	if (length > sizeof reply - 1)
		length = sizeof reply - 1;
	evbuffer_remove(buffer, reply, length);
	reply[length] = '\0';
	evbuffer_free(buffer);
}

static const char *
run_with(const char *body, void (*call)(void *, const struct slice *, size_t,
    bool, struct output *), void *context)
{
	struct evbuffer *buffer = evbuffer_new();
	char digits[SHA1_DIGITS + 1];
	struct output output;
	struct script_run run = {
		.digits = digits, .call = call, .context = context,
	};

	output_open(&output, buffer);
	if (script_load(scripts, slice_of(body), digits, &output))
		script_run(scripts, &run, &output);
	take_reply(&output, buffer);
	return reply;
}

static const char *
run(const char *body)
{
	return run_with(body, note_call, NULL);
}

static bool
begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* A script that has another digest for each number. */
static bool
load_number(int number, size_t more, char digits[SHA1_DIGITS + 1])
{
	struct evbuffer *buffer = evbuffer_new();
	char *body = malloc(more + 64);
	struct output output;
	bool loaded;
	int length = sprintf(body, "return %d --", number);

	memset(body + length, 'x', more);
	output_open(&output, buffer);
	loaded = script_load(scripts, (struct slice){ body,
	    (size_t)length + more }, digits, &output);
	take_reply(&output, buffer);
	free(body);
	return loaded;
}

static bool
knows(const char *digits)
{
	char found[SHA1_DIGITS + 1];

	return script_find(scripts, slice_of(digits), found);
}

static size_t
memory(void)
{
	struct script_counts counts;

	script_count(scripts, &counts);
	return counts.bytes;
}

static void
scripts_are_kept_up_to_a_number(void)
{
	char first[SHA1_DIGITS + 1], second[SHA1_DIGITS + 1];
	char last[SHA1_DIGITS + 1];
	struct script_counts counts;

	load_number(0, 0, first);
	load_number(1, 0, second);
	for (int i = 2; i < SCRIPT_CACHE_COUNT; i++)
		load_number(i, 0, last);
	script_count(scripts, &counts);
	EXPECT(counts.scripts == SCRIPT_CACHE_COUNT);
	EXPECT(knows(first));
	load_number(SCRIPT_CACHE_COUNT, 0, last);
	EXPECT(knows(last));
	EXPECT(knows(first));
	EXPECT(!knows(second));
	script_flush(scripts);
	EXPECT(!knows(first) && !knows(last));
	EXPECT(begins(run("return 1"), ":1"));
}

/* Long constants take memory in a compiled script. */
static void
scripts_are_kept_up_to_a_size(void)
{
	size_t length = 1 << 20;
	char *body = malloc(length + 64), digits[SHA1_DIGITS + 1];
	struct script_counts counts;
	size_t loaded = 0;

	for (int i = 0; i < 50; i++) {
		struct evbuffer *buffer = evbuffer_new();
		struct output output;
		int head = sprintf(body, "return #'%d", i);

		memset(body + head, 'x', length);
		body[(size_t)head + length] = '\'';
		output_open(&output, buffer);
		loaded += script_load(scripts, (struct slice){ body,
		    (size_t)head + length + 1 }, digits, &output);
		take_reply(&output, buffer);
	}
	free(body);
	script_count(scripts, &counts);
	EXPECT(loaded == 50);
	EXPECT(counts.scripts > 5 && counts.scripts < 20);
	EXPECT(memory() < SCRIPT_MEMORY_MAX);
	EXPECT(begins(run("return ('x'):rep(1e7):len()"), ":10000000"));
	script_flush(scripts);
}

/* The next one runs. */
static void
expect_endless(const char *body)
{
	EXPECT(begins(run(body), "-ERR the script takes too long"));
	EXPECT_TEXT(run("return 'next'"), "$4\r\nnext\r\n");
}

static void
scripts_without_end_are_ended(void)
{
	expect_endless("while true do end");
	expect_endless("while true do pcall(function() while true do end end)"
	    " end");
	expect_endless("while true do xpcall(function() "
	    "while true do end end, function() while true do end end) end");
	expect_endless("local x <close> = "
	    "setmetatable({}, { __close = function() while true do end end })"
	    " while true do end");
	expect_endless("while true do "
	    "pcall(redis.call) end");
	expect_endless("table.sort({1, 2, 3}, function() "
	    "while true do end end)");
	expect_endless("return setmetatable({}, { __index "
	    "= function() while true do end end }).x");
}

/* Little is left of it, and the next one runs. */
static void
expect_hungry(const char *body)
{
	const char *got = run(body);

	EXPECT(strstr(got, "not enough memory") != NULL ||
	    strstr(got, "overflow") != NULL);
	EXPECT(memory() < SCRIPT_MEMORY_MAX / 2);
	EXPECT(begins(run("return #string.rep('x', 1e6)"), ":1000000"));
}

static void
memory_has_an_end(void)
{
	expect_hungry("local s = 'x' while true do "
	    "s = s .. s end");
	expect_hungry("local t = {} while true do "
	    "t = { t, t, t } end");
	expect_hungry("local t = {} for i = 1, 1e9 do "
	    "t[i] = ('x'):rep(1000) .. i end");
	expect_hungry("return ('x'):rep(1e18)");
	expect_hungry("local function f(t) return { f(t) } end "
	    "return f()");
	expect_hungry("local function f() return f() + 1 end return f()");
	expect_hungry("local t = setmetatable({}, { __index = "
	    "function(t, k) return t[k + 1] end }) return t[1]");
	expect_hungry("local t = {} for i = 1, 3000 do "
	    "t[i] = ('x'):rep(1e5) .. i end");
}

/* No hook sees what a pattern does. */
static void
patterns_without_end_are_ended(void)
{
	expect_endless("return ('x'):rep(1e6):find(('x-'):rep(3) .. 'b')");
	expect_endless("return ('a'):rep(1e5):match(('a*'):rep(20) .. 'b')");
	expect_endless("return ('('):rep(1e6):find('%b()')");
	expect_endless("return ('ab'):rep(5e6):find(('ab'):rep(2e6) .. 'c', "
	    "1, true)");
	expect_endless("return ('a'):rep(1e5):gsub('(a-)%1b', '')");
	expect_endless("for _ in ('a'):rep(1e5):gmatch('a-a-a-b') do end");
	EXPECT(strstr(run("return ('a'):find(('a?'):rep(1000))"),
	    "pattern too complex") != NULL);
}

/* By the examples of the manual, and what is easily got wrong. */
static void
patterns_match_as_in_lua(void)
{
	EXPECT_TEXT(run("return ('hello world'):find('wor')"), ":7\r\n");
	EXPECT_TEXT(run("return {('flaaap'):find('()aa()')}"),
	    "*4\r\n:3\r\n:4\r\n:3\r\n:5\r\n");
	EXPECT_TEXT(run("return {('key = value'):match('^(%w+)%s*=%s*"
	    "(%w+)$')}"), "*2\r\n$3\r\nkey\r\n$5\r\nvalue\r\n");
	EXPECT_TEXT(run("return {('hello world'):gsub('(%w+)', '%1 %1')}"),
	    "*2\r\n$23\r\nhello hello world world\r\n:2\r\n");
	EXPECT_TEXT(run("return {('hello world'):gsub('%w+', '%0 %0', 1)}"),
	    "*2\r\n$17\r\nhello hello world\r\n:1\r\n");
	EXPECT_TEXT(run("return (('abc'):gsub('', '-'))"),
	    "$7\r\n-a-b-c-\r\n");
	EXPECT_TEXT(run("return (('a,b'):gsub('%a', {a = 1, b = false}))"),
	    "$3\r\n1,b\r\n");
	EXPECT_TEXT(run("return (('$name'):gsub('%$(%w+)', function(n) "
	    "return n:upper() end))"), "$4\r\nNAME\r\n");
	EXPECT_TEXT(run("return ('THE (quick) fox'):find('%((%a+)%)')"),
	    ":5\r\n");
	EXPECT_TEXT(run("return ('f(a(b)c)d'):match('%b()')"),
	    "$7\r\n(a(b)c)\r\n");
	EXPECT_TEXT(run("return (('THE (quick) fox'):gsub('%f[%a]%a+', 'x'))"),
	    "$7\r\nx (x) x\r\n");
	EXPECT_TEXT(run("return ([[say \"it's\" x]]):match([[([\"'])(.-)%1]])"),
	    "$1\r\n\"\r\n");
	EXPECT_TEXT(run("return ('a]b-c'):match('[]-]+', 4)"),
	    "$1\r\n-\r\n");
	EXPECT_TEXT(run("return ('x^y'):find('[x^]', 2)"), ":2\r\n");
	EXPECT_TEXT(run("return ('abc'):find('b', -2)"), ":2\r\n");
	EXPECT_TEXT(run("return ('abc'):find('', 10)"), "$-1\r\n");
	EXPECT_TEXT(run("return ('a.b'):find('.', 2, true)"), ":2\r\n");
}

static void
broken_patterns_are_errors(void)
{
	static const char *const broken[] = {
		"[a", "[", "[^", "%", "a%", "(", "(a", ")", "%1", "(%1)",
		"%b", "%bx", "%f", "%fa", "[%", "[a-", "%f[",
	};
	char body[64];

	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		snprintf(body, sizeof body, "return ('a'):match('%s')",
		    broken[i]);
		EXPECT(begins(run(body), "-ERR user_script:1: "));
	}
	EXPECT(strstr(run("return ('a'):gsub('a', '%')"), "invalid use") !=
	    NULL);
	EXPECT(strstr(run("return ('a'):gsub('a', '%2')"), "capture index") !=
	    NULL);
	EXPECT(strstr(run("return ('a'):gsub('a', {a = {}})"),
	    "replacement value") != NULL);
}

/* Functions of the libraries that take a range. */
static void
ranges_are_checked(void)
{
	EXPECT(begins(run("return (''):rep(1e18)"), "$0"));
	EXPECT(strstr(run("table.move({}, 1, 1e15, 2)"), "too many elements") !=
	    NULL);
	EXPECT(begins(run("return table.move({1, 2}, 1, 2, 3)[4]"), ":2"));
	EXPECT(strstr(run("table.insert(setmetatable({}, { __len = function() "
	    "return 2^53 end }), 1, 1)"), "__len") != NULL);
	EXPECT(strstr(run("return table.concat({}, '', 1, 1e15)"),
	    "invalid value") != NULL);
	EXPECT(strstr(run("return table.unpack({}, 1, 1e9)"), "too many") !=
	    NULL);
	EXPECT(strstr(run("setmetatable({}, { __gc = function() end })"),
	    "__gc") != NULL);
}

static void
replies_have_an_end(void)
{
	EXPECT(begins(run("local t = {} t[1] = t return t"),
	    "-ERR reached lua stack limit"));
	EXPECT(begins(run("local s = ('x'):rep(1e7) local t = {} for i = 1, 9 "
	    "do t[i] = s end return t"), "-ERR the reply of the script is too "
	    "long"));
	EXPECT(begins(run("return { map = { a = { set = { x = true } } } }"),
	    "*2\r\n$1\r\na\r\n*1\r\n$1\r\nx\r\n"));
}

static void
calls_get_their_words(void)
{
	calls = 0;
	EXPECT(begins(run("return redis.call('set', 'k', 1.0)"), "+OK"));
	EXPECT(calls == 1 && strcmp(called, "3 1") == 0);
	run("return redis.call('set', 'k', -0x7fffffffffffffff - 1)");
	EXPECT(strcmp(called, "3 -9223372036854775808") == 0);
	run("redis.call('mget', table.unpack({}, 1, 0)) "
	    "local t = {} for i = 1, 7000 do t[i] = 'k' .. i end "
	    "redis.call('mget', table.unpack(t))");
	EXPECT(strcmp(called, "7001 k7000") == 0);
	calls = 0;
	run("redis.call('set', {})");
	EXPECT(calls == 0);
}

static void
a_script_can_be_killed(void)
{
	enum script_kill result = SCRIPT_NONE_RUNS;

	EXPECT(script_kill(scripts) == SCRIPT_NONE_RUNS);
	EXPECT(begins(run_with("redis.call('ping') while true do "
	    "pcall(redis.call, 'ping') end", kill_script, &result),
	    "-ERR Script killed by user with SCRIPT KILL"));
	EXPECT(result == SCRIPT_KILLED);
	EXPECT(begins(run("return 1"), ":1"));
	EXPECT(begins(run_with("redis.call('set') return 1", write_and_kill,
	    &result), ":1"));
	EXPECT(result == SCRIPT_HAS_WRITTEN);
}

int
main(void)
{
	struct script_config config = {
		.steps = STEPS, .log = &silent, .version = "7.4.0",
	};
	struct error error = { "" };

	scripts = script_open(&config, &error);
	if (scripts == NULL) {
		printf("1..0 # SKIP built without Lua\n");
		return 0;
	}
	script_enter(scripts);
	RUN(scripts_are_kept_up_to_a_number);
	RUN(scripts_are_kept_up_to_a_size);
	RUN(scripts_without_end_are_ended);
	RUN(memory_has_an_end);
	RUN(patterns_without_end_are_ended);
	RUN(patterns_match_as_in_lua);
	RUN(broken_patterns_are_errors);
	RUN(ranges_are_checked);
	RUN(replies_have_an_end);
	RUN(calls_get_their_words);
	RUN(a_script_can_be_killed);
	script_leave(scripts);
	script_close(scripts);
	return tap_done();
}
