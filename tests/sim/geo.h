/* geo.h - which addresses a country has */
#pragma once

#include "core/base/err.h"
#include "tests/sim/random.h"

#include <stdbool.h>
#include <stdint.h>

struct geo;

/* Consecutive IPv4 addresses, in host byte order. */
struct block {
	uint32_t first;
	uint32_t size;
};

/*
 * Reads tor-geoipdb: `path` (lines FIRST,LAST,CC with decimal IPv4 addresses) and the file of
 * the same name with a 6 behind it (the same with IPv6 addresses).
 */
int geo_load(struct geo **out, const char *path, struct err *err);
void geo_free(struct geo *geo); /* NULL is fine */

/* False where the country (two capital letters) has no IPv4 address. */
bool geo_has(const struct geo *geo, const char *country);
/*
 * A piece of one of the country's ranges, at most a /16 and within one; each address is as
 * likely as any other. The country must have some.
 */
struct block geo_draw(const struct geo *geo, const char *country, struct random *r);
/* The upper 32 bits of an IPv6 /32 that is the country's as a whole; 0 where it has none. */
uint32_t geo_draw_v6(const struct geo *geo, const char *country, struct random *r);
