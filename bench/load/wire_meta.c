/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire_meta.c - memcached's meta commands. Several keys are as many mg that
 * are silent about a miss, each telling its place in an opaque, and an mn.
 */
#include "load/wire.h"

static char *
put_key(const struct wire_request *request, unsigned n, char *out)
{
	return key_spell(request->names, request->keys[n], out);
}

static char *
ask_multi(const struct wire_request *request, char *out)
{
	for (unsigned n = 0; n < request->count; n++) {
		out = put_key(request, n, WIRE_LITERAL(out, "mg "));
		out = WIRE_LITERAL(out, " q v O");
		out += decimal_format(out, n);
		out = WIRE_LITERAL(out, "\r\n");
	}
	return WIRE_LITERAL(out, "mn\r\n");
}

static char *
ask_set(const struct wire_request *request, char *out)
{
	out = put_key(request, 0, WIRE_LITERAL(out, "ms "));
	*out++ = ' ';
	out += decimal_format(out, request->length);
	if (request->ttl > 0) {
		out = WIRE_LITERAL(out, " T");
		out += decimal_format(out, request->ttl);
	}
	return WIRE_LITERAL(out, "\r\n");
}

static char *
ask(const struct wire_request *request, char *out)
{
	switch (request->op) {
	case OP_MULTI:
		return ask_multi(request, out);
	case OP_SET:
		return ask_set(request, out);
	case OP_INCR:
		out = put_key(request, 0, WIRE_LITERAL(out, "ma "));
		return WIRE_LITERAL(out, "\r\n");
	case OP_DELETE:
		out = put_key(request, 0, WIRE_LITERAL(out, "md "));
		return WIRE_LITERAL(out, "\r\n");
	default:
		out = put_key(request, 0, WIRE_LITERAL(out, "mg "));
		return WIRE_LITERAL(out, " v\r\n");
	}
}

/* " O7": the place of the key; "" when there is one key. */
static bool
find_opaque(struct wire_reply *reply, struct slice flags)
{
	uint64_t place = 0;

	if (reply->request.op != OP_MULTI)
		return flags.length == 0;
	if (flags.length < 3 || memcmp(flags.bytes, " O", 2) != 0 ||
	    !decimal_parse((struct slice){ flags.bytes + 2,
	    flags.length - 2 }, &place) ||
	    place < reply->seen || place >= reply->request.count)
		return false;
	reply->key = (unsigned)place;
	reply->seen = reply->key + 1;
	return true;
}

/* "VA length" and flags. */
static enum token
read_value(struct wire_reply *reply, struct slice line)
{
	struct slice length = { line.bytes + 3, line.length - 3 };
	const char *space = memchr(length.bytes, ' ', length.length);
	struct slice flags = { length.bytes + length.length, 0 };

	if (space != NULL) {
		flags.bytes = space;
		flags.length = (size_t)(length.bytes + length.length - space);
		length.length -= flags.length;
	}
	reply->key = 0;
	reply->last = reply->request.op != OP_MULTI;
	return decimal_parse(length, &reply->length) &&
	    find_opaque(reply, flags) ? TOKEN_VALUE : TOKEN_BROKEN;
}

static enum token
read_got(struct wire_reply *reply, struct slice line)
{
	struct slice end = reply->request.op == OP_MULTI ? SLICE("MN") :
	    SLICE("EN");

	if (line.length > 3 && memcmp(line.bytes, "VA ", 3) == 0)
		return read_value(reply, line);
	reply->last = true;
	return slice_equal(line, end) ? TOKEN_NOTHING : TOKEN_UNEXPECTED;
}

static enum token
meta_read(struct wire_reply *reply, const char *at, const char *end)
{
	struct slice line;

	reply->last = false;
	if (!wire_line(reply, at, end, &line))
		return wire_no_line(at, end);
	if (reply->request.op == OP_GET || reply->request.op == OP_MULTI)
		return read_got(reply, line);
	reply->last = true;
	if (slice_equal(line, SLICE("HD")))
		return TOKEN_OK;
	return slice_equal(line, SLICE("NF")) && reply->request.op != OP_SET ?
	    TOKEN_NOTHING : TOKEN_UNEXPECTED;
}

const struct wire wire_meta = { "meta", SLICE("\r\n"), ask, meta_read };
