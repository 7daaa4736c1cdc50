/* test_order.c - what the engine and an actuator say to each other: it arrives, or it is refused */
#include "core/action/order.h"

#include "tests/rows.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* Two ends of one channel. */
struct ends {
	struct channel *engine, *actuator;
	struct arena *arena;
};

static void connect_ends(struct ends *e)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	e->engine = channel_new(fd[0]);
	e->actuator = channel_new(fd[1]);
	e->arena = arena_new();
}

static void free_ends(struct ends *e)
{
	channel_free(e->engine);
	channel_free(e->actuator);
	arena_free(e->arena);
}

static struct postern_address address_of(const char *text)
{
	struct postern_address a;
	struct prefix p;

	assert_true(prefix_parse(&p, slice_of(text)));
	memcpy(a.byte, p.base.byte, sizeof(a.byte));
	a.bits = p.bits;
	return a;
}

static struct message receive(struct channel *c)
{
	struct message m;
	struct err err;

	assert_int_equal(channel_receive(c, &m, &err), 1);
	return m;
}

static void round_trip(void **state)
{
	const struct postern_address address[] = { address_of("192.0.2.1"),
						   address_of("2001:db8::/64") };
	const char *const ids[] = { "4ABC", "1abcDE-0005fG-1X" };
	const struct postern_item item[] = {
		{ .id = UINT64_MAX,
		  .jail = "stolen",
		  .level = "act",
		  .user = "j\303\266e \"x\"@example.org",
		  .until_s = 1800000000,
		  .reason = "many\nlines",
		  .json = "{\n\t\"a\": 1}",
		  .address = address,
		  .n_addresses = 2,
		  .queue_id = ids,
		  .n_queue_ids = 2,
		  .release = POSTERN_PURGE },
		{ .jail = "guess", .level = "suspect", .address = address, .n_addresses = 1 },
	};
	struct ends e;
	struct order order;
	struct message m;
	struct err err;

	(void)state;
	connect_ends(&e);
	assert_int_equal(order_send(e.engine, ORDER_LIFT, 7, item, 2, &err), 0);
	m = receive(e.actuator);
	assert_int_equal(m.type, ORDER_LIFT);
	assert_int_equal(order_read(&order, m.body, e.arena, &err), 0);
	assert_int_equal(order.batch, 7);
	assert_int_equal(order.n, 2);
	assert_true(order.item[0].id == UINT64_MAX);
	assert_string_equal(order.item[0].jail, "stolen");
	assert_string_equal(order.item[0].level, "act");
	assert_string_equal(order.item[0].user, item[0].user);
	assert_true(order.item[0].until_s == 1800000000);
	assert_string_equal(order.item[0].reason, "many\\x0alines");
	assert_string_equal(order.item[0].json, item[0].json);
	assert_int_equal(order.item[0].n_addresses, 2);
	assert_memory_equal(order.item[0].address, address, sizeof(address));
	assert_int_equal(order.item[0].n_queue_ids, 2);
	assert_string_equal(order.item[0].queue_id[1], ids[1]);
	assert_int_equal(order.item[0].release, POSTERN_PURGE);
	assert_int_equal(order.item[0].result, POSTERN_DONE);
	assert_null(order.item[1].user);
	assert_string_equal(order.item[1].level, "suspect");
	assert_string_equal(order.item[1].reason, "");
	assert_string_equal(order.item[1].json, "{}");
	free_ends(&e);
}

/* More than one message holds: all arrive, and none is longer than a message may be. */
static void splits(void **state)
{
	enum { ITEMS = 7, TEXT = 1000000 };
	struct postern_item item[ITEMS] = { 0 };
	char *json = xcalloc(TEXT + 1, 1);
	size_t got = 0, messages = 0;
	struct ends e;
	struct err err;

	(void)state;
	memset(json, ' ', TEXT);
	connect_ends(&e);
	for (size_t i = 0; i < ITEMS; i++)
		item[i] =
			(struct postern_item){ .id = i, .jail = "j", .level = "act", .json = json };
	assert_int_equal(order_send(e.engine, ORDER_APPLY, 1, item, ITEMS, &err), 0);
	while (got < ITEMS) {
		struct order order;
		struct message m;
		int rc = channel_receive(e.actuator, &m, &err);

		assert_true(rc >= 0);
		if (rc == 0) {
			assert_true(channel_flush(e.engine, &err) >= 0);
			continue;
		}
		assert_int_equal(order_read(&order, m.body, e.arena, &err), 0);
		for (size_t i = 0; i < order.n; i++)
			assert_int_equal(order.item[i].id, got++);
		messages++;
	}
	assert_int_equal(messages, 2);
	free(json);
	free_ends(&e);
}

static void results_and_states(void **state)
{
	struct postern_item item[] = { { .id = 5, .result = POSTERN_RETRY, .text = "not\tnow" },
				       { .id = 6, .result = POSTERN_DONE } };
	struct ends e;
	struct order_result result = { 0 };
	struct order_state open = { 0 };
	uint64_t batch;
	struct err err;

	(void)state;
	connect_ends(&e);
	assert_int_equal(order_send_result(e.actuator, ORDER_APPLY, 9, item, 2, &err), 0);
	assert_int_equal(order_send_result(e.actuator, ORDER_LIFT, 10, item, 0, &err), 0);
	assert_int_equal(order_send_state(e.actuator, false, "no \"right\"", &err), 0);
	assert_int_equal(order_send_state(e.actuator, true, "", &err), 0);
	assert_int_equal(order_send_mark(e.actuator, ORDER_RECONCILE_END, 11, &err), 0);
	assert_int_equal(order_read_result(&result, receive(e.engine).body, e.arena, &err), 0);
	assert_int_equal(result.batch, 9);
	assert_int_equal(result.of, ORDER_APPLY);
	assert_int_equal(result.n, 2);
	assert_int_equal(result.answer[0].id, 5);
	assert_int_equal(result.answer[0].result, POSTERN_RETRY);
	assert_string_equal(result.answer[0].text, "not\\x09now");
	assert_string_equal(result.answer[1].text, "");
	assert_int_equal(order_read_result(&result, receive(e.engine).body, e.arena, &err), 0);
	assert_int_equal(result.n, 0);
	assert_int_equal(order_read_state(&open, receive(e.engine).body, e.arena, &err), 0);
	assert_false(open.is_open);
	assert_string_equal(open.why, "no \"right\"");
	assert_int_equal(order_read_state(&open, receive(e.engine).body, e.arena, &err), 0);
	assert_true(open.is_open);
	assert_int_equal(order_read_mark(&batch, receive(e.engine).body, &err), 0);
	assert_int_equal(batch, 11);
	free_ends(&e);
}

/* An item that is well-formed, but that no plugin should see as it is. */
static const struct unfit {
	const char *name;
	const char *user, *address, *queue_id;
	enum postern_result result;
	size_t addresses, ids;
	const char *text;
} unfits[] = {
	{ "fit", "joe", "192.0.2.0/24", "4ABC", POSTERN_DONE, 1, 1, "" },
	{ "an empty user", "", NULL, NULL, POSTERN_FAILED, 0, 0, "refused: the user's name" },
	{ "a newline", "joe\nroot", NULL, NULL, POSTERN_FAILED, 0, 0, "refused: the user's name" },
	{ "a DEL", "joe\177", NULL, NULL, POSTERN_FAILED, 0, 0, "refused: the user's name" },
	{ "no UTF-8", "j\366e", NULL, NULL, POSTERN_FAILED, 0, 0, "refused: the user's name" },
	{ "too long a user",
	  "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
	  "8901234567890123456789012345678901234567890123456789012345678901234567890123456789012345"
	  "6789012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
	  "456789",
	  NULL, NULL, POSTERN_FAILED, 0, 0, "refused: the user's name" },
	{ "an IPv4 /8", "joe", "10.0.0.0/8", NULL, POSTERN_DONE, 1, 0, "" },
	{ "half of IPv4", "joe", "0.0.0.0/1", NULL, POSTERN_FAILED, 1, 0,
	  "refused: a network wide" },
	{ "an IPv6 /16", "joe", "2001::/16", NULL, POSTERN_DONE, 1, 0, "" },
	{ "all of IPv6", "joe", "::/0", NULL, POSTERN_FAILED, 1, 0, "refused: a network wider" },
	{ "a queue id that is an option", "joe", NULL, "ALL;", POSTERN_DONE, 0, 0,
	  "1 queue ids that are none were left out" },
	{ "a queue id that is a path", "joe", NULL, "..", POSTERN_DONE, 0, 0, "1 queue ids" },
	{ "too long a queue id", "joe", NULL, "000000000000000F.000000006B0D0BB8.000000ED0",
	  POSTERN_DONE, 0, 0, "1 queue ids" },
	{ "the longest queue id", "joe", NULL, "000000000000000F.000000006B0D0BB8.000000ED",
	  POSTERN_DONE, 0, 1, "" },
};

static void refuses_item(void **state)
{
	const struct unfit *row = *state;
	struct postern_address address =
		row->address ? address_of(row->address) : (struct postern_address){ .bits = 0 };
	struct postern_item item = { .jail = "j",
				     .level = "act",
				     .user = row->user,
				     .address = &address,
				     .n_addresses = row->address ? 1 : 0,
				     .queue_id = &row->queue_id,
				     .n_queue_ids = row->queue_id ? 1 : 0 };
	struct order order;
	struct ends e;
	struct err err;

	connect_ends(&e);
	assert_int_equal(order_send(e.engine, ORDER_APPLY, 1, &item, 1, &err), 0);
	assert_int_equal(order_read(&order, receive(e.actuator).body, e.arena, &err), 0);
	assert_int_equal(order.item[0].result, row->result);
	assert_int_equal(order.item[0].n_addresses, row->addresses);
	assert_int_equal(order.item[0].n_queue_ids, row->ids);
	assert_memory_equal(order.item[0].text, row->text, strlen(row->text));
	free_ends(&e);
}

/* One byte of a message, at an offset from its start or its end, is another one. */
static const struct damage {
	const char *name;
	int at; /* negative: from the end */
	int byte;
	int cut; /* bytes that are missing at the end */
} damages[] = {
	{ "not damaged", 0, -1, 0 },
	{ "cut by a byte", 0, -1, 1 },
	{ "cut to nothing", 0, -1, 999 },
	{ "more items than there are", 8, 2, 0 },
	{ "fewer items", 8, 0, 0 },
	{ "millions of items", 11, 0x7f, 0 },
	{ "a level that is none", 25, 2, 0 },
	{ "the end of time", 40, 0x7f, 0 },
	{ "a control character in the jail", 24, 0x1b, 0 },
	{ "a jail without end", 20, 0xff, 0 },
	{ "bits behind the prefix", -10, 1, 0 },
	{ "more bits than an address has", -9, 129, 0 },
	{ "more queue ids than there are", -8, 2, 0 },
	{ "a queue id that is longer than all", -3, 9, 0 },
};

static void refuses_message(void **state)
{
	const struct damage *row = *state;
	const struct postern_address address = address_of("192.0.2.0/24");
	const char *id[] = { "" };
	const struct postern_item item = { .jail = "j",
					   .level = "act",
					   .user = "joe",
					   .json = "{}",
					   .address = &address,
					   .n_addresses = 1,
					   .queue_id = id,
					   .n_queue_ids = 1 };
	struct order order;
	struct ends e;
	struct err err = { 0 };
	struct slice body;
	char *copy;
	bool damaged = row->byte >= 0 || row->cut;

	connect_ends(&e);
	assert_int_equal(order_send(e.engine, ORDER_APPLY, 1, &item, 1, &err), 0);
	body = receive(e.actuator).body;
	copy = xstrndup(body.ptr, body.len);
	if (row->byte >= 0)
		copy[row->at < 0 ? (int)body.len + row->at : row->at] = (char)row->byte;
	body.ptr = copy;
	body.len = body.len > (size_t)row->cut ? body.len - (size_t)row->cut : 0;
	assert_int_equal(order_read(&order, body, e.arena, &err), damaged ? -1 : 0);
	assert_int_equal(err.code, damaged ? EPROTO : 0);
	free(copy);
	free_ends(&e);
}

/* What is left of addresses, with these never banned. */
static const struct guarded {
	const char *name;
	const char *guard, *address;
	size_t left;
	const char *text;
} guards[] = {
	{ "another one", "192.0.2.1", "192.0.2.2", 1, "" },
	{ "the very one", "192.0.2.1", "192.0.2.1", 0, "192.0.2.1" },
	{ "inside of it", "192.0.2.0/24", "192.0.2.77", 0, "192.0.2.77" },
	{ "a network around it", "192.0.2.1", "192.0.2.0/24", 0, "192.0.2.0/24" },
	{ "a network beside it", "192.0.3.1", "192.0.2.0/24", 1, "" },
	{ "an IPv6 /64 around it", "2001:db8::25", "2001:db8::/64", 0, "2001:db8::/64" },
	{ "the /64 beside it", "2001:db8:0:1::25", "2001:db8::/64", 1, "" },
};

static void spares(void **state)
{
	const struct guarded *row = *state;
	const struct postern_address address[] = { address_of(row->address),
						   address_of("198.51.100.9") };
	struct postern_item item = { .address = address, .n_addresses = 2 };
	struct prefixset guard = { 0 };
	struct arena *arena = arena_new();
	struct prefix p;
	char text[100];

	assert_true(prefix_parse(&p, slice_of(row->guard)));
	prefixset_add(&guard, &p);
	prefixset_seal(&guard);
	assert_int_equal(order_spare(&item, &guard, arena, text, sizeof(text)), 1 - row->left);
	assert_int_equal(item.n_addresses, row->left + 1);
	assert_string_equal(text, row->text);
	prefixset_fini(&guard);
	arena_free(arena);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(unfits) + COUNT(damages) + COUNT(guards) + 3];
	size_t n = 0;

	tests[n++] = (struct CMUnitTest)cmocka_unit_test(round_trip);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(splits);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(results_and_states);
	ADD_ROWS(tests, n, unfits, refuses_item);
	ADD_ROWS(tests, n, damages, refuses_message);
	ADD_ROWS(tests, n, guards, spares);
	return _cmocka_run_group_tests("order", tests, n, NULL, NULL);
}
