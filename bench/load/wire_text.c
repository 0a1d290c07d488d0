/* SPDX-License-Identifier: BSD-3-Clause */
/* wire_text.c - memcached's classic text protocol. */
#include "load/wire.h"

static char *
put_keys(const struct wire_request *request, char *out)
{
	for (unsigned n = 0; n < request->count; n++) {
		*out++ = ' ';
		out = key_spell(request->names, request->keys[n], out);
	}
	return out;
}

static char *
ask(const struct wire_request *request, char *out)
{
	switch (request->op) {
	case OP_SET:
		out = put_keys(request, WIRE_LITERAL(out, "set"));
		out = WIRE_LITERAL(out, " 0 ");
		out += decimal_format(out, request->ttl);
		*out++ = ' ';
		out += decimal_format(out, request->length);
		break;
	case OP_INCR:
		out = put_keys(request, WIRE_LITERAL(out, "incr"));
		out = WIRE_LITERAL(out, " 1");
		break;
	case OP_DELETE:
		out = put_keys(request, WIRE_LITERAL(out, "delete"));
		break;
	default:
		out = put_keys(request, WIRE_LITERAL(out, "get"));
	}
	return WIRE_LITERAL(out, "\r\n");
}

/* "key flags length" */
static enum token
read_value(struct wire_reply *reply, struct slice line)
{
	const char *end = line.bytes + line.length;
	const char *flags, *length;
	uint64_t number;

	flags = memchr(line.bytes, ' ', line.length);
	if (flags == NULL)
		return TOKEN_BROKEN;
	length = memchr(flags + 1, ' ', (size_t)(end - flags - 1));
	if (length == NULL)
		return TOKEN_BROKEN;
	if (!decimal_parse((struct slice){ flags + 1,
	    (size_t)(length - flags - 1) }, &number) ||
	    !decimal_parse((struct slice){ length + 1,
	    (size_t)(end - length - 1) }, &reply->length))
		return TOKEN_BROKEN;
	return wire_find_key(reply, (struct slice){ line.bytes,
	    (size_t)(flags - line.bytes) }) ? TOKEN_VALUE : TOKEN_BROKEN;
}

static bool
is_begun_by(struct slice line, struct slice word)
{
	return line.length >= word.length &&
	    memcmp(line.bytes, word.bytes, word.length) == 0;
}

static enum token
read_got(struct wire_reply *reply, struct slice line)
{
	const struct slice value = SLICE("VALUE ");

	if (is_begun_by(line, value))
		return read_value(reply, (struct slice){
		    line.bytes + value.length, line.length - value.length });
	reply->last = true;
	return slice_equal(line, SLICE("END")) ? TOKEN_NOTHING :
	    TOKEN_UNEXPECTED;
}

static enum token
read_done(struct slice line, bool done)
{
	if (done)
		return TOKEN_OK;
	return slice_equal(line, SLICE("NOT_FOUND")) ? TOKEN_NOTHING :
	    TOKEN_UNEXPECTED;
}

static enum token
text_read(struct wire_reply *reply, const char *at, const char *end)
{
	struct slice line;
	uint64_t number;

	reply->last = false;
	if (!wire_line(reply, at, end, &line))
		return wire_no_line(at, end);
	switch (reply->request.op) {
	case OP_SET:
		return wire_last(reply, slice_equal(line, SLICE("STORED")) ?
		    TOKEN_OK : TOKEN_UNEXPECTED);
	case OP_DELETE:
		return wire_last(reply, read_done(line,
		    slice_equal(line, SLICE("DELETED"))));
	case OP_INCR:
		return wire_last(reply, read_done(line,
		    decimal_parse(line, &number)));
	default:
		return read_got(reply, line);
	}
}

const struct wire wire_text = { "text", SLICE("\r\n"), ask, text_read };
