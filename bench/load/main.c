/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c - cairn-load, a load generator for memcached's and Redis' protocols.
 *
 *	options ── keys, values, target ── workers: fill, load ── report
 *
 * The main thread waits for the workers, shows how it goes and takes the
 * signals. Only this file, and what it calls to report, prints.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "config.h"
#include "load/load.h"
#include "load/report.h"
#include "load/worker.h"
#include "os/os.h"

#define LOOK_US		5000	/* between two looks at the workers */
#define PROGRESS_NS	INT64_C(1000000000)

/* Descriptors beside those of the connections, a few for each thread. */
#define OWN_FILES	64

struct program {
	struct load		 load;
	struct worker		*workers;
	unsigned		 count;
	struct event_base	*base;
	const char		*phase;
	bool			 shows;		/* progress */
	bool			 shown;
	int64_t			 began, looked;	/* ns */
	uint64_t		 done, latency;	/* at the last look */
};

static void
on_signal(evutil_socket_t fd, short what, void *context)
{
	struct program *program = context;

	(void)fd, (void)what;
	program->load.stopped = true;
}

static void
show(struct program *program, int64_t now)
{
	uint64_t done = 0, latency = 0, fresh;

	for (unsigned n = 0; n < program->count; n++) {
		done += program->workers[n].done;
		latency += program->workers[n].latency;
	}
	fresh = done - program->done;
	fprintf(stderr, "\r%s %3.0f s  %12.0f requests/s  mean %8.1f us",
	    program->phase, (double)(now - program->began) / 1e9,
	    (double)fresh * 1e9 / (double)(now - program->looked),
	    fresh > 0 ? (double)(latency - program->latency) / 1e3 /
	    (double)fresh : 0);
	program->shown = true;
	program->done = done;
	program->latency = latency;
	program->looked = now;
}

static void
on_look(evutil_socket_t fd, short what, void *context)
{
	struct program *program = context;
	int64_t now = clock_monotonic_ns();
	bool running = false;

	(void)fd, (void)what;
	for (unsigned n = 0; n < program->count; n++)
		running = running || program->workers[n].running;
	if (program->shows && (now - program->looked >= PROGRESS_NS ||
	    !running))
		show(program, now);
	if (!running)
		event_base_loopbreak(program->base);
}

/* All workers do a phase, to its end. */
static int
run_phase(struct program *program, const char *name,
    int (*start)(struct worker *, struct error *), struct error *err)
{
	unsigned started = 0;

	program->phase = name;
	program->began = program->looked = clock_monotonic_ns();
	while (started < program->count &&
	    start(&program->workers[started], err) == 0)
		started++;
	if (started < program->count)
		program->load.stopped = true;
	event_base_dispatch(program->base);
	for (unsigned n = 0; n < started; n++)
		worker_join(&program->workers[n]);
	if (program->shown)
		fputc('\n', stderr);
	program->shown = false;
	return started < program->count ? -1 : 0;
}

static double
cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static uint64_t
answered(const struct program *program)
{
	uint64_t sum = 0;

	for (unsigned n = 0; n < program->count; n++)
		sum += program->workers[n].engine.done;
	return sum;
}

/* From when requests counted to the last reply that did. */
static double
measured_seconds(const struct program *program, const struct tally *tally)
{
	int64_t from = program->workers[0].counted_from;

	return tally->last > from ? (double)(tally->last - from) / 1e9 : 0;
}

/* Returns the exit status. */
static int
run(struct program *program, struct error *err)
{
	const struct options *options = &program->load.options;
	static struct tally tally;
	struct report report = { .options = options, .tally = &tally };

	if (options->fill && run_phase(program, "fill", worker_start_filling,
	    err) == -1)
		return EX_OSERR;
	if (!program->load.stopped &&
	    (options->time > 0 || options->requests > 0)) {
		report.cpu = cpu_seconds();
		report.answered = answered(program);
		if (run_phase(program, "load", worker_start_load, err) == -1)
			return EX_OSERR;
		report.cpu = cpu_seconds() - report.cpu;
		report.answered = answered(program) - report.answered;
	}
	for (unsigned n = 0; n < program->count; n++)
		tally_join(&tally, &program->workers[n].engine.tally);
	report.seconds = measured_seconds(program, &tally);
	report_write(&report, stdout);
	fflush(stdout);
	report_faults(&tally, stderr);
	if (ferror(stdout)) {
		error_set(err, "cannot write the report");
		return EX_IOERR;
	}
	return tally_is_fine(&tally) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
open_workers(struct program *program, struct error *err)
{
	const struct options *options = &program->load.options;
	unsigned long wanted = (unsigned long)(options->connections +
	    8 * options->threads + OWN_FILES), got;

	if (os_raise_file_limit(wanted, &got) == -1 || got < wanted) {
		error_set(err, "%lld connections need %lu descriptors, and "
		    "the system's limit is less", (long long)
		    options->connections, wanted);
		return EX_OSERR;
	}
	program->workers = calloc((size_t)options->threads,
	    sizeof *program->workers);
	if (program->workers == NULL) {
		error_set(err, "out of memory");
		return EX_OSERR;
	}
	while (program->count < (unsigned)options->threads) {
		unsigned n = program->count++;

		if (worker_open(&program->workers[n], &program->load, n,
		    err) == -1)
			return EX_UNAVAILABLE;
	}
	return EXIT_SUCCESS;
}

/* Whatever the load needs, from the options. */
static int
open_load(struct load *load, struct error *err)
{
	const struct options *options = &load->options;
	struct tls_config tls = { options->tls_ca, options->tls_cert,
	    options->tls_key, load->target.host };

	load->wire = wires[options->protocol];
	load->keys = (struct keys){ options->key_prefix,
	    strlen(options->key_prefix), &options->key_size,
	    (uint64_t)options->keys };
	if (target_find(&load->target, options->server, err) == -1)
		return EX_NOHOST;
	if (options->tls) {
		load->target.tls = tls_open(&tls, err);
		if (load->target.tls == NULL)
			return EX_CONFIG;
	}
	if (values_open(&load->values, &options->value_size, &options->ttl,
	    (uint64_t)options->seed) == -1) {
		error_set(err, "out of memory");
		return EX_OSERR;
	}
	return EXIT_SUCCESS;
}

/* Signals, and looks at the workers, on the main thread. */
static int
open_base(struct program *program, struct event **events, struct error *err)
{
	struct timeval look = { .tv_usec = LOOK_US };

	program->base = event_base_new();
	if (program->base == NULL)
		return error_set(err, "no event loop");
	events[0] = evsignal_new(program->base, SIGINT, on_signal, program);
	events[1] = evsignal_new(program->base, SIGTERM, on_signal, program);
	events[2] = event_new(program->base, -1, EV_PERSIST, on_look, program);
	for (int n = 0; n < 3; n++)
		if (events[n] == NULL ||
		    event_add(events[n], n == 2 ? &look : NULL) == -1)
			return error_set(err, "no event loop");
	return 0;
}

static void
close_program(struct program *program, struct event **events)
{
	for (unsigned n = 0; n < program->count; n++)
		worker_close(&program->workers[n]);
	free(program->workers);
	values_close(&program->load.values);
	if (program->load.target.tls != NULL)
		tls_close(program->load.target.tls);
	for (int n = 0; n < 3; n++)
		if (events[n] != NULL)
			event_free(events[n]);
	if (program->base != NULL)
		event_base_free(program->base);
}

static int
run_program(struct program *program, struct error *err)
{
	struct event *events[3] = { NULL, NULL, NULL };
	int status = open_load(&program->load, err);

	if (status == EXIT_SUCCESS)
		status = open_workers(program, err);
	if (status == EXIT_SUCCESS)
		status = open_base(program, events, err) == -1 ? EX_OSERR :
		    run(program, err);
	close_program(program, events);
	return status;
}

int
main(int argc, char **argv)
{
	static struct program program;
	struct error error = { .text = "" };
	struct options *options = &program.load.options;
	int status = EX_USAGE;

	(void)argc;
	signal(SIGPIPE, SIG_IGN);
	if (options_parse(options, argv, &error) == 0) {
		program.shows = options->progress ||
		    (isatty(STDERR_FILENO) && !options->quiet);
		if (options->help)
			options_help(stdout);
		else if (options->version)
			puts("cairn-load " PACKAGE_VERSION);
		status = options->help || options->version ? EXIT_SUCCESS :
		    run_program(&program, &error);
	}
	if (*error.text != '\0')
		fprintf(stderr, "cairn-load: %s\n", error.text);
	return status;
}
