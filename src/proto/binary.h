/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * binary.h - memcached's binary protocol. See proto.h for the contract.
 *
 * Source: memcached's protocol_binary.xml and its observed behaviour
 * (t/binary.t compares).
 */
#ifndef PROTO_BINARY_H
#define PROTO_BINARY_H

#include "proto/proto.h"

/* What every request begins with; no text does. */
#define BINARY_MAGIC	((char)0x80)

extern const struct protocol binary_protocol;

#endif
