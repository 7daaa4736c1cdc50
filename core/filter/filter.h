/* filter.h - filter files: which lines are which events */
#pragma once

#include "core/base/err.h"
#include "core/filter/event.h"

#include <pcre2.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	FILTER_MATCHES_MOST = 512, /* in all filters together */
	FILTER_GROUPS_MOST = 4,    /* places where one regex may name the same field */
};

/* A list of texts of a config file. */
struct texts {
	char **text;
	size_t n;
};

/* One kind of line. Everything lives as long as the set. */
struct filter_match {
	const struct filter *filter;
	const char *name;
	enum event_kind kind;
	const char *regex;
	pcre2_code *code;
	bool jit; /* it could be JIT-compiled; without, it is slower, not wrong */
	struct slice constant[EVENT_FIELDS];
	uint8_t group[EVENT_FIELDS][FILTER_GROUPS_MOST]; /* group numbers; 0 ends the list */
	uint8_t field[EVENT_FIELDS];                     /* the fields that have groups */
	uint8_t n_fields;
	struct texts programs; /* globs; none: any */
	struct texts literals; /* a line holds one of them; none: unknown */
	struct texts examples, lookalikes;
	bool queue_first; /* the message begins with the queue id */
	uint16_t index;   /* in filter_set.match */
};

struct filter {
	const char *name;
	const char *path;
	struct texts daemons;
	bool tagless;
	bool joins; /* it has a match for `connect`: see sessions.h */
};

struct filter_set {
	struct arena *arena;
	struct filter **filter;
	size_t n_filters;
	struct filter_match **match;
	size_t n_matches;
};

/*
 * Loads every *.conf of `dir`, in alphabetical order. On success *out is the caller's, for
 * filter_set_free(). Errors name file and line. Immutable from then on; threads may share it.
 */
int filter_set_load(struct filter_set **out, const char *dir, struct err *err);
/* One file's text, called `name` in errors. */
int filter_set_load_text(struct filter_set **out, const char *name, const char *text,
			 struct err *err);
void filter_set_free(struct filter_set *set); /* NULL is fine */

/* The filter of that name, or NULL. */
const struct filter *filter_set_find(const struct filter_set *set, const char *name);
/* True where lines of `program` (ptr NULL: of a server's own log) are this match's. */
bool filter_match_takes(const struct filter_match *match, struct slice program);

/*
 * Runs the examples and look-alikes of every match through the whole set, as a line of a log
 * would be. Calls `report` (may be NULL) for each that did not come out as written; returns
 * how many these were.
 */
size_t filter_set_selftest(const struct filter_set *set,
			   void (*report)(void *ctx, const struct filter_match *match,
					  const char *line, const char *why),
			   void *ctx);
