/* decision.h - what was decided about whom, since when, because of what */
#pragma once

#include "core/rule/engine.h"

#include <stdbool.h>
#include <stdint.h>

enum { STEPS_MOST = 32 };

/* A rule began to hold, or a level was reached. */
struct decision_step {
	struct instant at;
	const struct rule *rule;
	uint64_t value, max;
	unsigned int score; /* of the whole, with it */
	enum level level;
};

/*
 * One jail's case against one subject. It begins as a suspicion or at once as a decision to act,
 * and takes in everything the subject does until nothing has held against it for as long as
 * sightings reach back. Of several cases of one subject the gravest is kept.
 */
struct decision {
	const struct jail *jail;
	struct subject *subject; /* pinned while the case is open; NULL once it is closed */
	enum subject_kind kind;
	char *name;
	enum level level;
	unsigned int score;                /* the highest */
	struct instant suspect_at, act_at; /* INSTANT_NONE where not reached */
	struct instant last_at;            /* when a rule last held */
	uint32_t begin_s;                  /* addresses first seen before are no bots */
	struct finding *peak;              /* by index of rule in its jail; rule NULL: never held */
	struct decision_step *step;        /* at most STEPS_MOST */
	size_t n_steps, cap_steps;
	struct sighting before; /* where the subject was seen before it began */
	bool has_before;
	struct sighting *evidence; /* a copy, once closed */
	size_t n_evidence;
	bool more_evidence; /* some was dropped: "at least" */
	unsigned int cases; /* of this subject so far, this one included */
};

struct decisions;

/* Borrows the engine, for pinning. */
struct decisions *decisions_new(struct engine *engine);
void decisions_free(struct decisions *d); /* NULL is fine */

/* Takes a verdict in; meant as the engine's on_verdict, with the decisions as its context. */
void decisions_note(void *ctx, const struct verdict *v);
/*
 * Closes cases against which nothing holds any more at `now`, but for accounts that were acted on.
 * Cheap; call it now and then.
 */
void decisions_sweep(struct decisions *d, struct instant now);

/* The open case of this jail against the subject; NULL where there is none. */
const struct decision *decisions_find(const struct decisions *d, const struct jail *jail,
				      const struct subject *subject);
/* Tells each open case, in no order; none may be closed meanwhile. */
void decisions_each(const struct decisions *d, void (*tell)(void *ctx, const struct decision *d),
		    void *ctx);
/* Ends an open case, whatever its level; what holds after that begins another one. */
void decisions_close(struct decisions *d, const struct jail *jail, const struct subject *subject);
/*
 * For a process that does not end: cases are thrown away when they are closed, and `on_close` (NULL:
 * nobody) is told just before.
 */
void decisions_keep_open_only(struct decisions *d,
			      void (*on_close)(void *ctx, const struct decision *d), void *ctx);

/*
 * Open cases as rows of a checkpoint: those that changed since the last call, or all; and back, in a
 * later process, once the engine has its subjects. A case of a jail that is gone is left out.
 */
void decisions_save(struct decisions *d, bool all,
		    void (*put)(void *ctx, const struct state_row *row), void *ctx);
uint64_t decisions_table(void); /* of these rows */
/* Is this row a case? All others are the engine's. */
bool decisions_is_row(const struct state_row *row);
/* -1: the row is damaged, and left out. */
int decisions_restore(struct decisions *d, const struct jail_set *jails,
		      const struct state_row *row, struct err *err);

/* All decisions, most urgent first: act before suspect, then by score, then by age. */
const struct decision *const *decisions_sorted(struct decisions *d, size_t *n);

/* What the decision rests on; borrowed until the next call that takes `d`. */
const struct sighting *decision_evidence(const struct decision *d, size_t *n);
/*
 * Is this address one of the intruders'? The owner's and the server's own never are, nor one in a
 * country where the owner is at home that has sent nothing.
 */
bool decision_is_bot(const struct decision *d, const struct sighting *s);
