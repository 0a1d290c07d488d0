/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * classes.c - see classes.h.
 *
 * Most classes of a call follow from its row in calls.def. What does not is
 * in the tables below, by name: which calls are fast, and which are of a
 * class that nothing in the row tells.
 */
#include "proto/classes.h"

#include <string.h>

const char *const class_names[CLASS_COUNT] = {
#define CLASS_NAME(name)	#name,
	CLASSES(CLASS_NAME)
};

/* The group of a row, and the class that it means. */
static const struct {
	const char	*group;
	uint32_t	 classes;
} groups[] = {
	{ "connection", CLASS_BIT(connection) },
	{ "generic", CLASS_BIT(keyspace) },
	{ "hash", CLASS_BIT(hash) },
	{ "pubsub", CLASS_BIT(pubsub) },
	{ "scripting", CLASS_BIT(scripting) },
	{ "string", CLASS_BIT(string) },
	{ "transactions", CLASS_BIT(transaction) },
};

/* Calls whose time does not depend on how much there is. */
static const char *const fast[] = {
	"append", "auth", "dbsize", "decr", "decrby", "delifeq", "discard",
	"echo", "exists", "expire", "expireat", "expiretime", "get", "getdel",
	"getex", "getset", "hdel", "hello", "hexists", "hexpire",
	"hexpireat", "hexpiretime", "hget", "hgetdel", "hgetex", "hincrby",
	"hincrbyfloat", "hlen", "hmget", "hmset", "hpersist", "hpexpire",
	"hpexpireat", "hpexpiretime", "hpttl", "hset", "hsetex", "hsetnx",
	"hstrlen", "httl", "incr", "incrby", "incrbyfloat", "mget", "move",
	"multi", "persist", "pexpire", "pexpireat", "pexpiretime", "ping",
	"pttl", "publish", "quit", "readonly", "readwrite", "renamenx",
	"reset", "role", "select", "setnx", "spublish", "strlen", "swapdb",
	"time", "touch", "ttl", "type", "unlink", "unwatch", "watch",
};

#define ALSO(name, classes)	{ name, classes, 0 }

/* Where Redis has put a call elsewhere than its row says. */
static const struct {
	const char	*name;
	uint32_t	 added, removed;
} exceptions[] = {
	ALSO("command", CLASS_BIT(connection)),
	ALSO("dbsize", CLASS_BIT(keyspace)),
	ALSO("debug", CLASS_BIT(admin) | CLASS_BIT(dangerous)),
	ALSO("flushall", CLASS_BIT(keyspace) | CLASS_BIT(dangerous)),
	ALSO("flushdb", CLASS_BIT(keyspace) | CLASS_BIT(dangerous)),
	ALSO("info", CLASS_BIT(dangerous)),
	ALSO("keys", CLASS_BIT(dangerous)),
	ALSO("readonly", CLASS_BIT(connection)),
	ALSO("readwrite", CLASS_BIT(connection)),
	ALSO("restore", CLASS_BIT(dangerous)),
	ALSO("role", CLASS_BIT(admin) | CLASS_BIT(dangerous)),
	ALSO("swapdb", CLASS_BIT(dangerous) | CLASS_BIT(keyspace)),
	{ "wait", CLASS_BIT(connection), CLASS_BIT(keyspace) },
};

#define COUNT(table)	(sizeof table / sizeof *table)

int
class_find(struct slice name)
{
	for (int i = 0; i < CLASS_COUNT; i++)
		if (call_word_is(name, class_names[i]))
			return i;
	return -1;
}

static bool
is_fast(const struct call_row *row)
{
	for (size_t i = 0; i < COUNT(fast); i++)
		if (strcmp(row->name, fast[i]) == 0)
			return true;
	return false;
}

static uint32_t
classes_of_row(const struct call_row *row)
{
	uint32_t classes = 0;

	for (size_t i = 0; i < COUNT(groups); i++)
		if (strcmp(row->group, groups[i].group) == 0)
			classes |= groups[i].classes;
	if (row->access == CALL_ADMIN)
		classes |= CLASS_BIT(admin) | CLASS_BIT(dangerous);
	else if (row->scope == CALL_KEYS)
		classes |= row->access == CALL_READ ? CLASS_BIT(read) :
		    CLASS_BIT(write);
	return classes;
}

/* A call that has parts is of no class but for its speed: its parts are. */
uint32_t
call_classes(const struct call_row *row)
{
	const struct call_row *whole = call_whole(row);
	bool alone = call_parts(row) == 0;
	uint32_t classes = alone ? classes_of_row(row) : 0;

	for (size_t i = 0; i < COUNT(exceptions); i++)
		if (strcmp(whole->name, exceptions[i].name) == 0)
			classes = (classes & ~exceptions[i].removed) |
			    exceptions[i].added;
	return classes | (is_fast(row) ? CLASS_BIT(fast) : CLASS_BIT(slow));
}
