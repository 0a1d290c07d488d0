/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tune.c - see tune.h.
 *
 * A command is a word for what is to be tuned, and then values; further words
 * are passed over, as memcached does. What has no counterpart here changes
 * `stats settings` and nothing else.
 */
#include "server/tune.h"

#include <limits.h>
#include <stdlib.h>

#include "base/check.h"
#include "proto/words.h"
#include "shard/classes.h"

/* Of memory, for the hot and the warm queue together. */
#define LRU_PERCENT_MAX	80

/* Seconds that memcached looks back on before it moves a page. */
#define WINDOW_MIN	3
#define WINDOW_MAX	1800

/* Read the values of a command into the settings, or leave them as they are. */
typedef enum status tuner(struct options *, struct slice words);

struct tunable {
	struct slice	 name;
	tuner		*tune;
};

static bool
number_word(struct slice *words, uint64_t max, uint64_t *number)
{
	return words_number(words_next(words), max, number);
}

/* Decimal digits with a point among them; strtod() takes more than that. */
static bool
factor_word(struct slice *words, double *factor)
{
	struct slice word = words_next(words);
	char text[32], *end;

	if (word.length == 0 || word.length >= sizeof text)
		return false;
	memcpy(text, word.bytes, word.length);
	text[word.length] = '\0';
	*factor = strtod(text, &end);
	return *end == '\0' && text[strspn(text, "+-.0123456789")] == '\0';
}

static enum status
lru_tune(struct options *now, struct slice words)
{
	uint64_t hot, warm;
	double hot_factor, warm_factor;

	if (!number_word(&words, UINT32_MAX, &hot) ||
	    !number_word(&words, UINT32_MAX, &warm) ||
	    !factor_word(&words, &hot_factor) ||
	    !factor_word(&words, &warm_factor))
		return STATUS_NOT_TUNED;
	if (hot + warm > LRU_PERCENT_MAX)
		return STATUS_BAD_LRU_PERCENT;
	if (hot_factor <= 0 || warm_factor <= 0)
		return STATUS_BAD_LRU_FACTOR;
	now->hot_lru_pct = (int)hot;
	now->warm_lru_pct = (int)warm;
	now->hot_max_factor = hot_factor;
	now->warm_max_factor = warm_factor;
	return STATUS_OK;
}

static enum status
lru_mode(struct options *now, struct slice words)
{
	struct slice mode = words_next(&words);
	bool segmented = slice_equal(mode, SLICE("segmented"));

	if (!now->lru_maintainer ||
	    (!segmented && !slice_equal(mode, SLICE("flat"))))
		return STATUS_NOT_TUNED;
	now->lru_segmented = segmented;
	return STATUS_OK;
}

/* Below 0: no items are thought to be for a short time only. */
static enum status
lru_temporary(struct options *now, struct slice words)
{
	int64_t seconds;

	if (!now->lru_maintainer || !decimal_parse_signed(
	    words_trim_number(words_next(&words)), &seconds) ||
	    seconds < INT_MIN || seconds > INT_MAX)
		return STATUS_NOT_TUNED;
	now->lru_temporary = seconds >= 0;
	if (seconds >= 0)
		now->temporary_ttl = (int)seconds;
	return STATUS_OK;
}

static const struct tunable lru[] = {
	{ SLICE("tune"), lru_tune },
	{ SLICE("mode"), lru_mode },
	{ SLICE("temp_ttl"), lru_temporary },
};

/* Items are in memory only: these are read, and that is all. */

static enum status
extstore_number(struct options *now, struct slice words)
{
	uint64_t number;

	(void)now;
	return number_word(&words, UINT32_MAX, &number) ?
	    STATUS_OK : STATUS_NOT_TUNED;
}

static enum status
extstore_factor(struct options *now, struct slice words)
{
	double factor;

	(void)now;
	return factor_word(&words, &factor) ? STATUS_OK : STATUS_NOT_TUNED;
}

static enum status
extstore_chunks(struct options *now, struct slice words)
{
	uint64_t class, chunks;

	(void)now;
	return number_word(&words, STORE_CLASSES_MAX, &class) &&
	    number_word(&words, UINT32_MAX, &chunks) ?
	    STATUS_OK : STATUS_NOT_TUNED;
}

static const struct tunable extstore[] = {
	{ SLICE("item_size"), extstore_number },
	{ SLICE("item_age"), extstore_number },
	{ SLICE("low_ttl"), extstore_number },
	{ SLICE("recache_rate"), extstore_number },
	{ SLICE("compact_under"), extstore_number },
	{ SLICE("drop_under"), extstore_number },
	{ SLICE("max_sleep"), extstore_number },
	{ SLICE("max_frag"), extstore_factor },
	{ SLICE("drop_unread"), extstore_number },
	{ SLICE("free_memchunks"), extstore_chunks },
};

/* Level 0: pages stay; 1: they move; 2: they move in a hurry. */
static enum status
slabs_automove(struct options *now, struct slice words)
{
	struct slice rest = words, name = words_next(&rest);
	uint64_t level;
	double ratio;

	if (slice_equal(name, SLICE("ratio"))) {
		if (!factor_word(&rest, &ratio))
			return STATUS_NOT_TUNED;
		now->slab_automove_ratio = ratio;
	} else if (slice_equal(name, SLICE("freeratio"))) {
		if (!factor_word(&rest, &ratio))
			return STATUS_NOT_TUNED;
	} else if (slice_equal(name, SLICE("window"))) {
		if (!number_word(&rest, WINDOW_MAX, &level) ||
		    level < WINDOW_MIN)
			return STATUS_NOT_TUNED;
		now->slab_automove_window = (int)level;
	} else if (!number_word(&words, UINT32_MAX, &level)) {
		return STATUS_BAD_FORMAT;
	} else if (level > STORE_AUTOMOVE_HURRY) {
		return STATUS_NOT_TUNED;
	} else {
		now->slab_automove = (int)level;
	}
	return STATUS_OK;
}

static const struct tunable slabs[] = {
	{ SLICE("automove"), slabs_automove },
};

static enum status
tune(struct admin *admin, const struct tunable *tunables, size_t count,
    struct slice words)
{
	struct slice name = words_next(&words);
	enum status status = STATUS_NOT_TUNED;
	struct options *now = settings_lock(&admin->settings);

	for (size_t i = 0; i < count; i++)
		if (slice_equal(tunables[i].name, name))
			status = tunables[i].tune(now, words);
	settings_unlock(&admin->settings);
	return status;
}

#define TUNE(admin, tunables, words)					\
	tune((admin), (tunables),					\
	    sizeof (tunables) / sizeof *(tunables), (words))

void
tune_apply(struct admin *admin)
{
	const struct options *now = settings_lock(&admin->settings);

	/* Before the lock is given up, so that the last one wins. */
	classes_automove(admin->router,
	    (enum store_automove)now->slab_automove,
	    now->slab_automove_ratio, clock_unix_ms(admin->clock));
	settings_unlock(&admin->settings);
}

/* What clients call a class: 0 is no class, -1 any of them. */
static bool
class_word(struct slice *words, int *class)
{
	int64_t number;

	if (!decimal_parse_signed(words_trim_number(words_next(words)),
	    &number) || number < INT_MIN || number > INT_MAX)
		return false;
	*class = number == -1 ? STORE_ANY_CLASS : number < -1 ?
	    INT_MAX : (int)number - 1;
	return true;
}

static bool
class_exists(struct admin *admin, int class)
{
	return class < (int)classes_count(admin->router,
	    clock_unix_ms(admin->clock));
}

/* slabs reassign <from> <to> */
static enum status
reassign(struct admin *admin, struct slice words)
{
	int from, to;

	if (!admin->options->slab_reassign)
		return STATUS_NO_REASSIGN;
	if (!class_word(&words, &from) || !class_word(&words, &to))
		return STATUS_BAD_FORMAT;
	if (from == to && from != INT_MAX)
		return STATUS_SAME_CLASS;
	if (!class_exists(admin, from) || !class_exists(admin, to) ||
	    to == STORE_ANY_CLASS)
		return STATUS_BAD_REASSIGN;
	switch (classes_move_page(admin->router, from, to,
	    clock_unix_ms(admin->clock))) {
	case STORE_MOVE_BEGUN:
		return STATUS_OK;
	case STORE_MOVE_BUSY:
		return STATUS_BUSY_REASSIGN;
	default:
		return from == STORE_ANY_CLASS ?
		    STATUS_BAD_REASSIGN : STATUS_NO_SPARE_PAGE;
	}
}

static unsigned
count_words(struct slice words)
{
	unsigned count = 0;

	while (words_next(&words).length > 0)
		count++;
	return count;
}

static enum status
tune_slabs(struct admin *admin, struct slice words)
{
	struct slice rest = words, name = words_next(&rest);
	enum status status;

	if (slice_equal(name, SLICE("reassign")) && count_words(rest) == 2)
		return reassign(admin, rest);
	if (!slice_equal(name, SLICE("automove")) || count_words(rest) == 0)
		return STATUS_ERROR;
	status = TUNE(admin, slabs, words);
	if (status == STATUS_OK)
		tune_apply(admin);
	return status;
}

enum status
tune_serve(struct admin *admin, const struct request *request)
{
	struct slice words = request->argument.length > 0 ?
	    request->argument : SLICE("");

	switch (request->op) {
	case OP_SLABS:
		return tune_slabs(admin, words);
	case OP_LRU:
		return TUNE(admin, lru, words);
	case OP_EXTSTORE:
		return TUNE(admin, extstore, words);
	default:
		CHECK(!"an op that tunes nothing");
	}
}
