/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mdoc.c - write a manual page from its template and the program's tables.
 *
 * Runs while cairn is built, on the machine that builds. A template line
 * @NAME@ or @NAME ARGUMENT@ is replaced by what the tables have to say; other
 * lines are copied.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "proto/proto.h"
#include "server/options.h"

enum effect {
	WORKS,
	IGNORED,
};

enum form {
	FLAGS,
	SUBOPTIONS,
};

enum group_id {
#define GROUP(group, ...)	GROUP_##group,
#include "server/options.def"
	GROUPS
};

static const struct group {
	enum effect	 effect;
	enum form	 form;
	const char	*heading;
} groups[] = {
#define GROUP(group, effect, form, heading)	{ effect, form, heading },
#include "server/options.def"
};

static const struct row {
	enum group_id	 group;
	char		 letter;
	const char	*name;
	const char	*argument;
	const char	*initial;
	unsigned	 flags;
	const char	*help;
} rows[] = {
#define OPTION(group, kind, field, letter, name, argument, initial,	\
    low, high, setting, flags, help)					\
	{ GROUP_##group, letter, name, argument, initial, flags, help },
#define INERT(group, kind, letter, name, argument, low, high, flags)	\
	{ GROUP_##group, letter, name, argument, "", flags, "" },
#include "server/options.def"
};

#define ROWS	(sizeof rows / sizeof rows[0])

/* Those of cairn-load; all are flags that work. */

enum load_group_id {
#define LOAD_GROUP(group, heading)	LOAD_GROUP_##group,
#include "load/options.def"
	LOAD_GROUPS
};

static const char *const load_headings[LOAD_GROUPS] = {
#define LOAD_GROUP(group, heading)	heading,
#include "load/options.def"
};

static const struct load_row {
	enum load_group_id	 group;
	struct row		 row;
} load_rows[] = {
#define LOAD_OPTION(group, kind, field, letter, name, argument, initial, \
    low, high, help)							\
	{ LOAD_GROUP_##group, { GROUP_NETWORK, letter, name, argument,	\
	    initial, 0, help } },
#include "load/options.def"
};

#define LOAD_ROWS	(sizeof load_rows / sizeof load_rows[0])

enum protocol_id {
	TEXT,
	META,
	PROTOCOLS
};

static const char *const protocol_names[PROTOCOLS] = {
	[TEXT] = "TEXT",
	[META] = "META",
};

static const struct verb {
	enum protocol_id	 protocol;
	const char		*name;
	enum op			 op;
	const char		*synopsis;
	const char		*sentence;
} verbs[] = {
#define VERB(protocol, verb, op, minimum, maximum, access, synopsis,	\
    sentence)								\
	{ protocol, verb, OP_##op, synopsis, sentence },
#include "proto/commands.def"
};

#define VERBS	(sizeof verbs / sizeof verbs[0])

static const struct {
	unsigned	 code;
	const char	*name;
	const char	*sentence;
} packets[] = {
#define PACKET(code, name, op, extras, parts, flags, sentence)		\
	{ code, name, sentence },
#include "proto/commands.def"
};

#define PACKETS	(sizeof packets / sizeof packets[0])

static const struct {
	const char	*text;
	const char	*meaning;
} statuses[STATUS_COUNT] = {
#define STATUS(name, kind, text, meaning, ...)				\
	[STATUS_##name] = { text, meaning },
#include "proto/statuses.def"
};

static const struct {
	enum op		op;
	enum status	status;
} replies[] = {
#define REPLY(op, status)	{ OP_##op, STATUS_##status },
#include "proto/replies.def"
};

#define REPLIES	(sizeof replies / sizeof replies[0])

/* What replies to meta commands begin with. */
static const char *const codes[STATUS_COUNT] = {
#define CODE(status, code, quiet, failed)	[STATUS_##status] = code,
#include "proto/codes.def"
};

/* What the codec builds; else the text of the status is sent. */
static const char *const built[STATUS_COUNT] = {
	[STATUS_VALUE] = "VALUE <key> <flags> <bytes> [<unique>]",
	[STATUS_NUMBER] = "<number>",
};

/*
 * Text that mdoc takes for nothing else: escapes for what roff gives a
 * meaning, and no request at the start of a line.
 */
static void
put_text(const char *text)
{
	if (*text == '.' || *text == '\'')
		printf("\\&");
	for (; *text != '\0'; text++)
		switch (*text) {
		case '\\':
			printf("\\e");
			break;
		case '"':
			printf("\\(dq");
			break;
		case '-':
			printf("\\-");
			break;
		case '^':
			printf("\\(ha");
			break;
		case '~':
			printf("\\(ti");
			break;
		default:
			putchar(*text);
		}
}

/* A line of its own for each sentence, as mdoc wants it. */
static void
put_sentences(const char *text, const char *end)
{
	char sentence[512];
	const char *stop;

	while ((stop = strstr(text, ". ")) != NULL) {
		snprintf(sentence, sizeof sentence, "%.*s",
		    (int)(stop + 1 - text), text);
		put_text(sentence);
		putchar('\n');
		text = stop + 2;
	}
	put_text(text);
	puts(end);
}

/* The words of .It: Fl p , Fl -port Ns = Ns Ar number. */
static void
put_names(const struct row *row)
{
	const char *argument = row->argument;

	if (row->letter != '\0')
		printf("Fl %c", row->letter);
	if (row->letter != '\0' && *row->name != '\0')
		printf(" , ");
	if (groups[row->group].form == FLAGS && *row->name != '\0')
		printf("Fl -%s", row->name);
	else if (*row->name != '\0')
		printf("Cm %s%s", row->flags & OPTION_NEGATABLE ?
		    "[no_]" : "", row->name);
	if (*argument == '[')
		printf(" Ns Oo = Ns Ar %.*s Oc", (int)strlen(argument) - 2,
		    argument + 1);
	else if (*argument != '\0')
		printf(*row->name != '\0' ? " Ns = Ns Ar %s" : " Ar %s",
		    argument);
}

static void
put_option(const struct row *row)
{
	printf(".It ");
	put_names(row);
	putchar('\n');
	put_sentences(row->help, ".");
	if (*row->initial != '\0' && *row->argument != '\0') {
		printf("The default is\n.Li ");
		put_sentences(row->initial, " .");
	}
}

static void
put_inert(const struct row *row)
{
	printf(".It\n.");
	put_names(row);
	putchar('\n');
}

static void
put_group(const struct group *group)
{
	int works = group->effect == WORKS;

	printf(works ? ".Bl -tag -width Ds\n" :
	    ".Bl -item -offset indent -compact\n");
	for (size_t i = 0; i < ROWS; i++)
		if (&groups[rows[i].group] == group)
			(works ? put_option : put_inert)(&rows[i]);
	puts(".El");
}

static void
put_options(const char *unused)
{
	(void)unused;
	for (size_t i = 0; i < GROUPS; i++)
		if (groups[i].effect == WORKS && groups[i].form == FLAGS) {
			printf(".Ss ");
			put_sentences(groups[i].heading, "");
			put_group(&groups[i]);
		}
}

static void
put_suboptions(const char *unused)
{
	(void)unused;
	for (size_t i = 0; i < GROUPS; i++)
		if (groups[i].effect == WORKS && groups[i].form == SUBOPTIONS)
			put_group(&groups[i]);
}

static void
put_ignored(const char *unused)
{
	(void)unused;
	for (size_t i = 0; i < GROUPS; i++)
		if (groups[i].effect != WORKS) {
			puts(".Pp");
			put_sentences(groups[i].heading, ":");
			put_group(&groups[i]);
		}
}

static void
put_load_options(const char *unused)
{
	(void)unused;
	for (int group = 0; group < LOAD_GROUPS; group++) {
		printf(".Ss %s\n.Bl -tag -width Ds\n", load_headings[group]);
		for (size_t i = 0; i < LOAD_ROWS; i++)
			if ((int)load_rows[i].group == group)
				put_option(&load_rows[i].row);
		puts(".El");
	}
}

static void
put_verb(const struct verb *verb)
{
	printf(".It Ic \"");
	put_text(verb->synopsis);
	puts("\"");
	put_sentences(verb->sentence, "");
}

/* A list for each protocol; the first needs no heading. */
static void
put_commands(const char *unused)
{
	(void)unused;
	for (size_t i = 0; i < VERBS; i++) {
		bool first = i == 0 ||
		    verbs[i].protocol != verbs[i - 1].protocol;

		if (first && i > 0)
			printf(".El\n.Ss Protocol %s\n",
			    protocol_names[verbs[i].protocol]);
		if (first)
			puts(".Bl -tag -width Ds");
		put_verb(&verbs[i]);
	}
	puts(".El");
}

static const char *
status_text(enum protocol_id protocol, enum status status)
{
	if (protocol == META && codes[status] != NULL)
		return codes[status];
	return built[status] != NULL ? built[status] : statuses[status].text;
}

/* Replies: a, b, c. Those without a line of their own are not named. */
static void
put_replies(enum protocol_id protocol, enum op op)
{
	const char *before = ".Pp\nReplies:\n";

	for (size_t i = 0; i < REPLIES; i++) {
		const char *text = status_text(protocol,
		    replies[i].status);

		if (replies[i].op != op || *text == '\0')
			continue;
		printf("%s.Li \"", before);
		put_text(text);
		putchar('"');
		before = " ,\n";
	}
	if (*before == ' ')
		puts(" .");
}

static void
put_verbs(const char *protocol)
{
	puts(".Bl -tag -width Ds");
	for (size_t i = 0; i < VERBS; i++)
		if (strcmp(protocol_names[verbs[i].protocol], protocol) == 0) {
			put_verb(&verbs[i]);
			put_replies(verbs[i].protocol, verbs[i].op);
		}
	puts(".El");
}

static void
put_stats(const char *unused)
{
	static const struct {
		const char	*synopsis;
		const char	*sentence;
	} rows[] = {
#define STATS(name, function, synopsis, sentence)	{ synopsis, sentence },
#include "server/stats_groups.def"
	};

	(void)unused;
	puts(".Bl -tag -width Ds");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (*rows[i].sentence == '\0')
			continue;
		printf(".It Ic \"");
		put_text(rows[i].synopsis);
		puts("\"");
		put_sentences(rows[i].sentence, "");
	}
	puts(".El");
}

static void
put_packets(const char *unused)
{
	(void)unused;
	puts(".Bl -tag -width \"0x00 DecrementQ\"");
	for (size_t i = 0; i < PACKETS; i++) {
		printf(".It Li 0x%02x Ic ", packets[i].code);
		put_text(packets[i].name);
		putchar('\n');
		put_sentences(packets[i].sentence, "");
	}
	puts(".El");
}

static const struct call {
	int		 arity;
	const char	*group;
	const char	*synopsis;
	const char	*sentence;
} calls[] = {
#define CALL(name, id, arity, scope, access, first, last, step, group,	\
    synopsis, sentence)							\
	{ arity, group, synopsis, sentence },
#include "proto/calls.def"
};

#define CALLS	(sizeof calls / sizeof calls[0])

/* One that has parts is shown by them; the word alone may be a call, too. */
static void
put_call(const struct call *call)
{
	char name[32];

	if (strstr(call->synopsis, "<subcommand>") == NULL)
		snprintf(name, sizeof name, "%s", "");
	else if (call->arity == -1)
		sscanf(call->synopsis, "%31s", name);
	else
		return;
	printf(".It Ic \"");
	put_text(*name != '\0' ? name : call->synopsis);
	puts("\"");
	put_sentences(call->sentence, "");
}

static const struct {
	const char	*group;
	const char	*heading;
} call_groups[] = {
	{ "connection", "Connections" },
	{ "string", "Strings" },
	{ "hash", "Hashes" },
	{ "generic", "Keys" },
	{ "transactions", "Transactions" },
	{ "scripting", "Scripts" },
	{ "pubsub", "Messages" },
	{ "server", "The server" },
	{ "cluster", "Cluster" },
};

#define CALL_GROUPS	(sizeof call_groups / sizeof call_groups[0])

static void
put_calls(const char *unused)
{
	(void)unused;
	for (size_t g = 0; g < CALL_GROUPS; g++) {
		const char *heading = call_groups[g].heading;

		for (size_t i = 0; i < CALLS; i++) {
			if (strcmp(calls[i].group, call_groups[g].group) != 0)
				continue;
			if (heading != NULL)
				printf(".Ss %s\n.Bl -tag -width Ds\n",
				    heading);
			heading = NULL;
			put_call(&calls[i]);
		}
		if (heading == NULL)
			puts(".El");
	}
}

static void
put_statuses(const char *unused)
{
	(void)unused;
	puts(".Bl -tag -width Ds");
	for (size_t i = 0; i < STATUS_COUNT; i++) {
		const char *text = status_text(TEXT, (enum status)i);

		if (*text == '\0')
			continue;
		printf(".It Li \"");
		put_text(text);
		puts("\"");
		put_sentences(statuses[i].meaning, "");
	}
	puts(".El");
}

static const struct placeholder {
	const char	*name;
	void		(*put)(const char *argument);
} placeholders[] = {
	{ "OPTIONS", put_options },
	{ "SUBOPTIONS", put_suboptions },
	{ "LOAD_OPTIONS", put_load_options },
	{ "IGNORED", put_ignored },
	{ "COMMANDS", put_commands },
	{ "VERBS", put_verbs },
	{ "CALLS", put_calls },
	{ "STATS", put_stats },
	{ "PACKETS", put_packets },
	{ "STATUSES", put_statuses },
};

#define PLACEHOLDERS	(sizeof placeholders / sizeof placeholders[0])

/* Returns -1 for a placeholder that is not known. */
static int
put_line(char *line)
{
	char *name, *argument;

	if (*line != '@') {
		fputs(line, stdout);
		return 0;
	}
	name = strtok(line, "@ \n");
	argument = strtok(NULL, "@ \n");
	for (size_t i = 0; i < PLACEHOLDERS && name != NULL; i++)
		if (strcmp(name, placeholders[i].name) == 0) {
			placeholders[i].put(argument);
			return 0;
		}
	fprintf(stderr, "mdoc: unknown placeholder %s\n", line);
	return -1;
}

int
main(int argc, char **argv)
{
	char line[512];
	FILE *template = argc == 2 ? fopen(argv[1], "r") : NULL;

	if (template == NULL) {
		fprintf(stderr, "mdoc: cannot read the template\n");
		return EXIT_FAILURE;
	}
	while (fgets(line, sizeof line, template) != NULL)
		if (put_line(line) == -1)
			return EXIT_FAILURE;
	if (ferror(template) || fclose(template) != 0 ||
	    fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "mdoc: cannot write the page\n");
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
