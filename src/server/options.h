/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * options.h - what the operator asked for on the command line.
 *
 * The fields of struct options come from the rows of options.def, where each
 * is described. main() owns it; it is constant after the start. Texts and
 * lists in it belong to it; an absent text is NULL.
 */
#ifndef SERVER_OPTIONS_H
#define SERVER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "net/origin.h"

struct error;

/* What to do instead of serving. */
enum options_action {
	OPTIONS_RUN,
	OPTIONS_HELP,
	OPTIONS_VERSION,
	OPTIONS_LICENSE,
};

/* What ends the prefix of a key when -D does not say so. */
#define OPTIONS_DELIMITER	':'

/* One TCP address. options_parse() leaves nothing in it open. */
struct listen_address {
	char			*host;	/* no brackets; "*" is every address */
	int			 port;	/* -1: any free one; never 0 */
	char			*prefix;	/* as written, "tag[a]:" */
	struct origin_settings	 settings;
	bool			 protocol_given;	/* else it is -B */
	bool			 tls_given;		/* else it is -Z */
};

struct listen_list {
	struct listen_address	*addresses;
	size_t			 count;		/* 0: no TCP */
};

struct file_list {
	char	**paths;
	size_t	  count;
};

/* The flags of a row in options.def. */
enum option_flag {
	OPTION_NEGATABLE = 1,		/* no_ in front turns it off */
	OPTION_POWER_OF_TWO = 2,
	OPTION_ON_OFF = 4,		/* shown as on/off, not yes/no */
	OPTION_NO_FIELD = 8,		/* an INERT row */
	OPTION_SKIPPED_IN_FILE = 16,	/* only works on a command line */
	OPTION_REFUSED_IN_FILE = 32,
	OPTION_PARENTHESES = 64,	/* if absent shown as (null) */
	OPTION_NO_IF_ABSENT = 128,	/* shown as no, not NULL */
};

/* The kinds of rows, by the field that they fill. */
#define OPTION_FIELD_ON(field)		bool field;
#define OPTION_FIELD_OFF(field)		bool field;	/* no: it was given */
#define OPTION_FIELD_COUNT(field)	int field;	/* times it was given */
#define OPTION_FIELD_NUMBER(field)	int field;
#define OPTION_FIELD_OCTAL(field)	int field;
#define OPTION_FIELD_UDP(field)		int field;
#define OPTION_FIELD_KILOBYTES(field)	size_t field;	/* in bytes */
#define OPTION_FIELD_MEGABYTES(field)	size_t field;	/* in bytes */
#define OPTION_FIELD_SIZE(field)	size_t field;	/* in bytes */
#define OPTION_FIELD_FACTOR(field)	double field;
#define OPTION_FIELD_TEXT(field)	char *field;
#define OPTION_FIELD_FILES(field)	struct file_list field;
#define OPTION_FIELD_DELIMITER(field)	char field;	/* NUL: none */
#define OPTION_FIELD_ADDRESSES(field)	struct listen_list field;
#define OPTION_FIELD_PROTOCOL(field)	enum proto_choice field;
#define OPTION_FIELD_VERIFY(field)	int field;	/* enum tls_verify */
#define OPTION_FIELD_KEY_FORMAT(field)	int field;	/* TLS_KEY_... */
#define OPTION_FIELD_TLS_VERSION(field)	int field;	/* enum tls_version */
#define OPTION_FIELD_ACTION(field)	/* `action` below */
#define OPTION_FIELD_EXTENDED(field)	/* nothing of its own */

struct options {
	enum options_action	action;
	char			ignored[256];	/* given, but without effect */
#define OPTION(group, kind, field, ...)	OPTION_FIELD_##kind(field)
#define STATE(kind, field, ...)		OPTION_FIELD_##kind(field)
#include "server/options.def"
};

/* Fill with the defaults. Give back with options_free(). */
void	options_defaults(struct options *);

/*
 * Read the words of main()'s argv on top of the defaults, and between them
 * the files that --config names. Returns 0, or -1
 * with the words for the operator; options_free() is due in both cases. May
 * be called again for other options.
 *
 * Then port is 0 and listen empty when there is no TCP; threads is 0 when the
 * number of CPUs decides.
 */
int	options_parse(struct options *, int argc, char **argv, struct error *);

/* What --help prints. */
void	options_help(FILE *);

/* Call `row` for each line of `stats settings`; the words are borrowed. */
void	options_settings(const struct options *,
	    void (*row)(void *context, const char *name, const char *value),
	    void *context);

void	options_free(struct options *);

#endif
