/*
 * test_prefilter - every occurrence, once, in order, and nothing read behind the text
 *
 * What is found is compared with a plain search; the number of occurrences in a row guards
 * against both finding nothing. Texts are copied to blocks of their very size, so that the
 * sanitised build notices what is read outside.
 */
#include "core/filter/literal.h"
#include "core/filter/prefilter.h"
#include "tests/occurrences.h"
#include "tests/rows.h"

#define LINE                                                                                   \
	"Nov 20 23:56:35 mail postfix/smtpd[19536]: 8A0C4A8493D: client=unknown[192.0.2.10], " \
	"sasl_method=LOGIN, sasl_username=joe@example.org\n"
#define SIXTEEN "0123456789abcdef"

static const struct row {
	const char *name;
	const char *literals[12];
	const char *text;
	size_t times; /* the text is repeated so often */
	size_t hits;
} rows[] = {
	{ "no literal", { NULL }, LINE, 3, 0 },
	{ "no text", { "abcd" }, "", 1, 0 },
	{ "shorter than a window", { "abcd" }, "abc", 1, 0 },
	{ "the literal alone", { "abcd" }, "abcd", 1, 1 },
	{ "its beginning", { "abcde" }, "abcd", 1, 0 },
	{ "its end", { "abcde" }, "bcde", 1, 0 },
	{ "at each offset", { "abcd" }, "abcdx", 200, 200 },
	{ "side by side", { "abcd" }, "abcd", 100, 100 },
	{ "overlapping", { "abab" }, "ab", 100, 99 },
	{ "one letter", { "aaaa", "aaaaaa" }, "a", 100, 97 + 95 },
	{ "equal literals", { "abcd", "xbcd", "abcd" }, "abcd ", 50, 100 },
	{ "one begins another", { "abcdef", "abcd", "abcdefgh" }, "abcdefgh abcdef ", 20, 100 },
	{ "one ends another", { "cdefgh", "efgh", "abcdefgh" }, "abcdefgh xcdefgh ", 20, 100 },
	{ "met late, starts early",
	  { "zeros and 7%Q~", "sand", " and", "ros " },
	  "zeros and 7%Q~ sand",
	  30,
	  30 + 30 + 30 + 30 },
	{ "longest", { SIXTEEN SIXTEEN SIXTEEN SIXTEEN, "cdef" }, SIXTEEN, 20, 17 + 20 },
	{ "longer than analysis gives",
	  { SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN "~", "9abc" },
	  SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN "~",
	  5,
	  5 + 25 },
	{ "same window, other rest",
	  { "xabcdy", "zabcdy", "xabcdz" },
	  "xabcdy zabcdz zabcdy ",
	  9,
	  18 },
	{ "not ASCII",
	  { "\xc3\xa9\xc3\xa9", "\xff\xfe\xfd\xfc" },
	  "\xc3\xa9\xc3\xa9\xff\xfe\xfd\xfc ",
	  40,
	  80 },
	{ "same low halves", { "abcd" }, "\xe1\xe2\xe3\xe4 qrst AbCd QbcT abcd", 40, 40 },
	{ "control characters",
	  { "\x01\x02\x03\x04", "\n\n\n\n" },
	  "\x01\x02\x03\x04\n\n\n\n",
	  20,
	  40 },
	{ "a log",
	  { ", sasl_username=", ": client=", "postfix/", "]: 8A", "unknown", " => ", ": removed" },
	  LINE,
	  50,
	  50 * 5 },
	{ "more windows than buckets",
	  { "Nov ", "20 2", "3:56", "mail", "post", "smtp", "1953", "8A0C", "clie", "192.", "LOGI",
	    "exam" },
	  LINE,
	  20,
	  20 * 12 },
};

static void check(void **state)
{
	const struct row *row = *state;
	size_t len = strlen(row->text), n = 0;
	struct slice literals[COUNT(row->literals)];
	char *text = xcalloc(len * row->times, 1);

	for (; n < COUNT(literals) && row->literals[n]; n++)
		literals[n] = slice_of(row->literals[n]);
	for (size_t i = 0; i < row->times; i++)
		memcpy(text + i * len, row->text, len);
	assert_int_equal(check_literals(literals, n, (struct slice){ text, len * row->times }),
			 row->hits);
	free(text);
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 16;
}

/* As many literals as there may be, in a text of few letters that is full of them. */
static void check_crowd(void **state)
{
	enum { TEXT = 3000 };
	char *text = xcalloc(TEXT, 1);
	struct slice literals[PREFILTER_MOST];
	uint32_t seed = 1;

	(void)state;
	for (size_t i = 0; i < TEXT; i++)
		text[i] = "ab5"[next_random(&seed) % 3];
	for (size_t i = 0; i < PREFILTER_MOST; i++) {
		size_t len = LITERAL_LEAST + next_random(&seed) % (LITERAL_LONGEST + 10);

		literals[i] = (struct slice){ text + next_random(&seed) % (TEXT - len), len };
	}
	assert_true(check_literals(literals, PREFILTER_MOST, (struct slice){ text, TEXT }) >=
		    PREFILTER_MOST);
	free(text);
}

/* Every length of text and every place of a hit about the strides of the wide search. */
static void check_edges(void **state)
{
	const struct slice literal = slice_of("abcd");
	struct prefilter *p = prefilter_new(&literal, 1);

	(void)state;
	for (size_t len = 4; len <= 200; len++) {
		char *text = xcalloc(len, 1);

		for (uint32_t at = 0; at + 4 <= len; at++) {
			memset(text, '.', len);
			memcpy(text + at, "abcd", 4);
			check_search(p, (struct slice){ text, len }, 1,
				     &(struct prefilter_hit){ at, 0 }, 1);
		}
		free(text);
	}
	prefilter_free(p);
}

static void check_kind(void **state)
{
	struct slice literal = slice_of("abcd");
	struct prefilter *p = prefilter_new(&literal, 1);

	(void)state;
#if defined(__x86_64__)
	assert_string_equal(prefilter_kind(p),
			    __builtin_cpu_supports("avx2") ? "avx2" : "portable");
#endif
	prefilter_force_portable(p);
	assert_string_equal(prefilter_kind(p), "portable");
	prefilter_free(p);
	prefilter_free(NULL);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + 3] = {
		{ "as many as there may be", check_crowd, NULL, NULL, NULL },
		{ "edges", check_edges, NULL, NULL, NULL },
		{ "kind", check_kind, NULL, NULL, NULL },
	};
	size_t n = 3;

	ADD_ROWS(tests, n, rows, check);
	return _cmocka_run_group_tests("prefilter", tests, n, NULL, NULL);
}
