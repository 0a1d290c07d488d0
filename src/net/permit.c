/* SPDX-License-Identifier: BSD-3-Clause */
/* permit.c - see permit.h. */
#include "net/permit.h"

#include "proto/resp.h"

/* A request as a call. */
struct as_call {
	const struct call_row	*row;	/* NULL: it is none */
	const struct slice	*words;
	size_t			 count;
	struct slice		 room[3];
};

/* A SET whose value is on its way has no words; here they are. */
static void
read_call(const struct request *request, struct as_call *call)
{
	*call = (struct as_call){
		.row = request->call, .words = request->words,
		.count = request->word_count,
	};
	if (request->words != NULL || request->protocol != &resp_protocol)
		return;
	call->words = call->room;
	call->count = 3;
	call->room[0] = SLICE("set");
	call->room[1] = request->key;
	call->room[2] = request->value;
}

static enum rights_answer
ask(const struct gate_visit *visit, const struct request *request)
{
	struct as_call call;
	size_t word;

	read_call(request, &call);
	if (call.row == NULL)
		return rights_to_request(visit->rights, request) ?
		    RIGHTS_OK : RIGHTS_NO_CALL;
	return rights_to_call(visit->rights, call.row, call.words,
	    call.count, &word);
}

bool
permit_request(const struct gate_visit *visit, const struct request *request)
{
	return visit->rights == NULL ||
	    request_scope(request->op) == SCOPE_CONNECTION ||
	    ask(visit, request) == RIGHTS_OK;
}

static void
refuse_call(const struct call_row *row, enum rights_answer answer,
    struct output *output)
{
	switch (answer) {
	case RIGHTS_OK:
		break;
	case RIGHTS_NO_CALL:
		resp_error(output, "NOPERM this user has no permissions to "
		    "run the '%s' command", row->name);
		break;
	case RIGHTS_NO_KEY:
		resp_error(output, "NOPERM this user has no permissions to "
		    "access one of the keys used as arguments");
		break;
	case RIGHTS_NO_CHANNEL:
		resp_error(output, "NOPERM this user has no permissions to "
		    "access one of the channels used as arguments");
		break;
	}
}

void
permit_refuse(const struct gate_visit *visit, const struct request *request,
    struct output *output)
{
	struct reply reply = { .status = STATUS_NOT_PERMITTED };
	struct as_call call;

	read_call(request, &call);
	if (call.row == NULL)
		proto_reply(output, request, &reply);
	else
		refuse_call(call.row, ask(visit, request), output);
}

bool
permit_call(const struct gate_visit *visit, const struct request *request,
    struct output *output)
{
	enum rights_answer answer = visit->rights == NULL ? RIGHTS_OK :
	    ask(visit, request);

	refuse_call(request->call, answer, output);
	return answer == RIGHTS_OK;
}
