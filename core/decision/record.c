/*
 * record - a decision as it is kept
 *
 * A case (decision.h) is what the engine holds against a subject; a record is what was decided about
 * it, as administrators, actions and the store know it. It has a number, an end, the addresses and
 * queued messages that belong to it, and one task for each action of its jail.
 *
 * Addresses and messages are numbered as they join, so that "what came since" is one number in each
 * task, and stays right when some are taken out.
 */
#include "core/decision/record.h"

#include "core/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { RECENT = 4096 }; /* messages among which one that is read again is looked for */

static const char *const task_words[2][TASK_STATES] = {
	{ "pending", "pending", "retrying", "failed", "applied" },
	{ "reverting", "reverting", "retrying to revert", "failed to revert", "reverted" },
};

struct record *record_new(const char *jail, enum subject_kind kind, const char *name)
{
	struct record *r = xcalloc(1, sizeof(*r));

	r->jail = xstrdup(jail);
	r->kind = kind;
	r->name = xstrdup(name);
	r->reason = xstrdup("");
	r->crossed = r->acted = r->since = r->until = r->ended = r->seen = INSTANT_NONE;
	return r;
}

static void task_free(struct task *t)
{
	free(t->action);
	free(t->error);
	free(t);
}

void record_free(struct record *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n_tasks; i++)
		task_free(r->task[i]);
	free(r->task);
	free(r->left);
	free(r->message);
	free(r->address);
	free(r->reason);
	free(r->name);
	free(r->jail);
	free(r);
}

static struct record_address *find_address(const struct record *r, const struct prefix *host)
{
	for (size_t i = 0; i < r->n_addresses; i++) {
		struct record_address *a = &r->address[i];

		if (a->host.bits == host->bits && address_equal(&a->host.base, &host->base))
			return a;
	}
	return NULL;
}

bool record_join(struct record *r, const struct prefix *host, struct instant now)
{
	if (r->n_addresses == RECORD_ADDRESSES_MOST || find_address(r, host))
		return false;
	if (!r->address && r->kind == SUBJECT_ADDRESS) /* of which there are many: it has but one */
		r->address = xcalloc(r->cap_addresses = 1, sizeof(*r->address));
	r->address = array_grow(r->address, r->n_addresses, &r->cap_addresses, sizeof(*r->address));
	r->address[r->n_addresses++] =
		(struct record_address){ .host = *host, .n = ++r->last_address, .joined = now };
	return true;
}

bool record_part(struct record *r, const struct prefix *host)
{
	struct record_address *a = find_address(r, host);

	if (!a || a->gone)
		return false;
	a->gone = ++r->last_gone;
	return true;
}

bool record_holds(const struct record *r, const struct prefix *host)
{
	const struct record_address *a = find_address(r, host);

	return a && !a->gone;
}

size_t record_addresses(const struct record *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_addresses; i++)
		n += !r->address[i].gone;
	return n;
}

/* Takes out messages [from, to), and notes it for the store, which drops them by number. */
static void drop_messages(struct record *r, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		r->left = array_grow(r->left, r->n_left, &r->cap_left, sizeof(*r->left));
		r->left[r->n_left++] = r->message[i].n;
	}
	memmove(r->message + from, r->message + to, (r->n_messages - to) * sizeof(*r->message));
	r->n_messages -= to - from;
}

/* Where it stands among the newest; n_messages where it doesn't. */
static size_t find_message(const struct record *r, const char *id)
{
	size_t least = r->n_messages > RECENT ? r->n_messages - RECENT : 0;

	for (size_t i = r->n_messages; i-- > least;)
		if (strcmp(r->message[i].id, id) == 0)
			return i;
	return r->n_messages;
}

void record_queue(struct record *r, const char *id)
{
	size_t known = find_message(r, id);
	struct record_message *m;

	assert(strlen(id) <= QUEUE_ID_LONGEST);
	if (known < r->n_messages)
		drop_messages(r, known, known + 1);
	if (r->n_messages == RECORD_MESSAGES_MOST)
		drop_messages(r, 0, RECORD_MESSAGES_MOST / 8);
	r->message = array_grow(r->message, r->n_messages, &r->cap_messages, sizeof(*r->message));
	m = &r->message[r->n_messages++];
	*m = (struct record_message){ .n = ++r->last_message };
	memcpy(m->id, id, strlen(id));
}

void record_unqueue(struct record *r, const char *id)
{
	/* Most leave soon after they came. */
	for (size_t i = r->n_messages; i-- > 0;)
		if (strcmp(r->message[i].id, id) == 0)
			drop_messages(r, i, i + 1);
}

void record_set_reason(struct record *r, const char *reason)
{
	char *text = text_printable(slice_of(reason));
	size_t len = strnlen(text, RECORD_REASON_MOST);

	/* Not within a character: what goes on as UTF-8 has to be some. */
	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	free(r->reason);
	r->reason = xstrndup(text, len);
	free(text);
}

bool record_is_open(const struct record *r)
{
	if (r->end == RECORD_ACTIVE)
		return true;
	for (size_t i = 0; i < r->n_tasks; i++)
		if (r->task[i]->instance != TASK_ORPHAN && r->task[i]->state != TASK_DONE)
			return true;
	return false;
}

bool record_name_is_plain(const struct record *r)
{
	char *text = text_printable(slice_of(r->name));
	bool plain = strcmp(text, r->name) == 0 && strlen(text) <= RECORD_NAME_MOST;

	free(text);
	return plain;
}

struct task *record_add_task(struct record *r, const char *action)
{
	struct task *t = xcalloc(1, sizeof(*t));

	t->record = r;
	t->action = xstrdup(action);
	t->instance = TASK_ORPHAN;
	t->retry_at = INSTANT_NONE;
	r->task = xrealloc(r->task, r->n_tasks + 1, sizeof(struct task *));
	r->task[r->n_tasks++] = t;
	return t;
}

struct task_mark task_target(const struct task *t)
{
	const struct record *r = t->record;
	bool addresses = t->wants & POSTERN_WANTS_ADDRESSES;

	return (struct task_mark){
		.level = r->level,
		.until_s = instant_is_none(r->until) ? 0 : instant_s(r->until),
		.addresses = addresses ? r->last_address : 0,
		.messages = t->wants & POSTERN_WANTS_QUEUE_IDS ? r->last_message : 0,
		.gone = addresses ? r->last_gone : 0,
	};
}

bool task_has_news(const struct task *t)
{
	struct task_mark now = task_target(t);

	return now.level != t->done.level || now.until_s != t->done.until_s ||
	       now.addresses != t->done.addresses || now.messages != t->done.messages ||
	       now.gone != t->done.gone;
}

const char *task_word(const struct task *t)
{
	return task_words[t->lifting][t->state];
}

const char *record_state_word(const struct record *r)
{
	static const char *const words[] = { "active", "expired", "released" };

	return words[r->end];
}

const char *level_word(enum level level)
{
	static const char *const words[] = { "none", "suspect", "act" };

	return words[level];
}

const char *kind_word(enum subject_kind kind)
{
	static const char *const words[] = { "user", "name", "address" };

	return words[kind];
}
