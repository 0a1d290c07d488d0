/* SPDX-License-Identifier: BSD-3-Clause */
/* gate.c - see gate.h. */
#include "net/gate.h"

void
gate_let_in(struct gate_visit *visit, struct rights *rights)
{
	rights_release(visit->rights);
	visit->rights = rights;
	visit->inside = true;
	visit->free = rights == NULL;
}

void
gate_put_out(struct gate_visit *visit)
{
	rights_release(visit->rights);
	visit->rights = NULL;
	visit->inside = visit->free = false;
}
