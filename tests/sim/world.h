/* world.h - countries, their providers, and the addresses these give to people and bots */
#pragma once

#include "core/base/address.h"
#include "tests/sim/geo.h"

#include <stdio.h>

/* What a country is in the simulation: a row of the table in world.c. */
struct country {
	char code[3];
	char neighbour[3];    /* where some of its addresses wrongly geolocate to */
	unsigned int isps;    /* providers of access lines */
	unsigned int hosters; /* providers of servers: exits of VPNs, and rented bots */
	unsigned int owners;  /* weights: how often mail users live here, ... */
	unsigned int bots;    /* ... bots sit here, ... */
	unsigned int trips;   /* ... people travel here, ... */
	unsigned int exits;   /* ... VPNs come out here */
};

enum { ISP_BLOCKS = 16, EGRESS_BLOCKS = 6 };

struct isp {
	const struct country *country;
	unsigned int asn;
	struct block block[ISP_BLOCKS];
	uint32_t v6; /* upper 32 bits of its IPv6 network; 0: none */
};

enum fetcher { FETCHER_GOOGLE, FETCHER_MICROSOFT, FETCHERS };

struct world;

/*
 * Of the addresses in tor-geoipdb at `path` (see geo_load); `seed` decides which blocks each
 * provider has.
 */
int world_new(struct world **out, const char *path, uint64_t seed, struct err *err);
void world_free(struct world *w); /* NULL is fine */

size_t world_countries(const struct world *w);
/* A country by one of its weights: offsetof(struct country, owners) and so on. */
const struct country *world_pick(const struct world *w, size_t weight, struct random *r);
/* A provider of access lines, the large ones more often; or a hoster (NULL where none is). */
const struct isp *world_isp(const struct world *w, const struct country *c, struct random *r);
const struct isp *world_hoster(const struct world *w, const struct country *c, struct random *r);

/* One of a provider's addresses, any of its blocks. */
struct address isp_address(const struct isp *isp, struct random *r);
/* What a carrier's NAT shows of a phone: a few hundred addresses in each of several /16. */
struct address isp_egress(const struct isp *isp, struct random *r);
/* A new /64 of the provider with a random interface identifier; IPv4 where it has no IPv6. */
struct address isp_v6(const struct isp *isp, struct random *r);
/* The same /64 with another interface identifier (RFC 8981). */
struct address address_reroll(struct address a, struct random *r);
/* Of a mail fetcher's published ranges. */
struct address fetcher_address(enum fetcher which, struct random *r);

/* Lines FIRST,LAST,CC,ASN,NAME of every provider: what an ASN database would know. */
void world_write_networks(const struct world *w, FILE *f);
