/* request.h - what can be asked of the daemon: one JSON object on a line */
#pragma once

#include "core/base/instant.h"
#include "core/base/slice.h"

#include <jansson.h>
#include <stdbool.h>

/* The order is that of verb_names in request.c. */
enum request_verb {
	REQUEST_STATUS,
	REQUEST_TOP,
	REQUEST_EXPLAIN,
	REQUEST_BAN,
	REQUEST_UNBAN,
	REQUEST_IGNORE,
	REQUEST_RELOAD,
	REQUEST_HISTORY,
	REQUEST_RESUME,
	REQUEST_VERBS
};

enum {
	REQUEST_TEXT_MOST = 512,       /* bytes of one text */
	REQUEST_LIMIT_MOST = 10000,    /* rows of `top` */
	REQUEST_FOR_S_MOST = 315360000 /* ten years; for longer there is "forever" */
};

/* What is not said is NULL, false, 0 or INSTANT_NONE. */
struct request {
	enum request_verb verb;
	const char *subject;      /* a user, an address or a prefix */
	const char *because;      /* what the administrator says */
	const char *add, *remove; /* an entry of the list of whom postern leaves alone */
	int64_t for_s; /* how long a ban lasts; FOREVER (core/rule/jail.h); 0: the usual time */
	struct instant since;
	int64_t limit;
	bool rules, forget, release, purge;
	json_t *root; /* what the texts are borrowed from; NULL where somebody else keeps them */
};

/*
 * Reads a line, without its newline, as hostile text: an unknown verb or key, a key that comes
 * twice, a value of the wrong kind or with control characters is an error that says what was
 * expected. On success the request is to be given to request_fini().
 */
int request_parse(struct request *r, struct slice line, struct err *err);
void request_fini(struct request *r);
/* The object that request_parse() reads back; the caller's. */
json_t *request_json(const struct request *r);

const char *request_verb_name(enum request_verb verb);
