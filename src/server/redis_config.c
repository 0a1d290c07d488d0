/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * redis_config.c - CONFIG: the options under the names that Redis has for
 * them (redis_config.def), and those of `stats settings`.
 */
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "base/glob.h"
#include "proto/resp.h"
#include "server/redis_calls.h"
#include "server/stats.h"

/* The longest value of a parameter, and the longest pattern. */
#define VALUE_MAX	4096
#define PATTERN_MAX	128

static const char *const log_levels[] = {
	[LOG_LEVEL_NOTICE] = "warning", [LOG_LEVEL_INFO] = "notice",
	[LOG_LEVEL_DEBUG] = "debug",
};

#define LOG_LEVELS	(sizeof log_levels / sizeof *log_levels)

/* What is wrong with a value; NULL: nothing. */
typedef const char *set_function(struct admin *, struct slice value,
	    bool check_only);

static const char *
log_level(const struct admin *admin)
{
	int level = admin->log->level;

	return level >= 0 && level < (int)LOG_LEVELS &&
	    log_levels[level] != NULL ? log_levels[level] : "debug";
}

static const char *
set_log_level(struct admin *admin, struct slice value, bool check_only)
{
	for (size_t i = 0; i < LOG_LEVELS; i++)
		if (log_levels[i] != NULL &&
		    call_word_is(value, log_levels[i])) {
			if (!check_only)
				admin->log->level = (int)i;
			return NULL;
		}
	return "argument(s) must be one of the following: debug, verbose, "
	    "notice, warning";
}

/* "1gb", "100mb", "64k": 1024s with a b, 1000s without. */
static bool
read_memory(struct slice value, uint64_t *bytes)
{
	static const struct {
		const char	*name;
		uint64_t	 bytes;
	} units[] = {
		{ "", 1 }, { "b", 1 }, { "k", 1000 }, { "kb", 1 << 10 },
		{ "m", 1000000 }, { "mb", 1 << 20 }, { "g", 1000000000 },
		{ "gb", 1 << 30 },
	};
	struct slice unit = value;
	uint64_t number;

	while (unit.length > 0 && *unit.bytes >= '0' && *unit.bytes <= '9') {
		unit.bytes++;
		unit.length--;
	}
	value.length -= unit.length;
	if (!decimal_parse(value, &number))
		return false;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (call_word_is(unit, units[i].name) &&
		    number <= INT64_MAX / units[i].bytes) {
			*bytes = number * units[i].bytes;
			return true;
		}
	return false;
}

static const char *
set_memory(struct admin *admin, struct slice value, bool check_only)
{
	uint64_t bytes;

	if (!read_memory(value, &bytes))
		return "argument must be a memory value";
	if (check_only)
		return NULL;
	switch (admin_set_memory(admin, bytes >> 20)) {
	case STATUS_OK:
		return NULL;
	case STATUS_LIMIT_SMALL:
		return "the least is 8mb";
	default:
		return "the store cannot have this limit";
	}
}

static const char *
set_slow(struct admin *admin, struct slice value, bool check_only)
{
	int64_t us;

	if (!decimal_parse_signed(value, &us))
		return "argument couldn't be parsed into an integer";
	if (us < -1)
		return "argument must be between -1 and "
		    "9223372036854775807 inclusive";
	if (!check_only)
		admin->slowlog.least_us = us;
	return NULL;
}

static const char *
set_tracked_keys(struct admin *admin, struct slice value, bool check_only)
{
	uint64_t keys;

	if (!decimal_parse(value, &keys))
		return "argument couldn't be parsed into an integer";
	if (!check_only)
		admin->router->tracking->keys_max = keys == 0 ?
		    TRACKING_KEYS : keys;
	return NULL;
}

static const char *
first_host(const struct options *now)
{
	return now->listen.count == 0 || now->listen.addresses[0].host == NULL ?
	    "" : now->listen.addresses[0].host;
}

static const char *
value_TEXT(char out[VALUE_MAX], const char *text)
{
	(void)out;
	return text == NULL ? "" : text;
}

static const char *
value_NUMBER(char out[VALUE_MAX], int64_t number)
{
	snprintf(out, VALUE_MAX, "%" PRId64, number);
	return out;
}

static const char *
value_TRUTH(char out[VALUE_MAX], bool truth)
{
	(void)out;
	return truth ? "yes" : "no";
}

/* Call `row` for each parameter. */
static void
visit(struct admin *admin, void (*row)(void *context, const char *name,
    const char *value, set_function *set), void *context)
{
	struct options copy;
	const struct options *now = &copy;
	char text[VALUE_MAX];

	settings_copy(&admin->settings, &copy);
#define CONFIG(name, kind, value, set)					\
	row(context, name, value_##kind(text, (value)), set);
#include "server/redis_config.def"
}

/* A CONFIG GET in work. */
struct listing {
	const struct session_call	*call;
	struct output			*output;
	size_t				 count;
};

/* As Redis does, in any case of letters. */
static bool
is_asked_for(const struct session_call *call, const char *name)
{
	for (size_t n = 2; n < call->count; n++) {
		char pattern[PATTERN_MAX];
		size_t length = call->words[n].length;

		if (length > sizeof pattern)
			continue;
		for (size_t i = 0; i < length; i++) {
			char c = call->words[n].bytes[i];

			pattern[i] = c >= 'A' && c <= 'Z' ?
			    (char)(c - 'A' + 'a') : c;
		}
		if (glob_matches((struct slice){ pattern, length },
		    slice_of(name)))
			return true;
	}
	return false;
}

static void
list(void *context, const char *name, const char *value)
{
	struct listing *listing = context;

	if (!is_asked_for(listing->call, name))
		return;
	resp_bulk_text(listing->output, name);
	resp_bulk_text(listing->output, value);
	listing->count++;
}

static void
list_parameter(void *context, const char *name, const char *value,
    set_function *set)
{
	(void)set;
	list(context, name, value);
}

void
config_get(struct admin *admin, struct session_call *call)
{
	struct output apart;
	struct listing listing = { call, &apart, 0 };
	struct options now;

	if (output_open_apart(&apart) == -1) {
		resp_error(call->output, "ERR out of memory");
		return;
	}
	settings_copy(&admin->settings, &now);
	visit(admin, list_parameter, &listing);
	options_settings(&now, list, &listing);
	resp_map(call->output, call->v3, listing.count);
	output_join(call->output, &apart);
}

/* A pair of CONFIG SET. */
struct change {
	struct admin	*admin;
	struct slice	 name, value;
	bool		 check_only;
	bool		 found;
	const char	*problem;	/* NULL: none */
};

static void
change(void *context, const char *name, const char *value, set_function *set)
{
	struct change *wanted = context;

	if (!call_word_is(wanted->name, name))
		return;
	wanted->found = true;
	if (set != NULL)
		wanted->problem = set(wanted->admin, wanted->value,
		    wanted->check_only);
	else if (!slice_equal(wanted->value, slice_of(value)))
		wanted->problem = "can't set immutable config";
}

/* Set all pairs, or see whether they could be. False: the error is told. */
static bool
change_all(struct admin *admin, struct session_call *call, bool check_only)
{
	for (size_t n = 2; n + 1 < call->count; n += 2) {
		struct change wanted = {
			.admin = admin, .name = call->words[n],
			.value = call->words[n + 1],
			.check_only = check_only,
		};

		visit(admin, change, &wanted);
		if (!wanted.found) {
			resp_error(call->output, "ERR Unknown option or "
			    "number of arguments for CONFIG SET - '%.*s'",
			    (int)(wanted.name.length < 128 ?
			    wanted.name.length : 128), wanted.name.bytes);
			return false;
		}
		if (wanted.problem != NULL) {
			resp_error(call->output, "ERR CONFIG SET failed "
			    "(possibly related to argument '%.*s') - %s",
			    (int)wanted.name.length, wanted.name.bytes,
			    wanted.problem);
			return false;
		}
	}
	return true;
}

void
config_set(struct admin *admin, struct session_call *call)
{
	if (call->count % 2 != 0)
		session_syntax_error(call);
	else if (change_all(admin, call, true) &&
	    change_all(admin, call, false))
		session_ok(call);
}

void
config_resetstat(struct admin *admin, struct session_call *call)
{
	stats_reset_all(admin);
	session_ok(call);
}

void
config_rewrite(struct admin *admin, struct session_call *call)
{
	(void)admin;
	resp_error(call->output,
	    "ERR The server is running without a config file");
}
