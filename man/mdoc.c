/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mdoc.c - write the manual page from its template and the program's tables.
 *
 * Runs while cairn is built, on the machine that builds. A template line
 * @NAME@ is replaced by what the tables have to say; other lines are copied.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/options.h"

enum effect {
	WORKS,
	IGNORED,
	REFUSED,
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
#define INERT(group, letter, name, argument, flags)			\
	{ GROUP_##group, letter, name, argument, "", flags, "" },
#include "server/options.def"
};

#define ROWS	(sizeof rows / sizeof rows[0])

static const struct verb {
	const char	*protocol;
	const char	*name;
	const char	*synopsis;
	const char	*sentence;
} verbs[] = {
#define OP(...)
#define VERB(protocol, verb, op, minimum, maximum, access, synopsis,	\
    sentence)								\
	{ #protocol, verb, synopsis, sentence },
#include "proto/commands.def"
	{ NULL, NULL, NULL, NULL }
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
put_sentence(const char *text, const char *end)
{
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
	put_sentence(row->help, ".");
	if (*row->initial != '\0' && *row->argument != '\0') {
		printf("The default is\n.Li ");
		put_sentence(row->initial, " .");
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
put_options(void)
{
	for (size_t i = 0; i < GROUPS; i++)
		if (groups[i].effect == WORKS && groups[i].form == FLAGS) {
			printf(".Ss ");
			put_sentence(groups[i].heading, "");
			put_group(&groups[i]);
		}
}

static void
put_suboptions(void)
{
	for (size_t i = 0; i < GROUPS; i++)
		if (groups[i].effect == WORKS && groups[i].form == SUBOPTIONS)
			put_group(&groups[i]);
}

static void
put_ignored(void)
{
	for (size_t i = 0; i < GROUPS; i++)
		if (groups[i].effect != WORKS) {
			puts(".Pp");
			put_sentence(groups[i].heading, ":");
			put_group(&groups[i]);
		}
}

/* A list for each protocol; the first needs no heading. */
static void
put_commands(void)
{
	const char *protocol = NULL;

	for (const struct verb *verb = verbs; verb->name != NULL; verb++) {
		if (protocol == NULL || strcmp(protocol, verb->protocol) != 0) {
			if (protocol != NULL)
				printf(".El\n.Ss Protocol %s\n",
				    verb->protocol);
			puts(".Bl -tag -width Ds");
			protocol = verb->protocol;
		}
		printf(".It Ic \"");
		put_text(verb->synopsis);
		puts("\"");
		put_text(verb->sentence);
		putchar('\n');
	}
	if (protocol != NULL)
		puts(".El");
}

static const struct placeholder {
	const char	*line;
	void		(*put)(void);
} placeholders[] = {
	{ "@OPTIONS@\n", put_options },
	{ "@SUBOPTIONS@\n", put_suboptions },
	{ "@IGNORED@\n", put_ignored },
	{ "@COMMANDS@\n", put_commands },
};

#define PLACEHOLDERS	(sizeof placeholders / sizeof placeholders[0])

/* Returns -1 for a placeholder that is not known. */
static int
put_line(const char *line)
{
	for (size_t i = 0; i < PLACEHOLDERS; i++)
		if (strcmp(line, placeholders[i].line) == 0) {
			placeholders[i].put();
			return 0;
		}
	if (*line == '@') {
		fprintf(stderr, "mdoc: unknown placeholder %s", line);
		return -1;
	}
	fputs(line, stdout);
	return 0;
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
