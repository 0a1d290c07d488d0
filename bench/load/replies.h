/* SPDX-License-Identifier: BSD-3-Clause */
/* replies.h - what a connection received becomes answers to its requests. */
#ifndef LOAD_REPLIES_H
#define LOAD_REPLIES_H

struct client;

/*
 * Read all replies from `at` to `end`; the beginning of one more is kept in
 * the client. -1: that was no reply, or nobody had asked.
 */
int	replies_read(struct client *, const char *at, const char *end);

#endif
