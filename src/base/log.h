/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * log.h - one line per event, for the operator, on standard error.
 *
 * A log belongs to main() and is handed down; a part that got none is silent.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level {
	LOG_LEVEL_ERROR,	/* the server cannot do what it was asked to */
	LOG_LEVEL_NOTICE,	/* starting, stopping */
	LOG_LEVEL_INFO,		/* -v: connections refused, limits reached */
	LOG_LEVEL_DEBUG,	/* -vv: every connection */
};

struct log {
	_Atomic int	level;	/* what is above it is not written */
};

/* Would it be written? For words that are dear to make. */
bool	log_wants(const struct log *, enum log_level);

void	log_write(struct log *, enum log_level, const char *format, ...)
	    __attribute__((format(printf, 3, 4)));

#endif
