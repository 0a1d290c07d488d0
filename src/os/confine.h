/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * confine.h - give up what a running server has no need of.
 *
 * confine_seccomp.c is linked where configure found libseccomp, and
 * confine_none.c elsewhere. Functions return -1 and leave the reason in
 * errno.
 */
#ifndef OS_CONFINE_H
#define OS_CONFINE_H

#include <stdbool.h>

/*
 * From now on no thread of this process gets through with a system call that
 * serving does not need: it can open no socket, start no program or thread,
 * and run no memory that it could write to. There is no way back. A call
 * outside ends the process with SIGSYS, or, when not `deadly`, fails with
 * EPERM. ENOSYS: this build, or this kernel, cannot do it.
 */
int	os_confine(bool deadly);

#endif
