/*
 * world - countries, their providers, and the addresses these give to people and bots
 *
 * Every address of the simulation but the fetchers' belongs to a provider, and people and bots
 * of one country share the country's providers: a botnet in the owner's country is not told
 * apart by networks that no innocent ever has. One provider in each country has a block that
 * geolocates to the neighbour, as real databases are wrong near borders and after sales.
 */
#include "tests/sim/world.h"

#include "core/base/mem.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* code, neighbour, isps, hosters, owners, bots, trips, exits */
static const struct country countries[] = {
	{ "ES", "PT", 14, 3, 740, 12, 0, 6 },  { "PT", "ES", 6, 1, 30, 6, 40, 4 },
	{ "FR", "BE", 9, 3, 30, 12, 50, 10 },  { "DE", "AT", 10, 5, 30, 14, 40, 14 },
	{ "GB", "IE", 9, 4, 30, 10, 40, 14 },  { "IT", "CH", 8, 2, 20, 22, 40, 6 },
	{ "US", "CA", 16, 8, 20, 30, 20, 20 }, { "MX", "US", 6, 1, 20, 24, 10, 2 },
	{ "AR", "CL", 6, 1, 20, 22, 8, 2 },    { "CO", "VE", 5, 1, 12, 18, 6, 0 },
	{ "NL", "BE", 6, 6, 10, 8, 20, 16 },   { "CH", "LI", 5, 3, 10, 4, 14, 12 },
	{ "RO", "MD", 5, 3, 12, 16, 6, 6 },    { "BR", "PY", 12, 2, 8, 60, 6, 2 },
	{ "CL", "AR", 5, 1, 4, 10, 4, 0 },     { "PE", "BO", 4, 0, 4, 10, 4, 0 },
	{ "BE", "NL", 5, 2, 0, 5, 16, 6 },     { "AT", "DE", 5, 2, 0, 5, 14, 4 },
	{ "IE", "GB", 4, 2, 0, 3, 10, 4 },     { "SE", "NO", 5, 3, 0, 6, 8, 10 },
	{ "NO", "SE", 4, 1, 0, 3, 6, 4 },      { "DK", "SE", 4, 2, 0, 3, 6, 4 },
	{ "FI", "EE", 4, 2, 0, 3, 5, 3 },      { "PL", "DE", 7, 2, 0, 14, 8, 4 },
	{ "CZ", "SK", 5, 2, 0, 6, 8, 4 },      { "GR", "CY", 4, 1, 0, 8, 14, 2 },
	{ "TR", "GR", 6, 2, 0, 26, 10, 2 },    { "MA", "ES", 4, 0, 4, 12, 14, 0 },
	{ "DZ", "MA", 3, 0, 0, 12, 2, 0 },     { "TN", "DZ", 3, 0, 0, 8, 4, 0 },
	{ "EG", "SA", 4, 0, 0, 20, 6, 0 },     { "ZA", "NA", 6, 1, 0, 16, 3, 1 },
	{ "NG", "BJ", 4, 0, 0, 14, 0, 0 },     { "KE", "TZ", 3, 0, 0, 8, 2, 0 },
	{ "IN", "BD", 10, 3, 0, 60, 4, 2 },    { "BD", "IN", 5, 0, 0, 20, 0, 0 },
	{ "PK", "IN", 4, 0, 0, 22, 0, 0 },     { "ID", "MY", 8, 1, 0, 44, 4, 0 },
	{ "VN", "KH", 6, 1, 0, 50, 4, 0 },     { "TH", "LA", 5, 1, 0, 26, 8, 0 },
	{ "MY", "SG", 4, 1, 0, 12, 3, 1 },     { "SG", "MY", 3, 4, 0, 5, 4, 6 },
	{ "PH", "MY", 4, 0, 0, 18, 2, 0 },     { "CN", "HK", 12, 4, 0, 60, 5, 0 },
	{ "HK", "CN", 4, 4, 0, 10, 3, 6 },     { "TW", "HK", 4, 1, 0, 16, 2, 1 },
	{ "JP", "KR", 8, 3, 0, 8, 6, 8 },      { "KR", "JP", 5, 1, 0, 22, 3, 2 },
	{ "RU", "KZ", 10, 4, 0, 46, 0, 1 },    { "UA", "PL", 8, 2, 0, 22, 0, 1 },
	{ "KZ", "RU", 4, 1, 0, 10, 0, 0 },     { "IR", "AE", 5, 0, 0, 24, 0, 0 },
	{ "SA", "AE", 4, 0, 0, 12, 1, 0 },     { "AE", "SA", 3, 1, 0, 5, 8, 0 },
	{ "IL", "CY", 4, 1, 0, 5, 3, 2 },      { "BG", "RO", 4, 2, 0, 10, 3, 2 },
	{ "HU", "SK", 4, 1, 0, 7, 4, 1 },      { "RS", "BG", 3, 1, 0, 7, 1, 1 },
	{ "EC", "PE", 3, 0, 4, 8, 1, 0 },      { "VE", "CO", 4, 0, 4, 12, 0, 0 },
	{ "AU", "NZ", 7, 2, 0, 6, 2, 6 },      { "CA", "US", 7, 3, 0, 6, 4, 8 },
};

struct local {
	struct isp *isp; /* first the access providers, then the hosters */
};

struct world {
	struct country country[COUNT(countries)];
	struct local local[COUNT(countries)];
	size_t n;
};

static void isp_init(struct isp *isp, const struct country *c, size_t nth, const struct geo *geo,
		     struct random *r)
{
	for (size_t i = 0; i < ISP_BLOCKS; i++)
		isp->block[i] = geo_draw(geo, c->code, r);
	if (nth == 2 && geo_has(geo, c->neighbour))
		isp->block[EGRESS_BLOCKS - 1] = geo_draw(geo, c->neighbour, r);
	isp->country = c;
	isp->v6 = geo_draw_v6(geo, c->code, r);
}

static void settle(struct world *w, const struct geo *geo, struct random *r)
{
	unsigned int asn = 64512; /* private use, RFC 6996 */

	for (size_t i = 0; i < COUNT(countries); i++) {
		const struct country *c = &w->country[w->n];
		size_t isps = countries[i].isps + countries[i].hosters;
		struct local *local = &w->local[w->n];

		if (!geo_has(geo, countries[i].code))
			continue;
		w->country[w->n++] = countries[i];
		local->isp = xcalloc(isps, sizeof(*local->isp));
		for (size_t j = 0; j < isps; j++) {
			isp_init(&local->isp[j], c, j, geo, r);
			local->isp[j].asn = asn++;
		}
	}
}

int world_new(struct world **out, const char *path, uint64_t seed, struct err *err)
{
	struct world *w;
	struct random r;
	struct geo *geo;

	if (geo_load(&geo, path, err) < 0)
		return -1;
	w = xcalloc(1, sizeof(*w));
	random_init(&r, seed, UINT64_MAX);
	settle(w, geo, &r);
	geo_free(geo);
	if (w->n < 2) {
		world_free(w);
		return err_set(err, EINVAL, "%s: expected the addresses of two countries at least",
			       path);
	}
	*out = w;
	return 0;
}

void world_free(struct world *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->n; i++)
		free(w->local[i].isp);
	free(w);
}

size_t world_countries(const struct world *w)
{
	return w->n;
}

const struct country *world_pick(const struct world *w, size_t weight, struct random *r)
{
	const void *first = (const char *)w->country + weight;

	return &w->country[weighted_row(first, sizeof(w->country[0]), w->n, random_unit(r))];
}

const struct isp *world_isp(const struct world *w, const struct country *c, struct random *r)
{
	double u = random_unit(r);

	/* The square makes the first providers the big ones: half the customers at a quarter. */
	return &w->local[c - w->country].isp[(size_t)(u * u * c->isps)];
}

const struct isp *world_hoster(const struct world *w, const struct country *c, struct random *r)
{
	if (c->hosters == 0)
		return NULL;
	return &w->local[c - w->country].isp[c->isps + random_below(r, c->hosters)];
}

static struct address address_v4(uint32_t ip)
{
	struct address a = { .byte = { [10] = 0xff, [11] = 0xff } };
	uint32_t be = htonl(ip);

	memcpy(&a.byte[12], &be, sizeof(be));
	return a;
}

struct address isp_address(const struct isp *isp, struct random *r)
{
	const struct block *b = &isp->block[random_below(r, ISP_BLOCKS)];

	return address_v4(b->first + (uint32_t)random_below(r, b->size));
}

struct address isp_egress(const struct isp *isp, struct random *r)
{
	const struct block *b = &isp->block[random_below(r, EGRESS_BLOCKS)];

	return address_v4(b->first + (uint32_t)random_below(r, b->size < 512 ? b->size : 512));
}

struct address address_reroll(struct address a, struct random *r)
{
	uint64_t id = random_next(r);

	memcpy(&a.byte[8], &id, sizeof(id));
	return a;
}

struct address isp_v6(const struct isp *isp, struct random *r)
{
	uint32_t upper = htonl(isp->v6), lower = htonl((uint32_t)random_next(r));
	struct address a = { 0 };

	if (isp->v6 == 0)
		return isp_egress(isp, r);
	memcpy(&a.byte[0], &upper, sizeof(upper));
	memcpy(&a.byte[4], &lower, sizeof(lower));
	return address_reroll(a, r);
}

/* From the providers' SPF records and published egress ranges. */
static const struct {
	enum fetcher which;
	unsigned int weight;
	const char *range;
} fetchers[] = {
	{ FETCHER_GOOGLE, 6, "209.85.128.0/17" },       { FETCHER_GOOGLE, 2, "74.125.0.0/16" },
	{ FETCHER_GOOGLE, 2, "2a00:1450:4000::/36" },   { FETCHER_MICROSOFT, 3, "40.92.0.0/15" },
	{ FETCHER_MICROSOFT, 4, "40.96.0.0/13" },       { FETCHER_MICROSOFT, 4, "52.96.0.0/14" },
	{ FETCHER_MICROSOFT, 1, "2a01:111:f400::/48" }, { FETCHER_MICROSOFT, 2, "2603:1000::/24" },
};

struct address fetcher_address(enum fetcher which, struct random *r)
{
	unsigned int weight[COUNT(fetchers)];
	struct address any;
	struct prefix p;
	size_t i;

	for (i = 0; i < COUNT(fetchers); i++)
		weight[i] = fetchers[i].which == which ? fetchers[i].weight : 0;
	i = weighted_row(weight, sizeof(weight[0]), COUNT(weight), random_unit(r));
	if (!prefix_parse(&p, slice_of(fetchers[i].range)))
		assert(!"a fetcher's range that is no prefix");
	for (size_t byte = 0; byte < sizeof(any.byte); byte++)
		any.byte[byte] = (uint8_t)random_next(r);
	for (unsigned int bit = 0; bit < p.bits; bit++)
		any.byte[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	for (size_t byte = 0; byte < sizeof(any.byte); byte++)
		any.byte[byte] |= p.base.byte[byte];
	return any;
}

static void write_isp(const struct isp *isp, FILE *f)
{
	char first[ADDRESS_TEXT], last[ADDRESS_TEXT];

	for (size_t i = 0; i < ISP_BLOCKS; i++) {
		struct address a = address_v4(isp->block[i].first);
		struct address b = address_v4(isp->block[i].first + isp->block[i].size - 1);

		fprintf(f, "%s,%s,%s,%u,AS%u-%s\n", address_text(&a, first), address_text(&b, last),
			isp->country->code, isp->asn, isp->asn, isp->country->code);
	}
	if (isp->v6)
		fprintf(f, "%x:%x::,%x:%x:ffff:ffff:ffff:ffff:ffff:ffff,%s,%u,AS%u-%s\n",
			isp->v6 >> 16, isp->v6 & 0xffff, isp->v6 >> 16, isp->v6 & 0xffff,
			isp->country->code, isp->asn, isp->asn, isp->country->code);
}

void world_write_networks(const struct world *w, FILE *f)
{
	for (size_t i = 0; i < w->n; i++)
		for (size_t j = 0; j < w->country[i].isps + w->country[i].hosters; j++)
			write_isp(&w->local[i].isp[j], f);
}
