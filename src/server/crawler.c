/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crawler.c - see crawler.h.
 *
 * Items that are due are reclaimed in any case (store/expiry.c), so nobody
 * has to crawl; whoever does, finds those of the last moments. The work is
 * done in the shards' own time slices, so there is no need to sleep between
 * items.
 */
#include "server/crawler.h"

#include "proto/words.h"
#include "server/listing.h"
#include "shard/classes.h"

#define SLEEP_MAX	1000000		/* microseconds */

bool
crawler_is_enabled(struct admin *admin)
{
	bool enabled = settings_lock(&admin->settings)->lru_crawler;

	settings_unlock(&admin->settings);
	return enabled;
}

static enum status
enable(struct admin *admin, struct slice word)
{
	struct options *now = settings_lock(&admin->settings);
	bool before = now->lru_crawler;

	(void)word;
	now->lru_crawler = true;
	settings_unlock(&admin->settings);
	return before ? STATUS_CRAWLER_RUNS : STATUS_OK;
}

static enum status
disable(struct admin *admin, struct slice word)
{
	(void)word;
	settings_lock(&admin->settings)->lru_crawler = false;
	settings_unlock(&admin->settings);
	return STATUS_OK;
}

static enum status
set_sleep(struct admin *admin, struct slice word)
{
	uint64_t number;

	if (!words_number(word, UINT32_MAX, &number))
		return STATUS_BAD_FORMAT;
	if (number > SLEEP_MAX)
		return STATUS_BAD_SLEEP;
	settings_lock(&admin->settings)->lru_crawler_sleep = (int)number;
	settings_unlock(&admin->settings);
	return STATUS_OK;
}

static enum status
set_most(struct admin *admin, struct slice word)
{
	uint64_t number;

	if (!words_number(word, INT32_MAX, &number))
		return STATUS_BAD_FORMAT;
	settings_lock(&admin->settings)->lru_crawler_tocrawl = (int)number;
	settings_unlock(&admin->settings);
	return STATUS_OK;
}

static enum status
crawl(struct admin *admin, struct slice word)
{
	bool classes[STORE_CLASSES_MAX + 1];
	enum status status = listing_classes(word, classes);
	int most;

	if (!crawler_is_enabled(admin))
		return STATUS_NO_CRAWLER;
	if (slice_equal(word, SLICE("hash")))
		return STATUS_CRAWL_FAILED;
	if (status != STATUS_OK)
		return status;
	most = settings_lock(&admin->settings)->lru_crawler_tocrawl;
	settings_unlock(&admin->settings);
	if (!classes_crawl(admin->router, classes + 1, (uint64_t)most,
	    clock_unix_ms(admin->clock)))
		return STATUS_BUSY_LISTING;
	atomic_fetch_add(&admin->crawls, 1);
	return STATUS_OK;
}

static const struct {
	struct slice	 name;
	bool		 takes_word;
	enum status	(*serve)(struct admin *, struct slice word);
} commands[] = {
	{ SLICE("enable"), false, enable },
	{ SLICE("disable"), false, disable },
	{ SLICE("sleep"), true, set_sleep },
	{ SLICE("tocrawl"), true, set_most },
	{ SLICE("crawl"), true, crawl },
};

void
crawler_serve(struct admin *admin, const struct request *request,
    struct reply *reply)
{
	struct slice words = request->argument.length > 0 ?
	    request->argument : SLICE("");
	struct slice name = words_next(&words), word = words_next(&words);
	bool one = word.length > 0 && words_next(&words).length == 0;

	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (slice_equal(commands[i].name, name)) {
			reply->status = commands[i].takes_word == one &&
			    (one || word.length == 0) ?
			    commands[i].serve(admin, word) : STATUS_ERROR;
			return;
		}
	listing_serve(admin, request, reply);
}
