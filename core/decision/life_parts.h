/* life_parts.h - what the sources of the life of decisions share; theirs alone */
#pragma once

#include "core/base/table.h"
#include "core/decision/life.h"
#include "core/decision/task.h"

/* What is remembered of a subject and a jail when their decision is over. */
struct past {
	struct table_head head; /* key: record_key(); last: when it ended */
	struct instant seen;    /* event time: what came until then was taken into account */
	struct instant suspect; /* event time: when the suspicion began that was told last */
	struct instant acted;   /* wall clock: when the last decision to act ended; INSTANT_NONE */
	uint32_t repeats;       /* how many of these there were, one after the other */
	bool was_act;           /* the last one was to act */
	bool released;
	bool forgive;          /* the subject is being forgiven: see forgive_later() */
	struct instant covers; /* event time up to which its ban held, or would have */
};

/* The moments of the newest decisions to act on an account, in a ring. */
struct brake {
	struct instant *at;
	size_t used, next;
	struct instant on; /* wall clock: since when it holds; INSTANT_NONE */
	bool told;
};

/* A case that is to be closed, once the engine is not in the middle of an event. */
struct forgiven {
	enum subject_kind kind;
	char *name;
	uint64_t key;
	const struct jail *jail;
	bool all; /* and its subject forgiven */
};

struct life {
	struct life_options options;
	struct decisions *decisions;
	struct store *store;
	struct engine *engine;
	struct tasks *tasks;
	struct instant now;
	struct record *first, *last;
	uint64_t last_id;           /* without a store */
	struct table by_key, by_id; /* active ones by jail and subject; all by number */
	struct table holders;       /* how many active ones hold an address, by its hash */
	struct table past;
	struct heap ends;     /* active ones by when they end */
	struct record **list; /* to be put into the store */
	size_t n_list, cap_list;
	struct forgiven *forgiven;
	size_t n_forgiven, cap_forgiven;
	struct brake brake;
	struct life_counts *counts; /* by jail, and one more for jails that are gone */
	unsigned int age;           /* of the store's file, when all was put into it last */
};

void life_keep_init(struct life *l);
void life_keep_fini(struct life *l);
uint64_t record_key(const char *jail, enum subject_kind kind, const char *name);
struct record *life_active(const struct life *l, const char *jail, enum subject_kind kind,
			   const char *name);
uint64_t life_new_id(struct life *l);
/* It has changed: it is stored with the next life_tick(), or before anything of it is handed out. */
void life_changed(struct life *l, struct record *r);
void life_news(struct life *l, enum life_news news, const struct record *r, const char *text);
/* From here on it is known by its number, and by its subject while it is active. */
void life_enter(struct life *l, struct record *r);
/* The same for one from the store, whose tasks are tied to what serves them now. */
void life_return(struct life *l, struct record *r);
/* Takes it out of all that is about active ones. */
void life_retire(struct life *l, struct record *r);
struct record *life_numbered(const struct life *l, uint64_t id);
size_t *life_level_count(const struct life *l, const struct record *r);
/* How many active decisions hold this address. */
uint64_t life_holders(const struct life *l, const struct prefix *host);

struct tasks *life_make_tasks(struct life *l);
/* Ties a task to the instance that serves it now. */
void life_tie(struct life *l, struct task *t, const struct jail_action *a);
/* The tasks that it is to have now and has not. */
void life_add_tasks(struct life *l, struct record *r);
/* Its tasks are asked whether there is news for them. */
void life_look(struct life *l, struct record *r);
void life_set_until(struct life *l, struct record *r, struct instant until);
/* True where the address joined; one that is guarded never does: life_tell_guarded() says so, once. */
bool life_join(struct life *l, struct record *r, const struct prefix *host);
void life_tell_guarded(struct life *l, struct record *r);
/* The addresses of a case that are the intruders', and its messages in the queue. */
void life_join_evidence(struct life *l, struct record *r, const struct decision *c);
void life_part(struct life *l, struct record *r, const struct prefix *host);
void life_end(struct life *l, struct record *r, enum record_end end);
void life_store(struct life *l);
/* One case as it stands at `at` (event time): a decision is taken, or raised, or nothing is new. */
void life_consider(struct life *l, const struct decision *c, struct instant at);
/* All jails' cases against it are closed, and what the engine knows against it is forgotten. */
void life_forgive(struct life *l, enum subject_kind kind, const char *name);
struct life_counts *life_counts_of(const struct life *l, const struct record *r);
bool life_is_guarded(const struct life *l, const struct prefix *host);
const struct jail *life_jail(const struct life *l, const char *name);

/* life_past.c */
void past_note(struct life *l, const struct record *r);
unsigned int past_repeats(struct life *l, const struct record *r);
/* Doubled for each repeat, up to the ceiling. */
struct instant past_until(const struct life *l, const struct jail *jail, unsigned int repeats);

/* life_brake.c: true where this decision is not to be acted on; then, whether that is news */
bool brake_holds(struct life *l, struct record *r);
void brake_tell(struct life *l, const struct record *r);
void brake_load(struct life *l);
