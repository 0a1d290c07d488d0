/* SPDX-License-Identifier: BSD-3-Clause */
/* session_hello.c - HELLO and AUTH: who a client is, and what it speaks. */
#include "net/session_calls.h"

#include "net/conn.h"
#include "proto/resp.h"

#define DEFAULT_USER	"default"

/* False: nobody has this name and password. */
static bool
log_in(struct session_call *call, struct slice name, struct slice password)
{
	struct session *session = call->session;
	const struct gate *gate = session->env->gate;
	struct rights *rights = NULL;
	bool known = gate == NULL ? slice_equal(name, SLICE(DEFAULT_USER)) :
	    gate->know(gate->context, name, password, &rights);

	if (!known) {
		session->visit->refused = true;
		resp_error(call->output, "WRONGPASS invalid username-password "
		    "pair or user is disabled.");
		return false;
	}
	if (!session_replace_text(session, SESSION_USER, name)) {
		rights_release(rights);
		resp_error(call->output, "ERR out of memory");
		return false;
	}
	gate_let_in(session->visit, rights);
	return true;
}

void
hello_auth(struct session_call *call)
{
	bool named = call->count == 3;

	if (call->count > 3) {
		session_syntax_error(call);
	} else if (!named && call->session->env->gate == NULL) {
		resp_error(call->output, "ERR AUTH <password> called without "
		    "any password configured for the default user. Are you "
		    "sure your configuration is correct?");
	} else if (log_in(call, named ? call->words[1] : SLICE(DEFAULT_USER),
	    call->words[named ? 2 : 1])) {
		session_ok(call);
	}
}

static void
greet(struct session_call *call)
{
	struct output *output = call->output;
	bool v3 = call->session->codec->resp.v3;

	resp_map(output, v3, 7);
	resp_bulk_text(output, "server");
	resp_bulk_text(output, "redis");
	resp_bulk_text(output, "version");
	resp_bulk_text(output, SESSION_VERSION);
	resp_bulk_text(output, "proto");
	resp_integer(output, v3 ? 3 : 2);
	resp_bulk_text(output, "id");
	resp_integer(output, (int64_t)call->session->id);
	resp_bulk_text(output, "mode");
	resp_bulk_text(output, "standalone");
	resp_bulk_text(output, "role");
	resp_bulk_text(output, "master");
	resp_bulk_text(output, "modules");
	resp_array(output, 0);
}

/* The words of HELLO; lengths 0: not given, bytes NULL. */
struct hello {
	bool		v3;
	struct slice	user, password, name;
};

static bool
read_version(struct session_call *call, bool *v3)
{
	int64_t version;

	if (!decimal_parse_signed(call->words[1], &version))
		resp_error(call->output, "ERR Protocol version is not an "
		    "integer or out of range");
	else if (version != 2 && version != 3)
		resp_error(call->output,
		    "NOPROTO unsupported protocol version");
	else {
		*v3 = version == 3;
		return true;
	}
	return false;
}

/* False: the error is told. */
static bool
read_hello(struct session_call *call, struct hello *hello)
{
	size_t n = 2;

	*hello = (struct hello){ .v3 = call->v3 };
	if (call->count > 1 && !read_version(call, &hello->v3))
		return false;
	while (n < call->count) {
		struct slice word = call->words[n];
		size_t more = call->count - n - 1;

		if (call_word_is(word, "auth") && more >= 2) {
			hello->user = call->words[n + 1];
			hello->password = call->words[n + 2];
			n += 3;
		} else if (call_word_is(word, "setname") && more >= 1) {
			hello->name = call->words[n + 1];
			n += 2;
		} else {
			resp_error(call->output,
			    "ERR Syntax error in HELLO option '%.*s'",
			    (int)(word.length < 128 ? word.length : 128),
			    word.bytes);
			return false;
		}
	}
	return true;
}

void
hello_greet(struct session_call *call)
{
	struct hello hello;

	if (!read_hello(call, &hello))
		return;
	if (hello.user.bytes != NULL &&
	    !log_in(call, hello.user, hello.password))
		return;
	if (!call->session->visit->inside) {
		resp_error(call->output, "NOAUTH HELLO must be called with "
		    "the client already authenticated, otherwise the HELLO "
		    "<proto> AUTH <user> <pass> option can be used to "
		    "authenticate the client and select the RESP protocol "
		    "version at the same time");
		return;
	}
	if (hello.name.bytes != NULL && !session_set_text(call, SESSION_NAME,
	    "Client names", hello.name))
		return;
	call->session->codec->resp.v3 = hello.v3;
	greet(call);
}
