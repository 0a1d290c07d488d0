/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stats.c - see stats.h; finds the function of a group in a table.
 */
#include "server/stats.h"

#include <sys/time.h>

#include <stdio.h>
#include <string.h>

#include "proto/words.h"
#include "server/redis.h"
#include "server/stats_group.h"

void
stats_TEXT(const struct answer *answer, const char *name, const char *value)
{
	proto_stat(answer->output, answer->request, name, value);
}

void
stats_LINE(const struct answer *answer, const char *word, struct slice name,
    const char *value)
{
	proto_line(answer->output, answer->request, slice_of(word), name,
	    slice_of(value));
}

void
stats_NUMBER(const struct answer *answer, const char *name, uint64_t value)
{
	char text[DECIMAL_MAX + 1];

	text[decimal_format(text, value)] = '\0';
	stats_TEXT(answer, name, text);
}

void
stats_SECONDS(const struct answer *answer, const char *name,
    struct timeval value)
{
	char text[40];

	snprintf(text, sizeof text, "%lld.%06ld", (long long)value.tv_sec,
	    (long)value.tv_usec);
	stats_TEXT(answer, name, text);
}

static void
setting(void *answer, const char *name, const char *value)
{
	stats_TEXT(answer, name, value);
}

enum status
stats_settings(struct admin *admin, struct slice words,
    const struct answer *answer)
{
	struct options now;

	(void)words;
	settings_copy(&admin->settings, &now);
	now.memory_limit = admin->memory_limit;
	now.verbose = admin->log->level - LOG_LEVEL_NOTICE;
	now.detail = detail_is_on(&admin->detail);
	options_settings(&now, setting, (void *)(uintptr_t)answer);
	return STATUS_STATS;
}

void
stats_reset_all(struct admin *admin)
{
	stats_general_reset(admin);
	redis_reset_calls(admin);
	route_reset_counters(admin->router, clock_unix_ms(admin->clock));
	detail_clear(&admin->detail, clock_unix_ms(admin->clock));
}

enum status
stats_reset(struct admin *admin, struct slice words,
    const struct answer *answer)
{
	(void)words;
	(void)answer;
	stats_reset_all(admin);
	return STATUS_RESET;
}

enum status
stats_verify(struct admin *admin, struct slice words,
    const struct answer *answer)
{
	(void)words;
	(void)answer;
	if (!admin->debug)
		return STATUS_ERROR;
	route_verify(admin->router, clock_unix_ms(admin->clock));
	return STATUS_OK;
}

static const struct {
	struct slice	 name;
	stats_group	*write;
} groups[] = {
#define STATS(name, function, ...)	{ SLICE(name), function },
#include "server/stats_groups.def"
};

void
stats_serve(struct admin *admin, const struct request *request,
    struct reply *reply, struct output *output)
{
	struct answer answer = { output, request, &reply->source };
	struct slice words = request->argument.length > 0 ?
	    request->argument : SLICE("");
	struct slice name = words_next(&words);

	reply->status = STATUS_ERROR;
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		if (slice_equal(groups[i].name, name))
			reply->status = groups[i].write(admin, words,
			    &answer);
}
