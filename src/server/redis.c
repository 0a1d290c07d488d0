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

static redis_function *const functions[CALL_COUNT] = {
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
