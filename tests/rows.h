/* rows.h - table-driven tests: a table of rows, a check, and one named cmocka test a row */
#pragma once

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* How many tests a table makes: a row may carry no `name` longer than cmocka prints. */
#define ROW_TEST(row, check) \
	((struct CMUnitTest){ (row)->name, check, NULL, NULL, (void *)(uintptr_t)(row) })

/* Appends the tests of one table to `tests`, which has room for them; evaluates to the new count. */
#define ADD_ROWS(tests, n, rows, check)                                   \
	do {                                                              \
		for (size_t row_i = 0; row_i < COUNT(rows); row_i++)      \
			(tests)[(n)++] = ROW_TEST(&(rows)[row_i], check); \
	} while (0)

/* main() of a test program with one table. */
#define RUN_ROWS(rows, check)                                                   \
	int main(void)                                                          \
	{                                                                       \
		struct CMUnitTest tests[COUNT(rows)];                           \
		size_t n = 0;                                                   \
                                                                                \
		ADD_ROWS(tests, n, rows, check);                                \
		return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL); \
	}
