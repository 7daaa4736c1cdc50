/* attack.h - the failures that every mail server logs day and night */
#pragma once

#include "tests/sim/account.h"

/* One UTC day of spraying, brute force and guessing against real and invented names. */
void attack_day(struct server *s, const struct setting *in, const struct account *accounts,
		struct random *r, int64_t day);
/* A bot of any country. */
struct address attack_address(const struct world *w, struct random *r);
/* A name that somebody tries: an account's, or one that does not exist. */
const char *attack_name(const struct account *accounts, unsigned int n, struct random *r,
			char buf[NAME_TEXT]);
