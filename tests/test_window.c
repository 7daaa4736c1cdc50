/*
 * test_window - sums and distinct values within a findtime, to the second
 */
#include "core/rule/window.h"

#include "tests/rows.h"

enum { STEPS = 16, SPAN = 1000, T = 1000000 };

/* Adds `value` at T + at; `want` is what the window then holds. */
struct step {
	uint32_t at;
	uint64_t value, want;
};

static const struct row {
	const char *name;
	enum window_kind kind;
	uint32_t span_s;
	uint64_t max;
	struct step step[STEPS]; /* one of `want` 0 ends them */
} rows[] = {
	{ "sum: adds up", WINDOW_SUM, SPAN, 5, { { 0, 1, 1 }, { 10, 2, 3 }, { 20, 3, 6 } } },
	{ "sum: last second of the findtime", WINDOW_SUM, SPAN, 5, { { 0, 1, 1 }, { 999, 1, 2 } } },
	{ "sum: a findtime later", WINDOW_SUM, SPAN, 5, { { 0, 1, 1 }, { 1000, 1, 1 } } },
	{ "sum: long after", WINDOW_SUM, SPAN, 5, { { 0, 7, 7 }, { 100000, 2, 2 } } },
	{ "sum: slides",
	  WINDOW_SUM,
	  SPAN,
	  5,
	  { { 0, 1, 1 },
	    { 500, 1, 2 },
	    { 999, 1, 3 },
	    { 1000, 1, 3 },
	    { 1499, 1, 4 },
	    { 1500, 1, 4 },
	    { 2600, 1, 1 } } },
	{ "sum: several in a second",
	  WINDOW_SUM,
	  SPAN,
	  5,
	  { { 0, 1, 1 }, { 0, 1, 2 }, { 0, 5, 7 }, { 999, 1, 8 }, { 1000, 1, 2 } } },
	{ "sum: late, in its place",
	  WINDOW_SUM,
	  SPAN,
	  5,
	  { { 600, 1, 1 },
	    { 100, 1, 2 },
	    { 300, 1, 3 },
	    { 1099, 1, 4 },
	    { 1100, 1, 4 },
	    { 1300, 1, 4 },
	    { 1600, 1, 4 } } },
	{ "sum: too late to matter", WINDOW_SUM, SPAN, 5, { { 2000, 3, 3 }, { 1000, 9, 3 } } },
	{ "sum: just not too late", WINDOW_SUM, SPAN, 5, { { 2000, 3, 3 }, { 1001, 9, 12 } } },
	/* 3 s is 1/256 of 1000 s: merged into the first, and forgotten with it. */
	{ "sum: within a quantum",
	  WINDOW_SUM,
	  SPAN,
	  5,
	  { { 0, 1, 1 }, { 3, 1, 2 }, { 1000, 1, 1 } } },
	{ "sum: beyond a quantum",
	  WINDOW_SUM,
	  SPAN,
	  5,
	  { { 0, 1, 1 }, { 4, 1, 2 }, { 1000, 1, 2 } } },
	{ "sum: a quantum does not creep",
	  WINDOW_SUM,
	  SPAN,
	  5,
	  { { 0, 1, 1 }, { 3, 1, 2 }, { 6, 1, 3 }, { 9, 1, 4 }, { 1000, 1, 3 }, { 1006, 1, 2 } } },
	{ "sum: a findtime of a second",
	  WINDOW_SUM,
	  1,
	  5,
	  { { 0, 1, 1 }, { 0, 1, 2 }, { 1, 1, 1 } } },
	{ "sum: as much as there is",
	  WINDOW_SUM,
	  SPAN,
	  5,
	  { { 0, UINT32_MAX, UINT32_MAX },
	    { 1, 7, UINT32_MAX },
	    { 50, 7, UINT32_MAX + 7ULL },
	    { 51, 1ULL << 40, 2ULL * UINT32_MAX } } },
	{ "distinct: counts values once",
	  WINDOW_DISTINCT,
	  SPAN,
	  5,
	  { { 0, 11, 1 }, { 10, 22, 2 }, { 20, 11, 2 }, { 30, 33, 3 } } },
	{ "distinct: seen again is refreshed",
	  WINDOW_DISTINCT,
	  SPAN,
	  5,
	  { { 0, 11, 1 },
	    { 1, 22, 2 },
	    { 900, 11, 2 },
	    { 1001, 33, 2 },
	    { 1899, 33, 2 },
	    { 1900, 33, 1 } } },
	{ "distinct: seen earlier is not",
	  WINDOW_DISTINCT,
	  SPAN,
	  5,
	  { { 500, 11, 1 }, { 100, 11, 1 }, { 1499, 22, 2 }, { 1500, 22, 1 } } },
	{ "distinct: late, in its place",
	  WINDOW_DISTINCT,
	  SPAN,
	  5,
	  { { 500, 11, 1 }, { 100, 22, 2 }, { 1099, 33, 3 }, { 1100, 33, 2 } } },
	{ "distinct: a findtime later",
	  WINDOW_DISTINCT,
	  SPAN,
	  5,
	  { { 0, 11, 1 }, { 1000, 22, 1 } } },
	{ "distinct: too late to matter",
	  WINDOW_DISTINCT,
	  SPAN,
	  5,
	  { { 2000, 11, 1 }, { 1000, 22, 1 } } },
};

static void counts(void **state)
{
	const struct row *row = *state;
	struct windows w;

	windows_init(&w, window_rule(row->kind, row->span_s, row->max), 0);
	for (size_t i = 0; i < STEPS && row->step[i].want; i++) {
		const struct step *s = &row->step[i];

		/* Another key's window has no part in it. */
		(void)windows_add(&w, 99, s->value, T + s->at);
		assert_int_equal(windows_add(&w, 1, s->value, T + s->at), s->want);
	}
	windows_fini(&w);
}

/* How a distinct window behaves with far more values than its max. */
static const struct flood {
	const char *name;
	uint64_t max;
	uint32_t values, want;
} floods[] = {
	{ "flood: max of 0", 0, 10000, 32 },
	{ "flood: max of 10", 10, 10000, 72 },
	{ "flood: not yet full", 10, 72, 72 },
	{ "flood: max of 1000", 1000, 10000, 4032 },
};

static void saturates(void **state)
{
	const struct flood *row = *state;
	struct windows w;

	windows_init(&w, window_rule(WINDOW_DISTINCT, SPAN, row->max), 0);
	for (uint32_t i = 1; i <= row->values; i++) {
		uint64_t n = windows_add(&w, 1, i, T);

		assert_int_equal(n, i < row->want ? i : row->want);
	}
	/* The newest are kept. */
	assert_int_equal(windows_add(&w, 1, row->values, T + 1), row->want);
	windows_fini(&w);
}

static void answers_at_any_moment(void **state)
{
	struct windows w;

	(void)state;
	windows_init(&w, window_rule(WINDOW_SUM, SPAN, 5), 0);
	assert_int_equal(windows_value(&w, 1, T), 0);
	(void)windows_add(&w, 1, 2, T);
	(void)windows_add(&w, 1, 3, T + 500);
	assert_int_equal(windows_value(&w, 1, T + 500), 5);
	assert_int_equal(windows_value(&w, 1, T + 999), 5);
	assert_int_equal(windows_value(&w, 1, T + 1000), 3);
	assert_int_equal(windows_value(&w, 1, T + 1500), 0);
	assert_int_equal(windows_value(&w, 1, T - 5), 5); /* an event that came late asks */
	assert_int_equal(windows_value(&w, 2, T), 0);
	windows_fini(&w);
}

static void forgets_when_told(void **state)
{
	struct windows w;

	(void)state;
	windows_init(&w, window_rule(WINDOW_SUM, SPAN, 5), 0);
	windows_reset(&w, 1);
	(void)windows_add(&w, 1, 4, T);
	(void)windows_add(&w, 2, 4, T);
	windows_reset(&w, 1);
	assert_int_equal(windows_value(&w, 1, T), 0);
	assert_int_equal(windows_value(&w, 2, T), 4);
	assert_int_equal(windows_add(&w, 1, 1, T + 1), 1);
	windows_fini(&w);
}

static void bounds_its_keys(void **state)
{
	struct windows w;

	(void)state;
	windows_init(&w, window_rule(WINDOW_DISTINCT, SPAN, 5), 100);
	for (uint64_t key = 1; key <= 100000; key++)
		(void)windows_add(&w, key * 0x9e3779b97f4a7c15ULL, 1, T + (uint32_t)key / 1000);
	assert_int_equal(w.table.n, 100);
	windows_fini(&w);
}

/* A busy account's window costs so many entries, whatever it does: the sum is exact all the same. */
static void merges_quanta(void **state)
{
	struct windows w;
	uint64_t n = 0;

	(void)state;
	windows_init(&w, window_rule(WINDOW_SUM, 86400, 5), 0);
	for (uint32_t s = 0; s < 86400; s++)
		n = windows_add(&w, 1, 1, T + s);
	assert_int_equal(n, 86400);
	/* From here on a quantum leaves with its first second, never later. */
	for (uint32_t s = 86400; s < 3 * 86400; s++) {
		n = windows_add(&w, 1, 1, T + s);
		assert_in_range(n, 86400 - 86400 / 256 - 1, 86400);
	}
	windows_fini(&w);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + COUNT(floods) + 4] = {
		cmocka_unit_test(answers_at_any_moment),
		cmocka_unit_test(forgets_when_told),
		cmocka_unit_test(bounds_its_keys),
		cmocka_unit_test(merges_quanta),
	};
	size_t n = 4;

	ADD_ROWS(tests, n, rows, counts);
	ADD_ROWS(tests, n, floods, saturates);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
