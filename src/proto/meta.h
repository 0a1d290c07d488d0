/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * meta.h - memcached's meta commands: a line of the text protocol with
 * one-letter flags, and its reply. See proto.h for the contract.
 *
 * Source: protocol.txt of memcached, and its observed behaviour where that
 * is silent (t/differential.t compares).
 */
#ifndef PROTO_META_H
#define PROTO_META_H

#include "proto/proto.h"

/*
 * Parse what is behind the verb of a meta command, whose op the request has;
 * the line itself is consumed by the caller.
 */
enum parse meta_parse(struct codec *, struct slice line, struct request *,
	    size_t *body);

#endif
