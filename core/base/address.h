/* address.h - IP addresses and prefixes */
#pragma once

#include "core/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* An IPv6 address, or an IPv4 one in its mapped form (::ffff:a.b.c.d, RFC 4291 2.5.5.2). */
struct address {
	uint8_t byte[16];
};

/* The first `bits` of base count (of 128: an IPv4 /24 is 120); the others are zero. */
struct prefix {
	struct address base;
	uint8_t bits;
};

enum { ADDRESS_TEXT = 50 };

/*
 * Reads an address as servers log it: with or without brackets, "IPv6:" before it, a zone
 * ("%eth0") or a "::ffff:" in front. False for anything else.
 */
bool address_parse(struct address *a, struct slice text);
/* An address or prefix ("192.0.2.0/24"); false for anything else, also for bits beyond the mask. */
bool prefix_parse(struct prefix *p, struct slice text);

bool address_is_v4(const struct address *a);
/* Asked for every sighting of an account at each of its logins: two words, no call. */
static inline bool address_equal(const struct address *a, const struct address *b)
{
	uint64_t x[2], y[2];

	memcpy(x, a->byte, sizeof(x));
	memcpy(y, b->byte, sizeof(y));
	return x[0] == y[0] && x[1] == y[1];
}
bool prefix_holds(const struct prefix *p, const struct address *a);
/* `a` with all but its first bits zero; bits as for the family: 0 to 32, or 0 to 128. */
struct prefix address_prefix(const struct address *a, unsigned int v4_bits, unsigned int v6_bits);
/* What counts as one address: an IPv4 address, or an IPv6 /64 (RFC 4291 2.5.1, RFC 8981). */
struct prefix address_host(const struct address *a);

/* As people write it; a prefix of full length has no "/". Returns buf. */
const char *address_text(const struct address *a, char buf[ADDRESS_TEXT]);
const char *prefix_text(const struct prefix *p, char buf[ADDRESS_TEXT]);
