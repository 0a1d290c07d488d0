/* SPDX-License-Identifier: BSD-3-Clause */
/* error.c - the results of an embedded store. */
#include "embed/embed.h"

const char *
cairn_strerror(int error)
{
	switch (error) {
	case CAIRN_OK:
		return "success";
	case CAIRN_MISS:
		return "no such key";
	case CAIRN_EXISTS:
		return "the item has changed";
	case CAIRN_NOT_STORED:
		return "the condition for storing does not hold";
	case CAIRN_NOT_A_NUMBER:
		return "the value is not a number";
	case CAIRN_TOO_SMALL:
		return "the buffer is too small";
	case CAIRN_TOO_LARGE:
		return "the item is too large";
	case CAIRN_NO_MEMORY:
		return "out of memory";
	case CAIRN_BUSY:
		return "too many leases of one item";
	case CAIRN_INVALID:
		return "invalid argument";
	case CAIRN_SYSTEM:
		return "the system refused";
	}
	return "unknown error";
}

int
embed_error(enum store_result result)
{
	switch (result) {
	case STORE_OK:
		return CAIRN_OK;
	case STORE_MISS:
	case STORE_WRONG_TYPE:
		return CAIRN_MISS;
	case STORE_EXISTS:
		return CAIRN_EXISTS;
	case STORE_NOT_STORED:
		return CAIRN_NOT_STORED;
	case STORE_TOO_LARGE:
		return CAIRN_TOO_LARGE;
	case STORE_NO_MEMORY:
		return CAIRN_NO_MEMORY;
	case STORE_NOT_A_NUMBER:
		return CAIRN_NOT_A_NUMBER;
	}
	return CAIRN_SYSTEM;
}
