/*
 * grid - a table of texts for people
 *
 * Behind the report of a scan and whatever the verbs of the daemon list. Texts are printed as they
 * are: who fills the cells has cleaned them.
 */
#include "core/cli/grid.h"

#include <assert.h>
#include <stdbool.h>

/* How many places it takes on a terminal: characters, not bytes. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void widen(size_t *width, const char *text)
{
	if (width_of(text) > *width)
		*width = width_of(text);
}

static void print_cell(FILE *out, const char *text, size_t width, bool right, bool last)
{
	int fill = (int)(width - width_of(text));

	(void)fprintf(out, "%*s%s%*s%s", right ? fill : 0, "", text, right || last ? 0 : fill, "",
		      last ? "\n" : "  ");
}

void grid_print(FILE *out, const char *indent, char *const *cell, size_t rows, size_t n,
		uint32_t right)
{
	size_t width[GRID_COLUMNS_MOST] = { 0 }, last = 0;

	assert(n <= GRID_COLUMNS_MOST);
	for (size_t c = 0; c < n; c++) {
		for (size_t r = 1; r < rows; r++)
			widen(&width[c], cell[r * n + c]);
		if (width[c] == 0)
			continue;
		widen(&width[c], cell[c]);
		last = c;
	}
	for (size_t r = 0; r < rows; r++) {
		(void)fputs(indent, out);
		for (size_t c = 0; c <= last; c++)
			if (width[c] > 0)
				print_cell(out, cell[r * n + c], width[c], right & 1U << c,
					   c == last);
	}
}
