/*
 * order - what the engine and an actuator say to each other, over a channel
 *
 * The engine parses what strangers wrote; the actuator has rights. So whatever crosses is checked
 * here a second time, by the side that is about to act. There are two kinds of wrong: a message
 * that is not put together as ours are (then the engine is not itself any more, and nothing else
 * of it is believed), and a name that no plugin should see, which any intruder can bring about
 * by logging in with it: that fails alone.
 */
#include "core/action/order.h"

#include "core/base/slice.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ITEM_LEAST = 42,   /* bytes of an item without texts and lists */
	ANSWER_LEAST = 13, /* bytes of an answer without text */
	V4_LEAST = 96 + 8, /* no wider prefix is acted on: an IPv4 /8, an IPv6 /16 */
	V6_LEAST = 16,
};

#define UNTIL_MOST INT64_C(253402300799) /* the end of the year 9999 */

static bool is_text(struct slice s, bool with_lines)
{
	size_t len;
	char *utf8 = text_utf8(s, &len);
	bool is = len == s.len && memcmp(utf8, s.ptr, len) == 0;

	free(utf8);
	for (size_t i = 0; is && i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		is = c != 0x7f && (c >= 0x20 || (with_lines && strchr("\n\r\t", c) && c != 0));
	}
	return is;
}

bool order_user_is_valid(struct slice user)
{
	return user.ptr && user.len > 0 && user.len <= ORDER_USER_MOST && is_text(user, false);
}

bool order_queue_id_is_valid(struct slice id)
{
	if (!id.ptr || id.len == 0 || id.len > QUEUE_ID_MOST || id.ptr[0] == '.')
		return false;
	for (size_t i = 0; i < id.len; i++)
		if (!(id.ptr[i] >= '0' && id.ptr[i] <= '9') &&
		    !(id.ptr[i] >= 'A' && id.ptr[i] <= 'Z') &&
		    !(id.ptr[i] >= 'a' && id.ptr[i] <= 'z') && id.ptr[i] != '-' && id.ptr[i] != '.')
			return false;
	return true;
}

/* A text of ours for people: cleaned, and cut between two characters. */
static void pack_line(struct pack *p, const char *text)
{
	char *clean = text_printable(slice_of(text ? text : ""));
	size_t len = strlen(clean);

	if (len > ORDER_TEXT_MOST)
		for (len = ORDER_TEXT_MOST; len > 0 && ((unsigned char)clean[len] & 0xC0) == 0x80;)
			len--;
	pack_slice(p, (struct slice){ clean, len });
	free(clean);
}

static void pack_item(struct pack *p, const struct postern_item *item)
{
	assert(item->n_addresses <= ORDER_ADDRESSES_MOST &&
	       item->n_queue_ids <= ORDER_QUEUE_IDS_MOST);
	pack_u64(p, item->id);
	pack_line(p, item->jail);
	pack_u8(p, strcmp(item->level, "act") == 0);
	/* One byte more than is allowed says as well as a megabyte that it is too long. */
	pack_slice(p, item->user ? (struct slice){ item->user,
						   strnlen(item->user, ORDER_USER_MOST + 1) }
				 : (struct slice){ NULL, 0 });
	pack_u64(p, (uint64_t)item->until_s);
	pack_line(p, item->reason);
	pack_text(p, item->json && strlen(item->json) <= ORDER_JSON_MOST ? item->json : "{}");
	pack_u8(p, (uint8_t)item->release);
	pack_u32(p, (uint32_t)item->n_addresses);
	for (size_t i = 0; i < item->n_addresses; i++) {
		pack_bytes(p, item->address[i].byte, sizeof(item->address[i].byte));
		pack_u8(p, item->address[i].bits);
	}
	pack_u32(p, (uint32_t)item->n_queue_ids);
	for (size_t i = 0; i < item->n_queue_ids; i++)
		pack_slice(p, (struct slice){ item->queue_id[i],
					      strnlen(item->queue_id[i], QUEUE_ID_MOST + 1) });
}

/* The messages of one call: each is a head, then what was packed of its elements. */
struct outgoing {
	struct channel *channel;
	uint16_t type;
	struct pack head, body;
	uint32_t n;
};

static int send_message(struct outgoing *out, struct err *err)
{
	struct pack whole = { 0 };
	int ret;

	pack_bytes(&whole, out->head.data, out->head.len);
	pack_u32(&whole, out->n);
	pack_bytes(&whole, out->body.data, out->body.len);
	ret = channel_send(out->channel, out->type, pack_contents(&whole), -1, err);
	pack_fini(&whole);
	out->body.len = 0;
	out->n = 0;
	return ret;
}

/* Adds an element that was packed by itself, and sends what there was where it has no room. */
static int add_element(struct outgoing *out, const struct pack *element, struct err *err)
{
	size_t head = out->head.len + 4;

	assert(head + element->len <= MESSAGE_MOST);
	if ((out->n == ORDER_ITEMS_MOST || head + out->body.len + element->len > MESSAGE_MOST) &&
	    send_message(out, err) < 0)
		return -1;
	pack_bytes(&out->body, element->data, element->len);
	out->n++;
	return 0;
}

static void outgoing_fini(struct outgoing *out)
{
	pack_fini(&out->head);
	pack_fini(&out->body);
}

int order_send(struct channel *c, enum order_type type, uint64_t batch,
	       const struct postern_item *item, size_t n, struct err *err)
{
	struct outgoing out = { .channel = c, .type = (uint16_t)type };
	struct pack element = { 0 };
	int ret = 0;

	assert(type == ORDER_APPLY || type == ORDER_LIFT || type == ORDER_RECONCILE_ITEMS);
	pack_u64(&out.head, batch);
	for (size_t i = 0; i < n && ret == 0; i++) {
		element.len = 0;
		pack_item(&element, &item[i]);
		ret = add_element(&out, &element, err);
	}
	if (ret == 0 && out.n > 0)
		ret = send_message(&out, err);
	pack_fini(&element);
	outgoing_fini(&out);
	return ret;
}

int order_send_mark(struct channel *c, enum order_type type, uint64_t batch, struct err *err)
{
	struct pack p = { 0 };
	int ret;

	assert(type == ORDER_RECONCILE_BEGIN || type == ORDER_RECONCILE_END);
	pack_u64(&p, batch);
	ret = channel_send(c, (uint16_t)type, pack_contents(&p), -1, err);
	pack_fini(&p);
	return ret;
}

int order_send_result(struct channel *c, enum order_type of, uint64_t batch,
		      const struct postern_item *item, size_t n, struct err *err)
{
	struct outgoing out = { .channel = c, .type = ORDER_RESULT };
	struct pack element = { 0 };
	int ret = 0;

	pack_u64(&out.head, batch);
	pack_u8(&out.head, (uint8_t)of);
	for (size_t i = 0; i < n && ret == 0; i++) {
		element.len = 0;
		pack_u64(&element, item[i].id);
		pack_u8(&element, (uint8_t)item[i].result);
		pack_line(&element, item[i].text);
		ret = add_element(&out, &element, err);
	}
	if (ret == 0)
		ret = send_message(&out, err); /* also where there is none: the batch is done */
	pack_fini(&element);
	outgoing_fini(&out);
	return ret;
}

int order_send_state(struct channel *c, bool is_open, const char *why, struct err *err)
{
	struct pack p = { 0 };
	int ret;

	pack_u8(&p, is_open);
	pack_line(&p, why);
	ret = channel_send(c, ORDER_STATE, pack_contents(&p), -1, err);
	pack_fini(&p);
	return ret;
}

static const char *keep(struct arena *arena, struct slice s)
{
	return arena_strndup(arena, s.ptr, s.len);
}

/* A line that was cleaned by its sender; NULL, and the message is bad, where it was not. */
static const char *read_line(struct packed *p, struct arena *arena)
{
	struct slice s = packed_slice(p);

	if (!s.ptr || s.len > ORDER_TEXT_MOST || !is_text(s, false))
		p->bad = true;
	return p->bad ? NULL : keep(arena, s);
}

static void refuse_item(struct postern_item *item, const char *why)
{
	item->result = POSTERN_FAILED;
	(void)snprintf(item->text, sizeof(item->text), "refused: %s", why);
}

static void read_user(struct postern_item *item, struct packed *p, struct arena *arena)
{
	struct slice user = packed_slice(p);

	if (!user.ptr)
		return;
	if (user.len > ORDER_USER_MOST + 1) {
		p->bad = true;
		return;
	}
	if (order_user_is_valid(user))
		item->user = keep(arena, user);
	else
		refuse_item(item, "the user's name is empty, too long, or holds control characters "
				  "or what is no UTF-8");
}

/* True where the bits behind the prefix are all zero. */
static bool has_clean_tail(const struct postern_address *a)
{
	for (unsigned int bit = a->bits; bit < 128; bit++)
		if (a->byte[bit / 8] & 0x80 >> bit % 8)
			return false;
	return true;
}

static bool is_too_wide(const struct postern_address *a)
{
	struct address base;

	memcpy(base.byte, a->byte, sizeof(base.byte));
	return a->bits < (address_is_v4(&base) ? V4_LEAST : V6_LEAST);
}

static void read_addresses(struct postern_item *item, struct packed *p, struct arena *arena)
{
	uint32_t n = packed_count(p, sizeof(item->address->byte) + 1);
	struct postern_address *address;

	if (n > ORDER_ADDRESSES_MOST)
		p->bad = true;
	if (p->bad)
		return;
	address = arena_alloc(arena, n * sizeof(*address));
	for (uint32_t i = 0; i < n; i++) {
		packed_bytes(p, address[i].byte, sizeof(address[i].byte));
		address[i].bits = packed_u8(p);
		if (address[i].bits > 128 || !has_clean_tail(&address[i])) {
			p->bad = true;
			return;
		}
		if (is_too_wide(&address[i]))
			refuse_item(item, "a network wider than an IPv4 /8 or an IPv6 /16");
	}
	item->address = address;
	item->n_addresses = n;
}

static void read_queue_ids(struct postern_item *item, struct packed *p, struct arena *arena)
{
	uint32_t n = packed_count(p, 4), kept = 0;
	const char **id;

	if (n > ORDER_QUEUE_IDS_MOST)
		p->bad = true;
	if (p->bad)
		return;
	id = arena_alloc(arena, n * sizeof(*id));
	for (uint32_t i = 0; i < n; i++) {
		struct slice s = packed_slice(p);

		if (order_queue_id_is_valid(s))
			id[kept++] = keep(arena, s);
	}
	item->queue_id = id;
	item->n_queue_ids = kept;
	if (kept < n && item->result == POSTERN_DONE)
		(void)snprintf(item->text, sizeof(item->text),
			       "%u queue ids that are none were left out", n - kept);
}

static void read_item(struct postern_item *item, struct packed *p, struct arena *arena)
{
	struct slice json;
	uint8_t act, release;
	uint64_t until;

	item->id = packed_u64(p);
	item->jail = read_line(p, arena);
	act = packed_u8(p);
	item->level = act ? "act" : "suspect";
	read_user(item, p, arena);
	until = packed_u64(p);
	item->until_s = (int64_t)until;
	item->reason = read_line(p, arena);
	json = packed_slice(p);
	if (!json.ptr || json.len > ORDER_JSON_MOST || !is_text(json, true))
		p->bad = true;
	if (!p->bad)
		item->json = keep(arena, json);
	release = packed_u8(p);
	item->release = (enum postern_release)release;
	if (act > 1 || release > POSTERN_PURGE || until > (uint64_t)UNTIL_MOST)
		p->bad = true;
	read_addresses(item, p, arena);
	read_queue_ids(item, p, arena);
}

static int refuse_message(struct err *err, const char *what)
{
	return err_set(err, EPROTO, "a message that is no %s", what);
}

int order_read(struct order *o, struct slice body, struct arena *arena, struct err *err)
{
	struct packed p = packed_of(body);
	struct postern_item *item;
	uint64_t batch = packed_u64(&p);
	uint32_t n = packed_count(&p, ITEM_LEAST);

	if (p.bad || n > ORDER_ITEMS_MOST)
		return refuse_message(err, "order");
	item = arena_alloc(arena, n * sizeof(*item));
	for (uint32_t i = 0; i < n && !p.bad; i++)
		read_item(&item[i], &p, arena);
	if (!packed_end(&p))
		return refuse_message(err, "order");
	*o = (struct order){ batch, item, n };
	return 0;
}

int order_read_mark(uint64_t *batch, struct slice body, struct err *err)
{
	struct packed p = packed_of(body);

	*batch = packed_u64(&p);
	return packed_end(&p) ? 0 : refuse_message(err, "mark");
}

int order_read_result(struct order_result *r, struct slice body, struct arena *arena,
		      struct err *err)
{
	struct packed p = packed_of(body);
	uint64_t batch = packed_u64(&p);
	uint8_t of = packed_u8(&p);
	uint32_t n = packed_count(&p, ANSWER_LEAST);
	struct order_answer *answer;

	if (p.bad || n > ORDER_ITEMS_MOST ||
	    (of != ORDER_APPLY && of != ORDER_LIFT && of != ORDER_RECONCILE_ITEMS))
		return refuse_message(err, "result");
	answer = arena_alloc(arena, n * sizeof(*answer));
	for (uint32_t i = 0; i < n && !p.bad; i++) {
		uint8_t result;

		answer[i].id = packed_u64(&p);
		result = packed_u8(&p);
		answer[i].result = (enum postern_result)result;
		answer[i].text = read_line(&p, arena);
		p.bad |= result > POSTERN_FAILED;
	}
	if (!packed_end(&p))
		return refuse_message(err, "result");
	*r = (struct order_result){ batch, (enum order_type)of, answer, n };
	return 0;
}

int order_read_state(struct order_state *s, struct slice body, struct arena *arena, struct err *err)
{
	struct packed p = packed_of(body);
	uint8_t is_open = packed_u8(&p);
	const char *why = read_line(&p, arena);

	if (!packed_end(&p) || is_open > 1)
		return refuse_message(err, "state");
	*s = (struct order_state){ is_open, why };
	return 0;
}

size_t order_spare(struct postern_item *item, const struct prefixset *guard, struct arena *arena,
		   char *text, size_t size)
{
	struct postern_address *kept = arena_alloc(arena, item->n_addresses * sizeof(*kept));
	size_t n = 0, gone = 0, used = 0;
	char buf[ADDRESS_TEXT];

	*text = '\0';
	for (size_t i = 0; i < item->n_addresses; i++) {
		struct prefix p = { .bits = item->address[i].bits };

		memcpy(p.base.byte, item->address[i].byte, sizeof(p.base.byte));
		if (!prefixset_meets(guard, &p)) {
			kept[n++] = item->address[i];
			continue;
		}
		if (used < size)
			used += (size_t)snprintf(text + used, size - used, "%s%s", gone ? ", " : "",
						 prefix_text(&p, buf));
		gone++;
	}
	item->address = kept;
	item->n_addresses = n;
	return gone;
}
