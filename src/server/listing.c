/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * listing.c - see listing.h.
 *
 * A slice is one visit of one shard, for a few dozens of items; between two
 * the shard is everybody's. The cursor of store_scan() does the rest: a key
 * that is there all the while is met once, whatever moves meanwhile.
 */
#include "server/listing.h"

#include <stdlib.h>

#include "base/base64.h"
#include "base/line.h"
#include "base/source.h"
#include "proto/words.h"
#include "server/crawler.h"

/* Listings at a time. */
#define LISTINGS_MAX	4

/* Items of a slice: some 20 us within the shard. */
#define SLICE_ITEMS	64

/* What a line has beside its key. */
#define LINE_REST	(64 + 7 * DECIMAL_MAX)

struct listing;

/* What the two commands differ in. */
struct form {
	struct slice	name;
	enum status	begin;
	enum status	not_allowed, not_pipelined;
	char		*(*line)(char *, const struct route_entry *);
	struct slice	end;
};

struct listing {
	struct source		 source;	/* first: it is cast back */
	const struct form	*form;
	struct admin		*admin;
	struct route_place	 place;
	struct output		*output;	/* of the slice */
	bool			 classes[STORE_CLASSES_MAX + 1];
};

bool
listing_enter(struct admin *admin)
{
	if (atomic_fetch_add(&admin->listings, 1) < LISTINGS_MAX)
		return true;
	listing_leave(admin);
	return false;
}

bool
listing_shows(const struct route_entry *entry)
{
	return entry->item->space == 0 && entry->key.length <= KEY_MAX;
}

void
listing_leave(struct admin *admin)
{
	atomic_fetch_sub(&admin->listings, 1);
}

static char *
metadump_line(char *at, const struct route_entry *entry)
{
	const struct store_item *item = entry->item;

	at = line_uri(at, "key=", entry->key);
	if (item->expiry == 0)
		at = line_text(at, " exp=-1");
	else
		at = line_number(at, " exp=", (uint64_t)item->expiry / 1000);
	at = line_number(at, " la=", item->accessed);
	at = line_number(at, " cas=", item->cas);
	at = line_text(at, item->marks & STORE_FETCHED ? " fetch=yes" :
	    " fetch=no");
	at = line_number(at, " cls=", entry->class);
	at = line_number(at, " size=", entry->size);
	at = line_number(at, " flags=", item->flags);
	return line_text(at, "\n");
}

/* Can the key stand in a line as it is? */
static bool
is_plain(struct slice key)
{
	for (size_t i = 0; i < key.length; i++)
		if ((unsigned char)key.bytes[i] <= ' ' ||
		    key.bytes[i] == 0x7f)
			return false;
	return true;
}

static char *
mgdump_line(char *at, const struct route_entry *entry)
{
	at = line_text(at, "mg ");
	if (!is_plain(entry->key)) {
		at += base64_encode(entry->key, at);
		return line_text(at, " b\r\n");
	}
	memcpy(at, entry->key.bytes, entry->key.length);
	return line_text(at + entry->key.length, "\r\n");
}

static const struct form forms[] = {
	{ SLICE("metadump"), STATUS_OK, STATUS_NO_METADUMP,
	    STATUS_NOT_BEFORE_METADUMP, metadump_line, SLICE("END\r\n") },
	{ SLICE("mgdump"), STATUS_NONE, STATUS_NO_MGDUMP,
	    STATUS_NOT_BEFORE_MGDUMP, mgdump_line, SLICE("EN\r\n") },
};

static void
add_line(void *context, const struct route_entry *entry)
{
	struct listing *listing = context;
	char *room;

	if (!listing->classes[entry->class] || !listing_shows(entry))
		return;
	room = output_room(listing->output,
	    URI_LENGTH_MAX(entry->key.length) + LINE_REST);
	output_advance(listing->output, listing->form->line(room, entry));
}

static enum source_state
produce(struct source *source, struct output *output)
{
	struct listing *listing = (struct listing *)source;
	struct admin *admin = listing->admin;

	listing->output = output;
	if (route_scan(admin->router, &listing->place, SLICE_ITEMS,
	    clock_unix_ms(admin->clock), add_line, listing))
		return SOURCE_MORE;
	output_bytes(output, listing->form->end.bytes,
	    listing->form->end.length);
	return SOURCE_END;
}

static void
close_listing(struct source *source)
{
	struct listing *listing = (struct listing *)source;

	listing_leave(listing->admin);
	free(listing);
}

/* Mark the classes of numbers with commas between them. */
static enum status
read_numbers(struct slice word, bool *classes)
{
	enum status status = STATUS_NO_CLASSES;

	while (word.length > 0) {
		const char *comma = memchr(word.bytes, ',', word.length);
		size_t length = comma == NULL ?
		    word.length : (size_t)(comma - word.bytes);
		uint64_t number;

		if (length > 0) {
			if (!decimal_parse((struct slice){ word.bytes,
			    length }, &number) ||
			    number < 1 || number > STORE_CLASSES_MAX)
				return STATUS_BAD_CLASS;
			classes[number] = true;
			status = STATUS_OK;
		}
		length += comma != NULL;
		word.bytes += length;
		word.length -= length;
	}
	return status;
}

enum status
listing_classes(struct slice word, bool classes[STORE_CLASSES_MAX + 1])
{
	bool all = slice_equal(word, SLICE("all"));

	for (unsigned i = 0; i <= STORE_CLASSES_MAX; i++)
		classes[i] = all;
	return all ? STATUS_OK : read_numbers(word, classes);
}

static enum status
begin(struct admin *admin, const struct form *form, struct slice which,
    struct source **source)
{
	struct listing *listing = calloc(1, sizeof *listing);
	enum status status;

	if (listing == NULL)
		return STATUS_OUT_OF_MEMORY;
	*listing = (struct listing){
		.source = { .produce = produce, .close = close_listing },
		.form = form, .admin = admin,
	};
	status = listing_classes(slice_equal(which, SLICE("hash")) ?
	    SLICE("all") : which, listing->classes);
	if (status == STATUS_OK && !listing_enter(admin))
		status = STATUS_BUSY_LISTING;
	if (status != STATUS_OK) {
		free(listing);
		return status;
	}
	*source = &listing->source;
	return form->begin;
}

void
listing_serve(struct admin *admin, const struct request *request,
    struct reply *reply)
{
	struct slice words = request->argument.length > 0 ?
	    request->argument : SLICE("");
	struct slice name = words_next(&words), which = words_next(&words);
	const struct form *form = NULL;

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		if (slice_equal(forms[i].name, name))
			form = &forms[i];
	if (form == NULL || which.length == 0 ||
	    words_next(&words).length > 0)
		reply->status = STATUS_ERROR;
	else if (!crawler_is_enabled(admin))
		reply->status = STATUS_NO_CRAWLER;
	else if (!admin->options->dump)
		reply->status = form->not_allowed;
	else if (request->flags & REQUEST_PIPELINED)
		reply->status = form->not_pipelined;
	else
		reply->status = begin(admin, form, which, &reply->source);
}
