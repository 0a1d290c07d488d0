/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * option_row.h - the rows of options.def, for the files that work on them:
 *
 *	options.c		the table; defaults; `stats settings`
 *	option_kinds.c		how words become a field, and a field a word
 *	option_addresses.c	the kind that is a list of addresses
 *	option_tls.c		kinds that only TLS has
 *	option_parse.c		the command line
 *	option_file.c		files of options
 *	option_suggest.c	what a word may have been meant to be
 *	option_help.c		--help
 */
#ifndef SERVER_OPTION_ROW_H
#define SERVER_OPTION_ROW_H

#include "base/bytes.h"
#include "base/error.h"
#include "server/options.h"

enum option_effect {
	WORKS,
	IGNORED,
};

enum option_form {
	FLAGS,		/* -x, --name */
	SUBOPTIONS,	/* -o name */
};

struct option_group {
	enum option_effect	 effect;
	enum option_form	 form;
	const char		*heading;
};

struct option_row;

/*
 * How words become a field, and a field becomes a word of `stats settings`.
 * `implied` is the value of an option without its argument, `negated` that of
 * one with no_ in front. `clear` makes the field empty; NULL when it owns
 * nothing.
 */
struct option_kind {
	int		(*set)(const struct option_row *, void *field,
			    const char *value, struct error *);
	void		(*show)(const struct option_row *,
			    const struct options *, char *out, size_t room);
	const char	 *implied;
	const char	 *negated;
	void		(*clear)(void *field);
};

/* Room for the field of any kind, for the rows whose value nobody keeps. */
union option_value {
	bool			 yes;
	int			 number;
	size_t			 size;
	double			 factor;
	char			*text;
};

enum option_kind_id {
	OPTION_KIND_ON,
	OPTION_KIND_OFF,
	OPTION_KIND_COUNT,
	OPTION_KIND_NUMBER,
	OPTION_KIND_OCTAL,
	OPTION_KIND_UDP,
	OPTION_KIND_KILOBYTES,
	OPTION_KIND_MEGABYTES,
	OPTION_KIND_SIZE,
	OPTION_KIND_FACTOR,
	OPTION_KIND_TEXT,
	OPTION_KIND_FILES,
	OPTION_KIND_CHOICE,
	OPTION_KIND_SIZES,
	OPTION_KIND_DELIMITER,
	OPTION_KIND_ADDRESSES,
	OPTION_KIND_PROTOCOL,
	OPTION_KIND_VERIFY,
	OPTION_KIND_KEY_FORMAT,
	OPTION_KIND_TLS_VERSION,
	OPTION_KIND_ACTION,
	OPTION_KIND_EXTENDED,
};

struct option_row {
	enum option_kind_id		 kind;
	const struct option_group	*group;
	size_t				 offset;	/* in struct options */
	char				 letter;	/* 0: none */
	const char			*name;		/* "": none */
	const char			*argument;	/* "": takes none */
	const char			*initial;
	int64_t				 low, high;
	const char			*setting;	/* NULL: none */
	unsigned			 flags;
	const char			*help;
};

enum {
	OPTION_ROWS = 0
#define OPTION(...)	+ 1
#define INERT(...)	+ 1
#include "server/options.def"
};

/* A row, a group by its place in options.def; NULL after the last. */
const struct option_row		*option_row(size_t);
const struct option_group	*option_group(size_t);
size_t				 option_number(const struct option_row *);

const struct option_kind	*option_kind(enum option_kind_id);

/* The field of a row, to change it and to show it. */
void		*option_field(const struct option_row *, struct options *);
const void	*option_shown(const struct option_row *,
		    const struct options *);

/* "auto", "ascii", ...: also what proto[] in front of an address takes. */
int	option_find_protocol(struct slice name, enum proto_choice *,
	    struct error *);

/*
 * Options come from several sources, each of which takes the place of what
 * the earlier ones said: the files in their order, then the command line.
 */
struct option_parser {
	struct options	 *options;
	struct error	 *error;
	char		**next;		/* the words not read yet */
	unsigned	  source;	/* 1 and up */
	bool		  in_file;
	unsigned	  given[OPTION_ROWS];	/* the last source; 0: none */
};

/* Words as on a command line, up to a NULL. */
int	option_parse_words(struct option_parser *, char **words);

/*
 * A long name without its dashes, or that of a sub-option; `value` is NULL
 * when there is none.
 */
int	option_parse_named(struct option_parser *, const char *name,
	    const char *value);

/* A file of options, as the next source. */
int	option_parse_file(struct option_parser *, const char *path);

/* "unknown option ..." with what it may have been meant to be. */
int	option_unknown(const char *spelled, struct error *);

/* For the table of kinds only. */
int	option_set_addresses(const struct option_row *, void *field,
	    const char *value, struct error *);
void	option_show_addresses(const struct option_row *,
	    const struct options *, char *out, size_t room);
void	option_clear_addresses(void *field);
void	option_show_verify(const struct option_row *, const struct options *,
	    char *out, size_t room);
int	option_set_key_format(const struct option_row *, void *field,
	    const char *value, struct error *);
void	option_show_tls_version(const struct option_row *,
	    const struct options *, char *out, size_t room);

/* Is TLS all there that is asked for? */
int	option_settle_tls(struct options *, struct error *);

#endif
