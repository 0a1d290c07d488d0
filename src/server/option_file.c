/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * option_file.c - files of options, such as /etc/memcached.conf of Debian.
 *
 *	# a comment, up to the end of the line
 *	-m 64 -c 1024			words as on the command line
 *	--memory-limit=64		the same
 *	memory-limit 64			a long name without its dashes,
 *	memory-limit = 64		or a sub-option of -o; one on a line,
 *	no_maxconns_fast		with its value if it takes one
 *
 * As in a shell, quotes keep spaces and number signs in a word, and a
 * backslash keeps what follows it. Debian's wrapper around memcached skips
 * `logfile`, -d and -h; so do we.
 */
#include "server/option_row.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES_MAX	((size_t)64 << 10)
#define LINE_BYTES_MAX	4096
#define WORDS_MAX	64

#define BLANKS		" \t\r\v\f"

/* Fill `text`, which has room for one byte more than a file may have. */
static int
read_bytes(int fd, char *text, size_t *length, struct error *error)
{
	ssize_t got;

	*length = 0;
	do {
		got = read(fd, text + *length, FILE_BYTES_MAX + 1 - *length);
		if (got == -1)
			return error_set(error, "%s", strerror(errno));
		*length += (size_t)got;
	} while (got > 0 && *length <= FILE_BYTES_MAX);
	if (*length > FILE_BYTES_MAX)
		return error_set(error, "more than %zu bytes",
		    FILE_BYTES_MAX);
	if (memchr(text, '\0', *length) != NULL)
		return error_set(error, "not a text file");
	return 0;
}

/* The text of a file, to be freed; NULL with words. */
static char *
read_file(const char *path, struct error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text;
	size_t length = 0;
	int result;

	if (fd == -1) {
		error_set(error, "%s", strerror(errno));
		return NULL;
	}
	text = malloc(FILE_BYTES_MAX + 2);
	result = text == NULL ? error_set(error, "out of memory") :
	    read_bytes(fd, text, &length, error);
	close(fd);
	if (result == -1) {
		free(text);
		return NULL;
	}
	text[length] = '\0';
	return text;
}

/* Copy what is inside a pair of quotes. False: it has no end. */
static bool
copy_quoted(char **at, char **out, char quote)
{
	for (;; (*at)++) {
		if (**at == quote) {
			(*at)++;
			return true;
		}
		if (quote == '"' && **at == '\\')
			(*at)++;
		if (**at == '\0')
			return false;
		*(*out)++ = **at;
	}
}

/*
 * Take a word off the front of a line, without its quotes, in place. Returns
 * 1, 0 when there is none, or -1.
 */
static int
cut_word(char **line, char **word, struct error *error)
{
	char *at = *line + strspn(*line, BLANKS), *out = at;

	*word = at;
	if (*at == '\0' || *at == '#')
		return 0;
	while (strchr(BLANKS "#", *at) == NULL) {	/* nor the NUL */
		char byte = *at++;

		if (byte == '\'' || byte == '"') {
			if (!copy_quoted(&at, &out, byte))
				return error_set(error,
				    "a quote has no end");
			continue;
		}
		if (byte == '\\' && *at != '\0')
			byte = *at++;
		*out++ = byte;
	}
	*line = *at == '\0' || *at == '#' ? out : at + 1;
	*out = '\0';
	return 1;
}

/* The words of a line, and NULL after the last. */
static int
cut_words(char *line, char *words[WORDS_MAX + 1], struct error *error)
{
	for (size_t i = 0; i < WORDS_MAX; i++) {
		int result = cut_word(&line, &words[i], error);

		if (result == 1)
			continue;
		words[i] = NULL;
		return result;
	}
	return error_set(error, "more than %d words", WORDS_MAX - 1);
}

/* A name and perhaps a value, perhaps with an equals sign between them. */
static int
parse_name_and_value(struct option_parser *parser, char *line)
{
	char *words[WORDS_MAX + 1];
	char *end = line + strcspn(line, BLANKS "=#");
	char *rest = end + strspn(end, BLANKS);
	bool equals = *rest == '=';

	rest += equals;
	if (*rest == '#')
		*rest = '\0';
	*end = '\0';
	if (strcmp(line, "logfile") == 0)
		return 0;
	if (cut_words(rest, words, parser->error) == -1)
		return -1;
	if (words[0] != NULL && words[1] != NULL)
		return error_set(parser->error,
		    "%.64s: unexpected argument \"%.80s\"", line, words[1]);
	return option_parse_named(parser, line,
	    words[0] == NULL && equals ? "" : words[0]);
}

static int
parse_line(struct option_parser *parser, char *line)
{
	char *words[WORDS_MAX + 1];

	line += strspn(line, BLANKS);
	if (*line == '\0' || *line == '#')
		return 0;
	if (*line != '-')
		return parse_name_and_value(parser, line);
	if (cut_words(line, words, parser->error) == -1)
		return -1;
	return option_parse_words(parser, words);
}

static int
parse_lines(struct option_parser *parser, char *text, unsigned *number)
{
	char *line;

	for (*number = 1; (line = strsep(&text, "\n")) != NULL; ++*number) {
		if (strlen(line) > LINE_BYTES_MAX)
			return error_set(parser->error,
			    "longer than %d bytes", LINE_BYTES_MAX);
		if (parse_line(parser, line) == -1)
			return -1;
	}
	return 0;
}

int
option_parse_file(struct option_parser *parser, const char *path)
{
	struct error *error = parser->error, why;
	char *text = read_file(path, &why);
	unsigned number;
	int result;

	if (text == NULL)
		return error_set(error, "%.120s: %s", path, why.text);
	parser->error = &why;
	parser->in_file = true;
	parser->source++;
	result = parse_lines(parser, text, &number);
	parser->in_file = false;
	parser->error = error;
	free(text);
	if (result == -1)
		return error_set(error, "%.120s:%u: %s", path, number,
		    why.text);
	return 0;
}
