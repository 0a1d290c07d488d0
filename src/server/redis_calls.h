/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * redis_calls.h - the functions behind the calls of scope SERVER. Private to
 * src/server/redis*.c.
 */
#ifndef SERVER_REDIS_CALLS_H
#define SERVER_REDIS_CALLS_H

#include "server/redis.h"

typedef void redis_function(struct admin *, struct session_call *);

redis_function	redis_role, redis_time;

#endif
