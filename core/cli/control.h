/* control.h - the daemon's control socket: requests in, answers out */
#pragma once

#include "core/base/err.h"
#include "core/base/pack.h"
#include "core/cli/request.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

enum {
	CONTROL_CLIENTS_MOST = 16,
	CONTROL_REQUEST_MOST = 64 * 1024,      /* bytes of a request, without its newline */
	CONTROL_ANSWER_MOST = 8 * 1024 * 1024, /* bytes that wait for one client */
	CONTROL_SEND_MS = 10 * 1000,  /* to send a request, and to take a piece of an answer */
	CONTROL_LATER_MS = 60 * 1000, /* how long an answer may be put off */
};

/* An answer, or a piece of one, as it is made up. */
struct reply {
	struct pack lines;
	bool refused;
};

/* One more object of the answer, which goes with it. */
void reply_add(struct reply *reply, json_t *object);
/* Ends the answer with an error; `hint` says what to do about it, NULL where there is nothing. */
void reply_refuse(struct reply *reply, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

enum answer {
	ANSWER_DONE,  /* it is complete, or refused */
	ANSWER_MORE,  /* ask again, with the same cursor, when the client has taken this piece */
	ANSWER_LATER, /* control_answer_later() will say */
};

struct control_options {
	int fd; /* a listening UNIX socket; the control's from here on */
	gid_t group; /* whose members may ask, beside root and this process's own user; (gid_t)-1: none */
	/* *cursor is 0 at first, and then what the last call left in it. */
	enum answer (*answer)(void *ctx, const struct request *request, uint64_t *cursor,
			      struct reply *reply);
	void *ctx;
};

struct control;

/*
 * Answers on the loop from here on. SIGPIPE has to be ignored. A client that sends what is no
 * request is told so; one that is too slow, either way, is dropped; neither holds up the loop.
 */
int control_new(struct control **out, uv_loop_t *loop, const struct control_options *options,
		struct err *err);
/* Drops all clients; the memory goes when the loop has closed the last of them. NULL is fine. */
void control_close(struct control *c);

/* Ends the answers that were put off: well (NULL), or with an error. */
void control_answer_later(struct control *c, const struct err *err);
size_t control_clients(const struct control *c);

/* May a process with these credentials ask? A question of its own, for the tests. */
bool control_allows(uid_t own, gid_t group, uid_t uid, const gid_t *groups, size_t n);
/* One request line to one reply, without a client: what control does with each line. */
enum answer control_answer(const struct control_options *o, struct slice line, struct request *r,
			   uint64_t *cursor, struct reply *reply);
