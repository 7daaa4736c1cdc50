/* window.h - how much, or how many different, within the last findtime */
#pragma once

#include "core/base/table.h"

#include <stdint.h>

enum window_kind { WINDOW_SUM, WINDOW_DISTINCT };

/* The windows of one rule, by key. Init with windows_init(). */
struct windows {
	struct table table;
	enum window_kind kind;
	uint32_t span_s;
	uint32_t values_most; /* WINDOW_DISTINCT: the most values kept of one key */
};

/*
 * `span_s` is the findtime. `max` is the rule's: a distinct window keeps a small multiple of it
 * and says "at least" from there on. `keys_most` bounds the number of keys where attackers choose
 * them (0: no bound).
 */
void windows_init(struct windows *w, enum window_kind kind, uint32_t span_s, uint64_t max,
		  size_t keys_most);
void windows_fini(struct windows *w);

/*
 * Adds to the window of `key` at the moment `at_s` (seconds since 1970): `value` is an amount, or
 * for WINDOW_DISTINCT the hash of a value. Returns what the window then holds. A moment that
 * comes late is put in its place.
 */
uint64_t windows_add(struct windows *w, uint64_t key, uint64_t value, uint32_t at_s);
/* What the window holds at that moment. */
uint64_t windows_value(const struct windows *w, uint64_t key, uint32_t at_s);
/* The moment of its first entry, or `none` where there is none. */
uint32_t windows_first(const struct windows *w, uint64_t key, uint32_t none);
void windows_reset(struct windows *w, uint64_t key);
