/* client.h - the tool's side of the control socket: one request, its answer, printed */
#pragma once

#include "core/cli/request.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* An option of one verb, beside --socket, --json and --help; it goes into the request. */
enum client_flag_type {
	CLIENT_TRUTH,  /* bool */
	CLIENT_NUMBER, /* int64_t: a whole number above 0 */
	CLIENT_TIME,   /* struct instant: as instant_parse() takes it */
};

struct client_flag {
	const char *name;
	enum client_flag_type type;
	size_t offset; /* in struct request */
};

struct client_verb {
	enum request_verb verb;
	const char *help; /* what --help prints */
	const struct client_flag *flag;
	size_t n_flags;
	/* Takes the arguments behind the options; NULL: there are none. -1: they are wrong. */
	int (*arguments)(struct request *r, int argc, char **argv, struct err *err);
	/*
	 * Prints the objects of the answer for people; returns the exit status. `colour`: escapes for a
	 * terminal are welcome.
	 */
	int (*show)(const json_t *objects, bool colour, FILE *out);
};

/* The whole life of a verb of the daemon: reads the command line, asks, prints. The exit status. */
int client_run(const struct client_verb *verb, int argc, char **argv);

/* The first object of that key: {"KEY":{...}} gives what is inside; NULL where there is none. */
const json_t *client_find(const json_t *objects, const char *key);
/* How many there are. */
size_t client_count(const json_t *objects, const char *key);

/*
 * A field as text that a terminal may see: texts cleaned, times in local time, numbers; "a.b" is b of
 * the object a. "" where it is missing. The caller's to free.
 */
enum show_kind {
	SHOW_TEXT,
	SHOW_COUNT, /* a whole number; nothing for 0 */
	SHOW_RATE,  /* one decimal; nothing for 0 */
	SHOW_SHARE, /* of 1, in percent */
	SHOW_TIME,
	SHOW_SPAN,  /* seconds */
	SHOW_TRUTH, /* "yes", or nothing */
};
/* Prints `before`, the field and `after`; nothing at all where the field is missing or empty. */
void field_print(FILE *out, const char *before, const json_t *object, const char *key,
		 enum show_kind kind, const char *after);

struct client_column {
	const char *head, *key;
	enum show_kind kind;
};

/* A table of all objects of that key, in their order; columns without values are left out. */
void client_table(const json_t *objects, const char *key, const char *title,
		  const struct client_column *column, size_t n, FILE *out);
