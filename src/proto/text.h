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

extern const struct protocol text_protocol;

/* Is this a verb of the protocol, but for the case of its letters? */
bool	text_has_verb(struct slice name);

#endif
