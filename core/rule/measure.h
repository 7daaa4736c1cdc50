/* measure.h - what a rule measures: its windows, and what is known without one */
#pragma once

#include "core/filter/event.h"
#include "core/rule/jail.h"
#include "core/rule/saving.h"
#include "core/rule/subject.h"
#include "core/rule/window.h"

enum { INVENTED_MOST = 65536 }; /* names and addresses that attackers choose */

/* One event on its way through the jails: who, where, and what it adds. */
struct step {
	const struct event *event;
	unsigned int kinds; /* a message is a login too */
	uint32_t now_s;
	uint64_t host_hash;        /* of the address as it counts; 0 where the line doesn't say */
	struct subject *subject;   /* whom it is about */
	struct sighting *sighting; /* where from; NULL where the line doesn't say */
	bool moved;                /* the sighting is new, or so long ago that it may count anew */
	bool appears;              /* the subject was not there within the horizon */
	bool new_day;              /* it was not seen on this day before */
	bool provisional;          /* an address that is nobody's subject yet: see on_offender() */
	uint64_t recipients, bytes;
};

struct rule_count {
	uint64_t n; /* how often it began to hold for somebody, on dry run too */
	bool changed;
};

/* The windows of all rules, and what was measured last where there is no window. Init first. */
struct measures {
	const struct jail_set *jails;
	const struct geoip *geoip; /* may be NULL */
	const char *realm;
	struct shared_windows *shared;
	size_t n_shared;
	struct window_rule *window_rule; /* of each of them */
	uint16_t *main_of, *base_of; /* by rule id: which of them are its own; NO_WINDOWS: none */
	uint64_t *rule_key;          /* by rule id: the hash of its name and its jail's */
	struct rule_count *count;    /* by rule id */
	uint64_t event;              /* counts them, so that none is added twice */
	struct table holds, trips;
	uint32_t horizon_s;
};

/* `horizon_s`: how long it is of interest when a rule last held. The rest is borrowed. */
void measures_init(struct measures *m, const struct jail_set *jails, const struct geoip *geoip,
		   const char *realm, uint32_t horizon_s);
void measures_fini(struct measures *m);
/* How subjects pack the windows that lie with them. */
struct own_form measures_form(const struct measures *m);

/*
 * True where the rule reads the sightings of its subject and has no windows: distinct values of
 * the address, by user. Of a name's sightings the failures are counted, of an account's the logins.
 */
bool rule_reads_sightings(const struct rule *r);
/* SIGHTING_SMTP and so on, of a service as filters name it. */
uint8_t service_flag(struct slice service);
/* `now_s` less a span; 0 where that lies before 1970. */
uint32_t seconds_back(uint32_t now_s, uint32_t span_s);

/* Call it before the rules measure an event for a subject: rules that share windows add to them once. */
void measures_next(struct measures *m);
/* Adds the event to the rule's window where it counts for it; returns what the rule then measures. */
uint64_t measure_event(struct measures *m, const struct jail *jail, const struct rule *r,
		       const struct step *step);
/* What the rule measures for the subject now, though the event itself is not of its kind. */
uint64_t measure_now(struct measures *m, const struct jail *jail, const struct rule *r,
		     const struct step *step);
/* The same for who wants to know it, and not what follows from it: also of failures. */
uint64_t measure_shown(struct measures *m, const struct jail *jail, const struct rule *r,
		       const struct step *step);
/* Empties the subject's windows, and forgets what held for it, and where it set out. */
void measure_forget(struct measures *m, struct subject *s);
/* The moment of the first entry of the rule's window, or `none`; and: the window is emptied. */
uint32_t measure_first(const struct measures *m, const struct rule *r, uint64_t key, uint32_t none);
void measure_reset(struct measures *m, const struct rule *r, uint64_t key);
/* The subject's own max and score: its class's, or a multiple of its own mean. */
struct limit measure_limit(const struct jail *jail, const struct rule *r, const struct step *step);

/* Notes that the rule is above its max for the subject, and tells whether the one it comes after was. */
void measure_hold(struct measures *m, const struct subject *s, const struct rule *r, uint64_t value,
		  uint32_t now_s);
bool measure_after(const struct measures *m, const struct rule *r, const struct step *step);

/* The hash of what the windows of that number count: the same in each process. */
uint64_t measures_window_name(const struct measures *m, size_t number);
/*
 * Puts the windows that lie with no subject, holds, trips and counts as far as they changed; and
 * takes a row of them back: false where it is none of these, p->bad where it is damaged.
 */
void measures_save(struct measures *m, struct saving *s);
bool measures_restore(struct measures *m, uint64_t table, uint64_t key, struct packed *p);
