/*
 * selfwatch - what is wrong with the daemon's own view of the world
 *
 * A daemon that reads the wrong file says nothing, and so does one on a quiet server. Here the
 * difference is looked for: facts that others count go in, warnings come out, each told when it
 * begins and when it ends, and listed in between.
 *
 * A look raises what is wrong now; a warning that was not raised again has ended. What is counted
 * (lost messages, stopped regexes, lines that nobody understood) counts for one to two hours, so
 * that a warning does not come and go with every look: each tally remembers what it was at the
 * last two full hours of our clock.
 *
 * A clock that is behind can't be told from lines that come late, but for two things: zones differ
 * by multiples of a quarter of an hour, and a backlog shrinks. Only an offset near such a multiple
 * that stays the same while lines come in is called a wrong clock.
 *
 * BUGS: a source that never brought an event since the start and falls silent is not missed while
 * others go on. A forged line from the future is believed until that future has come.
 */
#include "core/cli/selfwatch.h"

#include "core/base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	QUARTER_S = 900,
	SLACK_S = 120,    /* how near a multiple of a quarter of an hour an offset has to be */
	STEADY_LOOKS = 3, /* at which the offset was the same, with lines in between */
	UNMATCHED_LEAST = 50,
	UNMATCHED_PART = 10, /* and more than one for so many logins */
	DAY = 86400,
};

static const char *const kind_names[] = {
	"silence",   "logins", "clock", "lost",   "source", "regex",
	"unmatched", "geoip",  "store", "action", "brake",
};
_Static_assert(COUNT(kind_names) == WARNING_KINDS, "every kind has a name");

/* A counter that others count up, and what it was. */
struct tally {
	uint64_t now, recent, before;
};

/* What is remembered of a source between two looks. */
struct watched {
	char *name;
	struct tally lost;
	uint64_t lines;
	int64_t offset_s;
	unsigned int steady;
};

struct raised {
	struct warning warning;
	bool again; /* by the look that is going on */
};

struct selfwatch {
	struct selfwatch_options options;
	struct instant started, rolled;
	struct instant due; /* INSTANT_NONE: never */
	struct watched *source;
	size_t n_sources, cap_sources;
	struct tally limits, unmatched, logins;
	struct raised *raised;
	size_t n_raised, cap_raised;
};

const char *warning_kind_name(enum warning_kind kind)
{
	assert(kind < WARNING_KINDS);
	return kind_names[kind];
}

struct selfwatch *selfwatch_new(const struct selfwatch_options *options, struct instant now)
{
	struct selfwatch *w = xcalloc(1, sizeof(*w));

	w->options = *options;
	w->started = w->rolled = now;
	w->due = INSTANT_NONE;
	return w;
}

static void warning_fini(struct warning *warning)
{
	free(warning->about);
	free(warning->text);
}

void selfwatch_free(struct selfwatch *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->n_raised; i++)
		warning_fini(&w->raised[i].warning);
	for (size_t i = 0; i < w->n_sources; i++)
		free(w->source[i].name);
	free(w->raised);
	free(w->source);
	free(w);
}

static struct raised *raised_find(struct selfwatch *w, enum warning_kind kind, const char *about)
{
	for (size_t i = 0; i < w->n_raised; i++)
		if (w->raised[i].warning.kind == kind &&
		    strcmp(w->raised[i].warning.about, about) == 0)
			return &w->raised[i];
	return NULL;
}

/* Told when it begins; while it lasts its text follows the numbers. */
static void raise_warning(struct selfwatch *w, enum warning_kind kind, const char *about,
			  struct instant now, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

static void raise_warning(struct selfwatch *w, enum warning_kind kind, const char *about,
			  struct instant now, const char *fmt, ...)
{
	struct raised *r = raised_find(w, kind, about);
	bool begins = !r;
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (begins) {
		w->raised = array_grow(w->raised, w->n_raised, &w->cap_raised, sizeof(*w->raised));
		r = &w->raised[w->n_raised++];
		*r = (struct raised){
			.warning = { .kind = kind, .about = xstrdup(about), .since = now }
		};
	}
	free(r->warning.text);
	r->warning.text = xstrdup(text);
	r->again = true;
	if (begins && w->options.tell)
		w->options.tell(w->options.ctx, &r->warning, true);
}

/* What was not raised again has ended. */
static void end_others(struct selfwatch *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->n_raised; i++) {
		struct raised r = w->raised[i];

		if (r.again) {
			r.again = false;
			w->raised[kept++] = r;
			continue;
		}
		if (w->options.tell)
			w->options.tell(w->options.ctx, &r.warning, false);
		warning_fini(&r.warning);
	}
	w->n_raised = kept;
}

static void wake_at(struct selfwatch *w, int64_t ms)
{
	if (instant_is_none(w->due) || ms < w->due.ms)
		w->due.ms = ms;
}

static uint64_t risen(const struct tally *t)
{
	return t->now - t->before;
}

static void roll(struct tally *t)
{
	t->before = t->recent;
	t->recent = t->now;
}

/* Once an hour: what is older than two is forgotten. */
static void roll_all(struct selfwatch *w, struct instant now)
{
	if (since(w->rolled, now) < SELFWATCH_RECENT_S * INT64_C(1000))
		return;
	w->rolled = now;
	roll(&w->limits);
	roll(&w->unmatched);
	roll(&w->logins);
	for (size_t i = 0; i < w->n_sources; i++)
		roll(&w->source[i].lost);
}

static struct watched *watched_get(struct selfwatch *w, const char *name)
{
	for (size_t i = 0; i < w->n_sources; i++)
		if (strcmp(w->source[i].name, name) == 0)
			return &w->source[i];
	w->source = array_grow(w->source, w->n_sources, &w->cap_sources, sizeof(*w->source));
	w->source[w->n_sources] = (struct watched){ .name = xstrdup(name) };
	return &w->source[w->n_sources++];
}

static struct instant later(struct instant a, struct instant b)
{
	return a.ms > b.ms ? a : b;
}

/* True where `last` was too long ago; else the moment when it will have been is noted. */
static bool silent(struct selfwatch *w, struct instant last, int64_t most_s, struct instant now)
{
	last = later(last, w->started);
	if (most_s == 0)
		return false;
	if (since(last, now) >= most_s * 1000)
		return true;
	wake_at(w, last.ms + most_s * 1000);
	return false;
}

static void look_for_silence(struct selfwatch *w, const struct selfwatch_facts *f,
			     struct instant now)
{
	struct instant read = INSTANT_NONE, login = INSTANT_NONE;
	int64_t lines_s = w->options.silence_lines_s, logins_s = w->options.silence_logins_s;
	char span[INSTANT_TEXT];

	for (size_t i = 0; i < f->n_sources; i++) {
		read = later(read, f->source[i].last_read);
		login = later(login, f->source[i].last_login);
	}
	if (silent(w, read, lines_s, now)) {
		raise_warning(w, WARNING_SILENCE, "", now,
			      "no log has had a line for %s: is the right one read?",
			      span_text(lines_s, span));
		return; /* no wonder then that nobody logs in */
	}
	for (size_t i = 0; i < f->n_sources; i++)
		if (f->source[i].events > 0 && silent(w, f->source[i].last_read, lines_s, now))
			raise_warning(w, WARNING_SILENCE, f->source[i].name, now,
				      "%s has had no line for %s, though others have: was it "
				      "rotated away?",
				      f->source[i].name, span_text(lines_s, span));
	if (silent(w, login, logins_s, now))
		raise_warning(
			w, WARNING_LOGINS, "", now,
			"there are lines, but none was a login for %s: `postern test` says what "
			"the filters make of them",
			span_text(logins_s, span));
}

/* To the nearest quarter of an hour. */
static int64_t quarters_of(int64_t s)
{
	return (s + (s < 0 ? -QUARTER_S : QUARTER_S) / 2) / QUARTER_S * QUARTER_S;
}

static void look_at_clock(struct selfwatch *w, const struct selfwatch_source *s,
			  struct watched *watched, struct instant now)
{
	int64_t behind_s, quarters_s;
	char span[INSTANT_TEXT];

	if (instant_is_none(s->last_line) || instant_is_none(s->last_read))
		return;
	behind_s = since(s->last_line, s->last_read) / 1000;
	quarters_s = quarters_of(behind_s);
	if (s->lines > watched->lines) {
		bool same = quarters_s > 0 && llabs(behind_s - quarters_s) <= SLACK_S &&
			    quarters_s == quarters_of(watched->offset_s);

		watched->steady = same ? watched->steady + 1 : 0;
		watched->offset_s = behind_s;
		watched->lines = s->lines;
	}
	if (-behind_s > SELFWATCH_AHEAD_S)
		raise_warning(
			w, WARNING_CLOCK, s->name, now,
			"%s: its lines are %s ahead of this machine's clock: a wrong clock or "
			"time zone",
			s->name, span_text(-behind_s, span));
	else if (watched->steady >= STEADY_LOOKS)
		raise_warning(
			w, WARNING_CLOCK, s->name, now,
			"%s: its lines are always %s behind this machine's clock: a wrong time "
			"zone",
			s->name, span_text(quarters_s, span));
}

static void look_at_source(struct selfwatch *w, const struct selfwatch_source *s,
			   struct instant now)
{
	struct watched *watched = watched_get(w, s->name);

	look_at_clock(w, s, watched, now);
	watched->lost.now = s->lost;
	if (risen(&watched->lost) > 0)
		raise_warning(w, WARNING_LOST, s->name, now,
			      "%s: %llu messages were lost before they reached the log: raise the "
			      "rate limit of rsyslog or journald",
			      s->name, (unsigned long long)risen(&watched->lost));
	if (s->problem)
		raise_warning(w, WARNING_SOURCE, s->name, now, "%s: %s", s->name, s->problem);
}

static void look_at_lines(struct selfwatch *w, const struct selfwatch_facts *f, struct instant now)
{
	w->limits.now = f->matcher.limits;
	w->unmatched.now = f->matcher.unmatched;
	w->logins.now = f->logins;
	if (risen(&w->limits) > 0)
		raise_warning(
			w, WARNING_REGEX, "", now,
			"%llu lines were given up, for a filter's regex took too long on them",
			(unsigned long long)risen(&w->limits));
	if (risen(&w->unmatched) >= UNMATCHED_LEAST &&
	    risen(&w->unmatched) * UNMATCHED_PART > risen(&w->logins))
		raise_warning(
			w, WARNING_UNMATCHED, "", now,
			"%llu lines look like logins and no filter takes them (%llu it took): "
			"`postern test FILE` shows them",
			(unsigned long long)risen(&w->unmatched),
			(unsigned long long)risen(&w->logins));
}

static void look_at_geoip(struct selfwatch *w, int64_t built_s, struct instant now)
{
	int64_t days = (instant_s(now) - built_s) / DAY;

	if (built_s == 0)
		return;
	if (days > SELFWATCH_GEOIP_DAYS)
		raise_warning(w, WARNING_GEOIP, "", now,
			      "the country database is %lld days old: countries may be wrong",
			      (long long)days);
	else
		wake_at(w, (built_s + (SELFWATCH_GEOIP_DAYS + 1) * (int64_t)DAY) * 1000);
}

static void look_at_hands(struct selfwatch *w, const struct selfwatch_facts *f, struct instant now)
{
	if (f->store)
		raise_warning(w, WARNING_STORE, "", now, "%s", f->store);
	for (size_t i = 0; i < f->n_actions; i++)
		if (f->action[i].trouble)
			raise_warning(w, WARNING_ACTION, f->action[i].name, now, "action %s: %s",
				      f->action[i].name, f->action[i].trouble);
	if (f->brake)
		raise_warning(w, WARNING_BRAKE, "", now,
			      "the brake is on, for there were too many decisions at once: none is "
			      "applied until `postern resume`");
}

/* A tally that has risen falls back by itself. */
static void note_roll(struct selfwatch *w)
{
	bool any = risen(&w->limits) > 0 || risen(&w->unmatched) > 0;

	for (size_t i = 0; i < w->n_sources; i++)
		any = any || risen(&w->source[i].lost) > 0;
	if (any)
		wake_at(w, w->rolled.ms + SELFWATCH_RECENT_S * INT64_C(1000));
}

void selfwatch_look(struct selfwatch *w, const struct selfwatch_facts *facts, struct instant now)
{
	size_t n = facts->n_sources;

	w->due = INSTANT_NONE;
	roll_all(w, now);
	look_for_silence(w, facts, now);
	for (size_t i = 0; i < n && i < SELFWATCH_SOURCES_MOST; i++)
		look_at_source(w, &facts->source[i], now);
	look_at_lines(w, facts, now);
	look_at_geoip(w, facts->geoip_built_s, now);
	look_at_hands(w, facts, now);
	note_roll(w);
	end_others(w);
}

int64_t selfwatch_next(const struct selfwatch *w, struct instant now)
{
	return instant_left_ms(w->due, now);
}

const struct warning *selfwatch_warning(const struct selfwatch *w, size_t i)
{
	return i < w->n_raised ? &w->raised[i].warning : NULL;
}
