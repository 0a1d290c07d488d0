/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sha1.h - SHA-1, by which clients name scripts. It protects nothing.
 *
 * Source: FIPS 180-4, 6.1.
 */
#ifndef BASE_SHA1_H
#define BASE_SHA1_H

#include <stddef.h>

/* The digest in hexadecimal digits, small letters, and a '\0'. */
#define SHA1_DIGITS	40

void	sha1_digits(const void *bytes, size_t length,
	    char digits[SHA1_DIGITS + 1]);

#endif
