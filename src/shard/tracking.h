/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tracking.h - which clients keep copies of which keys.
 *
 * A client that tracks is told when what it has read is not true any more.
 * Each shard remembers, behind its own lock, who has read which of its keys:
 *
 *   shard ── tracked ── table of keys ── numbers of clients, in order
 *
 * When its store tells of a change, the clients are written to (mail.h) before
 * the shard is left, and the key is forgotten: whoever wants to be told again
 * reads again. Others want to be told of each key that begins with a prefix;
 * those are the server's, behind a lock of the hub.
 *
 * The order of replies and invalidations is what makes a client's copy true.
 * A reader takes its worker's letters while the shards of its keys are
 * entered: what is in them happened before it read, and goes before its reply;
 * what is posted later goes behind.
 *
 * As in Redis, a key is the same in all databases.
 *
 * Keys that are too many are told as if they had changed, the oldest first;
 * letters that are too many become one that says that everything has.
 */
#ifndef SHARD_TRACKING_H
#define SHARD_TRACKING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/table.h"
#include "shard/mail.h"

struct store;

/* Keys that are remembered, unless another number was set; and their bytes. */
#define TRACKING_KEYS		1000000
#define TRACKING_BYTES_MAX	((size_t)128 << 20)

/* All prefixes. */
#define TRACKING_PREFIXES_MAX	1024

struct tracking_prefix;

struct tracking {
	struct mail		*mail;
	unsigned		 shard_count;
	uint64_t		 seed;		/* of hashes */
	/* What a worker does with a letter, see struct letter. */
	void			(*open)(struct letter *, void *worker);
	_Atomic size_t		 keys_max;	/* of all shards */
	_Atomic size_t		 keys;		/* remembered */
	_Atomic size_t		 items;		/* clients, for each key */
	_Atomic size_t		 clients;	/* that track */
	_Atomic size_t		 prefix_count;
	pthread_mutex_t		 lock;
	struct tracking_prefix	*first;		/* behind the lock */
};

void	tracking_open(struct tracking *, struct mail *, unsigned shards,
	    uint64_t seed, void (*open)(struct letter *, void *worker));
void	tracking_close(struct tracking *);

/* The number of a client says which worker has it. */
static inline unsigned
tracking_worker(const struct tracking *tracking, uint64_t client)
{
	return (unsigned)((client - 1) % tracking->mail->count);
}

/* What a worker is to tell clients of its own. */
enum tracking_news {
	TRACKING_CHANGED,	/* the key */
	TRACKING_FLUSHED,	/* all keys; of all clients */
	TRACKING_REDIRECTED,	/* the key or, without bytes, all of them; on
				   behalf of another client */
	TRACKING_BROKEN,	/* that client is not there */
};

struct tracking_letter {
	struct letter		 letter;	/* first: it is cast back */
	enum tracking_news	 news;
	uint64_t		 behalf;	/* of REDIRECTED, BROKEN */
	struct slice		 key;
	size_t			 client_count;
	uint64_t		 clients[];
};

/*
 * Write to clients of one worker; when there is no room for that, it will find
 * that letters were lost.
 */
void	tracking_write(struct tracking *, unsigned worker, enum tracking_news,
	    uint64_t behalf, struct slice key, const uint64_t *clients,
	    size_t count);

/* Tell a client of a key; its worker is woken elsewhere. */
void	tracking_tell(struct tracking *, struct slice key, uint64_t client);

/* Tell all clients that all keys are gone. */
void	tracking_tell_flushed(struct tracking *);

/* The shard's part, behind its lock. */
struct tracked;

/* NULL: out of memory. */
struct tracked *tracked_open(struct tracking *, struct store *);
void	tracked_close(struct tracked *);

/* A client has read a key. Out of memory: it is told at once of a change. */
void	tracked_note(struct tracked *, struct slice key, uint64_t client);

/* The shard was flushed by itself. */
void	tracked_tell_flushed(struct tracked *);

/* The shard is left: whom to wake then, or NULL. */
struct mail *tracked_mail_to_wake(struct tracked *);

/* From now on all changes are of interest, because of prefixes. */
void	tracked_listen(struct tracked *);

/* Who changes keys now, and is not to be told of that; 0: nobody. */
void	tracked_set_writer(struct tracked *, uint64_t client);

/* A client wants to be told of keys that begin so. False: it cannot be. */
bool	tracking_add_prefix(struct tracking *, struct slice prefix,
	    uint64_t client, bool noloop);
void	tracking_remove_prefix(struct tracking *, struct slice prefix,
	    uint64_t client);

/* Who carries out a call for a client that tracks. */
struct tracking_reader {
	struct tracking		*tracking;
	uint64_t		 client;
	bool			 notes;		/* keys that it reads */
	bool			 noloop;	/* is not told of its own */
	/* What was posted to its worker before. */
	struct letter		*letters;
	bool			 lost;		/* some that were not */
};

/* The shards are entered. */
void	tracking_reader_entered(struct tracking_reader *);

#endif
