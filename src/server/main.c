/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c - builds the parts from the options, waits for signals, takes them
 * down in reverse.
 *
 *   options ── TLS ── listener (sockets) ── router (shards) ── admin ── workers
 *
 * A step that fails leaves words in `error`, and what was built is taken
 * down. Only this file prints.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <event2/event.h>

#include "config.h"
#include "net/tracker.h"
#include "net/wakeup.h"
#include "os/confine.h"
#include "os/os.h"
#include "server/admin.h"
#include "server/daemon.h"
#include "server/login.h"
#include "server/memory_file.h"
#include "server/options.h"
#include "server/redis.h"
#include "server/tune.h"
#include "server/reload.h"

/* A stop takes no longer than this. */
#define STOP_MS		700

/*
 * Uniques of cas start at the time in seconds times this, so that one from
 * before a restart is never good again, and they stay below 2^53, which
 * clients in JavaScript can hold.
 */
#define CAS_PER_SECOND	((uint64_t)1 << 20)

/*
 * Resident memory of a server without items that nobody wonders about, its
 * program and the system's libraries: a memcached has about as much.
 */
#define OWN_MEMORY_USUAL	((size_t)4864 << 10)

/* Descriptors beside those of the clients. */
#define OWN_FILES	64

#define SIGNALS		4

struct server {
	struct options		 options;
	struct log		 log;
	struct clock		 clock;
	struct codec_config	 codec;
	struct users		 users;		/* path NULL: none are asked */
	struct login		 login;
	struct gate		 gate;
	struct event_base	*base;
	struct event		*signals[SIGNALS];
	struct wakeup		 stop;
	struct router		 router;
	struct memory_file	 memory;	/* path NULL: there is none */
	struct tls		*tls;		/* NULL: none */
	struct watch_hub	 watch;
	struct mail		 mail;		/* count 0: none so far */
	struct pubsub		 pubsub;
	struct tracking		 tracking;
	struct scripts		*scripts;	/* NULL: there is no Lua */
	struct listener		*listener;
	struct worker		**workers;
	unsigned		 started;	/* workers that run */
	struct admin		 admin;
	size_t			 own_memory;	/* bytes beside the shards */
	int			 ready;		/* of daemon_ready(), or -1 */
};

static void
stop(void *context)
{
	struct server *server = context;

	event_base_loopbreak(server->base);
}

static void
on_stop_signal(evutil_socket_t number, short what, void *context)
{
	struct server *server = context;

	(void)what;
	log_write(&server->log, LOG_LEVEL_INFO, "stopping on signal %d",
	    (int)number);
	stop(server);
}

/*
 * Read again what came from files. A part whose file is not good says so and
 * goes on with what it has.
 */
static void
server_reload(struct server *server)
{
	if (server->tls != NULL)
		reload_certificates(server->tls, &server->log);
	if (server->users.path != NULL)
		reload_users(&server->users, &server->log);
}

static void
on_reload_signal(evutil_socket_t number, short what, void *context)
{
	(void)number;
	(void)what;
	server_reload(context);
}

static const struct {
	int			number;
	event_callback_fn	act;
} signals[SIGNALS] = {
	{ SIGTERM, on_stop_signal },
	{ SIGINT, on_stop_signal },
	{ SIGUSR1, on_stop_signal },
	{ SIGHUP, on_reload_signal },
};

/* A client asked for it; from its worker's thread. */
static void
ask_to_stop(void *context)
{
	struct server *server = context;

	wakeup_signal(&server->stop);
}

static void
conn_closed(void *context)
{
	struct server *server = context;

	listener_notice_close(server->listener);
}

static void
serve(void *context, const struct request *request, struct reply *reply,
    struct output *output)
{
	struct server *server = context;

	admin_serve(&server->admin, request, reply, output);
}

static void
call(void *context, struct session_call *what)
{
	struct server *server = context;

	redis_serve(&server->admin, what);
}

static void
note_slow(void *context, const struct session_call *what, int64_t us)
{
	struct server *server = context;

	redis_note_slow(&server->admin, what, us);
}

static int
prepare_process(struct server *server, struct error *error)
{
	const struct options *options = &server->options;
	unsigned long files = (unsigned long)options->conn_limit + OWN_FILES;

	signal(SIGPIPE, SIG_IGN);
	if (*options->ignored != '\0')
		log_write(&server->log, LOG_LEVEL_INFO,
		    "options without effect: %s", options->ignored);
	if (os_raise_file_limit(files, &files) == -1)
		log_write(&server->log, LOG_LEVEL_NOTICE,
		    "only %lu descriptors are allowed, so fewer than %d "
		    "clients can connect", files, options->conn_limit);
	if (options->coredumps && os_enable_core_dumps() == -1)
		return error_set(error, "cannot enable core dumps");
	if (options->daemon) {
		server->ready = daemon_detach(error);
		if (server->ready == -1)
			return -1;
	}
	if (options->lock_memory && os_lock_memory() == -1)
		log_write(&server->log, LOG_LEVEL_NOTICE,
		    "cannot lock memory: %s", strerror(errno));
	return 0;
}

static int
open_events(struct server *server, struct error *error)
{
	struct event_config *config = event_config_new();

	if (config != NULL) {
		event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
		server->base = event_base_new_with_config(config);
		event_config_free(config);
	}
	if (server->base == NULL ||
	    wakeup_open(&server->stop, server->base, stop, server) == -1)
		return error_set(error, "cannot set up the event loop");
	for (size_t i = 0; i < SIGNALS; i++) {
		/* So that a second one, while we stop, does not kill us. */
		signal(signals[i].number, SIG_IGN);
		server->signals[i] = evsignal_new(server->base,
		    signals[i].number, signals[i].act, server);
		if (server->signals[i] == NULL ||
		    event_add(server->signals[i], NULL) == -1)
			return error_set(error, "cannot catch signal %d",
			    signals[i].number);
	}
	return 0;
}

/*
 * As many shards as threads, so that two seldom want the same one; fewer
 * when a shard could not hold two of the largest items.
 */
static unsigned
shard_count(const struct options *options)
{
	unsigned count = 1;

	if (options->shards > 0)
		return (unsigned)options->shards;
	while (count < (unsigned)options->threads && count < ROUTE_SHARDS_MAX)
		count *= 2;
	while (count > 1 &&
	    options->memory_limit / count < 2 * options->max_item_size)
		count /= 2;
	return count;
}

/*
 * What the process has taken before the first item, beyond what any server
 * takes: the allocator's own tables and what libraries bring, mostly. It comes
 * off the limit, so that -m says what the process takes; but a small limit is
 * not eaten up by it.
 */
static size_t
own_memory(const struct options *options)
{
	size_t own = os_memory_in_use();
	size_t most = options->memory_limit / ADMIN_OWN_PART;

	own = own > OWN_MEMORY_USUAL ? own - OWN_MEMORY_USUAL : 0;
	return own < most ? own : most;
}

static int
open_router(struct server *server, struct error *error)
{
	const struct options *options = &server->options;
	/* Pages in a file have to be as many the next time. */
	size_t own = options->memory_file != NULL ? 0 : own_memory(options);
	int64_t now = clock_unix_ms(&server->clock);
	struct store_config config = {
		.limit = options->memory_limit - own,
		.item_max = options->max_item_size,
		.growth_factor = options->slab_growth_factor,
		.chunk_min = (size_t)options->slab_min_size,
		.evict = options->evictions,
		.cas = options->cas,
		.large_pages = options->large_pages,
		.track_access = options->track_access,
		.cas_start = (uint64_t)now / 1000 * CAS_PER_SECOND,
	};
	unsigned count = shard_count(options);

	server->own_memory = own;
	if (options->memory_limit / count < 2 * config.item_max)
		return error_set(error, "%u shards of %zu MB are too small "
		    "for items of %zu bytes: each must hold two", count,
		    options->memory_limit / count >> 20, config.item_max);
	if (os_random(&config.hash_seed, sizeof config.hash_seed) == -1)
		return error_set(error, "cannot get random bytes: %s",
		    strerror(errno));
	if (options->memory_file != NULL ?
	    memory_file_open(&server->memory, options->memory_file,
	    &server->router, count, &config, now, &server->log, error) == -1 :
	    route_open(&server->router, count, &config, error) == -1)
		return -1;
	server->router.rules = (struct call_rules){
		.no_flush = !options->flush, .no_listing = !options->dump,
	};
	return 0;
}

/* Before the user changes: who may read a private key is often root alone. */
static int
open_tls(struct server *server, struct error *error)
{
	const struct options *options = &server->options;
	struct tls_config config = {
		.chain_cert = options->ssl_chain_cert,
		.key = options->ssl_key,
		.ca_cert = options->ssl_ca_cert,
		.ciphers = options->ssl_ciphers,
		.key_format = options->ssl_key_format,
		.verify = (enum tls_verify)options->ssl_verify_mode,
		.min_version = (enum tls_version)options->ssl_min_version,
		.write_size = options->ssl_write_size,
		.session_cache = options->ssl_session_cache,
		.kernel = options->ssl_kernel_tls,
		.clock = &server->clock,
		.log = &server->log,
	};

	if (!options->ssl_enabled)
		return 0;
	server->tls = tls_open(&config, error);
	return server->tls == NULL ? -1 : 0;
}

/* While we may be root: the file need not be for others to read. */
static int
open_login(struct server *server, struct error *error)
{
	const struct options *options = &server->options;

	if (options->auth_file == NULL)
		return 0;
	if (users_open(&server->users, options->auth_file, &server->log,
	    error) == -1)
		return -1;
	server->login = (struct login){
		.users = &server->users, .sasl = options->sasl,
	};
	login_gate(&server->login, &server->codec, &server->gate);
	return 0;
}

/* For whoever started us with port -1; whole when it appears. */
static int
write_ports(const struct listener *listener, struct error *error)
{
	const char *path = getenv("MEMCACHED_PORT_FILENAME");
	char temporary[4096];
	FILE *file;

	if (path == NULL)
		return 0;
	if (snprintf(temporary, sizeof temporary, "%s.new", path) >=
	    (int)sizeof temporary)
		return error_set(error, "%s: path too long", path);
	file = fopen(temporary, "w");
	if (file == NULL)
		return error_set(error, "%s: %s", temporary, strerror(errno));
	listener_write_ports(listener, file);
	if (fclose(file) == EOF || rename(temporary, path) == -1)
		return error_set(error, "%s: %s", path, strerror(errno));
	return 0;
}

/* The user that -u names, with the rights that this user has and no more. */
static int
give_up_rights(const struct options *options, struct error *error)
{
	if (daemon_drop_user(options->user, error) == -1)
		return -1;
	/* Once as root, for the limit; again now, as others get no core. */
	if (options->coredumps && os_enable_core_dumps() == -1)
		return error_set(error, "cannot enable core dumps");
	if (os_no_new_privileges() == -1)
		return error_set(error, "cannot give up privileges: %s",
		    strerror(errno));
	return 0;
}

/* The user that we have become may not read what root could. */
static void
warn_of_reload(struct server *server)
{
	const struct options *options = &server->options;
	const bool tls = server->tls != NULL;
	const char *const paths[] = {
		server->users.path,
		tls ? options->ssl_chain_cert : NULL,
		tls ? options->ssl_key : NULL,
		tls ? options->ssl_ca_cert : NULL,
	};

	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
		if (paths[i] != NULL && access(paths[i], R_OK) == -1)
			log_write(&server->log, LOG_LEVEL_NOTICE, "%s: this "
			    "user will not be able to read it again: %s",
			    paths[i], strerror(errno));
}

/*
 * TCP ports are taken as root, if we are; the unix socket and the files are
 * made by the user who has to remove them.
 */
static int
open_listener(struct server *server, struct error *error)
{
	const struct options *options = &server->options;
	struct listener_config config = {
		.base = server->base,
		.log = &server->log,
		.workers = server->workers,
		.worker_count = (unsigned)options->threads,
		.conn_limit = (unsigned)options->conn_limit,
		.fast = options->maxconns_fast,
		.backlog = options->listen_backlog,
	};
	struct origin_settings unix_settings = {
		.tls = ORIGIN_PLAIN, .protocol = options->protocol,
	};

	if (options->listen.count == 0 && options->unix_socket == NULL)
		return error_set(error, "nothing to listen on: give a port "
		    "or a unix socket");
	server->listener = listener_create(&config, error);
	if (server->listener == NULL)
		return -1;
	for (size_t i = 0; i < options->listen.count; i++) {
		const struct listen_address *at =
		    &options->listen.addresses[i];

		if (listener_add_tcp(server->listener, at->host, at->port,
		    &at->settings, error) == -1)
			return -1;
	}
	if (give_up_rights(options, error) == -1)
		return -1;
	warn_of_reload(server);
	if (options->unix_socket != NULL &&
	    listener_add_unix(server->listener, options->unix_socket,
	    (unsigned)options->unix_mask, &unix_settings, error) == -1)
		return -1;
	return write_ports(server->listener, error);
}

static int
open_admin(struct server *server, struct error *error)
{
	const struct options *options = &server->options;
	bool detail = options->delimiter != '\0';

	watch_open(&server->watch, &server->clock,
	    options->worker_logbuf_size, options->watcher_logbuf_size);
	server->admin = (struct admin){
		.options = options,
		.clock = &server->clock,
		.debug = DEBUG_COMMANDS,
		.log = &server->log,
		.router = &server->router,
		.workers = server->workers,
		.worker_count = (unsigned)options->threads,
		.listener = server->listener,
		.tls = server->tls,
		.watch = &server->watch,
		.pubsub = &server->pubsub,
		.login = &server->login,
		.shutdown = ask_to_stop,
		.shutdown_context = server,
		.memory_limit = options->memory_limit,
		.slowlog.least_us = REDIS_SLOW_US,
		.own_memory = server->own_memory,
		.started = clock_unix_ms(&server->clock),
	};
	settings_open(&server->admin.settings, options);
	tune_apply(&server->admin);
	detail_open(&server->admin.detail, &server->router,
	    detail ? options->delimiter : OPTIONS_DELIMITER);
	if (detail && detail_set(&server->admin.detail, true,
	    server->admin.started) == -1)
		return error_set(error, "out of memory for -D");
	return 0;
}

static int
open_messages(struct server *server, struct error *error)
{
	if (!mail_open(&server->mail, (unsigned)server->options.threads))
		return error_set(error, "out of memory for %d workers",
		    server->options.threads);
	pubsub_open(&server->pubsub, &server->mail,
	    server->router.hash_seed);
	tracking_open(&server->tracking, &server->mail,
	    server->router.shard_count, server->router.hash_seed,
	    tracker_open_letter);
	server->router.tracking = &server->tracking;
	return 0;
}

static int
open_scripts(struct server *server, struct error *error)
{
	struct script_config config = {
		.steps = (uint64_t)server->options.script_steps,
		.log = &server->log, .version = SESSION_VERSION,
	};

	*error->text = '\0';
	server->scripts = script_open(&config, error);
	server->admin.scripts = server->scripts;
	return server->scripts == NULL && *error->text != '\0' ? -1 : 0;
}

static int
start_workers(struct server *server, struct error *error)
{
	const struct options *options = &server->options;
	struct worker_config config = {
		.worker_count = (unsigned)options->threads,
		.router = &server->router,
		.scripts = server->scripts,
		.clock = &server->clock,
		.log = &server->log,
		.codec = &server->codec,
		.tls = server->tls,
		.watch = &server->watch,
		.pubsub = &server->pubsub,
		.gate = server->users.path == NULL ? NULL : &server->gate,
		.idle_seconds = (unsigned)options->idle_timeout,
		.requests_per_pass = (unsigned)options->requests_per_event,
		.serve = serve,
		.call = call,
		.note_slow = note_slow,
		.closed = conn_closed,
		.context = server,
	};

	for (; server->started < config.worker_count; server->started++) {
		config.number = server->started;
		server->workers[server->started] =
		    worker_start(&config, error);
		if (server->workers[server->started] == NULL)
			return -1;
	}
	return 0;
}

/* After all that needs more than serving does. */
static int
confine(const struct options *options, struct error *error)
{
	if (!options->drop_privileges)
		return 0;
	if (os_confine(!options->relaxed_privileges) == 0)
		return 0;
	if (errno == ENOSYS)
		return error_set(error, "-o drop_privileges: this cairnd was "
		    "built without libseccomp, or the kernel has no seccomp");
	return error_set(error, "-o drop_privileges: %s", strerror(errno));
}

static int
announce(struct server *server, struct error *error)
{
	const struct options *options = &server->options;

	log_write(&server->log, LOG_LEVEL_INFO, "version " PACKAGE_VERSION
	    ": %d threads, %u shards, %zu megabytes for items",
	    options->threads, server->router.shard_count,
	    options->memory_limit >> 20);
	if (options->pid_file != NULL &&
	    daemon_write_pid(options->pid_file, error) == -1)
		return -1;
	if (server->ready != -1)
		return daemon_ready(server->ready, options->verbose > 0,
		    error);
	return 0;
}

static void
stop_workers(struct server *server)
{
	for (unsigned i = 0; i < server->started; i++)
		worker_stop(server->workers[i], STOP_MS);
	for (unsigned i = 0; i < server->started; i++)
		worker_join(server->workers[i]);
	for (unsigned i = 0; i < server->started; i++)
		worker_free(server->workers[i]);
}

static void
take_down(struct server *server)
{
	if (server->listener != NULL)
		listener_close(server->listener);
	stop_workers(server);
	if (server->listener != NULL)
		listener_destroy(server->listener);
	if (server->mail.count > 0) {
		mail_close(&server->mail);
		pubsub_close(&server->pubsub);
		tracking_close(&server->tracking);
	}
	tls_close(server->tls);
	if (server->admin.router != NULL) {
		detail_close(&server->admin.detail);
		redis_close(&server->admin);
		settings_close(&server->admin.settings);
	}
	if (server->watch.clock != NULL)
		watch_close(&server->watch);
	if (server->users.path != NULL)
		users_close(&server->users);
	if (server->memory.path != NULL)
		memory_file_save(&server->memory, &server->router);
	if (server->router.shards != NULL)
		route_close(&server->router);
	if (server->memory.path != NULL)
		memory_file_close(&server->memory);
	for (size_t i = 0; i < SIGNALS; i++)
		if (server->signals[i] != NULL)
			event_free(server->signals[i]);
	if (server->stop.run != NULL)
		wakeup_close(&server->stop);
	if (server->base != NULL)
		event_base_free(server->base);
	script_close(server->scripts);
	free(server->workers);
}

static int
run(struct server *server, struct error *error)
{
	struct options *options = &server->options;
	int result = -1;

	if (options->threads == 0)
		options->threads = (int)os_cpu_count();
	server->codec = (struct codec_config){
		.item_max = options->max_item_size,
		.line_max = CONN_LINE_MAX,
		.request_max = CONN_REQUEST_MAX + options->max_item_size,
		.cas = options->cas,
	};
	server->workers = calloc((size_t)options->threads,
	    sizeof *server->workers);
	if (server->workers == NULL) {
		error_set(error, "out of memory for %d workers",
		    options->threads);
	} else if (prepare_process(server, error) == 0 &&
	    open_events(server, error) == 0 &&
	    open_tls(server, error) == 0 &&
	    open_login(server, error) == 0 &&
	    open_listener(server, error) == 0 &&
	    open_router(server, error) == 0 &&
	    open_admin(server, error) == 0 &&
	    open_messages(server, error) == 0 &&
	    open_scripts(server, error) == 0 &&
	    start_workers(server, error) == 0 &&
	    confine(options, error) == 0 &&
	    announce(server, error) == 0) {
		event_base_dispatch(server->base);
		if (options->pid_file != NULL)
			daemon_remove_pid(options->pid_file);
		result = 0;
	}
	take_down(server);
	return result;
}

static void
print_license(void)
{
	puts("cairn is free software under the BSD 3-clause license, see "
	    DOCUMENTS "/COPYING.");
}

/* What was asked for instead of serving. */
static int
act(enum options_action action)
{
	switch (action) {
	case OPTIONS_HELP:
		options_help(stdout);
		break;
	case OPTIONS_VERSION:
		puts("cairnd " PACKAGE_VERSION);
		break;
	case OPTIONS_LICENSE:
		print_license();
		break;
	case OPTIONS_RUN:
		break;
	}
	return fflush(stdout) == EOF ? EXIT_FAILURE : EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	struct server server = { .ready = -1 };
	struct error error = { "" };
	int status = EX_USAGE;

	options_defaults(&server.options);
	if (options_parse(&server.options, argc, argv, &error) == 0) {
		server.log.level = LOG_LEVEL_NOTICE + server.options.verbose;
		status = server.options.action != OPTIONS_RUN ?
		    act(server.options.action) :
		    run(&server, &error) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	if (error.text[0] != '\0')
		fprintf(stderr, "cairnd: %s\n", error.text);
	options_free(&server.options);
	return status;
}
