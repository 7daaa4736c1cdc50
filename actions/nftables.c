/*
 * nftables - addresses into sets of the kernel's packet filter
 *
 * No nft process is started: the parts in kernel/ speak netlink. By default there is a table of
 * postern's own (kernel/table.c); where the administrator names sets of his own ruleset, it is
 * elements in those and nothing else. Elements carry a mark, the comment "postern": whatever lacks
 * it was made by somebody else and stays as it is.
 *
 * A call first asks for the ruleset's generation, a number that each change of it moves. While our
 * own changes alone moved it, nobody flushed our table, and there is nothing to look after.
 *
 * Elements are added in transactions on the guess that none is there. Where that is wrong, the
 * kernel refuses the transaction: then it is asked what is there, and a transaction with one
 * message an element follows, whose answers tell which is refused and why.
 *
 * BUGS: A prefix inside one that is banned is not added. When the wider one ends first, the
 * narrower one is missing until postern looks after its actions.
 */
#include "kernel/elements.h"
#include "kernel/shared.h"
#include "kernel/table.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/netfilter.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

enum {
	ROUNDS = 4, /* of asking and telling, before a set counts as restless */
	ROUNDING_MS = 1000,
	NAME_MOST = 255, /* bytes of a name in nf_tables */
	WHY = 256,
};

/* More than that is for good; in milliseconds it might not fit. */
static const int64_t century_s = INT64_C(100) * 365 * 24 * 3600;

struct nftables {
	/* The options. */
	const char *table, *set_name[SETS];
	const char *const *port_texts;
	int64_t priority, size, prefix_size;
	int family, hook, verdict, counters;

	const struct postern_host *host;
	struct table_plan plan;
	struct ports ports;
	struct ruleset rules;
	struct elements es;
	bool lifting; /* what this call does */
};

enum { INET, IP, IP6 };
static const char *const families[] = { "inet", "ip", "ip6", NULL };
static const uint8_t family_number[] = { NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6 };
static const char *const hooks[] = { [HOOK_INPUT] = "input", "prerouting", NULL };
static const char *const verdicts[] = { [VERDICT_DROP] = "drop", "reject", NULL };

#define PLACE(member) offsetof(struct nftables, member)

static const struct postern_option options[] = {
	{ POSTERN_TEXT, "table", PLACE(table), "postern",
	  "postern's own table, or yours where sets are named", 0, 0, NULL },
	{ POSTERN_LIST, "ports", PLACE(port_texts), MAIL_PORTS,
	  "TCP ports that are closed to those addresses, or all", 0, 0, NULL },
	{ POSTERN_CHOICE, "verdict", PLACE(verdict), "drop", "what becomes of their packets", 0, 0,
	  verdicts },
	{ POSTERN_CHOICE, "hook", PLACE(hook), "input", "where the chain sees packets", 0, 0,
	  hooks },
	{ POSTERN_NUMBER, "priority", PLACE(priority), "-10",
	  "of the chain: lower ones see a packet first", -500, 500, NULL },
	{ POSTERN_NUMBER, "size", PLACE(size), "1048576", "most single addresses in a set", 1,
	  16777216, NULL },
	{ POSTERN_NUMBER, "prefix_size", PLACE(prefix_size), "8192", "most prefixes in a set", 1,
	  1048576, NULL },
	{ POSTERN_BOOL, "counters", PLACE(counters), "no", "count the packets of each address", 0,
	  0, NULL },
	{ POSTERN_CHOICE, "family", PLACE(family), "inet", "of your table, where sets are named", 0,
	  0, families },
	{ POSTERN_TEXT, "set4", PLACE(set_name[ADDRESSES4]), NULL,
	  "your set for IPv4 addresses; then there is no table of postern's own", 0, 0, NULL },
	{ POSTERN_TEXT, "set6", PLACE(set_name[ADDRESSES6]), NULL,
	  "your set for IPv6 addresses, each as its /64", 0, 0, NULL },
	{ POSTERN_TEXT, "prefix_set4", PLACE(set_name[PREFIXES4]), NULL,
	  "your interval set for IPv4 prefixes", 0, 0, NULL },
	{ POSTERN_TEXT, "prefix_set6", PLACE(set_name[PREFIXES6]), NULL,
	  "your interval set for IPv6 prefixes", 0, 0, NULL },
	{ 0 },
};

/* Are the sets the administrator's? */
static bool named(const struct nftables *n)
{
	for (int i = 0; i < SETS; i++) {
		if (n->set_name[i])
			return true;
	}
	return false;
}

/* -- options ----------------------------------------------------------------------------------- */

static int read_name(const char *option, const char *name, char *why, size_t size)
{
	size_t len = name ? strlen(name) : 1;

	if (len >= 1 && len <= NAME_MOST)
		return 0;
	return tell(why, size, "%s: expected a name of 1 to %d bytes", option, NAME_MOST);
}

/* What the host can't check of the options. */
static int read_options(struct nftables *n, char *why, size_t size)
{
	n->plan.hook = n->hook == HOOK_INPUT ? HOOK_INPUT : HOOK_PREROUTING;
	n->plan.verdict = n->verdict == VERDICT_DROP ? VERDICT_DROP : VERDICT_REJECT;
	n->plan.priority = (int32_t)n->priority;
	n->plan.size = (uint32_t)n->size;
	n->plan.prefix_size = (uint32_t)n->prefix_size;
	n->plan.counters = n->counters;
	n->rules.table = n->table;
	n->rules.family = family_number[named(n) ? n->family : INET];
	if (ports_read(&n->ports, n->port_texts, why, size) < 0 ||
	    read_name("table", n->table, why, size) < 0)
		return -1;
	n->plan.port = n->ports.port;
	n->plan.n_ports = n->ports.n;
	for (int i = 0; i < SETS; i++) {
		if (read_name(kinds[i].option, n->set_name[i], why, size) < 0)
			return -1;
		n->rules.set[i].name = named(n) ? n->set_name[i] : kinds[i].name;
	}
	return 0;
}

/* -- the ruleset ------------------------------------------------------------------------------- */

static int not_ours(const struct nftables *n, char *why, size_t size)
{
	return tell(why, size,
		    "table inet %s is somebody else's: choose another name for `table`, or name "
		    "sets in it with `set4` and `set6`",
		    n->table);
}

/* Makes our table where it is missing or not as it should be, and always at the beginning. */
static int keep_table(struct nftables *n, bool begins, char *why, size_t size)
{
	enum table_state state;
	int error = table_look(&n->rules, &n->plan, &state);

	if (!error && state == TABLE_FOREIGN)
		return not_ours(n, why, size);
	if (!error && state == TABLE_FITS && !begins)
		return 0;
	if (!error && !begins)
		n->host->log(LOG_WARNING,
			     "table inet %s was %s by another program: it is made again, and what "
			     "is missing is put back when postern looks after its actions",
			     n->table, state == TABLE_MISSING ? "removed" : "changed");
	if (!error)
		error = table_make(&n->rules, &n->plan);
	return error ? tell(why, size, "table inet %s: %s", n->table, ruleset_error(error)) : 0;
}

/* What is to be seen to before a call: nothing, if nobody else changed the ruleset. */
static int look(struct nftables *n, char *why, size_t size)
{
	bool begins = n->rules.generation == 0;
	uint32_t generation;
	int error = ruleset_generation(&n->rules, &generation), status = 0;

	if (!error && generation == n->rules.generation)
		return 0;
	n->rules.generation = generation;
	if (!error && named(n))
		error = ruleset_read_sets(&n->rules);
	else if (!error)
		status = keep_table(n, begins, why, size);
	if (error)
		status = tell(why, size, "the ruleset can't be read: %s", ruleset_error(error));
	if (status < 0)
		n->rules.generation = 0; /* the next call looks again */
	return status;
}

/* -- from items to elements -------------------------------------------------------------------- */

static void answer(struct postern_item *item, enum postern_result result, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Of all that is said of an item the worst counts, and of that the first. */
static void answer(struct postern_item *item, enum postern_result result, const char *format, ...)
{
	va_list args;

	if (!item || result < item->result || (result == item->result && item->text[0]))
		return;
	item->result = result;
	va_start(args, format);
	(void)vsnprintf(item->text, sizeof(item->text), format, args);
	va_end(args);
}

static const char *set_name(const struct nftables *n, const struct element *e)
{
	return n->rules.set[e->set].name;
}

static enum which set_for(const struct nftables *n, const struct postern_address *a)
{
	bool v4 = is_v4(a);
	enum which host = v4 ? ADDRESSES4 : ADDRESSES6, prefix = v4 ? PREFIXES4 : PREFIXES6;

	if (a->bits == 128 || (!v4 && a->bits == HOST6_BITS))
		return host;
	/* A set of the administrator's that takes ranges may be meant for both. */
	return !n->rules.set[prefix].name && n->rules.set[host].interval ? host : prefix;
}

static void answer_no_set(const struct nftables *n, struct postern_item *item, enum which which)
{
	const struct kind *kind = &kinds[which];

	if (n->rules.set[which].name)
		answer(item, POSTERN_FAILED,
		       "there is no such set: nft add set %s %s %s '{ type %s; flags %stimeout; }'",
		       families[named(n) ? n->family : INET], n->table, n->rules.set[which].name,
		       kind->type, kind->interval ? "interval, " : "");
	else
		answer(item, POSTERN_FAILED, "no set takes this address: name one with `%s`",
		       kind->option);
}

/* False where nothing is left to do for this address. */
static bool element_of(const struct nftables *n, struct postern_item *item,
		       const struct postern_address *a, int64_t now_s, struct element *e)
{
	*e = (struct element){ .item = item, .todo = n->lifting ? UNSURE : ADD };
	if (is_senseless(a)) {
		answer(item, POSTERN_FAILED, "that is no address, or all of them");
		return false;
	}
	e->set = set_for(n, a);
	e->range = n->rules.set[e->set].interval;
	if (!n->rules.set[e->set].there) {
		if (!n->lifting)
			answer_no_set(n, item, e->set);
		return false;
	}
	element_bounds(e, a);
	if (n->lifting || item->until_s == 0)
		return true;
	if (item->until_s <= now_s) {
		answer(item, POSTERN_DONE, "it is over already");
		return false;
	}
	if (n->rules.set[e->set].timeout && item->until_s - now_s < century_s)
		e->timeout_ms = (uint64_t)(item->until_s - now_s) * 1000;
	return true;
}

/* -- what is there ----------------------------------------------------------------------------- */

/* What is to be done for an element, now that `s` is known; NULL: it is not in the set. */
static enum todo plan_for(const struct nftables *n, const struct element *e, const struct seen *s)
{
	if (!s)
		return n->lifting ? SETTLED : ADD;
	if (s->whose == SOMEBODYS) {
		answer(e->item, POSTERN_DONE,
		       n->lifting ? "left in set %s, as it was not postern that put it there"
				  : "in set %s already, and not by postern",
		       set_name(n, e));
		return SETTLED;
	}
	if (n->lifting && s->whose == ANOTHERS) {
		answer(e->item, POSTERN_DONE, "left in set %s for another action", set_name(n, e));
		return SETTLED;
	}
	if (n->lifting)
		return REMOVE;
	/* Never shorter: another decision may need it that long. Whose is longest, his it is. */
	if (s->forever || (e->timeout_ms && s->left_ms + ROUNDING_MS >= e->timeout_ms))
		return SETTLED;
	return REPLACE;
}

static void on_found(struct element *e, const struct seen *s, void *to)
{
	const struct nftables *n = to;

	e->todo = plan_for(n, e, s);
}

static const char *seen_text(const struct nftables *n, const struct seen *s, char text[50])
{
	struct postern_address a;

	if (!seen_as_prefix(&a, s))
		a.bits = 128; /* its first address will do */
	(void)n->host->address_text(&a, text);
	return text;
}

/* One of ours inside a wider prefix makes way for it; -1 where that has to wait. */
static int make_way(struct nftables *n, enum which which, const struct seen *s)
{
	if (n->es.n == n->es.room)
		return -1;
	n->es.of[n->es.n] = (struct element){ .set = which, .todo = REMOVE, .range = true };
	memcpy(n->es.of[n->es.n].key, s->key, sizeof(s->key));
	memcpy(n->es.of[n->es.n].last, s->last, sizeof(s->last));
	n->es.n++;
	return 0;
}

/* An element that is to be added, and a range in its set that has addresses in common with it. */
static enum todo plan_overlap(struct nftables *n, struct element *e, const struct seen *s)
{
	bool inside =
		memcmp(s->key, e->key, s->bytes) <= 0 && memcmp(s->last, e->last, s->bytes) >= 0;
	bool around =
		memcmp(s->key, e->key, s->bytes) >= 0 && memcmp(s->last, e->last, s->bytes) <= 0;
	char text[50];

	if (inside) {
		answer(e->item, POSTERN_DONE, "it is part of %s, which is in set %s",
		       seen_text(n, s, text), set_name(n, e));
		return SETTLED;
	}
	if (around && s->whose != SOMEBODYS)
		return make_way(n, e->set, s) < 0 ? UNSURE : ADD;
	answer(e->item, POSTERN_FAILED,
	       "it overlaps with %s in set %s, which was not put there by postern",
	       seen_text(n, s, text), set_name(n, e));
	return SETTLED;
}

static void plan_range(struct nftables *n, struct element *e, const struct ranges *ranges)
{
	e->todo = plan_for(n, e, NULL);
	for (size_t i = 0; i < ranges->n; i++) {
		const struct seen *s = &ranges->of[i];
		bool begins = memcmp(s->key, e->key, s->bytes) == 0;
		bool ends = memcmp(s->last, e->last, s->bytes) == 0;

		if (memcmp(s->last, e->key, s->bytes) < 0 || memcmp(s->key, e->last, s->bytes) > 0)
			continue;
		if (begins && ends)
			e->todo = plan_for(n, e, s);
		else if (!n->lifting)
			e->todo = plan_overlap(n, e, s);
		if (e->todo != ADD)
			return;
	}
}

/* Plans for all elements of an interval set that are UNSURE. */
static int plan_ranges(struct nftables *n, enum which which)
{
	struct ranges ranges = { 0 };
	bool read = false;
	int error = 0;

	for (size_t i = 0, all = n->es.n; i < all && !error; i++) {
		struct element *e = &n->es.of[i];

		if (e->todo != UNSURE || e->set != which || !e->range)
			continue;
		if (!read)
			error = ranges_read(&n->rules, which, &ranges);
		read = true;
		if (!error)
			plan_range(n, e, &ranges);
	}
	ranges_fini(&ranges);
	return error;
}

/* -- the call ---------------------------------------------------------------------------------- */

/* Takes out what the kernel refused; false where it was none of the elements. */
static bool take_refused(struct nftables *n)
{
	bool any = false;

	for (size_t i = 0; i < n->es.n; i++) {
		struct element *e = &n->es.of[i];

		if (e->todo == SETTLED || !e->error)
			continue;
		any = true;
		e->todo = SETTLED;
		if (e->error == ENFILE)
			answer(e->item, POSTERN_RETRY, "set %s is full: it takes %u elements",
			       set_name(n, e), n->rules.set[e->set].size);
		else if (e->error == EEXIST || e->error == ENOTEMPTY || e->error == ENOENT)
			e->todo = UNSURE; /* it is not as it was when we asked */
		else
			answer(e->item, e->error == EPERM ? POSTERN_FAILED : POSTERN_RETRY,
			       "set %s: %s", set_name(n, e), ruleset_error(e->error));
	}
	/* Nothing makes way for what may not come; who still wants it will be refused, and asks. */
	for (size_t i = 0; any && i < n->es.n; i++) {
		if (!n->es.of[i].item)
			n->es.of[i].todo = SETTLED;
	}
	return any;
}

static bool unsettled(struct nftables *n)
{
	size_t left = 0;

	/* What made way has gone; what would make way is found anew. */
	for (size_t i = 0; i < n->es.n; i++) {
		if (n->es.of[i].todo != SETTLED && n->es.of[i].item)
			n->es.of[left++] = n->es.of[i];
	}
	n->es.n = left;
	return left > 0;
}

/* Asks the sets about all elements that are UNSURE. */
static int plan_all(struct nftables *n)
{
	int error = elements_ask(&n->rules, &n->es, on_found, n);

	for (int i = 0; i < SETS && !error; i++)
		error = plan_ranges(n, (enum which)i);
	return error;
}

/* Does what is planned, without what the kernel refuses. */
static int carry_out(struct nftables *n)
{
	int error;

	while ((error = elements_transact(&n->rules, &n->es, true)) != 0) {
		if (!take_refused(n))
			return error;
	}
	for (size_t i = 0; i < n->es.n; i++) {
		if (n->es.of[i].todo != UNSURE)
			n->es.of[i].todo = SETTLED;
	}
	return 0;
}

/* Settles what has been collected, and answers for what can't be. */
static void flush(struct nftables *n)
{
	int error = 0;

	if (!n->lifting && elements_transact(&n->rules, &n->es, false) == 0)
		n->es.n = 0;
	for (size_t i = 0; i < n->es.n; i++)
		n->es.of[i].todo = UNSURE;
	for (int i = 0; unsettled(n) && i < ROUNDS && !error; i++) {
		error = plan_all(n);
		if (!error)
			error = carry_out(n);
	}
	for (size_t i = 0; i < n->es.n; i++) {
		const struct element *e = &n->es.of[i];

		answer(e->item, error == EPERM ? POSTERN_FAILED : POSTERN_RETRY, "set %s %s%s",
		       set_name(n, e),
		       error ? "was not changed: " : "is gone, or changed by others all the time",
		       error ? ruleset_error(error) : "");
	}
	n->es.n = 0;
}

static void run(struct nftables *n, struct postern_item *items, size_t n_items)
{
	int64_t now_s = time(NULL);
	char why[WHY];

	if (look(n, why, sizeof(why)) < 0) {
		for (size_t i = 0; i < n_items; i++)
			answer(&items[i], POSTERN_RETRY, "%s", why);
		return;
	}
	n->es.n = 0;
	for (size_t i = 0; i < n_items; i++) {
		for (size_t k = 0; k < items[i].n_addresses; k++) {
			if (element_of(n, &items[i], &items[i].address[k], now_s,
				       &n->es.of[n->es.n]))
				n->es.n++;
			if (n->es.n == n->es.most)
				flush(n);
		}
	}
	if (n->es.n)
		flush(n);
}

static void apply(void *ctx, struct postern_item *items, size_t n_items)
{
	struct nftables *n = ctx;

	n->lifting = false;
	run(n, items, n_items);
}

static void lift(void *ctx, struct postern_item *items, size_t n_items)
{
	struct nftables *n = ctx;

	n->lifting = true;
	run(n, items, n_items);
}

/* -- list -------------------------------------------------------------------------------------- */

struct listing {
	postern_list *list;
	void *to;
	bool hosts6; /* the keys of this set are IPv6 addresses that stand for their /64 */
};

static void list_one(const struct seen *s, void *to)
{
	const struct listing *l = to;
	struct postern_address a;

	if (s->whose == OURS && seen_as_prefix(&a, s))
		l->list(l->to, &(struct postern_found){ .address = &a });
}

static void list_host(const struct seen *s, void *to)
{
	const struct listing *l = to;
	struct seen host = *s;

	memcpy(host.last, host.key, sizeof(host.last));
	if (l->hosts6)
		memset(host.last + 8, 255, 8);
	list_one(&host, to);
}

static int list_set(struct nftables *n, enum which which, struct listing *l)
{
	struct ranges ranges;
	int error;

	if (!n->rules.set[which].interval) {
		l->hosts6 = which == ADDRESSES6;
		error = elements_dump(&n->rules, which, list_host, l);
		/* Of single elements none is lost or torn by other changes. */
		return error == EINTR ? 0 : error;
	}
	error = ranges_read(&n->rules, which, &ranges);
	for (size_t i = 0; i < ranges.n && !error; i++)
		list_one(&ranges.of[i], l);
	ranges_fini(&ranges);
	return error;
}

static int list(void *ctx, postern_list *list_found, void *to, char *why, size_t size)
{
	struct listing l = { .list = list_found, .to = to };
	struct nftables *n = ctx;
	int error = 0;

	if (look(n, why, size) < 0)
		return -1;
	for (int i = 0; i < SETS && !error; i++) {
		if (n->rules.set[i].there)
			error = list_set(n, (enum which)i, &l);
		if (error)
			(void)tell(why, size, "set %s can't be read: %s", n->rules.set[i].name,
				   ruleset_error(error));
	}
	return error ? -1 : 0;
}

/* -- open, close, check ------------------------------------------------------------------------ */

/* Jails that share a table are told apart by their actions' folders. */
static const char *instance(const struct postern_host *host)
{
	const char *slash = host->state_dir ? strrchr(host->state_dir, '/') : NULL;

	return slash ? slash + 1 : NULL;
}

static void close_all(void *ctx)
{
	struct nftables *n = ctx;

	ruleset_close(&n->rules);
	elements_fini(&n->es);
}

static int open_all(void *ctx, const struct postern_host *host, char *why, size_t size)
{
	struct nftables *n = ctx;
	int error;

	n->host = host;
	mark_init(&n->rules.mark, instance(host));
	if (read_options(n, why, size) < 0)
		return -1;
	error = ruleset_open(&n->rules);
	if (!error)
		error = elements_init(&n->es);
	if (error)
		(void)tell(why, size, "nf_tables can't be reached: %s", ruleset_error(error));
	if (!error && look(n, why, size) == 0)
		return 0;
	close_all(n);
	return -1;
}

/* Of the administrator's sets: are they there, and do bans end by themselves? */
static void check_set(const struct nftables *n, enum which which, postern_complain *complain,
		      void *to)
{
	const struct set *set = &n->rules.set[which];
	struct postern_item item = { 0 };
	char text[WHY];

	if (!set->name)
		return;
	if (!set->there) {
		answer_no_set(n, &item, which);
		complain(to, item.text);
	} else if (!set->timeout) {
		(void)tell(text, sizeof(text),
			   "set %s has no `flags timeout`: an address stays in it until postern "
			   "takes it out, also while postern does not run",
			   set->name);
		complain(to, text);
	}
}

static void check_kernel(struct nftables *n, postern_complain *complain, void *to)
{
	enum table_state state = TABLE_FITS;
	char text[WHY];
	int error;

	error = named(n) ? ruleset_read_sets(&n->rules) : table_look(&n->rules, &n->plan, &state);
	if (error) {
		(void)tell(text, sizeof(text), "the ruleset can't be read: %s",
			   ruleset_error(error));
		complain(to, text);
	} else if (named(n)) {
		for (int i = 0; i < SETS; i++)
			check_set(n, (enum which)i, complain, to);
	} else if (state == TABLE_FOREIGN) {
		(void)not_ours(n, text, sizeof(text));
		complain(to, text);
	}
}

static void check(void *ctx, const struct postern_host *host, postern_complain *complain, void *to)
{
	const struct nftables *configured = ctx;
	struct nftables n = *configured; /* whatever is open stays as it is */
	char text[WHY];
	int error;

	n.host = host;
	n.rules = (struct ruleset){ 0 };
	if (read_options(&n, text, sizeof(text)) < 0) {
		complain(to, text);
		return;
	}
	error = ruleset_open(&n.rules);
	if (error) {
		(void)tell(text, sizeof(text), "nf_tables can't be reached: %s",
			   ruleset_error(error));
		complain(to, text);
		return;
	}
	check_kernel(&n, complain, to);
	ruleset_close(&n.rules);
}

POSTERN_EXPORT const struct postern_action postern_action = {
	.abi = POSTERN_ACTION_ABI,
	.name = "nftables",
	.summary = "closes the mail ports to the addresses, in the kernel's packet filter",
	.wants = POSTERN_WANTS_ADDRESSES,
	.capabilities = UINT64_C(1) << CAP_NET_ADMIN,
	.options = options,
	.ctx_size = sizeof(struct nftables),
	.open = open_all,
	.close = close_all,
	.apply = apply,
	.lift = lift,
	.list = list,
	.check = check,
};
