/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * option_kinds.c - how words become a field of struct options, and a field a
 * word of `stats settings`.
 */
#include "server/option_row.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Kinds: yes or no. */

static int
set_bool(const struct option_row *row, void *field, const char *value,
    struct error *err)
{
	(void)row, (void)err;
	*(bool *)field = strcmp(value, "yes") == 0;
	return 0;
}

static void
show_bool(const struct option_row *row, const struct options *options,
    char *out, size_t room)
{
	static const char *const words[2][2] = { { "no", "yes" },
	    { "off", "on" } };
	const bool *value = option_shown(row, options);

	snprintf(out, room, "%s",
	    words[(row->flags & OPTION_ON_OFF) != 0][*value]);
}

/* Kinds: numbers. */

static int
set_count(const struct option_row *row, void *field, const char *value,
    struct error *err)
{
	(void)row, (void)value, (void)err;
	++*(int *)field;
	return 0;
}

static void
clear_count(void *field)
{
	*(int *)field = 0;
}

static int
parse_number(const struct option_row *row, const char *value, int64_t *number,
    struct error *err)
{
	if (decimal_parse_signed(slice_of(value), number) &&
	    *number >= row->low && *number <= row->high)
		return 0;
	return error_set(err, "\"%.80s\" is not a number from %lld to %lld",
	    value, (long long)row->low, (long long)row->high);
}

static int
set_number(const struct option_row *row, void *field, const char *value,
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
show_number(const struct option_row *row, const struct options *options,
    char *out, size_t room)
{
	snprintf(out, room, "%d", *(const int *)option_shown(row, options));
}

/* Its own kind because the range alone would not say why. */
static int
set_udp(const struct option_row *row, void *field, const char *value,
    struct error *err)
{
	if (set_number(row, field, value, err) == -1)
		return error_set(err, "UDP is not offered, only 0 is possible");
	return 0;
}

static int
set_octal(const struct option_row *row, void *field, const char *value,
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
show_octal(const struct option_row *row, const struct options *options,
    char *out, size_t room)
{
	snprintf(out, room, "%o",
	    (unsigned)*(const int *)option_shown(row, options));
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
set_kilobytes(const struct option_row *row, void *field, const char *value,
    struct error *err)
{
	int64_t number;

	if (parse_number(row, value, &number, err) == -1)
		return -1;
	*(size_t *)field = (size_t)number << 10;
	return 0;
}

/* A suffix m changes nothing, g stands for 1024 of them. */
static int
set_megabytes(const struct option_row *row, void *field, const char *value,
    struct error *err)
{
	struct slice digits = slice_of(value);
	int shift = cut_suffix(&digits);
	int gigabytes = shift == 30 ? 10 : 0;
	uint64_t number;

	if (!decimal_parse(digits, &number) || shift == 10 ||
	    number > (uint64_t)row->high >> gigabytes ||
	    number << gigabytes < (uint64_t)row->low)
		return error_set(err, "\"%.80s\" is not a number of megabytes "
		    "from %lld to %lld", value, (long long)row->low,
		    (long long)row->high);
	number <<= gigabytes;
	if (number > SIZE_MAX >> 20)
		return error_set(err, "%.80s is more than this machine can "
		    "name", value);
	*(size_t *)field = (size_t)number << 20;
	return 0;
}

static int
set_size(const struct option_row *row, void *field, const char *value,
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
show_size(const struct option_row *row, const struct options *options,
    char *out, size_t room)
{
	snprintf(out, room, "%zu",
	    *(const size_t *)option_shown(row, options));
}

static int
set_factor(const struct option_row *row, void *field, const char *value,
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
show_factor(const struct option_row *row, const struct options *options,
    char *out, size_t room)
{
	snprintf(out, room, "%.2f",
	    *(const double *)option_shown(row, options));
}

/* Kinds: words. */

static int
set_text(const struct option_row *row, void *field, const char *value,
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
clear_text(void *field)
{
	char **text = field;

	free(*text);
	*text = NULL;
}

static void
show_text(const struct option_row *row, const struct options *options,
    char *out, size_t room)
{
	char *const *text = option_shown(row, options);

	snprintf(out, room, "%s", *text != NULL ? *text :
	    row->flags & OPTION_NO_IF_ABSENT ? "no" :
	    row->flags & OPTION_PARENTHESES ? "(null)" : "NULL");
}

static int
set_files(const struct option_row *row, void *field, const char *value,
    struct error *err)
{
	struct file_list *list = field;
	char **paths = realloc(list->paths,
	    (list->count + 1) * sizeof *paths);

	if (paths == NULL)
		return error_set(err, "out of memory");
	list->paths = paths;
	paths[list->count] = NULL;
	if (set_text(row, &paths[list->count], value, err) == -1)
		return -1;
	list->count++;
	return 0;
}

static void
clear_files(void *field)
{
	struct file_list *list = field;

	for (size_t i = 0; i < list->count; i++)
		free(list->paths[i]);
	free(list->paths);
	*list = (struct file_list){ NULL, 0 };
}

/* One of the words in the row's argument, which has bars between them. */
static int
set_choice(const struct option_row *row, void *field, const char *value,
    struct error *err)
{
	const char *word = row->argument;

	while (*word != '\0') {
		struct slice choice = { word, strcspn(word, "|") };

		if (slice_equal(choice, slice_of(value)))
			return set_text(row, field, value, err);
		word += choice.length;
		word += strspn(word, "|");
	}
	return error_set(err, "\"%.80s\" is none of %s", value,
	    row->argument);
}

/* Sizes with dashes between them, each at least 8 above the one before. */
static int
set_sizes(const struct option_row *row, void *field, const char *value,
    struct error *err)
{
	const char *word = value;
	uint64_t least = (uint64_t)row->low, size;

	for (;; word++) {
		size_t length = strcspn(word, "-");

		if (!decimal_parse((struct slice){ word, length }, &size) ||
		    size < least || size > (uint64_t)row->high)
			return error_set(err, "\"%.80s\" is not a list of "
			    "sizes, each at least 8 above the one before",
			    value);
		least = size + 8;
		word += length;
		if (*word == '\0')
			return set_text(row, field, value, err);
	}
}

static int
set_delimiter(const struct option_row *row, void *field, const char *value,
    struct error *err)
{
	(void)row;
	if (strlen(value) != 1)
		return error_set(err, "\"%.80s\" is not one character",
		    value);
	*(char *)field = *value;
	return 0;
}

static void
show_delimiter(const struct option_row *row, const struct options *options,
    char *out, size_t room)
{
	char delimiter = *(const char *)option_shown(row, options);

	snprintf(out, room, "%c",
	    delimiter != '\0' ? delimiter : OPTIONS_DELIMITER);
}

static const struct protocol_name {
	const char		*name;
	enum proto_choice	 protocol;
	const char		*shown;
} protocol_names[] = {
	{ "auto", PROTO_NEGOTIATE, "auto-negotiate" },
	{ "negotiating", PROTO_NEGOTIATE, "auto-negotiate" },
	{ "ascii", PROTO_TEXT, "ascii" },
	{ "binary", PROTO_BINARY, "binary" },
	{ "", PROTO_NOT_BINARY, "ascii" },	/* of -Y */
};

#define PROTOCOL_NAMES	(sizeof protocol_names / sizeof protocol_names[0])

int
option_find_protocol(struct slice name, enum proto_choice *protocol,
    struct error *err)
{
	for (size_t i = 0; i < PROTOCOL_NAMES; i++)
		if (name.length > 0 &&
		    slice_equal(name, slice_of(protocol_names[i].name))) {
			*protocol = protocol_names[i].protocol;
			return 0;
		}
	return error_set(err, "\"%.*s\" is no protocol",
	    (int)(name.length < 80 ? name.length : 80), name.bytes);
}

static int
set_protocol(const struct option_row *row, void *field, const char *value,
    struct error *err)
{
	struct error why;

	if (option_find_protocol(slice_of(value), field, &why) == -1)
		return error_set(err, "%s, use one of %s", why.text,
		    row->argument);
	return 0;
}

static void
show_protocol(const struct option_row *row, const struct options *options,
    char *out, size_t room)
{
	const enum proto_choice *protocol = option_shown(row, options);

	for (size_t i = 0; i < PROTOCOL_NAMES; i++)
		if (protocol_names[i].protocol == *protocol)
			snprintf(out, room, "%s", protocol_names[i].shown);
}

/* Kinds: without a field. */

static int
set_action(const struct option_row *row, void *field, const char *value,
    struct error *err)
{
	(void)value, (void)err;
	*(enum options_action *)field = (enum options_action)row->low;
	return 0;
}

#define BOOLEAN(word)							\
	{ .set = set_bool, .show = show_bool, .implied = word, .negated = "no" }

static const struct option_kind kinds[] = {
	[OPTION_KIND_ON] = BOOLEAN("yes"),
	[OPTION_KIND_OFF] = BOOLEAN("no"),
	[OPTION_KIND_COUNT] = { .set = set_count, .show = show_number,
	    .implied = "", .clear = clear_count },
	[OPTION_KIND_NUMBER] = { .set = set_number, .show = show_number,
	    .implied = "1", .negated = "0" },
	[OPTION_KIND_OCTAL] = { .set = set_octal, .show = show_octal },
	[OPTION_KIND_UDP] = { .set = set_udp, .show = show_number },
	[OPTION_KIND_KILOBYTES] = { .set = set_kilobytes, .show = show_size },
	[OPTION_KIND_MEGABYTES] = { .set = set_megabytes, .show = show_size },
	[OPTION_KIND_SIZE] = { .set = set_size, .show = show_size },
	[OPTION_KIND_FACTOR] = { .set = set_factor, .show = show_factor },
	[OPTION_KIND_TEXT] = { .set = set_text, .show = show_text,
	    .clear = clear_text },
	[OPTION_KIND_FILES] = { .set = set_files, .clear = clear_files },
	[OPTION_KIND_CHOICE] = { .set = set_choice, .show = show_text,
	    .clear = clear_text },
	[OPTION_KIND_SIZES] = { .set = set_sizes, .show = show_text,
	    .clear = clear_text },
	[OPTION_KIND_DELIMITER] = { .set = set_delimiter,
	    .show = show_delimiter },
	[OPTION_KIND_ADDRESSES] = { .set = option_set_addresses,
	    .show = option_show_addresses, .clear = option_clear_addresses },
	[OPTION_KIND_PROTOCOL] = { .set = set_protocol,
	    .show = show_protocol },
	[OPTION_KIND_VERIFY] = { .set = set_number,
	    .show = option_show_verify },
	[OPTION_KIND_KEY_FORMAT] = { .set = option_set_key_format,
	    .show = show_number },
	[OPTION_KIND_TLS_VERSION] = { .set = set_number,
	    .show = option_show_tls_version },
	[OPTION_KIND_ACTION] = { .set = set_action, .implied = "" },
	[OPTION_KIND_EXTENDED] = { .set = NULL },	/* option_parse.c */
};

const struct option_kind *
option_kind(enum option_kind_id id)
{
	return &kinds[id];
}
