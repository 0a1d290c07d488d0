/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * users.c - see users.h.
 *
 * The table keeps no passwords, but a digest of each pair of a name and a
 * password, made with a key of this process, in order. To know somebody is to
 * find the digest of what he says. Nobody outside can foresee a digest, so how
 * long the search takes tells nothing about names, nor about how much of a
 * password was right. Names are kept apart, with their rights; they are looked
 * up for those who are known only.
 */
#include "server/users.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/path.h"
#include "os/os.h"
#include "proto/words.h"

struct digest {
	uint8_t	bytes[SIPHASH_DIGEST];
};

/* What lines say of a user; when all are read, there is one for each name. */
struct user {
	struct slice	 name;
	unsigned	 line;
	bool		 password;	/* the line has one */
	struct rights	*rights;	/* NULL: all */
};

struct users_table {
	struct digest	*digests;	/* in order */
	size_t		 count, room;
	struct user	*users;		/* in order */
	size_t		 user_count, user_room;
};

/* A file that is being read. */
struct reading {
	const struct users	*users;
	FILE			*file;
	struct users_table	*table;
	size_t			 bytes;		/* so far */
	unsigned		 line_number;
	char			 line[USERS_LINE_MAX];
	size_t			 length;	/* of the line */
	struct error		*error;
};

static void
free_table(struct users_table *table)
{
	if (table == NULL)
		return;
	for (size_t i = 0; i < table->user_count; i++) {
		free((char *)table->users[i].name.bytes);
		rights_release(table->users[i].rights);
	}
	free(table->users);
	free(table->digests);
	free(table);
}

/* Of `name`, a zero byte, `password`. False: longer than any line. */
static bool
digest_pair(const struct users *users, struct slice name,
    struct slice password, struct digest *digest)
{
	char pair[USERS_LINE_MAX];
	char *at = pair;

	if (name.length + password.length >= sizeof pair)
		return false;
	memcpy(at, name.bytes, name.length);
	at += name.length;
	*at++ = '\0';
	memcpy(at, password.bytes, password.length);
	at += password.length;
	siphash(users->key, pair, (size_t)(at - pair), digest->bytes);
	return true;
}

static int
wrong_line(const struct reading *reading, const char *words)
{
	return error_set(reading->error, "%s:%u: %s", reading->users->path,
	    reading->line_number, words);
}

/* The next line, without its end. 0: there is none. -1: it cannot be one. */
static int
read_line(struct reading *reading)
{
	int byte;

	reading->line_number++;
	reading->length = 0;
	while ((byte = getc(reading->file)) != EOF && byte != '\n') {
		if (byte == '\0')
			return wrong_line(reading, "a zero byte in a line");
		if (reading->length == USERS_LINE_MAX)
			return wrong_line(reading, "longer than 1024 bytes");
		reading->line[reading->length++] = (char)byte;
	}
	if (ferror(reading->file))
		return error_set(reading->error, "%s: %s",
		    reading->users->path, strerror(errno));
	reading->bytes += reading->length + 1;
	if (reading->bytes > USERS_FILE_MAX)
		return wrong_line(reading, "the file is larger than 64 MB");
	return byte != EOF || reading->length > 0;
}

static int
add_digest(struct reading *reading, const struct digest *digest)
{
	struct users_table *table = reading->table;

	if (table->count == table->room) {
		size_t room = table->room == 0 ? 16 : table->room * 2;
		struct digest *digests = realloc(table->digests,
		    room * sizeof *digests);

		if (digests == NULL)
			return wrong_line(reading, "out of memory");
		table->digests = digests;
		table->room = room;
	}
	table->digests[table->count++] = *digest;
	return 0;
}

/* One more, perhaps of a name that is there. NULL: out of memory. */
static struct user *
add_user(struct reading *reading, struct slice name)
{
	struct users_table *table = reading->table;
	struct user *users = table->users;
	char *copy = malloc(name.length);

	if (copy != NULL && table->user_count == table->user_room) {
		size_t room = table->user_room == 0 ? 16 :
		    table->user_room * 2;

		users = realloc(users, room * sizeof *users);
		if (users != NULL) {
			table->users = users;
			table->user_room = room;
		}
	}
	if (copy == NULL || users == NULL) {
		free(copy);
		return NULL;
	}
	memcpy(copy, name.bytes, name.length);
	users += table->user_count++;
	*users = (struct user){
		.name = { copy, name.length }, .line = reading->line_number,
	};
	return users;
}

/* What stands behind the colon of a line of rights. */
static int
take_rights(struct reading *reading, struct slice line)
{
	struct slice name = words_next(&line), word;
	struct user *user;
	struct error error;

	if (name.length == 0 || name.bytes != reading->line + 1)
		return wrong_line(reading, "there is no user behind the :");
	user = add_user(reading, name);
	if (user == NULL || (user->rights = rights_new()) == NULL)
		return wrong_line(reading, "out of memory");
	while ((word = words_next(&line)).length > 0)
		if (rights_add(user->rights, word, &error) == -1)
			return wrong_line(reading, error.text);
	return 0;
}

/* The line that was read, unless it is empty. */
static int
take_line(struct reading *reading)
{
	struct slice name = { reading->line, 0 }, password;
	const char *colon;
	struct user *user;
	struct digest digest;

	if (reading->length > 0 && reading->line[reading->length - 1] == '\r')
		reading->length--;
	if (reading->length == 0)
		return 0;
	if (*reading->line == ':')
		return take_rights(reading, (struct slice){
		    reading->line + 1, reading->length - 1 });
	colon = memchr(reading->line, ':', reading->length);
	if (colon == NULL)
		return wrong_line(reading, "not of the form user:password");
	name.length = (size_t)(colon - reading->line);
	password.bytes = colon + 1;
	password.length = reading->length - name.length - 1;
	if (password.length == 0)
		return wrong_line(reading, "there is no password after the :");
	user = add_user(reading, name);
	if (user == NULL)
		return wrong_line(reading, "out of memory");
	user->password = true;
	CHECK(digest_pair(reading->users, name, password, &digest));
	return add_digest(reading, &digest);
}

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct digest));
}

static int
compare_names(const void *a, const void *b)
{
	const struct user *left = a, *right = b;
	size_t length = left->name.length < right->name.length ?
	    left->name.length : right->name.length;
	int order = memcmp(left->name.bytes, right->name.bytes, length);

	if (order != 0)
		return order;
	return (left->name.length > right->name.length) -
	    (left->name.length < right->name.length);
}

/* Those of a name in the order of their lines. */
static int
compare_lines(const void *a, const void *b)
{
	const struct user *left = a, *right = b;
	int order = compare_names(a, b);

	return order != 0 ? order :
	    (left->line > right->line) - (left->line < right->line);
}

/* What another line says of the same user. */
static int
join_user(struct user *user, struct user *other, struct error *error)
{
	user->password |= other->password;
	if (user->rights == NULL) {
		user->rights = other->rights;
		other->rights = NULL;
	} else if (other->rights != NULL &&
	    rights_join(user->rights, other->rights, error) == -1) {
		return -1;
	}
	free((char *)other->name.bytes);
	rights_release(other->rights);
	*other = (struct user){ .line = 0 };
	return 0;
}

/* One user for each name, in order. */
static int
join_users(struct reading *reading)
{
	struct users_table *table = reading->table;
	size_t kept = 0;

	if (table->user_count > 0)
		qsort(table->users, table->user_count, sizeof *table->users,
		    compare_lines);
	for (size_t i = 1; i < table->user_count; i++) {
		struct user *user = &table->users[kept];
		struct user *other = &table->users[i];

		if (compare_names(user, other) == 0) {
			if (join_user(user, other, reading->error) == -1)
				return -1;
		} else if (++kept != i) {
			table->users[kept] = *other;
			*other = (struct user){ .line = 0 };
		}
	}
	if (table->user_count > 0)
		table->user_count = kept + 1;
	for (size_t i = 0; i < table->user_count; i++)
		if (!table->users[i].password) {
			reading->line_number = table->users[i].line;
			return wrong_line(reading, "rights of a user who has "
			    "no password");
		}
	return 0;
}

static int
read_all(struct reading *reading)
{
	struct users_table *table = reading->table;
	int result;

	while ((result = read_line(reading)) == 1)
		if (take_line(reading) == -1)
			return -1;
	if (result == 0 && table->count > 0)
		qsort(table->digests, table->count, sizeof *table->digests,
		    compare);
	return result == 0 ? join_users(reading) : result;
}

static void
warn_of_readers(const struct users *users, FILE *file)
{
	struct stat status;

	if (fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode) &&
	    status.st_mode & S_IROTH)
		log_write(users->log, LOG_LEVEL_NOTICE,
		    "%s: anybody can read the passwords in it", users->path);
}

static struct users_table *
read_table(const struct users *users, struct error *error)
{
	struct reading reading = {
		.users = users, .error = error,
		.file = fopen(users->path, "re"),
		.table = calloc(1, sizeof *reading.table),
	};
	int result = -1;

	if (reading.file == NULL) {
		error_set(error, "%s: %s", users->path, strerror(errno));
	} else if (reading.table == NULL) {
		error_set(error, "%s: out of memory", users->path);
	} else {
		warn_of_readers(users, reading.file);
		result = read_all(&reading);
	}
	if (reading.file != NULL)
		fclose(reading.file);
	if (result == 0)
		return reading.table;
	free_table(reading.table);
	return NULL;
}

int
users_open(struct users *users, const char *path, struct log *log,
    struct error *error)
{
	*users = (struct users){ .path = path_absolute(path), .log = log };
	if (users->path == NULL)
		return error_set(error, "%s: %s", path, strerror(errno));
	if (os_random(users->key, sizeof users->key) == -1)
		error_set(error, "cannot get random bytes: %s",
		    strerror(errno));
	else
		users->table = read_table(users, error);
	if (users->table == NULL) {
		free(users->path);
		users->path = NULL;
		return -1;
	}
	CHECK(pthread_mutex_init(&users->lock, NULL) == 0);
	return 0;
}

void
users_close(struct users *users)
{
	pthread_mutex_destroy(&users->lock);
	free_table(users->table);
	free(users->path);
}

int
users_reload(struct users *users, struct error *error)
{
	struct users_table *table = read_table(users, error), *old;

	if (table == NULL)
		return -1;
	pthread_mutex_lock(&users->lock);
	old = users->table;
	users->table = table;
	pthread_mutex_unlock(&users->lock);
	free_table(old);
	return 0;
}

/* NULL: there is none of this name. The lock is held. */
static const struct user *
find_user(const struct users *users, struct slice name)
{
	struct user wanted = { .name = name };
	const struct users_table *table = users->table;

	return table->user_count == 0 ? NULL : bsearch(&wanted, table->users,
	    table->user_count, sizeof wanted, compare_names);
}

bool
users_know(struct users *users, struct slice name, struct slice password,
    struct rights **rights)
{
	struct digest digest;
	bool known;

	*rights = NULL;
	if (!digest_pair(users, name, password, &digest))
		return false;
	pthread_mutex_lock(&users->lock);
	known = users->table->count > 0 && bsearch(&digest,
	    users->table->digests, users->table->count, sizeof digest,
	    compare) != NULL;
	if (known)
		*rights = rights_hold(find_user(users, name)->rights);
	pthread_mutex_unlock(&users->lock);
	return known;
}

bool
users_rights(struct users *users, struct slice name, struct rights **rights)
{
	const struct user *user;

	pthread_mutex_lock(&users->lock);
	user = find_user(users, name);
	*rights = user == NULL ? NULL : rights_hold(user->rights);
	pthread_mutex_unlock(&users->lock);
	return user != NULL;
}

void
users_visit(struct users *users, void (*visit)(void *, struct slice,
    const struct rights *), void *context)
{
	pthread_mutex_lock(&users->lock);
	for (size_t i = 0; i < users->table->user_count; i++)
		visit(context, users->table->users[i].name,
		    users->table->users[i].rights);
	pthread_mutex_unlock(&users->lock);
}
