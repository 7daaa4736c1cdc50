/* window.h - how much, or how many different, within the last findtime */
#pragma once

#include "core/base/pack.h"
#include "core/base/table.h"

#include <stdbool.h>
#include <stdint.h>

enum window_kind { WINDOW_SUM, WINDOW_DISTINCT };

/* What a window counts, and how long: the same for all windows of a rule. */
struct window_rule {
	enum window_kind kind;
	uint32_t span_s;      /* the findtime */
	uint32_t values_most; /* WINDOW_DISTINCT: the most values kept */
};

struct window_entry {
	uint32_t at_s;
	uint32_t value; /* an amount, or a value's hash */
};

/* Most windows ever hold one entry or two: these need no memory of their own. */
enum { WINDOW_FEW = 2 };

/* Init with {0}; all fields are private. */
struct window {
	union {
		struct window_entry few[WINDOW_FEW];
		struct window_entry *many;
	};
	uint64_t total;  /* what the entries add up to: their values, or how many there are */
	uint32_t n, cap; /* up to WINDOW_FEW they are in `few` */
	uint32_t last;   /* the latest moment, in seconds since 1970 */
};

/* `max` is the rule's: a distinct window keeps a small multiple of it, "at least" from there on. */
struct window_rule window_rule(enum window_kind kind, uint32_t span_s, uint64_t max);
void window_fini(struct window *win);
/*
 * Adds at the moment `at_s` (seconds since 1970): `value` is an amount, or for WINDOW_DISTINCT the
 * hash of a value. Returns what the window then holds. A moment that comes late is put in its
 * place.
 */
uint64_t window_add(const struct window_rule *r, struct window *win, uint64_t value, uint32_t at_s);
/* What the window holds at that moment. */
uint64_t window_value(const struct window_rule *r, const struct window *win, uint32_t at_s);
/* True where nothing that it holds can count at `now_s`, not even for a line that comes `late_s` late. */
bool window_is_idle(const struct window_rule *r, const struct window *win, uint32_t now_s,
		    uint32_t late_s);
/* The same entries? Then one of both can stand for the other. */
bool window_equal(const struct window *a, const struct window *b);
void window_copy(struct window *to, const struct window *from);
/*
 * The entries, as bytes: moments count back from `base_s`. What is read back is checked: it may be
 * anything, and then p->bad is set and the window is empty.
 */
void window_pack(struct pack *p, const struct window *win, uint32_t base_s);
void window_unpack(struct packed *p, const struct window_rule *r, struct window *win,
		   uint32_t base_s);

/* The windows of one rule, by key. Init with windows_init(). */
struct windows {
	struct table table;
	struct window_rule rule;
};

/* `keys_most` bounds the number of keys where attackers choose them (0: no bound). */
void windows_init(struct windows *w, struct window_rule rule, size_t keys_most);
void windows_fini(struct windows *w);

uint64_t windows_add(struct windows *w, uint64_t key, uint64_t value, uint32_t at_s);
bool windows_has(const struct windows *w, uint64_t key);
/* What the window of that key holds at that moment. */
uint64_t windows_value(const struct windows *w, uint64_t key, uint32_t at_s);
/* The moment of its first entry, or `none` where there is none. */
uint32_t windows_first(const struct windows *w, uint64_t key, uint32_t none);
void windows_reset(struct windows *w, uint64_t key);
/* The window of one key, an element of the table, as bytes; and back, to a key that is not there yet. */
void windows_pack(struct pack *p, const void *element);
void windows_unpack(struct packed *p, struct windows *w, uint64_t key);
