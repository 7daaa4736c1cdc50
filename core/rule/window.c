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

/* Most windows ever hold one entry or two: these need no memory of their own. */
enum { INLINE = 2 };

struct window {
	struct table_head head; /* last: the latest moment */
	union {
		struct entry few[INLINE];
		struct entry *many;
	};
	uint32_t n, cap; /* up to INLINE they are in `few` */
	uint64_t total;  /* what the entries add up to: their values, or how many there are */
};

static struct entry *entries(struct window *win)
{
	return win->cap > INLINE ? win->many : win->few;
}

static const struct entry *entries_of(const struct window *win)
{
	return win->cap > INLINE ? win->many : win->few;
}

static void window_drop(void *element)
{
	struct window *win = element;

	if (win->cap > INLINE)
		free(win->many);
}

/* Room for one more entry. */
static struct entry *make_room(struct window *win)
{
	struct entry *many;

	if (win->n < (win->cap ? win->cap : INLINE))
		return entries(win);
	win->cap = win->n * 2;
	if (win->n > INLINE) {
		win->many = xrealloc(win->many, win->cap, sizeof(*many));
		return win->many;
	}
	many = xcalloc(win->cap, sizeof(*many));
	memcpy(many, win->few, sizeof(win->few));
	return win->many = many;
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
	struct entry *e = entries(win);

	win->n--;
	win->total--; /* of a distinct window */
	memmove(&e[i], &e[i + 1], (win->n - i) * sizeof(*e));
}

/* What an entry adds to the total. */
static uint64_t worth(const struct windows *w, const struct entry *e)
{
	return w->kind == WINDOW_SUM ? e->value : 1;
}

static void forget_old(const struct windows *w, struct window *win, uint32_t now)
{
	struct entry *e = entries(win);
	uint32_t old = 0;

	while (old < win->n && !within(w, e[old].at_s, now))
		win->total -= worth(w, &e[old++]);
	if (old == 0)
		return;
	win->n -= old;
	memmove(e, e + old, win->n * sizeof(*e));
}

/* Puts an entry where its moment belongs. */
static void insert(const struct windows *w, struct window *win, uint32_t at_s, uint32_t value)
{
	struct entry *e = make_room(win);
	uint32_t i = win->n;

	while (i > 0 && e[i - 1].at_s > at_s)
		i--;
	memmove(&e[i + 1], &e[i], (win->n - i) * sizeof(*e));
	e[i] = (struct entry){ at_s, value };
	win->total += worth(w, &e[i]);
	win->n++;
}

static void add_amount(const struct windows *w, struct window *win, uint64_t amount, uint32_t at_s)
{
	uint32_t quantum = w->span_s / QUANTA, i = win->n;
	struct entry *e = entries(win);

	while (i > 0 && e[i - 1].at_s > at_s)
		i--;
	/* The entry before it is less than a quantum older: one more of the same. */
	if (i > 0 && at_s - e[i - 1].at_s <= quantum) {
		uint64_t room = UINT32_MAX - e[i - 1].value, more = amount < room ? amount : room;

		e[i - 1].value += (uint32_t)more;
		win->total += more;
		return;
	}
	insert(w, win, at_s, amount < UINT32_MAX ? (uint32_t)amount : UINT32_MAX);
}

static void add_value(const struct windows *w, struct window *win, uint32_t value, uint32_t at_s)
{
	const struct entry *e = entries(win);

	for (uint32_t i = 0; i < win->n; i++) {
		if (e[i].value != value)
			continue;
		if (e[i].at_s >= at_s)
			return;
		remove_at(win, i);
		break;
	}
	if (win->n == w->values_most)
		remove_at(win, 0);
	insert(w, win, at_s, value);
}

static uint64_t value_at(const struct windows *w, const struct window *win, uint32_t now)
{
	const struct entry *e = entries_of(win);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < win->n; i++)
		if (within(w, e[i].at_s, now))
			sum += worth(w, &e[i]);
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
		return win->total; /* it comes too late to matter */
	if (w->kind == WINDOW_SUM)
		add_amount(w, win, value, at_s);
	else
		add_value(w, win, (uint32_t)value, at_s);
	return win->total;
}

uint64_t windows_value(const struct windows *w, uint64_t key, uint32_t at_s)
{
	const struct window *win = table_find(&w->table, key);

	return win ? value_at(w, win, at_s) : 0;
}

uint32_t windows_first(const struct windows *w, uint64_t key, uint32_t none)
{
	const struct window *win = table_find(&w->table, key);

	return win && win->n > 0 ? entries_of(win)[0].at_s : none;
}

void windows_reset(struct windows *w, uint64_t key)
{
	struct window *win = table_find(&w->table, key);

	if (win)
		table_remove(&w->table, win);
}
