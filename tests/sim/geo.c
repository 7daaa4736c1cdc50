/*
 * geo - which addresses a country has
 *
 * The same file is what the country database of the bench is built from, so an address drawn
 * here geolocates there. Ranges are kept per country with their running total, and a draw is a
 * binary search for a random address: the weight of a range is its size.
 */
#include "tests/sim/geo.h"

#include "core/base/mem.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNTRIES = 26 * 26 };

/* first and last included; `before` is how much the country's earlier spans hold. */
struct span {
	uint32_t first, last;
	uint64_t before;
};

struct spans {
	struct span *span;
	size_t n, cap;
	uint64_t total;
};

struct geo {
	struct spans v4[COUNTRIES];
	struct spans v6[COUNTRIES]; /* in units of a /32 */
};

/* -1 for what is no country, such as tor's "??". */
static int country_index(const char *cc)
{
	if (cc[0] < 'A' || cc[0] > 'Z' || cc[1] < 'A' || cc[1] > 'Z')
		return -1;
	return (cc[0] - 'A') * 26 + (cc[1] - 'A');
}

static void spans_add(struct spans *s, uint32_t first, uint32_t last)
{
	s->span = array_grow(s->span, s->n, &s->cap, sizeof(*s->span));
	s->span[s->n++] = (struct span){ first, last, s->total };
	s->total += (uint64_t)last - first + 1;
}

static void read_v4(struct geo *geo, const char *line)
{
	unsigned long first, last;
	char cc[3];
	int i;

	if (sscanf(line, "%lu,%lu,%2s", &first, &last, cc) != 3 || last > UINT32_MAX ||
	    first > last)
		return;
	i = country_index(cc);
	if (i >= 0)
		spans_add(&geo->v4[i], (uint32_t)first, (uint32_t)last);
}

/* Only whole /32s are kept: smaller pieces are too few addresses for a provider. */
static void read_v6(struct geo *geo, const char *line)
{
	char first[INET6_ADDRSTRLEN], last[INET6_ADDRSTRLEN], cc[3];
	struct in6_addr a, b;
	uint32_t from, to;
	int i;

	if (sscanf(line, "%45[^,],%45[^,],%2s", first, last, cc) != 3 ||
	    inet_pton(AF_INET6, first, &a) != 1 || inet_pton(AF_INET6, last, &b) != 1)
		return;
	i = country_index(cc);
	memcpy(&from, &a, sizeof(from));
	memcpy(&to, &b, sizeof(to));
	from = ntohl(from);
	to = ntohl(to);
	if (i < 0 || memcmp(&a.s6_addr[4], &in6addr_any, 12) != 0 || b.s6_addr[4] != 0xff ||
	    b.s6_addr[5] != 0xff || from > to)
		return;
	spans_add(&geo->v6[i], from, to);
}

static int read_file(struct geo *geo, const char *path, void (*read)(struct geo *, const char *),
		     struct err *err)
{
	FILE *f = fopen(path, "re");
	char line[256];

	if (!f)
		return err_set(err, errno, "%s: %s (the package tor-geoipdb has it)", path,
			       strerror(errno));
	while (fgets(line, sizeof(line), f))
		if (line[0] != '#')
			read(geo, line);
	fclose(f);
	return 0;
}

int geo_load(struct geo **out, const char *path, struct err *err)
{
	struct geo *geo = xcalloc(1, sizeof(*geo));
	char *path6 = xasprintf("%s6", path);
	int ret = -1;

	if (read_file(geo, path, read_v4, err) < 0 || read_file(geo, path6, read_v6, err) < 0)
		goto out;
	*out = geo;
	geo = NULL;
	ret = 0;
out:
	free(path6);
	geo_free(geo);
	return ret;
}

void geo_free(struct geo *geo)
{
	if (!geo)
		return;
	for (size_t i = 0; i < COUNTRIES; i++) {
		free(geo->v4[i].span);
		free(geo->v6[i].span);
	}
	free(geo);
}

bool geo_has(const struct geo *geo, const char *country)
{
	int i = country_index(country);

	return i >= 0 && geo->v4[i].total > 0;
}

/* The span that holds the country's at-th address; *point becomes that address. */
static const struct span *spans_find(const struct spans *s, uint64_t at, uint32_t *point)
{
	size_t lo = 0, hi = s->n;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->span[mid].before <= at)
			lo = mid;
		else
			hi = mid;
	}
	*point = s->span[lo].first + (uint32_t)(at - s->span[lo].before);
	return &s->span[lo];
}

struct block geo_draw(const struct geo *geo, const char *country, struct random *r)
{
	const struct spans *s = &geo->v4[country_index(country)];
	uint32_t point, first, last;
	const struct span *span;

	assert(s->total > 0);
	span = spans_find(s, random_below(r, s->total), &point);
	first = point & 0xffff0000;
	last = point | 0xffff;
	if (first < span->first)
		first = span->first;
	if (last > span->last)
		last = span->last;
	return (struct block){ first, last - first + 1 };
}

uint32_t geo_draw_v6(const struct geo *geo, const char *country, struct random *r)
{
	const struct spans *s = &geo->v6[country_index(country)];
	uint32_t point;

	if (s->total == 0)
		return 0;
	spans_find(s, random_below(r, s->total), &point);
	return point;
}
