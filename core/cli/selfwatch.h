/* selfwatch.h - what is wrong with the daemon's own view of the world */
#pragma once

#include "core/base/instant.h"
#include "core/filter/matcher_stats.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The order is that of kind_names in selfwatch.c. */
enum warning_kind {
	WARNING_SILENCE,   /* no line for too long */
	WARNING_LOGINS,    /* lines, but no login for too long */
	WARNING_CLOCK,     /* a source's clock or time zone is off */
	WARNING_LOST,      /* the log says that messages were lost */
	WARNING_SOURCE,    /* a log can't be read */
	WARNING_REGEX,     /* a regex was stopped at its limits */
	WARNING_UNMATCHED, /* lines look like logins and are none to any filter */
	WARNING_GEOIP,     /* the country database is old */
	WARNING_STORE,     /* decisions or checkpoints can't be written */
	WARNING_ACTION,    /* decisions can't be applied */
	WARNING_BRAKE,     /* too many decisions at once: none is applied */
	WARNING_KINDS
};

struct warning {
	enum warning_kind kind;
	char *about; /* the source or action; "" where there is only one such thing */
	char *text;  /* one line */
	struct instant since;
};

enum {
	SELFWATCH_SOURCES_MOST = 256, /* of more the first are watched */
	SELFWATCH_AHEAD_S = 300,      /* lines may be so far ahead of our clock */
	SELFWATCH_RECENT_S = 3600,    /* what was counted counts for this long, at least */
	SELFWATCH_GEOIP_DAYS = 90,
};

struct selfwatch_options {
	int64_t silence_lines_s, silence_logins_s; /* 0: no warning */
	/* A warning begins (true) or has ended: once each. May be NULL. */
	void (*tell)(void *ctx, const struct warning *warning, bool begins);
	void *ctx;
};

/* A log, as it stands. */
struct selfwatch_source {
	const char *name;
	uint64_t lines, events, lost; /* since the daemon's start */
	struct instant last_line;     /* the newest line's own time; INSTANT_NONE before any */
	struct instant last_read;     /* our clock when lines came last; likewise */
	struct instant last_login;    /* its own time; likewise */
	const char *problem;          /* why it can't be read now; NULL: it can */
};

struct selfwatch_action {
	const char *name, *trouble; /* NULL: none */
};

/* All of it is borrowed for the call. */
struct selfwatch_facts {
	const struct selfwatch_source *source;
	size_t n_sources;
	struct matcher_stats matcher;
	uint64_t logins;       /* events that are logins or failures */
	int64_t geoip_built_s; /* 0: there is none */
	const char *store;     /* what is wrong with it, or NULL */
	const struct selfwatch_action *action;
	size_t n_actions;
	bool brake;
};

struct selfwatch;

struct selfwatch *selfwatch_new(const struct selfwatch_options *options, struct instant now);
void selfwatch_free(struct selfwatch *w); /* NULL is fine */

/* Takes the facts in: warnings begin and end. Call it when a timer of selfwatch_next() fires. */
void selfwatch_look(struct selfwatch *w, const struct selfwatch_facts *facts, struct instant now);
/*
 * When the next look may tell something new though nothing else happens: milliseconds from `now`,
 * -1: never. After new lines, or when something failed, a look a minute later is soon enough.
 */
int64_t selfwatch_next(const struct selfwatch *w, struct instant now);

/* The warning at place `i`, from 0, by the time it began; NULL behind the last. */
const struct warning *selfwatch_warning(const struct selfwatch *w, size_t i);
const char *warning_kind_name(enum warning_kind kind);
