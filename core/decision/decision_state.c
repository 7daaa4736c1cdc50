/*
 * decision_state - open cases as rows of a checkpoint
 *
 * A case names its jail, its rules and its subject, so that it finds them under another
 * configuration: a rule that is gone takes its peak and its steps along, a jail the whole case. Its
 * evidence is the subject's, which the engine saves.
 */
#include "core/decision/decision_parts.h"

#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/pack.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	FORMAT = 1,
	FINDING_LEAST = 4 + 8 + 8 + 4, /* bytes: an empty name and the numbers */
	STEP_LEAST = 8 + FINDING_LEAST + 1,
	RDNS_MOST = 255,
};

uint64_t decisions_table(void)
{
	return hash_name("decision cases");
}

bool decisions_is_row(const struct state_row *row)
{
	return row->table == decisions_table();
}

static void pack_finding(struct pack *p, const struct rule *rule, uint64_t value, uint64_t max,
			 unsigned int score)
{
	pack_text(p, rule->name);
	pack_u64(p, value);
	pack_u64(p, max);
	pack_u32(p, score);
}

static void pack_peaks(struct pack *p, const struct decision *d)
{
	uint32_t n = 0;

	for (size_t i = 0; i < d->jail->n_rules; i++)
		n += d->peak[i].rule != NULL;
	pack_u32(p, n);
	for (size_t i = 0; i < d->jail->n_rules; i++)
		if (d->peak[i].rule)
			pack_finding(p, d->peak[i].rule, d->peak[i].value, d->peak[i].max,
				     d->peak[i].score);
}

static void pack_steps(struct pack *p, const struct decision *d)
{
	pack_u32(p, (uint32_t)d->n_steps);
	for (size_t i = 0; i < d->n_steps; i++) {
		const struct decision_step *s = &d->step[i];

		pack_u64(p, (uint64_t)s->at.ms);
		pack_finding(p, s->rule, s->value, s->max, s->score);
		pack_u8(p, (uint8_t)s->level);
	}
}

/* As much of where the subject was before as a report shows. */
static void pack_before(struct pack *p, const struct decision *d)
{
	const struct sighting *s = &d->before;

	pack_u8(p, d->has_before);
	if (!d->has_before)
		return;
	pack_bytes(p, s->host.base.byte, sizeof(s->host.base.byte));
	pack_u8(p, s->host.bits);
	pack_u8(p, s->flags);
	pack_u16(p, s->country);
	pack_u32(p, s->first);
	pack_u32(p, s->last);
	pack_u32(p, s->logins);
	pack_u32(p, s->messages);
	pack_text(p, s->rdns);
}

static void pack_case(struct pack *p, const struct decision *d)
{
	pack_u8(p, FORMAT);
	pack_text(p, d->jail->name);
	pack_u8(p, (uint8_t)d->kind);
	pack_text(p, d->name);
	pack_u8(p, (uint8_t)d->level);
	pack_u32(p, d->score);
	pack_u64(p, (uint64_t)d->suspect_at.ms);
	pack_u64(p, (uint64_t)d->act_at.ms);
	pack_u64(p, (uint64_t)d->last_at.ms);
	pack_u32(p, d->begin_s);
	pack_u32(p, d->cases);
	pack_peaks(p, d);
	pack_steps(p, d);
	pack_before(p, d);
}

void decisions_save(struct decisions *d, bool all,
		    void (*put)(void *ctx, const struct state_row *row), void *ctx)
{
	struct case_slot *slot = NULL;
	struct pack value = { 0 };

	for (size_t i = 0; i < d->n_gone && !all; i++) {
		struct state_row row = { .table = decisions_table(), .key = d->gone[i] };

		put(ctx, &row);
	}
	d->n_gone = 0;
	while ((slot = table_next(&d->slots, slot))) {
		struct state_row row = { .table = decisions_table(), .key = slot->head.key };

		if (!slot->open || (!slot->dirty && !all))
			continue;
		value.len = 0;
		pack_case(&value, slot->open);
		row.value = pack_contents(&value);
		put(ctx, &row);
		slot->dirty = false;
		slot->saved = true;
	}
	pack_fini(&value);
}

static const struct jail *jail_named(const struct jail_set *set, struct slice name)
{
	for (size_t i = 0; i < set->n_jails; i++)
		if (slice_is(name, set->jail[i]->name))
			return set->jail[i];
	return NULL;
}

/* The rule's findings, as they were; rule NULL where it is no more. */
static struct finding read_finding(struct packed *p, const struct jail *jail)
{
	struct slice name = packed_slice(p);
	struct finding f = { 0 };

	for (size_t i = 0; i < jail->n_rules; i++)
		if (slice_is(name, jail->rule[i]->name))
			f.rule = jail->rule[i];
	f.value = packed_u64(p);
	f.max = packed_u64(p);
	f.score = packed_u32(p);
	return f;
}

static void read_peaks(struct packed *p, struct decision *d)
{
	uint32_t n = packed_count(p, FINDING_LEAST);

	for (uint32_t i = 0; i < n && !p->bad; i++) {
		struct finding f = read_finding(p, d->jail);

		if (f.rule)
			d->peak[f.rule->index] = f;
	}
}

static enum level read_level(struct packed *p)
{
	uint8_t level = packed_u8(p);

	p->bad |= level > LEVEL_ACT;
	return p->bad ? LEVEL_NONE : (enum level)level;
}

static void read_steps(struct packed *p, struct decision *d)
{
	uint32_t n = packed_count(p, STEP_LEAST);

	for (uint32_t i = 0; i < n && !p->bad; i++) {
		struct instant at = { (int64_t)packed_u64(p) };
		struct finding f = read_finding(p, d->jail);
		enum level level = read_level(p);

		if (!f.rule || d->n_steps == STEPS_MOST)
			continue;
		d->step = array_grow(d->step, d->n_steps, &d->cap_steps, sizeof(*d->step));
		d->step[d->n_steps++] =
			(struct decision_step){ at, f.rule, f.value, f.max, f.score, level };
	}
}

static void read_before(struct packed *p, struct decision *d)
{
	struct sighting *s = &d->before;
	struct slice rdns;

	d->has_before = packed_u8(p) == 1;
	if (!d->has_before)
		return;
	packed_bytes(p, s->host.base.byte, sizeof(s->host.base.byte));
	s->host.bits = packed_u8(p);
	p->bad |= s->host.bits > 128;
	s->flags = packed_u8(p);
	s->country = packed_u16(p);
	s->first = packed_u32(p);
	s->last = packed_u32(p);
	s->logins = packed_u32(p);
	s->messages = packed_u32(p);
	rdns = packed_slice(p);
	p->bad |= rdns.len > RDNS_MOST;
	if (rdns.ptr && !p->bad)
		s->rdns = xstrndup(rdns.ptr, rdns.len);
}

static void read_case(struct packed *p, struct decision *d)
{
	d->level = read_level(p);
	d->score = packed_u32(p);
	d->suspect_at.ms = (int64_t)packed_u64(p);
	d->act_at.ms = (int64_t)packed_u64(p);
	d->last_at.ms = (int64_t)packed_u64(p);
	d->begin_s = packed_u32(p);
	d->cases = packed_u32(p);
	/* A level has a moment at which it was reached. */
	p->bad |= (d->level >= LEVEL_SUSPECT && instant_is_none(d->suspect_at)) ||
		  (d->level == LEVEL_ACT && instant_is_none(d->act_at));
	read_peaks(p, d);
	read_steps(p, d);
	read_before(p, d);
}

/* The next checkpoint drops the row, for it is of no use. */
static void drop_row(struct decisions *d, const struct state_row *row)
{
	d->gone = array_grow(d->gone, d->n_gone, &d->cap_gone, sizeof(*d->gone));
	d->gone[d->n_gone++] = row->key;
}

static int is_damaged(struct decisions *d, const struct state_row *row, struct err *err)
{
	drop_row(d, row);
	return err_set(err, EBADMSG, "a case in the checkpoint is damaged");
}

static int add_case(struct decisions *all, struct decision *d)
{
	struct case_slot *slot =
		table_add(&all->slots, case_key(d->jail, d->subject->hash), 0, NULL);

	if (slot->open)
		return -1;
	slot->open = slot->gravest = d;
	slot->cases = d->cases;
	slot->saved = true;
	return 0;
}

int decisions_restore(struct decisions *d, const struct jail_set *jails,
		      const struct state_row *row, struct err *err)
{
	struct packed p = packed_of(row->value);
	uint8_t format = packed_u8(&p);
	struct slice jail_name = packed_slice(&p);
	uint8_t kind = packed_u8(&p);
	struct slice name = packed_slice(&p);
	const struct jail *jail = jail_named(jails, jail_name);
	struct subject *subject;
	struct decision *c;

	assert(decisions_is_row(row));
	if (p.bad || format != FORMAT || !jail_name.ptr || !name.ptr || kind > SUBJECT_ADDRESS ||
	    memchr(name.ptr, '\0', name.len))
		return is_damaged(d, row, err);
	if (!jail || jail->subject != kind) {
		drop_row(d, row);
		return 0;
	}
	subject = engine_subject(d->engine, (enum subject_kind)kind, name, 0);
	if (!subject)
		return is_damaged(d, row, err);
	c = decision_new(d, jail, subject);
	read_case(&p, c);
	if (!packed_end(&p) || p.bad || add_case(d, c) < 0) {
		engine_unpin(d->engine, subject);
		decision_free(c);
		return is_damaged(d, row, err);
	}
	return 0;
}
