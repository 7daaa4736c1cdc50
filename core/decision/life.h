/* life.h - the life of decisions: numbered, kept, handed to actions, and over one day */
#pragma once

#include "core/action/postern-action.h"
#include "core/base/prefixset.h"
#include "core/decision/decision.h"
#include "core/decision/record.h"
#include "core/decision/store.h"

#include <stdbool.h>
#include <stdint.h>

enum life_news {
	LIFE_DECIDED,  /* a new decision: a suspicion, or to act */
	LIFE_RAISED,   /* a suspicion has become a decision to act */
	LIFE_EXTENDED, /* an administrator changed how long it lasts */
	LIFE_EXPIRED,
	LIFE_RELEASED,
	LIFE_BRAKED,   /* the brake has come on; the decision is the first that is not acted on */
	LIFE_RESUMED,  /* it is off again; no decision */
	LIFE_GUARDED,  /* an address of it is never banned: it was left out */
	LIFE_ORPHANED, /* an action that had applied it is no more: undo it by hand */
	LIFE_FAILED,   /* an action has failed for it; told once until it goes well */
};

struct life_options {
	const struct jail_set *jails;
	const unsigned int
		*wants; /* POSTERN_WANTS_* of each instance (jail_action.id); NULL: all */
	const struct prefixset *guard; /* sealed: never banned, whoever says so; may be NULL */
	unsigned int brake_n;          /* account decisions to act in brake_span_s; 0: no brake */
	int64_t brake_span_s;
	int64_t repeat_within_s; /* so long after its end a decision counts as an earlier offence */
	int64_t bantime_most_s;  /* what doubling leads to at most */
	bool dry_run;
	/*
	 * The decision and its evidence as one JSON object of at most 256 KB, malloc'ed. `c` is
	 * NULL where the case is not at hand (an administrator's ban).
	 */
	char *(*describe)(void *ctx, const struct record *r, const struct decision *c);
	/* For the log; `text` is one line of detail or "". NULL: not told. */
	void (*on_news)(void *ctx, enum life_news news, const struct record *r, const char *text);
	void *ctx;
};

struct life;

/* Borrows all it is given; the store may be NULL (nothing is kept). Hooks into closed cases. */
struct life *life_new(const struct life_options *options, struct decisions *decisions,
		      struct store *store, struct engine *engine);
/* Before what it borrows; writes nothing. NULL is fine. */
void life_free(struct life *l);
/*
 * Takes back what the store holds; once, after engine_restored() and all cases are restored. What was
 * under way is pending again; cases that were acted on and are not in the store are decided anew.
 */
void life_load(struct life *l, struct instant now);

/* The wall clock for what the engine tells: before each batch of events, or life_tick() where it is due. */
void life_set_now(struct life *l, struct instant now);
/* The engine's hooks, with the life as their context; life_verdict() calls decisions_note(). */
void life_verdict(void *ctx, const struct verdict *v);
void life_sighting(void *ctx, struct subject *s, const struct sighting *at, uint32_t now_s);
void life_message(void *ctx, struct subject *s, const struct queued *message);
void life_removed(void *ctx, struct subject *s, const struct queued *message);

/*
 * Expires, ends back-offs, and writes what is new to the store. After each batch of events (the
 * news of which it writes), before each checkpoint, and when life_next() says so.
 */
void life_tick(struct life *l, struct instant now);
/* When life_tick() has work again; INSTANT_NONE: not until something happens. */
struct instant life_next(const struct life *l);

enum life_way { LIFE_APPLY, LIFE_LIFT };

/* What one action is to do next: all the same way. Valid until the next call that takes the life. */
struct life_batch {
	uint64_t number; /* never 0 */
	enum life_way way;
	struct postern_item *item;
	size_t n; /* 0: nothing is due, or the last batch is not answered yet */
};

/*
 * What is due for one instance, in the order of decisions; at most `most` items. All of it is in the
 * store, or the store is out of order and has said so. One batch of an instance is under way at a
 * time, until each item of it was answered.
 */
struct life_batch life_batch(struct life *l, uint32_t instance, struct instant now, size_t most);
/* True where life_batch() would give something. */
bool life_has_batch(const struct life *l, uint32_t instance);
/* True while a batch is under way. */
bool life_is_busy(const struct life *l, uint32_t instance);
/* The action's answer to one item. What is not, or no longer, under way in that batch is ignored. */
void life_result(struct life *l, uint32_t instance, struct instant now, uint64_t batch, uint64_t id,
		 enum postern_result result, const char *text);
/* The process that had it is gone, or has said all it will: what it did not answer is due again. */
void life_unanswered(struct life *l, uint32_t instance);
/*
 * To look after the world: tells all that should be in force for this instance, a few hundred items
 * a call, as a batch that is to be answered like others. Returns its number; 0, and nothing is
 * told, while another batch is under way. What had failed is tried again.
 */
uint64_t life_everything(struct life *l, uint32_t instance, struct instant now,
			 void (*put)(void *ctx, struct postern_item *item, size_t n), void *ctx);

/* What an administrator asks for. */
struct life_ban {
	enum subject_kind kind; /* SUBJECT_ACCOUNT or SUBJECT_ADDRESS */
	const char *name;       /* a user as he writes it; an address or prefix */
	const char *jail;       /* whose actions; NULL: the first that has fitting ones */
	int64_t for_s;          /* FOREVER; 0: the jail's bantime */
	const char *because;    /* NULL: nothing */
};

/*
 * Bans now; where a decision of that jail is active it is extended, or shortened, to this. -1: it
 * is guarded, or no jail has an action for it; *err says so. *id is its number.
 */
int life_ban(struct life *l, const struct life_ban *ban, struct instant now, uint64_t *id,
	     struct err *err);

struct life_release {
	enum subject_kind kind; /* SUBJECT_ACCOUNT (attacked names too) or SUBJECT_ADDRESS */
	const char *name;
	bool forget;               /* earlier offences too */
	enum postern_release mail; /* what becomes of held mail */
};

/*
 * Lifts all decisions about it; an address is taken out of accounts' decisions too. What is known
 * against the subject is forgiven: take a checkpoint soon after. Of an account that was released
 * before, and whose mail stayed on hold, the mail can be released alone. Returns how many decisions
 * were changed; -1 (ENOENT) where there was nothing.
 */
int life_release(struct life *l, const struct life_release *release, struct instant now,
		 struct err *err);
/* Lets the brake go; what it held back and is still active is acted on. Returns how many. */
size_t life_resume(struct life *l, struct instant now);
/* Since when the brake is on; INSTANT_NONE: it is off. */
struct instant life_braked(const struct life *l);

/* In order of numbers: the decisions that are active or being lifted. NULL: the first; the end. */
const struct record *life_record(const struct life *l, const struct record *after);
/* An active one about the subject with a number above `after` (0: the first), or NULL. */
const struct record *life_find(const struct life *l, enum subject_kind kind, const char *name,
			       uint64_t after);
/* The open case it came from; NULL where there is none. */
const struct decision *life_case(const struct life *l, const struct record *r);

/* One action as it fares, over all jails that share it. */
struct life_instance {
	const char *name;
	size_t applying[TASK_STATES], lifting[TASK_STATES]; /* tasks by state, as of now */
	uint64_t done, retried, failed;                     /* answers since the start */
	const char *error; /* the last one; NULL: none since all goes well */
	struct instant error_at;
};

uint32_t life_instances(const struct life *l);
const struct life_instance *life_instance(const struct life *l, uint32_t instance);

/* By jail, since the start but for `active` and `suspects`. */
struct life_counts {
	size_t active, suspects;                        /* now: to act, and on suspicion */
	uint64_t decided, suspected, expired, released; /* `decided`: to act */
	uint64_t joined;                                /* addresses, by the open trap */
};

/* Of the jail of that index. */
const struct life_counts *life_counts(const struct life *l, uint32_t jail);
