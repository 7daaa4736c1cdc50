/*
 * filter - filter files: which lines are which events
 *
 * A filter file is libconfuse text; each `match` in it is one regex for one kind of line. Here
 * they are read, checked and compiled; matcher.c runs them. A regex has to begin with "^": text
 * that an attacker puts inside a user name then can't pose as the start of another line. The
 * loader of fail2ban's filters will make the same struct filter_match from another syntax.
 */
#include "core/filter/filter.h"

#include "core/base/mem.h"
#include "core/config/conf.h"
#include "core/filter/literal.h"
#include "core/filter/matcher.h"
#include "core/filter/prefilter.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>

static int is_event(cfg_t *cfg, cfg_opt_t *opt)
{
	if (event_kind_named(conf_value(opt)) < 0)
		return conf_refuse(
			cfg,
			"event: expected login, failure, message, queued, bounce, removed, "
			"logout, offence, connect or disconnect, not \"%s\"",
			conf_value(opt));
	return 0;
}

static int is_literal(cfg_t *cfg, cfg_opt_t *opt)
{
	size_t len = strlen(conf_value(opt));

	if (len < LITERAL_LEAST || len > LITERAL_LONGEST)
		return conf_refuse(cfg, "contains: expected %d to %d characters, not \"%s\"",
				   LITERAL_LEAST, LITERAL_LONGEST, conf_value(opt));
	return 0;
}

static int is_anchored(cfg_t *cfg, cfg_opt_t *opt)
{
	if (conf_value(opt)[0] != '^')
		return conf_refuse(
			cfg,
			"regex: expected \"^\" first, so that text inside a user name can't "
			"pose as the start of a line; found \"%.40s\"",
			conf_value(opt));
	return 0;
}

static cfg_opt_t match_schema[] = {
	CONF_CHECKED("regex", NULL, is_anchored),
	CONF_CHECKED("event", NULL, is_event),
	CONF_TEXTS("program"),
	CONF_CHECKED_LIST("contains", is_literal),
	CONF_TEXT("service", NULL),
	CONF_TEXT("method", NULL),
	CONF_TEXT("status", NULL),
	CONF_COUNT("recipients", NULL),
	CONF_TEXTS("example"),
	CONF_TEXTS("lookalike"),
	CONF_END(),
};

static cfg_opt_t filter_schema[] = {
	CONF_TEXTS("daemon"),
	CONF_BOOL("tagless", cfg_false),
	CONF_SECTION("match", match_schema),
	CONF_END(),
};

static cfg_opt_t file_schema[] = {
	CONF_SECTION("filter", filter_schema),
	CONF_END(),
};

/* Fields that a match may give as a constant. */
static const enum event_field constants[] = { FIELD_SERVICE, FIELD_METHOD, FIELD_STATUS,
					      FIELD_RECIPIENTS };

static struct texts texts_copy(struct arena *a, cfg_t *cfg, const char *name)
{
	struct texts t = { .n = cfg_size(cfg, name) };

	t.text = arena_alloc(a, t.n * sizeof(*t.text));
	for (size_t i = 0; i < t.n; i++)
		t.text[i] = arena_strdup(a, cfg_getnstr(cfg, name, (unsigned int)i));
	return t;
}

static int compile(struct filter_match *m, cfg_t *cfg, struct err *err)
{
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	PCRE2_UCHAR why[200];
	PCRE2_SIZE at;
	int code;

	/* A backtracking regex is bounded when it runs; here only its size is. */
	pcre2_set_max_pattern_length(context, 8192);
	/* The "^" in "^a|b" is the first alternative's alone: what is meant is PCRE2_ANCHORED. */
	m->code = pcre2_compile((PCRE2_SPTR)m->regex, PCRE2_ZERO_TERMINATED,
				PCRE2_ANCHORED | PCRE2_DUPNAMES | PCRE2_DOLLAR_ENDONLY |
					PCRE2_NEVER_BACKSLASH_C,
				&code, &at, context);
	pcre2_compile_context_free(context);
	if (!m->code) {
		(void)pcre2_get_error_message(code, why, sizeof(why));
		return conf_err(err, cfg, "regex: %s at character %zu: \"%.40s\"", (char *)why, at,
				m->regex + (at < strlen(m->regex) ? at : 0));
	}
	m->jit = pcre2_jit_compile(m->code, PCRE2_JIT_COMPLETE) == 0;
	return 0;
}

/* Notes which group numbers are which fields. */
static int map_groups(struct filter_match *m, cfg_t *cfg, struct err *err)
{
	uint32_t n, size;
	PCRE2_SPTR entry;

	(void)pcre2_pattern_info(m->code, PCRE2_INFO_NAMECOUNT, &n);
	(void)pcre2_pattern_info(m->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	(void)pcre2_pattern_info(m->code, PCRE2_INFO_NAMETABLE, &entry);
	for (; n > 0; n--, entry += size) {
		unsigned int group = (unsigned int)entry[0] << 8 | entry[1];
		int field = event_field_named((const char *)entry + 2);
		size_t i = 0;

		if (field < 0)
			return conf_err(
				err, cfg,
				"regex: no event field is called \"%s\"; expected user, ip, rdns, "
				"helo, service, method, queue_id, orig_queue_id, recipients, "
				"bytes, "
				"status, port or session",
				(const char *)entry + 2);
		while (i < FILTER_GROUPS_MOST && m->group[field][i])
			i++;
		if (i == FILTER_GROUPS_MOST || group > UINT8_MAX)
			return conf_err(err, cfg, "regex: expected at most %d groups called \"%s\"",
					FILTER_GROUPS_MOST, (const char *)entry + 2);
		m->group[field][i] = (uint8_t)group;
	}
	for (unsigned int field = 0; field < EVENT_FIELDS; field++)
		if (m->group[field][0])
			m->field[m->n_fields++] = (uint8_t)field;
	return 0;
}

static bool has_field(const struct filter_match *m, enum event_field field)
{
	return m->group[field][0] || m->constant[field].ptr;
}

/* What an event of each kind has to name, or nothing could be counted. */
static int check_fields(const struct filter_match *m, cfg_t *cfg, struct err *err)
{
	static const struct need {
		enum event_kind kind;
		enum event_field one, other; /* one of the two */
	} needs[] = {
		{ EVENT_LOGIN, FIELD_USER, FIELD_USER },
		{ EVENT_FAILURE, FIELD_IP, FIELD_USER },
		{ EVENT_MESSAGE, FIELD_USER, FIELD_SESSION },
		{ EVENT_QUEUED, FIELD_QUEUE_ID, FIELD_QUEUE_ID },
		{ EVENT_QUEUED, FIELD_RECIPIENTS, FIELD_ORIG_QUEUE_ID },
		{ EVENT_BOUNCE, FIELD_QUEUE_ID, FIELD_USER },
		{ EVENT_REMOVED, FIELD_QUEUE_ID, FIELD_QUEUE_ID },
		{ EVENT_LOGOUT, FIELD_USER, FIELD_USER },
		{ EVENT_OFFENCE, FIELD_IP, FIELD_IP },
		{ EVENT_CONNECT, FIELD_IP, FIELD_IP },
		{ EVENT_CONNECT, FIELD_SESSION, FIELD_SESSION },
		{ EVENT_DISCONNECT, FIELD_SESSION, FIELD_SESSION },
	};

	for (size_t i = 0; i < COUNT(needs); i++) {
		const struct need *need = &needs[i];
		bool two = need->one != need->other;

		if (need->kind != m->kind || has_field(m, need->one) || has_field(m, need->other))
			continue;
		return conf_err(err, cfg, "regex: event %s needs a group called \"%s\"%s%s%s",
				event_kind_name(m->kind), event_field_name(need->one),
				two ? " or \"" : "", two ? event_field_name(need->other) : "",
				two ? "\"" : "");
	}
	return 0;
}

/* "a|b", outside all parentheses and classes. */
static bool has_alternatives(const char *p)
{
	bool in_class = false;
	int depth = 0;

	for (; *p; p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (in_class)
			in_class = *p != ']';
		else if (*p == '|' && depth == 0)
			return true;
		else if (*p == '[')
			in_class = true;
		else if (*p == '(' || *p == ')')
			depth += *p == '(' ? 1 : -1;
	}
	return false;
}

/*
 * True where the message's first word is the queue id: then a line of a message that nobody
 * authenticated for is dropped without running the regex.
 */
static bool begins_with_queue_id(const struct filter_match *m)
{
	static const char start[] = "^(?<queue_id>";
	const char *p = m->regex;
	bool joins = m->kind == EVENT_QUEUED || m->kind == EVENT_BOUNCE || m->kind == EVENT_REMOVED;

	if (!joins || has_field(m, FIELD_ORIG_QUEUE_ID) || has_alternatives(p) ||
	    strncmp(p, start, sizeof(start) - 1) != 0)
		return false;
	for (p += sizeof(start) - 1; *p && *p != ')'; p++)
		if (*p == '(' || *p == '|')
			return false;
	return *p && (p[1] == ':' || p[1] == ' ');
}

static void find_literals(struct filter_match *m, struct arena *a, cfg_t *cfg)
{
	char text[LITERAL_LONGEST + 1];

	m->literals = texts_copy(a, cfg, "contains");
	if (m->literals.n || !literal_required(m->regex, text))
		return;
	m->literals.text = arena_alloc(a, sizeof(char *));
	m->literals.text[0] = arena_strdup(a, text);
	m->literals.n = 1;
}

static int match_load(struct filter_set *set, const struct filter *filter, cfg_t *cfg,
		      struct err *err)
{
	struct filter_match *m = arena_alloc(set->arena, sizeof(*m));
	const char *event = cfg_getstr(cfg, "event"), *regex = cfg_getstr(cfg, "regex");

	if (!event || !regex)
		return conf_err(err, cfg, "expected both \"regex\" and \"event\"");
	if (set->n_matches == FILTER_MATCHES_MOST)
		return conf_err(err, cfg, "expected at most %d matches in all filters",
				FILTER_MATCHES_MOST);
	m->filter = filter;
	m->name = arena_strdup(set->arena, cfg_title(cfg));
	m->kind = (enum event_kind)event_kind_named(event);
	m->regex = arena_strdup(set->arena, regex);
	m->programs = texts_copy(set->arena, cfg, "program");
	m->examples = texts_copy(set->arena, cfg, "example");
	m->lookalikes = texts_copy(set->arena, cfg, "lookalike");
	for (size_t i = 0; i < COUNT(constants); i++) {
		const char *value = cfg_getstr(cfg, event_field_name(constants[i]));

		if (value)
			m->constant[constants[i]] = slice_of(arena_strdup(set->arena, value));
	}
	if (m->examples.n == 0)
		return conf_err(err, cfg, "expected an example: a whole log line that it takes");
	find_literals(m, set->arena, cfg);
	set->match = xrealloc(set->match, set->n_matches + 1, sizeof(struct filter_match *));
	m->index = (uint16_t)set->n_matches;
	set->match[set->n_matches++] = m;
	if (compile(m, cfg, err) < 0 || map_groups(m, cfg, err) < 0 ||
	    check_fields(m, cfg, err) < 0)
		return -1;
	m->queue_first = begins_with_queue_id(m);
	return 0;
}

/* A message that does not say whose it is takes the user of its session: somebody has to know it. */
static int check_sessions(const struct filter_set *set, struct filter *f, cfg_t *cfg,
			  struct err *err)
{
	for (size_t i = 0; i < set->n_matches; i++)
		f->joins |= set->match[i]->filter == f && set->match[i]->kind == EVENT_CONNECT;
	for (size_t i = 0; i < set->n_matches && !f->joins; i++) {
		const struct filter_match *m = set->match[i];

		if (m->filter == f && m->kind == EVENT_MESSAGE && !has_field(m, FIELD_USER))
			return conf_err(err, cfg,
					"match \"%s\": a message without a group called \"user\" "
					"needs a match for the event connect beside it",
					m->name);
	}
	return 0;
}

static int filter_load(struct filter_set *set, const char *path, cfg_t *cfg, struct err *err)
{
	struct filter *f = arena_alloc(set->arena, sizeof(*f));

	f->name = arena_strdup(set->arena, cfg_title(cfg));
	f->path = arena_strdup(set->arena, path);
	f->daemons = texts_copy(set->arena, cfg, "daemon");
	f->tagless = cfg_getbool(cfg, "tagless");
	if (filter_set_find(set, f->name))
		return conf_err(err, cfg, "a filter of this name was already loaded from %s",
				filter_set_find(set, f->name)->path);
	if (f->daemons.n == 0 && !f->tagless)
		return conf_err(err, cfg,
				"expected \"daemon\", the program name in the syslog tag");
	if (cfg_size(cfg, "match") == 0)
		return conf_err(err, cfg, "expected at least one match");
	set->filter = xrealloc(set->filter, set->n_filters + 1, sizeof(struct filter *));
	set->filter[set->n_filters++] = f;
	for (unsigned int i = 0; i < cfg_size(cfg, "match"); i++)
		if (match_load(set, f, cfg_getnsec(cfg, "match", i), err) < 0)
			return -1;
	return check_sessions(set, f, cfg, err);
}

static int add_tree(struct filter_set *set, const char *path, cfg_t *cfg, struct err *err)
{
	for (unsigned int i = 0; i < cfg_size(cfg, "filter"); i++)
		if (filter_load(set, path, cfg_getnsec(cfg, "filter", i), err) < 0)
			return -1;
	return 0;
}

static struct filter_set *filter_set_new(void)
{
	struct filter_set *set = xcalloc(1, sizeof(*set));

	set->arena = arena_new();
	return set;
}

int filter_set_load_text(struct filter_set **out, const char *name, const char *text,
			 struct err *err)
{
	struct filter_set *set = filter_set_new();
	cfg_t *cfg = NULL;
	int ret = conf_load_text(&cfg, file_schema, name, text, err);

	if (ret == 0)
		ret = add_tree(set, name, cfg, err);
	cfg_free(cfg);
	if (ret < 0)
		filter_set_free(set);
	else
		*out = set;
	return ret;
}

int filter_set_load(struct filter_set **out, const char *dir, struct err *err)
{
	struct filter_set *set = filter_set_new();
	char **paths = NULL;
	size_t n = 0;
	int ret = conf_dir(&paths, &n, dir, err);

	for (size_t i = 0; i < n && ret == 0; i++) {
		const char *path = paths[i];
		cfg_t *cfg = NULL;

		ret = conf_load(&cfg, file_schema, &path, 1, err);
		if (ret == 0)
			ret = add_tree(set, path, cfg, err);
		cfg_free(cfg);
	}
	conf_dir_free(paths, n);
	if (ret == 0 && set->n_matches == 0)
		ret = err_set(err, ENOENT, "%s: expected at least one filter file (*.conf)", dir);
	if (ret < 0)
		filter_set_free(set);
	else
		*out = set;
	return ret;
}

void filter_set_free(struct filter_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->n_matches; i++)
		pcre2_code_free(set->match[i]->code);
	free(set->match);
	free(set->filter);
	arena_free(set->arena);
	free(set);
}

const struct filter *filter_set_find(const struct filter_set *set, const char *name)
{
	for (size_t i = 0; i < set->n_filters; i++)
		if (strcmp(set->filter[i]->name, name) == 0)
			return set->filter[i];
	return NULL;
}

static bool any_glob(const struct texts *globs, const char *text)
{
	for (size_t i = 0; i < globs->n; i++)
		if (fnmatch(globs->text[i], text, 0) == 0)
			return true;
	return false;
}

/* A word without '*' stands for every name that begins with it. */
static bool is_daemon(const struct texts *daemons, const char *program)
{
	for (size_t i = 0; i < daemons->n; i++)
		if (!strchr(daemons->text[i], '*') &&
		    strncmp(daemons->text[i], program, strlen(daemons->text[i])) == 0)
			return true;
	return any_glob(daemons, program);
}

bool filter_match_takes(const struct filter_match *match, struct slice program)
{
	char name[128];

	if (!program.ptr)
		return match->filter->tagless;
	if (program.len >= sizeof(name))
		return false;
	memcpy(name, program.ptr, program.len);
	name[program.len] = '\0';
	return is_daemon(&match->filter->daemons, name) &&
	       (match->programs.n == 0 || any_glob(&match->programs, name));
}

size_t filter_set_selftest(const struct filter_set *set,
			   void (*report)(void *ctx, const struct filter_match *match,
					  const char *line, const char *why),
			   void *ctx)
{
	struct matcher *matcher = matcher_new(set, 0);
	size_t failed = 0;

	for (size_t i = 0; i < set->n_matches; i++) {
		const struct filter_match *m = set->match[i];

		for (size_t k = 0; k < m->examples.n + m->lookalikes.n; k++) {
			bool example = k < m->examples.n;
			const char *line = example ? m->examples.text[k]
						   : m->lookalikes.text[k - m->examples.n];
			struct event event;
			bool took = matcher_line(matcher, slice_of(line), &event, NULL) &&
				    event.match == m;

			if (took == example)
				continue;
			failed++;
			if (report)
				report(ctx, m, line,
				       example ? "this example is not matched by it"
					       : "it matches this look-alike");
		}
	}
	matcher_free(matcher);
	return failed;
}
