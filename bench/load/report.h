/* SPDX-License-Identifier: BSD-3-Clause */
/* report.h - the results, as text, CSV or JSON. */
#ifndef LOAD_REPORT_H
#define LOAD_REPORT_H

#include <stdio.h>

#include "load/options.h"
#include "load/tally.h"

struct report {
	const struct options	*options;
	const struct tally	*tally;
	double			 seconds;	/* measured time */
	double			 cpu;		/* ours, of all requests, s */
	uint64_t		 answered;	/* these, warm-up included */
};

void	report_write(const struct report *, FILE *);

/* What went wrong, in sentences; nothing if nothing did. */
void	report_faults(const struct tally *, FILE *);

#endif
