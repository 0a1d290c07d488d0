/* SPDX-License-Identifier: BSD-3-Clause */
/* values.c - see values.h. */
#include "load/values.h"

#include <stdlib.h>

/* Of base64, so that a value can be looked at. */
static const char letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int
values_open(struct values *values, const struct sizes *sizes,
    const struct sizes *ttls, uint64_t seed)
{
	size_t length = VALUES_PLACES + (size_t)sizes->most;
	struct random random = { seed };

	values->sizes = sizes;
	values->ttls = ttls;
	values->source = malloc(length);
	if (values->source == NULL)
		return -1;
	for (size_t n = 0; n < length; n++)
		values->source[n] = letters[random_next(&random) >> 58];
	return 0;
}

void
values_close(struct values *values)
{
	free(values->source);
}
