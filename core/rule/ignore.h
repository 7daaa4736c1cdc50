/* ignore.h - whom a jail leaves alone */
#pragma once

#include "core/base/err.h"
#include "core/base/prefixset.h"
#include "core/rule/geoip.h"

#include <stddef.h>

enum ignore_list { IGNORE_IP, IGNORE_USER, IGNORE_COUNTRY, IGNORE_ASN, IGNORE_LISTS };

/* Init with {0}; ignore_seal() after the last ignore_add(). */
struct ignore {
	struct prefixset ips;
	char **user;
	country_t *country;
	uint32_t *asn;
	size_t n_users, n_countries, n_asns;
	size_t cap_users, cap_countries, cap_asns;
};

/*
 * Adds an entry as a config file has it: an address or prefix, a glob of user names, a country
 * code or an ASN ("AS64500" or "64500"); or "file:PATH", whose lines are such entries ("#" begins
 * a comment). Errors say what was found and expected, and for a file its line.
 */
int ignore_add(struct ignore *ig, enum ignore_list list, const char *text, struct err *err);
void ignore_seal(struct ignore *ig);
void ignore_fini(struct ignore *ig);

bool ignore_has_address(const struct ignore *ig, const struct address *a, country_t country,
			uint32_t asn);
/* `user` as subjects are named: lower case, with realm. */
bool ignore_has_user(const struct ignore *ig, const char *user);
