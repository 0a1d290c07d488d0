/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * daemon.h - what a server process does about itself: go to the background,
 * leave its process id, stop being root.
 *
 * They are for main(), before the first thread. What can fail returns -1 with
 * words.
 */
#ifndef SERVER_DAEMON_H
#define SERVER_DAEMON_H

#include <stdbool.h>

struct error;

/*
 * Go on in a child process in a session of its own; call it before anything
 * that does not survive a fork, such as an event base. The parent waits until
 * the child calls daemon_ready(), then exits with 0; when the child ends
 * without that, the parent exits with its status. So the child can complain
 * where the operator sees it, and "started" means that the server listens.
 * Returns in the child only, with the descriptor for daemon_ready().
 */
int	daemon_detach(struct error *);

/*
 * Everything works, relative paths are open: let the parent go, move to the
 * root directory and let go of the terminal. A server that is verbose keeps
 * its standard error. SIGPIPE has to be ignored by then.
 */
int	daemon_ready(int ready, bool keep_stderr, struct error *);

/*
 * Write the process id in decimal and a newline. The file appears whole and
 * replaces an older one, but is never written through a link.
 */
int	daemon_write_pid(const char *path, struct error *);
void	daemon_remove_pid(const char *path);

/*
 * Become `user` for good if root runs us; nothing happens otherwise. NULL is
 * refused then: a server has no need to be root. "root" is taken at its word.
 */
int	daemon_drop_user(const char *user, struct error *);

#endif
