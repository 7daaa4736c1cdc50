/*
 * engine - events in, verdicts out
 *
 *	event -> its session -> who (account, name, address) -> where (sighting)
 *	      -> rules of each jail -> verdict
 *
 * One engine serves `postern scan` and the daemon: it knows event time alone, opens nothing and
 * asks nobody. For every event the rules that count its kind add to their windows; as long as no
 * value is above its max that is all. Once one is, and while it stays so, the jail's rules are
 * all valued for that subject, their scores added up, and the verdict is told.
 *
 * Two promises are kept here and nowhere else. Failures never disable an account: what a rule on
 * failures scores, or one that comes after such a rule, counts for "suspect" alone. And the
 * addresses that an account's owner is known by, and the server's own, are evidence for
 * nothing: rules about places don't see them. (Volumes they send do count: a trojan sends
 * from the owner's own address, a stolen password works in webmail too.)
 */
#include "core/rule/engine_parts.h"

#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/rule/user.h"

#include <assert.h>
#include <stdlib.h>

/* Is the rule one that events about this kind of subject count for? */
static bool concerns(const struct rule *r, enum subject_kind kind)
{
	bool of_address = r->by == KEY_IP || r->by == KEY_NETWORK;
	bool failures = r->on & (1U << EVENT_FAILURE | 1U << EVENT_OFFENCE);

	if (kind == SUBJECT_ADDRESS)
		return of_address;
	return !of_address && failures == (kind == SUBJECT_NAME);
}

static void make_plan(struct engine *e, enum subject_kind kind)
{
	e->plan[kind] = xcalloc(e->jails->n_jails, sizeof(struct plan));
	for (size_t i = 0; i < e->jails->n_jails; i++) {
		const struct jail *jail = e->jails->jail[i];
		struct plan *plan = &e->plan[kind][i];

		plan->jail = jail;
		plan->rule = xcalloc(jail->n_rules, sizeof(*plan->rule));
		for (size_t k = 0; k < 2 * jail->n_rules; k++) {
			const struct rule *r = jail->rule[k % jail->n_rules];
			bool places = k < jail->n_rules;

			if (!concerns(r, kind) || rule_reads_sightings(r) != places)
				continue;
			plan->rule[plan->n++] = (struct plan_rule){ r, r->max_least, r->on };
			plan->n_places += places;
			plan->on |= r->on;
			plan->on_always |= places ? 0 : r->on;
		}
		plan->bound = e->n_bounds;
		e->n_bounds += plan->n_places;
	}
}

static void rule_init(struct engine *e, const struct rule *r)
{
	if (r->findtime_s > e->horizon_s)
		e->horizon_s = r->findtime_s;
	e->any_reset |= r->reset_on_success;
	e->kinds |= r->on;
	e->places_of_offenders |=
		r->by == KEY_NETWORK || (r->by == KEY_IP && rule_is_about_places(r));
	if (rule_reads_sightings(r) && r->findtime_s < e->places_least_s)
		e->places_least_s = r->findtime_s;
}

struct engine *engine_new(const struct jail_set *jails, const struct engine_options *options)
{
	struct engine *e = xcalloc(1, sizeof(*e));
	struct subject_form form;

	e->jails = jails;
	e->options = *options;
	e->places = (struct places){ options->geoip, options->own, jails };
	e->horizon_s = e->places_least_s = DAY_S;
	for (size_t i = 0; i < jails->n_jails; i++) {
		e->any_limits |= jails->jail[i]->n_limits > 0;
		for (size_t k = 0; k < jails->jail[i]->n_rules; k++)
			rule_init(e, jails->jail[i]->rule[k]);
	}
	for (enum subject_kind kind = 0; kind <= SUBJECT_ADDRESS; kind++)
		make_plan(e, kind);
	/* What ties messages and addresses to accounts is needed whatever the rules are. */
	e->kinds |= 1U << EVENT_LOGIN | 1U << EVENT_MESSAGE | 1U << EVENT_QUEUED |
		    1U << EVENT_BOUNCE | 1U << EVENT_REMOVED | 1U << EVENT_CONNECT |
		    1U << EVENT_DISCONNECT;
	queue_init(&e->queue);
	sessions_init(&e->sessions);
	measures_init(&e->measures, jails, options->geoip, options->default_realm, e->horizon_s);
	form = (struct subject_form){ measures_form(&e->measures), jails->n_jails };
	subjects_init(&e->account, SUBJECT_ACCOUNT, 0, &form);
	if (options->busy_accounts)
		e->account.busy_most = options->busy_accounts;
	subjects_init(&e->name, SUBJECT_NAME, INVENTED_MOST, &form);
	subjects_init(&e->address, SUBJECT_ADDRESS, INVENTED_MOST, &form);
	customers_init(&e->customers);
	legend_init(e);
	return e;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	subjects_fini(&e->account);
	subjects_fini(&e->name);
	subjects_fini(&e->address);
	queue_fini(&e->queue);
	sessions_fini(&e->sessions);
	legend_fini(e);
	measures_fini(&e->measures);
	customers_fini(&e->customers);
	for (enum subject_kind kind = 0; kind <= SUBJECT_ADDRESS; kind++) {
		for (size_t i = 0; i < e->jails->n_jails; i++)
			free(e->plan[kind][i].rule);
		free(e->plan[kind]);
	}
	free(e);
}

const struct engine_stats *engine_stats(const struct engine *e)
{
	return &e->stats;
}

size_t engine_accounts(const struct engine *e)
{
	return subjects_count(&e->account);
}

const struct queue *engine_queue(const struct engine *e)
{
	return &e->queue;
}

uint64_t engine_rule_count(const struct engine *e, const struct rule *rule)
{
	return e->measures.count[rule->id].n;
}

uint32_t engine_horizon_s(const struct engine *e)
{
	return e->horizon_s;
}

unsigned int engine_kinds(const struct engine *e)
{
	return e->kinds;
}

bool engine_wants(const struct engine *e, uint64_t queue_id_hash)
{
	return table_find(&e->queue.table, queue_id_hash);
}

uint64_t engine_user_hash(const struct engine *e, struct slice user)
{
	struct user_name name;

	return user_canonical(&name, user, e->options.default_realm) ? name.hash : 0;
}

void engine_fetch_user(const struct engine *e, enum event_kind kind, uint64_t hash,
		       unsigned int step)
{
	subjects_fetch(kind == EVENT_FAILURE ? &e->name : &e->account, hash, step);
}

void engine_fetch_queued(const struct engine *e, uint64_t hash, unsigned int step)
{
	const struct queued *m;

	if (step == 0) {
		table_fetch(&e->queue.table, hash);
		return;
	}
	m = table_find(&e->queue.table, hash);
	if (m)
		subjects_fetch(&e->account, m->account, step - 1);
}

struct subjects *engine_home(struct engine *e, enum subject_kind kind)
{
	return kind == SUBJECT_ACCOUNT ? &e->account
	       : kind == SUBJECT_NAME  ? &e->name
				       : &e->address;
}

void engine_pin(struct engine *e, struct subject *subject)
{
	subjects_pin(engine_home(e, (enum subject_kind)subject->kind), subject);
}

void engine_unpin(struct engine *e, struct subject *subject)
{
	subjects_unpin(engine_home(e, (enum subject_kind)subject->kind), subject);
}

void engine_ask_settings(const struct engine *e, struct subject *s)
{
	free(s->limit_class);
	s->limit_class = e->any_limits ? xcalloc(e->jails->n_jails, 1) : NULL;
	s->ignored = 0;
	for (size_t i = 0; i < e->jails->n_jails; i++) {
		const struct jail *jail = e->jails->jail[i];

		if (ignore_has_user(&jail->ignore, s->name))
			s->ignored |= 1U << i;
		for (size_t k = 0; k < jail->n_limits && s->limit_class; k++)
			if (ignore_has_user(&jail->limits[k].users, s->name))
				s->limit_class[i] = (uint8_t)(k + 1);
	}
}

/* `hash` is the user's, or 0: only who is new is looked at by name then. */
static struct subject *get_user(struct engine *e, struct subjects *home, struct slice user,
				uint64_t hash, uint32_t now_s)
{
	struct user_name name;
	struct subject *s;
	bool is_new;

	s = hash ? subjects_again(home, hash, now_s) : NULL;
	if (s)
		return s;
	if (!user_canonical(&name, user, e->options.default_realm)) {
		e->stats.without_user++;
		return NULL;
	}
	s = subjects_get(home, name.hash, (struct slice){ name.text, name.len }, now_s,
			 seconds_back(now_s, e->horizon_s), &is_new);
	if (is_new)
		engine_ask_settings(e, s);
	return s;
}

struct subject *engine_subject(struct engine *e, enum subject_kind kind, struct slice name,
			       uint32_t now_s)
{
	struct prefix host;

	if (kind != SUBJECT_ADDRESS)
		return get_user(e, engine_home(e, kind), name, 0, now_s);
	if (!prefix_parse(&host, name))
		return NULL;
	return subjects_get(&e->address, hash_bytes(host.base.byte, sizeof(host.base.byte)), name,
			    now_s, seconds_back(now_s, e->horizon_s), NULL);
}

/* Is it so long ago that it may count anew for the rule with the shortest findtime? */
static bool long_ago(const struct engine *e, uint32_t then_s, uint32_t now_s)
{
	return now_s > then_s && now_s - then_s >= e->places_least_s;
}

/* Where the subject was seen: found or made, and brought up to date. */
static struct sighting *see(struct engine *e, struct step *step)
{
	struct prefix host = address_host(&step->event->ip);
	struct sighting *at = subject_find_sighting(step->subject, &host);
	struct slice rdns = step->event->field[FIELD_RDNS];
	uint8_t flags = at ? at->flags : 0;

	if (!at) {
		at = subject_add_sighting(step->subject, &host,
					  seconds_back(step->now_s, e->horizon_s));
		places_fill(&e->places, at, &step->event->ip);
		at->first = at->last = step->now_s;
		step->moved = step->new_day = true;
	} else if (step->subject->pins == 0 && at->last < seconds_back(step->now_s, e->horizon_s)) {
		/* It outlived its time only because nobody needed the room. */
		at->first = step->now_s;
		at->logins = at->messages = at->recipients = at->bounces = 0;
		at->sent = 0;
	}
	if (step->now_s < at->first)
		at->first = step->now_s;
	at->flags |= service_flag(step->event->field[FIELD_SERVICE]);
	step->appears = step->moved || at->last < seconds_back(step->now_s, e->horizon_s);
	step->new_day |= at->last / DAY_S != step->now_s / DAY_S;
	step->moved |= at->flags != flags || long_ago(e, at->last, step->now_s);
	if (step->event->kind == EVENT_MESSAGE) {
		step->moved |= long_ago(e, at->sent, step->now_s);
		at->sent = step->now_s > at->sent ? step->now_s : at->sent;
	}
	if (step->now_s > at->last)
		at->last = step->now_s;
	if (!at->rdns && rdns.ptr && rdns.len < USER_LONGEST && !slice_is(rdns, "unknown"))
		at->rdns = xstrndup(rdns.ptr, rdns.len);
	return at;
}

/* Once it is known whose address it is: the owner's new one is no intruder's. */
static void tell_sighting(const struct engine *e, const struct step *step)
{
	if (step->appears && step->subject->pins > 0 && e->options.on_sighting)
		e->options.on_sighting(e->options.ctx, step->subject, step->sighting, step->now_s);
}

/* Is the account's network its owner's, by the days it was seen there? */
static void learn_network(struct engine *e, struct subject *s, struct sighting *at, uint32_t now_s)
{
	bool learn = now_s >= s->suspected_until;

	if (at->flags & SIGHTING_OWN)
		return;
	if (subject_visit(s, at->network, (uint16_t)(now_s / DAY_S), e->options.known_days, learn))
		at->flags |= SIGHTING_KNOWN;
	if (subject_at_home(s, at->network, at->country, (uint16_t)(now_s / DAY_S),
			    e->options.known_days))
		at->flags |= SIGHTING_HOME;
}

static bool is_customer(const struct engine *e, const struct sighting *at, uint32_t now_s)
{
	return customers_seen(&e->customers, &at->host.base, (uint16_t)(now_s / DAY_S));
}

/*
 * The level that the findings reach. Failures never disable an account; and a mail fetcher's
 * address, or one that customers log in from day by day, is told of, not banned, however often one
 * of them fails.
 */
static enum level level_of(const struct engine *e, const struct jail *jail, const struct step *step,
			   unsigned int score, unsigned int sure)
{
	const struct sighting *at = step->sighting;

	if (jail->subject == SUBJECT_ADDRESS && at &&
	    (at->flags & (SIGHTING_OWN | SIGHTING_FETCHER) || is_customer(e, at, step->now_s)))
		sure = 0;
	if (sure >= jail->threshold)
		return LEVEL_ACT;
	return score >= jail->suspect ? LEVEL_SUSPECT : LEVEL_NONE;
}

static void suspect(struct engine *e, const struct step *step, enum level level)
{
	uint16_t day = (uint16_t)(step->now_s / DAY_S);
	struct subject *s = step->subject;

	if (level == LEVEL_NONE || s->kind != SUBJECT_ACCOUNT)
		return;
	if (step->now_s >= s->suspected_until) {
		/* Yesterday was the third day: today's bots are not to take his address along. */
		subject_mark_known(s, day, e->options.known_days);
		subject_unlearn(s, day, e->options.known_days);
	}
	s->suspected_until = step->now_s + e->horizon_s;
}

void tally_add(struct tally *t, const struct rule *r, unsigned int score)
{
	unsigned int counted = r->group ? t->best[r->group] : 0;

	if (score <= counted)
		return;
	t->sum += score - counted;
	t->best[r->group] = score;
}

/* Values all rules of the jail for the subject and tells the verdict. */
static void judge(struct engine *e, const struct jail *jail, const struct step *step,
		  const uint64_t *counted)
{
	struct finding finding[RULES_MOST];
	struct verdict v = { jail, step->subject, LEVEL_NONE, 0, step->event->time, finding,
			     0,    step->now_s };
	struct tally all = { 0 }, sure = { 0 };
	bool dry = false;

	for (size_t i = 0; i < jail->n_rules; i++) {
		const struct rule *r = jail->rule[i];
		uint64_t value = counted[i] ? counted[i] : measure_now(&e->measures, jail, r, step);
		struct limit limit;

		if (value == 0)
			continue;
		limit = measure_limit(jail, r, step);
		if (value <= limit.max || !measure_after(&e->measures, r, step))
			continue;
		finding[v.n_findings++] =
			(struct finding){ r, value, limit.max, r->dry_run ? 0 : limit.score };
		tally_add(&all, r, r->dry_run ? 0 : limit.score);
		if (rule_is_sure(jail, r))
			tally_add(&sure, r, r->dry_run ? 0 : limit.score);
		dry |= r->dry_run;
		if (limit.score && seconds_back(step->now_s, r->findtime_s) < v.begin_s)
			v.begin_s = seconds_back(step->now_s, r->findtime_s);
	}
	v.score = all.sum;
	if (v.score == 0 && !dry)
		step->subject->standing &= ~(1U << jail->index);
	else
		step->subject->standing |= 1U << jail->index;
	if (v.n_findings == 0)
		return;
	v.level = level_of(e, jail, step, v.score, sure.sum);
	/* What failures lead to must not keep the owner's places from becoming known. */
	suspect(e, step, sure.sum >= jail->suspect ? v.level : LEVEL_NONE);
	e->options.on_verdict(e->options.ctx, &v);
}

static bool of_jails_filters(const struct jail *jail, const struct event *event)
{
	for (size_t i = 0; i < jail->n_filters; i++)
		if (event->match && event->match->filter == jail->filters[i])
			return true;
	return jail->n_filters == 0;
}

/*
 * What a rule about places measures can rise by one at most with each sighting that moves, so it
 * is valued again only once the highest it can be by now is above its max. `bound` is that
 * height; true where the rule has to be valued.
 */
static bool may_exceed(const struct plan *plan, const struct rule *r, const struct step *step,
		       uint8_t *bound)
{
	uint32_t bit = 1U << plan->jail->index;

	/* Valued in all cases: what stands, what comes late, and where events passed the jail by. */
	if (step->subject->standing & bit || step->now_s < step->subject->last || r->after ||
	    plan->jail->n_filters > 0 || !step->sighting)
		return true;
	if (!places_raise(step->subject, step->sighting, r, bit, step->now_s))
		return false;
	if (*bound < UINT8_MAX)
		++*bound;
	return *bound == UINT8_MAX || *bound > r->max_least;
}

/* The subject's bounds; few subjects ever need them. UINT8_MAX is for "not known". */
static uint8_t *bounds_of(const struct engine *e, struct subject *s)
{
	if (!s->bound) {
		s->bound = xcalloc(e->n_bounds, 1);
		memset(s->bound, UINT8_MAX, e->n_bounds);
	}
	return s->bound;
}

/* An event of another service can raise what the rule measures, but is not measured. */
static bool is_of_service(const struct rule *r, const struct step *step)
{
	return !r->services || r->services & service_flag(step->event->field[FIELD_SERVICE]);
}

/* Adds the event to the windows of one rule; true where it is above its max now. */
static bool run_rule(struct engine *e, const struct plan *plan, size_t k, const struct step *step,
		     uint64_t *counted)
{
	const struct jail *jail = plan->jail;
	const struct rule *r = plan->rule[k].rule;
	uint8_t *bound = NULL;

	if (r->after && !measure_after(&e->measures, r, step))
		return false; /* what came before doesn't count */
	if (k < plan->n_places) {
		bound = &bounds_of(e, step->subject)[plan->bound + k];
		if (!may_exceed(plan, r, step, bound) || !is_of_service(r, step))
			return false;
	}
	*counted = measure_event(&e->measures, jail, r, step);
	if (bound)
		*bound = *counted < UINT8_MAX ? (uint8_t)*counted : UINT8_MAX;
	if (*counted <= r->max && !(*counted && step->subject->limit_class))
		return false;
	if (*counted <= measure_limit(jail, r, step).max)
		return false;
	measure_hold(&e->measures, step->subject, r, *counted, step->now_s);
	return r->score > 0; /* a mere condition decides nothing */
}

/* Runs the rules from the `first` on that count this kind of event; true where any is above its max. */
static bool run_rules(struct engine *e, const struct plan *plan, size_t first,
		      const struct step *step, uint64_t *counted)
{
	struct subject *s = step->subject;
	bool over = false;

	for (size_t i = first; i < plan->n; i++) {
		const struct plan_rule *p = &plan->rule[i];

		if (!(p->on & step->kinds))
			continue;
		if (i >= plan->n_places || s->n_sightings > p->max_least)
			over |= run_rule(e, plan, i, step, &counted[p->rule->index]);
		else if (s->bound)
			/* There are not enough for it to hold; how many count is then not known. */
			s->bound[plan->bound + i] = UINT8_MAX;
	}
	return over;
}

/*
 * An address is nobody until it is over a limit: only then it gets a name and a sighting, with
 * what its window knows of it. False where the jail ignores it.
 */
static bool make_real(struct engine *e, struct step *step, const struct jail *jail,
		      const uint64_t *counted)
{
	struct prefix host = step->sighting->host;
	char text[ADDRESS_TEXT];

	step->subject =
		subjects_get(&e->address, step->host_hash, slice_of(prefix_text(&host, text)),
			     step->now_s, seconds_back(step->now_s, e->horizon_s), NULL);
	step->sighting = see(e, step);
	step->provisional = false;
	for (size_t i = 0; i < jail->n_rules; i++) {
		const struct rule *r = jail->rule[i];

		if (counted[i] > step->sighting->logins)
			step->sighting->logins = (uint32_t)counted[i];
		if (counted[i] && r->by == KEY_IP)
			step->sighting->first = measure_first(&e->measures, r, step->host_hash,
							      step->sighting->first);
	}
	return !(step->sighting->ignored & 1U << jail->index);
}

static void run_jail(struct engine *e, const struct plan *plan, struct step *step)
{
	uint64_t counted[RULES_MOST];
	const struct jail *jail = plan->jail;
	const struct sighting *at = step->sighting;
	uint32_t bit = 1U << jail->index;
	bool over = step->subject->standing & bit;

	/* As long as nothing holds, what reads sightings needs no look unless one of them moved. */
	if (!over && !step->moved && !(plan->on_always & step->kinds))
		return;
	if (step->subject->ignored & bit || (at && at->ignored & bit) ||
	    !of_jails_filters(jail, step->event))
		return;
	memset(counted, 0, jail->n_rules * sizeof(*counted));
	over |= run_rules(e, plan, over || step->moved ? 0 : plan->n_places, step, counted);
	if (!over || jail->subject != step->subject->kind ||
	    (step->provisional && !make_real(e, step, jail, counted)))
		return;
	judge(e, jail, step, counted);
}

static void run_jails(struct engine *e, struct step *step)
{
	const struct plan *plan = e->plan[step->subject->kind];

	measures_next(&e->measures);
	for (size_t i = 0; i < e->jails->n_jails; i++)
		if (plan[i].on & step->kinds)
			run_jail(e, &plan[i], step);
}

/* A good login from an address takes back the failures that rules with reset_on_success counted. */
static void reset_failures(struct engine *e, uint64_t host_hash)
{
	const struct plan *plan = e->plan[SUBJECT_ADDRESS];

	for (size_t i = 0; i < e->jails->n_jails && e->any_reset; i++)
		for (size_t k = 0; k < plan[i].n; k++)
			if (plan[i].rule[k].rule->reset_on_success)
				measure_reset(&e->measures, plan[i].rule[k].rule, host_hash);
}

static void tell_message(const struct engine *e, struct subject *s, const struct queued *m)
{
	if (m && s->pins > 0 && e->options.on_message)
		e->options.on_message(e->options.ctx, s, m);
}

static void on_removed(struct engine *e, struct slice id)
{
	const struct queued *m = queue_find(&e->queue, id);
	struct subject *s = m ? subjects_busy(&e->account, m->account) : NULL;

	if (s && s->pins > 0 && e->options.on_removed)
		e->options.on_removed(e->options.ctx, s, m);
	queue_remove(&e->queue, id);
}

/* Somebody proved who he is: by logging in, with a message, or with one that was refused. */
static void on_success(struct engine *e, const struct event *event, struct step *step)
{
	struct sighting *at = NULL;
	struct queued *m;

	step->subject =
		get_user(e, &e->account, event->field[FIELD_USER], event->user_hash, step->now_s);
	if (!step->subject)
		return;
	if (event->has_ip) {
		at = step->sighting = see(e, step);
		at->logins += event->kind != EVENT_BOUNCE;
		if (step->new_day) {
			learn_network(e, step->subject, at, step->now_s);
			/* Where he is known from tomorrow on he can be a customer today. */
			if (!(at->flags & SIGHTING_FETCHER) &&
			    subject_days_in(step->subject, at->network) >= e->options.known_days)
				customers_note(&e->customers, &at->host.base,
					       (uint16_t)(step->now_s / DAY_S));
		}
		tell_sighting(e, step);
		reset_failures(e, step->host_hash);
	}
	if (event->kind == EVENT_BOUNCE && at)
		at->bounces += at->bounces < UINT16_MAX;
	if (event->kind == EVENT_MESSAGE) {
		subject_count_message(step->subject, (uint16_t)(step->now_s / DAY_S));
		m = queue_add(&e->queue, event->field[FIELD_QUEUE_ID], step->subject->hash,
			      at ? &at->host : NULL, step->now_s);
		if (at)
			at->messages++;
		if (at && event->recipients)
			at->recipients += event->recipients;
		if (m && event->recipients)
			m->counted = true;
		tell_message(e, step->subject, m);
		if (event->recipients || event->bytes)
			step->kinds |= 1U << EVENT_QUEUED;
	}
	run_jails(e, step);
}

/*
 * An address failed or misbehaved. Most that do are seen but once or twice, so as long as no rule
 * is over its max there are windows for it and nothing else.
 */
static void on_offender(struct engine *e, const struct event *event, struct step *step)
{
	struct sighting nowhere = { .host = address_host(&event->ip) };
	struct subject nobody = { .kind = SUBJECT_ADDRESS, .hash = step->host_hash };

	step->subject = subjects_find(&e->address, step->host_hash);
	if (step->subject) {
		step->sighting = see(e, step);
		step->sighting->logins++;
		tell_sighting(e, step);
	} else {
		if (e->places_of_offenders)
			places_fill(&e->places, &nowhere, &event->ip);
		step->subject = &nobody;
		step->sighting = &nowhere;
		step->provisional = true;
	}
	run_jails(e, step);
	step->subject = NULL; /* nobody and nowhere end here */
	step->sighting = NULL;
	step->provisional = false;
}

/* Somebody failed to log in. The address and the name are judged apart. */
static void on_failure(struct engine *e, const struct event *event, struct step *step)
{
	if (event->has_ip)
		on_offender(e, event, step);
	if (event->kind != EVENT_FAILURE || !event->field[FIELD_USER].ptr)
		return;
	step->moved = false;
	step->subject =
		get_user(e, &e->name, event->field[FIELD_USER], event->user_hash, step->now_s);
	if (!step->subject)
		return;
	if (event->has_ip) {
		step->sighting = see(e, step);
		step->sighting->logins++;
		if (is_customer(e, step->sighting, step->now_s))
			step->sighting->flags |= SIGHTING_KNOWN;
		tell_sighting(e, step);
	}
	run_jails(e, step);
}

/* A content filter gave the message a second id: the account's all the same. */
static void on_injected(struct engine *e, const struct event *event, const struct step *step)
{
	const struct queued *first = queue_find(&e->queue, event->field[FIELD_ORIG_QUEUE_ID]);
	struct queued *second;
	struct prefix host;
	uint64_t account;
	bool has_host;

	if (!first)
		return;
	account = first->account; /* `first` moves when the table grows */
	host = first->host;
	has_host = first->has_host;
	second = queue_add(&e->queue, event->field[FIELD_QUEUE_ID], account,
			   has_host ? &host : NULL, step->now_s);
	if (second)
		second->injected = true;
	tell_message(e, subjects_find(&e->account, account), second);
}

/* A line about a queue id: recipients and size, a bounce, the end. */
static void on_queue(struct engine *e, const struct event *event, struct step *step)
{
	struct queued *m = queue_find(&e->queue, event->field[FIELD_QUEUE_ID]);
	/* A recipient count that stands in the filter is one delivery; all of them add up. */
	bool each = event->match && event->match->constant[FIELD_RECIPIENTS].ptr;
	struct sighting *at;

	if (!m || (event->kind == EVENT_QUEUED && (m->injected || (m->counted && !each))))
		return;
	/* Refused when the filter brought it back (such a line has a client): the first id bounces. */
	if (event->kind == EVENT_BOUNCE && m->injected && event->has_ip)
		return;
	step->subject = subjects_find(&e->account, m->account);
	if (!step->subject)
		return;
	subjects_mark(&e->account, step->subject);
	at = m->has_host ? subject_find_sighting(step->subject, &m->host) : NULL;
	step->sighting = at;
	if (at)
		step->host_hash = hash_bytes(at->host.base.byte, sizeof(at->host.base.byte));
	if (event->kind == EVENT_QUEUED) {
		m->counted = true;
		table_mark(m);
		if (at)
			at->recipients += event->recipients;
	} else if (event->kind == EVENT_BOUNCE && at) {
		at->bounces += at->bounces < UINT16_MAX;
	}
	run_jails(e, step);
}

static void on_logout(struct engine *e, const struct event *event, struct step *step)
{
	step->subject =
		get_user(e, &e->account, event->field[FIELD_USER], event->user_hash, step->now_s);
	if (!step->subject)
		return;
	if (event->has_ip) {
		struct prefix host = address_host(&event->ip);

		step->sighting = subject_find_sighting(step->subject, &host);
	}
	run_jails(e, step);
}

/* An event that is whole. */
static void take_event(struct engine *e, const struct event *event)
{
	struct step step = { .event = event,
			     .kinds = 1U << event->kind,
			     .recipients = event->recipients,
			     .bytes = event->bytes };

	e->stats.events[event->kind]++;
	if (event->time.ms < 0 || instant_s(event->time) >= UINT32_MAX)
		return; /* before 1970 or after 2106: no server's clock */
	step.now_s = (uint32_t)instant_s(event->time);
	if (event->has_ip) {
		struct prefix host = address_host(&event->ip);

		step.host_hash = hash_bytes(host.base.byte, sizeof(host.base.byte));
	}
	switch (event->kind) {
	case EVENT_MESSAGE:
		step.kinds |= 1U << EVENT_LOGIN;
		on_success(e, event, &step);
		break;
	case EVENT_LOGIN:
		on_success(e, event, &step);
		break;
	case EVENT_BOUNCE:
		if (event->field[FIELD_USER].ptr) {
			step.kinds |= 1U << EVENT_LOGIN;
			on_success(e, event, &step);
		} else {
			on_queue(e, event, &step);
		}
		break;
	case EVENT_QUEUED:
		if (event->field[FIELD_ORIG_QUEUE_ID].ptr)
			on_injected(e, event, &step);
		else
			on_queue(e, event, &step);
		break;
	case EVENT_REMOVED:
		on_removed(e, event->field[FIELD_QUEUE_ID]);
		break;
	case EVENT_FAILURE:
	case EVENT_OFFENCE:
		on_failure(e, event, &step);
		break;
	case EVENT_LOGOUT:
		on_logout(e, event, &step);
		break;
	case EVENT_CONNECT:
	case EVENT_DISCONNECT:
		break;
	case EVENT_KINDS:
		assert(!"an event kind");
	}
}

void engine_event(struct engine *e, const struct event *event)
{
	struct event joined;

	if (sessions_concern(event)) {
		joined = *event;
		if (!sessions_join(&e->sessions, &joined))
			return;
		event = &joined;
	}
	for (unsigned int n = 0; n <= event->repeats; n++)
		take_event(e, event);
}
