/*
 * elements - what goes into the sets and out of them, and what they hold
 *
 * A transaction of elements is either a few long messages, which is quick, or one message an
 * element, by which the kernel can tell which one it refuses: it answers a message, not a part.
 *
 * An element of an interval set is a pair: the first address, and, as the end, the first one
 * behind. What reaches up to the highest address of all has no end.
 */
#include "elements.h"
#include "shared.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

enum {
	CHUNK = 500,      /* elements in one transaction: some 2 to 4 ms in the kernel */
	MAKE_WAY = 500,   /* and those that go for it */
	GROUP = 250,      /* elements in one message, whose list has to stay below 64 KB */
	ASK = 64,         /* questions at once: an answer takes 4 KB of the socket's buffer */
	RANGES = 1 << 20, /* elements of an interval set that are looked at */
	AGAIN = 4,        /* times that a set is read which changes meanwhile */
};

int elements_init(struct elements *es)
{
	es->n = 0;
	es->most = CHUNK;
	es->room = CHUNK + MAKE_WAY;
	es->of = calloc(CHUNK + MAKE_WAY, sizeof(*es->of));
	es->owner = calloc(2 * (CHUNK + MAKE_WAY), sizeof(*es->owner));
	if (es->of && es->owner)
		return 0;
	elements_fini(es);
	return ENOMEM;
}

void elements_fini(struct elements *es)
{
	free(es->of);
	free(es->owner);
	*es = (struct elements){ 0 };
}

static uint8_t width(const struct element *e)
{
	return kinds[e->set].width;
}

void element_bounds(struct element *e, const struct postern_address *a)
{
	unsigned int bits = bits_of(a);
	size_t from = 16 - (size_t)width(e);

	for (size_t i = from; i < 16; i++) {
		unsigned int kept = bits > i * 8 ? bits - (unsigned int)i * 8 : 0;
		uint8_t host = kept >= 8 ? 0 : (uint8_t)(0xff >> kept);

		e->key[i - from] = a->byte[i] & (uint8_t)~host;
		e->last[i - from] = a->byte[i] | host;
	}
}

static bool bit(const uint8_t *bytes, unsigned int i)
{
	return bytes[i / 8] & 0x80 >> i % 8;
}

bool seen_as_prefix(struct postern_address *a, const struct seen *s)
{
	unsigned int all = s->bytes * 8U, bits = 0;

	*a = (struct postern_address){ 0 };
	if (s->bytes == 4)
		a->byte[10] = a->byte[11] = 255;
	memcpy(a->byte + 16 - s->bytes, s->key, s->bytes);
	while (bits < all && bit(s->key, bits) == bit(s->last, bits))
		bits++;
	a->bits = (uint8_t)(128 - all + bits);
	while (bits < all && !bit(s->key, bits) && bit(s->last, bits))
		bits++;
	return bits == all;
}

/* -- writing ----------------------------------------------------------------------------------- */

/* A message about elements of one set. */
struct list {
	struct nlmsghdr *message; /* NULL: none is open */
	struct nlattr *nest;
	uint16_t type;
	enum which set;
	unsigned int n;
};

/* Returns where the next message goes. */
static char *close_list(struct list *l, char *at)
{
	if (!l->message)
		return at;
	mnl_attr_nest_end(l->message, l->nest);
	at = end_of(l->message);
	l->message = NULL;
	return at;
}

static void open_list(struct ruleset *r, struct list *l, char *at, uint16_t type, uint16_t flags,
		      enum which which)
{
	*l = (struct list){ .type = type, .set = which };
	l->message = ruleset_message(r, at, type, flags);
	mnl_attr_put_strz(l->message, NFTA_SET_ELEM_LIST_TABLE, r->table);
	mnl_attr_put_strz(l->message, NFTA_SET_ELEM_LIST_SET, r->set[which].name);
	l->nest = mnl_attr_nest_start(l->message, NFTA_SET_ELEM_LIST_ELEMENTS);
}

static void put_key(struct nlmsghdr *m, const uint8_t *key, size_t bytes)
{
	struct nlattr *nest = mnl_attr_nest_start(m, NFTA_SET_ELEM_KEY);

	mnl_attr_put(m, NFTA_DATA_VALUE, bytes, key);
	mnl_attr_nest_end(m, nest);
}

/* Whole, or only its key. */
static void put_element(struct nlmsghdr *m, const struct element *e, const struct mark *whole)
{
	struct nlattr *nest = mnl_attr_nest_start(m, NFTA_LIST_ELEM);

	put_key(m, e->key, width(e));
	if (whole && e->timeout_ms)
		mnl_attr_put_u64(m, NFTA_SET_ELEM_TIMEOUT, htobe64(e->timeout_ms));
	if (whole)
		mnl_attr_put(m, NFTA_SET_ELEM_USERDATA, whole->len, whole->bytes);
	mnl_attr_nest_end(m, nest);
}

/* What closes a range: the first address behind it, if there is one. */
static void put_end(struct nlmsghdr *m, const struct element *e)
{
	uint8_t behind[16];
	struct nlattr *nest;

	memcpy(behind, e->last, sizeof(behind));
	if (!step_forth(behind, width(e)))
		return;
	nest = mnl_attr_nest_start(m, NFTA_LIST_ELEM);
	mnl_attr_put_u32(m, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
	put_key(m, behind, width(e));
	mnl_attr_nest_end(m, nest);
}

/* The messages of a transaction. */
struct writer {
	struct ruleset *rules;
	struct elements *es;
	struct transaction t;
	struct list list;
	bool each;
	char *at;
};

static void put(struct writer *w, uint16_t type, size_t i)
{
	uint16_t flags = type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE | NLM_F_EXCL : 0;
	const struct element *e = &w->es->of[i];
	struct list *l = &w->list;

	if (!l->message || l->type != type || l->set != e->set || l->n == GROUP || w->each) {
		w->at = close_list(l, w->at);
		if (w->rules->link.seq == w->t.first)
			flags |= NLM_F_ACK;
		open_list(w->rules, l, w->at, type, flags, e->set);
		w->es->owner[w->rules->link.seq - w->t.first - 1] = (uint32_t)i;
	}
	put_element(l->message, e, type == NFT_MSG_NEWSETELEM ? &w->rules->mark : NULL);
	if (e->range)
		put_end(l->message, e);
	l->n++;
}

static void on_refused(void *to, uint32_t message, int error)
{
	struct elements *es = to;

	es->of[es->owner[message]].error = error;
}

int elements_transact(struct ruleset *r, struct elements *es, bool each)
{
	struct writer w = { .rules = r, .es = es, .each = each };

	if (each) {
		w.t.refused = on_refused;
		w.t.to = es;
	}
	w.at = transaction_begin(r, &w.t);
	for (enum todo todo = REMOVE; todo < SETTLED; todo++) {
		for (size_t i = 0; i < es->n; i++) {
			if (es->of[i].todo != todo)
				continue;
			es->of[i].error = 0;
			if (todo != ADD)
				put(&w, NFT_MSG_DELSETELEM, i);
			if (todo != REMOVE)
				put(&w, NFT_MSG_NEWSETELEM, i);
		}
	}
	w.at = close_list(&w.list, w.at);
	return r->link.seq == w.t.first ? 0 : transaction_commit(r, &w.t, w.at);
}

/* -- reading ----------------------------------------------------------------------------------- */

static int on_key(const struct nlattr *a, void *to)
{
	struct seen *s = to;

	if (mnl_attr_get_type(a) == NFTA_DATA_VALUE &&
	    mnl_attr_get_payload_len(a) <= sizeof(s->key)) {
		s->bytes = (uint8_t)mnl_attr_get_payload_len(a);
		memcpy(s->key, mnl_attr_get_payload(a), s->bytes);
	}
	return MNL_CB_OK;
}

/* One element as it is read. */
struct reading {
	const struct mark *mark;
	struct seen seen;
};

static int on_part(const struct nlattr *a, void *to)
{
	struct reading *reading = to;
	struct seen *s = &reading->seen;

	switch (mnl_attr_get_type(a)) {
	case NFTA_SET_ELEM_KEY:
		(void)mnl_attr_parse_nested(a, on_key, s);
		break;
	case NFTA_SET_ELEM_FLAGS:
		s->end = mnl_attr_get_payload_len(a) == sizeof(uint32_t) &&
			 ntohl(mnl_attr_get_u32(a)) & NFT_SET_ELEM_INTERVAL_END;
		break;
	case NFTA_SET_ELEM_EXPIRATION:
		s->forever = mnl_attr_get_payload_len(a) != sizeof(uint64_t);
		s->left_ms = s->forever ? 0 : be64toh(mnl_attr_get_u64(a));
		break;
	case NFTA_SET_ELEM_USERDATA:
		s->whose = mark_whose(reading->mark, a);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

/* The elements of a message, and who wants them. */
struct listed {
	const struct mark *mark;
	elements_seen *seen;
	void *to;
};

static int on_element(const struct nlattr *a, void *to)
{
	const struct listed *l = to;
	struct reading one = { l->mark, { .forever = true } };

	(void)mnl_attr_parse_nested(a, on_part, &one);
	if (one.seen.bytes)
		l->seen(&one.seen, l->to);
	return MNL_CB_OK;
}

static int on_list(const struct nlattr *a, void *to)
{
	if (mnl_attr_get_type(a) == NFTA_SET_ELEM_LIST_ELEMENTS)
		(void)mnl_attr_parse_nested(a, on_element, to);
	return MNL_CB_OK;
}

static void read_list(const struct nlmsghdr *m, struct listed l)
{
	(void)mnl_attr_parse(m, sizeof(struct nfgenmsg), on_list, &l);
}

/* Questions about single elements, in the order of the numbers of their messages. */
struct questions {
	const struct mark *mark;
	uint32_t first;
	size_t n;
	struct element *of[ASK];
	elements_found *found;
	void *to;
	int error;
};

static void keep_seen(const struct seen *s, void *to)
{
	*(struct seen *)to = *s;
}

static void on_reply(const struct nlmsghdr *m, void *to)
{
	struct questions *q = to;
	struct element *e = q->of[m->nlmsg_seq - q->first];
	struct seen s = { 0 };
	int error = netlink_error(m);

	if (error == ENOENT) {
		q->found(e, NULL, q->to);
	} else if (error) {
		q->error = error;
	} else if (m->nlmsg_type >= NLMSG_MIN_TYPE) {
		read_list(m, (struct listed){ q->mark, keep_seen, &s });
		q->found(e, s.bytes ? &s : NULL, q->to);
	}
}

int elements_ask(struct ruleset *r, struct elements *es, elements_found *found, void *to)
{
	int error = 0;

	for (size_t i = 0; i < es->n && !error;) {
		struct questions q = {
			.mark = &r->mark, .first = r->link.seq + 1, .found = found, .to = to
		};
		struct list l = { 0 };
		char *at = r->buf;

		for (; i < es->n && q.n < ASK; i++) {
			struct element *e = &es->of[i];

			if (e->range || e->todo != UNSURE)
				continue;
			open_list(r, &l, at, NFT_MSG_GETSETELEM, 0, e->set);
			put_element(l.message, e, NULL);
			at = close_list(&l, at);
			q.of[q.n++] = e;
		}
		if (q.n)
			error = netlink_talk(&r->link, r->buf, (size_t)(at - r->buf), q.first,
					     on_reply, &q);
		if (!error)
			error = q.error;
	}
	return error;
}

struct dump {
	struct listed listed;
	int error;
	bool interrupted;
};

static void on_dump(const struct nlmsghdr *m, void *to)
{
	struct dump *d = to;

	if (m->nlmsg_flags & NLM_F_DUMP_INTR)
		d->interrupted = true;
	if (netlink_error(m))
		d->error = netlink_error(m);
	else if (m->nlmsg_type >= NLMSG_MIN_TYPE)
		read_list(m, d->listed);
}

int elements_dump(struct ruleset *r, enum which which, elements_seen *seen, void *to)
{
	struct nlmsghdr *m = ruleset_message(r, r->buf, NFT_MSG_GETSETELEM, NLM_F_DUMP);
	struct dump d = { .listed = { &r->mark, seen, to } };
	int error;

	mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_TABLE, r->table);
	mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_SET, r->set[which].name);
	error = netlink_talk(&r->link, m, m->nlmsg_len, m->nlmsg_seq, on_dump, &d);
	if (!error)
		error = d.error;
	return !error && d.interrupted ? EINTR : error;
}

static void keep_range(const struct seen *s, void *to)
{
	struct ranges *ranges = to;

	if (ranges->n == ranges->cap && !ranges->error) {
		size_t cap = ranges->cap ? 2 * ranges->cap : 256;
		struct seen *of = cap <= RANGES ? reallocarray(ranges->of, cap, sizeof(*of)) : NULL;

		if (of) {
			ranges->of = of;
			ranges->cap = cap;
		} else {
			ranges->error = ENOMEM;
		}
	}
	if (!ranges->error)
		ranges->of[ranges->n++] = *s;
}

/* By key; where one range ends and the next begins, the end comes first. */
static int by_key(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;
	int order = memcmp(x->key, y->key, sizeof(x->key));

	return order ? order : (int)y->end - (int)x->end;
}

/* Joins each first address with the end that follows it. */
static void join(struct ranges *ranges)
{
	size_t n = 0;

	if (ranges->n)
		qsort(ranges->of, ranges->n, sizeof(*ranges->of), by_key);
	for (size_t i = 0; i < ranges->n; i++) {
		struct seen s = ranges->of[i];

		if (s.end)
			continue;
		memset(s.last, 255, sizeof(s.last));
		if (i + 1 < ranges->n && ranges->of[i + 1].end) {
			memcpy(s.last, ranges->of[i + 1].key, s.bytes);
			(void)step_back(s.last, s.bytes);
		}
		ranges->of[n++] = s;
	}
	ranges->n = n;
}

int ranges_read(struct ruleset *r, enum which which, struct ranges *ranges)
{
	int error = EINTR;

	*ranges = (struct ranges){ 0 };
	for (int i = 0; i < AGAIN && error == EINTR; i++) {
		ranges->n = 0;
		error = elements_dump(r, which, keep_range, ranges);
	}
	join(ranges);
	return error ? error : ranges->error;
}

void ranges_fini(struct ranges *ranges)
{
	free(ranges->of);
	*ranges = (struct ranges){ 0 };
}
