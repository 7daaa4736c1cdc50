/*
 * window - how much, or how many different, within the last findtime
 *
 * A window is a short array of (moment, value), oldest first, and slides on event time. A sum
 * merges what comes within 1/256 of the findtime into one entry, so that a busy account costs
 * some 260 entries and not one for each message; an entry counts until its first moment is
 * findtime old, so a merged event may be forgotten that little too early. A distinct window has
 * one entry for each value, with its latest moment.
 */
#include "core/rule/window.h"

#include "core/base/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { QUANTA = 256, VALUES_LEAST = 32, VALUES_FACTOR = 4 };

struct entry {
	uint32_t at_s;
	uint32_t value; /* an amount, or a value's hash */
};

struct window {
	struct table_head head; /* last: the latest moment */
	struct entry *entry;
	uint32_t n, cap;
};

static void window_drop(void *element)
{
	free(((struct window *)element)->entry);
}

void windows_init(struct windows *w, enum window_kind kind, uint32_t span_s, uint64_t max,
		  size_t keys_most)
{
	uint64_t most = max * VALUES_FACTOR + VALUES_LEAST;

	*w = (struct windows){ .kind = kind, .span_s = span_s };
	w->values_most = most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
	table_init(&w->table, sizeof(struct window), keys_most, window_drop);
}

void windows_fini(struct windows *w)
{
	table_fini(&w->table);
}

/* True where an entry of moment `then` still counts at `now`. */
static bool within(const struct windows *w, uint32_t then, uint32_t now)
{
	return then >= now || now - then < w->span_s;
}

static void remove_at(struct window *win, uint32_t i)
{
	win->n--;
	memmove(&win->entry[i], &win->entry[i + 1], (win->n - i) * sizeof(*win->entry));
}

static void forget_old(const struct windows *w, struct window *win, uint32_t now)
{
	uint32_t old = 0;

	while (old < win->n && !within(w, win->entry[old].at_s, now))
		old++;
	if (old == 0)
		return;
	win->n -= old;
	memmove(win->entry, win->entry + old, win->n * sizeof(*win->entry));
}

/* Puts an entry where its moment belongs. */
static void insert(struct window *win, uint32_t at_s, uint32_t value)
{
	size_t cap = win->cap;
	uint32_t i = win->n;

	win->entry = array_grow(win->entry, win->n, &cap, sizeof(*win->entry));
	win->cap = (uint32_t)cap;
	while (i > 0 && win->entry[i - 1].at_s > at_s)
		i--;
	memmove(&win->entry[i + 1], &win->entry[i], (win->n - i) * sizeof(*win->entry));
	win->entry[i] = (struct entry){ at_s, value };
	win->n++;
}

static void add_amount(const struct windows *w, struct window *win, uint64_t amount, uint32_t at_s)
{
	uint32_t quantum = w->span_s / QUANTA, i = win->n;

	while (i > 0 && win->entry[i - 1].at_s > at_s)
		i--;
	/* The entry before it is less than a quantum older: one more of the same. */
	if (i > 0 && at_s - win->entry[i - 1].at_s <= quantum) {
		uint64_t sum = win->entry[i - 1].value + amount;

		win->entry[i - 1].value = sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
		return;
	}
	insert(win, at_s, amount < UINT32_MAX ? (uint32_t)amount : UINT32_MAX);
}

static void add_value(const struct windows *w, struct window *win, uint32_t value, uint32_t at_s)
{
	for (uint32_t i = 0; i < win->n; i++) {
		if (win->entry[i].value != value)
			continue;
		if (win->entry[i].at_s >= at_s)
			return;
		remove_at(win, i);
		break;
	}
	if (win->n == w->values_most)
		remove_at(win, 0);
	insert(win, at_s, value);
}

static uint64_t value_at(const struct windows *w, const struct window *win, uint32_t now)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < win->n; i++)
		if (within(w, win->entry[i].at_s, now))
			sum += w->kind == WINDOW_SUM ? win->entry[i].value : 1;
	return sum;
}

uint64_t windows_add(struct windows *w, uint64_t key, uint64_t value, uint32_t at_s)
{
	uint32_t idle_before = at_s > w->span_s ? at_s - w->span_s : 0;
	struct window *win = table_add(&w->table, key, idle_before, NULL);

	if (at_s > win->head.last)
		win->head.last = at_s;
	forget_old(w, win, win->head.last);
	if (!within(w, at_s, win->head.last))
		return value_at(w, win, win->head.last); /* too late to matter */
	if (w->kind == WINDOW_SUM)
		add_amount(w, win, value, at_s);
	else
		add_value(w, win, (uint32_t)value, at_s);
	return value_at(w, win, win->head.last);
}

uint64_t windows_value(const struct windows *w, uint64_t key, uint32_t at_s)
{
	const struct window *win = table_find(&w->table, key);

	return win ? value_at(w, win, at_s) : 0;
}

void windows_reset(struct windows *w, uint64_t key)
{
	struct window *win = table_find(&w->table, key);

	if (win)
		table_remove(&w->table, win);
}
