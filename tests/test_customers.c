/*
 * test_customers - the addresses that customers are known to log in from
 */
#include "core/rule/customers.h"

#include "core/base/hash.h"
#include "tests/rows.h"

enum { DAY = 20000 };

/* An address that was noted on `noted` days, and then is asked for. */
static const struct row {
	const char *name;
	int noted[3]; /* days from DAY on; 0: no more */
	int asked;
	bool want;
} rows[] = {
	{ "never noted", { 0 }, 1, false },
	{ "on the same day", { 1 }, 1, true },
	{ "three months later", { 1 }, 91, true },
	{ "longer ago", { 1 }, 92, false },
	{ "noted again", { 1, 20 }, 110, true },
	{ "noted again, long after", { 1, 200 }, 201, true },
	{ "noted late", { 20, 1 }, 110, true },
	{ "asked late", { 20 }, 10, true },
};

static struct address address_of(uint32_t i)
{
	struct address a = { { [10] = 0xff, [11] = 0xff } };

	memcpy(a.byte + 12, &i, sizeof(i));
	return a;
}

static void note(struct customers *c, uint32_t i, int day)
{
	struct address a = address_of(i);

	customers_note(c, &a, (uint16_t)(DAY + day));
}

static bool seen(const struct customers *c, uint32_t i, int day)
{
	struct address a = address_of(i);

	return customers_seen(c, &a, (uint16_t)(DAY + day));
}

/* Those from `first` to before `end`, on each of so many days. */
static void note_all(struct customers *c, uint32_t first, uint32_t end, int from, int days)
{
	for (int day = from; day < from + days; day++)
		for (uint32_t i = first; i < end; i++)
			note(c, i, day);
}

static unsigned int count_seen(const struct customers *c, uint32_t first, uint32_t end, int day)
{
	unsigned int n = 0;

	for (uint32_t i = first; i < end; i++)
		n += seen(c, i, day);
	return n;
}

static void check(void **state)
{
	const struct row *row = *state;
	struct customers c;

	customers_init(&c);
	for (const int *day = row->noted; *day; day++)
		note(&c, 1, *day);
	assert_int_equal(seen(&c, 1, row->asked), row->want);
	assert_false(seen(&c, 2, row->asked));
	customers_fini(&c);
}

/* How many of those noted on the first `days` are still there when `more` have come on the next. */
static unsigned int stay(uint32_t first, int days, uint32_t more)
{
	struct customers c;
	unsigned int n;

	customers_init(&c);
	note_all(&c, 0, first, 0, days);
	note_all(&c, first, first + more, days, 1);
	n = count_seen(&c, 0, first, days + 1);
	assert_true(seen(&c, first + more - 1, days + 1));
	customers_fini(&c);
	return n;
}

static void keeps_a_town(void **state)
{
	(void)state;
	assert_in_range(stay(50000, 1, 100000), 49000, 50000);
}

static void forgets_the_oldest(void **state)
{
	(void)state;
	assert_in_range(stay(1000, 1, 3000000), 0, 20);
}

static void keeps_offices(void **state)
{
	(void)state;
	assert_int_equal(stay(1000, 2, 3000000), 1000);
}

/* What once was an office makes room like any other. */
static void forgets_old_offices(void **state)
{
	const int later = 4 + CUSTOMERS_DAYS + 1;
	struct customers c;

	(void)state;
	customers_init(&c);
	note_all(&c, 0, 600000, 0, 5);
	note_all(&c, 1000000, 1001000, later, 1);
	assert_in_range(count_seen(&c, 1000000, 1001000, later), 999, 1000);
	customers_fini(&c);
}

/* Whose it was long ago says nothing of who comes back there. */
static void begins_anew(void **state)
{
	struct customers c;

	(void)state;
	customers_init(&c);
	note_all(&c, 0, 1000, 0, 5);
	note_all(&c, 0, 1000, 200, 1);
	note_all(&c, 1000, 3001000, 201, 1);
	assert_in_range(count_seen(&c, 0, 1000, 201), 0, 20);
	customers_fini(&c);
}

/* Which of them are forgotten is no matter of the process's seed. */
static void forgets_the_same(void **state)
{
	const uint64_t seed = hash_seed();
	struct customers c[2];

	(void)state;
	for (uint64_t k = 0; k < 2; k++) {
		hash_seed_set(seed + k);
		customers_init(&c[k]);
		for (uint32_t i = 0; i < 1000000; i++)
			note(&c[k], i, 0);
	}
	for (uint32_t i = 0; i < 1000000; i++)
		assert_int_equal(seen(&c[0], i, 0), seen(&c[1], i, 0));
	for (uint64_t k = 0; k < 2; k++)
		customers_fini(&c[k]);
	hash_seed_set(seed);
}

static void put(void *ctx, const struct state_row *row)
{
	struct packed p = packed_of(row->value);

	assert_int_equal(row->table, 5);
	customers_restore(ctx, row->key, &p);
	assert_true(packed_end(&p));
}

/* Only pages that changed are saved, and what is restored is known. */
static void saves(void **state)
{
	struct saving s = { .put = put };
	struct customers a, b;

	(void)state;
	customers_init(&a);
	customers_init(&b);
	s.ctx = &b;
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 300; i++)
			note(&a, round * 1000 + i, 0);
		customers_save(&a, &s, 5);
	}
	for (uint32_t i = 0; i < 3000; i++)
		assert_int_equal(seen(&b, i, 0), seen(&a, i, 0));
	saving_fini(&s);
	customers_fini(&a);
	customers_fini(&b);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + 7] = {
		cmocka_unit_test(keeps_a_town),  cmocka_unit_test(forgets_the_oldest),
		cmocka_unit_test(keeps_offices), cmocka_unit_test(forgets_old_offices),
		cmocka_unit_test(begins_anew),   cmocka_unit_test(forgets_the_same),
		cmocka_unit_test(saves),
	};
	size_t n = 7;

	ADD_ROWS(tests, n, rows, check);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
