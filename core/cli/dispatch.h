/* dispatch.h - the engine's side of its actuators: what is due goes out, answers come in */
#pragma once

#include "core/base/instant.h"
#include "core/decision/life.h"
#include "core/rule/jail.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct dispatch_options {
	uv_loop_t *loop;
	struct life *life;
	const struct jail_set *jails;
	/* The plugin of an instance. */
	const struct postern_action *(*action)(void *ctx, uint32_t instance);
	int64_t reconcile_s; /* how often the world is looked after, while something is in force */
	/* It was to answer long ago: end its process, and give another one. */
	void (*on_stuck)(void *ctx, uint32_t instance);
	/* Something was answered: the life has news. */
	void (*on_answer)(void *ctx);
	void *ctx;
};

struct dispatch;

/* It lives as long as its process. */
struct dispatch *dispatch_new(const struct dispatch_options *options);

/* A (new) process runs this instance; `fd` is the dispatch's. False for one that there is not. */
bool dispatch_attach(struct dispatch *d, uint32_t instance, int fd, struct instant now);
/* Hands out what is due, to everyone who is ready. */
void dispatch_run(struct dispatch *d, struct instant now);
/* When dispatch_run() has something to do though nothing was decided; INSTANT_NONE: never. */
struct instant dispatch_next(const struct dispatch *d);

/* How an instance's process fares: NULL: it is ready; else why it is not, in one line. */
const char *dispatch_trouble(const struct dispatch *d, uint32_t instance);
