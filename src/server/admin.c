/* SPDX-License-Identifier: BSD-3-Clause */
/* admin.c - see admin.h. */
#include "server/admin.h"

#include <inttypes.h>

#include "base/check.h"
#include "server/crawler.h"
#include "server/reload.h"
#include "server/stats.h"
#include "server/tune.h"
#include "server/watching.h"

#define MEGABYTE		((uint64_t)1 << 20)
#define MEMORY_LIMIT_MIN	8	/* megabytes */

/* More megabytes than anyone has: the operator gave bytes. */
#define MEMORY_LIMIT_UNIT	1000000000

static enum status
flush(struct admin *admin, const struct request *request)
{
	atomic_fetch_add(&admin->flushes, 1);	/* refused ones, too */
	if (!admin->options->flush)
		return STATUS_NO_FLUSH;
	if (request->status != STATUS_NONE)
		return request->status;
	route_flush(admin->router, request->expiry,
	    clock_unix_ms(admin->clock));
	return STATUS_OK;
}

enum status
admin_set_memory(struct admin *admin, uint64_t megabytes)
{
	uint64_t bytes, own = admin->own_memory;

	if (megabytes < MEMORY_LIMIT_MIN)
		return STATUS_LIMIT_SMALL;
	if (megabytes > MEMORY_LIMIT_UNIT)
		return STATUS_LIMIT_UNIT;
	bytes = megabytes * MEGABYTE;
	if (own > bytes / ADMIN_OWN_PART)
		own = bytes / ADMIN_OWN_PART;
	if (!route_set_limit(admin->router, bytes - own,
	    clock_unix_ms(admin->clock)))
		return STATUS_LIMIT_FAILED;
	admin->memory_limit = bytes;
	log_write(admin->log, LOG_LEVEL_NOTICE,
	    "memory limit is now %" PRIu64 " MB", megabytes);
	return STATUS_OK;
}

static enum status
refresh_certificates(struct admin *admin)
{
	if (admin->tls == NULL)
		return STATUS_NO_TLS;
	return reload_certificates(admin->tls, admin->log) ?
	    STATUS_OK : STATUS_BAD_CERTIFICATES;
}

static enum status
shut_down(struct admin *admin, const struct request *request)
{
	struct slice mode = request->argument;

	if (!admin->options->shutdown)
		return STATUS_NO_SHUTDOWN;
	if (mode.length != 0 && !slice_equal(mode, SLICE("graceful")))
		return STATUS_BAD_SHUTDOWN;
	admin->shutdown(admin->shutdown_context);
	return STATUS_NONE;
}

static enum status
set_verbosity(struct admin *admin, const struct request *request)
{
	uint64_t level = LOG_LEVEL_NOTICE + request->number;

	admin->log->level = level > LOG_LEVEL_DEBUG ?
	    LOG_LEVEL_DEBUG : (int)level;
	return STATUS_OK;
}

/* debugtime p|r|n: stop the clock, let it go on, shift it by n seconds. */
static enum status
debug_time(struct admin *admin, const struct request *request)
{
	struct slice word = request->argument;
	int64_t seconds;

	if (!admin->debug)
		return STATUS_ERROR;
	if (slice_equal(word, SLICE("p")))
		clock_stop(admin->clock);
	else if (slice_equal(word, SLICE("r")))
		clock_go_on(admin->clock);
	else if (!decimal_parse_signed(word, &seconds) ||
	    seconds < -CLOCK_SHIFT_MAX / 1000 ||
	    seconds > CLOCK_SHIFT_MAX / 1000 ||
	    !clock_shift(admin->clock, seconds * 1000))
		return STATUS_ERROR;
	return STATUS_OK;
}

void
admin_serve(void *context, const struct request *request,
    struct reply *reply, struct output *output)
{
	struct admin *admin = context;

	switch (request->op) {
	case OP_STATS:
		stats_serve(admin, request, reply, output);
		break;
	case OP_FLUSH:
		reply->status = flush(admin, request);
		break;
	case OP_MEMORY_LIMIT:
		reply->status = admin_set_memory(admin, request->number);
		break;
	case OP_SLABS:
	case OP_LRU:
	case OP_EXTSTORE:
		reply->status = tune_serve(admin, request);
		break;
	case OP_LRU_CRAWLER:
		crawler_serve(admin, request, reply);
		break;
	case OP_REFRESH_CERTS:
		reply->status = refresh_certificates(admin);
		break;
	case OP_SHUTDOWN:
		reply->status = shut_down(admin, request);
		break;
	case OP_VERBOSITY:
		reply->status = set_verbosity(admin, request);
		break;
	case OP_DEBUG_TIME:
		reply->status = debug_time(admin, request);
		break;
	case OP_WATCH:
		watching_serve(admin, request, reply);
		break;
	case OP_VERSION:
		reply->status = STATUS_VERSION;
		break;
	default:
		CHECK(!"an op of scope SERVER without a function");
	}
}
