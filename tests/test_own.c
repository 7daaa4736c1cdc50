/*
 * test_own - the windows that lie with their subject, against windows that lie alone
 */
#include "core/rule/own.h"

#include "tests/rows.h"

#include <assert.h>
#include <string.h>

enum { WHICH = 4, KEYS = 20, T = 1000000 };

static const struct window_rule rule[WHICH] = {
	{ WINDOW_SUM, 600, 0 },
	{ WINDOW_SUM, 86400, 0 },
	{ WINDOW_DISTINCT, 3600, 40 },
	{ WINDOW_SUM, 60, 0 },
};

static const struct own_form form = { .rule = rule, .n = WHICH };

/* Additions at random windows: which of the rules have keys, how far apart, how late some come. */
static const struct run {
	const char *name;
	uint32_t keyed; /* rules whose windows have a key, one bit each */
	uint32_t keys, step_s, late_s;
	unsigned int pack_each; /* after how many additions all is packed and unpacked */
} runs[] = {
	{ "by user, often", 0, 1, 3, 0, 50 },
	{ "by user, seldom", 0, 1, 1000, 0, 7 },
	{ "by user, late lines", 0, 1, 30, 300, 20 },
	{ "by connection", 1 << 3, 15, 2, 0, 10 },
	{ "by connection and user", 1 << 3 | 1 << 0, 8, 20, 60, 13 },
	{ "packed each time", 1 << 2, 8, 100, 100, 1 },
};

static struct window *there(struct window *win)
{
	assert(win);
	return win;
}

static uint32_t draw(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % n;
}

static void pack_and_unpack(struct own_windows *o, uint32_t now_s)
{
	bool full = o->full;
	struct pack p = { 0 };
	struct packed r;

	own_pack(&p, o, &form, now_s);
	own_fini(o);
	r = packed_of(pack_contents(&p));
	own_unpack(&r, o, &form, now_s);
	assert_true(packed_end(&r));
	o->full = full;
	pack_fini(&p);
}

static void behaves_like_model(void **state)
{
	const struct run *row = *state;
	struct window model[WHICH][KEYS + 1] = { 0 };
	struct own_windows o = { 0 };
	uint32_t now_s = T, seed = 9;

	for (unsigned int round = 1; round <= 5000; round++) {
		uint16_t which = (uint16_t)draw(&seed, WHICH);
		uint32_t key = (row->keyed & 1U << which) ? 1 + draw(&seed, row->keys) : 0;
		uint32_t at_s, value = 1 + draw(&seed, 30);
		struct window *win = own_find(&o, which, key);

		now_s += draw(&seed, row->step_s);
		at_s = now_s - (row->late_s ? draw(&seed, row->late_s) : 0);
		if (!win)
			win = own_add(&o, which, key, rule, at_s);
		assert_int_equal(window_add(&rule[which], there(win), value, at_s),
				 window_add(&rule[which], &model[which][key], value, at_s));
		if (round % row->pack_each == 0)
			pack_and_unpack(&o, now_s);
	}
	own_fini(&o);
	for (size_t i = 0; i < WHICH; i++)
		for (size_t k = 0; k <= KEYS; k++)
			window_fini(&model[i][k]);
}

static void bounds_its_keys(void **state)
{
	struct own_windows o = { 0 };

	(void)state;
	for (uint32_t key = 1; key <= OWN_KEYED_MOST; key++) {
		assert_false(o.full);
		(void)window_add(&rule[0], there(own_add(&o, 0, key, rule, T)), 1, T);
	}
	assert_null(own_add(&o, 0, 999, rule, T + 1));
	assert_true(o.full);
	/* One without a key has its place all the same; hours later so have others. */
	(void)window_add(&rule[1], there(own_add(&o, 1, 0, rule, T + 1)), 1, T + 1);
	assert_non_null(own_add(&o, 0, 999, rule, T + 9999));
	assert_null(own_find(&o, 0, 1));
	assert_non_null(own_find(&o, 1, 0));
	assert_int_equal(o.n, 2);
	own_fini(&o);
}

static void gives_back_what_a_busy_hour_took(void **state)
{
	struct own_windows o = { 0 };
	uint32_t key = 0;

	(void)state;
	do
		(void)window_add(&rule[0], there(own_add(&o, 0, ++key, rule, T)), 1, T);
	while (key < OWN_KEYED_MOST);
	assert_true(o.cap >= OWN_KEYED_MOST);
	while (own_find(&o, 0, 1))
		(void)window_add(&rule[0], there(own_add(&o, 0, ++key, rule, T + 9999)), 1,
				 T + 9999);
	assert_true(o.n <= 2 && o.cap < OWN_KEYED_MOST);
	own_fini(&o);
}

/* From a process whose rules had other numbers. */
static void renumbers(void **state)
{
	static const uint16_t now[] = { 1, OWN_GONE, 2 };
	const struct own_form old = { rule, now, COUNT(now) };
	struct own_windows o = { 0 };
	struct pack p = { 0 };
	struct packed r;

	(void)state;
	for (uint16_t which = 0; which < 3; which++)
		(void)window_add(&rule[which], there(own_add(&o, which, 0, rule, T)), 5 + which, T);
	own_pack(&p, &o, &form, T);
	own_fini(&o);
	r = packed_of(pack_contents(&p));
	own_unpack(&r, &o, &old, T);
	assert_true(packed_end(&r));
	assert_int_equal(window_value(&rule[1], there(own_find(&o, 1, 0)), T), 5);
	assert_int_equal(window_value(&rule[2], there(own_find(&o, 2, 0)), T), 1);
	assert_int_equal(o.n, 2);
	own_fini(&o);
	pack_fini(&p);
}

/* Cut anywhere it is damaged; with any bit turned it is damaged or something else, and no more. */
static void survives_damage(void **state)
{
	struct own_windows o = { 0 };
	struct pack p = { 0 };
	struct packed r;

	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		(void)window_add(&rule[i % 3], there(own_add(&o, i % 3, i / 3, rule, T)), i, T + i);
		(void)window_add(&rule[i % 3], there(own_find(&o, i % 3, i / 3)), i + 1, T + 400);
	}
	own_pack(&p, &o, &form, T + 400);
	own_fini(&o);
	for (size_t len = 0; len < p.len; len++) {
		r = packed_of((struct slice){ p.data, len });
		own_unpack(&r, &o, &form, T);
		assert_true(r.bad);
		own_fini(&o);
	}
	for (size_t bit = 0; bit < p.len * 8; bit++) {
		p.data[bit / 8] ^= (char)(1U << bit % 8);
		r = packed_of(pack_contents(&p));
		own_unpack(&r, &o, &form, T);
		own_fini(&o);
		p.data[bit / 8] ^= (char)(1U << bit % 8);
	}
	pack_fini(&p);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(runs) + 4] = {
		cmocka_unit_test(bounds_its_keys),
		cmocka_unit_test(gives_back_what_a_busy_hour_took),
		cmocka_unit_test(renumbers),
		cmocka_unit_test(survives_damage),
	};
	size_t n = 4;

	ADD_ROWS(tests, n, runs, behaves_like_model);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
