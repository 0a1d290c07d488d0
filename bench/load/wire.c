/* SPDX-License-Identifier: BSD-3-Clause */
/* wire.c - see wire.h; the table of protocols. */
#include "load/wire.h"

const char *const op_names[OP_COUNT] = {
	[OP_GET] = "get",
	[OP_MULTI] = "multi",
	[OP_SET] = "set",
	[OP_INCR] = "incr",
	[OP_DELETE] = "delete",
};

const struct wire *const wires[] = {
	&wire_text, &wire_meta, &wire_binary, &wire_resp,
};

bool
wire_find_key(struct wire_reply *reply, struct slice name)
{
	const struct wire_request *request = &reply->request;
	char spelled[KEY_MAX];

	for (unsigned n = reply->seen; n < request->count; n++) {
		const char *end = key_spell(request->names, request->keys[n],
		    spelled);

		if (name.length != (size_t)(end - spelled) ||
		    !bytes_equal(name.bytes, spelled, name.length))
			continue;
		reply->key = n;
		reply->seen = n + 1;
		return true;
	}
	return false;
}
