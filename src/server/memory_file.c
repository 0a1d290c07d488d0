/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * memory_file.c - see memory_file.h.
 *
 * FILE.meta is text:
 *
 *   cairnd memory 1        what follows, up to `seed`, has to be just what
 *   version ...            this server would write
 *   ...
 *   seed NUMBER            of the hash of keys
 *   ...                    each shard in turn, see route_save()
 *   checksum NUMBER        of all lines before
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L		/* open_memstream, fmemopen */
#endif

#include "server/memory_file.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/path.h"
#include "config.h"

/* The pages of 16 TB of shards need less. */
#define META_MAX	((off_t)1 << 31)

#define TERMS_MAX	1024

/* What the file begins with, in a page that is not used. */
#define MAGIC		"cairnd memory\n"
#define UNIT		((off_t)1 << 20)	/* of its length */

#define CHECKSUM	"checksum %016" PRIx64 "\n"
#define CHECKSUM_LENGTH	26

/* The lines that must not differ. */
static void
write_terms(const struct memory_file *file, FILE *out)
{
	const struct store_config *config = &file->config;
	const union { uint32_t number; uint8_t bytes[4]; } order = { 1 };

	fputs("cairnd memory 1\n", out);
	fputs("version " PACKAGE_VERSION "\n", out);
	fprintf(out, "little-endian %d\n", order.bytes[0]);
	fprintf(out, "memory-limit %zu\n", config->limit);
	fprintf(out, "shards %u\n", file->shards);
	fprintf(out, "max-item-size %zu\n", config->item_max);
	fprintf(out, "slab-growth-factor %a\n", config->growth_factor);
	fprintf(out, "slab-min-size %zu\n", config->chunk_min);
	fprintf(out, "cas %d\n", config->cas);
	fprintf(out, "track-access %d\n", config->track_access);
}

/* `meta` has to begin with our terms. Returns what follows them, or NULL. */
static const char *
compare_terms(const struct memory_file *file, const char *meta,
    struct error *error)
{
	char terms[TERMS_MAX];
	FILE *out = fmemopen(terms, sizeof terms, "w");
	const char *ours = terms;

	if (out == NULL) {
		error_set(error, "out of memory");
		return NULL;
	}
	write_terms(file, out);
	fclose(out);
	while (*ours != '\0') {
		size_t line = strcspn(ours, "\n") + 1;

		if (strncmp(ours, meta, line) != 0) {
			error_set(error, "it was left with \"%.*s\", and "
			    "this is \"%.*s\"", (int)strcspn(meta, "\n"),
			    meta, (int)line - 1, ours);
			return NULL;
		}
		ours += line;
		meta += line;
	}
	return meta;
}

/* All of a file, with a NUL at its end; to be freed. */
static char *
read_whole(const char *path, size_t *length, struct error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	char *bytes = NULL;
	ssize_t got = 0;

	if (fd == -1) {
		if (errno == ENOENT)
			error_set(error, "there is no %s", path);
		else
			error_set(error, "%s: %s", path, strerror(errno));
		return NULL;
	}
	*length = 0;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
	    status.st_size < META_MAX)
		bytes = malloc((size_t)status.st_size + 1);
	while (bytes != NULL && *length < (size_t)status.st_size &&
	    (got = read(fd, bytes + *length, (size_t)status.st_size -
	    *length)) > 0)
		*length += (size_t)got;
	close(fd);
	if (bytes == NULL || got == -1) {
		free(bytes);
		error_set(error, "%s: cannot be read", path);
		return NULL;
	}
	bytes[*length] = '\0';
	return bytes;
}

/* Is the last line the checksum of the others? Then it is cut off. */
static bool
checksum_is_right(char *meta, size_t *length)
{
	char *last = meta + *length - CHECKSUM_LENGTH;
	char wanted[CHECKSUM_LENGTH + 1];

	if (*length < CHECKSUM_LENGTH || strlen(meta) != *length)
		return false;
	*length -= CHECKSUM_LENGTH;
	snprintf(wanted, sizeof wanted, CHECKSUM,
	    hash_bytes(0, meta, *length));
	if (strcmp(last, wanted) != 0)
		return false;
	*last = '\0';
	return true;
}

static size_t
file_size(const struct memory_file *file)
{
	return file->shards * file->part.bytes;
}

static int
open_router(const struct memory_file *file, struct router *router,
    uint64_t seed, struct error *error)
{
	struct store_config config = file->config;

	config.hash_seed = seed;
	config.file = &file->part;
	return route_open(router, file->shards, &config, error);
}

static int
restore(struct router *router, const char *lines, int64_t now,
    struct error *error)
{
	FILE *in = fmemopen((char *)(uintptr_t)lines, strlen(lines), "r");
	int result;

	if (in == NULL)
		return error_set(error, "out of memory");
	result = route_restore(router, in, now, error);
	fclose(in);
	return result;
}

/* Open the router as `meta` says. -1: not possible, and why. */
static int
open_warm(const struct memory_file *file, char *meta, size_t length,
    struct router *router, int64_t now, struct error *error)
{
	struct stat status;
	const char *rest;
	uint64_t seed;
	int end = 0;

	if (!checksum_is_right(meta, &length))
		return error_set(error, "%s is damaged", file->meta);
	rest = compare_terms(file, meta, error);
	if (rest == NULL)
		return -1;
	if (fstat(file->fd, &status) == -1 ||
	    (size_t)status.st_size != file_size(file))
		return error_set(error, "its size has changed");
	if (sscanf(rest, "seed %" SCNx64 "\n%n", &seed, &end) != 1 ||
	    end == 0)
		return error_set(error, "%s is damaged", file->meta);
	if (open_router(file, router, seed, error) == -1)
		return -1;
	if (restore(router, rest + end, now, error) == 0)
		return 0;
	route_close(router);
	return -1;
}

/* With a file that is empty, so that it takes no room yet. */
static int
open_cold(const struct memory_file *file, struct router *router,
    struct error *error)
{
	if (ftruncate(file->fd, 0) == -1 ||
	    ftruncate(file->fd, (off_t)file_size(file)) == -1 ||
	    pwrite(file->fd, MAGIC, sizeof MAGIC, 0) != sizeof MAGIC)
		return error_set(error, "%s: cannot make it %zu MB long: %s",
		    file->path, file_size(file) >> 20, strerror(errno));
	return open_router(file, router, file->config.hash_seed, error);
}

/* Is it empty, or was it made for this by us, or by memcached? */
static bool
is_memory_file(int fd, const struct stat *status)
{
	char magic[sizeof MAGIC];

	return S_ISREG(status->st_mode) && (status->st_size % UNIT == 0 ||
	    (pread(fd, magic, sizeof magic, 0) == sizeof magic &&
	    memcmp(magic, MAGIC, sizeof magic) == 0));
}

/* Nobody else is to use the file, nor find it in order when we crash. */
static int
take_file(struct memory_file *file, struct error *error)
{
	struct stat status;

	file->fd = open(file->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file->fd == -1 || fstat(file->fd, &status) == -1)
		return error_set(error, "%s: %s", file->path,
		    strerror(errno));
	if (!is_memory_file(file->fd, &status))
		return error_set(error, "%s: this is not a file for memory, "
		    "and would be overwritten", file->path);
	if (flock(file->fd, LOCK_EX | LOCK_NB) == -1)
		return error_set(error, "%s: %s", file->path,
		    errno == EWOULDBLOCK ? "another server uses it" :
		    strerror(errno));
	return 0;
}

static int
name_files(struct memory_file *file, const char *path, struct error *error)
{
	size_t size;

	file->path = path_absolute(path);
	if (file->path == NULL)
		return error_set(error, "%s: %s", path, strerror(errno));
	size = strlen(file->path) + sizeof ".meta";
	file->meta = malloc(size);
	if (file->meta == NULL)
		return error_set(error, "out of memory");
	snprintf(file->meta, size, "%s.meta", file->path);
	return 0;
}

/* The file is ours: open the router with what is in it, or without. */
static int
open_any(struct memory_file *file, struct router *router, int64_t now,
    struct error *error)
{
	struct error reason = { "" };
	size_t length;
	char *meta = read_whole(file->meta, &length, &reason);
	bool warm;

	if (unlink(file->meta) == -1 && errno != ENOENT) {
		free(meta);
		return error_set(error, "%s: cannot be removed: %s",
		    file->meta, strerror(errno));
	}
	warm = meta != NULL && open_warm(file, meta, length, router, now,
	    &reason) == 0;
	free(meta);
	if (!warm && open_cold(file, router, error) == -1)
		return -1;
	if (warm)
		log_write(file->log, LOG_LEVEL_NOTICE,
		    "%s: %" PRIu64 " items are back", file->path,
		    route_items(router, now));
	else
		log_write(file->log, LOG_LEVEL_NOTICE,
		    "%s: starting without items: %s", file->path,
		    reason.text);
	return 0;
}

int
memory_file_open(struct memory_file *file, const char *path,
    struct router *router, unsigned shards,
    const struct store_config *config, int64_t now, struct log *log,
    struct error *error)
{
	*file = (struct memory_file){
		.log = log, .fd = -1, .shards = shards, .config = *config,
	};
	if (name_files(file, path, error) == 0 &&
	    take_file(file, error) == 0) {
		file->part.fd = file->fd;
		file->part.bytes = store_file_bytes(config->limit / shards);
		if (open_any(file, router, now, error) == 0)
			return 0;
	}
	memory_file_close(file);
	return -1;
}

/* All of FILE.meta; to be freed. NULL: out of memory. */
static char *
make_meta(const struct memory_file *file, const struct router *router,
    size_t *length)
{
	char *meta = NULL;
	FILE *out = open_memstream(&meta, length);
	bool failed;

	if (out == NULL)
		return NULL;
	write_terms(file, out);
	fprintf(out, "seed %016" PRIx64 "\n", router->hash_seed);
	route_save(router, out);
	failed = fflush(out) == EOF;
	if (!failed)
		fprintf(out, CHECKSUM, hash_bytes(0, meta, *length));
	if (fclose(out) == EOF || failed) {
		free(meta);
		return NULL;
	}
	return meta;
}

/* Whole when it appears. */
static int
write_meta(const struct memory_file *file, const char *meta, size_t length)
{
	char *temporary = malloc(strlen(file->meta) + sizeof ".new");
	int fd, result = -1;

	if (temporary == NULL)
		return -1;
	sprintf(temporary, "%s.new", file->meta);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	while (fd != -1 && length > 0) {
		ssize_t put = write(fd, meta, length);

		if (put == -1)
			break;
		meta += put;
		length -= (size_t)put;
	}
	if (fd != -1 && close(fd) == 0 && length == 0)
		result = rename(temporary, file->meta);
	if (result == -1 && fd != -1)
		unlink(temporary);
	free(temporary);
	return result;
}

void
memory_file_save(const struct memory_file *file, const struct router *router)
{
	size_t length;
	char *meta = make_meta(file, router, &length);

	if (meta == NULL || write_meta(file, meta, length) == -1)
		log_write(file->log, LOG_LEVEL_ERROR,
		    "%s: cannot be written, so the items are lost: %s",
		    file->meta, strerror(errno));
	free(meta);
}

void
memory_file_close(struct memory_file *file)
{
	if (file->fd != -1)
		close(file->fd);
	free(file->meta);
	free(file->path);
	*file = (struct memory_file){ .fd = -1 };
}
