/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hiredis_mixed.c - talk to a server the way C programs do with hiredis:
 *
 *	hiredis_mixed text HOST:PORT
 *
 * hiredis.pl compiles and runs it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#define DEEP	1000
#define LONG	900000

static unsigned count, failures;
static redisContext *context;

static void
check(int holds, const char *name)
{
	printf("%sok %u - %s\n", holds ? "" : "not ", ++count, name);
	failures += !holds;
}

/* A reply in words: its type, and what it says. */
static void
describe(const redisReply *reply, char *text, size_t room)
{
	switch (reply == NULL ? -1 : reply->type) {
	case REDIS_REPLY_STRING:
		snprintf(text, room, "\"%s\"", reply->str);
		break;
	case REDIS_REPLY_STATUS:
		snprintf(text, room, "+%s", reply->str);
		break;
	case REDIS_REPLY_ERROR:
		snprintf(text, room, "-%s", reply->str);
		break;
	case REDIS_REPLY_INTEGER:
		snprintf(text, room, ":%lld", reply->integer);
		break;
	case REDIS_REPLY_NIL:
		snprintf(text, room, "nil");
		break;
	case REDIS_REPLY_ARRAY:
		snprintf(text, room, "*%zu", reply->elements);
		break;
	default:
		snprintf(text, room, "no reply: %s", context->errstr);
	}
}

static void
check_reply(redisReply *reply, const char *want, const char *name)
{
	char got[256];

	describe(reply, got, sizeof got);
	check(strcmp(got, want) == 0, name);
	if (strcmp(got, want) != 0)
		printf("# got  %s\n# want %s\n", got, want);
	if (reply != NULL)
		freeReplyObject(reply);
}

/* Ask in the words of the format; the reply is this. */
static void
asks(const char *want, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	check_reply(redisvCommand(context, format, arguments), want, format);
	va_end(arguments);
}

static void
commands(void)
{
	asks("+PONG", "PING");
	asks("+OK", "SET %s %s", "a b", "one");
	asks("\"one\"", "GET %s", "a b");
	asks("nil", "GET none");
	asks("nil", "SET %s x NX", "a b");
	asks("+OK", "SET n 41 EX 100");
	asks(":42", "INCR n");
	asks("-ERR value is not an integer or out of range", "INCR %s",
	    "a b");
	asks("*3", "MGET n none n");
	asks(":2", "DEL n %s none", "a b");
	asks("-ERR unknown command 'NOSUCH', with args beginning with: 'x' ",
	    "NOSUCH x");
	asks(":2", "HSET h a 1 b 2");
	asks("*4", "HGETALL h");
	asks("-WRONGTYPE Operation against a key holding the wrong kind of "
	    "value", "GET h");
	asks(":1", "DEL h");
	asks("+OK", "MULTI");
	asks("+QUEUED", "INCR m");
	asks("*1", "EXEC");
	asks(":1", "DEL m");
	asks("+OK", "SELECT 2");
	asks("+OK", "MSET a 1 b 2");
	asks(":2", "DBSIZE");
	asks("+OK", "FLUSHDB");
	asks("+OK", "SELECT 0");
	asks(":0", "DBSIZE");
}

static void
a_pipeline(void)
{
	unsigned right = 0;

	for (unsigned n = 0; n < DEEP; n++) {
		redisAppendCommand(context, "SET p%u %u", n, n);
		redisAppendCommand(context, "INCRBY p%u 1", n);
	}
	for (unsigned n = 0; n < DEEP; n++) {
		redisReply *stored, *sum;

		if (redisGetReply(context, (void **)&stored) != REDIS_OK ||
		    redisGetReply(context, (void **)&sum) != REDIS_OK)
			break;
		right += stored->type == REDIS_REPLY_STATUS &&
		    sum->type == REDIS_REPLY_INTEGER &&
		    sum->integer == (long long)n + 1;
		freeReplyObject(stored);
		freeReplyObject(sum);
	}
	check(right == DEEP, "a pipeline");
}

static void
long_values(void)
{
	char *value = malloc(LONG);
	redisReply *reply;

	for (unsigned n = 0; n < LONG; n++)
		value[n] = (char)(n * 7 + n / 251);
	asks("+OK", "SET long %b", value, (size_t)LONG);
	reply = redisCommand(context, "GET long");
	check(reply != NULL && reply->type == REDIS_REPLY_STRING &&
	    reply->len == LONG && memcmp(reply->str, value, LONG) == 0,
	    "a long value comes back");
	if (reply != NULL)
		freeReplyObject(reply);
	free(value);
}

/* All keys, some at a time. */
static void
a_scan(void)
{
	unsigned long long cursor = 0;
	size_t keys = 0;

	do {
		redisReply *reply = redisCommand(context,
		    "SCAN %llu MATCH p* COUNT 50", cursor);

		if (reply == NULL || reply->type != REDIS_REPLY_ARRAY)
			break;
		cursor = strtoull(reply->element[0]->str, NULL, 10);
		keys += reply->element[1]->elements;
		freeReplyObject(reply);
	} while (cursor != 0);
	check(keys == DEEP, "a scan finds all keys");
}

int
main(int argc, char **argv)
{
	char *colon = argc == 3 ? strrchr(argv[2], ':') : NULL;

	if (colon == NULL)
		return EXIT_FAILURE;
	*colon = '\0';
	context = redisConnect(argv[2], atoi(colon + 1));
	check(context != NULL && context->err == 0, "connect");
	if (failures > 0)
		return EXIT_FAILURE;
	commands();
	a_pipeline();
	long_values();
	a_scan();
	asks("+OK", "QUIT");
	redisFree(context);
	printf("1..%u\n", count);
	return failures > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
