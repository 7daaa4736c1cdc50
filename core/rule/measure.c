/*
 * measure - what a rule measures
 *
 * Most rules have windows, by user, address or whatever their key is. Those by user, or by user and
 * something else, lie with the subject; the others in tables by key, and so do the windows of a
 * subject with too many connections to lie with it. The rules on the addresses of
 * an account read its sightings instead, a surge the messages of its days; travel compares two
 * logins. A hold is the memory that a
 * rule was above its max: for `after`, and for keys finer than the subject, whose windows
 * can't be found again from the subject alone.
 */
#include "core/rule/measure.h"

#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/rule/places.h"
#include "core/rule/user.h"

#include <math.h>
#include <stdlib.h>

enum {
	TRAVEL_LEAST_KM = 300, /* below that, GeoIP's own error is the larger part */
	NO_WINDOWS = UINT16_MAX,
};

/* When a rule was last above its max for a subject. */
struct hold {
	struct table_head head; /* key: subject and rule; last: then */
	uint64_t value;
};

struct trip {
	struct table_head head;
	struct place place;
};

bool rule_reads_sightings(const struct rule *r)
{
	if (r->aggregate == AGGREGATE_FOREIGN)
		return true;
	return r->aggregate == AGGREGATE_DISTINCT && r->value < VALUE_USER && r->by == KEY_USER &&
	       r->on & (1U << EVENT_LOGIN | 1U << EVENT_FAILURE | 1U << EVENT_MESSAGE);
}

static bool rule_has_windows(const struct rule *r)
{
	return !rule_reads_sightings(r) && r->aggregate != AGGREGATE_TRAVEL &&
	       r->aggregate != AGGREGATE_SURGE;
}

uint8_t service_flag(struct slice service)
{
	return slice_is(service, "smtp")   ? SIGHTING_SMTP
	       : slice_is(service, "imap") ? SIGHTING_IMAP
	       : slice_is(service, "pop3") ? SIGHTING_POP3
					   : SIGHTING_OTHER;
}

uint32_t seconds_back(uint32_t now_s, uint32_t span_s)
{
	return now_s > span_s ? now_s - span_s : 0;
}

/*
 * Rules of one jail that count the same over the same time share their windows: many differ in
 * max and score alone. What comes `after` something counts for that rule only.
 */
struct shared_windows {
	const struct jail *jail;
	struct rule what; /* of the first of them: all that says what is counted */
	struct windows windows;
	uint64_t name;         /* the same in each process, see window_name() */
	uint64_t event, value; /* what was measured at that event */
};

static bool counts_the_same(const struct rule *a, const struct rule *b)
{
	return a->aggregate == b->aggregate && a->value == b->value && a->summed == b->summed &&
	       a->by == b->by && a->on == b->on && a->services == b->services &&
	       a->from_unknown == b->from_unknown && a->findtime_s == b->findtime_s && !a->after &&
	       !b->after;
}

/* The share that a rule's bounces have to be is a share of these. */
static struct rule base_rule(const struct rule *r)
{
	struct rule base = *r;

	base.aggregate = AGGREGATE_SUM;
	base.summed = FIELD_RECIPIENTS;
	base.value = 0;
	base.on = 1U << EVENT_QUEUED;
	return base;
}

/* The hash of its name, and its jail's: the same in each process. */
static uint64_t rule_name(const struct jail *jail, const struct rule *r)
{
	char *text = xasprintf("%s\n%s", jail->name, r->name);
	uint64_t name = hash_name(text);

	free(text);
	return name;
}

/* The hash of what the windows count; those of a rule with `after` are its own. */
static uint64_t window_name(const struct jail *jail, const struct rule *what)
{
	char *text =
		xasprintf("%s\n%d %d %d %d %u %u %d %u\n%s\n%s", jail->name, (int)what->aggregate,
			  (int)what->value, (int)what->summed, (int)what->by, what->on,
			  what->services, what->from_unknown, what->findtime_s,
			  what->after ? what->name : "", what->after ? what->after->name : "");
	uint64_t name = hash_name(text);

	free(text);
	return name;
}

/* The index of the windows that count `what`, made where there are none yet. */
static uint16_t find_windows(struct measures *m, const struct jail *jail, const struct rule *what)
{
	size_t i = 0;

	while (i < m->n_shared &&
	       (m->shared[i].jail != jail || !counts_the_same(&m->shared[i].what, what)))
		i++;
	if (i == m->n_shared) {
		m->shared = xrealloc(m->shared, ++m->n_shared, sizeof(*m->shared));
		m->shared[i] = (struct shared_windows){ .jail = jail, .what = *what };
	} else if (what->max_most > m->shared[i].what.max_most) {
		m->shared[i].what.max_most = what->max_most;
	}
	return (uint16_t)i;
}

static void assign_windows(struct measures *m, const struct jail *jail, const struct rule *r)
{
	struct rule base = base_rule(r);

	m->main_of[r->id] = rule_has_windows(r) ? find_windows(m, jail, r) : NO_WINDOWS;
	m->base_of[r->id] = r->percent ? find_windows(m, jail, &base) : NO_WINDOWS;
	m->rule_key[r->id] = rule_name(jail, r);
}

void measures_init(struct measures *m, const struct jail_set *jails, const struct geoip *geoip,
		   const char *realm, uint32_t horizon_s)
{
	*m = (struct measures){ jails, geoip, realm, .horizon_s = horizon_s };
	m->main_of = xcalloc(jails->n_rules, sizeof(*m->main_of));
	m->base_of = xcalloc(jails->n_rules, sizeof(*m->base_of));
	m->rule_key = xcalloc(jails->n_rules, sizeof(*m->rule_key));
	m->count = xcalloc(jails->n_rules, sizeof(*m->count));
	for (size_t i = 0; i < jails->n_jails; i++)
		for (size_t k = 0; k < jails->jail[i]->n_rules; k++)
			assign_windows(m, jails->jail[i], jails->jail[i]->rule[k]);
	m->window_rule = xcalloc(m->n_shared, sizeof(*m->window_rule));
	for (size_t i = 0; i < m->n_shared; i++) {
		const struct rule *what = &m->shared[i].what;
		bool distinct = what->aggregate == AGGREGATE_DISTINCT;
		bool invented = what->on & (1U << EVENT_FAILURE | 1U << EVENT_OFFENCE);

		m->window_rule[i] = window_rule(distinct ? WINDOW_DISTINCT : WINDOW_SUM,
						what->findtime_s, what->max_most);
		m->shared[i].name = window_name(m->shared[i].jail, what);
		windows_init(&m->shared[i].windows, m->window_rule[i],
			     invented ? INVENTED_MOST : 0);
	}
	table_init(&m->holds, sizeof(struct hold), INVENTED_MOST, NULL);
	table_init(&m->trips, sizeof(struct trip), 0, NULL);
}

void measures_fini(struct measures *m)
{
	for (size_t i = 0; i < m->n_shared; i++)
		windows_fini(&m->shared[i].windows);
	table_fini(&m->holds);
	table_fini(&m->trips);
	free(m->shared);
	free(m->window_rule);
	free(m->rule_key);
	free(m->count);
	free(m->main_of);
	free(m->base_of);
}

struct own_form measures_form(const struct measures *m)
{
	return (struct own_form){ .rule = m->window_rule, .n = m->n_shared };
}

void measures_next(struct measures *m)
{
	m->event++;
}

uint32_t measure_first(const struct measures *m, const struct rule *r, uint64_t key, uint32_t none)
{
	uint16_t index = m->main_of[r->id];

	return index == NO_WINDOWS ? none : windows_first(&m->shared[index].windows, key, none);
}

void measure_reset(struct measures *m, const struct rule *r, uint64_t key)
{
	if (m->main_of[r->id] != NO_WINDOWS)
		windows_reset(&m->shared[m->main_of[r->id]].windows, key);
}

/*
 * The key of a rule's windows for this event; 0 where the event lacks a part of it. For a rule by
 * user, or by user and something else, it is that something, or 1: the windows lie with the user.
 */
static uint64_t window_key(const struct rule *r, const struct step *step)
{
	struct slice session = step->event->field[FIELD_SESSION];
	uint64_t host = step->host_hash;

	switch (r->by) {
	case KEY_USER:
		return 1;
	case KEY_IP:
	case KEY_USER_IP:
		return host;
	case KEY_NETWORK:
		return step->sighting ? hash_pair(step->sighting->network, 0) : 0;
	case KEY_SESSION:
		if (session.ptr)
			return hash_pair(host, hash_bytes(session.ptr, session.len));
		return step->event->pid ? hash_pair(host, step->event->pid) : 0;
	case KEYS:
		break;
	}
	return 0;
}

static bool lies_with_subject(const struct shared_windows *w)
{
	return w->what.by != KEY_IP && w->what.by != KEY_NETWORK;
}

/* What tells a subject's windows of one rule apart. */
static uint32_t own_key(const struct shared_windows *w, uint64_t key)
{
	return w->what.by == KEY_USER ? 0 : (uint32_t)(key >> 32) | 1;
}

/* The key of one for which there was no room with the subject. */
static uint64_t far_key(const struct subject *s, uint64_t key)
{
	return hash_pair(s->hash + s->forgotten, key);
}

/* The window that lies with the subject; NULL where it lies with all others of the rule. */
static struct window *own_window(struct measures *m, uint16_t index, const struct step *step,
				 uint64_t key)
{
	const struct shared_windows *w = &m->shared[index];
	uint32_t part = own_key(w, key);
	struct own_windows *own = &step->subject->own;
	struct window *win = own_find(own, index, part);

	if (win || (own->full && part && windows_has(&w->windows, far_key(step->subject, key))))
		return win;
	return own_add(own, index, part, m->window_rule, step->now_s);
}

static uint64_t add(struct measures *m, uint16_t index, const struct step *step, uint64_t key,
		    uint64_t gain)
{
	struct shared_windows *w = &m->shared[index];
	struct window *win;

	if (!lies_with_subject(w))
		return windows_add(&w->windows, key, gain, step->now_s);
	win = own_window(m, index, step, key);
	if (win)
		return window_add(&m->window_rule[index], win, gain, step->now_s);
	return windows_add(&w->windows, far_key(step->subject, key), gain, step->now_s);
}

static uint64_t add_once(struct measures *m, uint16_t index, const struct step *step, uint64_t key,
			 uint64_t gain)
{
	struct shared_windows *w = &m->shared[index];

	if (w->event != m->event) {
		w->event = m->event;
		w->value = add(m, index, step, key, gain);
	}
	return w->value;
}

/* What the windows hold for the subject of a rule by user or by address. */
static uint64_t value_of_subject(const struct measures *m, uint16_t index, const struct subject *s,
				 uint32_t now_s)
{
	const struct shared_windows *w = &m->shared[index];
	const struct window *win;

	if (!lies_with_subject(w))
		return windows_value(&w->windows, s->hash, now_s);
	win = own_find(&s->own, index, 0);
	return win ? window_value(&m->window_rule[index], win, now_s) : 0;
}

static uint64_t text_hash(struct slice text)
{
	return text.ptr ? hash_bytes(text.ptr, text.len) : 0;
}

/* Of the name as accounts are compared: one that is spelt in five ways is not five. */
static uint64_t user_hash(const struct measures *m, struct slice user)
{
	struct user_name name;

	return user_canonical(&name, user, m->realm) ? name.hash : 0;
}

/* What the event adds to the rule's window: an amount, or the hash of a value; 0 for nothing. */
static uint64_t window_gain(const struct measures *m, const struct rule *r, const struct step *step)
{
	const struct sighting *at = step->sighting;
	const struct slice *field = step->event->field;

	if (r->aggregate == AGGREGATE_SUM)
		return r->summed == FIELD_BYTES ? step->bytes : step->recipients;
	if (r->aggregate != AGGREGATE_DISTINCT)
		return 1;
	switch (r->value) {
	case VALUE_IP:
		return step->host_hash;
	case VALUE_NETWORK:
		return at ? at->network : 0;
	case VALUE_COUNTRY:
		return at && !(at->flags & SIGHTING_HOME) ? at->country : 0;
	case VALUE_ASN:
		return at ? sighting_asn(at) : 0;
	case VALUE_USER:
		return step->event->user_hash ? step->event->user_hash
					      : user_hash(m, field[FIELD_USER]);
	case VALUE_HELO:
		return text_hash(field[FIELD_HELO]);
	case VALUE_SERVICE:
		return text_hash(field[FIELD_SERVICE]);
	case VALUES:
		break;
	}
	return 0;
}

static uint64_t travel_value(struct measures *m, const struct step *step)
{
	const struct sighting *at = step->sighting;
	struct place place;
	struct trip *trip;
	uint64_t kmh = 0;
	bool is_new;

	if (!at || at->flags & (SIGHTING_OWN | SIGHTING_FETCHER) ||
	    !geoip_place(m->geoip, &step->event->ip, &place))
		return 0;
	trip = table_add(&m->trips, step->subject->hash, seconds_back(step->now_s, m->horizon_s),
			 &is_new);
	if (!is_new && step->now_s >= trip->head.last) {
		double km = place_distance_km(&trip->place, &place);
		uint32_t seconds = step->now_s - trip->head.last;

		if (km >= TRAVEL_LEAST_KM)
			kmh = (uint64_t)(km * 3600 / (seconds ? seconds : 1));
	}
	table_mark(trip);
	trip->place = place;
	trip->head.last = step->now_s;
	/* At home the trip only sets out: whoever left from there may be anywhere next. */
	return at->flags & SIGHTING_KNOWN ? 0 : kmh;
}

/*
 * The value, or 0 where it is not the share of the recipients that the rule wants. What is below
 * every max needs no share.
 */
static uint64_t share(const struct measures *m, const struct rule *r, const struct step *step,
		      uint64_t value)
{
	if (r->percent && value > r->max_least &&
	    value * 100 <=
		    r->percent * value_of_subject(m, m->base_of[r->id], step->subject, step->now_s))
		return 0;
	return value;
}

static uint64_t add_to_windows(struct measures *m, const struct rule *r, const struct step *step)
{
	uint64_t key = window_key(r, step), gain;

	if (!key)
		return 0;
	if (r->percent && step->event->kind != EVENT_BOUNCE) {
		(void)add_once(m, m->base_of[r->id], step, key, step->recipients);
		return 0;
	}
	gain = window_gain(m, r, step);
	if (!gain)
		return 0;
	return share(m, r, step, add_once(m, m->main_of[r->id], step, key, gain));
}

uint64_t measure_event(struct measures *m, const struct jail *jail, const struct rule *r,
		       const struct step *step)
{
	const struct sighting *at = step->sighting;
	bool owners = at && at->flags & (SIGHTING_KNOWN | SIGHTING_OWN);

	if (r->services && !(r->services & service_flag(step->event->field[FIELD_SERVICE])))
		return 0;
	if (r->aggregate == AGGREGATE_TRAVEL)
		return travel_value(m, step);
	if (r->aggregate == AGGREGATE_SURGE)
		return subject_messages_of_day(step->subject, step->now_s);
	if (r->aggregate == AGGREGATE_FOREIGN)
		return places_foreign(step->subject, r, 1U << jail->index, step->now_s);
	if (rule_reads_sightings(r))
		return places_distinct(step->subject, r, 1U << jail->index, step->now_s);
	if ((rule_is_about_places(r) && owners) || (r->from_unknown && (!at || owners)))
		return 0;
	return add_to_windows(m, r, step);
}

static uint64_t hold_key(const struct measures *m, const struct subject *s, const struct rule *r)
{
	return hash_pair(s->hash, m->rule_key[r->id]);
}

uint64_t measure_now(struct measures *m, const struct jail *jail, const struct rule *r,
		     const struct step *step)
{
	const struct hold *hold;

	if (r->aggregate == AGGREGATE_SURGE)
		return subject_messages_of_day(step->subject, step->now_s);
	if (r->aggregate == AGGREGATE_FOREIGN)
		return places_foreign(step->subject, r, 1U << jail->index, step->now_s);
	if (rule_reads_sightings(r))
		return r->of_failures
			       ? 0
			       : places_distinct(step->subject, r, 1U << jail->index, step->now_s);
	if (r->by == (step->subject->kind == SUBJECT_ADDRESS ? KEY_IP : KEY_USER) &&
	    r->aggregate != AGGREGATE_TRAVEL)
		return share(m, r, step,
			     value_of_subject(m, m->main_of[r->id], step->subject, step->now_s));
	/* By user+ip, network, session, and for travel: it holds as long as its findtime. */
	hold = table_find(&m->holds, hold_key(m, step->subject, r));
	if (!hold || step->now_s - hold->head.last >= r->findtime_s)
		return 0;
	return hold->value;
}

uint64_t measure_shown(struct measures *m, const struct jail *jail, const struct rule *r,
		       const struct step *step)
{
	if (rule_reads_sightings(r) && r->aggregate != AGGREGATE_FOREIGN)
		return places_distinct(step->subject, r, 1U << jail->index, step->now_s);
	return measure_now(m, jail, r, step);
}

static void forget_rule(struct measures *m, const struct rule *r, const struct subject *s)
{
	struct hold *hold = table_find(&m->holds, hold_key(m, s, r));

	if (hold)
		table_remove(&m->holds, hold);
	if (s->kind == SUBJECT_ADDRESS && r->by == KEY_IP)
		measure_reset(m, r, s->hash);
}

void measure_forget(struct measures *m, struct subject *s)
{
	struct trip *trip = table_find(&m->trips, s->hash);

	if (trip)
		table_remove(&m->trips, trip);
	for (size_t i = 0; i < m->jails->n_jails; i++)
		for (size_t k = 0; k < m->jails->jail[i]->n_rules; k++)
			forget_rule(m, m->jails->jail[i]->rule[k], s);
	/* Windows that found no room with it are found no more by another key. */
	s->forgotten += s->own.full;
	own_fini(&s->own);
}

struct limit measure_limit(const struct jail *jail, const struct rule *r, const struct step *step)
{
	struct limit limit = { r, r->max, r->score };
	uint8_t class = step->subject->limit_class ? step->subject->limit_class[jail->index] : 0;
	unsigned int days;
	double mean;

	for (size_t i = 0; class && i < jail->limits[class - 1].n; i++)
		if (jail->limits[class - 1].limit[i].rule == r)
			limit = jail->limits[class - 1].limit[i];
	if (r->aggregate != AGGREGATE_SURGE)
		return limit;
	mean = subject_daily_mean(step->subject, (uint16_t)(step->now_s / DAY_S), r->over_days,
				  &days);
	if (days < r->least_days)
		limit.max = UINT64_MAX; /* a mean of a few days is noise */
	else if (mean * r->factor > (double)limit.max)
		limit.max = (uint64_t)(mean * r->factor);
	return limit;
}

void measure_hold(struct measures *m, const struct subject *s, const struct rule *r, uint64_t value,
		  uint32_t now_s)
{
	bool is_new;
	struct hold *hold =
		table_add(&m->holds, hold_key(m, s, r), seconds_back(now_s, m->horizon_s), &is_new);

	if (is_new || (now_s > hold->head.last && now_s - hold->head.last >= r->findtime_s)) {
		m->count[r->id].n++;
		m->count[r->id].changed = true;
	}
	table_mark(hold);
	hold->head.last = now_s;
	hold->value = value;
}

bool measure_after(const struct measures *m, const struct rule *r, const struct step *step)
{
	const struct hold *hold;

	if (!r->after)
		return true;
	hold = table_find(&m->holds, hold_key(m, step->subject, r->after));
	return hold &&
	       (hold->head.last >= step->now_s || step->now_s - hold->head.last <= r->within_s);
}

uint64_t measures_window_name(const struct measures *m, size_t number)
{
	return m->shared[number].name;
}

static void pack_hold(struct pack *p, const void *element)
{
	const struct hold *hold = element;

	pack_u32(p, hold->head.last);
	pack_u64(p, hold->value);
}

static void unpack_hold(struct packed *p, struct measures *m, uint64_t key)
{
	uint32_t last = packed_u32(p);
	uint64_t value = packed_u64(p);
	struct hold *hold;

	p->bad |= !packed_end(p) || last == TABLE_PINNED;
	if (p->bad)
		return;
	hold = table_add(&m->holds, key, 0, NULL);
	hold->head.last = last;
	hold->value = value;
	table_settle(hold);
}

static void pack_trip(struct pack *p, const void *element)
{
	const struct trip *trip = element;

	pack_u32(p, trip->head.last);
	pack_bytes(p, &trip->place, sizeof(trip->place));
}

static void unpack_trip(struct packed *p, struct measures *m, uint64_t key)
{
	uint32_t last = packed_u32(p);
	struct place place;
	struct trip *trip;

	packed_bytes(p, &place, sizeof(place));
	p->bad |= !packed_end(p) || last == TABLE_PINNED ||
		  !(fabs(place.latitude) <= 90 && fabs(place.longitude) <= 360);
	if (p->bad)
		return;
	trip = table_add(&m->trips, key, 0, NULL);
	trip->head.last = last;
	trip->place = place;
	table_settle(trip);
}

static void save_counts(struct measures *m, struct saving *s)
{
	for (uint32_t i = 0; i < m->jails->n_rules; i++) {
		if (!m->count[i].changed && !s->all)
			continue;
		pack_u64(&s->pack, m->count[i].n);
		saving_put(s, hash_name("counts"), m->rule_key[i]);
		m->count[i].changed = false;
	}
}

static void unpack_count(struct packed *p, struct measures *m, uint64_t key)
{
	uint64_t n = packed_u64(p);

	for (uint32_t i = 0; i < m->jails->n_rules && packed_end(p); i++)
		if (m->rule_key[i] == key)
			m->count[i].n = n;
}

void measures_save(struct measures *m, struct saving *s)
{
	for (size_t i = 0; i < m->n_shared; i++)
		saving_table(s, m->shared[i].name, &m->shared[i].windows.table, windows_pack);
	saving_table(s, hash_name("holds"), &m->holds, pack_hold);
	saving_table(s, hash_name("trips"), &m->trips, pack_trip);
	save_counts(m, s);
}

bool measures_restore(struct measures *m, uint64_t table, uint64_t key, struct packed *p)
{
	if (table == hash_name("holds"))
		unpack_hold(p, m, key);
	else if (table == hash_name("trips"))
		unpack_trip(p, m, key);
	else if (table == hash_name("counts"))
		unpack_count(p, m, key);
	else {
		size_t i = 0;

		while (i < m->n_shared && m->shared[i].name != table)
			i++;
		if (i == m->n_shared)
			return false;
		windows_unpack(p, &m->shared[i].windows, key);
	}
	return true;
}
