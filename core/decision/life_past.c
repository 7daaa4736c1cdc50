/*
 * life_past - what is remembered of decisions that are over
 *
 * For two questions. How often was this subject acted on lately, so that the next ban lasts longer?
 * (fail2ban's bantime.increment: 1, 2, 4 ... times, up to a ceiling.) And is what the engine says now
 * something new, or lines read again after a crash, or late ones, that were taken into account by
 * a decision that is over: for then nothing is decided a second time.
 */
#include "core/decision/life_parts.h"

#include "core/base/hash.h"

#include <string.h>

enum {
	DOUBLINGS_MOST = 20, /* fail2ban's bound too */
};

uint64_t record_key(const char *jail, enum subject_kind kind, const char *name)
{
	return hash_pair(hash_bytes(jail, strlen(jail)),
			 hash_pair(hash_bytes(name, strlen(name)), kind));
}

static uint32_t seconds(struct instant at)
{
	int64_t s = instant_is_none(at) ? 0 : instant_s(at);

	return s < 0 ? 0 : s >= TABLE_PINNED ? TABLE_PINNED - 1 : (uint32_t)s;
}

/* Nothing older is asked for. Crashes and late lines need a day, at the least. */
static uint32_t idle_before(const struct life *l)
{
	int64_t keep_s = l->options.repeat_within_s > DAY_S ? l->options.repeat_within_s : DAY_S;
	uint32_t now_s = seconds(l->now);

	return now_s > keep_s ? now_s - (uint32_t)keep_s : 0;
}

void past_note(struct life *l, const struct record *r)
{
	bool is_new;
	struct past *p =
		table_add(&l->past, record_key(r->jail, r->kind, r->name), idle_before(l), &is_new);

	if (is_new)
		p->suspect = p->acted = p->seen = p->covers = INSTANT_NONE;
	p->head.last = seconds(r->ended);
	p->was_act = r->level == LEVEL_ACT;
	p->released = r->end == RECORD_RELEASED;
	if (instant_is_none(p->seen) || p->seen.ms < r->seen.ms)
		p->seen = r->seen;
	p->suspect = r->crossed;
	if (r->level == LEVEL_ACT && !r->by_administrator) {
		p->repeats = r->forgotten ? 0 : r->repeats + 1;
		p->acted = r->ended;
		/* Read late, its bantime lies in the past; what came within it is nothing new. */
		if (r->end == RECORD_EXPIRED && !instant_is_none(r->acted) &&
		    !instant_is_none(r->until))
			p->covers.ms = r->acted.ms + since(r->since, r->until);
	}
}

static struct past *past_find(struct life *l, const struct record *r)
{
	return table_find(&l->past, record_key(r->jail, r->kind, r->name));
}

unsigned int past_repeats(struct life *l, const struct record *r)
{
	const struct past *p = past_find(l, r);

	if (!p || instant_is_none(p->acted) ||
	    since(p->acted, l->now) > l->options.repeat_within_s * 1000)
		return 0;
	return p->repeats;
}

struct instant past_until(const struct life *l, const struct jail *jail, unsigned int repeats)
{
	int64_t s = jail->bantime_s;

	if (s == FOREVER)
		return INSTANT_NONE;
	if (repeats > DOUBLINGS_MOST)
		repeats = DOUBLINGS_MOST;
	for (unsigned int i = 0; i < repeats && s < l->options.bantime_most_s; i++)
		s *= 2;
	/* A jail whose bantime is above the ceiling keeps it. */
	if (s > l->options.bantime_most_s)
		s = jail->bantime_s > l->options.bantime_most_s ? jail->bantime_s
								: l->options.bantime_most_s;
	return (struct instant){ l->now.ms + s * 1000 };
}
