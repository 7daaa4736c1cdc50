/*
 * test_base - text from outside, moments, addresses, prefixes, memory
 */
#include "core/base/address.h"
#include "core/base/err.h"
#include "core/base/hash.h"
#include "core/base/instant.h"
#include "core/base/prefixset.h"
#include "core/base/slice.h"
#include "tests/rows.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#define TEXT(literal)                        \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

static const struct number {
	const char *name;
	struct slice text;
	bool ok;
	long long want;
} numbers[] = {
	{ "number: 0", TEXT("0"), true, 0 },
	{ "number: zeros in front", TEXT("000017"), true, 17 },
	{ "number: 18 digits", TEXT("999999999999999999"), true, 999999999999999999 },
	{ "number: 19 digits", TEXT("1000000000000000000"), false, 0 },
	{ "number: empty", TEXT(""), false, 0 },
	{ "number: absent", { NULL, 0 }, false, 0 },
	{ "number: sign", TEXT("-1"), false, 0 },
	{ "number: blank", TEXT(" 1"), false, 0 },
	{ "number: NUL behind", TEXT("1\0"), false, 0 },
	{ "number: hexadecimal", TEXT("0x10"), false, 0 },
};

static void reads_number(void **state)
{
	const struct number *row = *state;
	long long value = -7;

	assert_int_equal(slice_number(row->text, &value), row->ok);
	assert_int_equal(value, row->ok ? row->want : -7);
}

static const struct text {
	const char *name;
	struct slice in;
	const char *printable;
	struct slice utf8;
} texts[] = {
	{ "text: empty", TEXT(""), "", TEXT("") },
	{ "text: plain", TEXT("joe \\x41 \"<b>"), "joe \\x41 \"<b>", TEXT("joe \\x41 \"<b>") },
	{ "text: UTF-8 of 2, 3 and 4 bytes", TEXT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
	  "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", TEXT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80") },
	{ "text: first and last of each length",
	  TEXT("\xc2\xa0\xdf\xbf\xe0\xa0\x80\xef\xbf\xbd\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"),
	  "\xc2\xa0\xdf\xbf\xe0\xa0\x80\xef\xbf\xbd\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
	  TEXT("\xc2\xa0\xdf\xbf\xe0\xa0\x80\xef\xbf\xbd\xf0\x90\x80\x80\xf4\x8f\xbf\xbf") },
	{ "text: control characters", TEXT("a\0\n\t\033[1m\x7f"), "a\\x00\\x0a\\x09\\x1b[1m\\x7f",
	  TEXT("a\0\n\t\033[1m\x7f") },
	{ "text: C1, a CSI in UTF-8", TEXT("\xc2\x9b"), "\\xc2\\x9b", TEXT("\xc2\x9b") },
	{ "text: overlong of 2", TEXT("\xc0\xaf\xc1\xbf"), "\\xc0\\xaf\\xc1\\xbf",
	  TEXT("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") },
	{ "text: overlong of 3", TEXT("\xe0\x9f\xbf"), "\\xe0\\x9f\\xbf",
	  TEXT("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") },
	{ "text: overlong of 4", TEXT("\xf0\x8f\xbf\xbf"), "\\xf0\\x8f\\xbf\\xbf",
	  TEXT("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") },
	{ "text: surrogate", TEXT("\xed\xa0\x80"), "\\xed\\xa0\\x80",
	  TEXT("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") },
	{ "text: the ones beside surrogates", TEXT("\xed\x9f\xbf\xee\x80\x80"),
	  "\xed\x9f\xbf\xee\x80\x80", TEXT("\xed\x9f\xbf\xee\x80\x80") },
	{ "text: beyond U+10FFFF", TEXT("\xf4\x90\x80\x80\xf5"), "\\xf4\\x90\\x80\\x80\\xf5",
	  TEXT("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") },
	{ "text: lone continuation", TEXT("\x80x"), "\\x80x", TEXT("\xef\xbf\xbdx") },
	{ "text: cut off", TEXT("x\xf0\x9f\x98"), "x\\xf0\\x9f\\x98",
	  TEXT("x\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") },
	{ "text: cut off by a letter", TEXT("\xc3(\xc3\xa9"), "\\xc3(\xc3\xa9",
	  TEXT("\xef\xbf\xbd(\xc3\xa9") },
	{ "text: turned right to left", TEXT("a\xe2\x80\xaegro.b\xe2\x81\xa6"),
	  "a\\xe2\\x80\\xaegro.b\\xe2\\x81\\xa6", TEXT("a\xe2\x80\xaegro.b\xe2\x81\xa6") },
	{ "text: no width and byte order mark", TEXT("\xe2\x80\x8b\xef\xbb\xbf"),
	  "\\xe2\\x80\\x8b\\xef\\xbb\\xbf", TEXT("\xe2\x80\x8b\xef\xbb\xbf") },
};

static void shows_text(void **state)
{
	const struct text *row = *state;
	char *copy = xstrndup(row->in.ptr, row->in.len); /* so that ASan sees what is beyond */
	struct slice in = { copy, row->in.len };
	char *printable = text_printable(in);
	size_t len;
	char *utf8 = text_utf8(in, &len);

	assert_string_equal(printable, row->printable);
	assert_int_equal(len, row->utf8.len);
	assert_memory_equal(utf8, row->utf8.ptr, len);
	free(printable);
	free(utf8);
	free(copy);
}

static void compares_slices(void **state)
{
	struct slice none = { NULL, 0 };

	(void)state;
	assert_true(slice_is(slice_of("abc"), "abc"));
	assert_false(slice_is(slice_of("abc"), "abcd"));
	assert_false(slice_is(slice_of("abcd"), "abc"));
	assert_true(slice_is(slice_of(""), ""));
	assert_false(slice_is(none, ""));
	assert_true(slice_starts(slice_of("abc"), "ab"));
	assert_true(slice_starts(slice_of("abc"), ""));
	assert_false(slice_starts(slice_of("a"), "ab"));
	assert_false(slice_starts(none, ""));
}

static const struct span {
	const char *name;
	const char *text;
	int64_t want; /* seconds; -1: refused */
	const char *back;
} spans[] = {
	{ "span: seconds", "90", 90, "90s" },
	{ "span: nothing", "0", 0, "0s" },
	{ "span: minutes", "10m", 600, "10m" },
	{ "span: two units", "1d12h", 129600, "36h" },
	{ "span: two units and blanks", "1 week 2 days", 777600, "9d" },
	{ "span: names in full, any case", "2 HOURS 3 Minutes", 7380, "123m" },
	{ "span: a month and a year", "1mo1y", 34187400, "569790m" },
	{ "span: weeks", "604800", 604800, "1w" },
	{ "span: empty", "", -1, NULL },
	{ "span: blank", " ", -1, NULL },
	{ "span: only a unit", "m", -1, NULL },
	{ "span: unknown unit", "10x", -1, NULL },
	{ "span: negative", "-10m", -1, NULL },
	{ "span: a point", "1.5h", -1, NULL },
	{ "span: far too long", "1000000001", -1, NULL },
	{ "span: a thousand years", "1000y", 31557600000, NULL },
	{ "span: and a second", "1000y1s", -1, NULL },
	{ "span: the longest number", "1000000000y", -1, NULL },
};

static void reads_span(void **state)
{
	const struct span *row = *state;
	char buf[INSTANT_TEXT];
	int64_t seconds = -1, again;
	struct err err;

	assert_int_equal(span_parse(&seconds, row->text, &err), row->want < 0 ? -1 : 0);
	assert_int_equal(seconds, row->want);
	if (row->want < 0)
		assert_non_null(strstr(err.text, "expected a time like"));
	if (!row->back)
		return;
	assert_string_equal(span_text(seconds, buf), row->back);
	assert_int_equal(span_parse(&again, buf, &err), 0);
	assert_int_equal(again, seconds);
}

#define NOW 1795215395000 /* 2026-11-20T22:56:35Z */

/* More than fits into 64 bits, of numbers that each are small enough. */
static void sums_no_endless_span(void **state)
{
	enum { TIMES = 400 };
	static const char one[] = "999999999y";
	char *text = xcalloc(TIMES * (sizeof(one) - 1) + 1, 1);
	int64_t seconds = -1;
	struct err err;

	(void)state;
	for (size_t i = 0; i < TIMES; i++)
		memcpy(text + i * (sizeof(one) - 1), one, sizeof(one) - 1);
	assert_int_equal(span_parse(&seconds, text, &err), -1);
	assert_int_equal(seconds, -1);
	free(text);
}

static const struct moment {
	const char *name;
	const char *text;
	int64_t want; /* ms; -1: refused */
} moments[] = {
	{ "moment: RFC 3339", "2026-11-20T22:56:35Z", NOW },
	{ "moment: offset", "2026-11-20T23:56:35+01:00", NOW },
	{ "moment: offset west, no colon", "2026-11-20T18:26:35-0430", NOW },
	{ "moment: local, winter", "2026-11-20 23:56:35", NOW },
	{ "moment: local, summer", "2026-07-01 12:00", 1782900000000 },
	{ "moment: local day", "2026-11-20", 1795129200000 },
	{ "moment: minutes with zone", "2026-11-20T22:56Z", NOW - 35000 },
	{ "moment: leap day", "2028-02-29T00:00:00Z", 1835395200000 },
	{ "moment: fraction", "2026-11-20T22:56:35.0079Z", NOW + 7 },
	{ "moment: long fraction", "2026-11-20T22:56:35.12345678901234567890123456789Z",
	  NOW + 123 },
	{ "moment: hours ago", "2h", NOW - 7200000 },
	{ "moment: seconds ago", "90", NOW - 90000 },
	{ "moment: words", "yesterday", -1 },
	{ "moment: empty", "", -1 },
	{ "moment: month 13", "2026-13-01", -1 },
	{ "moment: 30 February", "2026-02-30", -1 },
	{ "moment: no leap year", "2027-02-29 12:00", -1 },
	{ "moment: garbage behind", "2026-11-20T22:56:35Zx", -1 },
	{ "moment: bad offset", "2026-11-20T22:56:35+1", -1 },
	{ "moment: garbage zone", "2026-11-20T22:56:35x01:00", -1 },
};

static void reads_moment(void **state)
{
	const struct moment *row = *state;
	struct instant at = { -1 };
	struct err err;

	assert_int_equal(instant_parse(&at, row->text, (struct instant){ NOW }, &err),
			 row->want < 0 ? -1 : 0);
	assert_int_equal(at.ms, row->want);
	if (row->want < 0)
		assert_non_null(strstr(err.text, "expected a time like \"2026"));
}

static const struct written {
	const char *name;
	int64_t ms;
	const char *want;
} written[] = {
	{ "written: whole second", NOW, "2026-11-20T22:56:35Z" },
	{ "written: milliseconds", NOW + 7, "2026-11-20T22:56:35.007Z" },
	{ "written: 1970", 0, "1970-01-01T00:00:00Z" },
	{ "written: a millisecond before", -1, "1969-12-31T23:59:59.999Z" },
	{ "written: leap day", 951782400000, "2000-02-29T00:00:00Z" },
	{ "written: the year 9999", 253402300799999, "9999-12-31T23:59:59.999Z" },
	{ "written: the last", INT64_MAX, "292278994-08-17T07:12:55.807Z" },
	{ "written: before our era", -62167219200001, "-1-12-31T23:59:59.999Z" },
};

static void writes_moment(void **state)
{
	const struct written *row = *state;
	char buf[INSTANT_TEXT];

	assert_string_equal(instant_rfc3339((struct instant){ row->ms }, buf), row->want);
}

static void writes_local(void **state)
{
	char buf[INSTANT_TEXT];

	(void)state;
	assert_string_equal(instant_local((struct instant){ NOW }, buf), "2026-11-20 23:56:35");
	assert_string_equal(instant_local((struct instant){ 1782900000000 }, buf),
			    "2026-07-01 12:00:00");
}

static void counts_days(void **state)
{
	time_t day;
	struct tm tm;

	(void)state;
	assert_int_equal(days_from_civil(1970, 1, 1), 0);
	assert_int_equal(days_from_civil(1969, 12, 31), -1);
	assert_int_equal(days_from_civil(0, 3, 1), -719468);
	/* Every 17th day of 800 years, as the C library has it. */
	for (int64_t n = -146097; n < 146097; n += 17) {
		day = (time_t)n * 86400;
		assert_non_null(gmtime_r(&day, &tm));
		assert_int_equal(days_from_civil(tm.tm_year + 1900, (unsigned int)tm.tm_mon + 1,
						 (unsigned int)tm.tm_mday),
				 n);
	}
}

static const struct addr {
	const char *name;
	struct slice text;
	const char *want; /* NULL: refused */
	const char *host;
} addresses[] = {
	{ "address: v4", TEXT("192.0.2.10"), "192.0.2.10", "192.0.2.10" },
	{ "address: v4, the ends", TEXT("255.255.255.255"), "255.255.255.255", "255.255.255.255" },
	{ "address: v4 in brackets", TEXT("[192.0.2.10]"), "192.0.2.10", "192.0.2.10" },
	{ "address: v4 mapped", TEXT("::ffff:192.0.2.10"), "192.0.2.10", "192.0.2.10" },
	{ "address: v4 mapped, in hex", TEXT("::FFFF:c000:20a"), "192.0.2.10", "192.0.2.10" },
	{ "address: v6", TEXT("2001:db8::1"), "2001:db8::1", "2001:db8::/64" },
	{ "address: v6 in full", TEXT("2001:0db8:0001:0002:0003:0004:0005:0006"),
	  "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
	{ "address: sendmail's", TEXT("[IPv6:2001:db8:0:0:0:0:0:1]"), "2001:db8::1",
	  "2001:db8::/64" },
	{ "address: sendmail's, no brackets", TEXT("ipv6:2001:db8::1"), "2001:db8::1",
	  "2001:db8::/64" },
	{ "address: IPv6: before v4 mapped", TEXT("IPv6:::ffff:192.0.2.1"), "192.0.2.1",
	  "192.0.2.1" },
	{ "address: zone", TEXT("fe80::1%eth0"), "fe80::1", "fe80::/64" },
	{ "address: zone in brackets", TEXT("[fe80::1%2]"), "fe80::1", "fe80::/64" },
	{ "address: loopback", TEXT("::1"), "::1", "::/64" },
	{ "address: absent", { NULL, 0 }, NULL, NULL },
	{ "address: empty", TEXT(""), NULL, NULL },
	{ "address: empty brackets", TEXT("[]"), NULL, NULL },
	{ "address: one bracket", TEXT("[192.0.2.10"), NULL, NULL },
	{ "address: unknown", TEXT("unknown"), NULL, NULL },
	{ "address: three numbers", TEXT("192.0.2"), NULL, NULL },
	{ "address: five numbers", TEXT("192.0.2.1.1"), NULL, NULL },
	{ "address: point at the end", TEXT("192.0.2.1."), NULL, NULL },
	{ "address: 256", TEXT("192.0.2.256"), NULL, NULL },
	{ "address: four digits", TEXT("192.0.2.0001"), NULL, NULL },
	{ "address: port behind", TEXT("192.0.2.1:25"), NULL, NULL },
	{ "address: blank behind", TEXT("192.0.2.1 "), NULL, NULL },
	{ "address: NUL inside", TEXT("2001:db8::1\0::"), NULL, NULL },
	{ "address: NUL in v4", TEXT("192.0.2.1\0"), NULL, NULL },
	{ "address: a prefix", TEXT("192.0.2.0/24"), NULL, NULL },
	{ "address: only colons", TEXT(":::"), NULL, NULL },
	{ "address: only IPv6:", TEXT("IPv6:"), NULL, NULL },
	{ "address: far too long",
	  TEXT("2001:0db8:0000:0000:0000:0000:0000:0001:0000:0000:0000:0000:0000:0000"), NULL,
	  NULL },
};

static void reads_address(void **state)
{
	const struct addr *row = *state;
	char *copy = row->text.ptr ? xstrndup(row->text.ptr, row->text.len) : NULL;
	struct address a;
	struct prefix host;
	char buf[ADDRESS_TEXT];

	assert_int_equal(address_parse(&a, (struct slice){ copy, row->text.len }),
			 row->want != NULL);
	free(copy);
	if (!row->want)
		return;
	assert_string_equal(address_text(&a, buf), row->want);
	host = address_host(&a);
	assert_string_equal(prefix_text(&host, buf), row->host);
	assert_true(prefix_holds(&host, &a));
}

static const struct pre {
	const char *name;
	const char *text;
	const char *want; /* NULL: refused */
	const char *in, *out;
} prefixes[] = {
	{ "prefix: v4", "192.0.2.0/24", "192.0.2.0/24", "192.0.2.255", "192.0.3.0" },
	{ "prefix: v4 odd bits", "192.0.2.64/26", "192.0.2.64/26", "192.0.2.127", "192.0.2.128" },
	{ "prefix: v4 host", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.0" },
	{ "prefix: v4 /32", "192.0.2.1/32", "192.0.2.1", "192.0.2.1", "192.0.2.3" },
	{ "prefix: all of v4", "0.0.0.0/0", "0.0.0.0/0", "255.1.2.3", "2001:db8::1" },
	{ "prefix: v6", "2001:db8::/32", "2001:db8::/32", "2001:db8:ffff::1", "2001:db9::" },
	{ "prefix: v6 odd bits", "2001:db8:8000::/33", "2001:db8:8000::/33",
	  "2001:db8:ffff::", "2001:db8:7fff::" },
	{ "prefix: all of v6, and so of v4", "::/0", "::/0", "192.0.2.1", NULL },
	{ "prefix: v4 written as v6", "::ffff:192.0.2.0/120", "192.0.2.0/24", "192.0.2.7",
	  "192.0.3.7" },
	{ "prefix: bits behind the mask", "192.0.2.1/24", NULL, NULL, NULL },
	{ "prefix: one bit behind the mask", "192.0.2.128/24", NULL, NULL, NULL },
	{ "prefix: v6 bits behind the mask", "2001:db8::1/64", NULL, NULL, NULL },
	{ "prefix: 33", "192.0.2.0/33", NULL, NULL, NULL },
	{ "prefix: 129", "2001:db8::/129", NULL, NULL, NULL },
	{ "prefix: no bits", "192.0.2.0/", NULL, NULL, NULL },
	{ "prefix: negative", "192.0.2.0/-1", NULL, NULL, NULL },
	{ "prefix: netmask", "192.0.2.0/255.255.255.0", NULL, NULL, NULL },
	{ "prefix: two slashes", "192.0.2.0/24/24", NULL, NULL, NULL },
	{ "prefix: no address", "/24", NULL, NULL, NULL },
	{ "prefix: name", "example.org", NULL, NULL, NULL },
	{ "prefix: empty", "", NULL, NULL, NULL },
};

static struct address address(const char *text)
{
	struct address a;

	assert_true(address_parse(&a, slice_of(text)));
	return a;
}

static void reads_prefix(void **state)
{
	const struct pre *row = *state;
	struct address in, out;
	char buf[ADDRESS_TEXT];
	struct prefix p;

	assert_int_equal(prefix_parse(&p, slice_of(row->text)), row->want != NULL);
	if (!row->want)
		return;
	assert_string_equal(prefix_text(&p, buf), row->want);
	in = address(row->in);
	assert_true(prefix_holds(&p, &in));
	if (!row->out)
		return;
	out = address(row->out);
	assert_false(prefix_holds(&p, &out));
}

/* Prefixes in one set: addresses in it, and beside it. */
static const struct set {
	const char *name;
	const char *prefix[5], *in[5], *out[5];
	size_t ranges;
} sets[] = {
	{ "set: empty", { NULL }, { NULL }, { "192.0.2.1", "::" }, 0 },
	{ "set: one address", { "192.0.2.1" }, { "192.0.2.1" }, { "192.0.2.0", "192.0.2.2" }, 1 },
	{ "set: nested",
	  { "192.0.2.128/25", "192.0.0.0/16", "192.0.2.0/24", "192.0.0.0/16" },
	  { "192.0.0.0", "192.0.2.200", "192.0.3.1", "192.0.255.255" },
	  { "191.255.255.255", "192.1.0.0" },
	  1 },
	{ "set: adjacent",
	  { "192.0.2.128/25", "192.0.2.0/25" },
	  { "192.0.2.0", "192.0.2.127", "192.0.2.128", "192.0.2.255" },
	  { "192.0.1.255", "192.0.3.0" },
	  2 },
	{ "set: both families",
	  { "2001:db8::/32", "10.0.0.0/8", "fe80::/10", "198.51.100.7" },
	  { "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "10.255.255.255", "febf::1",
	    "198.51.100.7" },
	  { "2001:db9::", "2001:db7:ffff::", "11.0.0.0", "fec0::", "198.51.100.8" },
	  4 },
	{ "set: everything",
	  { "::/0", "10.0.0.0/8" },
	  { "::", "10.1.2.3", "ffff::1" },
	  { NULL },
	  1 },
};

static void holds_prefixes(void **state)
{
	const struct set *row = *state;
	struct prefixset set = { 0 };
	struct address a;
	struct prefix p;

	for (size_t i = 0; i < COUNT(row->prefix) && row->prefix[i]; i++) {
		assert_true(prefix_parse(&p, slice_of(row->prefix[i])));
		prefixset_add(&set, &p);
	}
	prefixset_seal(&set);
	assert_int_equal(set.n, row->ranges);
	for (size_t i = 0; i < COUNT(row->in) && row->in[i]; i++) {
		a = address(row->in[i]);
		assert_true(prefixset_holds(&set, &a));
	}
	for (size_t i = 0; i < COUNT(row->out) && row->out[i]; i++) {
		a = address(row->out[i]);
		assert_false(prefixset_holds(&set, &a));
	}
	prefixset_fini(&set);
	assert_int_equal(set.n, 0);
}

static void says_why(void **state)
{
	char long_text[2000];
	struct err err;

	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	assert_int_equal(err_set(&err, ENOENT, "%s:%d: %s", "a", 7, "b\033c\x7f\td"), -1);
	assert_int_equal(err.code, ENOENT);
	assert_string_equal(err.text, "a:7: b?c?\td");
	assert_int_equal(err_set(&err, EINVAL, "%s", long_text), -1);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static void gives_memory(void **state)
{
	struct arena *a = arena_new();
	size_t cap = 0, sizes[] = { 0, 1, 15, 16, 17, 5000, 16384, 16385, 100000 };
	char *text, *kept = arena_strdup(a, "kept"), *array = NULL;

	(void)state;
	for (size_t round = 0; round < 20; round++) {
		for (size_t i = 0; i < COUNT(sizes); i++) {
			char *p = arena_alloc(a, sizes[i]);

			assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
			for (size_t k = 0; k < sizes[i]; k++)
				assert_int_equal(p[k], 0);
			if (sizes[i])
				memset(p, 0xff, sizes[i]);
		}
	}
	assert_string_equal(kept, "kept");
	assert_string_equal(arena_strndup(a, "abc", 2), "ab");
	assert_true(arena_bytes(a) >= 20 * 137818);
	assert_true(arena_bytes(a) < 20 * 2 * 137818);
	arena_free(a);
	arena_free(NULL);
	for (size_t i = 0; i < 1000; i++) {
		array = array_grow(array, i, &cap, 1);
		assert_true(cap > i && cap <= 1024);
		array[i] = (char)i;
	}
	assert_int_equal(array[999], (char)999);
	free(array);
	text = xasprintf("%s-%d", "a", 1);
	assert_string_equal(text, "a-1");
	free(text);
	text = xstrndup("a\0b", 3);
	assert_memory_equal(text, "a\0b", 4);
	free(text);
	free(xcalloc(0, 0));
}

static void hashes_keys(void **state)
{
	(void)state;
	assert_true(hash_bytes("abc", 3) == hash_bytes("abcd", 3));
	assert_true(hash_bytes("abc", 3) != hash_bytes("abd", 3));
	assert_true(hash_bytes("", 0) != hash_bytes("\0", 1));
	assert_true(hash_pair(1, 2) == hash_pair(1, 2));
	assert_true(hash_pair(1, 2) != hash_pair(2, 1));
}

int main(void)
{
	struct CMUnitTest tests[COUNT(numbers) + COUNT(texts) + COUNT(spans) + COUNT(moments) +
				COUNT(written) + COUNT(addresses) + COUNT(prefixes) + COUNT(sets) +
				7] = {
		cmocka_unit_test(compares_slices),      cmocka_unit_test(writes_local),
		cmocka_unit_test(counts_days),          cmocka_unit_test(says_why),
		cmocka_unit_test(gives_memory),         cmocka_unit_test(hashes_keys),
		cmocka_unit_test(sums_no_endless_span),
	};
	size_t n = 7;

	/* A zone with summer time that no zone database is needed for: Central Europe's. */
	assert(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1) == 0);
	tzset();
	ADD_ROWS(tests, n, numbers, reads_number);
	ADD_ROWS(tests, n, texts, shows_text);
	ADD_ROWS(tests, n, spans, reads_span);
	ADD_ROWS(tests, n, moments, reads_moment);
	ADD_ROWS(tests, n, written, writes_moment);
	ADD_ROWS(tests, n, addresses, reads_address);
	ADD_ROWS(tests, n, prefixes, reads_prefix);
	ADD_ROWS(tests, n, sets, holds_prefixes);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
