/* sessions.h - what a connection's earlier lines said, for those that name its session alone */
#pragma once

#include "core/base/pack.h"
#include "core/base/table.h"
#include "core/filter/event.h"
#include "core/filter/filter.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	/*
	 * Sessions known at once; the oldest go first. OpenSMTPD serves some 10,000 clients at once,
	 * by its limit of descriptors, and logs the end of each: nobody can hold open enough
	 * connections to push out another's.
	 */
	SESSIONS_MOST = 50000,
	SESSION_KEEP_S = 3600,     /* after its last line; a command may take 5 minutes */
	SESSION_TEXT_LONGEST = 255 /* of a user or a reverse name; longer ones are neither */
};

struct sessions {
	struct table table;
};

void sessions_init(struct sessions *s);
void sessions_fini(struct sessions *s);

/*
 * Is the event one that sessions_join() has to see? Only those are that carry a session, of a filter
 * that has a match for `connect`.
 */
static inline bool sessions_concern(const struct event *event)
{
	return event->match && event->match->filter->joins && event->field[FIELD_SESSION].ptr;
}

/*
 * Notes what the event says of its session, and gives the event what it lacks itself: the address
 * and reverse name that the session came from, and a message its user. Events have to come in the
 * order of their lines. What is given is valid until the next call. False: a message of nobody who
 * logged in, so none that counts.
 */
bool sessions_join(struct sessions *s, struct event *event);

/* One session, an element of the table, as bytes; and back, to a key that is not there yet. */
void session_pack(struct pack *p, const void *element);
void session_unpack(struct packed *p, struct sessions *s, uint64_t key);
