/*
 * life_brake - too many stolen accounts at once mean that something else is wrong
 *
 * Forged log lines, a filter that has rotted, a GeoIP file in which a country has moved: any of them
 * makes accounts look stolen by the dozen, and acting on them all would lock the customers out. So
 * when more than `brake_n` accounts are to be acted on within `brake_span_s` (in event time: reading
 * on after a night's pause is no burst), the rest are told of and not acted on, until an
 * administrator has had a look and says `postern resume`. The brake outlives the process.
 */
#include "core/decision/life_parts.h"

#include "core/base/mem.h"

#include <stdlib.h>

static const char kept_name[] = "brake";

static void push(struct life *l, struct instant at)
{
	struct brake *b = &l->brake;

	b->at[b->next] = at;
	b->next = (b->next + 1) % l->options.brake_n;
	if (b->used < l->options.brake_n)
		b->used++;
}

static void keep(struct life *l)
{
	struct pack p = { 0 };

	pack_u64(&p, (uint64_t)l->brake.on.ms);
	if (l->store)
		(void)store_keep(l->store, kept_name, pack_contents(&p));
	pack_fini(&p);
}

bool brake_holds(struct life *l, struct record *r)
{
	struct brake *b = &l->brake;

	if (l->options.brake_n == 0 || r->kind != SUBJECT_ACCOUNT || r->dry)
		return false;
	if (!instant_is_none(b->on))
		return true;
	if (b->used == l->options.brake_n &&
	    since(b->at[b->next], r->acted) < l->options.brake_span_s * 1000) {
		b->on = l->now;
		b->told = false;
		keep(l);
		return true;
	}
	push(l, r->acted);
	return false;
}

void brake_tell(struct life *l, const struct record *r)
{
	if (r->braked && !l->brake.told)
		life_news(l, LIFE_BRAKED, r, "");
	l->brake.told |= r->braked;
}

static int by_time(const void *a, const void *b)
{
	const struct instant *x = a, *y = b;

	return x->ms < y->ms ? -1 : x->ms > y->ms;
}

struct moments {
	struct instant *at;
	size_t n, cap;
};

static void collect(void *ctx, const struct record *r)
{
	struct moments *m = ctx;

	if (r->kind != SUBJECT_ACCOUNT || r->braked || r->dry || r->by_administrator ||
	    instant_is_none(r->acted))
		return;
	m->at = array_grow(m->at, m->n, &m->cap, sizeof(*m->at));
	m->at[m->n++] = r->acted;
}

void brake_load(struct life *l)
{
	struct instant from = { l->now.ms - l->options.brake_span_s * 1000 };
	struct moments m = { 0 };
	struct pack kept = { 0 };
	struct packed p;

	l->brake.told = true;
	if (l->options.brake_n == 0 || !l->store)
		return;
	if (store_kept(l->store, kept_name, &kept) == 0 && kept.len > 0) {
		p = packed_of(pack_contents(&kept));
		l->brake.on.ms = (int64_t)packed_u64(&p);
	}
	pack_fini(&kept);
	(void)store_load_past(l->store, from, collect, &m);
	for (const struct record *r = l->first; r; r = r->after)
		if (r->end == RECORD_ACTIVE)
			collect(&m, r);
	if (m.n > 1)
		qsort(m.at, m.n, sizeof(*m.at), by_time);
	for (size_t i = 0; i < m.n; i++)
		push(l, m.at[i]);
	free(m.at);
}

struct instant life_braked(const struct life *l)
{
	return l->brake.on;
}

size_t life_resume(struct life *l, struct instant now)
{
	size_t n = 0;

	life_set_now(l, now);
	l->brake.used = l->brake.next = 0;
	if (!instant_is_none(l->brake.on)) {
		l->brake.on = INSTANT_NONE;
		keep(l);
		life_news(l, LIFE_RESUMED, NULL, "");
	}
	for (struct record *r = l->first; r; r = r->after) {
		if (r->end != RECORD_ACTIVE || !r->braked)
			continue;
		r->braked = false;
		life_add_tasks(l, r);
		life_changed(l, r);
		n++;
	}
	life_store(l);
	return n;
}
