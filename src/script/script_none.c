/* SPDX-License-Identifier: BSD-3-Clause */
/* script_none.c - see script.h: built without Lua. */
#include "script/script.h"

#include "proto/resp.h"

#define REFUSAL		"ERR scripts are not available: cairnd was built " \
			"without Lua"

struct scripts *
script_open(const struct script_config *config, struct error *error)
{
	(void)config;
	error_set(error, "%s", "");
	return NULL;
}

void
script_close(struct scripts *scripts)
{
	(void)scripts;
}

void
script_enter(struct scripts *scripts)
{
	(void)scripts;
}

void
script_leave(struct scripts *scripts)
{
	(void)scripts;
}

bool
script_load(struct scripts *scripts, struct slice body,
    char digits[SHA1_DIGITS + 1], struct output *output)
{
	(void)scripts;
	(void)body;
	*digits = '\0';
	resp_error(output, REFUSAL);
	return false;
}

bool
script_find(struct scripts *scripts, struct slice name,
    char digits[SHA1_DIGITS + 1])
{
	(void)scripts;
	(void)name;
	*digits = '\0';
	return false;
}

void
script_flush(struct scripts *scripts)
{
	(void)scripts;
}

enum script_kill
script_kill(struct scripts *scripts)
{
	(void)scripts;
	return SCRIPT_NONE_RUNS;
}

bool
script_may_write(struct scripts *scripts)
{
	(void)scripts;
	return true;
}

void
script_count(struct scripts *scripts, struct script_counts *counts)
{
	(void)scripts;
	*counts = (struct script_counts){ .scripts = 0 };
}

void
script_run(struct scripts *scripts, const struct script_run *run,
    struct output *output)
{
	(void)scripts;
	(void)run;
	resp_error(output, REFUSAL);
}
