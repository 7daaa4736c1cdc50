/* user.h - how accounts are compared */
#pragma once

#include "core/base/slice.h"

#include <stdint.h>

enum { USER_LONGEST = 255 }; /* a longer name is no mailbox; RFC 5321 4.5.3.1 allows fewer */

struct user_name {
	char text[2 * USER_LONGEST + 2];
	size_t len;
	uint64_t hash;
};

/*
 * The name by which an account is counted: without the blanks around, in lower case (ASCII;
 * letters of other scripts compare as bytes), with `realm` (NULL or "": none) where it has none.
 * False for what is no name.
 */
bool user_canonical(struct user_name *name, struct slice user, const char *realm);
