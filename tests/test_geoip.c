/*
 * test_geoip - country, network and place of an address; databases that are none
 */
#include "core/rule/geoip.h"

#include "tests/mmdb.h"
#include "tests/rows.h"

#include <math.h>

static int make(void **state)
{
	(void)state;
	return mmdb_make();
}

static int end(void **state)
{
	(void)state;
	mmdb_end();
	return 0;
}

static const struct row {
	const char *name;
	const char *country_db, *asn_db;
	const char *address;
	const char *country;
	uint32_t asn;
	const char *holder; /* NULL: unknown */
} rows[] = {
	{ "both", "country", "asn", "10.1.2.3", "ES", 64501, "Example Carrier" },
	{ "first of a network", "country", "asn", "10.64.0.0", "FR", 0, NULL },
	{ "last before it", "country", "asn", "10.63.255.255", "ES", 0, NULL },
	{ "v4 mapped into v6", "country", "asn", "::ffff:10.65.0.1", "FR", 64502,
	  "Evil \033[31mNet" },
	{ "v6", "country", "asn", "2001:db8:2::1", "FR", 0, NULL },
	{ "v6 not in it", "country", "asn", "2001:db8:3::1", "", 0, NULL },
	{ "not in it", "country", "asn", "198.51.100.1", "", 0, NULL },
	{ "no ASN database", "country", NULL, "10.1.2.3", "ES", 0, NULL },
	{ "no country database", NULL, "asn", "10.1.2.3", "", 64501, "Example Carrier" },
	{ "neither", NULL, NULL, "10.1.2.3", "", 0, NULL },
	{ "a city database", "city", NULL, "10.130.0.1", "DE", 0, NULL },
	{ "flat records", "flat", NULL, "10.1.2.3", "PT", 0, NULL },
	{ "flat records, no code", "flat", NULL, "10.2.2.3", "", 0, NULL },
	{ "one flat database for both", "flat", "flat", "10.1.2.3", "PT", 64777, "Flat Net" },
	{ "flat records, no number", NULL, "flat", "10.2.2.3", "", 0, NULL },
};

static void looks_up(void **state)
{
	const struct row *row = *state;
	char *country_path = row->country_db ? mmdb_path(row->country_db) : NULL;
	char *asn_path = row->asn_db ? mmdb_path(row->asn_db) : NULL, code[3];
	struct geoip *g;
	struct slice holder;
	struct address a;
	struct err err;

	assert_int_equal(geoip_open(&g, country_path, asn_path, &err), 0);
	assert_int_equal(geoip_has_countries(g), row->country_db != NULL);
	assert_int_equal(geoip_has_asn(g), row->asn_db != NULL);
	assert_true(address_parse(&a, slice_of(row->address)));
	assert_string_equal(country_text(geoip_country(g, &a), code), row->country);
	assert_int_equal(geoip_asn(g, &a), row->asn);
	holder = geoip_holder(g, &a);
	assert_int_equal(holder.ptr != NULL, row->holder != NULL);
	if (row->holder)
		assert_true(slice_is(holder, row->holder));
	if (row->country_db)
		assert_in_range(geoip_built_s(g), 1700000000, INT32_MAX);
	else
		assert_int_equal(geoip_built_s(g), 0);
	geoip_close(g);
	free(country_path);
	free(asn_path);
}

/* Files that are no database, or not the one expected. */
static const struct bad {
	const char *name;
	const char *country, *asn; /* a database, a path or what spoil() knows */
	const char *want;
} bads[] = {
	{ "missing", "/nonexistent/x.mmdb", NULL, "/nonexistent/x.mmdb: No such file" },
	{ "a directory", "/", NULL, "/: " },
	{ "empty", "empty", NULL, "expected a MaxMind database (.mmdb)" },
	{ "noise", "noise", NULL, "expected a MaxMind database (.mmdb)" },
	{ "cut in half", "half", NULL, "expected a MaxMind database (.mmdb)" },
	{ "an ASN database as country's", "asn", NULL,
	  "expected a country or city database, found Test-ASN" },
	{ "a country database as ASN's", NULL, "country",
	  "expected an ASN database, found Test-Country" },
	{ "missing ASN beside a good one", "country", "/nonexistent/x.mmdb",
	  "/nonexistent/x.mmdb: No such file" },
};

static char *read_whole(const char *path, size_t *len)
{
	char *data = xcalloc(1, 1 << 20);
	FILE *fp = fopen(path, "re");

	assert_non_null(fp);
	*len = fread(data, 1, 1 << 20, fp);
	(void)fclose(fp);
	return data;
}

static void write_whole(const char *path, const char *data, size_t len)
{
	FILE *fp = fopen(path, "we");

	assert_non_null(fp);
	assert_int_equal(fwrite(data, 1, len, fp), len);
	assert_int_equal(fclose(fp), 0);
}

static uint64_t random_next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return *seed >> 33;
}

/* The path of `what`, made first where it is a spoilt database. */
static char *spoil(const char *what)
{
	char *good = mmdb_path("country"), *path, *data;
	uint64_t seed = 7;
	size_t len;

	if (!what || strchr(what, '/')) {
		free(good);
		return what ? xstrdup(what) : NULL;
	}
	path = mmdb_path(what);
	data = read_whole(good, &len);
	free(good);
	if (strcmp(what, "empty") == 0)
		write_whole(path, data, 0);
	if (strcmp(what, "half") == 0)
		write_whole(path, data, len / 2);
	if (strcmp(what, "noise") == 0) {
		for (size_t i = 0; i < len; i++)
			data[i] = (char)random_next(&seed);
		write_whole(path, data, len);
	}
	free(data);
	return path;
}

static void refuses(void **state)
{
	const struct bad *row = *state;
	char *country = spoil(row->country), *asn = spoil(row->asn);
	struct geoip *g;
	struct err err;

	assert_int_equal(geoip_open(&g, country, asn, &err), -1);
	if (!strstr(err.text, row->want))
		fail_msg("\"%s\" is not in \"%s\"", row->want, err.text);
	free(country);
	free(asn);
}

/* Bytes turned over at random behind an intact end, where the metadata is: no answer is fatal. */
static void survives_damage(void **state)
{
	char *good = mmdb_path("city"), *path = mmdb_path("damaged"), *data, *copy;
	uint64_t seed = 11;
	size_t len, opened = 0;

	(void)state;
	data = read_whole(good, &len);
	copy = xcalloc(1, len);
	for (int round = 0; round < 300; round++) {
		struct geoip *g;
		struct place place;
		struct address a;
		struct err err;

		memcpy(copy, data, len);
		for (int i = 0; i < 1 + round % 20; i++)
			copy[random_next(&seed) % (len - (round % 3 ? 200 : 0))] =
				(char)random_next(&seed);
		write_whole(path, copy, len);
		if (geoip_open(&g, path, NULL, &err) < 0)
			continue;
		opened++;
		for (unsigned int i = 0; i < 256; i += 8) {
			char *text = xasprintf("10.%u.1.1", i);

			assert_true(address_parse(&a, slice_of(text)));
			(void)geoip_country(g, &a);
			(void)geoip_place(g, &a, &place);
			free(text);
		}
		geoip_close(g);
	}
	assert_true(opened > 100);
	free(copy);
	free(data);
	free(good);
	free(path);
}

static void finds_places(void **state)
{
	char *path = mmdb_path("city"), *country = mmdb_path("country");
	struct place madrid, paris, other;
	struct address a;
	struct geoip *g;
	struct err err;

	(void)state;
	assert_int_equal(geoip_open(&g, path, NULL, &err), 0);
	assert_true(geoip_has_places(g));
	assert_true(address_parse(&a, slice_of("10.1.1.1")));
	assert_true(geoip_place(g, &a, &madrid));
	assert_true(address_parse(&a, slice_of("10.65.1.1")));
	assert_true(geoip_place(g, &a, &paris));
	assert_true(fabs(place_distance_km(&madrid, &paris) - 1053) < 5);
	assert_true(fabs(place_distance_km(&madrid, &madrid)) < 0.001);
	/* 0/0, in the sea off Africa, means that nobody knows. */
	assert_true(address_parse(&a, slice_of("10.200.1.1")));
	assert_false(geoip_place(g, &a, &other));
	assert_true(address_parse(&a, slice_of("192.0.2.1")));
	assert_false(geoip_place(g, &a, &other));
	geoip_close(g);
	assert_int_equal(geoip_open(&g, country, NULL, &err), 0);
	assert_false(geoip_has_places(g));
	assert_true(address_parse(&a, slice_of("10.1.1.1")));
	assert_false(geoip_place(g, &a, &other));
	geoip_close(g);
	free(country);
	free(path);
}

static void measures_the_earth(void **state)
{
	struct place north = { 90, 0 }, south = { -90, 0 }, west = { 0, -179.9 },
		     east = { 0, 179.9 };

	(void)state;
	assert_true(fabs(place_distance_km(&north, &south) - 20015) < 1);
	assert_true(fabs(place_distance_km(&west, &east) - 22.24) < 0.1);
}

static void knows_nothing_without(void **state)
{
	struct place place;
	struct address a;

	(void)state;
	assert_true(address_parse(&a, slice_of("10.1.1.1")));
	assert_false(geoip_has_countries(NULL) || geoip_has_asn(NULL) || geoip_has_places(NULL));
	assert_int_equal(geoip_country(NULL, &a), 0);
	assert_int_equal(geoip_asn(NULL, &a), 0);
	assert_null(geoip_holder(NULL, &a).ptr);
	assert_false(geoip_place(NULL, &a, &place));
	assert_int_equal(geoip_built_s(NULL), 0);
	geoip_close(NULL);
}

static const struct code {
	const char *name, *text, *want;
} codes[] = {
	{ "code", "ES", "ES" },
	{ "code: small", "es", "ES" },
	{ "code: one letter", "E", "" },
	{ "code: three", "ESP", "" },
	{ "code: empty", "", "" },
	{ "code: digits", "E1", "" },
	{ "code: bytes", "\xc3\xa9", "" },
};

static void reads_code(void **state)
{
	const struct code *row = *state;
	char buf[3];

	assert_string_equal(country_text(country_parse(row->text), buf), row->want);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + COUNT(bads) + COUNT(codes) + 4] = {
		cmocka_unit_test(survives_damage),
		cmocka_unit_test(finds_places),
		cmocka_unit_test(measures_the_earth),
		cmocka_unit_test(knows_nothing_without),
	};
	size_t n = 4;

	ADD_ROWS(tests, n, rows, looks_up);
	ADD_ROWS(tests, n, bads, refuses);
	ADD_ROWS(tests, n, codes, reads_code);
	return _cmocka_run_group_tests(__FILE__, tests, n, make, end);
}
