/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * option_suggest.c - what a word that is no option may have been meant to be:
 * a longer name that it begins, the same name in the other form, or one that
 * is a typing error or two away.
 */
#include "server/option_row.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_LENGTH	32

/* Beyond it, names are not alike. */
#define DISTANCE_MAX	2

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/*
 * Letters to insert, drop, change or swap to make `b` of `a` (Damerau 1964),
 * in the form that changes no place twice.
 */
static unsigned
distance(const char *a, const char *b)
{
	size_t rows = strlen(a), columns = strlen(b);
	unsigned cost[NAME_MAX_LENGTH + 1][NAME_MAX_LENGTH + 1];

	if (rows > NAME_MAX_LENGTH || columns > NAME_MAX_LENGTH)
		return DISTANCE_MAX + 1;
	for (size_t i = 0; i <= rows; i++)
		for (size_t j = 0; j <= columns; j++) {
			if (i == 0 || j == 0) {
				cost[i][j] = (unsigned)(i + j);
				continue;
			}
			cost[i][j] = least(cost[i - 1][j - 1] +
			    (a[i - 1] != b[j - 1]),
			    least(cost[i - 1][j], cost[i][j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				cost[i][j] = least(cost[i][j],
				    cost[i - 2][j - 2] + 1);
		}
	return cost[rows][columns];
}

/* How unlike a name is what was written; 0 for the beginning of the name. */
static unsigned
unlikeness(const char *written, const char *name)
{
	size_t length = strlen(written);

	if (length >= 3 && strncmp(name, written, length) == 0)
		return 0;
	return distance(written, name);
}

/* The best row, or NULL. A name of few letters is like many others. */
static const struct option_row *
find_like(const char *written)
{
	const struct option_row *row, *best = NULL;
	unsigned best_so_far = strlen(written) < 6 ? 2 : DISTANCE_MAX + 1;

	for (size_t i = 0; (row = option_row(i)) != NULL; i++) {
		unsigned unlike = *row->name == '\0' ? DISTANCE_MAX + 1 :
		    unlikeness(written, row->name);

		if (unlike < best_so_far) {
			best_so_far = unlike;
			best = row;
		}
	}
	return best;
}

/* The name in what was written: no "--", "-o " or "no_" in front. */
static const char *
name_in(const char *spelled)
{
	if (strncmp(spelled, "-o ", 3) == 0)
		spelled += 3;
	spelled += strspn(spelled, "-");
	return strncmp(spelled, "no_", 3) == 0 ? spelled + 3 : spelled;
}

int
option_unknown(const char *spelled, struct error *error)
{
	const char *name = name_in(spelled);
	const struct option_row *row = strlen(name) < 2 ? NULL :
	    find_like(name);

	if (row == NULL)
		return error_set(error,
		    "unknown option \"%s\"; see cairnd --help", spelled);
	return error_set(error,
	    "unknown option \"%s\"; did you mean \"%s%s\"?", spelled,
	    row->group->form == FLAGS ? "--" : "-o ", row->name);
}
