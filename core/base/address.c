/*
 * address - IP addresses and prefixes
 *
 * One form for both families: sixteen bytes, IPv4 mapped into IPv6. So ::ffff:192.0.2.1 from
 * one server and 192.0.2.1 from another are the same address, and every table has one key.
 */
#include "core/base/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

/* Four decimal numbers; the form that nearly every line holds, so not left to inet_pton(). */
static bool v4_parse(uint8_t out[4], const char *p, size_t len)
{
	const char *end = p + len;

	for (int i = 0; i < 4; i++) {
		unsigned int n = 0, digits = 0;

		for (; p < end && *p >= '0' && *p <= '9'; p++, digits++)
			n = n * 10 + (unsigned int)(*p - '0');
		if (digits == 0 || digits > 3 || n > 255)
			return false;
		out[i] = (uint8_t)n;
		if (i < 3 && (p == end || *p++ != '.'))
			return false;
	}
	return p == end;
}

static struct slice unwrap(struct slice s)
{
	const char *zone;

	if (s.len >= 2 && s.ptr[0] == '[' && s.ptr[s.len - 1] == ']')
		s = (struct slice){ s.ptr + 1, s.len - 2 };
	if (s.len > 5 && strncasecmp(s.ptr, "IPv6:", 5) == 0)
		s = (struct slice){ s.ptr + 5, s.len - 5 };
	zone = s.len ? memchr(s.ptr, '%', s.len) : NULL;
	if (zone)
		s.len = (size_t)(zone - s.ptr);
	return s;
}

static bool v6_parse(struct address *a, struct slice text)
{
	char copy[INET6_ADDRSTRLEN];

	if (text.len >= sizeof(copy) || !memchr(text.ptr, ':', text.len) ||
	    memchr(text.ptr, '\0', text.len))
		return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	return inet_pton(AF_INET6, copy, a->byte) == 1;
}

bool address_parse(struct address *a, struct slice text)
{
	uint8_t v4[4];

	if (!text.ptr)
		return false;
	/* Most are bare IPv4: what may stand around an address is looked for in the others. */
	if (!v4_parse(v4, text.ptr, text.len)) {
		text = unwrap(text);
		if (!v4_parse(v4, text.ptr, text.len))
			return v6_parse(a, text);
	}
	memcpy(a->byte, mapped, sizeof(mapped));
	memcpy(a->byte + 12, v4, 4);
	return true;
}

bool address_is_v4(const struct address *a)
{
	return memcmp(a->byte, mapped, sizeof(mapped)) == 0;
}

/* Asked for every event: whole bytes go at once. */
static void keep_bits(struct address *a, unsigned int bits)
{
	unsigned int whole = bits / 8;

	if (whole >= sizeof(a->byte))
		return;
	a->byte[whole] &= (uint8_t)(0xff00U >> bits % 8);
	memset(a->byte + whole + 1, 0, sizeof(a->byte) - whole - 1);
}

struct prefix address_prefix(const struct address *a, unsigned int v4_bits, unsigned int v6_bits)
{
	unsigned int bits = address_is_v4(a) ? 96 + v4_bits : v6_bits;
	struct prefix p = { *a, (uint8_t)bits };

	keep_bits(&p.base, bits);
	return p;
}

struct prefix address_host(const struct address *a)
{
	return address_prefix(a, 32, 64);
}

bool prefix_parse(struct prefix *p, struct slice text)
{
	const char *slash = text.ptr ? memchr(text.ptr, '/', text.len) : NULL;
	struct slice host = text;
	struct address whole;
	long long bits;
	unsigned int most;

	if (slash)
		host.len = (size_t)(slash - text.ptr);
	if (!address_parse(&whole, host))
		return false;
	most = address_is_v4(&whole) && !memchr(host.ptr, ':', host.len) ? 32 : 128;
	bits = most;
	if (slash && !slice_number((struct slice){ slash + 1, text.len - host.len - 1 }, &bits))
		return false;
	if (bits > most)
		return false;
	p->base = whole;
	p->bits = (uint8_t)(bits + (most == 32 ? 96 : 0));
	keep_bits(&p->base, p->bits);
	return address_equal(&p->base, &whole);
}

bool prefix_holds(const struct prefix *p, const struct address *a)
{
	struct address cut = *a;

	keep_bits(&cut, p->bits);
	return address_equal(&cut, &p->base);
}

const char *address_text(const struct address *a, char buf[ADDRESS_TEXT])
{
	if (address_is_v4(a))
		(void)inet_ntop(AF_INET, a->byte + 12, buf, ADDRESS_TEXT);
	else
		(void)inet_ntop(AF_INET6, a->byte, buf, ADDRESS_TEXT);
	return buf;
}

const char *prefix_text(const struct prefix *p, char buf[ADDRESS_TEXT])
{
	bool v4 = p->bits >= 96 && address_is_v4(&p->base);
	size_t used;

	address_text(&p->base, buf);
	used = strlen(buf);
	if (p->bits < 128)
		(void)snprintf(buf + used, ADDRESS_TEXT - used, "/%d", v4 ? p->bits - 96 : p->bits);
	return buf;
}
