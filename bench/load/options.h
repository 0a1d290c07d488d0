/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * options.h - what was asked for on the command line; the fields come from
 * options.def. Constant after options_parse(); texts are those of argv.
 */
#ifndef LOAD_OPTIONS_H
#define LOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "load/keys.h"
#include "load/schedule.h"
#include "load/sizes.h"
#include "load/wire.h"

struct mix {
	uint32_t	weights[OP_COUNT];
	uint32_t	total;
};

/* The order of the words in options.def. */
enum arrivals {
	ARRIVALS_EVEN,
	ARRIVALS_POISSON,
};

enum output_form {
	OUTPUT_TEXT,
	OUTPUT_CSV,
	OUTPUT_JSON,
};

#define FIELD_ON(field)			bool field;
#define FIELD_NUMBER(field)		int64_t field;
#define FIELD_SECONDS(field)		double field;
#define FIELD_TEXT(field)		const char *field;	/* or NULL */
#define FIELD_CHOICE(field)		int field;	/* which word */
#define FIELD_RATE(field)		struct rate field;	/* 0: none */
#define FIELD_MIX(field)		struct mix field;
#define FIELD_SIZES(field)		struct sizes field;
#define FIELD_DISTRIBUTION(field)	struct distribution field;
#define FIELD_ACTION(field)		bool field;

struct options {
#define LOAD_OPTION(group, kind, field, ...)	FIELD_##kind(field)
#include "load/options.def"
};

/* The defaults, and the words of main()'s argv on top of them. */
int	options_parse(struct options *, char **argv, struct error *);

/* What --help prints. */
void	options_help(FILE *);

#endif
