/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stats_scan.c - `stats sizes` and `stats cachedump`: they look at every item,
 * a slice at a time as listing.c does, so requests go on meanwhile.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/source.h"
#include "os/os.h"
#include "proto/words.h"
#include "server/listing.h"
#include "server/stats_group.h"

/* Items, or buckets of sizes, of a slice. */
#define SLICE_ITEMS	256
#define SLICE_BUCKETS	65536

/* Bytes of item that are counted together. */
#define BUCKET		32

/* The most output of a cachedump. */
#define DUMP_MAX	((size_t)2 << 20)

struct scan {
	struct source		 source;	/* first: it is cast back */
	struct admin		*admin;
	struct request		 request;	/* a copy, to answer it */
	struct route_place	 place;
	bool			 done;		/* all items were seen */
	/* sizes */
	uint32_t		*buckets;
	size_t			 bucket_count, bucket;	/* of them written */
	/* cachedump */
	struct output		*output;	/* of the slice */
	uint64_t		 class, left;
	size_t			 room;
};

static enum source_state
end(struct scan *scan, struct output *output)
{
	struct reply reply = { .status = STATUS_STATS };

	proto_reply(output, &scan->request, &reply);
	return SOURCE_END;
}

static size_t
buckets_size(const struct scan *scan)
{
	size_t page = os_page_size();

	return (scan->bucket_count * sizeof *scan->buckets + page - 1) /
	    page * page;
}

static void
close_scan(struct source *source)
{
	struct scan *scan = (struct scan *)source;

	listing_leave(scan->admin);
	if (scan->buckets != NULL)
		os_release(scan->buckets, buckets_size(scan));
	free(scan);
}

static struct scan *
open_scan(struct admin *admin, const struct answer *answer,
    enum source_state (*produce)(struct source *, struct output *))
{
	struct scan *scan = calloc(1, sizeof *scan);

	if (scan == NULL)
		return NULL;
	scan->source = (struct source){
		.produce = produce, .close = close_scan,
	};
	scan->admin = admin;
	scan->request = *answer->request;
	return scan;
}

static void
count_size(void *context, const struct route_entry *entry)
{
	struct scan *scan = context;
	size_t bucket = (entry->size + BUCKET - 1) / BUCKET;

	if (bucket < scan->bucket_count)
		scan->buckets[bucket]++;
}

/* First the items are counted, then the buckets are written. */
static enum source_state
produce_sizes(struct source *source, struct output *output)
{
	struct scan *scan = (struct scan *)source;
	struct answer answer = { output, &scan->request, NULL };
	char size[DECIMAL_MAX + 1];

	if (!scan->done) {
		scan->done = !route_scan(scan->admin->router, &scan->place,
		    SLICE_ITEMS, clock_unix_ms(scan->admin->clock),
		    count_size, scan);
		return SOURCE_MORE;
	}
	for (unsigned n = 0; n < SLICE_BUCKETS &&
	    scan->bucket < scan->bucket_count; n++, scan->bucket++) {
		if (scan->buckets[scan->bucket] == 0)
			continue;
		snprintf(size, sizeof size, "%zu", scan->bucket * BUCKET);
		stats_NUMBER(&answer, size, scan->buckets[scan->bucket]);
	}
	return scan->bucket < scan->bucket_count ? SOURCE_MORE :
	    end(scan, output);
}

enum status
stats_sizes(struct admin *admin, struct slice words,
    const struct answer *answer)
{
	struct scan *scan;

	(void)words;
	if (!admin->options->track_sizes) {
		stats_TEXT(answer, "sizes_status", "disabled");
		return STATUS_STATS;
	}
	if (!listing_enter(admin))
		return STATUS_BUSY_LISTING;
	scan = open_scan(admin, answer, produce_sizes);
	if (scan == NULL) {
		listing_leave(admin);
		return STATUS_OUT_OF_MEMORY;
	}
	scan->bucket_count = admin->options->max_item_size / BUCKET + 2;
	scan->buckets = os_reserve(buckets_size(scan));
	if (scan->buckets == NULL ||
	    os_commit(scan->buckets, buckets_size(scan)) == -1) {
		close_scan(&scan->source);
		return STATUS_OUT_OF_MEMORY;
	}
	*answer->source = &scan->source;
	return STATUS_NONE;
}

/* "ITEM <key> [<length> b; <unix time, or 0> s]" */
static void
dump_item(void *context, const struct route_entry *entry)
{
	struct scan *scan = context;
	struct answer answer = { scan->output, &scan->request, NULL };
	char text[sizeof "[ b;  s]" + 2 * DECIMAL_MAX];
	size_t length;

	if (entry->class != scan->class || scan->left == 0)
		return;
	snprintf(text, sizeof text, "[%" PRIu32 " b; %" PRId64 " s]",
	    entry->item->length, entry->item->expiry / 1000);
	if (!listing_shows(entry))
		return;
	length = sizeof "ITEM  \r\n" - 1 + entry->key.length +
	    strlen(text);
	if (length > scan->room) {
		scan->left = 0;
		return;
	}
	stats_LINE(&answer, "ITEM", entry->key, text);
	scan->room -= length;
	scan->left--;
}

static enum source_state
produce_dump(struct source *source, struct output *output)
{
	struct scan *scan = (struct scan *)source;

	scan->output = output;
	if (route_scan(scan->admin->router, &scan->place, SLICE_ITEMS,
	    clock_unix_ms(scan->admin->clock), dump_item, scan) &&
	    scan->left > 0)
		return SOURCE_MORE;
	return end(scan, output);
}

enum status
stats_cachedump(struct admin *admin, struct slice words,
    const struct answer *answer)
{
	struct slice class = words_next(&words), limit = words_next(&words);
	struct scan *scan;
	uint64_t number, most;

	if (!admin->options->dump)
		return STATUS_NO_CACHEDUMP;
	if (limit.length == 0)
		return STATUS_BAD_CACHEDUMP;
	if (!words_number(class, UINT32_MAX, &number) ||
	    !words_number(limit, UINT32_MAX, &most))
		return STATUS_BAD_FORMAT;
	if (number > STORE_CLASSES_MAX)
		return STATUS_ILLEGAL_CLASS;
	if (!listing_enter(admin))
		return STATUS_BUSY_LISTING;
	scan = open_scan(admin, answer, produce_dump);
	if (scan == NULL) {
		listing_leave(admin);
		return STATUS_OUT_OF_MEMORY;
	}
	scan->class = number;
	scan->left = most > 0 ? most : UINT64_MAX;
	scan->room = DUMP_MAX;
	*answer->source = &scan->source;
	return STATUS_NONE;
}
