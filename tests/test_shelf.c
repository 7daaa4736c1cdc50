/*
 * test_shelf - packed records, against an array that is too simple to be wrong
 */
#include "core/rule/shelf.h"

#include "tests/rows.h"

#include <string.h>

enum { KEYS = 3000, LONGEST = 700 };

static const struct run {
	const char *name;
	uint64_t key_factor; /* a key is its number times this: where it calls home */
	size_t keys, longest;
	unsigned int rounds, removals; /* of a hundred operations */
} runs[] = {
	{ "few records", 0x9e3779b97f4a7c15ULL, 10, 40, 20000, 45 },
	{ "records that grow and shrink", 0x9e3779b97f4a7c15ULL, KEYS, LONGEST, 100000, 50 },
	{ "hardly any is removed", 0x9e3779b97f4a7c15ULL, KEYS, 40, 20000, 5 },
	{ "one home for all", 1, 200, 90, 20000, 45 },
	{ "homes at the end of the slots", UINT64_MAX, 40, 90, 20000, 45 },
	{ "empty records", 0x9e3779b97f4a7c15ULL, 100, 1, 5000, 45 },
};

struct model {
	bool there, changed;
	size_t len;
	char fill;
};

static uint64_t random_next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return *seed >> 33;
}

static bool is_record(struct slice record, const struct model *m)
{
	for (size_t i = 0; i < record.len; i++)
		if (record.ptr[i] != m->fill)
			return false;
	return record.len == m->len;
}

static void compare(const struct run *row, const struct shelf *s, const struct model *model)
{
	struct shelf_item item = { 0 };
	size_t n = 0, changed = 0;

	for (size_t i = 0; i < row->keys; i++) {
		bool is_changed = false;
		struct slice record = shelf_find(s, i * row->key_factor, &is_changed);

		assert_int_equal(record.ptr != NULL, model[i].there);
		if (!record.ptr)
			continue;
		assert_true(is_record(record, &model[i]));
		assert_int_equal(is_changed, model[i].changed);
		n++;
		changed += is_changed;
	}
	assert_int_equal(s->n, n);
	while (shelf_next(s, &item, false))
		n--;
	assert_int_equal(n, 0);
	for (item = (struct shelf_item){ 0 }; shelf_next(s, &item, true); changed--)
		assert_true(item.changed);
	assert_int_equal(changed, 0);
}

static void put(const struct run *row, struct shelf *s, struct model *m, size_t i, uint64_t *seed)
{
	char record[LONGEST];

	*m = (struct model){ true, random_next(seed) % 2, random_next(seed) % row->longest,
			     (char)random_next(seed) };
	memset(record, m->fill, m->len);
	shelf_put(s, i * row->key_factor, (struct slice){ record, m->len }, m->changed);
}

static void behaves_like_model(void **state)
{
	const struct run *row = *state;
	struct model *model = xcalloc(row->keys, sizeof(*model));
	uint64_t seed = 5;
	struct shelf s;

	shelf_init(&s);
	for (unsigned int round = 0; round < row->rounds; round++) {
		size_t i = random_next(&seed) % row->keys;
		bool remove = random_next(&seed) % 100 < row->removals;

		if (model[i].there && (remove || random_next(&seed) % 2)) {
			shelf_remove(&s, i * row->key_factor);
			model[i].there = false;
		}
		if (!model[i].there && !remove)
			put(row, &s, &model[i], i, &seed);
		if (round % (row->rounds / 20) == 0)
			compare(row, &s, model);
	}
	compare(row, &s, model);
	shelf_fini(&s);
	free(model);
}

/* What is put away again and again, longer each time, leaves no more than its share of gaps. */
static void fills_its_gaps(void **state)
{
	static const char text[LONGEST] = { 0 };
	struct shelf s;

	(void)state;
	shelf_init(&s);
	for (uint64_t round = 1; round <= 30; round++)
		for (uint64_t i = 0; i < 20000; i++) {
			if (round > 1)
				shelf_remove(&s, i * 0x9e3779b97f4a7c15ULL);
			shelf_put(&s, i * 0x9e3779b97f4a7c15ULL, (struct slice){ text, 10 * round },
				  true);
		}
	assert_int_equal(s.n, 20000);
	/* 20000 x (300 + 12) bytes are 24 boards. */
	assert_in_range(s.n_boards, 24, 24 * 7 / 6 + 3);
	shelf_fini(&s);
}

static void settles(void **state)
{
	struct shelf_item item = { 0 };
	struct shelf s;

	(void)state;
	shelf_init(&s);
	for (uint64_t i = 0; i < 10; i++)
		shelf_put(&s, i << 40, slice_of("x"), i % 2);
	while (shelf_next(&s, &item, true))
		shelf_settle(&s, &item);
	item = (struct shelf_item){ 0 };
	assert_false(shelf_next(&s, &item, true));
	assert_true(shelf_next(&s, &item, false));
	shelf_fini(&s);
}

static void is_empty(void **state)
{
	struct shelf_item item = { 0 };
	struct shelf s;

	(void)state;
	shelf_init(&s);
	assert_null(shelf_find(&s, 7, NULL).ptr);
	assert_false(shelf_next(&s, &item, false));
	shelf_fini(&s);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(runs) + 3] = {
		cmocka_unit_test(fills_its_gaps),
		cmocka_unit_test(settles),
		cmocka_unit_test(is_empty),
	};
	size_t n = 3;

	ADD_ROWS(tests, n, runs, behaves_like_model);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
