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

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + 2] = {
		cmocka_unit_test(keeps_a_town),
		cmocka_unit_test(forgets_the_oldest),
	};
	size_t n = 2;

	ADD_ROWS(tests, n, rows, check);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
