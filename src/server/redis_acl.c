/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * redis_acl.c - ACL: who the users are, and what they may do. The file of
 * users says so, see server/users.h; without one there is one user, `default`,
 * who needs no password and may do everything.
 */
#include <stdio.h>

#include "os/os.h"
#include "proto/classes.h"
#include "proto/resp.h"
#include "server/redis_calls.h"
#include "server/reload.h"

#define DEFAULT_USER	"default"

/* Bits of a password that GENPASS makes, and makes at most. */
#define PASSWORD_BITS		256
#define PASSWORD_BITS_MAX	4096

/* How much of a word is told back. */
#define TOLD_MAX	128

static int
told_length(struct slice word)
{
	return (int)(word.length < TOLD_MAX ? word.length : TOLD_MAX);
}

void
acl_whoami(struct admin *admin, struct session_call *call)
{
	const char *user = call->session->texts[SESSION_USER];

	(void)admin;
	resp_bulk_text(call->output, user == NULL ? DEFAULT_USER : user);
}

/* Each user is put by this; the number of them comes before. */
struct listing {
	struct output	apart;
	size_t		count;
};

static void
list_users(struct admin *admin, struct session_call *call,
    void (*put)(void *, struct slice, const struct rights *))
{
	struct listing listing = { .count = 0 };

	if (output_open_apart(&listing.apart) == -1) {
		resp_error(call->output, "ERR out of memory");
		return;
	}
	if (admin->login->users == NULL)
		put(&listing, SLICE(DEFAULT_USER), NULL);
	else
		users_visit(admin->login->users, put, &listing);
	resp_array(call->output, listing.count);
	output_join(call->output, &listing.apart);
}

static void
put_name(void *context, struct slice name, const struct rights *rights)
{
	struct listing *listing = context;

	(void)rights;
	listing->count++;
	resp_bulk(&listing->apart, name);
}

void
acl_users(struct admin *admin, struct session_call *call)
{
	list_users(admin, call, put_name);
}

/* A line in pieces, as the length of a bulk comes first. */
static void
put_pieces(struct output *output, const struct slice *pieces, size_t count)
{
	size_t length = 0;

	for (size_t i = 0; i < count; i++)
		length += pieces[i].length;
	resp_bulk_head(output, length);
	for (size_t i = 0; i < count; i++)
		output_bytes(output, pieces[i].bytes, pieces[i].length);
	resp_end(output);
}

/* Passwords are not told, as they are not known. */
static void
put_rule(void *context, struct slice name, const struct rights *rights)
{
	struct listing *listing = context;

	listing->count++;
	if (rights == NULL) {
		const struct slice all[] = {
			SLICE("user "), name, SLICE(" on ~* &* +@all"),
		};

		put_pieces(&listing->apart, all, 3);
	} else {
		const struct slice some[] = {
			SLICE("user "), name, SLICE(" on "),
			rights_keys(rights), SLICE(" resetchannels "),
			rights_channels(rights), SLICE(" -@all "),
			rights_calls(rights),
		};

		put_pieces(&listing->apart, some, 8);
	}
}

void
acl_list(struct admin *admin, struct session_call *call)
{
	if (admin->login->users != NULL) {
		list_users(admin, call, put_rule);
		return;
	}
	resp_array(call->output, 1);
	resp_bulk_text(call->output, "user default on nopass ~* &* +@all");
}

/* The rights of a user by name. False: there is none. */
static bool
find_rights(struct admin *admin, struct slice name, struct rights **rights)
{
	*rights = NULL;
	return admin->login->users == NULL ?
	    slice_equal(name, SLICE(DEFAULT_USER)) :
	    users_rights(admin->login->users, name, rights);
}

static void
put_user(struct session_call *call, const struct rights *rights, bool nopass)
{
	struct output *output = call->output;
	const struct slice calls[] = {
		SLICE("-@all "), rights == NULL ? SLICE("") :
		    rights_calls(rights),
	};

	resp_map(output, call->v3, 6);
	resp_bulk_text(output, "flags");
	resp_set(output, call->v3, 1 + nopass);
	resp_bulk_text(output, "on");
	if (nopass)
		resp_bulk_text(output, "nopass");
	resp_bulk_text(output, "passwords");
	resp_array(output, 0);
	resp_bulk_text(output, "commands");
	if (rights == NULL)
		resp_bulk_text(output, "+@all");
	else
		put_pieces(output, calls, 2);
	resp_bulk_text(output, "keys");
	resp_bulk(output, rights == NULL ? SLICE("~*") : rights_keys(rights));
	resp_bulk_text(output, "channels");
	resp_bulk(output, rights == NULL ? SLICE("&*") :
	    rights_channels(rights));
	resp_bulk_text(output, "selectors");
	resp_array(output, 0);
}

void
acl_getuser(struct admin *admin, struct session_call *call)
{
	struct rights *rights;

	if (!find_rights(admin, call->words[2], &rights)) {
		resp_null(call->output, call->v3);
		return;
	}
	put_user(call, rights, admin->login->users == NULL);
	rights_release(rights);
}

static void
refuse_run(struct session_call *call, const struct call_row *row,
    enum rights_answer answer, struct slice word)
{
	const struct slice name = slice_of(row->name);
	const struct slice no_call[] = {
		SLICE("This user has no permissions to run the '"), name,
		SLICE("' command"),
	};
	const struct slice no_word[] = {
		SLICE("This user has no permissions to access the '"), word,
		answer == RIGHTS_NO_KEY ? SLICE("' key") :
		    SLICE("' channel"),
	};

	put_pieces(call->output, answer == RIGHTS_NO_CALL ? no_call :
	    no_word, 3);
}

/* May a user make a call, whose name is word number 3? */
void
acl_dryrun(struct admin *admin, struct session_call *call)
{
	const struct slice *words = call->words + 3;
	size_t count = call->count - 3, word = 0;
	const struct call_row *row = call_find(*words), *part;
	enum rights_answer answer = RIGHTS_OK;
	struct rights *rights;

	if (row != NULL && count > 1 && call_parts(row) > 0 &&
	    (part = call_part(row, words[1])) != NULL)
		row = part;
	if (!find_rights(admin, call->words[2], &rights)) {
		resp_error(call->output, "ERR User '%.*s' not found",
		    told_length(call->words[2]), call->words[2].bytes);
		return;
	}
	if (row == NULL) {
		resp_error(call->output, "ERR Command '%.*s' not found",
		    told_length(*words), words->bytes);
	} else if (!call_arity_valid(row, count)) {
		resp_error(call->output, "ERR wrong number of arguments for "
		    "'%s' command", row->name);
	} else {
		if (rights != NULL)
			answer = rights_to_call(rights, row, words, count,
			    &word);
		if (answer == RIGHTS_OK)
			session_ok(call);
		else
			refuse_run(call, row, answer, words[word]);
	}
	rights_release(rights);
}

static void
list_class(struct session_call *call, int class)
{
	uint32_t bit = (uint32_t)1 << class;
	size_t count = 0;

	for (size_t i = 0; i < CALL_COUNT; i++)
		count += (call_classes(&call_rows[i]) & bit) != 0;
	resp_array(call->output, count);
	for (size_t i = 0; i < CALL_COUNT; i++)
		if (call_classes(&call_rows[i]) & bit)
			resp_bulk_text(call->output, call_rows[i].name);
}

void
acl_cat(struct admin *admin, struct session_call *call)
{
	int class;

	(void)admin;
	if (call->count > 3) {
		resp_error(call->output, "ERR unknown subcommand or wrong "
		    "number of arguments for '%.*s'. Try ACL HELP.",
		    told_length(call->words[1]), call->words[1].bytes);
		return;
	}
	if (call->count == 2) {
		resp_array(call->output, CLASS_COUNT);
		for (size_t i = 0; i < CLASS_COUNT; i++)
			resp_bulk_text(call->output, class_names[i]);
		return;
	}
	class = class_find(call->words[2]);
	if (class != -1)
		list_class(call, class);
	else
		resp_error(call->output, "ERR Unknown category '%.*s'",
		    told_length(call->words[2]), call->words[2].bytes);
}

/* So many bits of a password, as hexadecimal digits of four bits each. */
void
acl_genpass(struct admin *admin, struct session_call *call)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t random[PASSWORD_BITS_MAX / 8];
	char text[PASSWORD_BITS_MAX / 4];
	int64_t bits = PASSWORD_BITS;
	size_t length;

	(void)admin;
	if (call->count > 3 || (call->count == 3 &&
	    (!decimal_parse_signed(call->words[2], &bits) || bits <= 0 ||
	    bits > PASSWORD_BITS_MAX))) {
		resp_error(call->output, "ERR ACL GENPASS argument must be "
		    "the number of bits for the output password, a positive "
		    "number up to %d", PASSWORD_BITS_MAX);
		return;
	}
	length = (size_t)(bits + 3) / 4;
	if (os_random(random, (length + 1) / 2) == -1) {
		resp_error(call->output, "ERR no random bytes");
		return;
	}
	for (size_t i = 0; i < length; i++)
		text[i] = digits[random[i / 2] >> i % 2 * 4 & 15];
	resp_bulk(call->output, (struct slice){ text, length });
}

/* As SIGHUP: who logs in from now on finds what the file says now. */
void
acl_load(struct admin *admin, struct session_call *call)
{
	if (admin->login->users == NULL)
		resp_error(call->output, "ERR This Redis instance is not "
		    "configured to use an ACL file. You may want to specify "
		    "users via the ACL SETUSER command and then issue a "
		    "CONFIG REWRITE (assuming you have a Redis configuration "
		    "file set) in order to store users in the Redis "
		    "configuration.");
	else if (reload_users(admin->login->users, admin->log))
		session_ok(call);
	else
		resp_error(call->output, "ERR the file of users is wrong, "
		    "those from before stay in force; the log says why");
}
