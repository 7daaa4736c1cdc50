/* queue.h - whose message a queue id is */
#pragma once

#include "core/base/address.h"
#include "core/base/pack.h"
#include "core/base/table.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	QUEUE_ID_LONGEST = 42,    /* Postfix: up to 20 (long form), Exim: 16 or 23, Courier: 42 */
	QUEUE_ID_FEW = 24,        /* all but Courier's need no memory of their own */
	QUEUE_MOST = 200000,      /* messages known at once; the oldest go first */
	QUEUE_KEEP_S = 5 * 86400, /* Postfix's maximal_queue_lifetime (postconf(5)) */
};

struct subject;

/* One message of an authenticated user that is, as far as the log says, still in the queue. */
struct queued {
	struct table_head head; /* last: when it was accepted */
	uint64_t account;       /* its subject's hash */
	union {
		char few[QUEUE_ID_FEW]; /* with its NUL */
		char *many;
	} id;               /* see queued_id() */
	struct prefix host; /* where it came from */
	bool is_long;
	bool has_host;
	bool counted;  /* its recipients are: a retry says them again */
	bool injected; /* a content filter's copy: its recipients were counted under the first id */
};

static inline const char *queued_id(const struct queued *m)
{
	return m->is_long ? m->id.many : m->id.few;
}

struct queue {
	struct table table;
};

void queue_init(struct queue *q);
void queue_fini(struct queue *q);

/* NULL where nobody authenticated for that id. */
struct queued *queue_find(const struct queue *q, struct slice id);
/*
 * Notes that `id` is a message of the subject with that hash, from `host` (NULL: unknown), accepted at `now_s`. Short
 * queue ids are used again: an older message of that id is forgotten. NULL for an id that is
 * none (empty, too long, or with characters that no server makes).
 */
struct queued *queue_add(struct queue *q, struct slice id, uint64_t account,
			 const struct prefix *host, uint32_t now_s);
void queue_remove(struct queue *q, struct slice id);
/* The messages of `account` (NULL: nobody's), the oldest first; the array, NULL for none, is the caller's. */
const struct queued **queue_of(const struct queue *q, const struct subject *account, size_t *n);
/* One message, an element of the table, as bytes; and back, to a key that is not there yet. */
void queue_pack(struct pack *p, const void *element);
void queue_unpack(struct packed *p, struct queue *q, uint64_t key);
