/* SPDX-License-Identifier: BSD-3-Clause */
/* confine_none.c - confine.h for a build without libseccomp. */
#include "os/confine.h"

#include <errno.h>

int
os_confine(bool deadly)
{
	(void)deadly;
	errno = ENOSYS;
	return -1;
}
