/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * state.h - what the files of src/store/ share. Private to them.
 */
#ifndef STORE_STATE_H
#define STORE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/crawl.h"
#include "store/evict.h"
#include "store/expiry.h"
#include "store/index.h"
#include "store/pages.h"
#include "store/slab.h"
#include "store/store.h"

#define STORE_HELD_MAX	2

struct store {
	struct slab		slab;
	struct index		index;
	struct store_config	config;
	struct store_counts	counts;		/* see store_counts() */
	struct store_class_counts classes[SLAB_CLASSES_MAX];
	/* By space, but for 0: there it is only those that are rare. */
	uint64_t		space_items[STORE_SPACES];
	uint32_t		last;		/* item, for store_last_class() */
	uint8_t			last_class;	/* when there is no item */
	int64_t			now;		/* unix ms */
	uint64_t		cas;		/* the last one given out */
	store_changed		*changed;	/* NULL: nobody is told */
	void			*changed_context;
	struct evict		evict;
	struct emptying		emptying;
	struct expiry		expiry;
	struct crawl		crawl;
	/* Hashes in work: neither they nor their pieces may move or go. */
	uint32_t		held[STORE_HELD_MAX];
	unsigned		held_count;
	const struct store_events *events;	/* NULL: nobody listens */
	void			*events_context;
};

#endif
