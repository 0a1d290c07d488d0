/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stats.h - what the server reports about itself, in groups.
 */
#ifndef SERVER_STATS_H
#define SERVER_STATS_H

#include "server/admin.h"

/* Carry out `stats [group ...]`. The reply may be a source. */
void	stats_serve(struct admin *, const struct request *, struct reply *,
	    struct output *);

/* All that counts since the start counts from zero again. */
void	stats_reset_all(struct admin *);

#endif
