/*
 * ruleset - the part of the kernel's packet filter that a plugin has to do with
 *
 * Below it netlink.c moves messages; above it table.c makes a table, and elements.c fills sets.
 */
#include "ruleset.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <libnftnl/common.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ROOM = 2 << 20,   /* for the messages of a transaction */
	SOCKET = 4 << 20, /* and for an answer to each of them */
	SPARE = 64,       /* for the message that ends it */
};

const struct kind kinds[SETS] = {
	[ADDRESSES4] = { "addresses4", "set4", "ipv4_addr", TYPE_IPV4, 4, false },
	[ADDRESSES6] = { "addresses6", "set6", "ipv6_addr", TYPE_IPV6, 16, false },
	[PREFIXES4] = { "prefixes4", "prefix_set4", "ipv4_addr", TYPE_IPV4, 4, true },
	[PREFIXES6] = { "prefixes6", "prefix_set6", "ipv6_addr", TYPE_IPV6, 16, true },
};

/* What every mark begins with: type, length, text. */
static const char made_by[] = "postern";
enum { TEXT = 2, MADE_BY = sizeof(made_by) - 1 };

void mark_init(struct mark *m, const char *name)
{
	int len = snprintf((char *)m->bytes + TEXT, sizeof(m->bytes) - TEXT, "%s%s%s", made_by,
			   name ? " " : "", name ? name : "");
	size_t most = sizeof(m->bytes) - TEXT - 1;
	size_t text = (size_t)len < most ? (size_t)len : most;

	m->bytes[0] = NFTNL_UDATA_SET_ELEM_COMMENT; /* 0, as for tables and rules */
	m->bytes[1] = (uint8_t)(text + 1);
	m->len = (uint16_t)(TEXT + text + 1);
}

enum whose mark_whose(const struct mark *m, const struct nlattr *userdata)
{
	const uint8_t *bytes = mnl_attr_get_payload(userdata);
	size_t len = mnl_attr_get_payload_len(userdata);

	if (len < TEXT + MADE_BY + 1 || bytes[0] != m->bytes[0] ||
	    memcmp(bytes + TEXT, made_by, MADE_BY) != 0 ||
	    (bytes[TEXT + MADE_BY] != '\0' && bytes[TEXT + MADE_BY] != ' '))
		return SOMEBODYS;
	if (m->len == TEXT + MADE_BY + 1 || (len == m->len && memcmp(bytes, m->bytes, len) == 0))
		return OURS;
	return ANOTHERS;
}

int ruleset_open(struct ruleset *r)
{
	int error = netlink_open(&r->link, NETLINK_NETFILTER, SOCKET);

	if (error)
		return error;
	r->generation = 0;
	r->buf = malloc(ROOM);
	if (!r->buf) {
		ruleset_close(r);
		return ENOMEM;
	}
	return 0;
}

void ruleset_close(struct ruleset *r)
{
	netlink_close(&r->link);
	free(r->buf);
	r->buf = NULL;
}

const char *ruleset_error(int error)
{
	switch (error) {
	case EPERM:
		return "no right to see or change the packet filter: it takes CAP_NET_ADMIN";
	case ENOBUFS:
		return "the kernel's answer was lost: the socket's buffer is too small";
	case EOPNOTSUPP:
	case EPROTONOSUPPORT:
	case EAFNOSUPPORT:
		return "this kernel lacks a part of nf_tables";
	default:
		return strerror(error);
	}
}

struct nlmsghdr *ruleset_message(struct ruleset *r, char *at, uint16_t type, uint16_t flags)
{
	return nftnl_nlmsg_build_hdr(at, type, r->family, flags, ++r->link.seq);
}

char *end_of(struct nlmsghdr *message)
{
	return (char *)message + NLMSG_ALIGN(message->nlmsg_len);
}

struct reply {
	int error;
	mnl_attr_cb_t attribute;
	void *to;
};

static void on_reply(const struct nlmsghdr *message, void *to)
{
	struct reply *r = to;

	if (netlink_error(message))
		r->error = netlink_error(message);
	else if (message->nlmsg_type >= NLMSG_MIN_TYPE)
		(void)mnl_attr_parse(message, sizeof(struct nfgenmsg), r->attribute, r->to);
}

int ruleset_ask(struct ruleset *r, struct nlmsghdr *message, mnl_attr_cb_t attribute, void *to)
{
	struct reply reply = { 0, attribute, to };
	int error = netlink_talk(&r->link, message, message->nlmsg_len, message->nlmsg_seq,
				 on_reply, &reply);

	return error ? error : reply.error;
}

static int on_generation(const struct nlattr *a, void *to)
{
	if (mnl_attr_get_type(a) == NFTA_GEN_ID && mnl_attr_get_payload_len(a) == sizeof(uint32_t))
		*(uint32_t *)to = ntohl(mnl_attr_get_u32(a));
	return MNL_CB_OK;
}

int ruleset_generation(struct ruleset *r, uint32_t *generation)
{
	*generation = 0;
	return ruleset_ask(r, ruleset_message(r, r->buf, NFT_MSG_GETGEN, 0), on_generation,
			   generation);
}

static int on_description(const struct nlattr *a, void *to)
{
	if (mnl_attr_get_type(a) == NFTA_SET_DESC_SIZE &&
	    mnl_attr_get_payload_len(a) == sizeof(uint32_t))
		((struct set *)to)->size = ntohl(mnl_attr_get_u32(a));
	return MNL_CB_OK;
}

static int on_set(const struct nlattr *a, void *to)
{
	bool is_number = mnl_attr_get_payload_len(a) == sizeof(uint32_t);
	struct set *set = to;

	switch (mnl_attr_get_type(a)) {
	case NFTA_SET_FLAGS:
		set->interval = is_number && ntohl(mnl_attr_get_u32(a)) & NFT_SET_INTERVAL;
		set->timeout = is_number && ntohl(mnl_attr_get_u32(a)) & NFT_SET_TIMEOUT;
		break;
	case NFTA_SET_KEY_TYPE:
		set->type_id = is_number ? ntohl(mnl_attr_get_u32(a)) : 0;
		break;
	case NFTA_SET_DESC:
		(void)mnl_attr_parse_nested(a, on_description, set);
		break;
	case NFTA_SET_EXPR:
	case NFTA_SET_EXPRESSIONS:
		set->counter = true;
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static int read_set(struct ruleset *r, enum which which)
{
	struct set *set = &r->set[which];
	struct nlmsghdr *m;
	int error;

	*set = (struct set){ .name = set->name };
	if (!set->name)
		return 0;
	m = ruleset_message(r, r->buf, NFT_MSG_GETSET, 0);
	mnl_attr_put_strz(m, NFTA_SET_TABLE, r->table);
	mnl_attr_put_strz(m, NFTA_SET_NAME, set->name);
	error = ruleset_ask(r, m, on_set, set);
	set->there = !error && set->type_id == kinds[which].type_id;
	return error == ENOENT ? 0 : error;
}

int ruleset_read_sets(struct ruleset *r)
{
	int error = 0;

	for (int i = 0; i < SETS && !error; i++)
		error = read_set(r, (enum which)i);
	return error;
}

char *transaction_begin(struct ruleset *r, struct transaction *t)
{
	t->first = ++r->link.seq;
	t->acknowledged = false;
	t->error = 0;
	return end_of(nftnl_batch_begin(r->buf, t->first));
}

static void on_outcome(const struct nlmsghdr *message, void *to)
{
	struct transaction *t = to;
	uint32_t i = message->nlmsg_seq - t->first;
	int error;

	if (message->nlmsg_type != NLMSG_ERROR)
		return;
	error = netlink_error(message);
	if (!error)
		t->acknowledged = true;
	else if (!t->error)
		t->error = error;
	if (error && i > 0 && t->refused)
		t->refused(t->to, i - 1, error);
}

int transaction_commit(struct ruleset *r, struct transaction *t, char *at)
{
	int error;

	assert(at <= r->buf + ROOM - SPARE);
	at = end_of(nftnl_batch_end(at, ++r->link.seq));
	error = netlink_talk(&r->link, r->buf, (size_t)(at - r->buf), t->first, on_outcome, t);
	if (error)
		return error;
	if (t->error || !t->acknowledged)
		return t->error ? t->error : EIO;
	r->generation++;
	return 0;
}
