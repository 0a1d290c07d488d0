/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * option_help.c - what --help prints: words flow from a left margin to the
 * right one.
 */
#include "server/option_row.h"

#include <string.h>

#define HELP_MARGIN	34
#define HELP_WIDTH	79

struct flow {
	FILE	*out;
	int	 margin;
	int	 column;	/* of what is written so far */
};

static void
flow_word(struct flow *flow, struct slice word)
{
	if (flow->column > flow->margin &&
	    flow->column + 1 + (int)word.length > HELP_WIDTH) {
		fputc('\n', flow->out);
		flow->column = 0;
	} else if (flow->column >= flow->margin) {
		flow->column += fprintf(flow->out, " ");
	}
	if (flow->column < flow->margin)
		flow->column += fprintf(flow->out, "%*s",
		    flow->margin - flow->column, "");
	flow->column += fprintf(flow->out, "%.*s", (int)word.length,
	    word.bytes);
}

static void
flow_text(struct flow *flow, const char *text)
{
	while (*text != '\0') {
		size_t length = strcspn(text, " ");

		flow_word(flow, (struct slice){ text, length });
		text += length;
		text += strspn(text, " ");
	}
}

/* "-p, --port=number", "shards=number", "slab_automove[=number]". */
static void
spell_row(const struct option_row *row, char *out, size_t room)
{
	bool flag = row->group->form == FLAGS;
	bool named = *row->name != '\0';
	const char *argument = row->argument;
	bool optional = *argument == '[';
	size_t used = 0;

	if (row->letter != '\0')
		used = (size_t)snprintf(out, room, "-%c%s", row->letter,
		    named ? ", " : "");
	snprintf(out + used, room - used, "%s%s%s%s%s%s",
	    flag && named ? "--" : "",
	    row->flags & OPTION_NEGATABLE ? "[no_]" : "", row->name,
	    optional ? "[" : "", *argument == '\0' ? "" : named ? "=" : " ",
	    argument + optional);
}

static void
help_option(FILE *out, const struct option_row *row)
{
	struct flow flow = { .out = out, .margin = HELP_MARGIN };
	char text[128];

	spell_row(row, text, sizeof text);
	flow.column = fprintf(out, "  %s", text);
	if (flow.column >= HELP_MARGIN)
		flow.column += fprintf(out, " ");
	flow_text(&flow, row->help);
	if (*row->initial != '\0' && *row->argument != '\0') {
		snprintf(text, sizeof text, "(default: %s)", row->initial);
		flow_text(&flow, text);
	}
	fputc('\n', out);
}

/* What has no effect gets no sentence: a line per flag, a list of the rest. */
static void
help_inert(struct flow *flow, const struct option_row *row)
{
	char text[128];

	spell_row(row, text, sizeof text);
	if (row->group->form == FLAGS)
		fprintf(flow->out, "  %s\n", text);
	else
		flow_word(flow, slice_of(text));
}

static void
help_group(FILE *out, const struct option_group *group)
{
	struct flow flow = { .out = out, .margin = 2 };
	const struct option_row *row;

	fprintf(out, "\n%s:\n", group->heading);
	for (size_t i = 0; (row = option_row(i)) != NULL; i++)
		if (row->group != group)
			continue;
		else if (group->effect == WORKS)
			help_option(out, row);
		else
			help_inert(&flow, row);
	if (flow.column > 0)
		fputc('\n', out);
}

void
options_help(FILE *out)
{
	const struct option_group *group;

	fprintf(out, "usage: cairnd [option ...]\n");
	for (size_t i = 0; (group = option_group(i)) != NULL; i++)
		help_group(out, group);
}
