/*
 * places - where an address is, and how many places an account was seen in
 *
 * What counts as one network: a mail fetcher's class, else the ASN where a database tells it,
 * else the IPv4 /16 or IPv6 /32. One phone behind a carrier's NAT then shows many addresses
 * and one network. The first byte keeps the three kinds of number apart.
 */
#include "core/rule/places.h"

#include "core/base/hash.h"

enum { DISTINCT_MOST = 2048 }; /* twice SIGHTINGS_MOST, a power of two */

/* Numbers of networks that are no ASN; RFC 6996 keeps those from 0xfa56ea00 on private. */
#define NOT_ASN 0xfc000000U

static uint32_t network_number(const struct places *places, const struct sighting *s, uint32_t asn,
			       const struct address *a)
{
	struct prefix p;

	/* By its name, for it is remembered longer than the order of fetchers. */
	if (s->flags & SIGHTING_FETCHER)
		return 0xff000000U |
		       ((uint32_t)hash_name(places->jails->fetcher[s->fetcher].name) & 0xffffffU);
	if (asn)
		return asn;
	p = address_prefix(a, 16, 32);
	if (address_is_v4(a))
		return 0xfe000000U | (uint32_t)p.base.byte[12] << 8 | p.base.byte[13];
	return NOT_ASN | ((uint32_t)hash_bytes(p.base.byte, 4) & 0x1ffffffU);
}

static void note_fetcher(const struct places *p, struct sighting *s, const struct address *a)
{
	size_t i = 0;

	while (!prefixset_holds(&p->jails->fetcher[i].networks, a))
		i++;
	s->flags |= SIGHTING_FETCHER;
	s->fetcher = (uint8_t)i;
}

static void ask_jails(const struct places *p, struct sighting *s, const struct address *a,
		      uint32_t asn)
{
	for (size_t i = 0; i < p->jails->n_jails; i++)
		if (ignore_has_address(&p->jails->jail[i]->ignore, a, s->country, asn))
			s->ignored |= 1U << i;
}

void places_fill(const struct places *p, struct sighting *s, const struct address *a)
{
	uint32_t asn;

	if (p->own && prefixset_holds(p->own, a))
		s->flags |= SIGHTING_OWN;
	if (prefixset_holds(&p->jails->any_fetcher, a))
		note_fetcher(p, s, a);
	if (!(s->flags & (SIGHTING_OWN | SIGHTING_FETCHER)))
		s->country = geoip_country(p->geoip, a);
	asn = geoip_asn(p->geoip, a);
	s->network = network_number(p, s, asn, a);
	ask_jails(p, s, a, asn);
}

void places_refresh(const struct places *p, struct sighting *s)
{
	const struct address *a = &s->host.base;

	s->ignored = 0;
	if (s->flags & SIGHTING_FETCHER || prefixset_holds(&p->jails->any_fetcher, a)) {
		s->flags &= (uint8_t) ~(SIGHTING_FETCHER | SIGHTING_OWN);
		places_fill(p, s, a);
	} else {
		ask_jails(p, s, a, sighting_asn(s));
	}
}

uint32_t sighting_asn(const struct sighting *s)
{
	return s->flags & SIGHTING_FETCHER || s->network >= NOT_ASN ? 0 : s->network;
}

/* Does this sighting count for a rule about places, now? The owner's own places never do. */
static bool counts(const struct sighting *s, const struct rule *r, uint32_t jail_bit,
		   uint32_t now_s)
{
	uint32_t seen;

	if (s->flags & (SIGHTING_KNOWN | SIGHTING_OWN) || s->ignored & jail_bit)
		return false;
	if (r->services && !(s->flags & r->services))
		return false;
	if (r->value == VALUE_COUNTRY && r->aggregate == AGGREGATE_DISTINCT &&
	    s->flags & SIGHTING_HOME)
		return false;
	seen = r->on == 1U << EVENT_MESSAGE ? s->sent : s->last;
	return seen && (seen >= now_s || now_s - seen < r->findtime_s);
}

/* The value as a number that is never 0 where it is known. */
static uint64_t value_of(const struct sighting *s, enum rule_value value)
{
	switch (value) {
	case VALUE_IP:
		return hash_bytes(s->host.base.byte, sizeof(s->host.base.byte)) | 1;
	case VALUE_NETWORK:
		return s->network;
	case VALUE_COUNTRY:
		return s->country;
	case VALUE_ASN:
		return sighting_asn(s);
	case VALUE_USER:
	case VALUE_HELO:
	case VALUE_SERVICE:
	case VALUES:
		break;
	}
	return 0;
}

/* Adds to a small open set; true where the value was not yet in it. */
static bool set_add(uint64_t *set, uint64_t mask, uint64_t value)
{
	uint64_t i = value * 0x9e3779b97f4a7c15ULL >> 40 & mask;

	while (set[i] && set[i] != value)
		i = (i + 1) & mask;
	if (set[i])
		return false;
	set[i] = value;
	return true;
}

uint64_t places_distinct(const struct subject *s, const struct rule *r, uint32_t jail_bit,
			 uint32_t now_s)
{
	uint64_t set[DISTINCT_MOST], size = 4, n = 0;

	while (size < 2U * s->n_sightings)
		size *= 2;
	memset(set, 0, size * sizeof(*set));
	for (size_t i = 0; i < s->n_sightings; i++) {
		uint64_t value = value_of(&s->sighting[i], r->value);

		if (value && counts(&s->sighting[i], r, jail_bit, now_s))
			n += set_add(set, size - 1, value);
	}
	return n;
}

static bool is_home(const struct sighting *s, const struct rule *r)
{
	for (size_t i = 0; i < r->n_home; i++)
		if (s->country == r->home[i])
			return true;
	return s->country == 0; /* unknown is no suspicion */
}

uint64_t places_foreign(const struct subject *s, const struct rule *r, uint32_t jail_bit,
			uint32_t now_s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->n_sightings && r->n_home > 0; i++)
		n += !is_home(&s->sighting[i], r) && counts(&s->sighting[i], r, jail_bit, now_s);
	return n;
}

bool places_raise(const struct subject *s, const struct sighting *at, const struct rule *r,
		  uint32_t jail_bit, uint32_t now_s)
{
	uint64_t value;

	if (!counts(at, r, jail_bit, now_s))
		return false;
	if (r->aggregate == AGGREGATE_FOREIGN)
		return r->n_home > 0 && !is_home(at, r);
	if (r->value == VALUE_IP)
		return true;
	value = value_of(at, r->value);
	for (size_t i = 0; i < s->n_sightings && value; i++)
		if (&s->sighting[i] != at && value_of(&s->sighting[i], r->value) == value &&
		    counts(&s->sighting[i], r, jail_bit, now_s))
			return false;
	return value;
}
