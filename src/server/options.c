/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * options.c - see options.h.
 *
 * The words are read here and not by getopt_long(3), which keeps its place in
 * global variables, guesses abbreviations and does not say what was wrong.
 */
#include "server/options.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/error.h"

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
};

static const struct group {
	enum effect	 effect;
	enum form	 form;
	const char	*heading;
} groups[] = {
#define GROUP(group, effect, form, heading)	{ effect, form, heading },
#include "server/options.def"
};

#define GROUPS	(sizeof groups / sizeof groups[0])

struct row;

/*
 * How words become a field, and a field becomes a word of `stats settings`.
 * `implied` is the value of an option that takes no argument.
 */
struct kind {
	int		(*set)(const struct row *, void *field,
			    const char *value, struct error *);
	void		(*show)(const struct row *, const struct options *,
			    char *out, size_t room);
	const char	 *implied;
};

struct row {
	const struct kind	*kind;
	const struct group	*group;
	size_t			 offset;	/* in struct options */
	char			 letter;	/* 0: none */
	const char		*name;		/* "": none */
	const char		*argument;	/* "": takes none */
	const char		*initial;
	int64_t			 low, high;
	const char		*setting;	/* NULL: none */
	unsigned		 flags;
	const char		*help;
};

/* The longest value of `stats settings`; a longer list is cut. */
#define SHOWN_MAX	512

static void *
field_of(const struct row *row, struct options *options)
{
	return (char *)options + row->offset;
}

static const void *
shown_field(const struct row *row, const struct options *options)
{
	return (const char *)options + row->offset;
}

static struct slice
slice_of(const char *text)
{
	return (struct slice){ text, strlen(text) };
}

/* Kinds: yes or no. */

static int
set_bool(const struct row *row, void *field, const char *value,
    struct error *err)
{
	(void)row, (void)err;
	*(bool *)field = strcmp(value, "yes") == 0;
	return 0;
}

static void
show_bool(const struct row *row, const struct options *options, char *out,
    size_t room)
{
	static const char *const words[2][2] = { { "no", "yes" },
	    { "off", "on" } };
	const bool *value = shown_field(row, options);

	snprintf(out, room, "%s",
	    words[(row->flags & OPTION_ON_OFF) != 0][*value]);
}

/* Kinds: numbers. */

static int
set_count(const struct row *row, void *field, const char *value,
    struct error *err)
{
	(void)row, (void)value, (void)err;
	++*(int *)field;
	return 0;
}

static int
parse_number(const struct row *row, const char *value, int64_t *number,
    struct error *err)
{
	if (decimal_parse_signed(slice_of(value), number) &&
	    *number >= row->low && *number <= row->high)
		return 0;
	return error_set(err, "\"%.80s\" is not a number from %lld to %lld",
	    value, (long long)row->low, (long long)row->high);
}

static int
set_number(const struct row *row, void *field, const char *value,
    struct error *err)
{
	int64_t number;

	if (parse_number(row, value, &number, err) == -1)
		return -1;
	if ((row->flags & OPTION_POWER_OF_TWO) && (number & (number - 1)) != 0)
		return error_set(err, "%lld is not a power of two",
		    (long long)number);
	*(int *)field = (int)number;
	return 0;
}

static void
show_number(const struct row *row, const struct options *options, char *out,
    size_t room)
{
	snprintf(out, room, "%d", *(const int *)shown_field(row, options));
}

/* Its own kind because the range alone would not say why. */
static int
set_udp(const struct row *row, void *field, const char *value,
    struct error *err)
{
	if (set_number(row, field, value, err) == -1)
		return error_set(err, "UDP is not offered, only 0 is possible");
	return 0;
}

static int
set_octal(const struct row *row, void *field, const char *value,
    struct error *err)
{
	char *end;
	unsigned long mode = strtoul(value, &end, 8);

	if (*value < '0' || *value > '7' || *end != '\0' ||
	    mode > (unsigned long)row->high)
		return error_set(err,
		    "\"%.80s\" is not an octal mode from 0 to %llo", value,
		    (unsigned long long)row->high);
	*(int *)field = (int)mode;
	return 0;
}

static void
show_octal(const struct row *row, const struct options *options, char *out,
    size_t room)
{
	snprintf(out, room, "%o",
	    (unsigned)*(const int *)shown_field(row, options));
}

static int
set_megabytes(const struct row *row, void *field, const char *value,
    struct error *err)
{
	int64_t number;

	if (parse_number(row, value, &number, err) == -1)
		return -1;
	if ((uint64_t)number > SIZE_MAX >> 20)
		return error_set(err, "%s is more than this machine can name",
		    value);
	*(size_t *)field = (size_t)number << 20;
	return 0;
}

/* How far to shift for the suffix that ends the text, which is cut off. */
static int
cut_suffix(struct slice *text)
{
	static const char suffixes[] = "kKmMgG";
	const char *found = NULL;

	if (text->length > 0)
		found = memchr(suffixes, text->bytes[text->length - 1],
		    sizeof suffixes - 1);
	if (found == NULL)
		return 0;
	text->length--;
	return (int)((found - suffixes) / 2 + 1) * 10;
}

static int
set_size(const struct row *row, void *field, const char *value,
    struct error *err)
{
	struct slice digits = slice_of(value);
	int shift = cut_suffix(&digits);
	uint64_t number;

	if (!decimal_parse(digits, &number) ||
	    number > (uint64_t)row->high >> shift ||
	    number << shift < (uint64_t)row->low)
		return error_set(err, "\"%.80s\" is not a size from %lldk to "
		    "%lldm", value, (long long)row->low >> 10,
		    (long long)row->high >> 20);
	*(size_t *)field = (size_t)number << shift;
	return 0;
}

static void
show_size(const struct row *row, const struct options *options, char *out,
    size_t room)
{
	snprintf(out, room, "%zu",
	    *(const size_t *)shown_field(row, options));
}

static int
set_factor(const struct row *row, void *field, const char *value,
    struct error *err)
{
	char *end;
	double factor = strtod(value, &end);

	/* strtod() also takes spaces, signs, hexadecimal, "inf" and "nan" */
	if (value[strspn(value, "0123456789.")] != '\0' || *value == '\0' ||
	    *end != '\0' || factor <= (double)row->low ||
	    factor > (double)row->high)
		return error_set(err,
		    "\"%.80s\" is not a number above %lld, up to %lld",
		    value, (long long)row->low, (long long)row->high);
	*(double *)field = factor;
	return 0;
}

static void
show_factor(const struct row *row, const struct options *options, char *out,
    size_t room)
{
	snprintf(out, room, "%.2f",
	    *(const double *)shown_field(row, options));
}

/* Kinds: words. */

static int
set_text(const struct row *row, void *field, const char *value,
    struct error *err)
{
	char **text = field;
	char *copy;

	(void)row;
	if (*value == '\0')
		return error_set(err, "the value is empty");
	copy = strdup(value);
	if (copy == NULL)
		return error_set(err, "out of memory");
	free(*text);
	*text = copy;
	return 0;
}

static void
show_text(const struct row *row, const struct options *options, char *out,
    size_t room)
{
	char *const *text = shown_field(row, options);

	snprintf(out, room, "%s", *text == NULL ? "NULL" : *text);
}

static const struct protocol_name {
	const char		*name;
	enum options_protocol	 protocol;
	const char		*shown;
} protocol_names[] = {
	{ "auto", OPTIONS_PROTOCOL_AUTO, "auto-negotiate" },
	{ "negotiating", OPTIONS_PROTOCOL_AUTO, "auto-negotiate" },
	{ "ascii", OPTIONS_PROTOCOL_ASCII, "ascii" },
};

#define PROTOCOL_NAMES	(sizeof protocol_names / sizeof protocol_names[0])

static int
set_protocol(const struct row *row, void *field, const char *value,
    struct error *err)
{
	for (size_t i = 0; i < PROTOCOL_NAMES; i++)
		if (strcmp(value, protocol_names[i].name) == 0) {
			*(enum options_protocol *)field =
			    protocol_names[i].protocol;
			return 0;
		}
	if (strcmp(value, "binary") == 0)
		return error_set(err, "binary is not offered yet");
	return error_set(err, "\"%.80s\" is none of %s", value, row->argument);
}

static void
show_protocol(const struct row *row, const struct options *options, char *out,
    size_t room)
{
	const enum options_protocol *protocol = shown_field(row, options);

	for (size_t i = 0; i < PROTOCOL_NAMES; i++)
		if (protocol_names[i].protocol == *protocol)
			snprintf(out, room, "%s", protocol_names[i].shown);
}

/* Kinds: addresses. */

static void
listen_clear(struct listen_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->addresses[i].host);
	free(list->addresses);
	*list = (struct listen_list){ NULL, 0 };
}

static int
listen_append(struct listen_list *list, struct slice host, int port,
    struct error *err)
{
	struct listen_address *addresses = realloc(list->addresses,
	    (list->count + 1) * sizeof *addresses);
	char *copy = strndup(host.bytes, host.length);

	if (addresses != NULL)
		list->addresses = addresses;
	if (addresses == NULL || copy == NULL) {
		free(copy);
		return error_set(err, "out of memory");
	}
	list->addresses[list->count].host = copy;
	list->addresses[list->count++].port = port;
	return 0;
}

/*
 * memcached has words in front of an address. Those that ask for what is not
 * offered are refused: plain text where TLS was asked for helps nobody.
 */
static int
cut_prefix(struct slice *text, struct error *err)
{
	static const struct {
		struct slice	 word;
		const char	*missing;
	} prefixes[] = {
		{ SLICE("notls:"), NULL },
		{ SLICE("btls:"), "TLS" },
		{ SLICE("mtls:"), "TLS" },
		{ SLICE("proto["), "a protocol for one address" },
		{ SLICE("tag["), "a tag for one address" },
	};

	for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
		struct slice word = prefixes[i].word;

		if (text->length < word.length ||
		    memcmp(text->bytes, word.bytes, word.length) != 0)
			continue;
		if (prefixes[i].missing != NULL)
			return error_set(err, "%s (%.*s) is not offered yet",
			    prefixes[i].missing, (int)word.length, word.bytes);
		text->bytes += word.length;
		text->length -= word.length;
	}
	return 0;
}

/*
 * Find the host and the bytes after it: "" or ":port". Two colons without
 * brackets are an IPv6 address. False: brackets that do not match.
 */
static bool
split_address(struct slice text, struct slice *host, struct slice *rest)
{
	const char *end = text.bytes + text.length;
	const char *host_end;

	*host = text;
	if (text.length > 0 && *text.bytes == '[') {
		host_end = memchr(text.bytes, ']', text.length);
		if (host_end == NULL)
			return false;
		host->bytes++;
		rest->bytes = host_end + 1;
	} else {
		host_end = memchr(text.bytes, ':', text.length);
		if (host_end == NULL || memchr(host_end + 1, ':',
		    (size_t)(end - host_end - 1)) != NULL)
			host_end = end;
		rest->bytes = host_end;
	}
	host->length = (size_t)(host_end - host->bytes);
	rest->length = (size_t)(end - rest->bytes);
	return host->length > 0;
}

static int
add_address(struct listen_list *list, struct slice text, struct error *err)
{
	struct slice host, rest;
	uint64_t port = 0;

	if (cut_prefix(&text, err) == -1)
		return -1;
	if (!split_address(text, &host, &rest))
		goto malformed;
	if (rest.length > 0) {
		if (*rest.bytes != ':')
			goto malformed;
		rest.bytes++;
		rest.length--;
		if (!decimal_parse(rest, &port) || port < 1 || port > 65535)
			goto malformed;
	}
	return listen_append(list, host, (int)port, err);
malformed:
	return error_set(err,
	    "\"%.*s\" is not an address: host, host:port or [v6]:port",
	    (int)(text.length < 80 ? text.length : 80), text.bytes);
}

static int
set_addresses(const struct row *row, void *field, const char *value,
    struct error *err)
{
	(void)row;
	for (;;) {
		size_t length = strcspn(value, ",");

		if (add_address(field, (struct slice){ value, length },
		    err) == -1)
			return -1;
		if (value[length] == '\0')
			return 0;
		value += length + 1;
	}
}

/* A port is shown where it is not the one of `tcpport`. */
static void
show_addresses(const struct row *row, const struct options *options,
    char *out, size_t room)
{
	const struct listen_list *list = shown_field(row, options);
	size_t used = (size_t)snprintf(out, room, "%s",
	    list->count == 0 ? "NULL" : "");

	for (size_t i = 0; i < list->count && used < room; i++) {
		const struct listen_address *address = &list->addresses[i];
		bool v6 = strchr(address->host, ':') != NULL;
		bool with_port = address->port != options->port;

		used += (size_t)snprintf(out + used, room - used,
		    with_port && v6 ? "%s[%s]" : "%s%s", i > 0 ? "," : "",
		    address->host);
		if (with_port && used < room)
			used += (size_t)snprintf(out + used, room - used,
			    ":%d", address->port);
	}
}

/* Kinds: without a field. */

static int
set_action(const struct row *row, void *field, const char *value,
    struct error *err)
{
	(void)value, (void)err;
	*(enum options_action *)field = (enum options_action)row->low;
	return 0;
}

static int
set_inert(const struct row *row, void *field, const char *value,
    struct error *err)
{
	(void)field, (void)value;
	if (row->group->effect == REFUSED)
		return error_set(err, "not offered yet");
	return 0;
}

enum kind_id {
	KIND_ON,
	KIND_OFF,
	KIND_COUNT,
	KIND_NUMBER,
	KIND_OCTAL,
	KIND_UDP,
	KIND_MEGABYTES,
	KIND_SIZE,
	KIND_FACTOR,
	KIND_TEXT,
	KIND_ADDRESSES,
	KIND_PROTOCOL,
	KIND_ACTION,
	KIND_EXTENDED,
	KIND_INERT,
};

static const struct kind kinds[] = {
	[KIND_ON] = { set_bool, show_bool, "yes" },
	[KIND_OFF] = { set_bool, show_bool, "no" },
	[KIND_COUNT] = { set_count, show_number, "" },
	[KIND_NUMBER] = { set_number, show_number, NULL },
	[KIND_OCTAL] = { set_octal, show_octal, NULL },
	[KIND_UDP] = { set_udp, show_number, NULL },
	[KIND_MEGABYTES] = { set_megabytes, show_size, NULL },
	[KIND_SIZE] = { set_size, show_size, NULL },
	[KIND_FACTOR] = { set_factor, show_factor, NULL },
	[KIND_TEXT] = { set_text, show_text, NULL },
	[KIND_ADDRESSES] = { set_addresses, show_addresses, NULL },
	[KIND_PROTOCOL] = { set_protocol, show_protocol, NULL },
	[KIND_ACTION] = { set_action, NULL, "" },
	[KIND_EXTENDED] = { NULL, NULL, NULL },	/* parse_extended() */
	[KIND_INERT] = { set_inert, NULL, "" },
};

static const struct row rows[] = {
#define OPTION(group, kind, field, letter, name, argument, initial,	\
    low, high, setting, flags, help)					\
	{ &kinds[KIND_##kind], &groups[GROUP_##group],			\
	    offsetof(struct options, field), letter, name, argument,	\
	    initial, low, high, setting, flags, help },
#define INERT(group, letter, name, argument, flags)			\
	{ &kinds[KIND_INERT], &groups[GROUP_##group], 0, letter, name,	\
	    argument, "", 0, 0, NULL, flags, "" },
#include "server/options.def"
};

#define ROWS	(sizeof rows / sizeof rows[0])

struct parser {
	struct options	 *options;
	struct error	 *error;
	char		**next;		/* the words not read yet */
	bool		  given[ROWS];
};

/* An argument in brackets may be left out. */
static bool
needs_argument(const struct row *row)
{
	return *row->argument != '\0' && *row->argument != '[';
}

static const struct row *
find_letter(char letter)
{
	for (const struct row *row = rows; row < rows + ROWS; row++)
		if (row->letter == letter && letter != '\0')
			return row;
	return NULL;
}

static const struct row *
find_name(enum form form, struct slice name)
{
	for (const struct row *row = rows; row < rows + ROWS; row++)
		if (row->group->form == form && name.length > 0 &&
		    slice_equal(slice_of(row->name), name))
			return row;
	return NULL;
}

static int	parse_extended(struct parser *, const char *list);

/*
 * Let a row take its value; NULL: none was given. `spelled` is the option as
 * the operator wrote it.
 */
static int
apply(struct parser *parser, const struct row *row, const char *spelled,
    const char *value)
{
	void *field = field_of(row, parser->options);
	struct error why;

	if (value == NULL && needs_argument(row) &&
	    row->group->effect != REFUSED)
		return error_set(parser->error, "%s needs an argument: %s",
		    spelled, row->argument);
	if (row->kind == &kinds[KIND_EXTENDED])
		return parse_extended(parser, value);
	/* what is listed takes the place of the default, then adds up */
	if (row->kind == &kinds[KIND_ADDRESSES] && !parser->given[row - rows])
		listen_clear(field);
	parser->given[row - rows] = true;
	if (row->kind->set(row, field,
	    value != NULL ? value : row->kind->implied, &why) == -1)
		return error_set(parser->error, "%s: %s", spelled, why.text);
	return 0;
}

static int
refuse_value(struct parser *parser, const char *spelled)
{
	return error_set(parser->error, "%s takes no argument", spelled);
}

/* One name or name=value of an -o list. */
static int
parse_suboption(struct parser *parser, const char *text)
{
	struct slice name = { text, strcspn(text, "=") };
	const char *value = text[name.length] == '=' ?
	    text + name.length + 1 : NULL;
	const struct row *row = find_name(SUBOPTIONS, name);
	char spelled[64];

	snprintf(spelled, sizeof spelled, "-o %.*s", (int)name.length, text);
	if (row == NULL && strncmp(text, "no_", 3) == 0) {
		row = find_name(SUBOPTIONS,
		    (struct slice){ text + 3, name.length - 3 });
		if (row != NULL && !(row->flags & OPTION_NEGATABLE))
			row = NULL;
		if (row != NULL && value != NULL)
			return refuse_value(parser, spelled);
		value = "no";
	} else if (row != NULL && value != NULL && *row->argument == '\0') {
		return refuse_value(parser, spelled);
	}
	if (row == NULL)
		return error_set(parser->error,
		    "unknown option \"%s\"; see cairnd --help", spelled);
	return apply(parser, row, spelled,
	    value != NULL && *value == '\0' ? NULL : value);
}

static int
parse_extended(struct parser *parser, const char *list)
{
	char *copy = strdup(list);
	char *rest = copy;
	char *text;
	int result = 0;

	if (copy == NULL)
		return error_set(parser->error, "out of memory");
	while (result == 0 && (text = strsep(&rest, ",")) != NULL)
		result = parse_suboption(parser, text);
	free(copy);
	return result;
}

/* --name, --name=value or --name value. */
static int
parse_long(struct parser *parser, const char *word)
{
	struct slice name = { word + 2, strcspn(word + 2, "=") };
	const char *value = name.bytes[name.length] == '=' ?
	    name.bytes + name.length + 1 : NULL;
	const struct row *row = find_name(FLAGS, name);
	char spelled[64];

	snprintf(spelled, sizeof spelled, "%.*s", (int)name.length + 2, word);
	if (row == NULL)
		return error_set(parser->error,
		    "unknown option \"%s\"; see cairnd --help", spelled);
	if (value != NULL && *row->argument == '\0')
		return refuse_value(parser, spelled);
	if (value == NULL && *row->argument != '\0' && *parser->next != NULL)
		value = *parser->next++;
	return apply(parser, row, spelled, value);
}

/* -x, -xyz, -xvalue or -x value. */
static int
parse_letters(struct parser *parser, const char *letters)
{
	char spelled[] = "-x";

	for (; *letters != '\0'; letters++) {
		const struct row *row = find_letter(*letters);
		const char *value = NULL;

		spelled[1] = *letters;
		if (row == NULL)
			return error_set(parser->error,
			    "unknown option \"%s\"; see cairnd --help",
			    spelled);
		if (*row->argument != '\0' && letters[1] != '\0')
			value = letters + 1;
		else if (*row->argument != '\0' && *parser->next != NULL)
			value = *parser->next++;
		if (apply(parser, row, spelled, value) == -1)
			return -1;
		if (value != NULL)
			break;
	}
	return 0;
}

static bool
is_given(const struct parser *parser, char letter)
{
	return parser->given[find_letter(letter) - rows];
}

/* What depends on more than one option. */
static int
settle(struct parser *parser)
{
	struct options *options = parser->options;
	struct listen_list *list = &options->listen;

	if (options->unix_socket != NULL && !is_given(parser, 'l') &&
	    !is_given(parser, 'p'))
		options->port = 0;
	if (options->port == 0)
		listen_clear(list);
	for (size_t i = 0; i < list->count; i++)
		if (list->addresses[i].port == 0)
			list->addresses[i].port = options->port;
	if (options->max_item_size > options->memory_limit / 2)
		return error_set(parser->error, "--max-item-size of %zu bytes "
		    "is more than half of --memory-limit, %zu megabytes",
		    options->max_item_size, options->memory_limit >> 20);
	return 0;
}

static int
parse_word(struct parser *parser, const char *word)
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
options_parse(struct options *options, int argc, char **argv,
    struct error *err)
{
	struct parser parser = {
		.options = options,
		.error = err,
		.next = argv + (argc > 0),
	};

	while (*parser.next != NULL)
		if (parse_word(&parser, *parser.next++) == -1)
			return -1;
	return settle(&parser);
}

void
options_defaults(struct options *options)
{
	struct error err;

	memset(options, 0, sizeof *options);
	for (const struct row *row = rows; row < rows + ROWS; row++)
		if (*row->initial != '\0')
			CHECK(row->kind->set(row, field_of(row, options),
			    row->initial, &err) == 0);
}

void
options_free(struct options *options)
{
	for (const struct row *row = rows; row < rows + ROWS; row++) {
		if (row->kind == &kinds[KIND_TEXT])
			free(*(char **)field_of(row, options));
		if (row->kind == &kinds[KIND_ADDRESSES])
			listen_clear(field_of(row, options));
	}
	memset(options, 0, sizeof *options);
}

static const struct row *
find_setting(const char *name)
{
	for (const struct row *row = rows; row < rows + ROWS; row++)
		if (row->setting != NULL && strcmp(row->setting, name) == 0)
			return row;
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
			const struct row *row = find_setting(settings[i].name);

			CHECK(row != NULL);
			row->kind->show(row, options, shown, sizeof shown);
		}
		line(context, settings[i].name, settings[i].fixed != NULL ?
		    settings[i].fixed : shown);
	}
}

/* --help: words flow from a left margin to the right one. */

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
spell_row(const struct row *row, char *out, size_t room)
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
help_option(FILE *out, const struct row *row)
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
help_inert(struct flow *flow, const struct row *row)
{
	char text[128];

	spell_row(row, text, sizeof text);
	if (row->group->form == FLAGS)
		fprintf(flow->out, "  %s\n", text);
	else
		flow_word(flow, slice_of(text));
}

void
options_help(FILE *out)
{
	fprintf(out, "usage: cairnd [option ...]\n");
	for (size_t i = 0; i < GROUPS; i++) {
		struct flow flow = { .out = out, .margin = 2 };

		fprintf(out, "\n%s:\n", groups[i].heading);
		for (const struct row *row = rows; row < rows + ROWS; row++)
			if (row->group != &groups[i])
				continue;
			else if (groups[i].effect == WORKS)
				help_option(out, row);
			else
				help_inert(&flow, row);
		if (flow.column > 0)
			fputc('\n', out);
	}
}
