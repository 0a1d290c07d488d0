/* SPDX-License-Identifier: BSD-3-Clause */
/* login.c - see login.h. */
#include "server/login.h"

#include <strings.h>

#include "proto/binary.h"
#include "proto/text.h"
#include "proto/words.h"

/* Outside, lines and values are no longer than this. */
#define OUTSIDE_MAX	2048

static bool
know(void *context, struct slice name, struct slice password,
    struct rights **rights)
{
	struct login *login = context;
	bool known = users_know(login->users, name, password, rights);

	atomic_fetch_add(&login->attempts, 1);
	if (!known)
		atomic_fetch_add(&login->failures, 1);
	return known;
}

static enum status
judge(struct login *login, struct gate_visit *visit, struct slice name,
    struct slice password, enum status welcome)
{
	struct rights *rights;

	if (!know(login, name, password, &rights)) {
		gate_put_out(visit);
		return STATUS_AUTH_FAILURE;
	}
	gate_let_in(visit, rights);
	return welcome;
}

/* "name password"; memcached does not mind what comes behind. */
static enum status
login_by_text(struct login *login, struct gate_visit *visit,
    struct request *request)
{
	struct slice words = request->value;
	struct slice name = words_next(&words), password = words_next(&words);

	request->flags &= ~(unsigned)REQUEST_NOREPLY;
	if (password.length == 0) {
		atomic_fetch_add(&login->attempts, 1);
		atomic_fetch_add(&login->failures, 1);
		return STATUS_BAD_AUTH;
	}
	return judge(login, visit, name, password, STATUS_STORED);
}

/* Take what is before the next zero byte off a slice. False: there is none. */
static bool
next_field(struct slice *rest, struct slice *field)
{
	const char *end = rest->length == 0 ? NULL :
	    memchr(rest->bytes, '\0', rest->length);

	if (end == NULL)
		return false;
	field->bytes = rest->bytes;
	field->length = (size_t)(end - rest->bytes);
	rest->length -= field->length + 1;
	rest->bytes = end + 1;
	return true;
}

/* PLAIN (RFC 4616): [for whom] NUL name NUL password; all are for themselves. */
static enum status
login_by_plain(struct login *login, struct gate_visit *visit,
    const struct request *request)
{
	struct slice rest = request->value, whom, name;

	gate_put_out(visit);
	visit->begun = false;
	if (rest.length == 0 && !(request->flags & REQUEST_TOO_LARGE)) {
		visit->begun = true;
		return STATUS_AUTH_CONTINUE;
	}
	if (request->flags & REQUEST_TOO_LARGE ||
	    !next_field(&rest, &whom) || !next_field(&rest, &name) ||
	    (whom.length > 0 && !slice_equal(whom, name)))
		name = rest = SLICE("");	/* nobody's */
	return judge(login, visit, name, rest, STATUS_AUTHENTICATED);
}

static bool
is_plain(struct slice mechanism)
{
	return mechanism.length == 5 &&
	    strncasecmp(mechanism.bytes, "PLAIN", 5) == 0;
}

static enum status
login_by_sasl(struct login *login, struct gate_visit *visit,
    struct request *request)
{
	bool steps_first = request->op == OP_SASL_STEP && !visit->begun;

	if (request->op == OP_SASL_MECHANISMS)
		return STATUS_MECHANISMS;
	if (steps_first || !is_plain(request->key)) {
		gate_put_out(visit);
		visit->begun = false;
		return judge(login, visit, SLICE(""), SLICE(""),
		    STATUS_NONE);
	}
	return login_by_plain(login, visit, request);
}

/* Packets that nobody needs to log in for, and those that are none. */
static enum status
refuse_packet(struct request *request)
{
	if (request->op == OP_VERSION)
		return STATUS_VERSION;
	if (request->op == OP_REJECT && request->flags & REQUEST_CLOSE)
		return request->status;
	request->flags &= ~(unsigned)REQUEST_QUIET;
	request->flags |= REQUEST_CLOSE;
	return STATUS_UNAUTHENTICATED;
}

static enum status
enter(void *context, struct gate_visit *visit, struct request *request)
{
	struct login *login = context;

	switch (request->op) {
	case OP_SASL_MECHANISMS:
	case OP_SASL_AUTH:
	case OP_SASL_STEP:
		if (login->sasl)
			return login_by_sasl(login, visit, request);
		return visit->inside ? STATUS_ERROR : refuse_packet(request);
	case OP_SET:
		if (request->protocol == &text_protocol &&
		    !(request->flags & REQUEST_TOO_LARGE))
			return login_by_text(login, visit, request);
		break;
	default:
		break;
	}
	return request->protocol == &binary_protocol ?
	    refuse_packet(request) : STATUS_UNAUTHENTICATED;
}

void
login_gate(struct login *login, const struct codec_config *inside,
    struct gate *gate)
{
	*gate = (struct gate){
		.codec = *inside, .enter = enter, .know = know,
		.context = login,
	};
	gate->codec.line_max = gate->codec.request_max = OUTSIDE_MAX;
	gate->codec.item_max = OUTSIDE_MAX;
}
