/* SPDX-License-Identifier: BSD-3-Clause */
/* options.c - see options.h: the table, the defaults, what is shown of it. */
#include "server/options.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "server/option_row.h"

enum group_id {
#define GROUP(group, ...)	GROUP_##group,
#include "server/options.def"
	GROUPS
};

static const struct option_group groups[] = {
#define GROUP(group, effect, form, heading)	{ effect, form, heading },
#include "server/options.def"
};

static const struct option_row rows[] = {
#define OPTION(group, kind, field, letter, name, argument, initial,	\
    low, high, setting, flags, help)					\
	{ OPTION_KIND_##kind, &groups[GROUP_##group],			\
	    offsetof(struct options, field), letter, name, argument,	\
	    initial, low, high, setting, flags, help },
#define INERT(group, kind, letter, name, argument, low, high, flags)	\
	{ OPTION_KIND_##kind, &groups[GROUP_##group], 0, letter, name,	\
	    argument, "", low, high, NULL, flags | OPTION_NO_FIELD, "" },
#include "server/options.def"
};

_Static_assert(sizeof rows / sizeof rows[0] == OPTION_ROWS, "rows");

/* What has no option: the kind, the field and how it is shown. */
static const struct option_row states[] = {
#define STATE(kind, field, initial, setting)				\
	{ OPTION_KIND_##kind, NULL, offsetof(struct options, field), 0,	\
	    "", "", initial, 0, 0, setting, 0, "" },
#include "server/options.def"
};

#define STATES	(sizeof states / sizeof states[0])

/* The longest value of `stats settings`; a longer list is cut. */
#define SHOWN_MAX	512

const struct option_row *
option_row(size_t number)
{
	return number < OPTION_ROWS ? &rows[number] : NULL;
}

size_t
option_number(const struct option_row *row)
{
	return (size_t)(row - rows);
}

const struct option_group *
option_group(size_t number)
{
	return number < GROUPS ? &groups[number] : NULL;
}

void *
option_field(const struct option_row *row, struct options *options)
{
	return (char *)options + row->offset;
}

const void *
option_shown(const struct option_row *row, const struct options *options)
{
	return (const char *)options + row->offset;
}

static void
set_initial(const struct option_row *row, struct options *options)
{
	struct error err;

	if (*row->initial != '\0')
		CHECK(option_kind(row->kind)->set(row,
		    option_field(row, options), row->initial, &err) == 0);
}

void
options_defaults(struct options *options)
{
	memset(options, 0, sizeof *options);
	for (size_t i = 0; i < OPTION_ROWS; i++)
		set_initial(&rows[i], options);
	for (size_t i = 0; i < STATES; i++)
		set_initial(&states[i], options);
}

void
options_free(struct options *options)
{
	for (const struct option_row *row = rows; row < rows + OPTION_ROWS;
	    row++)
		if (!(row->flags & OPTION_NO_FIELD) &&
		    option_kind(row->kind)->clear != NULL)
			option_kind(row->kind)->clear(
			    option_field(row, options));
	memset(options, 0, sizeof *options);
}

static const struct option_row *
find_setting(const char *name)
{
	for (size_t i = 0; i < STATES; i++)
		if (strcmp(states[i].setting, name) == 0)
			return &states[i];
	for (size_t i = 0; i < OPTION_ROWS; i++)
		if (rows[i].setting != NULL &&
		    strcmp(rows[i].setting, name) == 0)
			return &rows[i];
	return NULL;
}

void
options_settings(const struct options *options,
    void (*line)(void *context, const char *name, const char *value),
    void *context)
{
	static const struct {
		const char	*name;
		const char	*fixed;
	} settings[] = {
#define SETTING(name, value)	{ name, value },
#include "server/options.def"
	};

	for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
		char shown[SHOWN_MAX];

		if (settings[i].fixed == NULL) {
			const struct option_row *row = find_setting(settings[i].name);

			CHECK(row != NULL);
			option_kind(row->kind)->show(row, options, shown, sizeof shown);
		}
		line(context, settings[i].name, settings[i].fixed != NULL ?
		    settings[i].fixed : shown);
	}
}
