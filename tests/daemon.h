/* daemon.h - all of an engine's process but its loop, fed by a script, for tests of who tells about it */
#pragma once

#include "core/base/hash.h"
#include "core/cli/view.h"
#include "tests/rows.h"
#include "tests/script.h"

#include <ftw.h>
#include <unistd.h>

struct daemon {
	struct view view;
	struct setup setup;
	struct decisions *decisions;
	struct prefixset guard;
	char dir[40];
	struct instant now;
};

static inline void daemon_verdict(void *ctx, const struct verdict *v)
{
	life_verdict(((struct daemon *)ctx)->view.life, v);
}

static inline char *daemon_describe(void *ctx, const struct record *r, const struct decision *c)
{
	(void)ctx;
	(void)r;
	(void)c;
	return xstrdup("{}");
}

static inline void daemon_load(struct daemon *d, const char *jails)
{
	struct jail_defaults defaults = { 0 };
	struct prefix own;
	struct err err;

	if (!filters && filter_set_load_text(&filters, "script.conf", script_filters, &err) < 0)
		fail_msg("%s", err.text);
	if (jail_set_load_text(&d->setup.jails, "jail.conf", jails, filters, &defaults, &err) < 0)
		fail_msg("%s", err.text);
	d->setup.filters = filters;
	d->setup.known_days = 3;
	d->setup.default_realm = "";
	assert_true(prefix_parse(&own, slice_of("192.0.2.99")));
	prefixset_add(&d->guard, &own);
	prefixset_seal(&d->guard);
}

/* With one log, that has never been there. */
static inline void daemon_begin(struct daemon *d, const char *jails, unsigned int brake_n)
{
	struct engine_options eo = { .known_days = 3, .on_verdict = daemon_verdict, .ctx = d };
	struct life_options lo = { .guard = &d->guard,
				   .brake_n = brake_n,
				   .brake_span_s = 600,
				   .bantime_most_s = 4 * DAY_S,
				   .describe = daemon_describe,
				   .ctx = d };
	struct selfwatch_options so = { .silence_lines_s = 3600, .silence_logins_s = DAY_S };

	*d = (struct daemon){ .now = instant_of_s(SCRIPT_T0) };
	(void)snprintf(d->dir, sizeof(d->dir), "/tmp/postern-test-XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	daemon_load(d, jails);
	view_open(&d->view, d->now);
	d->view.setup = &d->setup;
	d->view.dir = d->dir;
	d->view.store = store_new(&(struct store_options){ .dir = d->dir }, d->now);
	hash_seed_set(store_hash_seed(d->view.store));
	d->view.engine = engine_new(d->setup.jails, &eo);
	d->decisions = decisions_new(d->view.engine);
	lo.jails = d->setup.jails;
	d->view.life = life_new(&lo, d->decisions, d->view.store, d->view.engine);
	life_load(d->view.life, d->now);
	d->view.live = live_new(&(struct live_options){ .set = filters });
	live_log(d->view.live, 0, "/var/log/mail \"1\\2\".log", d->now);
	d->view.watch = selfwatch_new(&so, d->now);
}

static inline void daemon_event(struct daemon *d, const char *line)
{
	struct arena *a = arena_new();
	struct event event;
	unsigned int times = script_event(&event, a, line, 1);

	for (unsigned int count = 1; count <= times; count++) {
		(void)script_event(&event, a, line, count);
		d->now = event.time;
		life_tick(d->view.life, d->now);
		engine_event(d->view.engine, &event);
	}
	arena_free(a);
	life_tick(d->view.life, d->now);
}

static inline int daemon_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void daemon_end(struct daemon *d)
{
	selfwatch_free(d->view.watch);
	live_free(d->view.live);
	life_free(d->view.life);
	decisions_free(d->decisions);
	engine_free(d->view.engine);
	store_free(d->view.store);
	view_close(&d->view);
	jail_set_free(d->setup.jails);
	prefixset_fini(&d->guard);
	(void)nftw(d->dir, daemon_remove, 8, FTW_DEPTH | FTW_PHYS);
}
