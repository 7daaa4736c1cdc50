/* engine.h - events in, verdicts out: the one that scan and daemon share */
#pragma once

#include "core/filter/event.h"
#include "core/rule/geoip.h"
#include "core/rule/jail.h"
#include "core/rule/queue.h"
#include "core/rule/state.h"
#include "core/rule/subject.h"

#include <stdbool.h>
#include <stdint.h>

enum level { LEVEL_NONE, LEVEL_SUSPECT, LEVEL_ACT };

/* A rule that holds for a subject. */
struct finding {
	const struct rule *rule;
	uint64_t value, max;
	unsigned int score; /* 0 for a rule on dry run */
};

/*
 * What a jail thinks of a subject, told at each event after which at least one of its rules
 * holds. Valid during the call.
 */
struct verdict {
	const struct jail *jail;
	struct subject *subject;
	enum level level;
	unsigned int score;
	struct instant at;
	const struct finding *finding;
	size_t n_findings;
	uint32_t
		begin_s; /* since when the findings count: addresses first seen before are no bots */
};

struct engine_options {
	const struct geoip *geoip;   /* may be NULL */
	const struct prefixset *own; /* the server's own addresses; may be NULL */
	const char *default_realm;   /* appended to users without one; NULL or "" for none */
	unsigned int known_days;     /* earlier days that make a network the owner's */
	size_t busy_accounts;        /* kept unpacked; 0: as many as is usual (see subject.h) */
	void (*on_verdict)(void *ctx, const struct verdict *verdict);
	/*
	 * Of a pinned subject alone, before the rules are asked; NULL: not told. on_sighting: it was
	 * seen at an address where it had not been since the horizon (its flags are set by then).
	 * on_message: a message of its has this queue id, be it its first one or the one that a
	 * content filter gave it.
	 */
	void (*on_sighting)(void *ctx, struct subject *s, const struct sighting *at,
			    uint32_t now_s);
	void (*on_message)(void *ctx, struct subject *s, const struct queued *message);
	/* Of a pinned subject alone: its message has left the queue. */
	void (*on_removed)(void *ctx, struct subject *s, const struct queued *message);
	void *ctx;
};

struct engine_stats {
	uint64_t events[EVENT_KINDS];
	uint64_t without_user; /* logins whose user is empty after trimming, or far too long */
};

/* For engine_fetch_*(). */
enum { FETCH_STEPS = 4 };

struct engine;

/* Borrows the jails and what the options point to. */
struct engine *engine_new(const struct jail_set *jails, const struct engine_options *options);
void engine_free(struct engine *e); /* NULL is fine */

/* Takes one event into account; calls on_verdict for each jail that holds something against it. */
void engine_event(struct engine *e, const struct event *event);
/* The kinds of events that any rule can use, 1 << kind each. */
unsigned int engine_kinds(const struct engine *e);
/* Whether events of the queue id of this hash can change anything (see stream_options.wanted). */
bool engine_wants(const struct engine *e, uint64_t queue_id_hash);
/* The hash of a user's name as accounts are compared (event->user_hash); 0 for what is no name. Any thread may ask. */
uint64_t engine_user_hash(const struct engine *e, struct slice user);
/*
 * Has memory fetched into the cache that an event soon to come will need. It takes FETCH_STEPS calls,
 * some time apart, because where a step's memory lies is written in what the one before brought.
 */
void engine_fetch_user(const struct engine *e, enum event_kind kind, uint64_t hash,
		       unsigned int step);
void engine_fetch_queued(const struct engine *e, uint64_t queue_id_hash, unsigned int step);

const struct engine_stats *engine_stats(const struct engine *e);
size_t engine_accounts(const struct engine *e);
const struct queue *engine_queue(const struct engine *e);
/* Keeps the subject and its sightings until unpinned: a decision is about it. */
void engine_pin(struct engine *e, struct subject *subject);
void engine_unpin(struct engine *e, struct subject *subject);

/* How far back sightings reach: the longest findtime of all rules, at least a day. */
uint32_t engine_horizon_s(const struct engine *e);

/*
 * A checkpoint: calls `put` for every row that changed since the last call, or with `all` for
 * each there is. The rows are to be restored table by table, in the order in which the tables were
 * first put.
 */
void engine_save(struct engine *e, bool all, void (*put)(void *ctx, const struct state_row *row),
		 void *ctx);
/*
 * Takes a row back, into an engine that has seen no event yet. -1 where it is damaged: it is left
 * out, and *err says why. 1 where it is of something that is no more (its rule is gone), or not of
 * the engine: the caller may remove it.
 */
int engine_restore(struct engine *e, const struct state_row *row, struct err *err);
/* After the last row. */
void engine_restored(struct engine *e);

/* The account or name of that spelling, or the address of that text; NULL where it is unknown. */
struct subject *engine_find(struct engine *e, enum subject_kind kind, struct slice name);
/*
 * The same, but made where it is unknown, for a decision outlives what is known of its subject. An
 * address is given as its host (see address_host()). NULL for what can be nobody's name.
 */
struct subject *engine_subject(struct engine *e, enum subject_kind kind, struct slice name,
			       uint32_t now_s);
/*
 * What held against the subject is forgiven: its windows, holds and standing are reset, and so
 * are its sightings but for the owner's. The networks it is known in stay known.
 */
void engine_forget(struct engine *e, struct subject *subject);

/* What one rule measures for a subject at a moment. */
struct measurement {
	const struct jail *jail;
	const struct rule *rule;
	uint64_t value, max; /* max is UINT64_MAX where a surge lacks days for a mean */
	unsigned int score;  /* what it adds while it holds */
	bool holds;          /* value is above max, and what it comes after held lately enough */
	bool waits;          /* it comes after a rule that has not held lately enough */
};

/* Tells each rule of each jail that concerns the subject and does not ignore it. */
void engine_explain(struct engine *e, struct subject *subject, struct instant now,
		    void (*tell)(void *ctx, const struct measurement *m), void *ctx);

/* How near a subject is to being acted on by one jail. */
struct nearness {
	struct subject *subject;
	const struct jail *jail;
	unsigned int score;         /* now */
	struct measurement nearest; /* the rule that is the largest part of it, or will be */
	/* Of the threshold: the score's, or what `nearest` adds, as far as its value is on the way. */
	double share;
};

/*
 * The `n` accounts nearest to a threshold at `now`, each by the jail that it is nearest to; nearest
 * first. All accounts are looked at.
 */
void engine_top(struct engine *e, struct instant now, size_t n,
		void (*tell)(void *ctx, const struct nearness *nearness), void *ctx);

/* How often the rule began to hold for somebody, on dry run too; saved with the state. */
uint64_t engine_rule_count(const struct engine *e, const struct rule *rule);
