/* order.h - what the engine and an actuator say to each other, over a channel */
#pragma once

#include "core/action/postern-action.h"
#include "core/base/channel.h"
#include "core/base/mem.h"
#include "core/base/prefixset.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Engine to actuator: APPLY and LIFT, a batch each; RECONCILE, all that was applied and should still
 * be in force: BEGIN, any number of ITEMS, END. Actuator to engine: RESULT for each message with items (after END
 * those of all of them), and STATE whenever the plugin was opened or could not be.
 */
enum order_type {
	ORDER_APPLY = 1,
	ORDER_LIFT,
	ORDER_RECONCILE_BEGIN,
	ORDER_RECONCILE_ITEMS,
	ORDER_RECONCILE_END,
	ORDER_RESULT,
	ORDER_STATE,
};

/* What one message, and one item of it, holds at most; more comes with the next call. */
enum {
	ORDER_ITEMS_MOST = 10000,
	ORDER_ADDRESSES_MOST = 65536,
	ORDER_QUEUE_IDS_MOST = 65536,
	ORDER_USER_MOST = 255,         /* bytes */
	ORDER_TEXT_MOST = 1024,        /* of a jail's name, or a reason; more is cut */
	ORDER_JSON_MOST = 1024 * 1024, /* of a JSON text; a longer one is sent as {} */
	QUEUE_ID_MOST = 42,
};

/* Of APPLY, LIFT and RECONCILE_ITEMS. `batch` is the engine's number for it, and comes back. */
struct order {
	uint64_t batch;
	struct postern_item *item;
	size_t n;
};

/* The answers to (a part of) a batch. Of an item that took several messages the worst counts. */
struct order_answer {
	uint64_t id;
	enum postern_result result;
	const char *text;
};

struct order_result {
	uint64_t batch;
	enum order_type of; /* ORDER_APPLY, ORDER_LIFT or ORDER_RECONCILE_ITEMS */
	struct order_answer *answer;
	size_t n;
};

struct order_state {
	bool is_open;
	const char *why; /* it is not; "" where it is */
};

/*
 * Sends items as one or more messages of this type. An item has at most so many addresses and
 * queue ids as are named above; texts may be anything. -1: the other side is gone.
 */
int order_send(struct channel *c, enum order_type type, uint64_t batch,
	       const struct postern_item *item, size_t n, struct err *err);
/* RECONCILE_BEGIN and RECONCILE_END. */
int order_send_mark(struct channel *c, enum order_type type, uint64_t batch, struct err *err);
int order_send_result(struct channel *c, enum order_type of, uint64_t batch,
		      const struct postern_item *item, size_t n, struct err *err);
int order_send_state(struct channel *c, bool is_open, const char *why, struct err *err);

/*
 * Reading: what is found hangs off `arena`. -1: it is no such message, and *err says what is wrong;
 * who sent it can't be trusted any more. An item that is well-formed but not fit to be acted on
 * (a user that is no bounded UTF-8 without control characters, a network that is half the world)
 * comes with its result at POSTERN_FAILED and the reason in its text; queue ids that are none are
 * left out, and its text says so.
 */
int order_read(struct order *o, struct slice body, struct arena *arena, struct err *err);
int order_read_mark(uint64_t *batch, struct slice body, struct err *err);
int order_read_result(struct order_result *r, struct slice body, struct arena *arena,
		      struct err *err);
int order_read_state(struct order_state *s, struct slice body, struct arena *arena,
		     struct err *err);

/* Is this what a user may be called here: 1 to 255 bytes of UTF-8 without control characters? */
bool order_user_is_valid(struct slice user);
bool order_queue_id_is_valid(struct slice id);
/*
 * Takes the addresses out of the item that are, or hold, one of `guard`, and says in `text` (size
 * bytes) which; returns how many are gone. The rest goes into memory of `arena`.
 */
size_t order_spare(struct postern_item *item, const struct prefixset *guard, struct arena *arena,
		   char *text, size_t size);
