/*
 * subject - whom a decision is about, and what was seen of him
 *
 * An account keeps a sighting for each address it came from lately, and for longer the few
 * networks that are its owner's. The distinct rules on an account's logins read its sightings;
 * no window of their own is kept for them. A name that is attacked and an address that attacks
 * are the same kind of thing, so that one report and one set of rules serves all three; those
 * two an attacker can invent, so their number is bounded. Accounts are not: those that were not
 * seen lately lie packed on a shelf.
 *
 * `network` of a sighting is a number that is equal for what counts as one network: the class of
 * a mail fetcher, else the ASN, else the prefix (engine.c fills it in).
 */
#include "core/rule/subject.h"

#include "core/base/mem.h"
#include "core/rule/subject_pack.h"

#include <assert.h>
#include <stdlib.h>

struct subject_slot {
	struct table_head head;
	struct subject *subject;
};

static void sighting_fini(struct sighting *s)
{
	free(s->rdns);
}

static void sightings_fini(struct subject *s)
{
	for (size_t i = 0; i < s->n_sightings; i++)
		sighting_fini(&s->sighting[i]);
	free(s->sighting);
}

void subject_fini(struct subject *s)
{
	sightings_fini(s);
	own_fini(&s->own);
	if (s->former)
		sighting_fini(s->former);
	free(s->former);
	free(s->known);
	free(s->daily);
	free(s->limit_class);
	free(s->bound);
	free(s->name);
}

static void slot_drop(void *element)
{
	struct subject *s = ((struct subject_slot *)element)->subject;

	subject_fini(s);
	free(s);
}

void subjects_init(struct subjects *s, enum subject_kind kind, size_t most,
		   const struct subject_form *form)
{
	*s = (struct subjects){ .kind = kind, .busy_most = BUSY_MOST };
	if (form)
		s->form = *form;
	table_init(&s->table, sizeof(struct subject_slot), most, slot_drop);
	shelf_init(&s->shelf);
}

void subjects_fini(struct subjects *s)
{
	table_fini(&s->table);
	shelf_fini(&s->shelf);
	pack_fini(&s->pack);
	free(s->busy);
}

size_t subjects_count(const struct subjects *s)
{
	return s->table.n + s->shelf.n;
}

/* The names of its addresses are of use as evidence alone. */
static bool keep_names(const struct subject *subject)
{
	return subject->pins > 0 || subject->standing || subject->suspected_until > subject->last;
}

/* Puts it on the shelf; false where it is too large for that, and stays. */
static bool put_away(struct subjects *s, struct subject *subject)
{
	struct subject_slot *slot = table_find(&s->table, subject->hash);

	s->pack.len = 0;
	subject_pack(&s->pack, subject, &s->form, keep_names(subject));
	if (s->pack.len > SHELF_RECORD_MOST)
		return false;
	shelf_put(&s->shelf, subject->hash, pack_contents(&s->pack), table_is_marked(slot));
	table_take(&s->table, slot);
	s->busy[subject->busy_index] = s->busy[--s->n_busy];
	s->busy[subject->busy_index]->busy_index = subject->busy_index;
	subject_fini(subject);
	free(subject);
	return true;
}

/*
 * One more account becomes busy. Where there are too many already the hand goes round: who was not
 * asked for since it came by is put away. It looks at a few only, for the others wait as well.
 */
static void make_busy(struct subjects *s, struct subject *subject)
{
	enum { LOOK_AT = 16 };

	for (int i = 0; i < LOOK_AT && s->n_busy >= s->busy_most; i++) {
		struct subject *other = s->busy[s->hand++ % s->n_busy];

		if (other->used || other->pins > 0)
			other->used = false;
		else
			(void)put_away(s, other);
	}
	s->busy = array_grow(s->busy, s->n_busy, &s->cap_busy, sizeof(*s->busy));
	subject->busy_index = (uint32_t)s->n_busy;
	s->busy[s->n_busy++] = subject;
}

/* Unpacks an account that is wanted again, into the slot that was made for it. */
static void bring_back(struct subjects *s, struct subject_slot *slot, struct slice record,
		       bool changed)
{
	struct subject *subject = xcalloc(1, sizeof(*subject));
	struct packed p = packed_of(record);

	subject->hash = slot->head.key;
	subject->kind = (uint8_t)s->kind;
	subject_unpack(&p, subject, &s->form);
	assert(packed_end(&p)); /* we wrote it ourselves */
	slot->subject = subject;
	slot->head.last = subject->last;
	if (changed)
		table_mark(slot);
	shelf_remove(&s->shelf, subject->hash);
	make_busy(s, subject);
}

/* The slot of an account that lies on the shelf, or NULL. */
static struct subject_slot *take_down(struct subjects *s, uint64_t hash)
{
	bool changed = false;
	struct slice record = shelf_find(&s->shelf, hash, &changed);

	if (!record.ptr)
		return NULL;
	bring_back(s, table_add(&s->table, hash, 0, NULL), record, changed);
	return table_find(&s->table, hash);
}

struct subject *subjects_find(struct subjects *s, uint64_t hash)
{
	struct subject_slot *slot = table_find(&s->table, hash);

	if (!slot)
		slot = take_down(s, hash);
	if (!slot)
		return NULL;
	slot->subject->used = true;
	return slot->subject;
}

struct subject *subjects_busy(const struct subjects *s, uint64_t hash)
{
	const struct subject_slot *slot = table_find(&s->table, hash);

	return slot ? slot->subject : NULL;
}

/*
 * Behind the sightings, in the same memory, lies a tag of each: a few bits of its address, so that
 * an account with a hundred addresses is searched in a few cache lines.
 */
static uint16_t *tags(const struct subject *s)
{
	return (uint16_t *)(void *)(s->sighting + s->cap_sightings);
}

static uint16_t tag_of(const struct prefix *host)
{
	uint64_t half[2];

	memcpy(half, host->base.byte, sizeof(half));
	return (uint16_t)((half[0] ^ half[1] * 3) * 0x9e3779b97f4a7c15ULL >> 48);
}

/* What an event reads first of what it owns; the rest lies beside that or is asked for by it. */
static void fetch_contents(const struct subject *s)
{
	__builtin_prefetch(s->known);
	__builtin_prefetch(s->daily);
	if (s->sighting)
		__builtin_prefetch(tags(s));
	own_fetch(&s->own);
}

void subjects_fetch(const struct subjects *s, uint64_t hash, unsigned int step)
{
	const struct subject_slot *slot;

	if (step == 0) {
		table_fetch(&s->table, hash);
		return;
	}
	slot = table_find(&s->table, hash);
	if (!slot)
		return;
	if (step == 1) {
		__builtin_prefetch(slot->subject);
		__builtin_prefetch(&slot->subject->own);
		__builtin_prefetch(&slot->subject->pins);
	}
	if (step == 2)
		fetch_contents(slot->subject);
}

bool subjects_has(const struct subjects *s, uint64_t hash)
{
	return table_find(&s->table, hash) || shelf_find(&s->shelf, hash, NULL).ptr;
}

void subjects_mark(struct subjects *s, const struct subject *subject)
{
	struct subject_slot *slot = table_find(&s->table, subject->hash);

	if (slot)
		table_mark(slot);
}

static struct subject_slot *make(struct subjects *s, uint64_t hash, struct slice name,
				 uint32_t idle_before)
{
	struct subject_slot *slot =
		table_add(&s->table, hash, s->kind == SUBJECT_ACCOUNT ? 0 : idle_before, NULL);

	slot->subject = xcalloc(1, sizeof(*slot->subject));
	slot->subject->hash = hash;
	slot->subject->kind = (uint8_t)s->kind;
	slot->subject->name = xstrndup(name.ptr, name.len);
	if (s->kind == SUBJECT_ACCOUNT) {
		make_busy(s, slot->subject);
		slot = table_find(&s->table, hash);
	}
	return slot;
}

static struct subject *touch(struct subject_slot *slot, uint32_t now)
{
	slot->subject->used = true;
	if (now > slot->subject->last)
		slot->subject->last = now;
	if (slot->subject->pins == 0)
		slot->head.last = slot->subject->last;
	table_mark(slot);
	return slot->subject;
}

struct subject *subjects_again(struct subjects *s, uint64_t hash, uint32_t now)
{
	struct subject_slot *slot = table_find(&s->table, hash);

	if (!slot)
		slot = take_down(s, hash);
	return slot ? touch(slot, now) : NULL;
}

struct subject *subjects_get(struct subjects *s, uint64_t hash, struct slice name, uint32_t now,
			     uint32_t idle_before, bool *is_new)
{
	struct subject_slot *slot = table_find(&s->table, hash);

	if (!slot)
		slot = take_down(s, hash);
	if (is_new)
		*is_new = !slot;
	if (!slot)
		slot = make(s, hash, name, idle_before);
	return touch(slot, now);
}

static void save_busy(struct subjects *s, struct saving *saving, uint64_t table, uint64_t legend)
{
	struct subject_slot *slot = NULL;

	while ((slot = saving->all ? table_next(&s->table, slot)
				   : table_next_marked(&s->table, slot))) {
		pack_u64(&saving->pack, legend);
		subject_pack(&saving->pack, slot->subject, &s->form, keep_names(slot->subject));
		saving_put(saving, table, slot->head.key);
		table_settle(slot);
	}
}

void subjects_save(struct subjects *s, struct saving *saving, uint64_t table, uint64_t legend)
{
	struct shelf_item item = { 0 };

	for (size_t i = 0; i < s->table.n_gone; i++)
		saving_gone(saving, table, s->table.gone[i]);
	s->table.n_gone = 0;
	save_busy(s, saving, table, legend);
	while (shelf_next(&s->shelf, &item, !saving->all)) {
		pack_u64(&saving->pack, legend);
		pack_bytes(&saving->pack, item.record.ptr, item.record.len);
		saving_put(saving, table, item.key);
		shelf_settle(&s->shelf, &item);
	}
}

void subjects_each(struct subjects *s, uint32_t since,
		   void (*each)(void *ctx, struct subject *subject), void *ctx)
{
	struct subject_slot *slot = NULL;
	struct shelf_item item = { 0 };

	while ((slot = table_next(&s->table, slot)))
		if (slot->subject->last >= since)
			each(ctx, slot->subject);
	while (shelf_next(&s->shelf, &item, false)) {
		struct subject copy = { .hash = item.key, .kind = (uint8_t)s->kind };
		struct packed p = packed_of(item.record);

		if (subject_packed_last(item.record) < since)
			continue;
		subject_unpack(&p, &copy, &s->form);
		assert(packed_end(&p));
		each(ctx, &copy);
		subject_fini(&copy);
	}
}

void subjects_adopt(struct subjects *s, struct subject *subject, bool changed)
{
	struct subject_slot *slot = table_add(&s->table, subject->hash, 0, NULL);

	assert(!slot->subject);
	slot->subject = subject;
	slot->head.last = subject->last;
	table_settle(slot);
	if (changed)
		table_mark(slot);
	if (s->kind != SUBJECT_ACCOUNT)
		return;
	make_busy(s, subject);
	(void)put_away(s, subject);
}

void subjects_pin(struct subjects *s, struct subject *subject)
{
	struct subject_slot *slot = table_find(&s->table, subject->hash);

	assert(slot);
	subject->pins++;
	slot->head.last = TABLE_PINNED;
}

void subjects_unpin(struct subjects *s, struct subject *subject)
{
	struct subject_slot *slot = table_find(&s->table, subject->hash);

	assert(slot);
	if (--subject->pins == 0)
		slot->head.last = subject->last;
}

struct sighting *subject_find_sighting(const struct subject *s, const struct prefix *host)
{
	const uint16_t wanted = tag_of(host);

	for (size_t i = 0; i < s->n_sightings; i++)
		if (tags(s)[i] == wanted && address_equal(&s->sighting[i].host.base, &host->base))
			return &s->sighting[i];
	return NULL;
}

static void drop_sighting(struct subject *s, size_t i)
{
	sighting_fini(&s->sighting[i]);
	s->sighting[i] = s->sighting[--s->n_sightings];
	tags(s)[i] = tags(s)[s->n_sightings];
}

/* Of those that go because they are idle the newest is kept: it is where the owner was last seen. */
static void keep_former(struct subject *s, const struct sighting *at)
{
	if (!s->former)
		s->former = xcalloc(1, sizeof(*s->former));
	if (at->last < s->former->last)
		return;
	free(s->former->rdns);
	*s->former = *at;
	s->former->rdns = at->rdns ? xstrdup(at->rdns) : NULL;
}

static void drop_oldest(struct subject *s)
{
	size_t oldest = 0;

	for (size_t i = 1; i < s->n_sightings; i++)
		if (s->sighting[i].last < s->sighting[oldest].last)
			oldest = i;
	drop_sighting(s, oldest);
}

void subject_reserve_sightings(struct subject *s, uint16_t cap)
{
	struct sighting *room = xcalloc(cap, sizeof(*room) + sizeof(uint16_t));

	if (s->n_sightings > 0) {
		memcpy(room, s->sighting, s->n_sightings * sizeof(*room));
		memcpy(room + cap, tags(s), s->n_sightings * sizeof(uint16_t));
	}
	free(s->sighting);
	s->sighting = room;
	s->cap_sightings = cap;
}

/*
 * There is no room for one more: the idle ones go, or the oldest, or it grows. What an account took
 * in a busy hour it gives back.
 */
static void make_room(struct subject *s, uint32_t idle_before)
{
	unsigned int cap = 1; /* most accounts have one address, or two */

	for (size_t i = s->n_sightings; i-- > 0 && !s->pins;) {
		if (s->sighting[i].last >= idle_before)
			continue;
		keep_former(s, &s->sighting[i]);
		drop_sighting(s, i);
	}
	if (s->n_sightings == SIGHTINGS_MOST) {
		drop_oldest(s);
		s->more_sightings = true;
	}
	while (cap <= s->n_sightings && cap < SIGHTINGS_MOST)
		cap *= 2;
	if (s->n_sightings == s->cap_sightings || cap < s->cap_sightings / 2U)
		subject_reserve_sightings(s, (uint16_t)cap);
}

struct sighting *subject_add_sighting(struct subject *s, const struct prefix *host,
				      uint32_t idle_before)
{
	struct sighting *new;

	if (s->n_sightings == s->cap_sightings)
		make_room(s, idle_before);
	tags(s)[s->n_sightings] = tag_of(host);
	new = &s->sighting[s->n_sightings++];
	*new = (struct sighting){ .host = *host };
	return new;
}

static struct known *find_known(struct subject *s, uint32_t network)
{
	for (size_t i = 0; i < s->n_known; i++)
		if (s->known[i].network == network)
			return &s->known[i];
	return NULL;
}

/* Room for one more network; the one seen on the fewest days, longest ago, makes it. */
static struct known *add_known(struct subject *s)
{
	size_t victim = 0;

	if (s->n_known < KNOWN_MOST) {
		s->known = xrealloc(s->known, s->n_known + 1U, sizeof(*s->known));
		return &s->known[s->n_known++];
	}
	for (size_t i = 1; i < s->n_known; i++) {
		const struct known *k = &s->known[i], *v = &s->known[victim];

		if (k->days < v->days || (k->days == v->days && k->last_day < v->last_day))
			victim = i;
	}
	return &s->known[victim];
}

/* On how many days before this one. */
static unsigned int days_before(const struct known *k, uint16_t day)
{
	return k->days - (k->last_day == day);
}

bool subject_visit(struct subject *s, uint32_t network, uint16_t day, unsigned int days_least,
		   bool learn)
{
	struct known *k = find_known(s, network);
	unsigned int earlier;

	if (!k) {
		if (learn)
			*add_known(s) = (struct known){ network, day, 1, 0 };
		return days_least == 0;
	}
	earlier = days_before(k, day);
	if (k->last_day < day && (learn || earlier >= days_least)) {
		k->last_day = day;
		if (k->days < UINT16_MAX)
			k->days++;
	}
	return earlier >= days_least;
}

unsigned int subject_days_in(const struct subject *s, uint32_t network)
{
	for (size_t i = 0; i < s->n_known; i++)
		if (s->known[i].network == network)
			return s->known[i].days;
	return 0;
}

bool subject_at_home(struct subject *s, uint32_t network, country_t country, uint16_t day,
		     unsigned int days_least)
{
	bool home = false;

	for (size_t i = 0; i < s->n_known && country; i++) {
		struct known *k = &s->known[i];

		if (k->network == network)
			k->country = country;
		home |= k->country == country && days_before(k, day) >= days_least;
	}
	return home;
}

void subject_mark_known(struct subject *s, uint16_t day, unsigned int days_least)
{
	for (size_t i = 0; i < s->n_sightings; i++) {
		const struct known *k = find_known(s, s->sighting[i].network);

		if (k && days_before(k, day) >= days_least &&
		    !(s->sighting[i].flags & SIGHTING_OWN))
			s->sighting[i].flags |= SIGHTING_KNOWN;
	}
}

void subject_unlearn(struct subject *s, uint16_t day, unsigned int days_least)
{
	for (size_t i = s->n_known; i-- > 0;)
		if (days_before(&s->known[i], day) < days_least)
			s->known[i] = s->known[--s->n_known];
}

void subject_forget(struct subject *s)
{
	for (size_t i = s->n_sightings; i-- > 0;)
		if (!(s->sighting[i].flags & (SIGHTING_KNOWN | SIGHTING_OWN)))
			drop_sighting(s, i);
	s->more_sightings = false;
	s->standing = 0;
	s->suspected_until = 0;
	free(s->bound);
	s->bound = NULL;
	if (s->daily)
		s->daily->count[0] = s->daily->count[1] = 0;
}

void subject_count_message(struct subject *s, uint16_t day)
{
	struct daily *d = s->daily;
	unsigned int step;

	if (!d) {
		d = s->daily = xcalloc(1, sizeof(*d));
		d->day = day;
	}
	step = day > d->day ? day - d->day : 0;
	if (step > SURGE_DAYS)
		*d = (struct daily){ .day = day };
	else if (step > 0) {
		memmove(d->count + step, d->count, (COUNT(d->count) - step) * sizeof(*d->count));
		memset(d->count, 0, step * sizeof(*d->count));
		d->day = day;
	}
	if (d->day - day <= SURGE_DAYS && d->count[d->day - day] < UINT16_MAX)
		d->count[d->day - day]++;
}

static unsigned int messages_on(const struct daily *d, uint16_t day)
{
	return d && d->day >= day && d->day - day <= SURGE_DAYS ? d->count[d->day - day] : 0;
}

uint64_t subject_messages_of_day(const struct subject *s, uint32_t now_s)
{
	uint16_t day = (uint16_t)(now_s / DAY_S);
	uint64_t left_s = DAY_S - now_s % DAY_S;
	uint64_t yesterday = day > 0 ? messages_on(s->daily, (uint16_t)(day - 1)) : 0;

	return messages_on(s->daily, day) + yesterday * left_s / DAY_S;
}

double subject_daily_mean(const struct subject *s, uint16_t day, unsigned int days, unsigned int *n)
{
	unsigned int sum = 0;

	*n = 0;
	for (unsigned int i = 0; s->daily && i < COUNT(s->daily->count); i++) {
		unsigned int age = (unsigned int)day - s->daily->day + i;

		if (s->daily->day > day || age == 0 || age > days || s->daily->count[i] == 0)
			continue;
		sum += s->daily->count[i];
		++*n;
	}
	return *n ? (double)sum / *n : 0;
}
