/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tally.h - what is counted: by each thread for itself, added up at the end.
 *
 * Requests, keys, hits, misses and latencies are those of the measured time.
 * What went wrong is counted from the beginning.
 */
#ifndef LOAD_TALLY_H
#define LOAD_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/histogram.h"
#include "load/wire.h"

struct tally_op {
	uint64_t		requests;	/* answered */
	uint64_t		keys;		/* of these */
	uint64_t		hits, misses;	/* keys */
	uint64_t		unexpected;	/* replies */
	uint64_t		wrong;		/* values */
	struct histogram	latency;	/* ns */
};

struct tally {
	struct tally_op	ops[OP_COUNT];
	uint64_t	sent, received;		/* bytes, measured time */
	uint64_t	unanswered;		/* requests */
	uint64_t	unsent;			/* due, but not in time */
	uint64_t	lost;			/* connections */
	int64_t		last;			/* reply that counts, ns */
	char		sample[96];		/* the first unexpected one */
	size_t		sample_length;
};

/* Add another one up. */
void	tally_join(struct tally *, const struct tally *);

/* All operations in one. */
void	tally_total(const struct tally *, struct tally_op *);

/* Remember the first unexpected reply. */
void	tally_sample(struct tally *, const char *at, size_t length);

/* Did all come as it should? */
bool	tally_is_fine(const struct tally *);

#endif
