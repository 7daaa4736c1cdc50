/*
 * literal - what a line must hold before its regex is worth a try
 *
 * Reads a regex once from left to right, when a filter is loaded; the prefilter then searches
 * for the result. A run is a row of plain characters that a match holds side by side. It goes
 * on through groups that are required and have one alternative, and ends at whatever else
 * matches something; the longest run wins. Of a group that turns out to be optional, or to have
 * alternatives, nothing is kept: what was known before it is put back.
 *
 * The answer may miss a literal, but never name a wrong one, so all that is not plainly
 * understood makes it 0. Bytes from 0x80 on end a run: whether a quantifier behind them
 * means a byte or a character depends on how the regex is compiled.
 * BUGS: \Q..\E is not read; a run of one alternative that others share is not found.
 */
#include "core/filter/literal.h"

#include "core/base/mem.h"

#include <ctype.h>

enum { DEPTH_MOST = 32 };

/* PLAIN: reader.plain is the character. OPAQUE: something that ends the run. */
enum atom { UNKNOWN, PLAIN, OPAQUE };

enum times { UNCLEAR, ONCE, MAYBE, REPEATED };

struct runs {
	char run[LITERAL_LONGEST], best[LITERAL_LONGEST];
	size_t run_len, best_len;
};

struct reader {
	const char *p; /* what is still to be read */
	char plain;
	int depth;
	struct runs runs;
};

static void end_run(struct runs *r)
{
	if (r->run_len > r->best_len) {
		memcpy(r->best, r->run, r->run_len);
		r->best_len = r->run_len;
	}
	r->run_len = 0;
}

static void add_plain(struct runs *r, char c)
{
	if (r->run_len < sizeof(r->run))
		r->run[r->run_len++] = c;
}

static bool is_one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

static bool skip_behind(struct reader *r, char closing)
{
	const char *at = strchr(r->p, closing);

	if (at)
		r->p = at + 1;
	return at;
}

/* {n}, {n,} or {n,m}, with r->p at the brace. */
static enum times read_braces(struct reader *r)
{
	const char *p = r->p + 1, *digits = p;
	bool some = false;

	for (; isdigit((unsigned char)*p); p++)
		some |= *p != '0';
	if (p == digits)
		return UNCLEAR;
	if (*p == ',')
		for (p++; isdigit((unsigned char)*p); p++)
			;
	if (*p != '}')
		return UNCLEAR;
	r->p = p + 1;
	return some ? REPEATED : MAYBE;
}

/* How often the atom before r->p is matched; lazy or possessive makes no difference. */
static enum times read_times(struct reader *r)
{
	enum times times;

	if (*r->p == '{')
		times = read_braces(r);
	else if (is_one_of(*r->p, "?*+"))
		times = *r->p++ == '+' ? REPEATED : MAYBE;
	else
		return ONCE;
	if (is_one_of(*r->p, "?+"))
		r->p++;
	return times;
}

/* What closes the argument of a \x, \o, \p, \P or \k that is opened by `c`, or 0. */
static char closing_of(char letter, char c)
{
	if (c == '{')
		return '}';
	if (letter == 'k' && c == '<')
		return '>';
	return letter == 'k' && c == '\'' ? '\'' : 0;
}

/* With r->p behind the letter. */
static bool skip_argument(struct reader *r, char letter)
{
	char closing = closing_of(letter, *r->p);

	if (closing) {
		r->p++;
		return skip_behind(r, closing);
	}
	if (letter == 'x') {
		for (int i = 0; i < 2 && isxdigit((unsigned char)*r->p); i++)
			r->p++;
		return true;
	}
	if (letter != 'p' && letter != 'P')
		return false;
	return *r->p && r->p++;
}

static enum atom read_escape(struct reader *r)
{
	char c = *++r->p;

	if (!c)
		return UNKNOWN;
	r->p++;
	if ((unsigned char)c >= 0x80)
		return OPAQUE;
	if (!isalnum((unsigned char)c)) {
		r->plain = c;
		return PLAIN;
	}
	if (is_one_of(c, "dDwWsShHvVRXbBAzZGKntrfae"))
		return OPAQUE;
	if (c == 'N' && *r->p != '{')
		return OPAQUE;
	if (c >= '1' && c <= '9' && !isdigit((unsigned char)*r->p))
		return OPAQUE;
	return is_one_of(c, "xopPk") && skip_argument(r, c) ? OPAQUE : UNKNOWN;
}

/* [:name:] within a class. Other uses of "[:", "[." and "[=" are unclear. */
static bool skip_posix_class(struct reader *r)
{
	const char *p = r->p + 2;

	if (r->p[1] != ':')
		return false;
	if (*p == '^')
		p++;
	while (isalpha((unsigned char)*p))
		p++;
	if (p[0] != ':' || p[1] != ']')
		return false;
	r->p = p + 2;
	return true;
}

static enum atom read_class(struct reader *r)
{
	r->p++;
	if (*r->p == '^')
		r->p++;
	if (*r->p == ']')
		r->p++; /* the first is a member */
	while (*r->p != ']') {
		if (!*r->p)
			return UNKNOWN;
		if (*r->p == '\\') {
			if (!r->p[1] || is_one_of(r->p[1], "QEc"))
				return UNKNOWN;
			r->p += 2;
		} else if (*r->p == '[' && is_one_of(r->p[1], ":.=")) {
			if (!skip_posix_class(r))
				return UNKNOWN;
		} else {
			r->p++;
		}
	}
	r->p++;
	return OPAQUE;
}

/* CONTENTS: part of the match. ASIDE: read, and forgotten. ALONE: it has no contents. */
enum group { STRANGE, CONTENTS, ASIDE, ALONE };

/* The longer of two that begin alike comes first. `name_end`: a name up to there follows. */
static const struct opening {
	const char *text;
	enum group group;
	char name_end;
} openings[] = {
	{ "?:", CONTENTS, 0 },    { "?>", CONTENTS, 0 },    { "?=", ASIDE, 0 },
	{ "?!", ASIDE, 0 },       { "?<=", ASIDE, 0 },      { "?<!", ASIDE, 0 },
	{ "?P=", ALONE, ')' },    { "?P<", CONTENTS, '>' }, { "?<", CONTENTS, '>' },
	{ "?'", CONTENTS, '\'' },
};

/* (?#...), which may not come between an atom and its quantifier. */
static enum group read_comment(struct reader *r)
{
	return skip_behind(r, ')') && !is_one_of(*r->p, "?*+{") ? ALONE : STRANGE;
}

/* (?flags) or (?flags:...), of which those count that change no character's meaning. */
static enum group read_flags(struct reader *r)
{
	enum group group;

	for (r->p++; is_one_of(*r->p, "msJU"); r->p++)
		;
	group = *r->p == ')' ? ALONE : *r->p == ':' ? CONTENTS : STRANGE;
	if (group != STRANGE)
		r->p++;
	return group;
}

static bool skip_name(struct reader *r, char closing)
{
	while (isalnum((unsigned char)*r->p) || *r->p == '_')
		r->p++;
	return *r->p == closing && r->p++;
}

/* With r->p behind the parenthesis; leaves it at the contents, or behind all of it (ALONE). */
static enum group read_opening(struct reader *r)
{
	if (*r->p == '*')
		return STRANGE;
	if (*r->p != '?')
		return CONTENTS;
	for (size_t i = 0; i < COUNT(openings); i++) {
		const struct opening *o = &openings[i];
		size_t len = strlen(o->text);

		if (strncmp(r->p, o->text, len) != 0)
			continue;
		r->p += len;
		return !o->name_end || skip_name(r, o->name_end) ? o->group : STRANGE;
	}
	if (r->p[1] == '#')
		return read_comment(r);
	if (r->p[1] != '(')
		return read_flags(r);
	r->p++; /* to the condition, which is read as a group in this one */
	return ASIDE;
}

static bool read_alternatives(struct reader *r, bool *several);

static bool read_group(struct reader *r)
{
	struct runs before = r->runs;
	bool several;
	enum group group;
	enum times times;

	r->p++;
	group = read_opening(r);
	if (group == STRANGE)
		return false;
	if (group == ALONE) {
		end_run(&r->runs);
		return read_times(r) != UNCLEAR;
	}
	if (++r->depth > DEPTH_MOST || !read_alternatives(r, &several) || *r->p != ')')
		return false;
	r->depth--;
	r->p++;
	times = read_times(r);
	if (group == ASIDE || several || times == MAYBE)
		r->runs = before;
	if (group == ASIDE || several || times != ONCE)
		end_run(&r->runs);
	return times != UNCLEAR;
}

static enum atom read_atom(struct reader *r)
{
	if (*r->p == '\\')
		return read_escape(r);
	if (*r->p == '[')
		return read_class(r);
	if (is_one_of(*r->p, "?*+{"))
		return UNKNOWN;
	r->plain = *r->p++;
	return (unsigned char)r->plain >= 0x80 || is_one_of(r->plain, ".^$") ? OPAQUE : PLAIN;
}

static bool read_quantified(struct reader *r)
{
	enum atom atom = read_atom(r);
	enum times times = atom == UNKNOWN ? UNCLEAR : read_times(r);

	if (times == UNCLEAR)
		return false;
	if (atom == PLAIN && times != MAYBE)
		add_plain(&r->runs, r->plain);
	if (atom != PLAIN || times != ONCE)
		end_run(&r->runs);
	return true;
}

/* Up to the end of the regex or to the parenthesis that closes this group. */
static bool read_alternatives(struct reader *r, bool *several)
{
	*several = false;
	while (*r->p && *r->p != ')') {
		if (*r->p == '|') {
			*several = true;
			r->p++;
		} else if (!(*r->p == '(' ? read_group(r) : read_quantified(r))) {
			return false;
		}
	}
	return true;
}

size_t literal_required(const char *regex, char out[LITERAL_LONGEST + 1])
{
	struct reader r = { .p = regex };
	bool several;

	if (!read_alternatives(&r, &several) || several || *r.p)
		return 0;
	end_run(&r.runs);
	if (r.runs.best_len < LITERAL_LEAST)
		return 0;
	memcpy(out, r.runs.best, r.runs.best_len);
	out[r.runs.best_len] = '\0';
	return r.runs.best_len;
}
