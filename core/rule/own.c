/*
 * own - the windows that lie with their subject
 *
 * A message adds to four or five windows of its account. They lie together in the account's own
 * memory, so that they are one look-up and a few cache lines. Behind them, in the same memory,
 * lies a tag of each, by which they are found. Those by connection and by address have a key as
 * well; there are few in the findtime of an honest account, and a thief's go where there is room
 * for any number (see measure.c).
 */
#include "core/rule/own.h"

#include "core/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	CAP_FIRST = 4,
	LATE_S = 3600, /* a line that comes later than that may find a window forgotten */
	SAME = 1,      /* in the packed form: its entries are the one's before it */
	KEYED = 2,
	SHAPES = 4,
};

static uint32_t *tags(const struct own_windows *o)
{
	return (uint32_t *)(void *)(o->item + o->cap);
}

static uint32_t tag_of(uint16_t which, uint32_t key)
{
	return key ^ which * 0x9e3779b1U;
}

void own_fini(struct own_windows *o)
{
	for (size_t i = 0; i < o->n; i++)
		window_fini(&o->item[i].window);
	free(o->item);
	*o = (struct own_windows){ 0 };
}

void own_fetch(const struct own_windows *o)
{
	if (!o->item)
		return;
	__builtin_prefetch(tags(o));
	__builtin_prefetch(o->item);
	__builtin_prefetch(o->item + 2);
	__builtin_prefetch(o->item + 4);
}

/* Those without a key come first; of the others the newest is the likeliest. */
struct window *own_find(const struct own_windows *o, uint16_t which, uint32_t key)
{
	const uint32_t *tag, wanted = tag_of(which, key);
	size_t first = key ? o->n - o->keyed : 0;

	if (!o->item)
		return NULL;
	tag = tags(o);
	for (size_t i = key ? o->n : o->n - o->keyed; i-- > first;)
		if (tag[i] == wanted && o->item[i].which == which && o->item[i].key == key)
			return &o->item[i].window;
	return NULL;
}

static bool is_idle(const struct own_window *w, const struct window_rule *rule, uint32_t now_s)
{
	return window_is_idle(&rule[w->which], &w->window, now_s, LATE_S);
}

static void move(struct own_windows *o, size_t to, size_t from)
{
	o->item[to] = o->item[from];
	tags(o)[to] = tags(o)[from];
}

static void drop_idle(struct own_windows *o, const struct window_rule *rule, uint32_t now_s)
{
	size_t n = 0;

	for (size_t i = 0; i < o->n; i++) {
		if (!is_idle(&o->item[i], rule, now_s)) {
			move(o, n++, i);
			continue;
		}
		o->keyed -= o->item[i].key != 0;
		window_fini(&o->item[i].window);
	}
	o->n = (uint16_t)n;
}

static void resize(struct own_windows *o, size_t cap)
{
	struct own_window *room = xcalloc(cap, sizeof(*room) + sizeof(uint32_t));

	assert(cap <= UINT16_MAX);
	if (o->n > 0) {
		memcpy(room, o->item, o->n * sizeof(*room));
		memcpy(room + cap, tags(o), o->n * sizeof(uint32_t));
	}
	free(o->item);
	o->item = room;
	o->cap = (uint16_t)cap;
}

/* For those it has and some to come; what it took in a busy hour it gives back. */
static void make_room(struct own_windows *o)
{
	size_t cap = o->n < CAP_FIRST ? CAP_FIRST : o->n + o->n / 4U + 1U;

	if (o->n == o->cap || cap < o->cap / 2U)
		resize(o, cap);
}

/* There is room for it. */
static struct window *append(struct own_windows *o, uint16_t which, uint32_t key)
{
	size_t i = key ? o->n : o->n - o->keyed;

	move(o, o->n, i);
	tags(o)[i] = tag_of(which, key);
	o->item[i] = (struct own_window){ .which = which, .key = key };
	o->keyed += key != 0;
	o->n++;
	return &o->item[i].window;
}

struct window *own_add(struct own_windows *o, uint16_t which, uint32_t key,
		       const struct window_rule *rule, uint32_t now_s)
{
	if (o->n == o->cap || (key && o->keyed == OWN_KEYED_MOST)) {
		drop_idle(o, rule, now_s);
		make_room(o);
	}
	if (key && o->keyed == OWN_KEYED_MOST) {
		o->full = true;
		return NULL;
	}
	return append(o, which, key);
}

void own_pack(struct pack *p, const struct own_windows *o, const struct own_form *form,
	      uint32_t now_s)
{
	const struct own_window *before = NULL;
	size_t n = 0;

	for (size_t i = 0; i < o->n; i++)
		n += !is_idle(&o->item[i], form->rule, now_s);
	pack_number(p, n);
	for (size_t i = 0; i < o->n; i++) {
		const struct own_window *w = &o->item[i];
		bool same = before && window_equal(&before->window, &w->window);

		if (is_idle(w, form->rule, now_s))
			continue;
		pack_number(p, w->which * SHAPES + (same ? SAME : 0U) + (w->key ? KEYED : 0U));
		if (w->key)
			pack_u32(p, w->key);
		if (!same)
			window_pack(p, &w->window, now_s);
		before = w;
	}
}

/* One window; `before` is the one before it, or NULL. False where its rule is no more. */
static bool unpack_one(struct packed *p, struct own_window *w, const struct own_form *form,
		       const struct window *before, uint32_t now_s)
{
	static const struct window_rule gone = { .kind = WINDOW_SUM };
	uint64_t shape = packed_number(p), number = shape / SHAPES;

	p->bad |= number >= form->n || (shape & SAME && !before);
	if (p->bad)
		return false;
	*w = (struct own_window){
		.key = shape & KEYED ? packed_u32(p) : 0,
		.which = form->renumber ? form->renumber[number] : (uint16_t)number,
	};
	if (shape & SAME)
		window_copy(&w->window, before);
	else
		window_unpack(p, w->which == OWN_GONE ? &gone : &form->rule[w->which], &w->window,
			      now_s);
	return w->which != OWN_GONE;
}

void own_unpack(struct packed *p, struct own_windows *o, const struct own_form *form,
		uint32_t now_s)
{
	uint32_t n = packed_number_count(p, 1);
	struct own_window before = { 0 };

	p->bad |= n > UINT16_MAX / 2;
	for (uint32_t i = 0; i < n && !p->bad; i++) {
		struct own_window w = { 0 };
		bool wanted = unpack_one(p, &w, form, i ? &before.window : NULL, now_s);

		window_fini(&before.window);
		before = w;
		if (!wanted || p->bad || own_find(o, w.which, w.key))
			continue;
		if (o->n == o->cap)
			make_room(o);
		window_copy(append(o, w.which, w.key), &w.window);
	}
	window_fini(&before.window);
	if (p->bad)
		own_fini(o);
}
