/* thief.h - how stolen accounts are used */
#pragma once

#include "tests/sim/account.h"

struct theft;

struct bot_login {
	struct instant at;
	struct address ip;
};

/* One account's theft, from the thief's side; logins are in order of time. */
struct incident {
	const struct theft *theft; /* NULL: the account is its owner's alone */
	int64_t day;               /* UTC day on which it begins */
	struct bot_login *login;
	size_t n, cap;
};

const char *theft_name(const struct theft *theft);
/* Which accounts are stolen, how and when; nth counts the stolen ones. */
void incident_plan(struct incident *i, const struct account *a, const struct setting *in,
		   struct random *r, unsigned int nth);
/* Writes all that the thief does, ahead of time, from the incident's day on. */
void incident_write(struct incident *i, struct account *a, struct server *s,
		    const struct setting *in);
void incident_fini(struct incident *i);
