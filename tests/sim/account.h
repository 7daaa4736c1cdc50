/* account.h - an account, the devices of its owner, and where these have been */
#pragma once

#include "core/base/instant.h"
#include "tests/sim/server.h"
#include "tests/sim/world.h"

/* How a device comes to the Internet; a row of the table in account.c each. */
enum place {
	PLACE_NONE,       /* ends a table of habits */
	PLACE_STATIC,     /* an address that never changes */
	PLACE_DYNAMIC,    /* home, IPv4: another of the provider's addresses every other week */
	PLACE_HOME_V6,    /* home, IPv6: one /64, another interface identifier twice a day */
	PLACE_OFFICE,     /* behind the one address that all colleagues share */
	PLACE_CARRIER,    /* a carrier's NAT: an address of several /16, another within minutes */
	PLACE_CARRIER_V6, /* a carrier that gives a new /64 at each attach */
	PLACE_VPN,        /* hoster to hoster, country to country */
	PLACE_WEBMAIL,    /* the server itself */
	PLACE_GOOGLE,     /* "check mail from other accounts" */
	PLACE_MICROSOFT,
	PLACES
};

/* What one kind of device does: a class of accounts is a table of these. */
struct habit {
	enum place place;
	bool mobile;        /* goes out and travels with its owner */
	bool machine;       /* works around the clock, on every day */
	double has;         /* share of the accounts that have such a device */
	struct range count; /* how many of them; {0, 0} is one */
	double logins;      /* Dovecot sessions a day */
	double messages;    /* submitted messages a day */
};

enum { HABITS = 6 };

/* A class of innocent accounts: see the table in life.c. */
struct class
{
	const char *name;
	unsigned int weight;
	const char *local_part; /* NULL: people's names */
	struct habit habit[HABITS];
	double trips;     /* abroad, in 60 days */
	double outing;    /* a mobile session from a network never seen before */
	double mistype;   /* a login that is preceded by failures */
	double bad_phone; /* accounts of which a device goes on with an old password for days */
	double campaigns; /* newsletters in 60 days */
};

struct device {
	const struct habit *habit;
	const struct isp *isp;
	struct address ip;
	struct instant until; /* ip is another from then on */
};

struct trip {
	struct instant from, to;
	const struct country *transit, *abroad[2]; /* the second half is spent in another one */
	const struct isp *hotel[2];
	struct address room[2];
	/* Halls and carriers give another address when the place changes, or after a while. */
	int stay;
	struct address ip;
	struct instant until;
};

/* An address (an IPv6 /64) that the owner logged in from. */
struct footprint {
	struct prefix host;
	int64_t last_day, known_from; /* UTC days; known_from is 0 until it was used on 3 days */
	int days;
};

struct account {
	char name[NAME_TEXT];
	const struct class *class;
	const struct country *home;
	struct random random;
	int64_t first_day; /* UTC day; new customers come all the time */
	int active_days;
	int64_t last_active;
	struct device *device;
	size_t devices;
	struct trip *trip;
	size_t trips;
	struct device *bad; /* the device with the old password, while bad_from <= t < bad_to */
	struct instant bad_from, bad_to;
	struct instant cafe_until;
	struct address cafe;
	struct footprint *footprint;
	size_t footprints, footprint_cap;
};

/* What accounts are made of. The first of `days` days is `day0` (UTC days since 1970). */
struct setting {
	const struct world *world;
	uint64_t seed;
	unsigned int accounts;
	int64_t day0;
	int days;
};

/* The nth account of a setting; it borrows the world and the class. */
void account_init(struct account *a, const struct setting *in, unsigned int nth);
void account_fini(struct account *a);
/* Where a device is at that moment, also when it travels; never earlier than asked before. */
struct address account_address(struct account *a, const struct world *w, struct device *d,
			       struct instant at);
/* Notes that the owner logged in from there. */
void account_seen(struct account *a, const struct address *ip, struct instant at);

/* A point 0 <= u < 1 for the nth of a series, spread evenly: small classes get their share. */
double spread(uint64_t seed, unsigned int nth);
