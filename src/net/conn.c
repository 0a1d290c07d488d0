/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conn.c - see conn.h.
 *
 * One pass: bytes are received behind those kept from the pass before, into
 * the worker's buffer. Requests are parsed there in batches; a batch is
 * executed with its memory accesses overlapped, and its replies are formatted
 * into another buffer of the worker's, which leaves in one write at the end;
 * the connection's evbuffer is for what does not fit there, what the socket
 * does not take, and large values. What is left of the input, part of a request or requests that have to wait, is
 * kept in the connection.
 *
 *            readable                 value too long to wait for in `kept`
 *   READING ──────────> process ────────────────────────────> RECEIVING
 *      ^                  │  │                                     │
 *      │   replies taken  │  │ quit                     value whole │
 *      └───── BLOCKED <───┘  └────> CLOSING          <─────────────┘
 *
 * A request that is answered with a source (base/source.h) leads from process
 * to SUPPLIED, and the end of the source to where end_pass() leads.
 */
#include "net/conn.h"

#include <sys/uio.h>

#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "base/check.h"
#include "net/conn_events.h"
#include "net/monitor.h"
#include "net/permit.h"
#include "net/session.h"
#include "net/stream.h"
#include "net/supply.h"
#include "proto/resp.h"

/* Requests that are parsed before they are executed. */
#define BATCH		64

/* A pass that has taken this long ends with the batch in work. */
#define PASS_MS		2

/* Replies beyond this stop a pass, and reading until they are taken. */
#define OUTPUT_MAX	((size_t)1 << 20)

/* Parts of an arriving value that one read fills. */
#define PARTS		16

enum conn_state {
	READING,	/* waits for bytes */
	RECEIVING,	/* waits for bytes of a value */
	BLOCKED,	/* waits until the replies are taken */
	SUPPLIED,	/* a source makes the output */
	CLOSING,	/* as BLOCKED, then closes */
};

/* What a connection looks like from outside. */
enum look {
	LOOK_NEW,	/* nothing has come so far */
	LOOK_READ,	/* waits for requests */
	LOOK_PARSE,	/* requests, or a listing, are in work */
	LOOK_VALUE,	/* waits for the rest of a value */
	LOOK_SWALLOW,	/* or of one that was refused */
	LOOK_WRITE,	/* waits until the replies are taken */
	LOOK_WATCH,	/* is told what happens */
	LOOK_CLOSING,
};

static const char *const looks[] = {
	[LOOK_NEW] = "conn_new_cmd",
	[LOOK_READ] = "conn_read",
	[LOOK_PARSE] = "conn_parse_cmd",
	[LOOK_VALUE] = "conn_nread",
	[LOOK_SWALLOW] = "conn_swallow",
	[LOOK_WRITE] = "conn_mwrite",
	[LOOK_WATCH] = "conn_watch",
	[LOOK_CLOSING] = "conn_closing",
};

/* A value on its way into the store. */
struct arrival {
	struct route_draft	draft;
	struct request		request;
	char			words[REQUEST_DETACHED_MAX];
	uint32_t		part;		/* that is being filled */
	size_t			filled;		/* of it */
	size_t			left;		/* of the whole value */
	char			trailer[PROTO_TRAILER_MAX];
	size_t			trailer_filled;
};

struct conn {
	struct stream		 stream;
	struct conn_env		*env;
	const struct origin	*origin;
	struct origin_peer	 peer;
	enum conn_reason	 reason;	/* why it is closed */
	struct codec		 codec;
	struct session		 session;
	struct gate_visit	 visit;
	enum conn_state		 state;
	_Atomic enum look	 look;		/* this and the next are */
	_Atomic int64_t		 used;		/* others' to read; unix ms */
	bool			 unparsed;	/* `kept` has whole requests */
	bool			 finishing;	/* close when nothing is there */
	struct evbuffer		*kept;		/* input for later */
	struct evbuffer		*replies;
	size_t			 swallow;	/* bytes of input to skip */
	struct arrival		*arrival;	/* of state RECEIVING */
	struct supply		*supply;	/* of state SUPPLIED */
	struct conn		*next, *prev;
};

/* One pass over some input. */
struct pass {
	struct conn	*conn;
	int64_t		 now;
	struct slice	 input;
	bool		 in_place;	/* it lies in what the connection keeps */
	struct output	 output;
	struct request	 batch[BATCH];
	char		 keys[BATCH][KEY_MAX];	/* that had to be decoded */
	size_t		 batched;
	unsigned	 requests;
	bool		 told;		/* commands are: to watchers */
	bool		 monitored;	/* and requests, to who monitors */
	struct slice	 command;	/* that is next, if they are */
};

static void	conn_readable(void *);
static void	conn_drained(void *);
static void	conn_failed(void *);
static void	conn_idle(void *);
static void	conn_supply(void *);

static const struct stream_calls calls = {
	conn_readable, conn_drained, conn_failed, conn_idle,
};

static void
log_opened(const struct conn *conn)
{
	char peer[ORIGIN_ADDRESS_SIZE];

	if (!log_wants(conn->env->log, LOG_LEVEL_DEBUG))
		return;
	origin_peer(conn->origin, &conn->peer, peer);
	log_write(conn->env->log, LOG_LEVEL_DEBUG, "%d: connection from %s "
	    "to %s%s%s", conn->stream.fd, peer, conn->origin->address,
	    *conn->origin->settings.tag != '\0' ? " tag " : "",
	    conn->origin->settings.tag);
}

static int
open_stream(struct conn *conn, int fd)
{
	enum origin_tls mode = conn->origin->settings.tls;
	struct stream_config config = {
		.base = conn->env->base,
		.idle_timeout = conn->env->idle_timeout,
		.tls = mode == ORIGIN_PLAIN ? NULL : conn->env->tls,
		.mode = mode,
		.calls = &calls,
		.context = conn,
	};

	CHECK(mode == ORIGIN_PLAIN || config.tls != NULL);
	return stream_open(&conn->stream, fd, &config);
}

static struct conn_place
place_of(const struct conn *conn)
{
	return (struct conn_place){
		conn->stream.fd, conn->origin, &conn->peer,
	};
}

static void
list_add(struct conn *conn)
{
	struct conn_env *env = conn->env;

	pthread_mutex_lock(&env->list_lock);
	conn->next = env->first;
	if (conn->next != NULL)
		conn->next->prev = conn;
	env->first = conn;
	pthread_mutex_unlock(&env->list_lock);
}

static void
list_remove(struct conn *conn)
{
	struct conn_env *env = conn->env;

	pthread_mutex_lock(&env->list_lock);
	if (conn->prev != NULL)
		conn->prev->next = conn->next;
	else
		env->first = conn->next;
	if (conn->next != NULL)
		conn->next->prev = conn->prev;
	pthread_mutex_unlock(&env->list_lock);
}

static void
look(struct conn *conn, enum look as)
{
	atomic_store_explicit(&conn->look, as, memory_order_relaxed);
}

/* What the codec goes by depends on whether the client was let in. */
static const struct codec_config *
codec_config(const struct conn *conn)
{
	return conn->visit.inside ? conn->env->codec :
	    &conn->env->gate->codec;
}

/* Neighbours are to be in different buckets. */
static uint64_t
hash_id(uint64_t id)
{
	return id * 0x9e3779b97f4a7c15 >> 32;
}

int
conn_open(struct conn_env *env, int fd, const struct origin *origin)
{
	struct conn *conn = calloc(1, sizeof *conn);
	struct conn_place place;

	if (conn == NULL)
		goto fail;
	conn->env = env;
	conn->origin = origin;
	conn->kept = evbuffer_new();
	conn->replies = evbuffer_new();
	if (conn->kept == NULL || conn->replies == NULL ||
	    open_stream(conn, fd) == -1)
		goto fail;
	if (env->gate == NULL)
		gate_let_in(&conn->visit, NULL);
	proto_open(&conn->codec, codec_config(conn),
	    origin->settings.protocol);
	conn->codec.args = &env->args;
	conn->used = clock_unix_ms(env->clock);
	session_open(&conn->session, env, &conn->codec, &conn->visit, conn,
	    env->next_id, conn->used);
	if (!table_add(&env->sessions, &conn->session.node,
	    hash_id(env->next_id)))
		goto fail_open;
	env->next_id += env->id_step;
	origin_peer_find(fd, &conn->peer);
	list_add(conn);
	log_opened(conn);
	place = place_of(conn);
	conn_events_opened(&env->journal, &place);
	return 0;
fail_open:
	/* It closes the socket as well. */
	stream_close(&conn->stream);
	fd = -1;
fail:
	if (conn != NULL && conn->kept != NULL)
		evbuffer_free(conn->kept);
	if (conn != NULL && conn->replies != NULL)
		evbuffer_free(conn->replies);
	free(conn);
	if (fd != -1)
		evutil_closesocket(fd);
	return -1;
}

static void
end_arrival(struct conn *conn)
{
	free(conn->arrival);
	conn->arrival = NULL;
}

void
conn_close(struct conn *conn)
{
	struct conn_env *env = conn->env;
	struct conn_place place = place_of(conn);

	log_write(env->log, LOG_LEVEL_DEBUG, "%d: connection closed",
	    conn->stream.fd);
	conn_events_closed(&env->journal, &place, conn->reason);
	list_remove(conn);
	if (conn->arrival != NULL) {
		route_draft_abandon(&conn->arrival->draft,
		    clock_unix_ms(env->clock));
		end_arrival(conn);
	}
	if (conn->supply != NULL)
		supply_close(conn->supply);
	table_remove(&env->sessions, &conn->session.node);
	session_close(&conn->session);
	gate_put_out(&conn->visit);
	stream_close(&conn->stream);
	evbuffer_free(conn->kept);
	evbuffer_free(conn->replies);
	free(conn);
	atomic_fetch_sub_explicit(&env->counts.current, 1,
	    memory_order_relaxed);
	env->closed(env->closed_context);
}

static void
close_for(struct conn *conn, enum conn_reason reason)
{
	conn->reason = reason;
	conn_close(conn);
}

struct session *
conn_session(const struct conn_env *env, uint64_t id)
{
	struct table_node *node = table_first(&env->sessions, hash_id(id));

	while (node != NULL && ((struct session *)node)->id != id)
		node = table_next(node);
	return (struct session *)node;
}

void
conn_each(struct conn_env *env, void (*visit)(void *, struct session *),
    void *context)
{
	for (struct conn *conn = env->first; conn != NULL; conn = conn->next)
		visit(context, &conn->session);
}

void
conn_close_id(struct conn_env *env, uint64_t id)
{
	struct session *session = conn_session(env, id);

	if (session != NULL)
		close_for(session->push.conn, CONN_SHUTDOWN);
}

/* The list is locked, so the connection stays. */
static void
view(const struct conn *conn, struct conn_view *out)
{
	enum look as = atomic_load_explicit(&conn->look,
	    memory_order_relaxed);

	*out = (struct conn_view){
		.session = &conn->session,
		.fd = conn->stream.fd, .origin = conn->origin,
		.state = looks[as], .blocked = as == LOOK_WRITE,
		.used = atomic_load_explicit(&conn->used,
		    memory_order_relaxed),
	};
	origin_peer(conn->origin, &conn->peer, out->peer);
}

bool
conn_visit(struct conn_env *env, uint64_t *below, unsigned count,
    void (*visit)(void *, const struct conn_view *), void *context)
{
	struct conn_view found;
	const struct conn *at;

	/* The newest is first. */
	pthread_mutex_lock(&env->list_lock);
	for (at = env->first; at != NULL && count > 0; at = at->next) {
		if (at->session.id >= *below)
			continue;
		view(at, &found);
		visit(context, &found);
		*below = at->session.id;
		count--;
	}
	pthread_mutex_unlock(&env->list_lock);
	return at != NULL;
}

void
conn_address(const struct conn *conn, char out[ORIGIN_ADDRESS_SIZE])
{
	char *port;

	origin_peer(conn->origin, &conn->peer, out);
	/* It has "tcp:" or the like before it. */
	port = strncmp(out, "unix:", 5) == 0 ? NULL : strchr(out, ':');
	if (port != NULL)
		memmove(out, port + 1, strlen(port));
}

struct conn *
conn_next(const struct conn *conn)
{
	return conn->next;
}

const struct origin *
conn_origin(const struct conn *conn)
{
	return conn->origin;
}

/* One batch in so many is timed, and stands for all of them. */
#define TIMED_BATCHES	64

/* For who lists connections, or calls. */
static void
count_calls(struct pass *pass, bool timed, uint64_t us)
{
	struct conn_env *env = pass->conn->env;
	const struct call_row *last = NULL;
	uint64_t each = us / pass->batched, rest = us % pass->batched;

	for (size_t i = 0; i < pass->batched; i++) {
		if (pass->batch[i].call == NULL)
			continue;
		last = pass->batch[i].call;
		conn_count(&env->calls[last->id].calls, 1);
		if (!timed)
			continue;
		conn_count(&env->calls[last->id].us, each + (i < rest));
		conn_count(&env->calls[last->id].took[
		    call_time_of(each / TIMED_BATCHES)], 1);
	}
	if (last != NULL)
		atomic_store_explicit(&pass->conn->session.call, last,
		    memory_order_relaxed);
}

static void
execute_batch(struct pass *pass)
{
	struct conn_env *env = pass->conn->env;
	int64_t before = 0;

	if (pass->batched == 0)
		return;
	conn_count(&env->counts.requests, pass->batched);
	if (env->batches++ % TIMED_BATCHES == 0)
		before = clock_monotonic_us();
	route_execute(env->router, pass->batch, pass->batched, pass->now,
	    &pass->output, &env->journal);
	if (pass->batch[0].call != NULL)
		count_calls(pass, before != 0, before == 0 ? 0 :
		    TIMED_BATCHES * (uint64_t)(clock_monotonic_us() - before));
	pass->batched = 0;
}

/* Nothing that was parsed is needed any more. */
static void
flush_batch(struct pass *pass)
{
	execute_batch(pass);
	args_reset(pass->conn->codec.args);
}

static void
answer(struct pass *pass, const struct request *request, enum status status)
{
	struct reply reply = { .status = status };

	proto_reply(&pass->output, request, &reply);
}

/* The reply goes on by itself. */
static void
adopt(struct conn *conn, struct source *source)
{
	conn->supply = supply_open(&conn->env->supplies, source, conn_supply,
	    conn);
	conn->state = conn->supply == NULL ? CLOSING : SUPPLIED;
}

/*
 * Has this pass taken something whose reply memcached would not have sent
 * when it comes to the next request? The values of a get it sends at once.
 */
static bool
has_replies(const struct pass *pass)
{
	if (pass->batched == 0)
		return pass->requests > 1;
	switch (pass->batch[pass->batched - 1].op) {
	case OP_GET:
	case OP_GETS:
	case OP_GAT:
	case OP_GATS:
		return false;
	default:
		return true;
	}
}

static void
log_refused(const struct conn *conn)
{
	char peer[ORIGIN_ADDRESS_SIZE];

	if (!log_wants(conn->env->log, LOG_LEVEL_INFO))
		return;
	origin_peer(conn->origin, &conn->peer, peer);
	log_write(conn->env->log, LOG_LEVEL_INFO,
	    "%d: %s could not log in", conn->stream.fd, peer);
}

/* A call, or what RESP has instead while its client is outside. */
static void
serve_call(struct pass *pass, struct request *request)
{
	struct conn *conn = pass->conn;

	session_serve(&conn->session, request, pass->now, &pass->output);
	/* It may have let the client in or out. */
	conn->codec.config = codec_config(conn);
	if (conn->visit.refused)
		log_refused(conn);
	conn->visit.refused = false;
}

/* A request of a client that is not inside, or wants to log in again. */
static void
knock(struct pass *pass, struct request *request)
{
	struct conn *conn = pass->conn;
	const struct gate *gate = conn->env->gate;
	enum status status = STATUS_ERROR;

	if (conn->codec.line_left > 0)
		return;		/* the line's last key is answered */
	if (request->protocol == &resp_protocol &&
	    request->op != OP_REJECT) {
		serve_call(pass, request);
		if (request->flags & REQUEST_CLOSE)
			conn->state = CLOSING;
		return;
	}
	if (request->protocol == &resp_protocol)
		status = request->status;
	else if (gate != NULL)
		status = gate->enter(gate->context, &conn->visit, request);
	if (status == STATUS_AUTH_FAILURE)
		log_refused(conn);
	conn->codec.config = codec_config(conn);
	answer(pass, request, status);
	if (request->flags & REQUEST_CLOSE)
		conn->state = CLOSING;
}

/* A request whose scope is not KEY, in its turn. */
static void
serve(struct pass *pass, struct request *request)
{
	struct conn *conn = pass->conn;
	struct reply reply = { .status = STATUS_NONE };

	if (has_replies(pass))
		request->flags |= REQUEST_PIPELINED;
	execute_batch(pass);
	conn_count(&conn->env->counts.requests, 1);
	switch (request->op) {
	case OP_REJECT:
		answer(pass, request, request->status);
		break;
	case OP_NOOP:
		answer(pass, request, STATUS_OK);
		break;
	case OP_CALL:
		serve_call(pass, request);
		break;
	case OP_QUIT:
		conn->state = CLOSING;
		break;
	case OP_SASL_MECHANISMS:
	case OP_SASL_AUTH:
	case OP_SASL_STEP:
		knock(pass, request);
		break;
	default:
		conn->env->serve(conn->env->serve_context, request, &reply,
		    &pass->output);
		if (reply.status != STATUS_NONE)
			proto_reply(&pass->output, request, &reply);
		if (reply.source != NULL)
			adopt(conn, reply.source);
	}
	args_reset(conn->codec.args);
	if (request->flags & REQUEST_CLOSE)
		conn->state = CLOSING;
}

/* A line with several keys is one command and many requests. */
static void
tell_command(struct pass *pass, const struct request *request)
{
	struct conn *conn = pass->conn;

	if (pass->told)
		conn_events_command(&conn->env->journal, pass->command);
	if (pass->monitored && request->protocol != &resp_protocol)
		monitor_tell_line(&conn->session, pass->command);
	else if (pass->monitored && request_scope(request->op) == SCOPE_KEY)
		monitor_tell(&conn->session, request);
	pass->command.length = 0;
}

static void
skip(struct slice *input, size_t length)
{
	input->bytes += length;
	input->length -= length;
}

/* What the client's user may not do; one error is the reply to a line. */
static void
refuse(struct pass *pass, const struct request *request)
{
	struct conn *conn = pass->conn;

	execute_batch(pass);
	conn_count(&conn->env->counts.requests, 1);
	if (request->call != NULL)
		conn_count(&conn->env->calls[request->call->id].rejected, 1);
	permit_refuse(&conn->visit, request, &pass->output);
	if (conn->codec.line_left == 0)
		return;
	skip(&pass->input, conn->codec.line_left);
	conn->codec.line_left = 0;
	while (*pass->input.bytes != '\n')
		skip(&pass->input, 1);
	skip(&pass->input, 1);
}

/* `request` is the batch's next. */
static void
take(struct pass *pass, struct request *request)
{
	struct conn *conn = pass->conn;

	pass->requests++;
	if (!conn->visit.free) {
		if (!conn->visit.inside) {
			knock(pass, request);
			return;
		}
		if (!permit_request(&conn->visit, request)) {
			refuse(pass, request);
			return;
		}
	}
	if (pass->told || pass->monitored)
		tell_command(pass, request);
	if (request_scope(request->op) != SCOPE_KEY) {
		serve(pass, request);
		return;
	}
	route_hash(conn->env->router, request);
	if (++pass->batched == BATCH)
		flush_batch(pass);
}

/* Skip the rest of a value that was refused. */
static void
swallow(struct pass *pass)
{
	size_t length = pass->conn->swallow;

	if (length > pass->input.length)
		length = pass->input.length;
	skip(&pass->input, length);
	pass->conn->swallow -= length;
}

/* The value is there: it stays where it is. */
static void
take_value(struct pass *pass, struct request *request)
{
	struct slice *input = &pass->input;
	unsigned trailer = request->protocol->trailer;

	request->value.bytes = input->bytes;
	skip(input, request->value.length);
	if (!proto_trailer_valid(input->bytes, trailer)) {
		request->op = OP_REJECT;
		request->status = STATUS_BAD_CHUNK;
	}
	skip(input, trailer);
	take(pass, request);
}

static unsigned
trailer_length(const struct arrival *arrival)
{
	return arrival->request.protocol->trailer;
}

static bool
is_whole(const struct arrival *arrival)
{
	return arrival->left == 0 &&
	    arrival->trailer_filled == trailer_length(arrival);
}

/* Copy input that has been received already into the arriving value. */
static void
fill_arrival(struct arrival *arrival, struct slice *input)
{
	struct iovec part;

	while (arrival->left > 0 && input->length > 0) {
		size_t length;

		CHECK(route_draft_parts(&arrival->draft, arrival->part, &part,
		    1) == 1);
		length = part.iov_len - arrival->filled;
		if (length > input->length)
			length = input->length;
		memcpy((char *)part.iov_base + arrival->filled, input->bytes,
		    length);
		skip(input, length);
		arrival->left -= length;
		arrival->filled += length;
		if (arrival->filled == part.iov_len) {
			arrival->part++;
			arrival->filled = 0;
		}
	}
	while (arrival->left == 0 && input->length > 0 &&
	    arrival->trailer_filled < trailer_length(arrival)) {
		arrival->trailer[arrival->trailer_filled++] = *input->bytes;
		skip(input, 1);
	}
}

/* The value is too long to wait for: it goes straight into the store. */
static void
begin_arrival(struct pass *pass, const struct request *request)
{
	struct conn *conn = pass->conn;
	struct arrival *arrival = malloc(sizeof *arrival);
	struct reply reply = { .status = STATUS_NO_MEMORY };

	if (pass->told || pass->monitored)
		tell_command(pass, request);
	flush_batch(pass);
	if (arrival != NULL) {
		*arrival = (struct arrival){
			.request = *request, .left = request->value.length,
		};
		request_detach(&arrival->request, arrival->words);
		route_hash(conn->env->router, &arrival->request);
	}
	if (arrival == NULL || !route_draft(conn->env->router,
	    &arrival->request, pass->now, &reply, &arrival->draft,
	    &conn->env->journal)) {
		free(arrival);
		proto_reply(&pass->output, request, &reply);
		conn->swallow = request->value.length +
		    request->protocol->trailer;
		return;
	}
	arrival->request.draft = arrival->draft.item.handle;
	conn->arrival = arrival;
	conn->state = RECEIVING;
	fill_arrival(arrival, &pass->input);
}

/* A value that is not received at all, unless it may be stored. */
static void
begin_body(struct pass *pass, const struct request *request)
{
	struct conn *conn = pass->conn;

	if (conn->visit.free || permit_request(&conn->visit, request)) {
		begin_arrival(pass, request);
		return;
	}
	refuse(pass, request);
	conn->swallow = request->value.length + request->protocol->trailer;
}

/* Parse one request, or as much of it as is there. False: no more now. */
static bool
parse(struct pass *pass)
{
	struct conn *conn = pass->conn;
	struct request *request = &pass->batch[pass->batched];
	struct slice before = pass->input;
	size_t body;

	if ((pass->told || pass->monitored) && conn->codec.line_left == 0)
		pass->command = before;
	conn->codec.key_room = pass->keys[pass->batched];
	switch (proto_parse(&conn->codec, &pass->input, request, &body)) {
	case PARSE_REQUEST:
		take(pass, request);
		return true;
	case PARSE_SWALLOW:
		conn->swallow = body + request->protocol->trailer;
		take(pass, request);
		return true;
	case PARSE_BODY:
		if (pass->input.length >=
		    body + request->protocol->trailer) {
			take_value(pass, request);
			return true;
		}
		if (body > PROTO_BODY_KEPT) {
			begin_body(pass, request);
			return true;
		}
		pass->input = before;
		look(conn, LOOK_VALUE);
		return false;
	case PARSE_NOTHING:
		return true;
	case PARSE_FLUSH:
		flush_batch(pass);
		return true;
	case PARSE_CLOSE:
		conn->reason = CONN_ERROR;
		flush_batch(pass);
		conn->state = CLOSING;
		return false;
	case PARSE_MORE:
		break;
	}
	return false;
}

/* Most batches take microseconds, some commands much longer. */
static bool
takes_long(const struct pass *pass)
{
	return pass->batched == 0 && pass->requests > 0 &&
	    clock_unix_ms(pass->conn->env->clock) - pass->now >= PASS_MS;
}

/* What it has published is to be read before there is more. */
static bool
is_crowded(struct session *session)
{
	if (session->crowded)
		session->crowded = mail_is_full(session->env->pubsub.hub->mail);
	return session->crowded;
}

/* Enough for this pass: others want their turn, or the replies are long. */
static bool
must_yield(const struct pass *pass)
{
	unsigned limit = pass->conn->env->requests_per_pass;

	return (limit != 0 && pass->requests >= limit) ||
	    is_crowded(&pass->conn->session) ||
	    output_length(&pass->output) >= OUTPUT_MAX || takes_long(pass);
}

static void
process(struct pass *pass)
{
	struct conn *conn = pass->conn;

	conn->unparsed = false;
	while (pass->input.length > 0 && conn->state == READING) {
		if (conn->swallow > 0) {
			swallow(pass);
			continue;
		}
		if (must_yield(pass)) {
			conn->unparsed = true;
			conn_count(&conn->env->counts.yields, 1);
			break;
		}
		if (!parse(pass))
			break;
	}
	flush_batch(pass);
	if (conn->state == SUPPLIED) {
		if (supply_is_deaf(conn->supply))
			pass->input.length = 0;
		conn->unparsed = pass->input.length > 0;
	}
}

static void
begin_pass(struct pass *pass, struct conn *conn)
{
	pass->conn = conn;
	pass->now = clock_unix_ms(conn->env->clock);
	pass->input = (struct slice){ NULL, 0 };
	pass->in_place = false;
	pass->batched = 0;
	pass->requests = 0;
	look(conn, LOOK_PARSE);
	atomic_store_explicit(&conn->used, pass->now, memory_order_relaxed);
	journal_refresh(&conn->env->journal);
	conn->env->journal.fd = conn->stream.fd;
	pass->told = conn->env->journal.wanted & WATCH_RAWCMDS;
	pass->monitored = monitor_wanted(conn->env->pubsub.hub);
	pass->command = (struct slice){ NULL, 0 };
	conn->codec.now = pass->now;
	output_open_in(&pass->output, conn->replies, conn->env->answer,
	    CONN_ANSWER_SIZE);
}

/*
 * Most replies need not be kept: they go from where they were formatted. What
 * the socket does not take is left to send_replies(). False: it is broken.
 */
static bool
send_answer(struct pass *pass)
{
	struct conn *conn = pass->conn;
	struct slice held = output_held(&pass->output);
	ssize_t sent;

	if (held.length == 0)
		return true;
	sent = stream_write(&conn->stream, held);
	if (sent < 0)
		return false;
	conn_count(&conn->env->counts.bytes_written, (uint64_t)sent);
	output_sent(&pass->output, (size_t)sent);
	return true;
}

/* False: the connection is broken. */
static bool
send_replies(struct conn *conn)
{
	size_t length = evbuffer_get_length(conn->replies);

	if (length == 0)
		return true;
	conn_count(&conn->env->counts.bytes_written, length);
	return stream_send(&conn->stream, conn->replies) == 0;
}

/* False: the connection is broken, or its peer does not read. */
static bool
send_pushes(struct conn *conn)
{
	struct push_end *push = &conn->session.push;

	if (conn->state == CLOSING) {
		push_close(push);
		return true;
	}
	if (stream_backlog(&conn->stream) == 0)
		push->behind = 0;
	push_to_buffer(push, conn->replies);
	if (push->failed || !send_replies(conn))
		return false;
	return push->behind <= PUSH_MAX ||
	    stream_backlog(&conn->stream) <= PUSH_MAX;
}

void
conn_send_pushes(struct conn_env *env)
{
	while (env->pushes.first != NULL) {
		struct conn *conn = env->pushes.first->conn;

		if (send_pushes(conn))
			continue;
		log_write(env->log, LOG_LEVEL_INFO,
		    "%d: takes no messages", conn->stream.fd);
		close_for(conn, CONN_ERROR);
	}
}

/* What it looks like until something happens. */
static enum look
resting_look(const struct conn *conn)
{
	if (conn->state == CLOSING)
		return LOOK_CLOSING;
	if (conn->state == SUPPLIED)
		return supply_is_deaf(conn->supply) ? LOOK_WATCH : LOOK_PARSE;
	if (stream_backlog(&conn->stream) > 0)
		return LOOK_WRITE;
	if (conn->swallow > 0)
		return LOOK_SWALLOW;
	if (conn->state == RECEIVING || conn->look == LOOK_VALUE)
		return LOOK_VALUE;
	return LOOK_READ;
}

/* How to go on, now that the replies were sent. May close the connection. */
static void
go_on(struct conn *conn)
{
	bool blocked = stream_backlog(&conn->stream) > 0;

	look(conn, resting_look(conn));
	if (conn->state == SUPPLIED) {
		stream_read(&conn->stream, supply_is_deaf(conn->supply));
		if (!blocked)
			supply_schedule(conn->supply, SOURCE_MORE);
	} else if (blocked) {
		if (conn->state == READING)
			conn->state = BLOCKED;
		stream_read(&conn->stream, conn->state == RECEIVING);
	} else if (conn->state == CLOSING) {
		conn_close(conn);
	} else if (conn->unparsed || conn->finishing) {
		stream_again(&conn->stream);
	}
}

/* Keep the input for later. False: no memory. */
static bool
keep_input(struct pass *pass)
{
	struct evbuffer *kept = pass->conn->kept;

	if (pass->in_place)
		return evbuffer_drain(kept, evbuffer_get_length(kept) -
		    pass->input.length) == 0;
	return evbuffer_add(kept, pass->input.bytes,
	    pass->input.length) == 0;
}

/* Keep the input for later and send the replies. May close the connection. */
static void
end_pass(struct pass *pass)
{
	struct conn *conn = pass->conn;

	journal_deliver(&conn->env->journal);
	if (!send_answer(pass) || output_close(&pass->output) == -1 ||
	    (conn->state != CLOSING && !keep_input(pass)) ||
	    !send_replies(conn))
		close_for(conn, CONN_ERROR);
	else
		go_on(conn);
}

/* The source has ended: its client is one like any other again. */
static void
end_supply(struct conn *conn)
{
	supply_close(conn->supply);
	conn->supply = NULL;
	conn->state = READING;
	stream_read(&conn->stream, true);
	go_on(conn);
}

/* The source is to be asked for more, now that all it gave was taken. */
static void
conn_supply(void *context)
{
	struct conn *conn = context;
	struct output output;
	enum source_state state;

	if (conn->state != SUPPLIED || stream_backlog(&conn->stream) > 0)
		return;		/* conn_drained() comes */
	output_open(&output, conn->replies);
	state = supply_produce(conn->supply, &output);
	if (output_close(&output) == -1 || !send_replies(conn))
		close_for(conn, CONN_ERROR);
	else if (state == SOURCE_END)
		end_supply(conn);
	else if (stream_backlog(&conn->stream) == 0)
		supply_schedule(conn->supply, state);
}

/* stream_receive() gave no bytes: none now, none ever again, or broken. */
static void
receive_nothing(struct conn *conn, ssize_t result)
{
	if (result == STREAM_FAILED)
		close_for(conn, CONN_ERROR);
	else if (result != STREAM_AGAIN || conn->finishing)
		conn_close(conn);
}

/* Returns how much it was; 0: nothing, and the connection may be closed. */
static size_t
receive_at(struct conn *conn, void *at)
{
	struct iovec room = { at, CONN_RECEIVE_MAX };
	ssize_t length = stream_receive(&conn->stream, &room, 1);

	if (length <= 0) {
		receive_nothing(conn, length);
		return 0;
	}
	conn_count(&conn->env->counts.bytes_read, (uint64_t)length);
	return (size_t)length;
}

/*
 * Room behind what is kept, in one piece with it. When there is none, all
 * moves to where there is twice as much: a long request is copied a few times,
 * however long it is. False: no memory.
 */
static bool
room_behind_kept(struct conn *conn, struct evbuffer_iovec *room)
{
	size_t length = evbuffer_get_length(conn->kept);
	char *kept = (char *)evbuffer_pullup(conn->kept, -1);
	struct evbuffer *larger;

	if (kept != NULL && evbuffer_reserve_space(conn->kept,
	    CONN_RECEIVE_MAX, room, 1) == 1 && room->iov_base == kept + length)
		return true;
	larger = evbuffer_new();
	if (larger == NULL || evbuffer_reserve_space(larger, (ev_ssize_t)(2 *
	    length + CONN_RECEIVE_MAX), room, 1) != 1) {
		if (larger != NULL)
			evbuffer_free(larger);
		return false;
	}
	room->iov_len = length;
	evbuffer_copyout(conn->kept, room->iov_base, length);
	evbuffer_commit_space(larger, room, 1);
	evbuffer_free(conn->kept);
	conn->kept = larger;
	return evbuffer_reserve_space(larger, CONN_RECEIVE_MAX, room, 1) == 1;
}

/*
 * A long line, of which only a part has come or was answered, is not copied
 * each time: it goes on where it is kept.
 */
static bool
receive_behind_kept(struct pass *pass)
{
	struct conn *conn = pass->conn;
	struct evbuffer_iovec room;

	if (!conn->unparsed) {
		if (!room_behind_kept(conn, &room)) {
			close_for(conn, CONN_ERROR);
			return false;
		}
		room.iov_len = receive_at(conn, room.iov_base);
		if (room.iov_len == 0)
			return false;
		evbuffer_commit_space(conn->kept, &room, 1);
	}
	pass->in_place = true;
	pass->input.bytes = (char *)evbuffer_pullup(conn->kept, -1);
	pass->input.length = evbuffer_get_length(conn->kept);
	if (pass->input.bytes == NULL)
		close_for(conn, CONN_ERROR);
	return pass->input.bytes != NULL;
}

/*
 * Receive behind what was kept, unless that has requests to go on with.
 * False: the connection was closed or there was nothing.
 */
static bool
receive(struct pass *pass)
{
	struct conn *conn = pass->conn;
	char *buffer = conn->env->receive;
	size_t kept = evbuffer_get_length(conn->kept), length = 0;

	if (kept > CONN_COPIED_MAX)
		return receive_behind_kept(pass);
	if (!conn->unparsed) {
		length = receive_at(conn, buffer + kept);
		if (length == 0)
			return false;
	}
	if (kept > 0)
		evbuffer_remove(conn->kept, buffer, kept);
	pass->input = (struct slice){ buffer, kept + length };
	return true;
}

/* Where the next bytes of the arriving value go; returns how many parts. */
static int
arrival_room(struct arrival *arrival, struct iovec *parts)
{
	unsigned count = arrival->left == 0 ? 0 : route_draft_parts(
	    &arrival->draft, arrival->part, parts, PARTS);
	size_t room = 0;

	if (count > 0) {
		parts[0].iov_base = (char *)parts[0].iov_base +
		    arrival->filled;
		parts[0].iov_len -= arrival->filled;
	}
	for (unsigned i = 0; i < count; i++)
		room += parts[i].iov_len;
	if (room == arrival->left)
		parts[count++] = (struct iovec){
			arrival->trailer + arrival->trailer_filled,
			trailer_length(arrival) - arrival->trailer_filled,
		};
	return (int)count;
}

/* `length` bytes were received into `parts`. */
static void
arrival_received(struct arrival *arrival, const struct iovec *parts,
    size_t length)
{
	for (; length > 0 && arrival->left > 0; parts++) {
		size_t here = length < parts->iov_len ?
		    length : parts->iov_len;

		arrival->left -= here;
		length -= here;
		if (here == parts->iov_len) {
			arrival->part++;
			arrival->filled = 0;
		} else {
			arrival->filled += here;
		}
	}
	arrival->trailer_filled += length;
}

static bool
receive_value(struct pass *pass)
{
	struct conn *conn = pass->conn;
	struct iovec parts[PARTS + 1];
	int count = arrival_room(conn->arrival, parts);
	ssize_t length = stream_receive(&conn->stream, parts, count);

	if (length <= 0) {
		receive_nothing(conn, length);
		return false;
	}
	conn_count(&conn->env->counts.bytes_read, (uint64_t)length);
	arrival_received(conn->arrival, parts, (size_t)length);
	return true;
}

/* The value and its trailer are there: it is a request like any other. */
static void
finish_arrival(struct pass *pass)
{
	struct conn *conn = pass->conn;
	struct arrival *arrival = conn->arrival;

	conn->state = READING;
	if (arrival->request.call != NULL)
		conn_count(&conn->env->calls[arrival->request.call->id].calls,
		    1);
	if (proto_trailer_valid(arrival->trailer, trailer_length(arrival))) {
		route_execute(conn->env->router, &arrival->request, 1,
		    pass->now, &pass->output, &conn->env->journal);
	} else {
		route_draft_abandon(&arrival->draft, pass->now);
		answer(pass, &arrival->request, STATUS_BAD_CHUNK);
	}
	end_arrival(conn);
}

/* What a client sends while its source is deaf. */
static void
receive_unheard(struct conn *conn)
{
	receive_at(conn, conn->env->receive);
}

static void
conn_readable(void *context)
{
	struct conn *conn = context;
	struct conn_env *env = conn->env;
	struct pass pass;

	if (conn->supply != NULL) {
		if (supply_is_deaf(conn->supply))
			receive_unheard(conn);
		return;
	}
	begin_pass(&pass, conn);
	if (conn->state == RECEIVING) {
		if (!receive_value(&pass))
			return;
		if (is_whole(conn->arrival))
			finish_arrival(&pass);
	} else {
		if (!receive(&pass))
			return;
		process(&pass);
	}
	end_pass(&pass);
	conn_send_pushes(env);
}

/* The peer took all replies: go on with what waited for that. */
static void
conn_drained(void *context)
{
	struct conn *conn = context;

	if (conn->state == CLOSING) {
		conn_close(conn);
		return;
	}
	if (conn->state == SUPPLIED) {
		conn_supply(conn);
		return;
	}
	if (conn->state != BLOCKED)
		return;
	conn->state = READING;
	look(conn, LOOK_READ);
	stream_read(&conn->stream, true);
	if (conn->unparsed)
		stream_again(&conn->stream);
}

static void
conn_failed(void *context)
{
	close_for(context, CONN_ERROR);
}

static void
conn_idle(void *context)
{
	struct conn *conn = context;

	/* A source, or a channel, may have nothing to tell for long. */
	if ((conn->state == SUPPLIED ||
	    conn->session.subscriber.first != NULL) &&
	    stream_backlog(&conn->stream) == 0)
		return;
	log_write(conn->env->log, LOG_LEVEL_INFO, "%d: idle too long",
	    conn->stream.fd);
	conn_count(&conn->env->counts.idle_kicks, 1);
	close_for(conn, CONN_IDLE);
}

void
conn_finish(struct conn *conn)
{
	conn->finishing = true;
	conn->reason = CONN_SHUTDOWN;
	if (conn->state == SUPPLIED && supply_is_deaf(conn->supply))
		conn->state = CLOSING;	/* it would never end */
	if (conn->state == BLOCKED)
		conn->state = CLOSING;
	if (conn->state == CLOSING && stream_backlog(&conn->stream) == 0)
		conn_close(conn);
	else if (conn->state == READING || conn->state == RECEIVING)
		stream_again(&conn->stream);
}
