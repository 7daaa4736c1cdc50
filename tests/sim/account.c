/*
 * account - an account, the devices of its owner, and where these have been
 *
 * A device has a place, and the place decides how long it keeps an address and how the next
 * one is drawn. Trips and outings overrule the place of what its owner carries along; what
 * stays at home goes on polling from there, as tablets and family computers do: two countries
 * at a time are normal for a traveller.
 */
#include "tests/sim/account.h"

#include "core/base/mem.h"
#include "tests/sim/life.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MINUTE = 60000, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

static const char *const first_names[] = { "ana",    "luis",   "maria", "jose",    "laura",
					   "pablo",  "carmen", "david", "elena",   "jorge",
					   "lucia",  "pedro",  "marta", "raul",    "sofia",
					   "ivan",   "irene",  "oscar", "paula",   "hugo",
					   "teresa", "mario",  "nuria", "joan",    "silvia",
					   "andres", "rosa",   "diego", "beatriz", "marc" };
static const char *const last_names[] = {
	"garcia",  "lopez",  "martin",  "sanchez", "perez",    "gomez", "ruiz",   "diaz",  "moreno",
	"alvarez", "romero", "navarro", "torres",  "ramos",    "gil",   "serra",  "vidal", "molina",
	"castro",  "ortiz",  "rubio",   "marin",   "iglesias", "soler", "campos", "vega",  "fuentes"
};
static const char *const domains[] = { "example.org", "example.com", "firm.example.org",
				       "school.example.com" };

double spread(uint64_t seed, unsigned int nth)
{
	double whole, start = (double)(seed % 1000) / 1000.0;

	return modf(start + nth * 0.6180339887498949, &whole);
}

static void name_account(struct account *a, unsigned int nth)
{
	const char *domain = domains[random_below(&a->random, COUNT(domains))];

	/* Half of them keep people's names, so that no rule can live on the name alone. */
	if (a->class->local_part && nth % 2 == 0)
		snprintf(a->name, sizeof(a->name), "%s%u@%s", a->class->local_part, nth, domain);
	else
		snprintf(a->name, sizeof(a->name), "%s.%s%u@%s",
			 first_names[random_below(&a->random, COUNT(first_names))],
			 last_names[random_below(&a->random, COUNT(last_names))], nth, domain);
}

/* Colleagues share one address: an office is drawn from a stream of its own. */
static struct address office_address(const struct setting *in, const struct country *home,
				     struct random *r)
{
	struct random office;

	random_init(&office, in->seed, (1u << 31) + random_below(r, in->accounts / 15 + 1));
	return isp_address(world_isp(in->world, home, &office), &office);
}

static void add_device(struct account *a, const struct setting *in, const struct habit *habit)
{
	struct device *d = &a->device[a->devices++];

	d->habit = habit;
	d->isp = world_isp(in->world, a->home, &a->random);
	d->until = INSTANT_NONE;
	if (habit->place == PLACE_OFFICE) {
		d->ip = office_address(in, a->home, &a->random);
		d->until = (struct instant){ INT64_MAX };
	}
}

static void add_devices(struct account *a, const struct setting *in)
{
	size_t most = 0;

	for (const struct habit *h = a->class->habit; h->place != PLACE_NONE; h++)
		most += (size_t)(h->count.hi > 0 ? h->count.hi : 1);
	a->device = xcalloc(most, sizeof(*a->device));
	for (const struct habit *h = a->class->habit; h->place != PLACE_NONE; h++) {
		int n = h->count.hi > 0 ? random_in(&a->random, h->count) : 1;

		for (int i = 0; i < n; i++)
			if (a->devices == 0 || random_chance(&a->random, h->has))
				add_device(a, in, h);
	}
}

static void plan_trips(struct account *a, const struct setting *in)
{
	struct random *r = &a->random;

	a->trips = random_poisson(r, a->class->trips * in->days / 60);
	a->trip = xcalloc(a->trips + 1, sizeof(*a->trip));
	for (size_t i = 0; i < a->trips; i++) {
		struct trip *t = &a->trip[i];

		t->from.ms = (in->day0 + random_between(r, 0, in->days - 1)) * DAY +
			     random_between(r, 5, 14) * HOUR;
		t->to.ms = t->from.ms + random_between(r, 1, 9) * DAY +
			   random_between(r, 0, 10) * HOUR;
		t->transit = world_pick(in->world, offsetof(struct country, trips), r);
		for (size_t leg = 0; leg < 2; leg++) {
			bool again = leg == 1 && random_chance(r, 0.6);

			t->abroad[leg] =
				again ? t->abroad[0]
				      : world_pick(in->world, offsetof(struct country, trips), r);
			t->hotel[leg] = world_isp(in->world, t->abroad[leg], r);
			t->room[leg] = isp_address(t->hotel[leg], r);
		}
	}
}

/* Days on which a forgotten device tries the password from before it was changed. */
static void plan_bad_phone(struct account *a, const struct setting *in)
{
	struct random *r = &a->random;

	a->bad_from = a->bad_to = INSTANT_NONE;
	if (!random_chance(r, a->class->bad_phone))
		return;
	a->bad = &a->device[random_below(r, a->devices)];
	a->bad_from.ms = (in->day0 + random_between(r, 0, in->days - 1)) * DAY + 9 * HOUR;
	a->bad_to.ms = a->bad_from.ms + random_between(r, 4, 200) * HOUR;
}

void account_init(struct account *a, const struct setting *in, unsigned int nth)
{
	*a = (struct account){ .class = class_pick(spread(in->seed, nth)), .last_active = -1 };
	random_init(&a->random, in->seed, nth);
	a->home = world_pick(in->world, offsetof(struct country, owners), &a->random);
	a->first_day = in->day0;
	if (random_chance(&a->random, 0.1))
		a->first_day += random_between(&a->random, 1, in->days);
	a->cafe_until = INSTANT_NONE;
	name_account(a, nth);
	add_devices(a, in);
	plan_trips(a, in);
	plan_bad_phone(a, in);
}

void account_fini(struct account *a)
{
	free(a->device);
	free(a->trip);
	free(a->footprint);
}

static struct address draw_isp(struct device *d, const struct world *w, struct random *r)
{
	(void)w;
	return isp_address(d->isp, r);
}

static struct address draw_egress(struct device *d, const struct world *w, struct random *r)
{
	(void)w;
	return isp_egress(d->isp, r);
}

static struct address draw_v6(struct device *d, const struct world *w, struct random *r)
{
	(void)w;
	return isp_v6(d->isp, r);
}

static struct address draw_same_64(struct device *d, const struct world *w, struct random *r)
{
	bool first = instant_is_none(d->until) || address_is_v4(&d->ip);

	(void)w;
	return first ? isp_v6(d->isp, r) : address_reroll(d->ip, r);
}

static struct address draw_vpn(struct device *d, const struct world *w, struct random *r)
{
	const struct country *c = world_pick(w, offsetof(struct country, exits), r);
	const struct isp *hoster = world_hoster(w, c, r);

	/* Off the VPN for once, at home. */
	if (!hoster || random_chance(r, 0.2))
		return isp_egress(d->isp, r);
	return isp_egress(hoster, r);
}

static struct address draw_server(struct device *d, const struct world *w, struct random *r)
{
	(void)d;
	(void)w;
	return random_chance(r, 0.7) ? loopback : own_address;
}

static struct address draw_google(struct device *d, const struct world *w, struct random *r)
{
	(void)d;
	(void)w;
	return fetcher_address(FETCHER_GOOGLE, r);
}

static struct address draw_microsoft(struct device *d, const struct world *w, struct random *r)
{
	(void)d;
	(void)w;
	return fetcher_address(FETCHER_MICROSOFT, r);
}

/* How long an address lasts on average, and where the next one comes from. */
static const struct {
	double lease_ms;
	struct address (*draw)(struct device *d, const struct world *w, struct random *r);
} places[PLACES] = {
	[PLACE_STATIC] = { 1e15, draw_isp },
	[PLACE_DYNAMIC] = { 12.0 * DAY, draw_isp },
	[PLACE_HOME_V6] = { 0.5 * DAY, draw_same_64 },
	[PLACE_OFFICE] = { 1e15, draw_isp },
	[PLACE_CARRIER] = { 25.0 * MINUTE, draw_egress },
	[PLACE_CARRIER_V6] = { 2.0 * HOUR, draw_v6 },
	[PLACE_VPN] = { 1.2 * HOUR, draw_vpn },
	[PLACE_WEBMAIL] = { 1.0 * DAY, draw_server },
	[PLACE_GOOGLE] = { 1.0 * MINUTE, draw_google },
	[PLACE_MICROSOFT] = { 1.0 * MINUTE, draw_microsoft },
};

static struct address usual_address(struct account *a, const struct world *w, struct device *d,
				    struct instant at)
{
	if (at.ms >= d->until.ms) {
		d->ip = places[d->habit->place].draw(d, w, &a->random);
		d->until.ms =
			at.ms + (int64_t)random_wait(&a->random, places[d->habit->place].lease_ms);
	}
	return d->ip;
}

enum stay { STAY_NONE, STAY_HALL, STAY_TRANSIT, STAY_CARRIER };

static struct address stay_address(struct account *a, struct trip *t, enum stay stay,
				   const struct isp *isp, struct instant at)
{
	if (t->stay != (int)stay || at.ms >= t->until.ms) {
		t->stay = (int)stay;
		t->ip = isp_egress(isp, &a->random);
		t->until.ms = at.ms + (int64_t)random_wait(&a->random, 45.0 * MINUTE);
	}
	return t->ip;
}

/* The hall of an airport, a hotel, a carrier abroad; and phones that roam come out at home. */
static struct address trip_address(struct account *a, const struct world *w, struct trip *t,
				   struct device *d, struct instant at)
{
	struct random *r = &a->random;
	int64_t gone = since(t->from, at), left = since(at, t->to);
	size_t leg = gone > left;
	double u = random_unit(r);

	if (gone < 3 * HOUR || left < 2 * HOUR)
		return stay_address(a, t, STAY_HALL, world_isp(w, a->home, r), at);
	if ((gone < 6 * HOUR || left < 5 * HOUR) && gone + left > 20 * HOUR)
		return stay_address(a, t, STAY_TRANSIT, world_isp(w, t->transit, r), at);
	if (u < 0.5)
		return t->room[leg];
	if (u < 0.75 && d->habit->place == PLACE_CARRIER)
		return usual_address(a, w, d, at);
	return stay_address(a, t, STAY_CARRIER, t->hotel[leg], at);
}

static struct address cafe_address(struct account *a, const struct world *w, struct instant at)
{
	if (at.ms >= a->cafe_until.ms) {
		a->cafe = isp_address(world_isp(w, a->home, &a->random), &a->random);
		a->cafe_until.ms = at.ms + 2 * HOUR;
	}
	return a->cafe;
}

struct address account_address(struct account *a, const struct world *w, struct device *d,
			       struct instant at)
{
	if (d->habit->mobile) {
		for (size_t i = 0; i < a->trips; i++)
			if (at.ms >= a->trip[i].from.ms && at.ms < a->trip[i].to.ms)
				return trip_address(a, w, &a->trip[i], d, at);
		if (random_chance(&a->random, a->class->outing))
			return cafe_address(a, w, at);
	}
	return usual_address(a, w, d, at);
}

void account_seen(struct account *a, const struct address *ip, struct instant at)
{
	struct prefix host = address_host(ip);
	int64_t day = at.ms / DAY;
	struct footprint *f = a->footprint, *end = f + a->footprints;

	if (day != a->last_active) {
		a->active_days++;
		a->last_active = day;
	}
	while (f < end && !address_equal(&f->host.base, &host.base))
		f++;
	if (f == end) {
		a->footprint = array_grow(a->footprint, a->footprints, &a->footprint_cap,
					  sizeof(*a->footprint));
		f = &a->footprint[a->footprints++];
		*f = (struct footprint){ .host = host, .last_day = -1 };
	}
	if (f->last_day != day) {
		f->last_day = day;
		if (++f->days == 3)
			f->known_from = day + 1;
	}
}
