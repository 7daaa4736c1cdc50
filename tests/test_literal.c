/* test_literal - required literals, and that matching lines do hold them */
#include "core/filter/literal.h"
#include "tests/rows.h"

#include <pcre2.h>

#define SIXTEEN   "0123456789abcdef"
#define SIXTYFOUR SIXTEEN SIXTEEN SIXTEEN SIXTEEN

/*
 * `subject` is a line that matches, so it must hold the literal; it is there to prove `want`, and
 * a longer one would show a literal that is not required.
 */
static const struct row {
	const char *name;
	const char *regex;
	const char *want; /* NULL: none */
	const char *subject;
} rows[] = {
	{ "Postfix client",
	  "^(?<queue_id>\\w+): client=(?<rdns>\\S*)\\[(?<ip>[^\\]]+)\\](?::\\d+)?, "
	  "sasl_method=(?<method>[^,]+), sasl_username=(?<user>.+?)$",
	  ", sasl_username=",
	  "8A0C4A8493D: client=unknown[192.0.2.10], sasl_method=LOGIN, sasl_username=joe" },
	{ "Postfix failure",
	  "^warning: \\S+\\[(?<ip>[^]]+)\\](?::\\d+)?: SASL \\S+ authentication failed: ",
	  " authentication failed: ",
	  "warning: unknown[192.0.2.9]: SASL LOGIN authentication failed: x" },
	{ "Dovecot", "^(?:imap|pop3)-login: (?:Info: )?Log(?:in|ged in): user=<(?<user>[^>]+)>",
	  "-login: ", "imap-login: Logged in: user=<joe>" },
	{ "Exim", "^<= (?<user>\\S+) H=(?:\\S+ )?\\((?<helo>[^)]*)\\) \\[(?<ip>[^]]+)\\]", NULL,
	  "<= a H=(b) [192.0.2.1]" },
	{ "plain", "abcdef", "abcdef", "abcdef" },
	{ "too short", "abc", NULL, "abc" },
	{ "shortest", "abcd", "abcd", "abcd" },
	{ "empty", "", NULL, "" },
	{ "longest", SIXTYFOUR, SIXTYFOUR, SIXTYFOUR },
	{ "cut", SIXTYFOUR "xy\\d", SIXTYFOUR, SIXTYFOUR "xy1" },
	{ "cut, then optional", SIXTYFOUR "xy?z", SIXTYFOUR, SIXTYFOUR "xz" },
	{ "first of equals", "abcd.efgh", "abcd", "abcd-efgh" },
	{ "second is longer", "abcd.efghi", "efghi", "abcd-efghi" },

	{ "optional", "abcdef?", "abcde", "abcde" },
	{ "optional in between", "abcde?fghij", "fghij", "abcdfghij" },
	{ "lazy optional",
	  "abcdef?"
	  "?",
	  "abcde", "abcde" },
	{ "possessive optional", "abcdef?+g", "abcde", "abcdeg" },
	{ "star", "abcdef*", "abcde", "abcde" },
	{ "lazy star", "abcdef*?gh", "abcde", "abcdegh" },
	{ "plus", "abcd+efgh", "abcd", "abcdddefgh" },
	{ "possessive plus", "abcd++efghi", "efghi", "abcddefghi" },
	{ "exact", "abcd{2}efg", "abcd", "abcddefg" },
	{ "exactly none", "abcdx{0}ef", "abcd", "abcdef" },
	{ "many noughts", "abcdx{00,3}ef", "abcd", "abcdef" },
	{ "at least", "abcd{1,}ef", "abcd", "abcddef" },
	{ "range", "abcd{10,20}?ef", "abcd", "abcdddddddddddddef" },
	{ "range from none", "abcdx{0,2}ef", "abcd", "abcdef" },
	{ "no lower bound", "abcdefgh{,3}", NULL, NULL },
	{ "plain brace", "abcdefgh{x", NULL, NULL },
	{ "twice quantified", "abcdefgh{2}{0}", NULL, NULL },

	{ "escaped punctuation", "a\\.\\[\\(\\/\\-\\]b", "a.[(/-]b", "a.[(/-]b" },
	{ "escaped backslash", "a\\\\bcd", "a\\bcd", "a\\bcd" },
	{ "escaped and optional", "abcd\\.?ef", "abcd", "abcdef" },
	{ "digit", "abcd\\defgh", "abcd", "abcd1efgh" },
	{ "word boundary", "abcd\\b efghi\\b", " efghi", "abcd efghi" },
	{ "\\K", "abcd\\Kefghi", "efghi", "abcdefghi" },
	{ "hexadecimal", "abcd\\x5befgh", "abcd", "abcd[efgh" },
	{ "hexadecimal in braces", "abcd\\x{5b}efghi", "efghi", "abcd[efghi" },
	{ "property", "abcd\\p{Lu}efghi\\pL", "efghi", "abcdXefghiY" },
	{ "tab", "abcd\\tefghi", "efghi", "abcd\tefghi" },
	{ "back reference", "(.)abcd\\1", "abcd", "xabcdx" },
	{ "named back reference", "(?<n>.)abcd\\k<n>efghi\\k{n}\\k'n'", "efghi", "xabcdxefghixx" },
	{ "octal", "abcdefgh\\012", NULL, NULL },
	{ "quoted", "abcdefgh\\Qij\\E?", NULL, NULL },
	{ "control", "abcdefgh\\c]", NULL, NULL },
	{ "named character", "abcdefgh\\N{U+20}", NULL, NULL },
	{ "subroutine", "(a)?bcdefgh\\g<1>", NULL, NULL },
	{ "ends in a backslash", "abcdefgh\\", NULL, NULL },
	{ "not ASCII", "abcd\xc3\xa9?efghi", "efghi",
	  "abcd\xc3"
	  "efghi" },

	{ "class", "abcd[xyz]efghi", "efghi", "abcdxefghi" },
	{ "] comes first", "abcd[]xyzw]efghi", "efghi", "abcd]efghi" },
	{ "] comes first, negated", "abcd[^]xyzw]efghi", "efghi", "abcdaefghi" },
	{ "POSIX class", "abcd[[:alpha:]]efghi", "efghi", "abcdxefghi" },
	{ "negated POSIX class", "abcd[x[:^alpha:]y]efghi", "efghi", "abcd1efghi" },
	{ "[ in a class", "abcd[[x]efghi", "efghi", "abcd[efghi" },
	{ "escapes in a class", "abcd[\\]\\\\\\d]efghi", "efghi", "abcd]efghi" },
	{ "optional class", "abcd[ef]?ghijk", "ghijk", "abcdghijk" },
	{ "unclear class", "abcdefgh[[:x]", NULL, NULL },
	{ "quoted in a class", "abcdefgh[\\Q]\\E]", NULL, NULL },
	{ "control in a class", "abcdefgh[\\c]]", NULL, NULL },
	{ "open class", "abcdefgh[xyz", NULL, NULL },

	{ "group", "ab(cd)ef", "abcdef", "abcdef" },
	{ "groups of all kinds", "a(?:b)c(?>d)e(?<n>f)g(?P<o>h)i(?'p'j)k", "abcdefghijk",
	  "abcdefghijk" },
	{ "nested", "ab(c(d(?:e)f)g)h", "abcdefgh", "abcdefgh" },
	{ "optional group", "abcd(?:efghi)?jk", "abcd", "abcdjk" },
	{ "optional in a group", "abcd(?:efghi(?:j)?)klm", "abcdefghi", "abcdefghiklm" },
	{ "starred group", "abcd(efghi)*jk", "abcd", "abcdjk" },
	{ "repeated group", "abcd(?:ef)+ghi", "abcdef", "abcdefefghi" },
	{ "counted group", "abcd(?:ef){2,3}ghi", "abcdef", "abcdefefghi" },
	{ "group matched never", "abcd(?:efghi){0}jk", "abcd", "abcdjk" },
	{ "alternatives in a group", "abcd(?:efghi|jklmno)pqrst", "pqrst", "abcdjklmnopqrst" },
	{ "alternatives deep in", "abcd(x(?:efghi|j)y)pqrst", "ypqrst", "abcdxjypqrst" },
	{ "empty alternative", "abcd(?:efghi|)jk", "abcd", "abcdjk" },
	{ "alternatives", "abcdef|ghijkl", NULL, "ghijkl" },
	{ "lookahead", "abcd(?=efghij).*efg", "abcd", "abcdefghij" },
	{ "negative lookahead", "abcd(?!efghij)klm", "abcd", "abcdklm" },
	{ "lookbehind", "abcd(?<=cd)efghi", "efghi", "abcdefghi" },
	{ "negative lookbehind", "abcd(?<!efghijk)lm", "abcd", "abcdlm" },
	{ "comment", "abcd(?#efghijk)lm", "abcd", "abcdlm" },
	{ "comment before a quantifier", "abcdef(?#x)?", NULL, NULL },
	{ "named reference", "(?P<n>.)abcd(?P=n)?", "abcd", "xabcd" },
	{ "condition", "(x)?abcd(?(1)efghij|klmnop)qrstu", "qrstu", "abcdklmnopqrstu" },
	{ "condition that looks ahead", "abcd(?(?=efghi)efghij|k)qrstu", "qrstu", "abcdkqrstu" },
	{ "harmless flags", "(?s)abcd(?m:efg)", "abcdefg", "abcdefg" },
	{ "no case", "(?i)abcdef", NULL, "ABCDEF" },
	{ "no case, later", "abcdef(?i:ghi)", NULL, "abcdefGHI" },
	{ "among other flags", "abcd(?si)efghi", NULL, "abcdEFGHI" },
	{ "extended", "(?x)abcd efgh", NULL, "abcdefgh" },
	{ "flags off", "(?-s)abcdef", NULL, NULL },
	{ "verb", "(*UTF)abcdef", NULL, NULL },
	{ "early acceptance", "ab(*ACCEPT)cdefgh", NULL, "ab" },
	{ "branch reset", "(?|abcdef)", NULL, NULL },
	{ "recursion", "abcdef(?R)?", NULL, NULL },
	{ "call by name", "(?<n>x)?abcdef(?&n)", NULL, NULL },
	{ "non-atomic lookbehind", "(?<*abcdef>)", NULL, NULL },
	{ "group too many closed", "abcdef)", NULL, NULL },
	{ "group left open", "abcd(ef", NULL, NULL },
	{ "opening left open", "abcdef(?", NULL, NULL },
	{ "name left open", "abcdef(?<na", NULL, NULL },
	{ "comment left open", "abcdef(?#", NULL, NULL },
	{ "too deep", "((((((((((((((((((((((((((((((((((abcdef))))))))))))))))))))))))))))))))))",
	  NULL, "abcdef" },
};

static void check_subject(const struct row *row)
{
	PCRE2_SIZE at;
	int code;
	pcre2_code *re =
		pcre2_compile((PCRE2_SPTR)row->regex, PCRE2_ZERO_TERMINATED, 0, &code, &at, NULL);
	pcre2_match_data *data;

	assert_non_null(re);
	data = pcre2_match_data_create_from_pattern(re, NULL);
	assert_true(pcre2_match(re, (PCRE2_SPTR)row->subject, strlen(row->subject), 0, 0, data,
				NULL) > 0);
	if (row->want)
		assert_non_null(strstr(row->subject, row->want));
	pcre2_match_data_free(data);
	pcre2_code_free(re);
}

static void check(void **state)
{
	const struct row *row = *state;
	char text[LITERAL_LONGEST + 1];
	size_t len = literal_required(row->regex, text);

	assert_int_equal(len, row->want ? strlen(row->want) : 0);
	if (row->want)
		assert_string_equal(text, row->want);
	if (row->subject)
		check_subject(row);
}

RUN_ROWS(rows, check)
