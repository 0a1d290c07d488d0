/* SPDX-License-Identifier: BSD-3-Clause */
/* options.c - the table of options.def, the command line, and --help. */
#include "load/options.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define HELP_MARGIN	32
#define HELP_WIDTH	79

struct row;

/* How words become a field; `error` has no name of the option yet. */
struct kind {
	int	(*set)(const struct row *, void *field, const char *value,
		    struct error *);
};

enum group {
#define LOAD_GROUP(group, heading)	GROUP_##group,
#include "load/options.def"
	GROUPS
};

struct row {
	const struct kind	*kind;
	enum group		 group;
	size_t			 offset;
	char			 letter;	/* 0: none */
	const char		*name;
	const char		*argument;
	const char		*initial;
	int64_t			 low, high;
	const char		*help;
};

static int
set_on(const struct row *row, void *field, const char *value,
    struct error *err)
{
	(void)row, (void)err;
	*(bool *)field = *value != '\0';
	return 0;
}

static int
set_number(const struct row *row, void *field, const char *value,
    struct error *err)
{
	int64_t number;

	if (!decimal_parse_signed(slice_of(value), &number) ||
	    number < row->low || number > row->high)
		return error_set(err, "\"%.80s\" is not a number from %lld to "
		    "%lld", value, (long long)row->low, (long long)row->high);
	*(int64_t *)field = number;
	return 0;
}

static int
set_seconds(const struct row *row, void *field, const char *value,
    struct error *err)
{
	char *end;
	double number = strtod(value, &end);

	if (end == value || *end != '\0' || !(number >= (double)row->low) ||
	    number > (double)row->high)
		return error_set(err, "\"%.80s\" is not a number of seconds "
		    "from %lld to %lld", value, (long long)row->low,
		    (long long)row->high);
	*(double *)field = number;
	return 0;
}

static int
set_text(const struct row *row, void *field, const char *value,
    struct error *err)
{
	(void)row, (void)err;
	*(const char **)field = value;
	return 0;
}

/* The words are those of the argument, with bars between. */
static int
set_choice(const struct row *row, void *field, const char *value,
    struct error *err)
{
	const char *word = row->argument;

	for (int n = 0; *word != '\0'; n++) {
		size_t length = strcspn(word, "|");

		if (slice_equal(slice_of(value),
		    (struct slice){ word, length })) {
			*(int *)field = n;
			return 0;
		}
		word += length + (word[length] == '|');
	}
	return error_set(err, "\"%.80s\" is not one of %s", value,
	    row->argument);
}

static int
set_rate(const struct row *row, void *field, const char *value,
    struct error *err)
{
	struct rate rate = { 0, 0 };
	char *end;

	(void)row;
	rate.from = rate.to = strtod(value, &end);
	if (*end == ':')
		rate.to = strtod(end + 1, &end);
	if (*value != '\0' && (*end != '\0' || !(rate.from >= 1) ||
	    !(rate.to >= 1) || rate.from > 1e9 || rate.to > 1e9))
		return error_set(err, "\"%.80s\" is not a rate from 1 to "
		    "1000000000 requests a second, nor two of them as "
		    "1000:50000", value);
	*(struct rate *)field = rate;
	return 0;
}

static int
set_weight(struct mix *mix, struct slice word, struct error *err)
{
	const char *equals = memchr(word.bytes, '=', word.length);
	struct slice name = word;
	uint64_t weight = 1;
	bool fine = true;

	if (equals != NULL) {
		name.length = (size_t)(equals - word.bytes);
		fine = decimal_parse((struct slice){ equals + 1,
		    word.length - name.length - 1 }, &weight) &&
		    weight <= 1000000;
	}
	for (int op = 0; op < OP_COUNT && fine; op++)
		if (slice_equal(name, slice_of(op_names[op]))) {
			mix->total += (uint32_t)weight - mix->weights[op];
			mix->weights[op] = (uint32_t)weight;
			return 0;
		}
	return error_set(err, "\"%.*s\" is not get, multi, set, incr or "
	    "delete with a weight up to 1000000, as get=90", (int)word.length,
	    word.bytes);
}

static int
set_mix(const struct row *row, void *field, const char *value,
    struct error *err)
{
	struct mix mix = { .total = 0 };

	(void)row;
	for (;;) {
		size_t length = strcspn(value, ",");

		if (set_weight(&mix, (struct slice){ value, length },
		    err) == -1)
			return -1;
		if (value[length] == '\0')
			break;
		value += length + 1;
	}
	if (mix.total == 0)
		return error_set(err, "all weights are 0");
	*(struct mix *)field = mix;
	return 0;
}

static int
set_sizes(const struct row *row, void *field, const char *value,
    struct error *err)
{
	return sizes_parse(field, value, row->low, row->high, err);
}

static int
set_distribution(const struct row *row, void *field, const char *value,
    struct error *err)
{
	(void)row;
	return distribution_parse(field, value, err);
}

static const struct kind
    kind_ON = { set_on },
    kind_NUMBER = { set_number },
    kind_SECONDS = { set_seconds },
    kind_TEXT = { set_text },
    kind_CHOICE = { set_choice },
    kind_RATE = { set_rate },
    kind_MIX = { set_mix },
    kind_SIZES = { set_sizes },
    kind_DISTRIBUTION = { set_distribution },
    kind_ACTION = { set_on };

static const struct row rows[] = {
#define LOAD_OPTION(group, kind, field, letter, name, argument, initial, \
    low, high, help)							\
	{ &kind_##kind, GROUP_##group, offsetof(struct options, field),	\
	    letter, name, argument, initial, low, high, help },
#include "load/options.def"
};

#define ROWS	(sizeof rows / sizeof *rows)

static const char *const headings[GROUPS] = {
#define LOAD_GROUP(group, heading)	[GROUP_##group] = heading,
#include "load/options.def"
};

/* The command line. */

struct parser {
	struct options	 *options;
	struct error	 *error;
	char		**next;
	bool		  given[ROWS];
};

static int
apply(struct parser *parser, const struct row *row, const char *value)
{
	struct error why;

	parser->given[row - rows] = true;
	if (row->kind->set(row, (char *)parser->options + row->offset, value,
	    &why) == -1)
		return error_set(parser->error, "--%s: %s", row->name,
		    why.text);
	return 0;
}

static int
set_defaults(struct parser *parser)
{
	memset(parser->options, 0, sizeof *parser->options);
	for (size_t n = 0; n < ROWS; n++) {
		const struct row *row = &rows[n];

		if (row->kind == &kind_TEXT && *row->initial == '\0')
			continue;
		if (apply(parser, row, row->initial) == -1)
			return -1;
	}
	memset(parser->given, 0, sizeof parser->given);
	return 0;
}

/* `value` is what stands in the same word, or NULL. */
static int
take(struct parser *parser, const struct row *row, const char *value)
{
	if (*row->argument == '\0')
		return value == NULL ? apply(parser, row, "yes") :
		    error_set(parser->error, "--%s takes no argument",
		    row->name);
	if (value == NULL)
		value = *parser->next;
	if (value == NULL)
		return error_set(parser->error, "--%s needs an argument: %s",
		    row->name, row->argument);
	parser->next += value == *parser->next;
	return apply(parser, row, value);
}

static const struct row *
find_name(struct slice name)
{
	for (size_t n = 0; n < ROWS; n++)
		if (slice_equal(slice_of(rows[n].name), name))
			return &rows[n];
	return NULL;
}

static const struct row *
find_letter(char letter)
{
	for (size_t n = 0; n < ROWS; n++)
		if (rows[n].letter == letter)
			return &rows[n];
	return NULL;
}

static int
parse_letters(struct parser *parser, const char *letters)
{
	for (; *letters != '\0'; letters++) {
		const struct row *row = find_letter(*letters);
		bool value = row != NULL && *row->argument != '\0' &&
		    letters[1] != '\0';

		if (row == NULL)
			return error_set(parser->error, "unknown option "
			    "\"-%c\"; see cairn-load --help", *letters);
		if (take(parser, row, value ? letters + 1 : NULL) == -1)
			return -1;
		if (*row->argument != '\0')
			return 0;
	}
	return 0;
}

static int
parse_word(struct parser *parser, const char *word)
{
	const char *name = word + 2;
	size_t length;
	const struct row *row;

	if (*word != '-' || word[1] == '\0' || strcmp(word, "--") == 0)
		return error_set(parser->error, "unexpected argument "
		    "\"%.80s\"; see cairn-load --help", word);
	if (word[1] != '-')
		return parse_letters(parser, word + 1);
	length = strcspn(name, "=");
	row = find_name((struct slice){ name, length });
	if (row == NULL)
		return error_set(parser->error, "unknown option \"%.80s\"; "
		    "see cairn-load --help", word);
	return take(parser, row, name[length] == '=' ? name + length + 1 :
	    NULL);
}

static bool
is_given(const struct parser *parser, const char *name)
{
	return parser->given[find_name(slice_of(name)) - rows];
}

/* What depends on more than one option. */
static int
settle(struct parser *parser)
{
	struct options *options = parser->options;
	struct keys keys = {
		.prefix = options->key_prefix,
		.prefix_length = strlen(options->key_prefix),
		.sizes = &options->key_size,
		.count = (uint64_t)options->keys,
	};

	if (options->requests > 0 && !is_given(parser, "time"))
		options->time = 0;
	else if (options->time == 0 && !options->fill)
		return error_set(parser->error, "--time: 0 is for --fill "
		    "without a load");
	else if (options->time == 0)
		options->requests = 0;
	if (options->threads > options->connections)
		return error_set(parser->error, "--threads: %lld threads need "
		    "as many --connections", (long long)options->threads);
	if (options->rate.from != options->rate.to && options->time == 0)
		return error_set(parser->error, "--rate: to climb, it needs "
		    "--time");
	if (options->rate.from == 0 && is_given(parser, "arrivals"))
		return error_set(parser->error, "--arrivals is about requests "
		    "of --rate");
	if (options->tls_key != NULL && options->tls_cert == NULL)
		return error_set(parser->error, "--tls-key needs --tls-cert");
	if (!options->tls && (options->tls_ca != NULL ||
	    options->tls_cert != NULL))
		return error_set(parser->error, "--tls-ca and --tls-cert need "
		    "--tls");
	return keys_check(&keys, options->mix.weights[OP_INCR] > 0,
	    parser->error);
}

int
options_parse(struct options *options, char **argv, struct error *err)
{
	struct parser parser = { .options = options, .error = err,
	    .next = argv };

	if (set_defaults(&parser) == -1)
		return -1;
	if (*parser.next != NULL)
		parser.next++;
	while (*parser.next != NULL)
		if (parse_word(&parser, *parser.next++) == -1)
			return -1;
	return options->help || options->version ? 0 : settle(&parser);
}

/* --help: words flow from a left margin to the right one. */

static void
put_words(FILE *out, int column, const char *text)
{
	int at = column;

	while (*text != '\0') {
		int length = (int)strcspn(text, " ");

		if (at >= HELP_MARGIN && at + 1 + length > HELP_WIDTH) {
			fputc('\n', out);
			at = 0;
		}
		if (at < HELP_MARGIN)
			at += fprintf(out, "%*s", HELP_MARGIN - at, "");
		else
			at += fprintf(out, " ");
		at += fprintf(out, "%.*s", length, text);
		text += length;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void
help_row(FILE *out, const struct row *row)
{
	char text[512];
	int column = fprintf(out, "  ");

	if (row->letter != '\0')
		column += fprintf(out, "-%c, ", row->letter);
	column += fprintf(out, "--%s%s%s", row->name,
	    *row->argument != '\0' ? "=" : "", row->argument);
	if (column >= HELP_MARGIN) {
		fputc('\n', out);
		column = 0;
	}
	snprintf(text, sizeof text, *row->initial == '\0' ? "%s" :
	    "%s (default: %s)", row->help, row->initial);
	put_words(out, column, text);
}

void
options_help(FILE *out)
{
	fprintf(out, "usage: cairn-load [option ...]\n");
	for (int group = 0; group < GROUPS; group++) {
		fprintf(out, "\n%s:\n", headings[group]);
		for (size_t n = 0; n < ROWS; n++)
			if ((int)rows[n].group == group)
				help_row(out, &rows[n]);
	}
}
