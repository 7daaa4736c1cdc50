/*
 * fuzz_order - any bytes as a message between the engine and an actuator
 *
 * The first byte says which kind; the rest is its body. What is read keeps all promises of
 * order.h, since plugins rely on them; what was read is sent again, and reads the same.
 */
#include "core/action/order.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_item(const struct postern_item *item)
{
	assert(item->jail && item->reason && item->json);
	assert(strcmp(item->level, "act") == 0 || strcmp(item->level, "suspect") == 0);
	assert(item->result == POSTERN_DONE || item->result == POSTERN_FAILED);
	assert(!item->user || order_user_is_valid(slice_of(item->user)));
	assert(item->until_s >= 0 && item->release <= POSTERN_PURGE);
	for (size_t i = 0; i < item->n_addresses; i++)
		assert(item->address[i].bits <= 128);
	for (size_t i = 0; i < item->n_queue_ids; i++)
		assert(order_queue_id_is_valid(slice_of(item->queue_id[i])));
}

/* A message is bounded, so what was read from one fits into the socket's buffers again. */
static void send_again(const struct order *order, struct arena *arena)
{
	struct message m;
	struct order again;
	struct err err;
	int fd[2];
	struct channel *from, *to;

	assert(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	from = channel_new(fd[0]);
	to = channel_new(fd[1]);
	assert(order_send(from, ORDER_APPLY, order->batch, order->item, order->n, &err) == 0);
	if (order->n > 0 && channel_waiting(from) == 0) {
		assert(channel_receive(to, &m, &err) == 1);
		assert(order_read(&again, m.body, arena, &err) == 0);
		assert(again.n == order->n && again.batch == order->batch);
		for (size_t i = 0; i < again.n; i++)
			assert(again.item[i].n_addresses == order->item[i].n_addresses);
	}
	channel_free(from);
	channel_free(to);
}

static void read_order(struct slice body, struct arena *arena, struct err *err)
{
	struct prefixset guard = { 0 };
	struct order order;
	struct prefix p;
	char text[64];

	if (order_read(&order, body, arena, err) < 0)
		return;
	for (size_t i = 0; i < order.n; i++)
		check_item(&order.item[i]);
	send_again(&order, arena);
	assert(prefix_parse(&p, slice_of("192.0.2.0/24")));
	prefixset_add(&guard, &p);
	prefixset_seal(&guard);
	for (size_t i = 0; i < order.n; i++)
		(void)order_spare(&order.item[i], &guard, arena, text, sizeof(text));
	prefixset_fini(&guard);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct order_result result = { 0 };
	struct order_state state = { 0 };
	struct err err = { 0 };
	struct slice body;
	uint64_t batch;

	if (size > 0) {
		body = (struct slice){ (const char *)data + 1, size - 1 };
		switch (data[0] % 4) {
		case 0:
			read_order(body, arena, &err);
			break;
		case 1:
			if (order_read_result(&result, body, arena, &err) == 0)
				for (size_t i = 0; i < result.n; i++)
					assert(result.answer[i].text);
			break;
		case 2:
			if (order_read_state(&state, body, arena, &err) == 0)
				assert(state.why);
			break;
		default:
			(void)order_read_mark(&batch, body, &err);
			break;
		}
	}
	arena_free(arena);
	return 0;
}
