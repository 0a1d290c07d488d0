/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * text.h - memcached's classic text protocol. See proto.h for the contract.
 *
 * Source: protocol.txt of memcached, and its observed behaviour where that
 * is silent (t/differential.t compares).
 */
#ifndef PROTO_TEXT_H
#define PROTO_TEXT_H

#include "proto/proto.h"

enum parse text_parse(struct codec *, struct slice *input, struct request *,
	    size_t *body);
void	text_reply(struct output *, const struct request *,
	    const struct reply *);
void	text_stat(struct output *, const char *name, const char *value);

#endif
