/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * resp.h - RESP2 and RESP3, the protocol of Redis clients. See proto.h for
 * the contract of the codec.
 *
 * The commonest requests become the same ops as those of other protocols. All
 * others are calls: the row of calls.def and the words of the request, which
 * lie in the codec's `args` until args_reset().
 *
 * Source: the RESP specification, and the observed behaviour of
 * redis-server 7.0 where that is silent.
 */
#ifndef PROTO_RESP_H
#define PROTO_RESP_H

#include "proto/proto.h"

/* The most words of a request, and the longest inline request. */
#define RESP_ARGS_MAX		(1024 * 1024)
#define RESP_INLINE_MAX		(64 * 1024)

/* The longest key. */
#define RESP_KEY_MAX		65535

extern const struct protocol resp_protocol;

/* Parts of replies; `v3` is whether the connection speaks RESP3. */
void	resp_simple(struct output *, const char *text);
void	resp_error(struct output *, const char *format, ...)
	    __attribute__((format(printf, 2, 3)));
void	resp_wrong_type(struct output *);
void	resp_integer(struct output *, int64_t);
void	resp_bulk(struct output *, struct slice);
void	resp_bulk_text(struct output *, const char *text);
void	resp_null(struct output *, bool v3);
void	resp_null_array(struct output *, bool v3);
void	resp_array(struct output *, size_t count);
void	resp_map(struct output *, bool v3, size_t pairs);
void	resp_set(struct output *, bool v3, size_t count);
void	resp_push(struct output *, bool v3, size_t count);
void	resp_boolean(struct output *, bool v3, bool);
void	resp_double(struct output *, bool v3, double);
void	resp_verbatim(struct output *, bool v3, struct slice text);

/* The head of a bulk of `length` bytes; they and resp_end() follow. */
void	resp_bulk_head(struct output *, size_t length);
void	resp_verbatim_head(struct output *, bool v3, size_t length);
void	resp_end(struct output *);

#endif
