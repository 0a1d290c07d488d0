/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * error.h - words for the operator when the world fails us.
 *
 * A function that can fail because of the world (a file, a socket, memory)
 * takes a struct error, writes one sentence into it and returns -1 or NULL.
 * Only main() prints it.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

struct error {
	char	text[256];	/* always NUL-terminated, cut when longer */
};

/* Set the words. Always returns -1, so that it can end a function. */
int	error_set(struct error *, const char *format, ...)
	    __attribute__((format(printf, 2, 3)));

#endif
