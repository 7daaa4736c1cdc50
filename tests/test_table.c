/*
 * test_table - the table that forgets what is idle, against one that is too simple to be wrong
 *
 * The model is an array of all keys that may be asked. Every row is a long run of random but
 * seeded additions, removals and questions; keys are drawn from a few, so that chains wrap around
 * the end of the slots and elements are moved back over it.
 */
#include "core/base/table.h"

#include "tests/rows.h"

#include <string.h>

enum { KEYS = 512 };

struct element {
	struct table_head head;
	uint64_t value;
	char *owned;
};

static size_t dropped;

static void drop(void *element)
{
	free(((struct element *)element)->owned);
	dropped++;
}

static uint64_t random_next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return *seed >> 33;
}

static const struct run {
	const char *name;
	uint64_t key_mask;     /* of the low bits: which slots keys call home */
	size_t keys;           /* how many different */
	unsigned int removals; /* of a hundred operations */
} runs[] = {
	{ "few keys, few removals", UINT64_MAX, 40, 10 },
	{ "all keys, few removals", UINT64_MAX, KEYS, 10 },
	{ "all keys, many removals", UINT64_MAX, KEYS, 50 },
	{ "one home", 0, 40, 45 },
	{ "homes at the end of the slots", 63, 45, 48 },
	{ "two homes, one behind the other", 1, 60, 45 },
};

/* Where a key calls home: `key_mask` of 63 means the last slot of 64, whatever the key. */
static uint64_t key_of(const struct run *row, size_t i)
{
	if (row->key_mask == UINT64_MAX)
		return i * 0x9e3779b97f4a7c15ULL + 1;
	if (row->key_mask == 63)
		return (uint64_t)i << 32 | (i % 3 == 0 ? 0 : 62 + i % 2);
	return (uint64_t)i << 32 | (i & row->key_mask);
}

static void compare(const struct run *row, const struct table *t, const uint64_t *model)
{
	size_t n = 0, met = 0;

	for (size_t i = 0; i < row->keys; i++) {
		const struct element *e = table_find(t, key_of(row, i));

		assert_int_equal(e != NULL, model[i] != 0);
		if (!e)
			continue;
		assert_int_equal(e->value, model[i]);
		assert_non_null(strstr(e->owned, "owned"));
		n++;
	}
	for (const struct element *e = NULL; (e = table_next(t, e));)
		met++;
	assert_int_equal(t->n, n);
	assert_int_equal(met, n);
}

static void behaves_like_model(void **state)
{
	const struct run *row = *state;
	uint64_t model[KEYS] = { 0 }, seed = 7;
	struct table t;

	table_init(&t, sizeof(struct element), 0, drop);
	for (uint64_t round = 1; round <= 20000; round++) {
		size_t i = random_next(&seed) % row->keys;
		bool remove = random_next(&seed) % 100 < row->removals, is_new;
		struct element *e;

		if (remove) {
			e = table_find(&t, key_of(row, i));
			if (e)
				table_remove(&t, e);
			model[i] = 0;
		} else {
			e = table_add(&t, key_of(row, i), 0, &is_new);
			assert_int_equal(is_new, model[i] == 0);
			assert_int_equal(e->value, model[i]);
			if (is_new)
				e->owned = xstrdup("owned");
			e->value = model[i] = round;
		}
		if (round % 97 == 0 || round < 200)
			compare(row, &t, model);
	}
	compare(row, &t, model);
	table_fini(&t);
}

static struct element *add(struct table *t, uint64_t key, uint32_t last, uint32_t idle_before)
{
	struct element *e = table_add(t, key, idle_before, NULL);

	e->head.last = last;
	return e;
}

/* Elements that come one a second, and are idle after so many: how many slots does it take? */
static const struct idling {
	const char *name;
	uint32_t idle_s;
	size_t cap_most;
} idlings[] = {
	{ "idle after 10", 10, 64 },
	{ "idle after 100", 100, 256 },
	{ "idle after 1000", 1000, 4096 },
};

static void drops_idle(void **state)
{
	const struct idling *row = *state;
	struct table t;

	dropped = 0;
	table_init(&t, sizeof(struct element), 0, drop);
	for (uint32_t s = 1; s <= 20000; s++) {
		uint32_t alive = s > row->idle_s ? s - row->idle_s : 0;

		(void)add(&t, s * 0x9e3779b97f4a7c15ULL, s, alive);
		/* Nothing that is not idle is ever missing. */
		if (s % 100 == 0)
			for (uint32_t k = alive + 1; k <= s; k++)
				assert_non_null(table_find(&t, k * 0x9e3779b97f4a7c15ULL));
	}
	assert_true(t.cap <= row->cap_most);
	assert_int_equal(dropped + t.n, 20000);
	table_fini(&t);
	assert_int_equal(dropped, 20000);
}

static void keeps_its_bound(void **state)
{
	enum { MOST = 100 };
	size_t recent = 0;
	struct table t;

	(void)state;
	table_init(&t, sizeof(struct element), MOST, drop);
	for (uint32_t s = 1; s <= 5000; s++) {
		(void)add(&t, s * 0x9e3779b97f4a7c15ULL, s, 0);
		assert_true(t.n <= MOST);
		assert_non_null(table_find(&t, s * 0x9e3779b97f4a7c15ULL));
	}
	/* The victim is the oldest of eight: most of the newest fifty are still there. */
	for (uint32_t s = 4951; s <= 5000; s++)
		recent += table_find(&t, s * 0x9e3779b97f4a7c15ULL) != NULL;
	assert_true(recent >= 45);
	assert_int_equal(t.cap, 256);
	table_fini(&t);
}

static void keeps_what_is_in_use(void **state)
{
	enum { MOST = 50, PINNED = 200 };
	struct table t;

	(void)state;
	table_init(&t, sizeof(struct element), MOST, NULL);
	for (uint64_t i = 1; i <= PINNED; i++)
		(void)add(&t, i, TABLE_PINNED, 0);
	/* All are pinned: the table grows over its bound rather than lose one. */
	assert_int_equal(t.n, PINNED);
	for (uint64_t i = 1; i <= 1000; i++)
		(void)add(&t, i * 0x9e3779b97f4a7c15ULL, 5, TABLE_PINNED - 1);
	for (uint64_t i = 1; i <= PINNED; i++)
		assert_non_null(table_find(&t, i));
	table_fini(&t);
}

static void removes_while_walking(void **state)
{
	struct element *e = NULL, *next;
	struct table t;
	size_t n = 0;

	(void)state;
	table_init(&t, sizeof(struct element), 0, NULL);
	assert_null(table_next(&t, NULL));
	for (uint64_t i = 1; i <= 40; i++)
		add(&t, i << 40, 1, 0)->value = i;
	/* All have one home, so each removal moves the others up: the slot has to be asked again. */
	while ((next = table_next(&t, e))) {
		table_remove(&t, next);
		n++;
	}
	assert_int_equal(n, 40);
	assert_int_equal(t.n, 0);
	table_fini(&t);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(runs) + COUNT(idlings) + 3] = {
		cmocka_unit_test(keeps_its_bound),
		cmocka_unit_test(keeps_what_is_in_use),
		cmocka_unit_test(removes_while_walking),
	};
	size_t n = 3;

	ADD_ROWS(tests, n, runs, behaves_like_model);
	ADD_ROWS(tests, n, idlings, drops_idle);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
