/* SPDX-License-Identifier: BSD-3-Clause */
/* check.c - see check.h. */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

void
check_failed(const char *condition, const char *file, int line,
    const char *function)
{
	fprintf(stderr, "cairn: bug: %s:%d: %s: expected %s\n",
	    file, line, function, condition);
	abort();
}
