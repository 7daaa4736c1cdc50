/*
 * subject_pack - a subject as bytes, for the shelf and for the store
 *
 * An account that is not busy takes some hundred bytes: numbers are short where they are small, a
 * moment counts back from the one after it, and a flag stands for what most have in common (a
 * network that follows from the address, windows that hold the same). The form is private to this
 * file; what is read is checked, for a store can be damaged.
 */
#include "core/rule/subject_pack.h"

#include "core/base/mem.h"

#include <assert.h>
#include <stdlib.h>

/* What a packed subject has. */
enum {
	HAS_MORE_SIGHTINGS = 1,
	HAS_LIMITS = 2,
	HAS_SUSPICION = 4,
	HAS_BITS = 8, /* jails that ignore it, or in which a rule holds */
	HAS_FULL_WINDOWS = 16,
	HAS_DAILY = 32,
	HAS_FORMER = 64, /* a sighting that was dropped */
	HAS_FORGOTTEN = 128,
};

/* What a packed sighting has. */
enum {
	AT_V6 = 1,
	AT_COUNTRY = 2,
	AT_FETCHER = 4,
	AT_SENT = 8,
	AT_SENT_LAST = 16, /* it sent when it was last seen */
	AT_BOUNCES = 32,
	AT_IGNORED = 64,
	AT_NAME = 128,
};

enum { V4_AT = 12, V6_LEN = 8, V4_BITS = 128, V6_BITS = 64 };

/* Numbers of an IPv4 /16, see places.c; a packed network of 0 stands for the address's own. */
static uint32_t own_network(const struct prefix *host)
{
	return 0xfe000000U | (uint32_t)host->base.byte[12] << 8 | host->base.byte[13];
}

static uint8_t shape_of(const struct sighting *at, bool names)
{
	unsigned int shape = address_is_v4(&at->host.base) ? 0 : AT_V6;

	shape |= at->country ? AT_COUNTRY : 0;
	shape |= at->flags & SIGHTING_FETCHER ? AT_FETCHER : 0;
	shape |= at->sent ? AT_SENT : 0;
	shape |= at->sent && at->sent == at->last ? AT_SENT_LAST : 0;
	shape |= at->bounces ? AT_BOUNCES : 0;
	shape |= at->ignored ? AT_IGNORED : 0;
	return (uint8_t)(shape | (names && at->rdns ? AT_NAME : 0));
}

static void pack_host(struct pack *p, const struct sighting *at, uint8_t shape)
{
	if (shape & AT_V6)
		pack_bytes(p, at->host.base.byte, V6_LEN);
	else
		pack_bytes(p, at->host.base.byte + V4_AT, sizeof(at->host.base.byte) - V4_AT);
}

static void unpack_host(struct packed *p, struct prefix *host, uint8_t shape)
{
	*host = (struct prefix){ .bits = shape & AT_V6 ? V6_BITS : V4_BITS };
	if (shape & AT_V6) {
		packed_bytes(p, host->base.byte, V6_LEN);
		return;
	}
	host->base.byte[V4_AT - 2] = host->base.byte[V4_AT - 1] = 0xff;
	packed_bytes(p, host->base.byte + V4_AT, sizeof(host->base.byte) - V4_AT);
}

static void pack_sighting(struct pack *p, const struct sighting *at, uint32_t base_s, bool names)
{
	uint8_t shape = shape_of(at, names);

	pack_u8(p, shape);
	pack_host(p, at, shape);
	pack_u8(p, at->flags);
	pack_number(p, at->network == own_network(&at->host) ? 0 : at->network);
	if (shape & AT_COUNTRY)
		pack_u16(p, at->country);
	if (shape & AT_FETCHER)
		pack_u8(p, at->fetcher);
	pack_number(p, base_s - at->last);
	pack_number(p, at->last - at->first);
	if (shape & AT_SENT && !(shape & AT_SENT_LAST))
		pack_number(p, at->last - at->sent);
	pack_number(p, at->logins);
	if (shape & AT_SENT) {
		pack_number(p, at->messages);
		pack_number(p, at->recipients);
	}
	if (shape & AT_BOUNCES)
		pack_u16(p, at->bounces);
	if (shape & AT_IGNORED)
		pack_u32(p, at->ignored);
	if (shape & AT_NAME)
		pack_text(p, at->rdns);
}

static void unpack_counters(struct packed *p, struct sighting *at, uint8_t shape)
{
	at->logins = (uint32_t)packed_number(p);
	if (shape & AT_SENT) {
		at->messages = (uint32_t)packed_number(p);
		at->recipients = (uint32_t)packed_number(p);
	}
	if (shape & AT_BOUNCES)
		at->bounces = packed_u16(p);
	if (shape & AT_IGNORED)
		at->ignored = packed_u32(p);
}

/* What stands behind the address. */
static void unpack_seen(struct packed *p, struct sighting *at, uint8_t shape, uint32_t base_s)
{
	at->flags = packed_u8(p);
	at->network = (uint32_t)packed_number(p);
	if (!at->network)
		at->network = own_network(&at->host);
	if (shape & AT_COUNTRY)
		at->country = packed_u16(p);
	if (shape & AT_FETCHER)
		at->fetcher = packed_u8(p);
	at->last = base_s - (uint32_t)packed_number(p);
	at->first = at->last - (uint32_t)packed_number(p);
	if (shape & AT_SENT)
		at->sent = shape & AT_SENT_LAST ? at->last : at->last - (uint32_t)packed_number(p);
	unpack_counters(p, at, shape);
	if (shape & AT_NAME) {
		struct slice name = packed_slice(p);

		at->rdns = name.ptr && name.len > 0 ? xstrndup(name.ptr, name.len) : NULL;
	}
}

static void unpack_sighting(struct packed *p, struct subject *s, uint32_t base_s)
{
	uint8_t shape = packed_u8(p);
	struct prefix host;

	unpack_host(p, &host, shape);
	if (subject_find_sighting(s, &host))
		p->bad = true;
	if (!p->bad)
		unpack_seen(p, subject_add_sighting(s, &host, 0), shape, base_s);
}

static void unpack_former(struct packed *p, struct subject *s)
{
	uint8_t shape = packed_u8(p);

	s->former = xcalloc(1, sizeof(*s->former));
	unpack_host(p, &s->former->host, shape);
	unpack_seen(p, s->former, shape, s->last);
}

/* A known network is said by the sighting that has it, where there is one. */
static void pack_known(struct pack *p, const struct subject *s, const struct known *k)
{
	size_t i = 0;
	bool same;

	while (i < s->n_sightings && s->sighting[i].network != k->network)
		i++;
	same = i < s->n_sightings && s->sighting[i].country == k->country;
	pack_number(p, (i < s->n_sightings ? (i + 1) * 2 : 0) + same);
	if (i == s->n_sightings)
		pack_u32(p, k->network);
	if (!same)
		pack_u16(p, k->country);
	pack_u16(p, k->last_day);
	pack_number(p, k->days);
}

static void unpack_known(struct packed *p, const struct subject *s, struct known *k)
{
	uint64_t which = packed_number(p);
	const struct sighting *at = NULL;

	if (which / 2 > s->n_sightings || which == 1) {
		p->bad = true;
		return;
	}
	if (which / 2 > 0)
		at = &s->sighting[which / 2 - 1];
	k->network = at ? at->network : packed_u32(p);
	k->country = at && which % 2 ? at->country : packed_u16(p);
	k->last_day = packed_u16(p);
	k->days = (uint16_t)packed_number(p);
	p->bad |= k->days == 0;
}

/* Of the days only those on which something was sent. */
static void pack_daily(struct pack *p, const struct daily *d)
{
	unsigned int n = 0;

	for (size_t i = 0; i < COUNT(d->count); i++)
		n += d->count[i] != 0;
	pack_u16(p, d->day);
	pack_u8(p, (uint8_t)n);
	for (size_t i = 0; i < COUNT(d->count); i++) {
		if (!d->count[i])
			continue;
		pack_u8(p, (uint8_t)i);
		pack_number(p, d->count[i]);
	}
}

static void unpack_daily(struct packed *p, struct subject *s)
{
	unsigned int n;

	s->daily = xcalloc(1, sizeof(*s->daily));
	s->daily->day = packed_u16(p);
	n = packed_u8(p);
	while (n-- > 0 && !p->bad) {
		uint8_t i = packed_u8(p);
		uint64_t count = packed_number(p);

		if (i < COUNT(s->daily->count) && count <= UINT16_MAX)
			s->daily->count[i] = (uint16_t)count;
		else
			p->bad = true;
	}
}

static uint8_t has(const struct subject *s)
{
	unsigned int bits = s->more_sightings ? HAS_MORE_SIGHTINGS : 0;

	bits |= s->limit_class ? HAS_LIMITS : 0;
	bits |= s->suspected_until ? HAS_SUSPICION : 0;
	bits |= s->ignored || s->standing ? HAS_BITS : 0;
	bits |= s->own.full ? HAS_FULL_WINDOWS : 0;
	bits |= s->daily ? HAS_DAILY : 0;
	bits |= s->former ? HAS_FORMER : 0;
	bits |= s->forgotten ? HAS_FORGOTTEN : 0;
	return (uint8_t)bits;
}

void subject_pack(struct pack *p, const struct subject *s, const struct subject_form *form,
		  bool names)
{
	struct slice name = slice_of(s->name);
	uint8_t bits = has(s);

	pack_u8(p, bits);
	pack_number(p, name.len);
	pack_bytes(p, name.ptr, name.len);
	pack_u32(p, s->last);
	if (bits & HAS_SUSPICION)
		pack_u32(p, s->suspected_until);
	if (bits & HAS_BITS) {
		pack_number(p, s->ignored);
		pack_number(p, s->standing);
	}
	pack_number(p, s->n_sightings);
	/* With the same room as before the idle ones are dropped when they would have been. */
	pack_u8(p, (uint8_t)__builtin_popcount(s->cap_sightings - 1U));
	for (size_t i = 0; i < s->n_sightings; i++)
		pack_sighting(p, &s->sighting[i], s->last, names);
	pack_number(p, s->n_known);
	for (size_t i = 0; i < s->n_known; i++)
		pack_known(p, s, &s->known[i]);
	if (bits & HAS_DAILY)
		pack_daily(p, s->daily);
	own_pack(p, &s->own, &form->windows, s->last);
	if (bits & HAS_LIMITS)
		pack_bytes(p, s->limit_class, form->n_jails);
	if (bits & HAS_FORMER)
		pack_sighting(p, s->former, s->last, names);
	if (bits & HAS_FORGOTTEN)
		pack_u32(p, s->forgotten);
}

uint32_t subject_packed_last(struct slice record)
{
	struct packed p = packed_of(record);
	uint64_t len;

	(void)packed_u8(&p);
	len = packed_number(&p);
	assert(!p.bad && len < record.len);
	p.ptr += len;
	return packed_u32(&p);
}

static void unpack_name(struct packed *p, struct subject *s)
{
	uint32_t len = packed_number_count(p, 1);

	s->name = xcalloc(len + 1U, 1);
	packed_bytes(p, s->name, len);
	p->bad |= len == 0 || memchr(s->name, '\0', len);
}

static void unpack_places(struct packed *p, struct subject *s)
{
	uint32_t n = packed_number_count(p, 1), cap = 1U << (packed_u8(p) & 31);

	p->bad |= n > SIGHTINGS_MOST || n > cap || (cap > SIGHTINGS_MOST && n > 0);
	if (n > 0 && !p->bad)
		subject_reserve_sightings(s, (uint16_t)cap);
	while (n-- > 0 && !p->bad)
		unpack_sighting(p, s, s->last);
	n = packed_number_count(p, 1);
	p->bad |= n > KNOWN_MOST;
	if (p->bad || n == 0)
		return;
	s->known = xcalloc(n, sizeof(*s->known));
	for (s->n_known = 0; s->n_known < n && !p->bad; s->n_known++)
		unpack_known(p, s, &s->known[s->n_known]);
}

void subject_unpack(struct packed *p, struct subject *s, const struct subject_form *form)
{
	uint8_t bits = packed_u8(p);

	unpack_name(p, s);
	s->last = packed_u32(p);
	p->bad |= s->last == TABLE_PINNED;
	if (bits & HAS_SUSPICION)
		s->suspected_until = packed_u32(p);
	if (bits & HAS_BITS) {
		s->ignored = (uint32_t)packed_number(p);
		s->standing = (uint32_t)packed_number(p);
	}
	s->more_sightings = bits & HAS_MORE_SIGHTINGS;
	unpack_places(p, s);
	if (bits & HAS_DAILY)
		unpack_daily(p, s);
	own_unpack(p, &s->own, &form->windows, s->last);
	s->own.full = bits & HAS_FULL_WINDOWS;
	if (bits & HAS_LIMITS && form->n_jails > 0) {
		s->limit_class = xcalloc(form->n_jails, 1);
		packed_bytes(p, s->limit_class, form->n_jails);
	}
	if (bits & HAS_FORMER)
		unpack_former(p, s);
	if (bits & HAS_FORGOTTEN)
		s->forgotten = packed_u32(p);
}
