/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * session_calls.h - the functions behind the calls of scope CONNECTION.
 * Private to src/net/session*.c.
 */
#ifndef NET_SESSION_CALLS_H
#define NET_SESSION_CALLS_H

#include "net/session.h"

typedef void session_function(struct session_call *);

session_function	hello_auth, hello_greet;
session_function	client_caching, client_getname, client_getredir,
	    client_id, client_no_evict, client_no_touch, client_reply,
	    client_setinfo, client_setname, client_trackinginfo;
session_function	topics_channels, topics_numpat, topics_numsub,
	    topics_publish, topics_subscribe, topics_unsubscribe;

/*
 * Where a reply that is a push goes, even if replies are not wanted. Pushes
 * that wait go before it.
 */
struct output *session_push_output(struct session_call *);

/*
 * Set a text that the client says about itself; an empty one is none. False:
 * the error is told. `what` is what errors call it.
 */
bool	session_set_text(struct session_call *, enum session_text,
	    const char *what, struct slice);

/* Set one to what needs no check; NULL: none. False: out of memory. */
bool	session_replace_text(struct session *, enum session_text,
	    struct slice);

session_function	script_eval, script_exists, script_flush_all,
	    script_kill_running, script_load_text;

/* Is it a call for which the interpreter of scripts is entered? */
bool	script_is_needed(const struct call_row *);

/* Are the keys not too long? False: the error is told. */
bool	session_keys_valid(struct session_call *);

/* Carry out a call that is valid, now. */
void	session_perform(struct session_call *);

/* The database that SELECT names. False: it is none, and `*space` stays. */
bool	session_read_space(struct slice, uint8_t *space);

#endif
