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

/* The window of one key. */
struct keyed {
	struct table_head head; /* last: the latest moment */
	struct window window;
};

static struct window_entry *entries(struct window *win)
{
	return win->cap > WINDOW_FEW ? win->many : win->few;
}

static const struct window_entry *entries_of(const struct window *win)
{
	return win->cap > WINDOW_FEW ? win->many : win->few;
}

struct window_rule window_rule(enum window_kind kind, uint32_t span_s, uint64_t max)
{
	uint64_t most = max * VALUES_FACTOR + VALUES_LEAST;

	return (struct window_rule){ kind, span_s,
				     most < UINT32_MAX ? (uint32_t)most : UINT32_MAX };
}

void window_fini(struct window *win)
{
	if (win->cap > WINDOW_FEW)
		free(win->many);
	*win = (struct window){ 0 };
}

/* Room for one more entry. */
static struct window_entry *make_room(struct window *win)
{
	struct window_entry *many;

	if (win->n < (win->cap ? win->cap : WINDOW_FEW))
		return entries(win);
	win->cap = win->n * 2;
	if (win->n > WINDOW_FEW) {
		win->many = xrealloc(win->many, win->cap, sizeof(*many));
		return win->many;
	}
	many = xcalloc(win->cap, sizeof(*many));
	memcpy(many, win->few, sizeof(win->few));
	return win->many = many;
}

/* True where an entry of moment `then` still counts at `now`. */
static bool within(const struct window_rule *r, uint32_t then, uint32_t now)
{
	return then >= now || now - then < r->span_s;
}

static void remove_at(struct window *win, uint32_t i)
{
	struct window_entry *e = entries(win);

	win->n--;
	win->total--; /* of a distinct window */
	memmove(&e[i], &e[i + 1], (win->n - i) * sizeof(*e));
}

/* What an entry adds to the total. */
static uint64_t worth(const struct window_rule *r, const struct window_entry *e)
{
	return r->kind == WINDOW_SUM ? e->value : 1;
}

static void forget_old(const struct window_rule *r, struct window *win, uint32_t now)
{
	struct window_entry *e = entries(win);
	uint32_t old = 0;

	while (old < win->n && !within(r, e[old].at_s, now))
		win->total -= worth(r, &e[old++]);
	if (old == 0)
		return;
	win->n -= old;
	memmove(e, e + old, win->n * sizeof(*e));
}

/* Puts an entry where its moment belongs. */
static void insert(const struct window_rule *r, struct window *win, uint32_t at_s, uint32_t value)
{
	struct window_entry *e = make_room(win);
	uint32_t i = win->n;

	while (i > 0 && e[i - 1].at_s > at_s)
		i--;
	memmove(&e[i + 1], &e[i], (win->n - i) * sizeof(*e));
	e[i] = (struct window_entry){ at_s, value };
	win->total += worth(r, &e[i]);
	win->n++;
}

static void add_amount(const struct window_rule *r, struct window *win, uint64_t amount,
		       uint32_t at_s)
{
	uint32_t quantum = r->span_s / QUANTA, i = win->n;
	struct window_entry *e = entries(win);

	while (i > 0 && e[i - 1].at_s > at_s)
		i--;
	/* The entry before it is less than a quantum older: one more of the same. */
	if (i > 0 && at_s - e[i - 1].at_s <= quantum) {
		uint64_t room = UINT32_MAX - e[i - 1].value, more = amount < room ? amount : room;

		e[i - 1].value += (uint32_t)more;
		win->total += more;
		return;
	}
	insert(r, win, at_s, amount < UINT32_MAX ? (uint32_t)amount : UINT32_MAX);
}

static void add_value(const struct window_rule *r, struct window *win, uint32_t value,
		      uint32_t at_s)
{
	const struct window_entry *e = entries(win);

	for (uint32_t i = 0; i < win->n; i++) {
		if (e[i].value != value)
			continue;
		if (e[i].at_s >= at_s)
			return;
		remove_at(win, i);
		break;
	}
	if (win->n == r->values_most)
		remove_at(win, 0);
	insert(r, win, at_s, value);
}

uint64_t window_value(const struct window_rule *r, const struct window *win, uint32_t at_s)
{
	const struct window_entry *e = entries_of(win);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < win->n; i++)
		if (within(r, e[i].at_s, at_s))
			sum += worth(r, &e[i]);
	return sum;
}

uint64_t window_add(const struct window_rule *r, struct window *win, uint64_t value, uint32_t at_s)
{
	if (at_s > win->last)
		win->last = at_s;
	forget_old(r, win, win->last);
	if (!within(r, at_s, win->last))
		return win->total; /* it comes too late to matter */
	if (r->kind == WINDOW_SUM)
		add_amount(r, win, value, at_s);
	else
		add_value(r, win, (uint32_t)value, at_s);
	return win->total;
}

bool window_is_idle(const struct window_rule *r, const struct window *win, uint32_t now_s,
		    uint32_t late_s)
{
	return now_s > win->last && now_s - win->last >= (uint64_t)r->span_s + late_s;
}

bool window_equal(const struct window *a, const struct window *b)
{
	return a->n == b->n && a->last == b->last &&
	       memcmp(entries_of(a), entries_of(b), a->n * sizeof(struct window_entry)) == 0;
}

void window_copy(struct window *to, const struct window *from)
{
	*to = *from;
	if (from->cap <= WINDOW_FEW)
		return;
	to->many = xcalloc(from->cap, sizeof(*to->many));
	memcpy(to->many, from->many, from->n * sizeof(*to->many));
}

/* Spans are counted modulo 2^32, so any two moments have one. */
void window_pack(struct pack *p, const struct window *win, uint32_t base_s)
{
	const struct window_entry *e = entries_of(win);
	uint32_t from = win->last;

	pack_number(p, base_s - win->last);
	pack_number(p, win->n);
	for (uint32_t i = win->n; i-- > 0; from = e[i].at_s) {
		pack_number(p, from - e[i].at_s);
		pack_number(p, e[i].value);
	}
}

void window_unpack(struct packed *p, const struct window_rule *r, struct window *win,
		   uint32_t base_s)
{
	struct window_entry *e;
	uint32_t n, at_s;

	*win = (struct window){ .last = base_s - (uint32_t)packed_number(p) };
	at_s = win->last;
	n = packed_number_count(p, 2);
	if (n > WINDOW_FEW) {
		win->many = xcalloc(n, sizeof(*win->many));
		win->cap = n;
	}
	e = entries(win);
	for (uint32_t i = n; i-- > 0;) {
		uint64_t back = packed_number(p), value = packed_number(p);

		p->bad |= back > at_s || value > UINT32_MAX;
		at_s -= (uint32_t)back;
		e[i] = (struct window_entry){ at_s, (uint32_t)value };
		win->total += worth(r, &e[i]);
	}
	win->n = n;
	if (p->bad)
		window_fini(win);
	/* A rule's max may have been lowered since. */
	while (r->kind == WINDOW_DISTINCT && win->n > r->values_most)
		remove_at(win, 0);
}

static void keyed_drop(void *element)
{
	window_fini(&((struct keyed *)element)->window);
}

void windows_init(struct windows *w, struct window_rule rule, size_t keys_most)
{
	w->rule = rule;
	table_init(&w->table, sizeof(struct keyed), keys_most, keyed_drop);
}

void windows_fini(struct windows *w)
{
	table_fini(&w->table);
}

uint64_t windows_add(struct windows *w, uint64_t key, uint64_t value, uint32_t at_s)
{
	uint32_t idle_before = at_s > w->rule.span_s ? at_s - w->rule.span_s : 0;
	struct keyed *k = table_add(&w->table, key, idle_before, NULL);
	uint64_t total = window_add(&w->rule, &k->window, value, at_s);

	table_mark(k);
	k->head.last = k->window.last;
	return total;
}

bool windows_has(const struct windows *w, uint64_t key)
{
	return table_find(&w->table, key);
}

uint64_t windows_value(const struct windows *w, uint64_t key, uint32_t at_s)
{
	const struct keyed *k = table_find(&w->table, key);

	return k ? window_value(&w->rule, &k->window, at_s) : 0;
}

uint32_t windows_first(const struct windows *w, uint64_t key, uint32_t none)
{
	const struct keyed *k = table_find(&w->table, key);

	return k && k->window.n > 0 ? entries_of(&k->window)[0].at_s : none;
}

void windows_reset(struct windows *w, uint64_t key)
{
	struct keyed *k = table_find(&w->table, key);

	if (k)
		table_remove(&w->table, k);
}

void windows_pack(struct pack *p, const void *element)
{
	const struct keyed *k = element;

	pack_u32(p, k->head.last);
	window_pack(p, &k->window, k->head.last);
}

void windows_unpack(struct packed *p, struct windows *w, uint64_t key)
{
	uint32_t last = packed_u32(p);
	struct window win;
	struct keyed *k;

	window_unpack(p, &w->rule, &win, last);
	if (!packed_end(p) || last == TABLE_PINNED || table_find(&w->table, key)) {
		p->bad = true;
		window_fini(&win);
		return;
	}
	k = table_add(&w->table, key, 0, NULL);
	k->head.last = win.last;
	k->window = win;
	table_settle(k);
}
