/*
 * outline - where the sections of a configuration text begin
 *
 * libconfuse parses; this pass before it sees what libconfuse (3.3) lets by. It takes a string,
 * a comment or a section that never ends for one that ends with the file, so that half a jail
 * would silently be missing; it counts lines of comments more than once; it forgets where a section
 * began; it drops a "+" or "*" without quotes, so that news@* would be news@; and as every file
 * is read into a tree of its own, it could not tell "+=" from "=". The tokens are those of its
 * lexer (src/lexer.l).
 *
 * BUGS: a "${VARIABLE}" with a line break inside shifts the lines behind it by one.
 */
#include "core/config/outline.h"

#include "core/base/mem.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MOST = 32 }; /* deeper than any schema; what is inside has no outline */

static const char not_in_word[] = " #\"'\t\n\r={}()+,*";

struct reader {
	char *p;
	int line;
	unsigned int depth;
	int begin[DEPTH_MOST];
	bool is_list[DEPTH_MOST];
	bool after_equals; /* a brace that follows opens a list */
};

/* Steps over one character inside a string. */
static void step(struct reader *r)
{
	r->line += *r->p == '\n';
	r->p++;
}

/* Makes a comment's characters blanks, but for the ends of its lines. */
static void blank(struct reader *r, const char *end)
{
	for (; r->p < end; step(r))
		if (*r->p != '\n')
			*r->p = ' ';
}

/* "${...}", which may hold quotes; libconfuse replaces it by a variable of the environment. */
static bool skip_variable(struct reader *r)
{
	char *end = r->p[0] == '$' && r->p[1] == '{' ? strchr(r->p, '}') : NULL;

	if (!end)
		return false;
	r->p = end + 1;
	return true;
}

/* True where the string is closed. */
static bool skip_string(struct reader *r)
{
	char quote = *r->p++;

	while (*r->p && *r->p != quote) {
		if (*r->p == '\\' && r->p[1])
			step(r);
		else if (quote == '"' && skip_variable(r))
			continue;
		step(r);
	}
	return *r->p++ == quote;
}

static bool skip_comment(struct reader *r)
{
	const char *end = strstr(r->p + 2, "*/");

	if (end)
		blank(r, end + 2);
	return end;
}

static void add_block(struct outline *o, const struct reader *r)
{
	o->block = array_grow(o->block, o->n, &o->cap, sizeof(*o->block));
	o->block[o->n++] = (struct outline_block){ r->begin[r->depth], r->line, r->depth + 1 };
}

static void open_brace(struct reader *r)
{
	if (r->depth < DEPTH_MOST) {
		r->begin[r->depth] = r->line;
		r->is_list[r->depth] = r->after_equals;
	}
	r->depth++;
}

static void close_brace(struct outline *o, struct reader *r)
{
	if (r->depth == 0)
		return; /* libconfuse says so */
	if (--r->depth < DEPTH_MOST && !r->is_list[r->depth])
		add_block(o, r);
}

/* Steps over a word, or a comment that "//" begins: it has to stand alone. */
static void skip_word(struct reader *r)
{
	size_t len = strcspn(r->p, not_in_word);

	if (len > 1 && strspn(r->p, "/") == len)
		blank(r, r->p + strcspn(r->p, "\n"));
	else
		r->p += len ? len : 1;
}

static int read_token(struct outline *o, struct reader *r, const char *name, struct err *err)
{
	int line = r->line;
	char c = *r->p;

	if (c == '\n' || c == ' ' || c == '\t' || c == '\r') {
		step(r);
		return 0;
	}
	if (c == '#') {
		blank(r, r->p + strcspn(r->p, "\n"));
		return 0;
	}
	if (c == '/' && r->p[1] == '*')
		return skip_comment(r) ? 0
				       : err_set(err, EINVAL,
						 "%s:%d: this comment never ends; expected \"*/\"",
						 name, line);
	if (c == '+' && r->p[1] == '=')
		return err_set(err, EINVAL,
			       "%s:%d: expected \"=\" and the whole list: \"+=\" is not supported",
			       name, line);
	if (c == '+' || c == '*')
		return err_set(err, EINVAL,
			       "%s:%d: expected quotes around a value with a \"%c\" in it", name,
			       line, c);
	if (c == '{')
		open_brace(r);
	else if (c == '}')
		close_brace(o, r);
	r->after_equals = c == '=';
	if (c == '"' || c == '\'')
		return skip_string(r)
			       ? 0
			       : err_set(err, EINVAL,
					 "%s:%d: this string never ends; expected a closing %c",
					 name, line, c);
	if (!skip_variable(r))
		skip_word(r);
	return 0;
}

int outline_read(struct outline *o, const char *name, char *text, struct err *err)
{
	struct reader r = { .line = 1 };

	r.p = text;
	while (*r.p)
		if (read_token(o, &r, name, err) < 0)
			return -1;
	if (r.depth > 0)
		return err_set(err, EINVAL, "%s:%d: this \"{\" is never closed; expected a \"}\"",
			       name, r.begin[r.depth < DEPTH_MOST ? r.depth - 1 : DEPTH_MOST - 1]);
	return 0;
}

void outline_fini(struct outline *o)
{
	free(o->block);
	*o = (struct outline){ 0 };
}

int outline_begin(const struct outline *o, unsigned int depth, int end)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->block[i].end == end && o->block[i].depth == depth)
			return o->block[i].begin;
	return end;
}
