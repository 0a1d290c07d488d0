/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * redis_calls.h - the functions behind the calls of scope SERVER. Private to
 * src/server/redis*.c.
 */
#ifndef SERVER_REDIS_CALLS_H
#define SERVER_REDIS_CALLS_H

#include "server/redis.h"

/* How often each was made; `shards` is the sum of their counters. */
void	redis_sum_calls(struct admin *, const struct counters *shards,
	    struct call_sums sums[CALL_COUNT]);

typedef void redis_function(struct admin *, struct session_call *);

redis_function	acl_cat, acl_dryrun, acl_genpass, acl_getuser, acl_list,
	    acl_load, acl_users, acl_whoami;
redis_function	client_info, client_kill, client_list, client_tracking;
redis_function	command_all, command_count, command_docs, command_getkeys,
	    command_info, command_list;
redis_function	config_get, config_resetstat, config_rewrite, config_set;
redis_function	debug_sleep;
redis_function	latency_histogram, latency_nothing;
redis_function	memory_doctor, memory_purge, memory_stats;
redis_function	slowlog_get, slowlog_len, slowlog_reset;
redis_function	redis_cluster, redis_help, redis_info, redis_ok, redis_role,
	    redis_shutdown, redis_time, redis_wait;

#endif
