/* geoip.h - country, network and place of an address */
#pragma once

#include "core/base/address.h"
#include "core/base/err.h"

#include <stdint.h>

/* Two letters of ISO 3166-1, the first in the high byte; 0: unknown. */
typedef uint16_t country_t;

struct place {
	double latitude, longitude;
};

struct geoip;

/*
 * Opens a country (or city) and an ASN database in MaxMind format; either path may be NULL. A file
 * that is missing, damaged or of the wrong type is an error that says what was found.
 */
int geoip_open(struct geoip **out, const char *country_path, const char *asn_path, struct err *err);
void geoip_close(struct geoip *g); /* NULL is fine; and so it is for all below: nothing is known */

bool geoip_has_countries(const struct geoip *g);
bool geoip_has_asn(const struct geoip *g);
bool geoip_has_places(const struct geoip *g);
/* When the country database was built, in seconds since 1970; 0 without one. */
int64_t geoip_built_s(const struct geoip *g);

country_t geoip_country(const struct geoip *g, const struct address *a);
/* The autonomous system's number, or 0. */
uint32_t geoip_asn(const struct geoip *g, const struct address *a);
/* The name of its holder: hostile text, borrowed from the database; ptr NULL where unknown. */
struct slice geoip_holder(const struct geoip *g, const struct address *a);
bool geoip_place(const struct geoip *g, const struct address *a, struct place *place);

/* "ES" to 'E' << 8 | 'S'; 0 for anything but two letters. */
country_t country_parse(const char *text);
/* Two letters, or "" where unknown. Returns buf. */
const char *country_text(country_t country, char buf[3]);
/* Kilometres between two places on a sphere of the Earth's mean radius. */
double place_distance_km(const struct place *a, const struct place *b);
