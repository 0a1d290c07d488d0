/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * option_parse.c - the command line.
 *
 * The words are read here and not by getopt_long(3), which keeps its place in
 * global variables, guesses abbreviations and does not say what was wrong.
 */
#include "server/option_row.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for an option as the operator wrote it; a longer one is cut. */
#define SPELLED_MAX	64

/* An argument in brackets may be left out. */
static bool
needs_argument(const struct option_row *row)
{
	return *row->argument != '\0' && *row->argument != '[';
}

static const struct option_row *
find_letter(char letter)
{
	const struct option_row *row;

	for (size_t i = 0; (row = option_row(i)) != NULL; i++)
		if (row->letter == letter && letter != '\0')
			break;
	return row;
}

static const struct option_row *
find_name(enum option_form form, struct slice name)
{
	const struct option_row *row;

	for (size_t i = 0; (row = option_row(i)) != NULL; i++)
		if (row->group->form == form && name.length > 0 &&
		    slice_equal(slice_of(row->name), name))
			break;
	return row;
}

static int	parse_extended(struct option_parser *, const char *list);

/* Note what has no effect, as far as there is room for it. */
static void
note_ignored(struct options *options, const char *spelled)
{
	size_t used = strlen(options->ignored);

	snprintf(options->ignored + used, sizeof options->ignored - used,
	    "%s%s", used > 0 ? ", " : "", spelled);
}

/*
 * Let a row take its value. `spelled` is the option as the operator wrote it.
 */
static int
set_value(struct option_parser *parser, const struct option_row *row,
    const char *spelled, const char *value)
{
	const struct option_kind *kind = option_kind(row->kind);
	union option_value ignored = { .text = NULL };
	bool kept = !(row->flags & OPTION_NO_FIELD);
	void *field = kept ? option_field(row, parser->options) : &ignored;
	unsigned *given = &parser->given[option_number(row)];
	struct error why;
	int result;

	/* what adds up begins anew with each source */
	if (*given != parser->source && kind->clear != NULL)
		kind->clear(field);
	*given = parser->source;
	result = kind->set(row, field, value, &why);
	if (!kept && kind->clear != NULL)
		kind->clear(field);
	return result == -1 ? error_set(parser->error, "%s: %s", spelled,
	    why.text) : 0;
}

/* The same for one that was given with an argument or, NULL, without. */
static int
apply(struct option_parser *parser, const struct option_row *row,
    const char *spelled, const char *value)
{
	if (parser->in_file && (row->flags & OPTION_REFUSED_IN_FILE))
		return error_set(parser->error,
		    "%s only works on the command line", spelled);
	if (value == NULL && needs_argument(row))
		return error_set(parser->error, "%s needs an argument: %s",
		    spelled, row->argument);
	if (parser->in_file && (row->flags & OPTION_SKIPPED_IN_FILE))
		return 0;
	if (row->kind == OPTION_KIND_EXTENDED)
		return parse_extended(parser, value);
	if (row->group->effect == IGNORED)
		note_ignored(parser->options, spelled);
	return set_value(parser, row, spelled,
	    value != NULL ? value : option_kind(row->kind)->implied);
}

static int
refuse_value(struct option_parser *parser, const char *spelled)
{
	return error_set(parser->error, "%s takes no argument", spelled);
}

/* The row of a sub-option and, with no_ in front, that it is negated. */
static const struct option_row *
find_suboption(struct slice name, bool *negated)
{
	const struct option_row *row = find_name(SUBOPTIONS, name);

	*negated = false;
	if (row != NULL || name.length < 3 || memcmp(name.bytes, "no_", 3) != 0)
		return row;
	row = find_name(SUBOPTIONS,
	    (struct slice){ name.bytes + 3, name.length - 3 });
	*negated = row != NULL && (row->flags & OPTION_NEGATABLE) != 0;
	return *negated ? row : NULL;
}

/* `value` is NULL when there was no equals sign. */
static int
parse_suboption(struct option_parser *parser, struct slice name,
    const char *value, const char *spelled)
{
	bool negated;
	const struct option_row *row = find_suboption(name, &negated);

	if (row == NULL)
		return option_unknown(spelled, parser->error);
	if (value != NULL && (negated || *row->argument == '\0'))
		return refuse_value(parser, spelled);
	if (negated)
		value = option_kind(row->kind)->negated;
	return apply(parser, row, spelled,
	    value != NULL && *value == '\0' ? NULL : value);
}

/* What follows after the name and an equals sign, or NULL. */
static const char *
value_after(struct slice name)
{
	const char *end = name.bytes + name.length;

	return *end == '=' ? end + 1 : NULL;
}

static int
parse_extended(struct option_parser *parser, const char *list)
{
	char *copy = strdup(list);
	char *rest = copy;
	char *text;
	int result = 0;

	if (copy == NULL)
		return error_set(parser->error, "out of memory");
	while (result == 0 && (text = strsep(&rest, ",")) != NULL) {
		struct slice name = { text, strcspn(text, "=") };
		char spelled[SPELLED_MAX];

		if (*text == '\0' && rest == NULL)
			break;		/* a comma may end it */
		snprintf(spelled, sizeof spelled, "-o %.*s",
		    (int)name.length, text);
		result = parse_suboption(parser, name, value_after(name),
		    spelled);
	}
	free(copy);
	return result;
}

/* --name, --name=value or --name value. */
static int
parse_long(struct option_parser *parser, const char *word)
{
	struct slice name = { word + 2, strcspn(word + 2, "=") };
	const char *value = value_after(name);
	const struct option_row *row = find_name(FLAGS, name);
	char spelled[SPELLED_MAX];

	snprintf(spelled, sizeof spelled, "%.*s", (int)name.length + 2, word);
	if (row == NULL)
		return option_unknown(spelled, parser->error);
	if (value != NULL && *row->argument == '\0')
		return refuse_value(parser, spelled);
	if (value == NULL && *row->argument != '\0' && *parser->next != NULL)
		value = *parser->next++;
	return apply(parser, row, spelled, value);
}

/*
 * -x, -xyz, -xvalue or -x value; or, as lists of arguments in YAML tend to
 * make of the last, one word "-x value".
 */
static int
parse_letters(struct option_parser *parser, const char *letters)
{
	char spelled[] = "-x";

	for (; *letters != '\0'; letters++) {
		const struct option_row *row = find_letter(*letters);
		const char *value = NULL;

		spelled[1] = *letters;
		if (row == NULL)
			return option_unknown(spelled, parser->error);
		if (*row->argument != '\0' && letters[1] != '\0')
			value = letters + 1 + strspn(letters + 1, " ");
		else if (*row->argument != '\0' && *parser->next != NULL)
			value = *parser->next++;
		if (apply(parser, row, spelled, value) == -1)
			return -1;
		if (value != NULL)
			break;
	}
	return 0;
}

static int
parse_word(struct option_parser *parser, const char *word)
{
	if (strncmp(word, "--", 2) == 0 && word[2] != '\0')
		return parse_long(parser, word);
	if (*word == '-' && word[1] != '\0' && word[1] != '-')
		return parse_letters(parser, word + 1);
	if (strcmp(word, "--") == 0) {		/* the end of the options */
		if (*parser->next == NULL)
			return 0;
		word = *parser->next;
	}
	return error_set(parser->error,
	    "unexpected argument \"%.80s\"; see cairnd --help", word);
}

int
option_parse_words(struct option_parser *parser, char **words)
{
	parser->next = words;
	while (*parser->next != NULL)
		if (parse_word(parser, *parser->next++) == -1)
			return -1;
	return 0;
}

int
option_parse_named(struct option_parser *parser, const char *name,
    const char *value)
{
	const struct option_row *row = find_name(FLAGS, slice_of(name));

	if (row == NULL)
		return parse_suboption(parser, slice_of(name), value, name);
	if (value != NULL && *row->argument == '\0')
		return refuse_value(parser, name);
	return apply(parser, row, name, value);
}

static bool
is_given(const struct option_parser *parser, char letter)
{
	return parser->given[option_number(find_letter(letter))] > 0;
}

/* Who has to log in and has no SASL cannot speak the binary protocol. */
static int
rule_out_binary(enum proto_choice *protocol, struct error *err)
{
	if (*protocol == PROTO_BINARY)
		return error_set(err, "nobody could log in by the binary "
		    "protocol: --auth-file needs --enable-sasl for that");
	if (*protocol == PROTO_NEGOTIATE)
		*protocol = PROTO_NOT_BINARY;
	return 0;
}

static int
settle_login(struct option_parser *parser)
{
	struct options *options = parser->options;
	struct listen_list *list = &options->listen;

	if (options->sasl && options->auth_file == NULL)
		return error_set(parser->error, "--enable-sasl needs users: "
		    "give their file with --auth-file");
	if (options->auth_file == NULL || options->sasl)
		return 0;
	if (rule_out_binary(&options->protocol, parser->error) == -1)
		return -1;
	for (size_t i = 0; i < list->count; i++)
		if (list->addresses[i].protocol_given &&
		    rule_out_binary(&list->addresses[i].settings.protocol,
		    parser->error) == -1)
			return -1;
	return 0;
}

/* What depends on more than one option. */
static int
settle(struct option_parser *parser)
{
	struct options *options = parser->options;
	struct listen_list *list = &options->listen;

	if (settle_login(parser) == -1)
		return -1;
	options->lru_segmented = options->lru_maintainer;
	if (options->unix_socket != NULL && !is_given(parser, 'l') &&
	    !is_given(parser, 'p'))
		options->port = 0;
	if (options->port == 0)
		option_clear_addresses(list);
	for (size_t i = 0; i < list->count; i++) {
		struct listen_address *address = &list->addresses[i];

		if (address->port == 0)
			address->port = options->port;
		if (!address->protocol_given)
			address->settings.protocol = options->protocol;
	}
	if (options->hot_lru_pct + options->warm_lru_pct > 80)
		return error_set(parser->error, "hot_lru_pct and warm_lru_pct "
		    "are more than 80 together");
	if (options->max_item_size > options->memory_limit / 2)
		return error_set(parser->error, "--max-item-size of %zu bytes "
		    "is more than half of --memory-limit, %zu megabytes",
		    options->max_item_size, options->memory_limit >> 20);
	return option_settle_tls(options, parser->error);
}

/* Start over, with the files that were found in front of the words. */
static int
parse_with_files(struct option_parser *parser, char **words)
{
	struct file_list files = parser->options->config;
	int result = 0;

	parser->options->config = (struct file_list){ NULL, 0 };
	options_free(parser->options);
	options_defaults(parser->options);
	memset(parser->given, 0, sizeof parser->given);
	for (size_t i = 0; i < files.count && result == 0; i++)
		result = option_parse_file(parser, files.paths[i]);
	parser->source++;
	if (result == 0)
		result = option_parse_words(parser, words);
	option_kind(OPTION_KIND_FILES)->clear(&files);
	return result;
}

int
options_parse(struct options *options, int argc, char **argv,
    struct error *err)
{
	struct option_parser parser = {
		.options = options, .error = err, .source = 1,
	};
	char **words = argv + (argc > 0);

	if (option_parse_words(&parser, words) == -1)
		return -1;
	if (options->action != OPTIONS_RUN)
		return settle(&parser);
	if (options->config.count > 0 &&
	    parse_with_files(&parser, words) == -1)
		return -1;
	return settle(&parser);
}
