/*
 * test_customers - the addresses that customers are known to log in from
 */
#include "core/rule/customers.h"

#include "core/base/hash.h"
#include "tests/rows.h"

enum { DAY = 20000, KEEP = 30 };

/* An address that was noted on `noted` days, and then is asked for. */
static const struct row {
	const char *name;
	int noted[3]; /* days from DAY on; 0: no more */
	int asked;
	bool want;
} rows[] = {
	{ "never noted", { 0 }, 1, false },     { "on the same day", { 1 }, 1, true },
	{ "a month later", { 1 }, 31, true },   { "longer ago", { 1 }, 32, false },
	{ "noted again", { 1, 20 }, 50, true }, { "noted late", { 20, 1 }, 50, true },
	{ "asked late", { 20 }, 10, true },
};

static void check(void **state)
{
	const struct row *row = *state;
	struct customers c;

	customers_init(&c);
	for (const int *day = row->noted; *day; day++)
		customers_note(&c, hash_bytes("a", 1), (uint16_t)(DAY + *day));
	assert_int_equal(customers_seen(&c, hash_bytes("a", 1), (uint16_t)(DAY + row->asked), KEEP),
			 row->want);
	assert_false(customers_seen(&c, hash_bytes("b", 1), (uint16_t)(DAY + row->asked), KEEP));
	customers_fini(&c);
}

static uint64_t hash_of(uint32_t i)
{
	return hash_bytes(&i, sizeof(i));
}

/* How many of those noted on one day are still there when `more` have come on the next. */
static unsigned int stay(uint32_t first, uint32_t more)
{
	struct customers c;
	unsigned int n = 0;

	customers_init(&c);
	for (uint32_t i = 0; i < first + more; i++)
		customers_note(&c, hash_of(i), (uint16_t)(DAY + (i >= first)));
	for (uint32_t i = 0; i < first; i++)
		n += customers_seen(&c, hash_of(i), DAY + 2, KEEP);
	assert_true(customers_seen(&c, hash_of(first + more - 1), DAY + 2, KEEP));
	customers_fini(&c);
	return n;
}

static void keeps_a_town(void **state)
{
	(void)state;
	assert_in_range(stay(50000, 100000), 49000, 50000);
}

static void forgets_the_oldest(void **state)
{
	(void)state;
	assert_in_range(stay(1000, 3000000), 0, 20);
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
			customers_note(&a, hash_of(round * 1000 + i), DAY);
		customers_save(&a, &s, 5);
	}
	for (uint32_t i = 0; i < 3000; i++)
		assert_int_equal(customers_seen(&b, hash_of(i), DAY, KEEP),
				 customers_seen(&a, hash_of(i), DAY, KEEP));
	saving_fini(&s);
	customers_fini(&a);
	customers_fini(&b);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + 3] = {
		cmocka_unit_test(keeps_a_town),
		cmocka_unit_test(forgets_the_oldest),
		cmocka_unit_test(saves),
	};
	size_t n = 3;

	ADD_ROWS(tests, n, rows, check);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
