/* task.h - decisions on their way to actions, one queue for each instance of an action */
#pragma once

#include "core/decision/life.h"

#include <stdbool.h>
#include <stdint.h>

struct tasks;

struct tasks_options {
	const struct jail_set *jails;
	/* As in struct life_options; the record's case is the caller's to know. */
	char *(*describe)(void *ctx, const struct record *r);
	/* A task of the record has: it is to be stored. */
	void (*changed)(void *ctx, struct record *r);
	/* A batch is about to go out: all records have to be in the store by then. */
	void (*before)(void *ctx);
	/* A task went well: the world is as `way` says. It may be done with. */
	void (*after)(void *ctx, struct task *t, enum life_way way);
	/* It failed for good, where it had not before; the error is in the task. */
	void (*failed)(void *ctx, const struct task *t);
	void *ctx;
};

struct tasks *tasks_new(const struct tasks_options *options);
void tasks_free(struct tasks *ts); /* before the records; NULL is fine */

/* From here on the task, whose instance is set, is counted and queued. */
void tasks_add(struct tasks *ts, struct task *t);
/* The end of that: before it is freed, or where its instance is gone. */
void tasks_remove(struct tasks *ts, struct task *t);
/* Queues it where there is news for it; call it whenever its record has changed. */
void tasks_look(struct tasks *ts, struct task *t);
/* Its decision is over: it is to be undone, where it was or may have been applied. */
void tasks_lift(struct tasks *ts, struct task *t);
/* It was undone, and is to be undone in another way. */
void tasks_lift_again(struct tasks *ts, struct task *t);
/* Lets the world be told once more: something else has undone it. */
void tasks_renew(struct tasks *ts, struct task *t);

/* Ends back-offs that are over. */
void tasks_tick(struct tasks *ts, struct instant now);
/* When the next one is; INSTANT_NONE: there is none. */
struct instant tasks_next(const struct tasks *ts);

/* As in life.h. */
struct life_batch tasks_batch(struct tasks *ts, uint32_t instance, struct instant now, size_t most);
bool tasks_has_batch(const struct tasks *ts, uint32_t instance);
bool tasks_is_busy(const struct tasks *ts, uint32_t instance);
void tasks_result(struct tasks *ts, uint32_t instance, struct instant now, uint64_t batch,
		  struct task *t, enum postern_result result, const char *text);
void tasks_unanswered(struct tasks *ts, uint32_t instance);
const struct life_instance *tasks_instance(const struct tasks *ts, uint32_t instance);

/*
 * A batch of all that should be in force: begin (0: busy), take each task (false: it is not to be
 * told), and now and then the pieces (n 0: no more for now). What has failed is tried again.
 */
uint64_t tasks_begin(struct tasks *ts, uint32_t instance);
bool tasks_take(struct tasks *ts, struct task *t);
struct life_batch tasks_piece(struct tasks *ts, uint32_t instance);
