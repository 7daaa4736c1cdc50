/* subject.h - whom a decision is about: an account, an attacked name or an address */
#pragma once

#include "core/base/address.h"
#include "core/base/table.h"
#include "core/rule/geoip.h"
#include "core/rule/own.h"
#include "core/rule/saving.h"
#include "core/rule/shelf.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	SIGHTINGS_MOST = 1024, /* addresses kept of one subject; from there on "at least" */
	KNOWN_MOST = 64,       /* networks kept as somebody's own */
	SURGE_DAYS = 30,
	DAY_S = 86400,
};

enum subject_kind {
	SUBJECT_ACCOUNT, /* somebody who proved who he is */
	SUBJECT_NAME,    /* a user name that somebody failed to log in with; it may not exist */
	SUBJECT_ADDRESS,
};

enum sighting_flag {
	SIGHTING_KNOWN = 1,   /* the owner's, by the days he was seen there */
	SIGHTING_OWN = 2,     /* the server's own address: webmail, a content filter */
	SIGHTING_FETCHER = 4, /* a mail fetcher's network; `fetcher` tells which */
	SIGHTING_SMTP = 8,    /* services it was seen with */
	SIGHTING_IMAP = 16,
	SIGHTING_POP3 = 32,
	SIGHTING_OTHER = 64,
	SIGHTING_HOME = 128, /* in a country where the owner is known */
	SIGHTING_SERVICES = SIGHTING_SMTP | SIGHTING_IMAP | SIGHTING_POP3 | SIGHTING_OTHER,
};

/*
 * What was seen of one subject from one address (for IPv6: one /64). 64 bytes, because an account's
 * sightings are walked at each of its logins.
 */
struct sighting {
	struct prefix host;
	uint8_t flags;
	uint8_t fetcher;
	country_t country;
	uint16_t bounces;     /* UINT16_MAX: that many or more */
	uint32_t network;     /* what counts as one network: see places.c */
	uint32_t first, last; /* seconds since 1970 */
	uint32_t sent;        /* when it last sent a message; 0: never */
	uint32_t logins;      /* for a name or an address: failures */
	uint32_t messages, recipients;
	uint32_t ignored; /* jails that ignore it, one bit each */
	char *rdns;       /* the name a server looked up; NULL where unknown */
};
_Static_assert(sizeof(struct sighting) == 64, "a cache line");

/* A network that the subject was seen in, by days. */
struct known {
	uint32_t network;
	uint16_t last_day; /* days since 1970 */
	uint16_t days;     /* different ones, without incident */
	country_t country;
};

/* Messages a day, for the mean of SURGE_DAYS. */
struct daily {
	uint16_t day; /* of count[0] counted back from: the newest */
	uint16_t count[SURGE_DAYS + 1];
};

struct subject {
	/* What every event asks for comes first, in one cache line. */
	uint64_t hash;
	struct sighting *sighting;
	uint8_t *limit_class; /* by jail: 1 + index of its limits, 0 none; NULL: no jail has any */
	struct known *known;
	uint16_t n_sightings, cap_sightings, n_known;
	uint8_t kind;
	bool more_sightings;      /* SIGHTINGS_MOST was reached */
	uint32_t last;            /* seconds since 1970 */
	uint32_t ignored;         /* jails that ignore it, one bit each */
	uint32_t standing;        /* jails in which a rule holds, one bit each */
	uint32_t suspected_until; /* no network becomes known before; seconds since 1970 */
	struct own_windows own;
	struct daily *daily; /* NULL until a message comes */
	uint8_t *bound;      /* what rules about places measure at most: see engine.c; or NULL */
	char *name;          /* lower case, with realm; for an address its text */
	struct sighting *former; /* the newest of those dropped because they were idle; or NULL */
	uint32_t pins;           /* decisions that need its sightings kept */
	uint32_t busy_index;     /* where it stands among those that may be put on the shelf */
	uint32_t forgotten;      /* how often its windows that lie elsewhere were */
	bool used;               /* since the hand came by */
};

/* What is needed to pack and unpack a subject. */
struct subject_form {
	struct own_form windows;
	size_t n_jails; /* how many classes of limits it has */
};

/*
 * Subjects of one kind, by hash. Accounts are real and stay: those that nobody asked for lately are
 * packed and put on a shelf, from where they come back as they were (but for the names of the
 * addresses of one under no suspicion). Names and addresses are as many as attackers invent, and are dropped instead.
 */
struct subjects {
	struct table table;
	enum subject_kind kind;
	size_t busy_most; /* accounts that lie unpacked */
	struct shelf shelf;
	struct subject **busy; /* those that may be put on the shelf */
	size_t n_busy, cap_busy, hand;
	struct subject_form form;
	struct pack pack;
};

enum { BUSY_MOST = 16384 };

/*
 * `most` bounds their number where attackers choose the names (0: no bound). What `form` points to
 * is borrowed; it may be NULL where no subject has windows of its own, or limits.
 */
void subjects_init(struct subjects *s, enum subject_kind kind, size_t most,
		   const struct subject_form *form);
void subjects_fini(struct subjects *s);
/* How many there are in all. */
size_t subjects_count(const struct subjects *s);
/* NULL where there is none. What is found stays where it is until the next look-up of its kind. */
struct subject *subjects_find(struct subjects *s, uint64_t hash);
/* The same, but NULL for one on the shelf; who is pinned never is there. */
struct subject *subjects_busy(const struct subjects *s, uint64_t hash);
bool subjects_has(const struct subjects *s, uint64_t hash);
/* It was changed other than through subjects_get(). */
void subjects_mark(struct subjects *s, const struct subject *subject);
/* It has an event at `now`: the same as subjects_get(), but NULL for who is not yet known. */
struct subject *subjects_again(struct subjects *s, uint64_t hash, uint32_t now);
/*
 * Has memory fetched into the cache for a look-up soon: at step 0 the subject's place, at 1 the
 * subject, at 2 what it owns. Each step reads what the one before it fetched.
 */
void subjects_fetch(const struct subjects *s, uint64_t hash, unsigned int step);
/* Finds or makes it; `name` is copied. Names and addresses idle since `idle_before` may go. */
struct subject *subjects_get(struct subjects *s, uint64_t hash, struct slice name, uint32_t now,
			     uint32_t idle_before, bool *is_new);
/*
 * Puts those that changed, or all, and what is gone; `legend` stands before each, and says how to
 * read it.
 */
void subjects_save(struct subjects *s, struct saving *saving, uint64_t table, uint64_t legend);
/* Takes over a subject that was unpacked; there is none of its hash. `changed`: it has to be saved. */
void subjects_adopt(struct subjects *s, struct subject *subject, bool changed);
/*
 * Calls `each` for every one of them that was seen since `since`, in no order. Those on the shelf are
 * copies for the call.
 */
void subjects_each(struct subjects *s, uint32_t since,
		   void (*each)(void *ctx, struct subject *subject), void *ctx);
/* While it is pinned it stays, and so do its sightings. */
void subjects_pin(struct subjects *s, struct subject *subject);
void subjects_unpin(struct subjects *s, struct subject *subject);

/* Gives back what the subject owns, not the subject. */
void subject_fini(struct subject *s);
/* Room for so many sightings in all, at least as many as there are. */
void subject_reserve_sightings(struct subject *s, uint16_t cap);
struct sighting *subject_find_sighting(const struct subject *s, const struct prefix *host);
/*
 * A new, zeroed sighting; `host` must not be among them. Where there is no room for it those last
 * seen before `idle_before` are dropped, unless they are pinned; at SIGHTINGS_MOST the oldest is.
 */
struct sighting *subject_add_sighting(struct subject *s, const struct prefix *host,
				      uint32_t idle_before);

/*
 * Drops its sightings but for the owner's and the server's own, and what it sent on the last two
 * days. Networks stay known.
 */
void subject_forget(struct subject *s);

/*
 * Notes that the subject was in `network` on `day`; true where that network is the owner's: seen
 * on at least `days_least` earlier days. `learn` is false while the account is under suspicion.
 */
bool subject_visit(struct subject *s, uint32_t network, uint16_t day, unsigned int days_least,
		   bool learn);
/* On how many days it was seen in that network, the newest included. */
unsigned int subject_days_in(const struct subject *s, uint32_t network);
/*
 * Notes in which country the network lies that was visited; true where the subject is at home in
 * that country: one of its networks is the owner's.
 */
bool subject_at_home(struct subject *s, uint32_t network, country_t country, uint16_t day,
		     unsigned int days_least);
/* Marks the sightings whose network is known on `day`, also where the subject was not yet seen then. */
void subject_mark_known(struct subject *s, uint16_t day, unsigned int days_least);
/* Forgets networks that are not known on `day`: days of a suspected account prove nothing. */
void subject_unlearn(struct subject *s, uint16_t day, unsigned int days_least);

/* Counts a message of `day`. */
void subject_count_message(struct subject *s, uint16_t day);
/*
 * Messages of the 24 hours before `now_s`: today's, and of yesterday's the part that fits, as if they
 * had come evenly over the day.
 */
uint64_t subject_messages_of_day(const struct subject *s, uint32_t now_s);
/*
 * Messages a day, the mean over those of the last `days` days before `day` on which there were
 * any; *n tells how many these were.
 */
double subject_daily_mean(const struct subject *s, uint16_t day, unsigned int days,
			  unsigned int *n);
