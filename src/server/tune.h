/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tune.h - the commands by which operators of memcached tune it: lru,
 * extstore.
 */
#ifndef SERVER_TUNE_H
#define SERVER_TUNE_H

#include "server/admin.h"

/* Carry out a request of one of these ops. */
enum status	tune_serve(struct admin *, const struct request *);

#endif
