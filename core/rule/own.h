/* own.h - the windows that lie with their subject */
#pragma once

#include "core/rule/window.h"

#include <stdbool.h>
#include <stdint.h>

/* One of them: of which rule, and for what besides the subject (0: nothing else). */
struct own_window {
	struct window window;
	uint32_t key;
	uint16_t which;
};

/* Init with {0}; all fields but `full` are private. */
struct own_windows {
	struct own_window *item;
	uint16_t n, cap, keyed; /* keyed: how many have a key */
	bool full; /* there were too many keys once: the others' windows lie elsewhere */
};

/*
 * What is needed to read windows: their rules, by number; for those of another process also what
 * number each has now, OWN_GONE for none (NULL: nothing changed).
 */
struct own_form {
	const struct window_rule *rule;
	const uint16_t *renumber;
	size_t n; /* of renumber; else of rule */
};

enum { OWN_GONE = UINT16_MAX };

/* Windows with a key that lie with one subject: connections and addresses of an hour. */
enum { OWN_KEYED_MOST = 32 };

/* Has what own_find() reads first fetched into the cache. */
void own_fetch(const struct own_windows *o);
void own_fini(struct own_windows *o);
/* NULL where there is none; valid until the next own_add(). */
struct window *own_find(const struct own_windows *o, uint16_t which, uint32_t key);
/*
 * Makes a window that is not there yet, and drops those idle at `now_s` before it takes more
 * room. NULL, and `full` is set, where there are too many with a key. `rule` by `which`.
 */
struct window *own_add(struct own_windows *o, uint16_t which, uint32_t key,
		       const struct window_rule *rule, uint32_t now_s);

/* As bytes, without those idle at `now_s`, from which moments count back. */
void own_pack(struct pack *p, const struct own_windows *o, const struct own_form *form,
	      uint32_t now_s);
/* Reads them back, at the same `now_s`; damage sets p->bad. */
void own_unpack(struct packed *p, struct own_windows *o, const struct own_form *form,
		uint32_t now_s);
