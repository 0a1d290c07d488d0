/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conn_events.c - see conn_events.h. The lines are those of memcached:
 *
 *   type=conn_new rip= rport= transport=local|tcp cfd=
 *   type=conn_close rip= rport= transport= reason= cfd=
 *   <<fd> <command>
 */
#include "net/conn_events.h"

#include "base/line.h"

/* What is told of a command. */
#define COMMAND_MAX	512

static const char *const reasons[] = {
	[CONN_NORMAL] = "normal",
	[CONN_ERROR] = "error",
	[CONN_IDLE] = "idle_timeout",
	[CONN_SHUTDOWN] = "shutdown",
};

static char *
put_peer(char *at, const char *type, const struct conn_place *place)
{
	char host[ORIGIN_HOST_SIZE] = "";

	origin_peer_host(place->origin, place->peer, host);
	at = line_text(at, type);
	at = line_text(at, host);
	at = line_number(at, " rport=", place->peer->port);
	return line_text(at, place->origin->transport == ORIGIN_UNIX ?
	    " transport=local" : " transport=tcp");
}

/* NULL: nobody wants a line, or there is no room for it. */
static char *
begin(struct journal *journal)
{
	journal_refresh(journal);
	return journal->wanted & WATCH_CONNEVENTS ?
	    journal_begin(journal) : NULL;
}

static void
end(struct journal *journal, const struct conn_place *place, char *at)
{
	at = line_number(at, " cfd=", (uint64_t)place->fd);
	journal_end(journal, WATCH_CONNEVENTS, at);
	journal_deliver(journal);
}

void
conn_events_opened(struct journal *journal, const struct conn_place *place)
{
	char *at = begin(journal);

	if (at != NULL)
		end(journal, place,
		    put_peer(at, "type=conn_new rip=", place));
}

void
conn_events_closed(struct journal *journal, const struct conn_place *place,
    enum conn_reason reason)
{
	char *at = begin(journal);

	if (at == NULL)
		return;
	at = put_peer(at, "type=conn_close rip=", place);
	at = line_text(at, " reason=");
	at = line_text(at, reasons[reason]);
	end(journal, place, at);
}

void
conn_events_command(struct journal *journal, struct slice input)
{
	const char *from = input.bytes;
	char *at;

	if (input.length == 0 || (unsigned char)*from == 0x80)
		return;
	at = journal_begin(journal);
	if (at == NULL)
		return;
	at = line_number(at, "<", (uint64_t)journal->fd);
	*at++ = ' ';
	for (size_t n = 0; n < input.length && n < COMMAND_MAX &&
	    from[n] != '\r' && from[n] != '\n'; n++)
		*at++ = (unsigned char)from[n] < ' ' ? '?' : from[n];
	journal_end(journal, WATCH_RAWCMDS, at);
}
