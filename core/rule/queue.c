/*
 * queue - whose message a queue id is
 *
 * Postfix names the user once, with the queue id; recipients, bounces and removal carry that
 * id alone. The table remembers it from the client= line until "removed", or for as long as a
 * message can wait. It is also the memory that later puts an account's messages on hold, for
 * postqueue(1) knows no SASL user.
 *
 * BUGS: logs of several hosts that use short queue ids, merged into one, can mix up ids.
 */
#include "core/rule/queue.h"

#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/rule/subject.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void drop(void *element)
{
	struct queued *m = element;

	if (m->is_long)
		free(m->id.many);
	m->is_long = false;
}

void queue_init(struct queue *q)
{
	table_init(&q->table, sizeof(struct queued), QUEUE_MOST, drop);
}

void queue_fini(struct queue *q)
{
	table_fini(&q->table);
}

struct queued *queue_find(const struct queue *q, struct slice id)
{
	return id.ptr ? table_find(&q->table, hash_bytes(id.ptr, id.len)) : NULL;
}

static bool is_queue_id(struct slice id)
{
	if (!id.ptr || id.len == 0 || id.len > QUEUE_ID_LONGEST || id.ptr[0] == '-' ||
	    id.ptr[0] == '.')
		return false;
	for (size_t i = 0; i < id.len; i++)
		if (!isalnum((unsigned char)id.ptr[i]) && id.ptr[i] != '-' && id.ptr[i] != '.')
			return false;
	return true;
}

static void set_id(struct queued *m, struct slice id)
{
	drop(m);
	m->is_long = id.len >= QUEUE_ID_FEW;
	if (m->is_long) {
		m->id.many = xstrndup(id.ptr, id.len);
		return;
	}
	memcpy(m->id.few, id.ptr, id.len);
	m->id.few[id.len] = '\0';
}

struct queued *queue_add(struct queue *q, struct slice id, uint64_t account,
			 const struct prefix *host, uint32_t now_s)
{
	uint32_t idle_before = now_s > QUEUE_KEEP_S ? now_s - QUEUE_KEEP_S : 0;
	struct queued *m;

	if (!is_queue_id(id))
		return NULL;
	m = table_add(&q->table, hash_bytes(id.ptr, id.len), idle_before, NULL);
	table_mark(m);
	m->head.last = now_s;
	m->account = account;
	m->has_host = host;
	if (host)
		m->host = *host;
	m->counted = m->injected = false;
	set_id(m, id);
	return m;
}

void queue_remove(struct queue *q, struct slice id)
{
	struct queued *m = queue_find(q, id);

	if (m)
		table_remove(&q->table, m);
}

/* The table has no order of its own. */
static int by_age(const void *a, const void *b)
{
	const struct queued *x = *(const struct queued *const *)a;
	const struct queued *y = *(const struct queued *const *)b;

	if (x->head.last != y->head.last)
		return x->head.last < y->head.last ? -1 : 1;
	return strcmp(queued_id(x), queued_id(y));
}

const struct queued **queue_of(const struct queue *q, const struct subject *account, size_t *n)
{
	const struct queued *m = NULL, **list = NULL;
	size_t cap = 0;

	*n = 0;
	while (account && (m = table_next(&q->table, m))) {
		if (m->account != account->hash)
			continue;
		list = array_grow(list, *n, &cap, sizeof(*list));
		list[(*n)++] = m;
	}
	if (*n > 1)
		qsort(list, *n, sizeof(*list), by_age);
	return list;
}

enum { HAS_HOST = 1, COUNTED = 2, INJECTED = 4 };

void queue_pack(struct pack *p, const void *element)
{
	const struct queued *m = element;

	pack_u32(p, m->head.last);
	pack_u64(p, m->account);
	pack_text(p, queued_id(m));
	pack_u8(p, (uint8_t)((m->has_host ? HAS_HOST : 0) | (m->counted ? COUNTED : 0) |
			     (m->injected ? INJECTED : 0)));
	if (m->has_host)
		pack_bytes(p, m->host.base.byte, sizeof(m->host.base.byte));
}

void queue_unpack(struct packed *p, struct queue *q, uint64_t key)
{
	uint32_t last = packed_u32(p);
	uint64_t account = packed_u64(p);
	struct slice id = packed_slice(p);
	uint8_t flags = packed_u8(p);
	struct address at = { { 0 } };
	struct prefix host;
	struct queued *m;

	if (flags & HAS_HOST)
		packed_bytes(p, at.byte, sizeof(at.byte));
	if (!packed_end(p) || last == TABLE_PINNED || !is_queue_id(id) ||
	    hash_bytes(id.ptr, id.len) != key || queue_find(q, id)) {
		p->bad = true;
		return;
	}
	host = address_host(&at);
	m = queue_add(q, id, account, flags & HAS_HOST ? &host : NULL, last);
	m->counted = flags & COUNTED;
	m->injected = flags & INJECTED;
	table_settle(m);
}
