/* SPDX-License-Identifier: BSD-3-Clause */
/* reload.c - see reload.h. */
#include "server/reload.h"

#include "base/error.h"
#include "net/tls.h"
#include "server/users.h"

/* `result` is that of reading `what`. */
static bool
report(struct log *log, const char *what, int result,
    const struct error *error)
{
	if (result == 0)
		log_write(log, LOG_LEVEL_NOTICE, "%s: read again", what);
	else
		log_write(log, LOG_LEVEL_ERROR, "%s: those from before stay "
		    "in force: %s", what, error->text);
	return result == 0;
}

bool
reload_certificates(struct tls *tls, struct log *log)
{
	struct error error;

	return report(log, "certificates", tls_reload(tls, &error), &error);
}

bool
reload_users(struct users *users, struct log *log)
{
	struct error error;

	return report(log, users->path, users_reload(users, &error), &error);
}
