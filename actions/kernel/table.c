/*
 * table - a table of postern's own
 *
 *	table inet postern {
 *		set addresses4 { type ipv4_addr; flags timeout; }
 *		set addresses6 { type ipv6_addr; flags timeout; }
 *		set prefixes4 { type ipv4_addr; flags interval, timeout; }
 *		set prefixes6 { type ipv6_addr; flags interval, timeout; }
 *		set ports { type inet_service; elements = { 25, ... } }
 *		chain incoming {
 *			type filter hook input priority -10; policy accept;
 *			tcp dport @ports ip saddr @addresses4 counter drop
 *			tcp dport @ports ip6 saddr & ffff:ffff:ffff:ffff:: @addresses6 counter drop
 *			...
 *		}
 *	}
 *
 * Single addresses are in hash sets, an IPv6 one as its /64, for which its rule masks the source.
 * Prefixes are in interval sets, into which an insertion costs more the more is in them.
 *
 * The table and its rules carry the mark; by it a table is known as ours and may be made anew.
 */
#include "table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

/* One name, whatever the hook: so a chain with another hook takes its place. */
#define CHAIN "incoming"
#define PORTS "ports"

/* -- is it there? ------------------------------------------------------------------------------ */

struct found {
	struct mark mark;
	bool ours, dormant;
	unsigned int rules;
};

static int on_table(const struct nlattr *a, void *to)
{
	struct found *f = to;

	if (mnl_attr_get_type(a) == NFTA_TABLE_USERDATA)
		f->ours = mark_whose(&f->mark, a) == OURS;
	if (mnl_attr_get_type(a) == NFTA_TABLE_FLAGS &&
	    mnl_attr_get_payload_len(a) == sizeof(uint32_t))
		f->dormant = ntohl(mnl_attr_get_u32(a)) & NFT_TABLE_F_DORMANT;
	return MNL_CB_OK;
}

static int on_rule(const struct nlattr *a, void *to)
{
	struct found *f = to;

	if (mnl_attr_get_type(a) == NFTA_RULE_USERDATA && mark_whose(&f->mark, a) == OURS)
		f->rules++;
	return MNL_CB_OK;
}

static int read_table(struct ruleset *r, struct found *f)
{
	struct nlmsghdr *m = ruleset_message(r, r->buf, NFT_MSG_GETTABLE, 0);

	mnl_attr_put_strz(m, NFTA_TABLE_NAME, r->table);
	return ruleset_ask(r, m, on_table, f);
}

static int read_rules(struct ruleset *r, struct found *f)
{
	struct nlmsghdr *m = ruleset_message(r, r->buf, NFT_MSG_GETRULE, NLM_F_DUMP);

	mnl_attr_put_strz(m, NFTA_RULE_TABLE, r->table);
	mnl_attr_put_strz(m, NFTA_RULE_CHAIN, CHAIN);
	return ruleset_ask(r, m, on_rule, f);
}

static uint32_t size_of(const struct table_plan *plan, int which)
{
	return kinds[which].interval ? plan->prefix_size : plan->size;
}

static bool sets_fit(const struct ruleset *r, const struct table_plan *plan)
{
	for (int i = 0; i < SETS; i++) {
		const struct set *set = &r->set[i];

		if (!set->there || !set->timeout || set->interval != kinds[i].interval ||
		    set->size != size_of(plan, i) || set->counter != plan->counters)
			return false;
	}
	return true;
}

static bool any_set(const struct ruleset *r)
{
	for (int i = 0; i < SETS; i++) {
		if (r->set[i].there)
			return true;
	}
	return false;
}

int table_look(struct ruleset *r, const struct table_plan *plan, enum table_state *state)
{
	struct found f = { 0 };
	int error;

	mark_init(&f.mark, NULL);
	error = read_table(r, &f);
	*state = error == ENOENT ? TABLE_MISSING : TABLE_FOREIGN;
	if (error == ENOENT)
		return 0;
	if (error || !f.ours)
		return error;
	error = read_rules(r, &f);
	if (!error)
		error = ruleset_read_sets(r);
	*state = !f.dormant && f.rules == SETS && sets_fit(r, plan) ? TABLE_FITS : TABLE_ODD;
	return error;
}

/* -- making it --------------------------------------------------------------------------------- */

/* The messages of one transaction; `at` is where the next one goes. */
struct writer {
	struct ruleset *rules;
	const struct table_plan *plan;
	struct mark mark;
	char *at;
};

static struct nlmsghdr *message(struct writer *w, uint16_t type, uint16_t flags)
{
	return ruleset_message(w->rules, w->at, type, flags);
}

static void *must(void *made)
{
	if (!made)
		abort(); /* out of memory: nothing may be half made */
	return made;
}

static void put_table(struct writer *w, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *m = message(w, type, flags);
	struct nftnl_table *t = must(nftnl_table_alloc());

	(void)nftnl_table_set_str(t, NFTNL_TABLE_NAME, w->rules->table);
	if (type == NFT_MSG_NEWTABLE) {
		nftnl_table_set_u32(t, NFTNL_TABLE_FLAGS, 0);
		(void)nftnl_table_set_data(t, NFTNL_TABLE_USERDATA, w->mark.bytes, w->mark.len);
	}
	nftnl_table_nlmsg_build_payload(m, t);
	nftnl_table_free(t);
	w->at = end_of(m);
}

static struct nftnl_set *new_set(const struct writer *w, const char *name, uint32_t id)
{
	struct nftnl_set *s = must(nftnl_set_alloc());

	(void)nftnl_set_set_str(s, NFTNL_SET_TABLE, w->rules->table);
	(void)nftnl_set_set_str(s, NFTNL_SET_NAME, name);
	nftnl_set_set_u32(s, NFTNL_SET_ID, id);
	return s;
}

static void put_set(struct writer *w, int which)
{
	const struct kind *kind = &kinds[which];
	struct nlmsghdr *m = message(w, NFT_MSG_NEWSET, NLM_F_CREATE);
	struct nftnl_set *s = new_set(w, kind->name, (uint32_t)which + 1);
	uint32_t flags = NFT_SET_TIMEOUT;

	if (kind->interval)
		flags |= NFT_SET_INTERVAL;
	nftnl_set_set_u32(s, NFTNL_SET_FLAGS, flags);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, kind->type_id);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, kind->width);
	nftnl_set_set_u32(s, NFTNL_SET_DESC_SIZE, size_of(w->plan, which));
	if (w->plan->counters)
		nftnl_set_add_expr(s, must(nftnl_expr_alloc("counter")));
	nftnl_set_nlmsg_build_payload(m, s);
	nftnl_set_free(s);
	w->at = end_of(m);
}

static void put_port_elements(struct writer *w, struct nftnl_set *s)
{
	struct nlmsghdr *m = message(w, NFT_MSG_DELSETELEM, 0);

	nftnl_set_elems_nlmsg_build_payload(m, s); /* none: that empties it */
	w->at = end_of(m);
	for (size_t i = 0; i < w->plan->n_ports; i++) {
		struct nftnl_set_elem *e = must(nftnl_set_elem_alloc());
		uint16_t port = htons(w->plan->port[i]);

		(void)nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY, &port, sizeof(port));
		nftnl_set_elem_add(s, e);
	}
	m = message(w, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
	nftnl_set_elems_nlmsg_build_payload(m, s);
	w->at = end_of(m);
}

static void put_ports(struct writer *w)
{
	struct nlmsghdr *m = message(w, NFT_MSG_NEWSET, NLM_F_CREATE);
	struct nftnl_set *s = new_set(w, PORTS, SETS + 1);

	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, TYPE_PORT);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, sizeof(uint16_t));
	nftnl_set_nlmsg_build_payload(m, s);
	w->at = end_of(m);
	put_port_elements(w, s);
	nftnl_set_free(s);
}

/* Without a hook for a chain that is only there to be deleted. */
static void put_chain(struct writer *w, uint16_t type, bool hooked)
{
	static const uint32_t hook[] = {
		[HOOK_INPUT] = NF_INET_LOCAL_IN, [HOOK_PREROUTING] = NF_INET_PRE_ROUTING
	};
	struct nlmsghdr *m = message(w, type, type == NFT_MSG_NEWCHAIN ? NLM_F_CREATE : 0);
	struct nftnl_chain *c = must(nftnl_chain_alloc());

	(void)nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, w->rules->table);
	(void)nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, CHAIN);
	if (hooked) {
		(void)nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, "filter");
		nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, hook[w->plan->hook]);
		nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, w->plan->priority);
		nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	}
	nftnl_chain_nlmsg_build_payload(m, c);
	nftnl_chain_free(c);
	w->at = end_of(m);
}

/* Takes the chain away, also where there is none. */
static void drop_chain(struct writer *w)
{
	struct nlmsghdr *m;

	put_chain(w, NFT_MSG_NEWCHAIN, false);
	m = message(w, NFT_MSG_DELRULE, 0);
	mnl_attr_put_strz(m, NFTA_RULE_TABLE, w->rules->table);
	mnl_attr_put_strz(m, NFTA_RULE_CHAIN, CHAIN);
	w->at = end_of(m);
	put_chain(w, NFT_MSG_DELCHAIN, false);
}

/* One more expression of a rule. All of them work on register 1. */
static struct nftnl_expr *expression(struct nftnl_rule *rule, const char *name)
{
	struct nftnl_expr *e = must(nftnl_expr_alloc(name));

	nftnl_rule_add_expr(rule, e);
	return e;
}

static void meta_is(struct nftnl_rule *rule, uint32_t key, uint8_t value)
{
	struct nftnl_expr *e = expression(rule, "meta");

	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, NFT_REG_1);
	e = expression(rule, "cmp");
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, NFT_CMP_EQ);
	nftnl_expr_set_u8(e, NFTNL_EXPR_CMP_DATA, value);
}

static void load(struct nftnl_rule *rule, uint32_t header, uint32_t offset, uint32_t bytes)
{
	struct nftnl_expr *e = expression(rule, "payload");

	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, header);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, bytes);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
}

static void mask_to_64(struct nftnl_rule *rule)
{
	static const uint8_t mask[16] = { 255, 255, 255, 255, 255, 255, 255, 255 }, zero[16];
	struct nftnl_expr *e = expression(rule, "bitwise");

	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, sizeof(mask));
	(void)nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, mask, sizeof(mask));
	(void)nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, zero, sizeof(zero));
}

static void is_in(struct nftnl_rule *rule, const char *set)
{
	struct nftnl_expr *e = expression(rule, "lookup");

	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	(void)nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set);
}

/* A refused connection is reset; what need not be TCP hears that the port is unreachable. */
static void verdict(struct nftnl_rule *rule, const struct table_plan *plan)
{
	bool drops = plan->verdict == VERDICT_DROP;
	struct nftnl_expr *e = expression(rule, drops ? "immediate" : "reject");

	if (drops) {
		nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
		nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, NF_DROP);
		return;
	}
	nftnl_expr_set_u32(e, NFTNL_EXPR_REJECT_TYPE,
			   plan->n_ports ? NFT_REJECT_TCP_RST : NFT_REJECT_ICMPX_UNREACH);
	nftnl_expr_set_u8(e, NFTNL_EXPR_REJECT_CODE,
			  plan->n_ports ? 0 : NFT_REJECT_ICMPX_PORT_UNREACH);
}

static void put_rule(struct writer *w, int which)
{
	bool v6 = kinds[which].type_id == TYPE_IPV6;
	struct nlmsghdr *m = message(w, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	struct nftnl_rule *rule = must(nftnl_rule_alloc());

	(void)nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, w->rules->table);
	(void)nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, CHAIN);
	(void)nftnl_rule_set_data(rule, NFTNL_RULE_USERDATA, w->mark.bytes, w->mark.len);
	if (w->plan->n_ports) {
		meta_is(rule, NFT_META_L4PROTO, IPPROTO_TCP);
		load(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof(uint16_t)); /* destination */
		is_in(rule, PORTS);
	}
	meta_is(rule, NFT_META_NFPROTO, v6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
	load(rule, NFT_PAYLOAD_NETWORK_HEADER, v6 ? 8 : 12, kinds[which].width); /* source */
	if (which == ADDRESSES6)
		mask_to_64(rule);
	is_in(rule, kinds[which].name);
	(void)expression(rule, "counter");
	verdict(rule, w->plan);
	nftnl_rule_nlmsg_build_payload(m, rule);
	nftnl_rule_free(rule);
	w->at = end_of(m);
}

/* One transaction: with or without the sets that are there, but always with a new chain. */
static int make(struct ruleset *r, const struct table_plan *plan, bool keep_sets)
{
	struct transaction t = { 0 };
	struct writer w = { .rules = r, .plan = plan };

	mark_init(&w.mark, NULL);
	w.at = transaction_begin(r, &t);
	put_table(&w, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK);
	if (keep_sets) {
		drop_chain(&w);
	} else {
		put_table(&w, NFT_MSG_DELTABLE, 0);
		put_table(&w, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	}
	for (int i = 0; i < SETS; i++)
		put_set(&w, i);
	if (plan->n_ports)
		put_ports(&w);
	put_chain(&w, NFT_MSG_NEWCHAIN, true);
	for (int i = 0; i < SETS; i++)
		put_rule(&w, i);
	return transaction_commit(r, &t, w.at);
}

int table_make(struct ruleset *r, const struct table_plan *plan)
{
	bool keep_sets = sets_fit(r, plan) || !any_set(r);
	int error = make(r, plan, keep_sets);

	/* Somebody's rule may jump to our chain, or a set there be of another kind: then all goes. */
	if (error && error != EPERM && keep_sets)
		error = make(r, plan, false);
	return error ? error : ruleset_read_sets(r);
}
