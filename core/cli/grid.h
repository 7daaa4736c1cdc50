/* grid.h - a table of texts for people */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { GRID_COLUMNS_MOST = 16 };

/*
 * Prints `rows` rows of `n` cells, each behind `indent`, with columns as wide as their texts (UTF-8).
 * The first row has the heads; a column with nothing below its head is left out. A bit of `right` is
 * set for each column whose texts stand to the right, as numbers do.
 */
void grid_print(FILE *out, const char *indent, char *const *cell, size_t rows, size_t n,
		uint32_t right);
