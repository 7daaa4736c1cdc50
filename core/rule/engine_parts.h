/* engine_parts.h - what an engine is made of: for the files that it is cut into */
#pragma once

#include "core/filter/sessions.h"
#include "core/rule/customers.h"
#include "core/rule/engine.h"
#include "core/rule/measure.h"
#include "core/rule/places.h"

/* A rule, and what is asked of it first: most events are nothing to most rules. */
struct plan_rule {
	const struct rule *rule;
	uint64_t max_least;
	unsigned int on;
};

/* The rules of one jail that events about one kind of subject can count for. */
struct plan {
	const struct jail *jail;
	struct plan_rule *rule; /* first those that read sightings */
	size_t n_places, n;
	size_t bound;           /* where its bounds begin in those of a subject */
	unsigned int on;        /* kinds of event that any of them counts */
	unsigned int on_always; /* that any counts which reads no sightings */
};

/*
 * Subjects are saved with numbers of jails and of windows, which are different ones where the
 * jails are: a legend says what those of one process meant.
 */
struct legend {
	uint64_t id;
	uint64_t *jail, *window; /* hashes of what they are, by number */
	size_t n_jails, n_windows;
	/* Where it is another process' legend: what number each has here, or none. */
	uint16_t *jail_now, *window_now;
};

struct engine {
	const struct jail_set *jails;
	struct plan *plan[SUBJECT_ADDRESS + 1]; /* by kind of subject, then by jail */
	struct engine_options options;
	struct places places;
	struct subjects account, name, address;
	struct queue queue;
	struct sessions sessions;
	struct measures measures;
	struct customers customers;
	struct engine_stats stats;
	uint32_t horizon_s;
	uint32_t places_least_s; /* the shortest findtime of the rules that read sightings */
	size_t n_bounds;
	unsigned int kinds;
	bool any_limits, any_reset;
	bool places_of_offenders; /* a rule by network or about places counts failures by address */
	struct legend legend;     /* of what this process saves */
	struct legend *old;       /* those that were restored */
	size_t n_old, cap_old;
	bool legend_saved;
};

/* Scores that add up; of a group's only the highest. */
struct tally {
	unsigned int sum, best[RULES_MOST + 1];
};

void tally_add(struct tally *t, const struct rule *r, unsigned int score);

/* May its score lead to an action? What failures lead to never disables an account. */
static inline bool rule_is_sure(const struct jail *jail, const struct rule *r)
{
	return !r->of_failures || jail->subject != SUBJECT_ACCOUNT;
}

struct subjects *engine_home(struct engine *e, enum subject_kind kind);
/* The limits and ignore lists that name this subject: asked when it is made, or restored. */
void engine_ask_settings(const struct engine *e, struct subject *s);

void legend_init(struct engine *e);
void legend_fini(struct engine *e);
