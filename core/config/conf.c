/*
 * conf - configuration files: libconfuse, with errors that carry the administrator
 *
 * libconfuse reads the syntax; this file adds what an administrator needs when it is wrong:
 * the file and line, what was found, what was expected, and for a key that does not exist the
 * one that was probably meant. The modules that own a section keep its schema beside the code
 * that uses it, and get it checked while the file is read.
 *
 * Each file is read into a tree of its own, then merged into the whole: libconfuse itself would
 * replace a section that comes again, with all that was in it.
 *
 * BUGS: libconfuse's error callback takes no argument of ours, so the error in the making is a
 * thread-local; only the first of a file is reported. Nor does it let a section take keys that are
 * found out while it is read: who wants that adds them to the schema and has all read again.
 */
#include "core/config/conf.h"

#include "core/base/instant.h"
#include "core/base/mem.h"
#include "core/base/slice.h"
#include "core/config/outline.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { NEAR_MOST = 3, WORD_MOST = 40, FILE_MOST = 4 << 20, NAMES_MOST = 64 };

static _Thread_local struct err *current;
static _Thread_local conf_unknown *ask_unknown;

/* Levenshtein distance of two short words; NEAR_MOST + 1 where one is too long to compare. */
static size_t word_distance(const char *a, const char *b)
{
	size_t row[WORD_MOST + 1], la = strlen(a), lb = strlen(b);

	if (la > WORD_MOST || lb > WORD_MOST)
		return NEAR_MOST + 1;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t change = corner + (a[i - 1] != b[j - 1]);
			size_t least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;

			corner = row[j];
			row[j] = change < least ? change : least;
		}
	}
	return row[lb];
}

const char *conf_nearest(const char *word, const char *const *words, size_t n)
{
	size_t least = strlen(word) / 2 + 1;
	const char *nearest = NULL;

	if (least > NEAR_MOST + 1)
		least = NEAR_MOST + 1;
	for (size_t i = 0; i < n; i++) {
		size_t d = word_distance(word, words[i]);

		if (d < least) {
			least = d;
			nearest = words[i];
		}
	}
	return nearest;
}

/* "unknown key ..." with the nearest key of this section, or all of them. */
static void describe_unknown(cfg_t *cfg, const char *key, char *buf, size_t size)
{
	const char *names[NAMES_MOST], *nearest;
	size_t n = 0, used;

	for (cfg_opt_t *opt = cfg->opts; opt->name && n < NAMES_MOST; opt++)
		names[n++] = opt->name;
	nearest = conf_nearest(key, names, n);
	used = (size_t)snprintf(buf, size, "unknown key \"%.64s\"; ", key);
	if (nearest) {
		(void)snprintf(buf + used, size - used, "did you mean \"%s\"?", nearest);
		return;
	}
	used += (size_t)snprintf(buf + used, size - used, "expected one of");
	for (size_t i = 0; i < n && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s %s", i ? "," : "", names[i]);
}

/* Returns the error's code; see conf_ask_unknown(). */
static int on_unknown(cfg_t *cfg, const char *key, char *text, size_t size)
{
	struct err err = { 0 };
	int answer = ask_unknown ? ask_unknown(cfg, key, &err) : 0;

	if (answer == 0)
		describe_unknown(cfg, key, text, size);
	else
		(void)snprintf(text, size, "%.390s", err.text);
	return answer > 0 ? EAGAIN : EINVAL;
}

void conf_ask_unknown(conf_unknown *ask)
{
	ask_unknown = ask;
}

/* What libconfuse says, and how an administrator is told; each takes one name. */
static const struct saying {
	const char *theirs, *ours;
} sayings[] = {
	{ "invalid boolean value", "%s: expected yes or no" },
	{ "found duplicate title", "\"%s\" is here already; expected each name once in a file" },
	{ "missing title", "expected a name behind \"%s\"" },
	{ "missing opening brace", "expected \"{\" behind the name of \"%s\"" },
	{ "missing equal sign", "expected \"=\" behind \"%s\"" },
	{ "unexpected token", "\"%s\" was not expected here" },
	{ "unexpected closing brace", "no section is open that this \"}\" could close" },
	{ "premature end of file", "expected more before the end of the file" },
};

__attribute__((format_arg(1))) static const char *our_saying(const char *theirs)
{
	for (size_t i = 0; i < COUNT(sayings); i++)
		if (strncmp(theirs, sayings[i].theirs, strlen(sayings[i].theirs)) == 0)
			return sayings[i].ours;
	return theirs;
}

/* Called by libconfuse for its own errors and, through cfg_error(), for ours. */
__attribute__((format(printf, 2, 0))) static void on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	const char *file = cfg && cfg->filename ? cfg->filename : "configuration";
	int line = cfg ? cfg->line : 0, code = EINVAL;
	char text[400];

	assert(current);
	if (current->code)
		return; /* the first says it best */
	if (cfg && strncmp(fmt, "no such option", 14) == 0)
		code = on_unknown(cfg, va_arg(ap, const char *), text, sizeof(text));
	else
		(void)vsnprintf(text, sizeof(text), our_saying(fmt), ap);
	err_set(current, code, "%s:%d: %s", file, line, text);
}

int conf_refuse(cfg_t *cfg, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	cfg_error(cfg, "%s", text);
	return -1;
}

int conf_err(struct err *err, cfg_t *section, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(err, EINVAL, "%s:%d: %s \"%s\": %s", section->filename, section->line,
		       cfg_name(section), cfg_title(section), text);
}

const char *conf_value(cfg_opt_t *opt)
{
	const char *value = cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);

	return value ? value : "";
}

int conf_is_span(cfg_t *cfg, cfg_opt_t *opt)
{
	struct err err;
	int64_t seconds;

	if (span_parse(&seconds, conf_value(opt), &err) < 0)
		return conf_refuse(cfg, "%s: %s", cfg_opt_name(opt), err.text);
	return 0;
}

int conf_is_count(cfg_t *cfg, cfg_opt_t *opt)
{
	long long n;

	if (!slice_number(slice_of(conf_value(opt)), &n) || n > INT32_MAX)
		return conf_refuse(cfg, "%s: expected a whole number from 0 on, not \"%s\"",
				   cfg_opt_name(opt), conf_value(opt));
	return 0;
}

int64_t conf_span_s(cfg_t *cfg, const char *name)
{
	const char *text = cfg_getstr(cfg, name);
	int64_t seconds = 0;
	struct err err;

	if (text && span_parse(&seconds, text, &err) < 0)
		assert(!"a span that the schema did not check");
	return seconds;
}

int64_t conf_count(cfg_t *cfg, const char *name)
{
	const char *text = cfg_getstr(cfg, name);
	long long n = 0;

	if (text && !slice_number(slice_of(text), &n))
		assert(!"a count that the schema did not check");
	return n;
}

bool conf_is_set(cfg_t *cfg, const char *name)
{
	cfg_opt_t *opt = cfg_getopt(cfg, name);

	return opt && opt->flags & CFGF_MODIFIED;
}

/* A config file is read whole first: libconfuse says nothing useful of one it can't read. */
static char *file_text(const char *path, struct err *err)
{
	struct stat st;
	char *text = NULL;
	size_t len;
	FILE *fp = fopen(path, "re");

	if (!fp) {
		err_set(err, errno, "%s: %s", path, strerror(errno));
		return NULL;
	}
	if (fstat(fileno(fp), &st) < 0 || !S_ISREG(st.st_mode)) {
		err_set(err, EINVAL, "%s: expected a file", path);
	} else if (st.st_size > FILE_MOST) {
		err_set(err, EFBIG, "%s: expected at most %d MB", path, FILE_MOST >> 20);
	} else {
		text = xcalloc((size_t)st.st_size + 1, 1);
		len = fread(text, 1, (size_t)st.st_size, fp);
		if (ferror(fp) || strlen(text) != len) {
			err_set(err, EINVAL, "%s: expected text, found a NUL byte", path);
			free(text);
			text = NULL;
		}
	}
	(void)fclose(fp);
	return text;
}

/* libconfuse leaves the line of its end in a section; people look for its beginning. */
static void set_lines(cfg_t *cfg, const struct outline *o, unsigned int depth)
{
	for (cfg_opt_t *opt = cfg->opts; opt->name; opt++) {
		for (unsigned int i = 0; opt->type == CFGT_SEC && i < opt->nvalues; i++) {
			cfg_t *section = opt->values[i]->section;

			section->line = outline_begin(o, depth, section->line);
			set_lines(section, o, depth + 1);
		}
	}
}

static int check_names(cfg_t *cfg, struct err *err)
{
	for (cfg_opt_t *opt = cfg->opts; opt->name; opt++) {
		for (unsigned int i = 0; opt->type == CFGT_SEC && i < opt->nvalues; i++) {
			cfg_t *section = opt->values[i]->section;

			if (cfg_title(section) && !*cfg_title(section))
				return err_set(err, EINVAL, "%s:%d: %s \"\": expected a name",
					       section->filename, section->line, opt->name);
			if (check_names(section, err) < 0)
				return -1;
		}
	}
	return 0;
}

static int parse_text(cfg_t *cfg, const char *name, const char *text, struct err *err)
{
	struct outline outline = { 0 };
	char *bare = xstrdup(text); /* of comments */
	FILE *fp = NULL;
	int ret = -1;

	*err = (struct err){ 0 };
	free(cfg->filename);
	cfg->filename = xstrdup(name);
	if (outline_read(&outline, name, bare, err) < 0)
		goto out;
	/* cfg_parse_buf() would call the text "[buf]"; an empty one can't be a stream. */
	fp = *bare ? fmemopen(bare, strlen(bare), "r") : NULL;
	if (*bare && !fp) {
		err_set(err, errno, "%s: %s", name, strerror(errno));
		goto out;
	}
	current = err;
	if (fp && cfg_parse_fp(cfg, fp) != CFG_SUCCESS && !err->code)
		err_set(err, EINVAL, "%s:%d: syntax error", name, cfg->line);
	current = NULL;
	set_lines(cfg, &outline, 1);
	ret = err->code ? -1 : check_names(cfg, err);
out:
	if (fp)
		(void)fclose(fp);
	outline_fini(&outline);
	free(bare);
	return ret;
}

int conf_load_text(cfg_t **out, cfg_opt_t *schema, const char *name, const char *text,
		   struct err *err)
{
	cfg_t *cfg = cfg_init(schema, CFGF_NONE);

	(void)cfg_set_error_function(cfg, on_error);
	if (parse_text(cfg, name, text, err) < 0) {
		cfg_free(cfg);
		return -1;
	}
	*out = cfg;
	return 0;
}

static void merge(cfg_t *into, cfg_t *from);

/* Sections that `into` has are merged, others move there; what stays behind is freed with `from`. */
static void merge_sections(cfg_opt_t *into, cfg_opt_t *from)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < from->nvalues; i++) {
		cfg_t *section = from->values[i]->section;
		cfg_t *same = cfg_opt_gettsec(into, cfg_title(section));

		if (same) {
			merge(same, section);
			from->values[kept++] = from->values[i];
			continue;
		}
		into->values = xrealloc(into->values, into->nvalues + 1, sizeof(*into->values));
		into->values[into->nvalues++] = from->values[i];
		into->flags |= CFGF_MODIFIED;
	}
	from->nvalues = kept;
}

/* What `from` sets replaces what `into` has; both are of one schema. Errors then name the later. */
static void merge(cfg_t *into, cfg_t *from)
{
	char *filename = into->filename;

	into->filename = from->filename;
	from->filename = filename;
	into->line = from->line;
	for (size_t i = 0; from->opts[i].name; i++) {
		cfg_opt_t *ours = &into->opts[i], *theirs = &from->opts[i], swap = *ours;

		if (ours->type == CFGT_SEC) {
			merge_sections(ours, theirs);
		} else if (theirs->flags & CFGF_MODIFIED) {
			ours->values = theirs->values;
			ours->nvalues = theirs->nvalues;
			ours->flags = theirs->flags;
			theirs->values = swap.values;
			theirs->nvalues = swap.nvalues;
		}
	}
}

int conf_load(cfg_t **out, cfg_opt_t *schema, const char *const *paths, size_t n, struct err *err)
{
	cfg_t *cfg = cfg_init(schema, CFGF_NONE), *next;

	(void)cfg_set_error_function(cfg, on_error);
	for (size_t i = 0; i < n; i++) {
		char *text = file_text(paths[i], err);
		int ret = text ? conf_load_text(&next, schema, paths[i], text, err) : -1;

		free(text);
		if (ret < 0) {
			cfg_free(cfg);
			return -1;
		}
		merge(cfg, next);
		cfg_free(next);
	}
	*out = cfg;
	return 0;
}

static int is_conf(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

int conf_dir(char ***paths, size_t *n, const char *dir, struct err *err)
{
	struct dirent **entries;
	int found = scandir(dir, &entries, is_conf, alphasort);

	if (found < 0)
		return err_set(err, errno, "%s: %s", dir, strerror(errno));
	*paths = xcalloc((size_t)found, sizeof(**paths));
	*n = (size_t)found;
	for (int i = 0; i < found; i++) {
		(*paths)[i] = xasprintf("%s/%s", dir, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return 0;
}

void conf_dir_free(char **paths, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(paths[i]);
	free(paths);
}
