/* elements.h - what goes into the sets and out of them, and what they hold */
#pragma once

#include "postern-action.h"
#include "ruleset.h"

/* In which order a transaction does them: what is removed makes room for what is added. */
enum todo {
	UNSURE, /* the set has to be asked first */
	REMOVE,
	REPLACE, /* by itself, with another timeout */
	ADD,
	SETTLED,
};

/* One address or prefix on its way into a set or out of it. */
struct element {
	struct postern_item *item; /* whose it is; NULL: nobody's, it only makes way for another */
	enum which set;
	enum todo todo;
	bool range;                /* it goes into an interval set, with its end */
	uint8_t key[16], last[16]; /* the first address and the last one */
	uint64_t timeout_ms;       /* 0: none */
	int error;                 /* why the kernel refused it; 0: it did not */
};

struct elements {
	struct element *of;
	uint32_t *owner; /* by number of message in a transaction: whose it is */
	size_t n;
	size_t most; /* to be done in one transaction; there is room for some that make way */
	size_t room;
};

/* An element in the kernel. */
struct seen {
	uint8_t key[16], last[16]; /* `last` is only set in ranges */
	uint8_t bytes;             /* of the key */
	bool end;                  /* it is what closes a range */
	enum whose whose;
	bool forever;
	uint64_t left_ms; /* until it goes, unless it stays forever */
};

/* 0, or an errno value. */
int elements_init(struct elements *es);
void elements_fini(struct elements *es);

/* Which address or prefix: an IPv6 address stands for its /64. */
void element_bounds(struct element *e, const struct postern_address *a);
/* The other way round; false for a range that is no prefix. */
bool seen_as_prefix(struct postern_address *a, const struct seen *s);

/*
 * Does what is to be done for all elements, in one transaction. 0 or an errno value, and then
 * nothing is done. Only with `each` is every element a message of its own, and has its ->error.
 */
int elements_transact(struct ruleset *r, struct elements *es, bool each);

typedef void elements_found(struct element *e, const struct seen *s, void *to);
/* Asks about every UNSURE element outside interval sets; `s` is NULL for one that is missing. */
int elements_ask(struct ruleset *r, struct elements *es, elements_found *found, void *to);

typedef void elements_seen(const struct seen *s, void *to);
/* Hands out all elements of a set. 0, an errno value, or EINTR: another change came in between. */
int elements_dump(struct ruleset *r, enum which which, elements_seen *seen, void *to);

struct ranges {
	struct seen *of;
	size_t n, cap;
	int error;
};

/* All ranges of an interval set; the caller frees them with ranges_fini(), also after an error. */
int ranges_read(struct ruleset *r, enum which which, struct ranges *ranges);
void ranges_fini(struct ranges *ranges);
