/* places.h - where an address is: what the engine learns about it once */
#pragma once

#include "core/rule/jail.h"
#include "core/rule/subject.h"

struct places {
	const struct geoip *geoip;
	const struct prefixset *own;
	const struct jail_set *jails;
};

/* Fills in country, ASN, network, flags and ignoring jails of a new sighting. */
void places_fill(const struct places *p, struct sighting *s, const struct address *a);
/*
 * Asks anew what jails and fetchers may say otherwise since it was filled in. Of an IPv6 address the
 * /64 alone is known by now.
 */
void places_refresh(const struct places *p, struct sighting *s);
/* The ASN that its network is, or 0 where it is none. */
uint32_t sighting_asn(const struct sighting *s);
/*
 * Can the sighting, just seen, have raised what the rule measures? Not if it does not count for it, or
 * another one that does shows the same value.
 */
bool places_raise(const struct subject *s, const struct sighting *at, const struct rule *r,
		  uint32_t jail_bit, uint32_t now_s);
/* How many different values of an address's field the sightings show that pass `r`. */
uint64_t places_distinct(const struct subject *s, const struct rule *r, uint32_t jail_bit,
			 uint32_t now_s);
/* How many of them lie outside the rule's home countries. */
uint64_t places_foreign(const struct subject *s, const struct rule *r, uint32_t jail_bit,
			uint32_t now_s);
