/* conf.h - configuration files: libconfuse, with errors that carry the administrator */
#pragma once

#include "core/base/err.h"

#include <confuse.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * One row of a schema. Values are kept as libconfuse keeps them; spans, sizes and choices stay
 * text there, but are checked while the file is read, so that the error has the line.
 */
#define CONF_TEXT(n, d)                                                \
	{                                                              \
		.name = (n), .type = CFGT_STR, .def = {.string = (d) } \
	}
#define CONF_TEXTS(n)                                             \
	{                                                         \
		.name = (n), .type = CFGT_STR, .flags = CFGF_LIST \
	}
#define CONF_SPAN(n, d)                                                                          \
	{                                                                                        \
		.name = (n), .type = CFGT_STR, .def = { .string = (d) }, .validcb = conf_is_span \
	}
#define CONF_COUNT(n, d)                                                                          \
	{                                                                                         \
		.name = (n), .type = CFGT_STR, .def = { .string = (d) }, .validcb = conf_is_count \
	}
#define CONF_BOOL(n, d)                                                  \
	{                                                                \
		.name = (n), .type = CFGT_BOOL, .def = {.boolean = (d) } \
	}
#define CONF_CHECKED(n, d, check)                                                           \
	{                                                                                   \
		.name = (n), .type = CFGT_STR, .def = { .string = (d) }, .validcb = (check) \
	}
#define CONF_CHECKED_LIST(n, check)                                                   \
	{                                                                             \
		.name = (n), .type = CFGT_STR, .flags = CFGF_LIST, .validcb = (check) \
	}
/* Sections with a title, which comes once in a file; in a later file it changes the first. */
#define CONF_SECTION(n, o)                                                             \
	{                                                                              \
		.name = (n), .type = CFGT_SEC,                                         \
		.flags = CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES, .subopts = (o) \
	}
#define CONF_END()                              \
	{                                       \
		.name = NULL, .type = CFGT_NONE \
	}

/*
 * Reads `paths` one after the other into one tree: what a later one sets, also in a section of
 * the same name, replaces what was there. An unknown key, a value of the wrong form or a syntax
 * error ends it with "file:line: what was found, what was expected". On success *out is the
 * caller's, to be given to cfg_free().
 */
int conf_load(cfg_t **out, cfg_opt_t *schema, const char *const *paths, size_t n, struct err *err);
/* The same for text in memory, called `name` in errors. */
int conf_load_text(cfg_t **out, cfg_opt_t *schema, const char *name, const char *text,
		   struct err *err);

/* Every *.conf of `dir` in alphabetical order; the array and its texts are the caller's. */
int conf_dir(char ***paths, size_t *n, const char *dir, struct err *err);
void conf_dir_free(char **paths, size_t n);

/*
 * For sections whose keys are not known before they are read: `ask` (NULL: nobody) is asked, in
 * this thread, for each key that the schema lacks. 1: the schema has it from now on, and loading
 * ends with err->code EAGAIN, to be begun again; 0: it is unknown; -1: it is refused as *err says.
 */
typedef int conf_unknown(cfg_t *section, const char *key, struct err *err);
void conf_ask_unknown(conf_unknown *ask);

/* For checks while a file is read: reports at the current line and returns -1. */
int conf_refuse(cfg_t *cfg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* For checks after it: "file: section "title": ..." in *err; returns -1. */
int conf_err(struct err *err, cfg_t *section, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The value that is being checked: the newest of `opt`. */
const char *conf_value(cfg_opt_t *opt);
int conf_is_span(cfg_t *cfg, cfg_opt_t *opt);
int conf_is_count(cfg_t *cfg, cfg_opt_t *opt);

/* Values that were checked by the schema. */
int64_t conf_span_s(cfg_t *cfg, const char *name);
int64_t conf_count(cfg_t *cfg, const char *name);
/* True where a file gave a value, be it the default's own or an empty list. */
bool conf_is_set(cfg_t *cfg, const char *name);

/* The word of the list that is nearest to `word`, or NULL where none is near. */
const char *conf_nearest(const char *word, const char *const *words, size_t n);
