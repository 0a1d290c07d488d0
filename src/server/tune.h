/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tune.h - the commands by which operators of memcached tune it: slabs, lru,
 * extstore.
 */
#ifndef SERVER_TUNE_H
#define SERVER_TUNE_H

#include "server/admin.h"

/* Let the settings of the start take effect. */
void	tune_apply(struct admin *);

/* Carry out a request of one of these ops. */
enum status	tune_serve(struct admin *, const struct request *);

#endif
