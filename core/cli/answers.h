/* answers.h - what the daemon answers to whom asks over its control socket */
#pragma once

#include "core/cli/control.h"
#include "core/cli/view.h"
#include "core/rule/user.h"

/* All borrowed. */
struct answers {
	struct view *view;
	void (*reload)(void *ctx); /* asked for; control_answer_later() tells how it went */
	/* Decisions or accounts were changed: hand out what is due, and take a checkpoint soon. */
	void (*changed)(void *ctx);
	void *ctx;
};

/* Answers one request, or goes on with it: see control_options.answer. */
enum answer answers_give(const struct answers *a, const struct request *request, struct instant now,
			 uint64_t *cursor, struct reply *reply);

/* The longer ones, each in a file of its own. */
void answer_status(const struct answers *a, struct instant now, struct reply *reply);
void answer_explain(const struct answers *a, const struct request *request, struct instant now,
		    struct reply *reply);

/* Adds {"KEY":object}: every object of an answer says what it is about. */
void answer_add(struct reply *reply, const char *key, json_t *object);
/* A decision with the state of each of its actions. */
json_t *answer_record(const struct record *r);

/* Whom a request is about, as the engine and the store name him. */
struct whom {
	bool is_address;
	char name[USER_LONGEST * 2 + 2];
};

/* False where the text is neither an address nor a name; then that is said in the reply. */
bool answer_whom(const struct answers *a, const char *text, struct whom *whom, struct reply *reply);
