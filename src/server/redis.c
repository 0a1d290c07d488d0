/* SPDX-License-Identifier: BSD-3-Clause */
/* redis.c - see redis.h. */
#include "server/redis.h"

#include "base/check.h"
#include "proto/resp.h"
#include "server/redis_calls.h"

void
redis_time(struct admin *admin, struct session_call *call)
{
	int64_t us = clock_unix_us(admin->clock);
	char text[DECIMAL_MAX];

	resp_array(call->output, 2);
	resp_bulk(call->output, (struct slice){
		text, decimal_format(text, (uint64_t)us / 1000000) });
	resp_bulk(call->output, (struct slice){
		text, decimal_format(text, (uint64_t)us % 1000000) });
}

void
redis_role(struct admin *admin, struct session_call *call)
{
	(void)admin;
	resp_array(call->output, 3);
	resp_bulk_text(call->output, "master");
	resp_integer(call->output, 0);
	resp_array(call->output, 0);
}

void
redis_help(struct admin *admin, struct session_call *call)
{
	(void)admin;
	session_help(call);
}

void
redis_ok(struct admin *admin, struct session_call *call)
{
	(void)admin;
	session_ok(call);
}

static redis_function *const functions[CALL_COUNT] = {
	[CALL_ACL_CAT] = acl_cat,
	[CALL_ACL_DRYRUN] = acl_dryrun,
	[CALL_ACL_GENPASS] = acl_genpass,
	[CALL_ACL_GETUSER] = acl_getuser,
	[CALL_ACL_HELP] = redis_help,
	[CALL_ACL_LIST] = acl_list,
	[CALL_ACL_LOAD] = acl_load,
	[CALL_ACL_USERS] = acl_users,
	[CALL_ACL_WHOAMI] = acl_whoami,
	[CALL_CLIENT_INFO] = client_info,
	[CALL_CLIENT_KILL] = client_kill,
	[CALL_CLIENT_LIST] = client_list,
	[CALL_CLIENT_TRACKING] = client_tracking,
	[CALL_CLIENT_UNPAUSE] = redis_ok,
	[CALL_CLUSTER_COUNTKEYSINSLOT] = redis_cluster,
	[CALL_CLUSTER_HELP] = redis_help,
	[CALL_CLUSTER_INFO] = redis_cluster,
	[CALL_CLUSTER_KEYSLOT] = redis_cluster,
	[CALL_CLUSTER_MYID] = redis_cluster,
	[CALL_CLUSTER_NODES] = redis_cluster,
	[CALL_CLUSTER_SHARDS] = redis_cluster,
	[CALL_CLUSTER_SLOTS] = redis_cluster,
	[CALL_COMMAND] = command_all,
	[CALL_COMMAND_COUNT] = command_count,
	[CALL_COMMAND_DOCS] = command_docs,
	[CALL_COMMAND_GETKEYS] = command_getkeys,
	[CALL_COMMAND_HELP] = redis_help,
	[CALL_COMMAND_INFO] = command_info,
	[CALL_COMMAND_LIST] = command_list,
	[CALL_CONFIG_GET] = config_get,
	[CALL_CONFIG_HELP] = redis_help,
	[CALL_CONFIG_RESETSTAT] = config_resetstat,
	[CALL_CONFIG_REWRITE] = config_rewrite,
	[CALL_CONFIG_SET] = config_set,
	[CALL_DEBUG_HELP] = redis_help,
	[CALL_DEBUG_SLEEP] = debug_sleep,
	[CALL_INFO] = redis_info,
	[CALL_LATENCY_HELP] = redis_help,
	[CALL_LATENCY_HISTOGRAM] = latency_histogram,
	[CALL_LATENCY_HISTORY] = latency_nothing,
	[CALL_LATENCY_LATEST] = latency_nothing,
	[CALL_LATENCY_RESET] = latency_nothing,
	[CALL_MEMORY_DOCTOR] = memory_doctor,
	[CALL_MEMORY_HELP] = redis_help,
	[CALL_MEMORY_PURGE] = memory_purge,
	[CALL_MEMORY_STATS] = memory_stats,
	[CALL_OBJECT_HELP] = redis_help,
	[CALL_READONLY] = redis_cluster,
	[CALL_READWRITE] = redis_cluster,
	[CALL_SHUTDOWN] = redis_shutdown,
	[CALL_SLOWLOG_GET] = slowlog_get,
	[CALL_SLOWLOG_HELP] = redis_help,
	[CALL_SLOWLOG_LEN] = slowlog_len,
	[CALL_SLOWLOG_RESET] = slowlog_reset,
	[CALL_WAIT] = redis_wait,
	[CALL_ROLE] = redis_role,
	[CALL_TIME] = redis_time,
};

void
redis_serve(struct admin *admin, struct session_call *call)
{
	enum call_id id = call->request->call->id;

	CHECK(functions[id] != NULL);
	functions[id](admin, call);
}
