/*
 * engine_state - what the engine knows, out to a checkpoint and back
 *
 *	engine_save() -> rows -> the store ... the store -> rows -> engine_restore()
 *
 * Rows are named by hashes: of a text for a table, of what it is about for a key. Each part marks
 * what changes, so a checkpoint costs what changed since the last one. What comes back may be
 * damaged, or older than the jails: a row that can't be read is left out and told, what a jail or a
 * rule no longer wants is left out and not, and what a new one wants begins empty. Limits and
 * ignore lists are asked anew.
 */
#include "core/rule/engine_parts.h"

#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/rule/subject_pack.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum { NONE = UINT16_MAX, LEGENDS_MOST = 64 };

static const char *const subject_table[] = {
	[SUBJECT_ACCOUNT] = "accounts",
	[SUBJECT_NAME] = "names",
	[SUBJECT_ADDRESS] = "addresses",
};

static uint64_t mix(uint64_t id, uint64_t name)
{
	id = (id ^ name) * 0x9e3779b97f4a7c15ULL;
	return id ^ id >> 29;
}

static void give_id(struct legend *l)
{
	l->id = mix(mix(1, l->n_jails), l->n_windows);
	for (size_t i = 0; i < l->n_jails; i++)
		l->id = mix(l->id, l->jail[i]);
	for (size_t i = 0; i < l->n_windows; i++)
		l->id = mix(l->id, l->window[i]);
}

void legend_init(struct engine *e)
{
	struct legend *l = &e->legend;

	l->n_jails = e->jails->n_jails;
	l->n_windows = measures_form(&e->measures).n;
	l->jail = xcalloc(l->n_jails, sizeof(*l->jail));
	l->window = xcalloc(l->n_windows, sizeof(*l->window));
	for (size_t i = 0; i < l->n_jails; i++)
		l->jail[i] = hash_name(e->jails->jail[i]->name);
	for (size_t i = 0; i < l->n_windows; i++)
		l->window[i] = measures_window_name(&e->measures, i);
	give_id(l);
}

static void one_legend_fini(struct legend *l)
{
	free(l->jail);
	free(l->window);
	free(l->jail_now);
	free(l->window_now);
}

void legend_fini(struct engine *e)
{
	one_legend_fini(&e->legend);
	for (size_t i = 0; i < e->n_old; i++)
		one_legend_fini(&e->old[i]);
	free(e->old);
}

static void pack_names(struct pack *p, const uint64_t *name, size_t n)
{
	pack_u32(p, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		pack_u64(p, name[i]);
}

/* Names, and which number each has among those of now. */
static void unpack_names(struct packed *p, uint64_t **name, uint16_t **now, size_t *n,
			 const uint64_t *current, size_t n_current)
{
	*n = packed_count(p, sizeof(uint64_t));
	*name = xcalloc(*n, sizeof(**name));
	*now = xcalloc(*n, sizeof(**now));
	for (size_t i = 0; i < *n; i++) {
		size_t k = 0;

		(*name)[i] = packed_u64(p);
		while (k < n_current && current[k] != (*name)[i])
			k++;
		(*now)[i] = k < n_current ? (uint16_t)k : NONE;
	}
}

static void restore_legend(struct engine *e, uint64_t key, struct packed *p)
{
	struct legend l = { 0 };

	unpack_names(p, &l.jail, &l.jail_now, &l.n_jails, e->legend.jail, e->legend.n_jails);
	unpack_names(p, &l.window, &l.window_now, &l.n_windows, e->legend.window,
		     e->legend.n_windows);
	give_id(&l);
	p->bad |=
		!packed_end(p) || l.id != key || l.n_jails > JAILS_MOST || e->n_old == LEGENDS_MOST;
	if (p->bad) {
		one_legend_fini(&l);
		return;
	}
	e->old = array_grow(e->old, e->n_old, &e->cap_old, sizeof(*e->old));
	e->old[e->n_old++] = l;
}

/* Legends that were restored: the present one is kept, of the others no row is left by now. */
static void save_legends(struct engine *e, struct saving *s)
{
	const uint64_t table = hash_name("legends");

	for (size_t i = 0; i < e->n_old; i++) {
		if (e->old[i].id != e->legend.id)
			saving_gone(s, table, e->old[i].id);
		one_legend_fini(&e->old[i]);
	}
	e->n_old = 0;
	if (e->legend_saved && !s->all)
		return;
	pack_names(&s->pack, e->legend.jail, e->legend.n_jails);
	pack_names(&s->pack, e->legend.window, e->legend.n_windows);
	saving_put(s, table, e->legend.id);
	e->legend_saved = true;
}

void engine_save(struct engine *e, bool all, void (*put)(void *ctx, const struct state_row *row),
		 void *ctx)
{
	struct saving s = { .all = all, .put = put, .ctx = ctx };

	save_legends(e, &s);
	for (enum subject_kind kind = 0; kind <= SUBJECT_ADDRESS; kind++)
		subjects_save(engine_home(e, kind), &s, hash_name(subject_table[kind]),
			      e->legend.id);
	measures_save(&e->measures, &s);
	saving_table(&s, hash_name("queue"), &e->queue.table, queue_pack);
	saving_table(&s, hash_name("sessions"), &e->sessions.table, session_pack);
	customers_save(&e->customers, &s, hash_name("customers"));
	saving_fini(&s);
}

static const struct legend *find_legend(const struct engine *e, uint64_t id)
{
	for (size_t i = 0; i < e->n_old; i++)
		if (e->old[i].id == id)
			return &e->old[i];
	return NULL;
}

/* The jails' bits in which a rule held, as they are numbered now. */
static uint32_t standing_now(const struct legend *l, uint32_t standing)
{
	uint32_t now = 0;

	for (size_t i = 0; i < l->n_jails; i++)
		if (standing & 1U << i && l->jail_now[i] != NONE)
			now |= 1U << l->jail_now[i];
	return now;
}

/* Is it the subject that its row's key says? Else the row is damaged, or the seed another. */
static bool is_of_key(const struct subject *s, uint64_t key)
{
	struct slice name = slice_of(s->name);
	struct prefix host;

	if (s->kind != SUBJECT_ADDRESS)
		return hash_bytes(name.ptr, name.len) == key;
	return prefix_parse(&host, name) &&
	       hash_bytes(host.base.byte, sizeof(host.base.byte)) == key;
}

static void restore_subject(struct engine *e, enum subject_kind kind, uint64_t key,
			    struct packed *p)
{
	const struct legend *l = find_legend(e, packed_u64(p));
	struct subjects *home = engine_home(e, kind);
	struct subject *s = xcalloc(1, sizeof(*s));
	struct subject_form form;

	s->kind = (uint8_t)kind;
	s->hash = key;
	if (l) {
		form = (struct subject_form){ measures_form(&e->measures), l->n_jails };
		form.windows.renumber = l->window_now;
		form.windows.n = l->n_windows;
		subject_unpack(p, s, &form);
	}
	if (!l || !packed_end(p) || !is_of_key(s, key) || subjects_has(home, key)) {
		p->bad = true;
		subject_fini(s);
		free(s);
		return;
	}
	s->standing = standing_now(l, s->standing);
	engine_ask_settings(e, s);
	for (size_t i = 0; i < s->n_sightings; i++)
		places_refresh(&e->places, &s->sighting[i]);
	if (s->former)
		places_refresh(&e->places, s->former);
	subjects_adopt(home, s, l->id != e->legend.id);
}

/* False where no part knows the table. */
static bool restore_row(struct engine *e, const struct state_row *row, struct packed *p)
{
	for (enum subject_kind kind = 0; kind <= SUBJECT_ADDRESS; kind++) {
		if (row->table != hash_name(subject_table[kind]))
			continue;
		restore_subject(e, kind, row->key, p);
		return true;
	}
	if (row->table == hash_name("legends"))
		restore_legend(e, row->key, p);
	else if (row->table == hash_name("queue"))
		queue_unpack(p, &e->queue, row->key);
	else if (row->table == hash_name("sessions"))
		session_unpack(p, &e->sessions, row->key);
	else if (row->table == hash_name("customers"))
		customers_restore(&e->customers, row->key, p);
	else
		return measures_restore(&e->measures, row->table, row->key, p);
	return true;
}

int engine_restore(struct engine *e, const struct state_row *row, struct err *err)
{
	struct packed p = packed_of(row->value);

	assert(row->value.ptr);
	if (!restore_row(e, row, &p))
		return 1;
	if (!packed_end(&p))
		return err_set(err, EBADMSG, "checkpoint: row %016llx of table %016llx is damaged",
			       (unsigned long long)row->key, (unsigned long long)row->table);
	return 0;
}

void engine_restored(struct engine *e)
{
	e->legend_saved = find_legend(e, e->legend.id);
}
