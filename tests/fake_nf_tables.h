/*
 * fake_nf_tables.h - as much of the kernel's nf_tables as a plugin can tell from the real one
 *
 * One table with sets, elements and a number of rules; transactions that are done as a whole or
 * not at all, with an data for each message that is refused. It takes the place of libmnl's
 * socket functions, so what it reads are the messages that the real kernel would get. The real
 * kernel has the last word: tests/e2e/nftables.sh.
 */
#pragma once

#include "actions/kernel/shared.h"
#include "core/base/mem.h"

#include <arpa/inet.h>
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FAKE_SETS = 8, FAKE_ELEMENTS = 1200, FAKE_REPLIES = 4000 };

struct fake_element {
	uint8_t key[16], last[16], userdata[80];
	uint16_t key_len, userdata_len;
	uint64_t timeout_ms; /* what is left, too: no time goes by */
};

struct fake_set {
	char name[32];
	uint32_t flags, type_id, size;
	bool counter;
	unsigned int n;
	struct fake_element of[FAKE_ELEMENTS];
};

struct fake_state {
	bool table, dormant;
	uint8_t table_userdata[80];
	uint16_t table_userdata_len;
	unsigned int rules, chains, n_sets;
	struct fake_set set[FAKE_SETS];
};

static struct fake {
	struct fake_state now, next;
	uint32_t generation;
	int refuse;                         /* every transaction, with this error */
	int lose;                           /* this many answers are lost: ENOBUFS */
	unsigned int transactions, longest; /* most messages in one */
	/* Called before a transaction: another program is quicker. */
	void (*meanwhile)(struct fake_state *s);
	struct {
		char *bytes;
		size_t len;
	} reply[FAKE_REPLIES];
	size_t n_replies, read;
} fake;

static struct fake_set *fake_find(struct fake_state *s, const char *name)
{
	for (unsigned int i = 0; name && i < s->n_sets; i++) {
		if (strcmp(s->set[i].name, name) == 0)
			return &s->set[i];
	}
	return NULL;
}

static struct fake_set *fake_add_set(struct fake_state *s, const char *name, uint32_t flags,
				     uint32_t type_id, uint32_t size)
{
	struct fake_set *set = &s->set[s->n_sets++];

	assert(s->n_sets <= FAKE_SETS);
	memset(set, 0, sizeof(*set));
	(void)snprintf(set->name, sizeof(set->name), "%s", name);
	set->flags = flags;
	set->type_id = type_id;
	set->size = size;
	return set;
}

/* -- answers ----------------------------------------------------------------------------------- */

static struct nlmsghdr *fake_answer(const struct nlmsghdr *to, uint16_t type, uint16_t flags)
{
	char *bytes = xcalloc(1, 65536);
	struct nlmsghdr *m = mnl_nlmsg_put_header(bytes);

	assert(fake.n_replies < FAKE_REPLIES);
	m->nlmsg_type = type;
	m->nlmsg_flags = flags;
	m->nlmsg_seq = to->nlmsg_seq;
	fake.reply[fake.n_replies++].bytes = bytes;
	return m;
}

static void fake_error(const struct nlmsghdr *to, int error)
{
	struct nlmsghdr *m = fake_answer(to, NLMSG_ERROR, 0);
	struct nlmsgerr *e = mnl_nlmsg_put_extra_header(m, sizeof(*e));

	e->error = -error;
	e->msg = *to;
}

static struct nlmsghdr *fake_data(const struct nlmsghdr *to, uint16_t type)
{
	struct nlmsghdr *m =
		fake_answer(to, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), NLM_F_MULTI);

	(void)mnl_nlmsg_put_extra_header(m, sizeof(struct nfgenmsg));
	return m;
}

static void fake_done(const struct nlmsghdr *to)
{
	int zero = 0;

	memcpy(mnl_nlmsg_put_extra_header(fake_answer(to, NLMSG_DONE, NLM_F_MULTI), sizeof(zero)),
	       &zero, sizeof(zero));
}

static void fake_put_element(struct nlmsghdr *m, const struct fake_element *e, bool end)
{
	struct nlattr *element = mnl_attr_nest_start(m, NFTA_LIST_ELEM), *key;
	uint8_t value[16];

	memcpy(value, end ? e->last : e->key, sizeof(value));
	if (end)
		(void)step_forth(value, e->key_len);
	key = mnl_attr_nest_start(m, NFTA_SET_ELEM_KEY);
	mnl_attr_put(m, NFTA_DATA_VALUE, e->key_len, value);
	mnl_attr_nest_end(m, key);
	if (end)
		mnl_attr_put_u32(m, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
	if (!end && e->timeout_ms)
		mnl_attr_put_u64(m, NFTA_SET_ELEM_EXPIRATION, htobe64(e->timeout_ms));
	if (!end && e->userdata_len)
		mnl_attr_put(m, NFTA_SET_ELEM_USERDATA, e->userdata_len, e->userdata);
	mnl_attr_nest_end(m, element);
}

static bool fake_has_end(const struct fake_set *set, const struct fake_element *e)
{
	uint8_t all = 255;

	for (size_t i = 0; i < e->key_len; i++)
		all &= e->last[i];
	return set->flags & NFT_SET_INTERVAL && all != 255;
}

/* -- what a message says ----------------------------------------------------------------------- */

struct fake_attrs {
	const struct nlattr *of[32];
};

static int fake_on_attr(const struct nlattr *a, void *to)
{
	struct fake_attrs *attrs = to;

	if (mnl_attr_get_type(a) < COUNT(attrs->of))
		attrs->of[mnl_attr_get_type(a)] = a;
	return MNL_CB_OK;
}

static struct fake_attrs fake_attrs(const struct nlmsghdr *m)
{
	struct fake_attrs attrs = { 0 };

	(void)mnl_attr_parse(m, sizeof(struct nfgenmsg), fake_on_attr, &attrs);
	return attrs;
}

static const char *fake_text(const struct nlattr *a)
{
	return a ? mnl_attr_get_str(a) : NULL;
}

static uint32_t fake_u32(const struct nlattr *a)
{
	return a ? ntohl(mnl_attr_get_u32(a)) : 0;
}

static int fake_compare(const struct fake_element *a, const struct fake_element *b)
{
	int order = memcmp(a->key, b->key, sizeof(a->key));

	return order ? order : memcmp(a->last, b->last, sizeof(a->last));
}

static int fake_insert(struct fake_set *set, const struct fake_element *e)
{
	for (unsigned int i = 0; i < set->n; i++) {
		const struct fake_element *other = &set->of[i];

		if (fake_compare(other, e) == 0)
			return EEXIST;
		if (set->flags & NFT_SET_INTERVAL &&
		    memcmp(other->last, e->key, sizeof(e->key)) >= 0 &&
		    memcmp(other->key, e->last, sizeof(e->last)) <= 0)
			return ENOTEMPTY;
	}
	if (set->size && set->n >= set->size)
		return ENFILE;
	assert(set->n < FAKE_ELEMENTS);
	set->of[set->n++] = *e;
	return 0;
}

static int fake_remove(struct fake_set *set, const struct fake_element *e)
{
	for (unsigned int i = 0; i < set->n; i++) {
		if (fake_compare(&set->of[i], e) == 0) {
			set->of[i] = set->of[--set->n];
			return 0;
		}
	}
	return ENOENT;
}

/* The elements of a message, a range's end joined to its beginning. */
struct fake_list {
	struct fake_element of[FAKE_ELEMENTS];
	unsigned int n;
};

static int fake_on_element(const struct nlattr *a, void *to)
{
	struct fake_attrs attrs = { 0 }, key = { 0 };
	struct fake_list *given = to;
	struct fake_element *e;

	(void)mnl_attr_parse_nested(a, fake_on_attr, &attrs);
	(void)mnl_attr_parse_nested(attrs.of[NFTA_SET_ELEM_KEY], fake_on_attr, &key);
	if (fake_u32(attrs.of[NFTA_SET_ELEM_FLAGS]) & NFT_SET_ELEM_INTERVAL_END) {
		e = &given->of[given->n - 1];
		memcpy(e->last, mnl_attr_get_payload(key.of[NFTA_DATA_VALUE]), e->key_len);
		(void)step_back(e->last, e->key_len);
		return MNL_CB_OK;
	}
	assert(given->n < FAKE_ELEMENTS);
	e = &given->of[given->n++];
	*e = (struct fake_element){ .key_len = mnl_attr_get_payload_len(key.of[NFTA_DATA_VALUE]) };
	memcpy(e->key, mnl_attr_get_payload(key.of[NFTA_DATA_VALUE]), e->key_len);
	memset(e->last, 255, e->key_len);
	if (attrs.of[NFTA_SET_ELEM_TIMEOUT])
		e->timeout_ms = be64toh(mnl_attr_get_u64(attrs.of[NFTA_SET_ELEM_TIMEOUT]));
	if (attrs.of[NFTA_SET_ELEM_USERDATA]) {
		e->userdata_len = mnl_attr_get_payload_len(attrs.of[NFTA_SET_ELEM_USERDATA]);
		assert(e->userdata_len <= sizeof(e->userdata));
		memcpy(e->userdata, mnl_attr_get_payload(attrs.of[NFTA_SET_ELEM_USERDATA]),
		       e->userdata_len);
	}
	return MNL_CB_OK;
}

static int fake_elements(struct fake_state *s, uint16_t type, uint16_t flags,
			 const struct fake_attrs *attrs)
{
	struct fake_set *set = fake_find(s, fake_text(attrs->of[NFTA_SET_ELEM_LIST_SET]));
	static struct fake_list given;
	int error = 0;

	given.n = 0;
	if (!set || !s->table)
		return ENOENT;
	if (attrs->of[NFTA_SET_ELEM_LIST_ELEMENTS])
		(void)mnl_attr_parse_nested(attrs->of[NFTA_SET_ELEM_LIST_ELEMENTS], fake_on_element,
					    &given);
	for (unsigned int i = 0; i < given.n && !error; i++) {
		struct fake_element *e = &given.of[i];

		if (!(set->flags & NFT_SET_INTERVAL))
			memcpy(e->last, e->key, sizeof(e->last));
		if (e->timeout_ms && !(set->flags & NFT_SET_TIMEOUT))
			error = EINVAL;
		else
			error = type == NFT_MSG_NEWSETELEM ? fake_insert(set, e)
							   : fake_remove(set, e);
		if (error == EEXIST && !(flags & NLM_F_EXCL))
			error = 0;
	}
	return error;
}

static int fake_new_set(struct fake_state *s, const struct fake_attrs *attrs)
{
	const char *name = fake_text(attrs->of[NFTA_SET_NAME]);
	uint32_t flags = fake_u32(attrs->of[NFTA_SET_FLAGS]), size = 0;
	struct fake_attrs description = { 0 };
	struct fake_set *set = fake_find(s, name);

	if (attrs->of[NFTA_SET_DESC]) {
		(void)mnl_attr_parse_nested(attrs->of[NFTA_SET_DESC], fake_on_attr, &description);
		size = fake_u32(description.of[NFTA_SET_DESC_SIZE]);
	}
	if (set)
		return set->flags == flags && set->size == size ? 0 : EEXIST;
	set = fake_add_set(s, name, flags, fake_u32(attrs->of[NFTA_SET_KEY_TYPE]), size);
	set->counter = attrs->of[NFTA_SET_EXPR] || attrs->of[NFTA_SET_EXPRESSIONS];
	return 0;
}

static int fake_new_table(struct fake_state *s, const struct fake_attrs *attrs)
{
	const struct nlattr *userdata = attrs->of[NFTA_TABLE_USERDATA];

	s->dormant = false;
	if (s->table)
		return 0;
	s->table = true;
	s->table_userdata_len = userdata ? mnl_attr_get_payload_len(userdata) : 0;
	if (userdata)
		memcpy(s->table_userdata, mnl_attr_get_payload(userdata), s->table_userdata_len);
	return 0;
}

static int fake_change(struct fake_state *s, const struct nlmsghdr *m)
{
	struct fake_attrs attrs = fake_attrs(m);

	switch (NFNL_MSG_TYPE(m->nlmsg_type)) {
	case NFT_MSG_NEWTABLE:
		return fake_new_table(s, &attrs);
	case NFT_MSG_DELTABLE:
		memset(s, 0, sizeof(*s));
		return 0;
	case NFT_MSG_NEWCHAIN:
		s->chains = 1;
		return 0;
	case NFT_MSG_DELCHAIN:
		s->chains = 0;
		return s->rules ? EBUSY : 0;
	case NFT_MSG_NEWRULE:
		s->rules++;
		return 0;
	case NFT_MSG_DELRULE:
		s->rules = 0;
		return 0;
	case NFT_MSG_NEWSET:
		return fake_new_set(s, &attrs);
	case NFT_MSG_NEWSETELEM:
	case NFT_MSG_DELSETELEM:
		return fake_elements(s, NFNL_MSG_TYPE(m->nlmsg_type), m->nlmsg_flags, &attrs);
	default:
		return EINVAL;
	}
}

static void fake_transaction(const struct nlmsghdr *m, int left)
{
	const struct nlmsghdr *ack = NULL;
	unsigned int messages = 0;
	bool refused = false;

	if (fake.refuse) {
		fake_error(m, fake.refuse);
		return;
	}
	if (fake.meanwhile)
		fake.meanwhile(&fake.now);
	fake.next = fake.now;
	for (m = mnl_nlmsg_next(m, &left); mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left)) {
		int error;

		if (m->nlmsg_type == NFNL_MSG_BATCH_END)
			break;
		messages++;
		error = fake_change(&fake.next, m);
		if (m->nlmsg_flags & NLM_F_ACK && !error)
			ack = m;
		if (error)
			fake_error(m, error);
		refused |= error != 0;
	}
	if (ack)
		fake_error(ack, 0);
	fake.longest = messages > fake.longest ? messages : fake.longest;
	if (refused)
		return;
	fake.transactions++;
	fake.generation++;
	fake.now = fake.next;
}

/* -- questions --------------------------------------------------------------------------------- */

static void fake_get_elements(const struct nlmsghdr *m, const struct fake_attrs *attrs)
{
	const char *name = fake_text(attrs->of[NFTA_SET_ELEM_LIST_SET]);
	struct fake_set *set = fake_find(&fake.now, name);
	static struct fake_list given;
	struct nlmsghdr *data = NULL;
	struct nlattr *nest;

	given.n = 0;
	if (attrs->of[NFTA_SET_ELEM_LIST_ELEMENTS])
		(void)mnl_attr_parse_nested(attrs->of[NFTA_SET_ELEM_LIST_ELEMENTS], fake_on_element,
					    &given);
	for (unsigned int i = set ? set->n : 0; i > 0; i--) {
		const struct fake_element *e = &set->of[i - 1];

		if (given.n && memcmp(e->key, given.of[0].key, sizeof(e->key)) != 0)
			continue;
		data = fake_data(m, NFT_MSG_NEWSETELEM);
		nest = mnl_attr_nest_start(data, NFTA_SET_ELEM_LIST_ELEMENTS);
		if (fake_has_end(set, e)) /* the kernel's order is its own */
			fake_put_element(data, e, true);
		fake_put_element(data, e, false);
		mnl_attr_nest_end(data, nest);
	}
	if (m->nlmsg_flags & NLM_F_DUMP && set)
		fake_done(m);
	else if (!data)
		fake_error(m, ENOENT);
}

static void fake_get_set(const struct nlmsghdr *m, const char *name)
{
	const struct fake_set *set = fake_find(&fake.now, name);
	struct nlmsghdr *data;
	struct nlattr *nest;

	if (!set) {
		fake_error(m, ENOENT);
		return;
	}
	data = fake_data(m, NFT_MSG_NEWSET);
	mnl_attr_put_u32(data, NFTA_SET_FLAGS, htonl(set->flags));
	mnl_attr_put_u32(data, NFTA_SET_KEY_TYPE, htonl(set->type_id));
	nest = mnl_attr_nest_start(data, NFTA_SET_DESC);
	mnl_attr_put_u32(data, NFTA_SET_DESC_SIZE, htonl(set->size));
	mnl_attr_nest_end(data, nest);
	if (set->counter)
		mnl_attr_put_u32(data, NFTA_SET_EXPR, 0);
}

static void fake_get_table(const struct nlmsghdr *m)
{
	struct nlmsghdr *data;

	if (!fake.now.table) {
		fake_error(m, ENOENT);
		return;
	}
	data = fake_data(m, NFT_MSG_NEWTABLE);
	mnl_attr_put_u32(data, NFTA_TABLE_FLAGS, htonl(fake.now.dormant));
	mnl_attr_put(data, NFTA_TABLE_USERDATA, fake.now.table_userdata_len,
		     fake.now.table_userdata);
}

static void fake_question(const struct nlmsghdr *m)
{
	struct fake_attrs attrs = fake_attrs(m);

	switch (NFNL_MSG_TYPE(m->nlmsg_type)) {
	case NFT_MSG_GETGEN:
		mnl_attr_put_u32(fake_data(m, NFT_MSG_NEWGEN), NFTA_GEN_ID, htonl(fake.generation));
		break;
	case NFT_MSG_GETTABLE:
		fake_get_table(m);
		break;
	case NFT_MSG_GETRULE:
		for (unsigned int i = 0; i < fake.now.rules; i++)
			mnl_attr_put(fake_data(m, NFT_MSG_NEWRULE), NFTA_RULE_USERDATA,
				     fake.now.table_userdata_len, fake.now.table_userdata);
		fake_done(m);
		break;
	case NFT_MSG_GETSET:
		fake_get_set(m, fake_text(attrs.of[NFTA_SET_NAME]));
		break;
	case NFT_MSG_GETSETELEM:
		fake_get_elements(m, &attrs);
		break;
	default:
		fake_error(m, EINVAL);
	}
}

/* -- the socket -------------------------------------------------------------------------------- */

struct mnl_socket *mnl_socket_open2(int bus, int flags)
{
	(void)bus;
	(void)flags;
	return (struct mnl_socket *)(void *)&fake;
}

int mnl_socket_bind(struct mnl_socket *nl, unsigned int groups, pid_t pid)
{
	(void)nl;
	(void)groups;
	(void)pid;
	return 0;
}

int mnl_socket_close(struct mnl_socket *nl)
{
	(void)nl;
	return 0;
}

int mnl_socket_get_fd(const struct mnl_socket *nl)
{
	(void)nl;
	return -1;
}

ssize_t mnl_socket_sendto(const struct mnl_socket *nl, const void *req, size_t siz)
{
	const struct nlmsghdr *m = req;
	int left = (int)siz;

	(void)nl;
	if (m->nlmsg_type == NFNL_MSG_BATCH_BEGIN) {
		fake_transaction(m, left);
		return (ssize_t)siz;
	}
	for (; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left))
		fake_question(m);
	return (ssize_t)siz;
}

static void fake_forget_replies(void)
{
	for (size_t i = 0; i < fake.n_replies; i++)
		free(fake.reply[i].bytes);
	fake.n_replies = fake.read = 0;
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t siz)
{
	const struct nlmsghdr *m;

	(void)nl;
	if (fake.read == fake.n_replies) {
		fake_forget_replies();
		errno = EAGAIN;
		return -1;
	}
	if (fake.lose > 0 && fake.lose--) {
		errno = ENOBUFS;
		return -1;
	}
	m = (const struct nlmsghdr *)(const void *)fake.reply[fake.read++].bytes;
	assert(m->nlmsg_len <= siz);
	memcpy(buf, m, m->nlmsg_len);
	return m->nlmsg_len;
}
