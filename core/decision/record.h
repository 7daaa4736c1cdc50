/* record.h - a decision as it is kept: numbered, stored, handed to actions */
#pragma once

#include "core/action/postern-action.h"
#include "core/base/address.h"
#include "core/base/heap.h"
#include "core/base/instant.h"
#include "core/rule/engine.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	RECORD_ADDRESSES_MOST = 16384, /* of one decision; further ones do not join */
	RECORD_MESSAGES_MOST = 65536,  /* queue ids; the oldest go first */
	RECORD_REASON_MOST = 1000,     /* bytes; a longer one is cut */
	RECORD_NAME_MOST = 255,
	TASK_ERROR_MOST = 255,
};

/* How it ended: a case that an administrator released is forgiven, one that expired is not. */
enum record_end { RECORD_ACTIVE, RECORD_EXPIRED, RECORD_RELEASED };

/* Joined when it logged in while the decision was active, or was there when it was taken. */
struct record_address {
	struct prefix host;
	uint64_t n; /* counts those of this decision, from 1; they are sorted by it */
	struct instant joined;
	uint64_t gone; /* 0: it is still one of them; else counts those that were taken out */
};

/* A message of the account that is in the queue, as far as the log says. */
struct record_message {
	uint64_t n; /* as above */
	char id[QUEUE_ID_LONGEST + 1];
};

/* How far a task has come: what the world was told of its decision. All zero: nothing. */
struct task_mark {
	enum level level;
	int64_t until_s;
	uint64_t addresses, messages, gone; /* those with an n (for gone: a gone) up to this */
};

/* The order is that of task_words in record.c. */
enum task_state {
	TASK_PENDING, /* to be handed out */
	TASK_HANDED, /* under way; stored as pending, so that it is handed out again after a crash */
	TASK_RETRYING, /* failed for now: pending again at retry_at */
	TASK_FAILED,   /* failed for good: pending again when all is looked after */
	TASK_DONE,     /* applied; or, where it is lifting, reverted */
	TASK_STATES
};

#define TASK_ORPHAN UINT32_MAX /* as `instance`: its action is no more in its jail */

/* One decision and one action. The life of decisions alone changes it: see task.c. */
struct task {
	struct record *record;
	char *action;      /* its name in the jail */
	uint32_t instance; /* jail_action.id, or TASK_ORPHAN */
	enum task_state state;
	unsigned int wants; /* POSTERN_WANTS_* */
	bool lifting;       /* the decision is over */
	bool touched;       /* it was handed out once, or may have been before a crash */
	uint32_t tries;
	uint64_t batch;      /* in which it was handed out last */
	bool handed_lifting; /* to be undone as a whole */
	struct instant retry_at;
	struct task_mark done, handed;
	char *error; /* the last; NULL: none since it last went well */
	struct heap_node node;
};

struct record {
	uint64_t id; /* from 1; never used again */
	char *jail;
	enum subject_kind kind;
	char *name;
	enum level level;
	unsigned int score;
	char *reason;           /* one line: "many-sending-networks 12 > 9, ..." */
	struct instant crossed; /* event time: when `suspect` or the threshold was first reached */
	struct instant acted;   /* event time: when the threshold was; INSTANT_NONE */
	struct instant since;   /* wall clock: when it was taken */
	struct instant until;   /* wall clock; INSTANT_NONE: until an administrator lifts it */
	struct instant ended;   /* wall clock; INSTANT_NONE: it is active */
	struct instant seen;    /* event time up to which its subject was known when it ended */
	uint32_t begin_s;       /* addresses first seen before are no bots */
	unsigned int repeats;   /* how often the subject was acted on before, lately */
	bool by_administrator;  /* it was asked for, not found */
	bool dry;               /* nothing is handed out but to `log` */
	bool braked;            /* only told of, until life_resume() */
	bool forgotten;         /* its repeats no longer count */
	enum record_end end;
	enum postern_release mail; /* what becomes of held mail when it ends */
	struct record_address *address;
	size_t n_addresses, cap_addresses;
	uint64_t last_address, last_gone; /* the highest numbers given */
	struct record_message *message;
	size_t n_messages, cap_messages;
	uint64_t last_message;
	struct task **task;
	size_t n_tasks;

	/* For whoever keeps it. */
	const struct jail *of;   /* NULL: that jail is no more */
	struct subject *subject; /* pinned while active; NULL for an address */
	struct record *before, *after;
	struct heap_node node;
	/* For the store: what it has of it. */
	bool over;                   /* it may be thrown away once it is stored */
	bool is_guarded, guard_told; /* an address of it is never banned: `guarded` */
	struct prefix guarded;
	bool listed; /* to be put into the store */
	uint64_t stored_address, stored_gone, stored_message;
	uint64_t *left; /* messages that were taken out since */
	size_t n_left, cap_left;
};

struct record *record_new(const char *jail, enum subject_kind kind, const char *name);
void record_free(struct record *r); /* with its tasks; NULL is fine */

/* Joins it; false where it is one of them, was taken out once, or there are too many. */
bool record_join(struct record *r, const struct prefix *host, struct instant now);
/* Takes it out; false where it is none of them. */
bool record_part(struct record *r, const struct prefix *host);
/* A message joins; one whose id is there already joins anew, for short ones are used again. */
void record_queue(struct record *r, const char *id);
/* It left the queue. */
void record_unqueue(struct record *r, const char *id);
/* Is it one of them now? */
bool record_holds(const struct record *r, const struct prefix *host);
/* How many addresses it has now. */
size_t record_addresses(const struct record *r);
/* What is not printable is escaped; what is too long is cut. */
void record_set_reason(struct record *r, const char *reason);

/* Active, or not yet undone by all actions that are there to do it. */
bool record_is_open(const struct record *r);
/* Can it be passed on: valid UTF-8 without control characters, and not too long? */
bool record_name_is_plain(const struct record *r);

struct task *record_add_task(struct record *r, const char *action);
/* All there is to tell now, as far as the action wants it. */
struct task_mark task_target(const struct task *t);
/* True where that is more, or other, than what the world was told. */
bool task_has_news(const struct task *t);

/* "pending", "applied", "retrying", "failed"; and while lifting "reverting", "reverted" ... */
const char *task_word(const struct task *t);
const char *record_state_word(const struct record *r); /* "active", "expired", "released" */
const char *level_word(enum level level);              /* "none", "suspect", "act" */
const char *kind_word(enum subject_kind kind);         /* "user", "name", "address" */
