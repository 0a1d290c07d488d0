/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire_binary.c - memcached's binary protocol. A packet is a header, extras,
 * a key and a value:
 *
 *	0  magic	1  code		2-3   length of key
 *	4  of extras	5  0		6-7   status, in a reply
 *	8-11 length of extras, key and value
 *	12-15 opaque, here the place of the key	16-23 cas unique
 *
 * Several keys are as many GetQ, silent about a miss, and a Noop.
 */
#include "load/wire.h"

#define HEADER		24
#define MAGIC_REQUEST	'\x80'
#define MAGIC_REPLY	'\x81'

enum code {
	CODE_GET = 0x00,
	CODE_SET = 0x01,
	CODE_DELETE = 0x04,
	CODE_INCREMENT = 0x05,
	CODE_GETQ = 0x09,
	CODE_NOOP = 0x0a,
};

#define STATUS_OK	0
#define STATUS_MISSING	1

/* An item that is not there is not made by Increment. */
#define NOT_MADE	UINT32_MAX

static const enum code codes[OP_COUNT] = {
	[OP_GET] = CODE_GET,
	[OP_MULTI] = CODE_GETQ,
	[OP_SET] = CODE_SET,
	[OP_INCR] = CODE_INCREMENT,
	[OP_DELETE] = CODE_DELETE,
};

/* The extras are written; put the header before them and the key behind. */
static char *
put_packet(const struct wire_request *request, unsigned place, char *start,
    char *extras_end)
{
	size_t extras = (size_t)(extras_end - start) - HEADER;
	char *end = key_spell(request->names, request->keys[place],
	    extras_end);
	size_t key = (size_t)(end - extras_end);

	memset(start, 0, HEADER);
	start[0] = MAGIC_REQUEST;
	start[1] = (char)codes[request->op];
	big_write16(start + 2, (uint16_t)key);
	start[4] = (char)extras;
	big_write32(start + 8, (uint32_t)(extras + key + request->length));
	big_write32(start + 12, place);
	return end;
}

static char *
put_noop(char *out)
{
	memset(out, 0, HEADER);
	out[0] = MAGIC_REQUEST;
	out[1] = CODE_NOOP;
	return out + HEADER;
}

static char *
ask(const struct wire_request *request, char *out)
{
	char *extras = out + HEADER;

	switch (request->op) {
	case OP_SET:
		extras = big_write32(extras, 0);
		extras = big_write32(extras, request->ttl);
		break;
	case OP_INCR:
		extras = big_write64(extras, 1);
		extras = big_write64(extras, 0);
		extras = big_write32(extras, NOT_MADE);
		break;
	case OP_MULTI:
		for (unsigned n = 0; n < request->count; n++)
			out = put_packet(request, n, out, out + HEADER);
		return put_noop(out);
	default:
		break;
	}
	return put_packet(request, 0, out, extras);
}

/* All but the value is there: the status is OK. */
static enum token
read_fine(struct wire_reply *reply, const char *at, uint32_t body)
{
	enum op op = reply->request.op;
	uint32_t opaque = big_read32(at + 12);
	uint32_t before = (uint32_t)(unsigned char)at[4] + big_read16(at + 2);

	if (op != OP_GET && op != OP_MULTI)
		return wire_last(reply, TOKEN_OK);
	if (at[1] == CODE_NOOP)
		return wire_last(reply, TOKEN_NOTHING);
	if (opaque < reply->seen || opaque >= reply->request.count ||
	    before > body)
		return TOKEN_BROKEN;
	reply->key = opaque;
	reply->seen = opaque + 1;
	reply->length = body - before;
	reply->taken = HEADER + before;
	reply->last = op == OP_GET;
	return TOKEN_VALUE;
}

static enum token
binary_read(struct wire_reply *reply, const char *at, const char *end)
{
	enum op op = reply->request.op;
	size_t there = (size_t)(end - at);
	bool fine, got;
	uint32_t body;

	reply->last = false;
	if (there < HEADER)
		return there > 0 && *at != MAGIC_REPLY ? TOKEN_BROKEN :
		    TOKEN_MORE;
	if (at[0] != MAGIC_REPLY || (at[1] != (char)codes[op] &&
	    !(op == OP_MULTI && at[1] == CODE_NOOP)))
		return TOKEN_BROKEN;
	body = big_read32(at + 8);
	fine = big_read16(at + 6) == STATUS_OK;
	got = fine && (op == OP_GET || at[1] == CODE_GETQ);
	reply->taken = HEADER + (got ? (size_t)(unsigned char)at[4] +
	    big_read16(at + 2) : body);
	if (reply->taken > WIRE_TOKEN_MAX)
		return TOKEN_BROKEN;
	if (there < reply->taken)
		return TOKEN_MORE;
	if (fine)
		return read_fine(reply, at, body);
	/* What GetQ complains about, the Noop still follows. */
	reply->last = op != OP_MULTI;
	return big_read16(at + 6) == STATUS_MISSING && op != OP_SET ?
	    TOKEN_NOTHING : TOKEN_UNEXPECTED;
}

const struct wire wire_binary = { "binary", { "", 0 }, ask, binary_read };
