/*
 * geoip - country, network and place of an address
 *
 * libmaxminddb reads the databases; any of the MaxMind format will do (GeoLite2, DB-IP, IPinfo, or
 * the one that `make geoip` builds). A look-up costs some 250 ns, so the engine asks once for
 * each account and address.
 */
#include "core/rule/geoip.h"

#include "core/base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <maxminddb.h>
#include <math.h>
#include <netinet/in.h>
#include <stdlib.h>

enum { CACHED = 4096 }; /* a power of two */

/* The country of all addresses of an IPv4 prefix, where the database has but one for it. */
struct cached {
	uint32_t prefix; /* its first bits, right-aligned, plus one; 0: free */
	country_t country;
};

/* Customers share their providers' networks: most look-ups are of a /16 or /24 seen before. */
struct cache {
	struct cached by_16[CACHED], by_24[CACHED];
};

struct geoip {
	MMDB_s country, asn;
	bool has_country, has_asn, has_places;
	struct cache *cache;
};

static bool type_holds(const MMDB_s *db, const char *word)
{
	return strcasestr(db->metadata.database_type, word);
}

/* IPinfo's "country_asn" and "lite" have both in one. */
static bool has_asns(const MMDB_s *db)
{
	return type_holds(db, "asn") || type_holds(db, "isp") || type_holds(db, "ipinfo_lite");
}

static int open_one(MMDB_s *db, const char *path, struct err *err)
{
	int status = MMDB_open(path, MMDB_MODE_MMAP, db);

	if (status == MMDB_FILE_OPEN_ERROR)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	if (status != MMDB_SUCCESS)
		return err_set(err, EINVAL, "%s: expected a MaxMind database (.mmdb): %s", path,
			       status == MMDB_IO_ERROR ? strerror(errno) : MMDB_strerror(status));
	return 0;
}

int geoip_open(struct geoip **out, const char *country_path, const char *asn_path, struct err *err)
{
	struct geoip *g = xcalloc(1, sizeof(*g));

	g->cache = xcalloc(1, sizeof(*g->cache));
	if (country_path) {
		if (open_one(&g->country, country_path, err) < 0)
			goto fail;
		g->has_country = true;
		g->has_places = type_holds(&g->country, "city");
		if (type_holds(&g->country, "asn") && !type_holds(&g->country, "country")) {
			err_set(err, EINVAL, "%s: expected a country or city database, found %s",
				country_path, g->country.metadata.database_type);
			goto fail;
		}
	}
	if (asn_path) {
		if (open_one(&g->asn, asn_path, err) < 0)
			goto fail;
		g->has_asn = true;
		if (!has_asns(&g->asn)) {
			err_set(err, EINVAL, "%s: expected an ASN database, found %s", asn_path,
				g->asn.metadata.database_type);
			goto fail;
		}
	}
	*out = g;
	return 0;
fail:
	geoip_close(g);
	return -1;
}

void geoip_close(struct geoip *g)
{
	if (!g)
		return;
	if (g->has_country)
		MMDB_close(&g->country);
	if (g->has_asn)
		MMDB_close(&g->asn);
	free(g->cache);
	free(g);
}

bool geoip_has_countries(const struct geoip *g)
{
	return g && g->has_country;
}

bool geoip_has_asn(const struct geoip *g)
{
	return g && g->has_asn;
}

bool geoip_has_places(const struct geoip *g)
{
	return g && g->has_places;
}

int64_t geoip_built_s(const struct geoip *g)
{
	return g && g->has_country ? (int64_t)g->country.metadata.build_epoch : 0;
}

/* The record of `a`, and of how many of the 128 bits of an address it depends. */
static bool find_record(const MMDB_s *db, const struct address *a, MMDB_entry_s *entry,
			unsigned int *bits)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	MMDB_lookup_result_s result;
	int status;

	memcpy(&v6.sin6_addr, a->byte, 16);
	memcpy(&v4.sin_addr, a->byte + 12, 4);
	result = MMDB_lookup_sockaddr(
		db, address_is_v4(a) ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6, &status);
	*bits = result.netmask + (db->metadata.ip_version == 4 ? 96U : 0);
	*entry = result.entry;
	return status == MMDB_SUCCESS && result.found_entry;
}

/* The value at `path` of a record; false where there is none of that type. */
static bool value_at(MMDB_entry_s *entry, const char *const *path, uint32_t type,
		     MMDB_entry_data_s *data)
{
	return MMDB_aget_value(entry, data, path) == MMDB_SUCCESS && data->has_data &&
	       data->type == type;
}

/* The same of the record of `a`. */
static bool look_up(const MMDB_s *db, const struct address *a, const char *const *path,
		    uint32_t type, MMDB_entry_data_s *data)
{
	MMDB_entry_s entry;
	unsigned int bits;

	return find_record(db, a, &entry, &bits) && value_at(&entry, path, type, data);
}

static country_t country_of(MMDB_entry_s *entry)
{
	/* GeoLite2 and DB-IP nest the code; IPinfo has it flat. */
	static const char *const paths[][3] = { { "country", "iso_code", NULL },
						{ "country_code", NULL, NULL },
						{ "country", NULL, NULL } };
	MMDB_entry_data_s data;

	for (size_t i = 0; i < COUNT(paths); i++) {
		if (value_at(entry, paths[i], MMDB_DATA_TYPE_UTF8_STRING, &data) &&
		    data.data_size == 2) {
			char code[3] = { data.utf8_string[0], data.utf8_string[1], '\0' };

			return country_parse(code);
		}
	}
	return 0;
}

/* The place in a cache of an IPv4 prefix of `bits` bits. */
static struct cached *cache_place(struct cached *cache, const struct address *a, unsigned int bits,
				  uint32_t *prefix)
{
	uint32_t whole = (uint32_t)a->byte[12] << 24 | (uint32_t)a->byte[13] << 16 |
			 (uint32_t)a->byte[14] << 8;

	*prefix = (whole >> (32 - bits)) + 1;
	return &cache[*prefix * 2654435761U >> 16 & (CACHED - 1)];
}

country_t geoip_country(const struct geoip *g, const struct address *a)
{
	struct cached *wide, *narrow;
	uint32_t prefix_16, prefix_24;
	MMDB_entry_s entry;
	unsigned int bits;
	country_t country;

	if (!g || !g->has_country)
		return 0;
	wide = cache_place(g->cache->by_16, a, 16, &prefix_16);
	narrow = cache_place(g->cache->by_24, a, 24, &prefix_24);
	if (address_is_v4(a) && wide->prefix == prefix_16)
		return wide->country;
	if (address_is_v4(a) && narrow->prefix == prefix_24)
		return narrow->country;
	country = find_record(&g->country, a, &entry, &bits) ? country_of(&entry) : 0;
	if (address_is_v4(a) && bits <= 96 + 16)
		*wide = (struct cached){ prefix_16, country };
	else if (address_is_v4(a) && bits <= 96 + 24)
		*narrow = (struct cached){ prefix_24, country };
	return country;
}

uint32_t geoip_asn(const struct geoip *g, const struct address *a)
{
	static const char *const number[] = { "autonomous_system_number", NULL };
	static const char *const text[] = { "asn", NULL }; /* IPinfo: "AS64500" */
	MMDB_entry_data_s data;
	long long n;

	if (!g || !g->has_asn)
		return 0;
	if (look_up(&g->asn, a, number, MMDB_DATA_TYPE_UINT32, &data))
		return data.uint32;
	if (look_up(&g->asn, a, text, MMDB_DATA_TYPE_UTF8_STRING, &data) && data.data_size > 2 &&
	    slice_number((struct slice){ data.utf8_string + 2, data.data_size - 2 }, &n) &&
	    n <= UINT32_MAX)
		return (uint32_t)n;
	return 0;
}

struct slice geoip_holder(const struct geoip *g, const struct address *a)
{
	static const char *const paths[][2] = { { "autonomous_system_organization", NULL },
						{ "as_name", NULL },
						{ "name", NULL } };
	MMDB_entry_data_s data;

	for (size_t i = 0; g && g->has_asn && i < COUNT(paths); i++)
		if (look_up(&g->asn, a, paths[i], MMDB_DATA_TYPE_UTF8_STRING, &data))
			return (struct slice){ data.utf8_string, data.data_size };
	return (struct slice){ NULL, 0 };
}

bool geoip_place(const struct geoip *g, const struct address *a, struct place *place)
{
	static const char *const latitude[] = { "location", "latitude", NULL };
	static const char *const longitude[] = { "location", "longitude", NULL };
	MMDB_entry_data_s data;

	if (!g || !g->has_places ||
	    !look_up(&g->country, a, latitude, MMDB_DATA_TYPE_DOUBLE, &data))
		return false;
	place->latitude = data.double_value;
	if (!look_up(&g->country, a, longitude, MMDB_DATA_TYPE_DOUBLE, &data))
		return false;
	place->longitude = data.double_value;
	/* 0/0 is what databases say when they don't know; nobody logs in from there. */
	return fabs(place->latitude) > 0.001 || fabs(place->longitude) > 0.001;
}

country_t country_parse(const char *text)
{
	if (strlen(text) != 2 || !isalpha((unsigned char)text[0]) ||
	    !isalpha((unsigned char)text[1]))
		return 0;
	return (country_t)(toupper((unsigned char)text[0]) << 8 | toupper((unsigned char)text[1]));
}

const char *country_text(country_t country, char buf[3])
{
	buf[0] = (char)(country >> 8);
	buf[1] = (char)(country & 0xff);
	buf[2] = '\0';
	return buf;
}

double place_distance_km(const struct place *a, const struct place *b)
{
	const double rad = M_PI / 180, earth_km = 6371.0;
	double dlat = (b->latitude - a->latitude) * rad, dlon = (b->longitude - a->longitude) * rad;
	double h = pow(sin(dlat / 2), 2) +
		   cos(a->latitude * rad) * cos(b->latitude * rad) * pow(sin(dlon / 2), 2);

	return 2 * earth_km * asin(sqrt(h < 1 ? h : 1));
}
