/*
 * sessions - what a connection's earlier lines said, for those that name its session alone
 *
 *	stream or live -> event -> sessions_join() -> engine, or `postern events`
 *
 * OpenSMTPD logs one fact a line: "connected" names the address, "authentication" the user, and
 * "message" neither; the session's number stands in each. So a session is remembered from its
 * `connect` to its `disconnect`. It belongs where events are in order again, behind the threads
 * that match lines, and before anybody counts them. Keys are of session and filter together: two
 * daemons may give out the same number.
 *
 * BUGS: where the line of a connection was lost, its logins have no address.
 */
#include "core/filter/sessions.h"

#include "core/base/hash.h"
#include "core/base/mem.h"

#include <stdlib.h>

struct session {
	struct table_head head; /* last: when a line of it came */
	struct address ip;
	char *rdns, *user; /* NULL: not known */
	bool has_ip;
};

static void forget(void *element)
{
	struct session *session = element;

	free(session->rdns);
	free(session->user);
}

void sessions_init(struct sessions *s)
{
	table_init(&s->table, sizeof(struct session), SESSIONS_MOST, forget);
}

void sessions_fini(struct sessions *s)
{
	table_fini(&s->table);
}

/* With a NUL in it a text would come back shorter: as somebody else's name, perhaps. */
static void keep_text(char **kept, struct slice text)
{
	bool whole = text.ptr && text.len <= SESSION_TEXT_LONGEST && !memchr(text.ptr, 0, text.len);

	free(*kept);
	*kept = whole ? xstrndup(text.ptr, text.len) : NULL;
}

/* The session of that key; NULL where none is known, or none that can still be the same. */
static struct session *find(const struct sessions *s, uint64_t key, uint32_t now_s)
{
	struct session *session = table_find(&s->table, key);

	if (!session || (now_s > session->head.last && now_s - session->head.last > SESSION_KEEP_S))
		return NULL;
	return session;
}

/* A new session under that key, whatever was known of an older one. */
static struct session *begin(struct sessions *s, uint64_t key, uint32_t now_s)
{
	uint32_t idle_before = now_s > SESSION_KEEP_S ? now_s - SESSION_KEEP_S : 0;
	struct session *session = table_add(&s->table, key, idle_before, NULL);

	keep_text(&session->rdns, (struct slice){ NULL, 0 });
	keep_text(&session->user, (struct slice){ NULL, 0 });
	session->has_ip = false;
	session->head.last = now_s;
	return session;
}

static void on_connect(struct sessions *s, uint64_t key, const struct event *event, uint32_t now_s)
{
	struct session *session = begin(s, key, now_s);

	session->has_ip = event->has_ip;
	session->ip = event->ip;
	keep_text(&session->rdns, event->field[FIELD_RDNS]);
	table_mark(session);
}

static void on_disconnect(struct sessions *s, uint64_t key)
{
	struct session *session = table_find(&s->table, key);

	if (session)
		table_remove(&s->table, session);
}

static void give(const struct session *session, struct event *event)
{
	if (!event->has_ip && session->has_ip) {
		event->ip = session->ip;
		event->has_ip = true;
	}
	if (!event->field[FIELD_RDNS].ptr && session->rdns)
		event->field[FIELD_RDNS] = slice_of(session->rdns);
	/* A message alone: a failure that names nobody is not the failure of who logged in. */
	if (event->kind == EVENT_MESSAGE && !event->field[FIELD_USER].ptr && session->user)
		event->field[FIELD_USER] = slice_of(session->user);
}

/* Any line within a session. */
static void on_line(struct sessions *s, uint64_t key, struct event *event, uint32_t now_s)
{
	struct session *session = find(s, key, now_s);

	if (event->kind == EVENT_LOGIN) {
		if (!session)
			session = begin(s, key, now_s);
		keep_text(&session->user, event->field[FIELD_USER]);
	}
	if (!session)
		return;
	if (now_s > session->head.last)
		session->head.last = now_s;
	table_mark(session);
	give(session, event);
}

bool sessions_join(struct sessions *s, struct event *event)
{
	struct slice id = event->field[FIELD_SESSION];
	uint64_t key = hash_pair(hash_bytes(id.ptr, id.len), hash_name(event->match->filter->name));
	uint32_t now_s = (uint32_t)instant_s(event->time);

	if (event->time.ms < 0 || instant_s(event->time) >= TABLE_PINNED)
		return true; /* before 1970 or after 2106: no server's clock */
	if (event->kind == EVENT_CONNECT)
		on_connect(s, key, event, now_s);
	else if (event->kind == EVENT_DISCONNECT)
		on_disconnect(s, key);
	else
		on_line(s, key, event, now_s);
	return event->kind != EVENT_MESSAGE || event->field[FIELD_USER].ptr;
}

void session_pack(struct pack *p, const void *element)
{
	const struct session *session = element;

	pack_u32(p, session->head.last);
	pack_u8(p, session->has_ip);
	pack_bytes(p, session->ip.byte, sizeof(session->ip.byte));
	pack_text(p, session->rdns);
	pack_text(p, session->user);
}

void session_unpack(struct packed *p, struct sessions *s, uint64_t key)
{
	uint32_t last = packed_u32(p);
	uint8_t has_ip = packed_u8(p);
	struct address ip = { { 0 } };
	struct slice rdns, user;
	struct session *session;

	packed_bytes(p, ip.byte, sizeof(ip.byte));
	rdns = packed_slice(p);
	user = packed_slice(p);
	if (!packed_end(p) || last == TABLE_PINNED || has_ip > 1 || table_find(&s->table, key)) {
		p->bad = true;
		return;
	}
	session = begin(s, key, last);
	session->has_ip = has_ip;
	session->ip = ip;
	keep_text(&session->rdns, rdns);
	keep_text(&session->user, user);
	table_settle(session);
}
