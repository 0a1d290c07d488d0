/* SPDX-License-Identifier: BSD-3-Clause */
/* wire_resp.c - Redis' protocol, RESP2. */
#include "load/wire.h"

static char *
put_bulk(char *out, struct slice bytes)
{
	*out++ = '$';
	out += decimal_format(out, bytes.length);
	out = WIRE_LITERAL(out, "\r\n");
	memcpy(out, bytes.bytes, bytes.length);
	return WIRE_LITERAL(out + bytes.length, "\r\n");
}

static char *
put_length(char *out, char kind, uint64_t length)
{
	*out++ = kind;
	out += decimal_format(out, length);
	return WIRE_LITERAL(out, "\r\n");
}

static char *
put_keys(const struct wire_request *request, char *out)
{
	for (unsigned n = 0; n < request->count; n++) {
		char name[KEY_MAX];
		const char *end = key_spell(request->names, request->keys[n],
		    name);

		out = put_bulk(out, (struct slice){ name,
		    (size_t)(end - name) });
	}
	return out;
}

/* SETEX has its value at the end, as SET without options. */
static char *
ask_set(const struct wire_request *request, char *out)
{
	char seconds[DECIMAL_MAX];

	if (request->ttl == 0) {
		out = WIRE_LITERAL(out, "*3\r\n$3\r\nSET\r\n");
		out = put_keys(request, out);
	} else {
		out = WIRE_LITERAL(out, "*4\r\n$5\r\nSETEX\r\n");
		out = put_keys(request, out);
		out = put_bulk(out, (struct slice){ seconds,
		    decimal_format(seconds, request->ttl) });
	}
	return put_length(out, '$', request->length);
}

static char *
ask(const struct wire_request *request, char *out)
{
	switch (request->op) {
	case OP_SET:
		return ask_set(request, out);
	case OP_MULTI:
		out = put_length(out, '*', request->count + 1);
		out = WIRE_LITERAL(out, "$4\r\nMGET\r\n");
		break;
	case OP_INCR:
		out = WIRE_LITERAL(out, "*2\r\n$4\r\nINCR\r\n");
		break;
	case OP_DELETE:
		out = WIRE_LITERAL(out, "*2\r\n$3\r\nDEL\r\n");
		break;
	default:
		out = WIRE_LITERAL(out, "*2\r\n$3\r\nGET\r\n");
	}
	return put_keys(request, out);
}

static enum token
read_bulk(struct wire_reply *reply, struct slice line)
{
	bool missing = slice_equal(line, SLICE("$-1"));

	if (line.length < 2 || *line.bytes != '$' || (!missing &&
	    !decimal_parse((struct slice){ line.bytes + 1, line.length - 1 },
	    &reply->length)))
		return TOKEN_BROKEN;
	reply->key = reply->seen++;
	reply->last = reply->seen == reply->request.count;
	return missing ? TOKEN_NOTHING : TOKEN_VALUE;
}

/* The number of elements has to be that of the keys. */
static enum token
read_array(struct wire_reply *reply, struct slice line)
{
	uint64_t count;

	if (*line.bytes != '*' || !decimal_parse((struct slice){
	    line.bytes + 1, line.length - 1 }, &count) ||
	    count != reply->request.count)
		return TOKEN_BROKEN;
	reply->begun = true;
	return TOKEN_NOTHING;
}

static enum token
read_number(struct slice line, bool counts)
{
	int64_t number;

	if (*line.bytes != ':' || !decimal_parse_signed((struct slice){
	    line.bytes + 1, line.length - 1 }, &number))
		return TOKEN_UNEXPECTED;
	if (counts)
		return TOKEN_OK;
	return number == 1 ? TOKEN_OK : number == 0 ? TOKEN_NOTHING :
	    TOKEN_UNEXPECTED;
}

static enum token
resp_read(struct wire_reply *reply, const char *at, const char *end)
{
	enum op op = reply->request.op;
	struct slice line;

	reply->last = false;
	if (!wire_line(reply, at, end, &line))
		return wire_no_line(at, end);
	if (line.length == 0 || memchr("+-:$*", *line.bytes, 5) == NULL)
		return TOKEN_BROKEN;
	if (*line.bytes == '-')
		return wire_last(reply, TOKEN_UNEXPECTED);
	if (op == OP_MULTI && !reply->begun)
		return read_array(reply, line);
	if (op == OP_GET || op == OP_MULTI)
		return read_bulk(reply, line);
	if (op == OP_SET)
		return wire_last(reply, slice_equal(line, SLICE("+OK")) ?
		    TOKEN_OK : TOKEN_UNEXPECTED);
	return wire_last(reply, read_number(line, op == OP_INCR));
}

const struct wire wire_resp = { "resp", SLICE("\r\n"), ask, resp_read };
