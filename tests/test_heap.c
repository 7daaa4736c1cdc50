/*
 * test_heap - what is due first comes first, whatever was moved or taken out before
 */
#include "core/base/heap.h"

#include "tests/rows.h"

#include <string.h>

enum { NODES = 26 };

/*
 * Steps: "a5" puts node a at 5 (or moves it there), "-a" takes it out; what is left comes out in
 * the order of `want`. The tie of a node is its letter.
 */
static const struct row {
	const char *name;
	const char *steps;
	const char *want;
} rows[] = {
	{ "none", "", "" },
	{ "one", "a5", "a" },
	{ "sorted", "a1 b2 c3 d4", "abcd" },
	{ "reversed", "a4 b3 c2 d1", "dcba" },
	{ "ties by their second key", "d5 b5 a5 c5", "abcd" },
	{ "moved to the front", "a3 b2 c1 a0", "acb" },
	{ "moved to the back", "a3 b2 c1 c9", "bac" },
	{ "the first taken out", "a1 b2 c3 -a", "bc" },
	{ "the last taken out", "a1 b2 c3 -c", "ab" },
	{ "one in the middle that moves another up", "a1 b8 c2 d9 e9 f3 g4 -d", "acfgbe" },
	{ "taken out twice", "a1 b2 -a -a", "b" },
	{ "all taken out", "a1 b2 -a -b", "" },
	{ "taken out and put again", "a1 b2 -a a3", "ba" },
	{ "many", "a7 b3 c9 d1 e8 f2 g6 h4 i5 j0 k7 l3 m9 n1 o8 p2 q6 r4 s5 t0 -d -t e1 m2",
	  "jenfmpblhrisgqakoc" },
};

static void sorts(void **state)
{
	const struct row *row = *state;
	struct heap_node node[NODES] = { 0 }, *first;
	struct heap heap = { 0 };
	char said[NODES + 1] = { 0 };
	size_t n = 0;

	for (const char *step = row->steps; *step; step += strspn(step, " ")) {
		bool out = *step == '-';
		unsigned int letter = (unsigned int)(step[out] - 'a');

		if (out)
			heap_remove(&heap, &node[letter]);
		else
			heap_put(&heap, &node[letter], step[1] - '0', letter);
		step += 2;
	}
	while ((first = heap_first(&heap))) {
		said[n++] = (char)('a' + (first - node));
		heap_remove(&heap, first);
	}
	assert_string_equal(said, row->want);
	heap_fini(&heap);
}

RUN_ROWS(rows, sorts)
