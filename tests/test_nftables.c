/*
 * test_nftables.c - what goes into the kernel's sets and out of them, against a kernel of our own
 *
 * tests/fake_nf_tables.h reads the very messages that the kernel would. What the real one makes
 * of them is tests/e2e/nftables.sh.
 */
#include "tests/nftables_scene.h"

static struct postern_item new_item(const struct postern_address *a, size_t n, int64_t left_s)
{
	return (struct postern_item){ .id = 1,
				      .jail = "j",
				      .level = "act",
				      .reason = "",
				      .json = "{}",
				      .address = a,
				      .n_addresses = n,
				      .until_s = left_s ? now_s + left_s : 0 };
}

/* -- one item against what is there ------------------------------------------------------------ */

static const struct row {
	const char *name;
	const char *before[5];
	bool lift;
	const char *address[6];
	int64_t left_s;
	enum postern_result result;
	const char *text; /* a part of it; "" none */
	const char *after;
} rows[] = {
	{ "an address", { 0 }, false, { "192.0.2.1" }, 60, POSTERN_DONE, "", "192.0.2.1 1 60" },
	{ "for good", { 0 }, false, { "192.0.2.1" }, 0, POSTERN_DONE, "", "192.0.2.1 1 0" },
	{ "for longer than time lasts",
	  { 0 },
	  false,
	  { "192.0.2.1" },
	  INT64_MAX / 2,
	  POSTERN_DONE,
	  "",
	  "192.0.2.1 1 0" },
	{ "over already", { 0 }, false, { "192.0.2.1" }, -5, POSTERN_DONE, "over", "" },
	{ "IPv6 counts as its /64",
	  { 0 },
	  false,
	  { "2001:db8:1:2:3::4" },
	  9,
	  POSTERN_DONE,
	  "",
	  "2001:db8:1:2:: 1 9" },
	{ "a /64 and an address in it",
	  { 0 },
	  false,
	  { "2001:db8::/64", "2001:db8::1" },
	  9,
	  POSTERN_DONE,
	  "",
	  "2001:db8:: 1 9" },
	{ "a /96 is a prefix",
	  { 0 },
	  false,
	  { "2001:db8::/96" },
	  9,
	  POSTERN_DONE,
	  "",
	  "2001:db8::/96 1 9" },
	{ "to the highest address",
	  { 0 },
	  false,
	  { "255.255.0.0/16", "ffff::/16" },
	  9,
	  POSTERN_DONE,
	  "",
	  "255.255.0.0/16 1 9; ffff::/16 1 9" },
	{ "from the lowest address",
	  { 0 },
	  false,
	  { "0.0.0.0/8", "::/32" },
	  9,
	  POSTERN_DONE,
	  "",
	  "0.0.0.0/8 1 9; ::/32 1 9" },
	{ "all addresses",
	  { 0 },
	  false,
	  { "0.0.0.0/0", "192.0.2.1" },
	  9,
	  POSTERN_FAILED,
	  "all of them",
	  "192.0.2.1 1 9" },
	{ "all IPv6 addresses", { 0 }, false, { "::/0" }, 9, POSTERN_FAILED, "all of them", "" },
	{ "twice in one",
	  { 0 },
	  false,
	  { "192.0.2.1", "192.0.2.1", "192.0.2.2" },
	  60,
	  POSTERN_DONE,
	  "",
	  "192.0.2.1 1 60; 192.0.2.2 1 60" },
	{ "again",
	  { "192.0.2.1 1 60" },
	  false,
	  { "192.0.2.1" },
	  60,
	  POSTERN_DONE,
	  "",
	  "192.0.2.1 1 60" },
	{ "again and longer",
	  { "192.0.2.1 1 60" },
	  false,
	  { "192.0.2.1", "192.0.2.2" },
	  600,
	  POSTERN_DONE,
	  "",
	  "192.0.2.1 1 600; 192.0.2.2 1 600" },
	{ "again and for good",
	  { "192.0.2.1 1 60" },
	  false,
	  { "192.0.2.1" },
	  0,
	  POSTERN_DONE,
	  "",
	  "192.0.2.1 1 0" },
	{ "again and shorter",
	  { "192.0.2.1 1 600" },
	  false,
	  { "192.0.2.1" },
	  60,
	  POSTERN_DONE,
	  "",
	  "192.0.2.1 1 600" },
	{ "for good already",
	  { "192.0.2.1 1 0" },
	  false,
	  { "192.0.2.1" },
	  60,
	  POSTERN_DONE,
	  "",
	  "192.0.2.1 1 0" },
	{ "another action's, longer",
	  { "192.0.2.1 2 600" },
	  false,
	  { "192.0.2.1" },
	  60,
	  POSTERN_DONE,
	  "",
	  "192.0.2.1 2 600" },
	{ "another action's, shorter",
	  { "192.0.2.1 2 60" },
	  false,
	  { "192.0.2.1" },
	  600,
	  POSTERN_DONE,
	  "",
	  "192.0.2.1 1 600" },
	{ "somebody else's",
	  { "192.0.2.1 3 60" },
	  false,
	  { "192.0.2.1", "192.0.2.2" },
	  600,
	  POSTERN_DONE,
	  "not by postern",
	  "192.0.2.1 3 60; 192.0.2.2 1 600" },
	{ "a prefix again",
	  { "192.0.2.0/24 1 60" },
	  false,
	  { "192.0.2.0/24" },
	  60,
	  POSTERN_DONE,
	  "",
	  "192.0.2.0/24 1 60" },
	{ "a prefix again and longer",
	  { "192.0.2.0/24 1 60" },
	  false,
	  { "192.0.2.0/24" },
	  90,
	  POSTERN_DONE,
	  "",
	  "192.0.2.0/24 1 90" },
	{ "an address in a prefix",
	  { "192.0.2.0/24 1 60" },
	  false,
	  { "192.0.2.1" },
	  60,
	  POSTERN_DONE,
	  "",
	  "192.0.2.0/24 1 60; 192.0.2.1 1 60" },
	{ "a prefix in a prefix",
	  { "192.0.2.0/24 1 60" },
	  false,
	  { "192.0.2.0/28" },
	  60,
	  POSTERN_DONE,
	  "part of 192.0.2.0/24",
	  "192.0.2.0/24 1 60" },
	{ "a prefix around prefixes",
	  { "192.0.2.0/28 1 60", "192.0.2.64/26 2 60", "192.0.3.0/24 1 60" },
	  false,
	  { "192.0.2.0/24" },
	  60,
	  POSTERN_DONE,
	  "",
	  "192.0.2.0/24 1 60; 192.0.3.0/24 1 60" },
	{ "a prefix around somebody's",
	  { "192.0.2.0/28 3 60" },
	  false,
	  { "192.0.2.0/24", "198.51.100.0/24" },
	  60,
	  POSTERN_FAILED,
	  "overlaps with 192.0.2.0/28",
	  "192.0.2.0/28 3 60; 198.51.100.0/24 1 60" },
	{ "nothing makes way in vain",
	  { "10.0.0.0/24 1 60", "11.0.0.0/24 1 60", "12.0.0.0/24 3 60", "13.0.0.0/24 1 60" },
	  false,
	  { "10.0.0.0/8", "14.0.0.0/24", "15.0.0.0/24" },
	  60,
	  POSTERN_RETRY,
	  "prefixes4 is full",
	  "10.0.0.0/8 1 60; 11.0.0.0/24 1 60; 12.0.0.0/24 3 60; 13.0.0.0/24 1 60" },
	{ "nested in one call",
	  { 0 },
	  false,
	  { "192.0.2.0/28", "192.0.2.0/24", "192.0.2.128/25" },
	  60,
	  POSTERN_DONE,
	  "",
	  "192.0.2.0/24 1 60" },
	{ "neighbours",
	  { "192.0.2.0/25 1 60" },
	  false,
	  { "192.0.2.128/25", "192.0.3.0/25" },
	  60,
	  POSTERN_DONE,
	  "",
	  "192.0.2.0/25 1 60; 192.0.2.128/25 1 60; 192.0.3.0/25 1 60" },
	{ "more prefixes than fit",
	  { 0 },
	  false,
	  { "10.0.0.0/24", "10.1.0.0/24", "10.2.0.0/24", "10.3.0.0/24", "10.4.0.0/24" },
	  60,
	  POSTERN_RETRY,
	  "prefixes4 is full",
	  "10.0.0.0/24 1 60; 10.1.0.0/24 1 60; 10.2.0.0/24 1 60; 10.3.0.0/24 1 60" },

	{ "lifted",
	  { "192.0.2.1 1 60", "192.0.2.2 1 60" },
	  true,
	  { "192.0.2.1" },
	  60,
	  POSTERN_DONE,
	  "",
	  "192.0.2.2 1 60" },
	{ "all kinds lifted",
	  { "192.0.2.1 1 60", "2001:db8:: 1 60", "10.0.0.0/8 1 60", "2001:db8:1::/48 1 0" },
	  true,
	  { "192.0.2.1", "2001:db8::1", "10.0.0.0/8", "2001:db8:1::/48", "192.0.2.1" },
	  60,
	  POSTERN_DONE,
	  "",
	  "" },
	{ "gone already",
	  { "192.0.2.2 1 60" },
	  true,
	  { "192.0.2.1", "10.0.0.0/8", "192.0.2.2" },
	  60,
	  POSTERN_DONE,
	  "",
	  "" },
	{ "somebody else's stays",
	  { "192.0.2.1 3 60", "10.0.0.0/8 3 60" },
	  true,
	  { "192.0.2.1", "10.0.0.0/8" },
	  60,
	  POSTERN_DONE,
	  "not postern",
	  "10.0.0.0/8 3 60; 192.0.2.1 3 60" },
	{ "another action's stays",
	  { "192.0.2.1 2 60" },
	  true,
	  { "192.0.2.1" },
	  60,
	  POSTERN_DONE,
	  "for another action",
	  "192.0.2.1 2 60" },
	{ "a prefix in a wider one",
	  { "10.0.0.0/8 1 60" },
	  true,
	  { "10.0.0.0/16" },
	  60,
	  POSTERN_DONE,
	  "",
	  "10.0.0.0/8 1 60" },
};

static void changes(void **state)
{
	const struct row *row = *state;
	struct nftables n = defaults();
	struct postern_address a[COUNT(row->address)];
	struct postern_item it;
	size_t n_addresses = 0;

	begin();
	open_it(&n);
	for (size_t i = 0; i < COUNT(row->before) && row->before[i]; i++)
		put_before(row->before[i]);
	while (n_addresses < COUNT(a) && row->address[n_addresses]) {
		a[n_addresses] = parse(row->address[n_addresses]);
		n_addresses++;
	}
	it = new_item(a, n_addresses, row->left_s);
	(row->lift ? lift : apply)(&n, &it, 1);
	assert_string_equal(read_after(), row->after);
	assert_int_equal(it.result, row->result);
	if (row->text[0])
		assert_non_null(strstr(it.text, row->text));
	else
		assert_string_equal(it.text, "");
	/* Once more: nothing changes, and it is said again. */
	it = new_item(a, n_addresses, row->left_s);
	fake.transactions = 0;
	(row->lift ? lift : apply)(&n, &it, 1);
	assert_string_equal(read_after(), row->after);
	assert_int_equal(it.result, row->result);
	assert_int_equal(fake.transactions, 0);
	close_all(&n);
}

/* -- many -------------------------------------------------------------------------------------- */

static struct postern_address many[1100];

static void fill_many(void)
{
	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = (struct postern_address){
			.byte = { [10] = 255, 255, 10, 0, (uint8_t)(i >> 8), (uint8_t)i },
			.bits = 128
		};
}

/* A full set takes what fits; the others are told, and come in when there is room. */
static void in_pieces(void **state)
{
	struct nftables n = defaults();
	struct postern_item it[2];
	struct fake_set *set;

	(void)state;
	begin();
	fill_many();
	n.size = 700;
	open_it(&n);
	set = fake_find(&fake.now, "addresses4");
	fake.transactions = fake.longest = 0;
	it[0] = new_item(many, 100, 60);
	it[1] = new_item(many + 100, 1000, 60);
	apply(&n, it, 2);
	assert_int_equal(set->n, 700);
	assert_int_equal(it[0].result, POSTERN_DONE);
	assert_int_equal(it[1].result, POSTERN_RETRY);
	assert_string_equal(it[1].text, "set addresses4 is full: it takes 700 elements");
	assert_true(fake.longest <= 500);
	it[0] = new_item(many, 100, 60);
	lift(&n, it, 1);
	assert_int_equal(set->n, 600);
	it[1] = new_item(many + 100, 1000, 60);
	apply(&n, it + 1, 1);
	assert_int_equal(set->n, 700);
	close_all(&n);
}

struct told {
	size_t n;
	char text[10][50];
};

static void on_told(void *to, const struct postern_found *found)
{
	struct told *t = to;

	assert_null(found->user);
	assert_true(t->n < COUNT(t->text));
	(void)text_of(found->address, t->text[t->n++]);
}

static void lists(void **state)
{
	static const char *const want[] = { "10.0.0.0/8", "192.0.2.1", "2001:db8:1:2::/64",
					    "2001:db8:5::/48", "255.255.255.0/24" };
	struct nftables n = defaults();
	struct told t = { 0 };
	char *got[10] = { NULL };

	(void)state;
	begin();
	open_it(&n);
	put_before("192.0.2.1 1 60");
	put_before("192.0.2.2 2 60");
	put_before("192.0.2.3 3 60");
	put_before("10.0.0.0/8 1 0");
	put_before("11.0.0.0/8 3 0");
	put_before("255.255.255.0/24 1 0");
	put_before("2001:db8:1:2:: 1 60");
	put_before("2001:db8:5::/48 1 60");
	assert_int_equal(list(&n, on_told, &t, NULL, 0), 0);
	for (size_t i = 0; i < t.n; i++)
		got[i] = t.text[i];
	qsort(got, t.n, sizeof(*got), by_text);
	assert_int_equal(t.n, COUNT(want));
	for (size_t i = 0; i < t.n; i++)
		assert_string_equal(got[i], want[i]);
	close_all(&n);
}

/* Without a folder of its own it is the tool: all that postern made is its. */
static void the_tool_sees_all(void **state)
{
	struct postern_address a = parse("192.0.2.2");
	struct nftables n = defaults();
	struct told t = { 0 };
	struct postern_item it;

	(void)state;
	begin();
	host.state_dir = NULL;
	open_it(&n);
	put_before("192.0.2.1 1 60");
	put_before("192.0.2.2 2 60");
	put_before("192.0.2.3 3 60");
	assert_int_equal(list(&n, on_told, &t, NULL, 0), 0);
	assert_int_equal(t.n, 2);
	it = new_item(&a, 1, 60);
	lift(&n, &it, 1);
	assert_string_equal(read_after(), "192.0.2.1 1 60; 192.0.2.3 3 60");
	close_all(&n);
}

/* -- what others do ---------------------------------------------------------------------------- */

static void flush_all(struct fake_state *s)
{
	memset(s, 0, sizeof(*s));
}

static void flush_chain(struct fake_state *s)
{
	s->rules = 0;
}

static void make_dormant(struct fake_state *s)
{
	s->dormant = true;
}

static void delete_rule(struct fake_state *s)
{
	s->rules--;
}

static void change_nothing(struct fake_state *s)
{
	(void)s;
}

static const struct harm {
	const char *name;
	void (*does)(struct fake_state *s);
	bool keeps, warns;
} harms[] = {
	{ "flush ruleset", flush_all, false, true },
	{ "flush chain", flush_chain, true, true },
	{ "a rule deleted", delete_rule, true, true },
	{ "the table asleep", make_dormant, true, true },
	{ "something elsewhere", change_nothing, true, false },
};

static void heals(void **state)
{
	const struct harm *row = *state;
	struct postern_address a = parse("192.0.2.2");
	struct nftables n = defaults();
	struct postern_item it = new_item(&a, 1, 60);

	begin();
	open_it(&n);
	put_before("192.0.2.1 1 60");
	row->does(&fake.now);
	fake.generation++;
	apply(&n, &it, 1);
	assert_int_equal(it.result, POSTERN_DONE);
	assert_int_equal(fake.now.rules, SETS);
	assert_int_equal(fake.now.chains, 1);
	assert_false(fake.now.dormant);
	assert_string_equal(read_after(),
			    row->keeps ? "192.0.2.1 1 60; 192.0.2.2 1 60" : "192.0.2.2 1 60");
	assert_int_equal(warnings, row->warns);
	close_all(&n);
}

static void takes_away(struct fake_state *s)
{
	memset(s, 0, sizeof(*s));
	fake.meanwhile = NULL;
}

/* Between our look and our transaction: this time it fails, the next time it does not. */
static void flushed_meanwhile(void **state)
{
	struct postern_address a = parse("192.0.2.2");
	struct nftables n = defaults();
	struct postern_item it = new_item(&a, 1, 60);

	(void)state;
	begin();
	open_it(&n);
	fake.meanwhile = takes_away;
	fake.generation++;
	apply(&n, &it, 1);
	assert_int_equal(it.result, POSTERN_RETRY);
	fake.generation++;
	it = new_item(&a, 1, 60);
	apply(&n, &it, 1);
	assert_int_equal(it.result, POSTERN_DONE);
	assert_string_equal(read_after(), "192.0.2.2 1 60");
	close_all(&n);
}

static void adds_meanwhile(struct fake_state *s)
{
	fake.meanwhile = NULL;
	(void)s;
	put_before("192.0.2.2 2 10");
}

static void added_meanwhile(void **state)
{
	struct postern_address a = parse("192.0.2.2");
	struct nftables n = defaults();
	struct postern_item it = new_item(&a, 1, 60);

	(void)state;
	begin();
	open_it(&n);
	fake.meanwhile = adds_meanwhile;
	apply(&n, &it, 1);
	assert_int_equal(it.result, POSTERN_DONE);
	assert_string_equal(read_after(), "192.0.2.2 1 60");
	close_all(&n);
}

static const struct fault {
	const char *name;
	int refuse, lose;
	enum postern_result result;
	const char *text;
} faults[] = {
	{ "no right", EPERM, 0, POSTERN_FAILED, "CAP_NET_ADMIN" },
	{ "no memory", ENOMEM, 0, POSTERN_RETRY, "memory" },
	{ "the answer is lost, always", 0, 1000, POSTERN_RETRY, "lost" },
	{ "the answer is lost once", 0, 1, POSTERN_RETRY, "lost" },
};

/* It is told, and when the cause is gone the same item is done. */
static void recovers(void **state)
{
	struct postern_address a = parse("192.0.2.2");
	const struct fault *row = *state;
	struct nftables n = defaults();
	struct postern_item it = new_item(&a, 1, 60);

	begin();
	open_it(&n);
	fake.refuse = row->refuse;
	fake.lose = row->lose;
	apply(&n, &it, 1);
	assert_int_equal(it.result, row->result);
	assert_non_null(strstr(it.text, row->text));
	fake.refuse = fake.lose = 0;
	it = new_item(&a, 1, 60);
	apply(&n, &it, 1);
	assert_int_equal(it.result, POSTERN_DONE);
	assert_string_equal(read_after(), "192.0.2.2 1 60");
	close_all(&n);
}

/* -- the administrator's own sets -------------------------------------------------------------- */

static const struct own {
	const char *name;
	uint32_t flags4, type4; /* of the set bad4; type 0: there is none */
	const char *address;
	enum postern_result result;
	const char *text;
	unsigned int elements;
} owns[] = {
	{ "an address", NFT_SET_TIMEOUT, TYPE_IPV4, "192.0.2.1", POSTERN_DONE, "", 1 },
	{ "no timeouts there", 0, TYPE_IPV4, "192.0.2.1", POSTERN_DONE, "", 1 },
	{ "ranges there", NFT_SET_INTERVAL | NFT_SET_TIMEOUT, TYPE_IPV4, "192.0.2.1", POSTERN_DONE,
	  "", 1 },
	{ "a prefix where ranges fit", NFT_SET_INTERVAL | NFT_SET_TIMEOUT, TYPE_IPV4,
	  "192.0.2.0/24", POSTERN_DONE, "", 1 },
	{ "a prefix where none fit", NFT_SET_TIMEOUT, TYPE_IPV4, "192.0.2.0/24", POSTERN_FAILED,
	  "name one with `prefix_set4`", 0 },
	{ "a missing set", 0, 0, "192.0.2.1", POSTERN_FAILED,
	  "nft add set inet filter bad4 '{ type ipv4_addr; flags timeout; }'", 0 },
	{ "a set of another type", NFT_SET_TIMEOUT, TYPE_PORT, "192.0.2.1", POSTERN_FAILED,
	  "nft add set inet filter bad4", 0 },
	{ "a missing set for IPv6", NFT_SET_TIMEOUT, TYPE_IPV4, "2001:db8::1", POSTERN_FAILED,
	  "nft add set inet filter bad6 '{ type ipv6_addr; flags timeout; }'", 0 },
};

static void fills_own_sets(void **state)
{
	const struct own *row = *state;
	struct nftables n = with_sets();
	struct postern_address a = parse(row->address);
	struct postern_item it = new_item(&a, 1, 60);
	struct fake_set *set = NULL;
	struct told t = { 0 };

	if (row->type4)
		set = fake_add_set(&fake.now, "bad4", row->flags4, row->type4, 0);
	open_it(&n);
	apply(&n, &it, 1);
	assert_int_equal(it.result, row->result);
	if (row->text[0])
		assert_non_null(strstr(it.text, row->text));
	assert_int_equal(set ? set->n : 0, row->elements);
	assert_int_equal(fake.now.rules, 0);
	assert_int_equal(list(&n, on_told, &t, NULL, 0), 0);
	assert_int_equal(t.n, row->elements);
	if (t.n)
		assert_string_equal(t.text[0], row->address);
	it = new_item(&a, 1, 60);
	lift(&n, &it, 1);
	assert_int_equal(it.result, POSTERN_DONE);
	assert_int_equal(set ? set->n : 0, 0);
	close_all(&n);
}

/* The administrator loads his ruleset anew, and the set is another one. */
static void sets_come_back(void **state)
{
	struct nftables n = with_sets();
	struct postern_address a = parse("192.0.2.1");
	struct postern_item it = new_item(&a, 1, 60);

	(void)state;
	open_it(&n);
	apply(&n, &it, 1);
	assert_int_equal(it.result, POSTERN_FAILED);
	(void)fake_add_set(&fake.now, "bad4", 0, TYPE_IPV4, 0);
	fake.generation++;
	it = new_item(&a, 1, 60);
	apply(&n, &it, 1);
	assert_int_equal(it.result, POSTERN_DONE);
	close_all(&n);
}

int main(void)
{
	struct CMUnitTest tests[120] = {
		cmocka_unit_test(in_pieces),         cmocka_unit_test(lists),
		cmocka_unit_test(the_tool_sees_all), cmocka_unit_test(flushed_meanwhile),
		cmocka_unit_test(added_meanwhile),   cmocka_unit_test(sets_come_back),
	};
	size_t n = 6;

	ADD_ROWS(tests, n, rows, changes);
	ADD_ROWS(tests, n, harms, heals);
	ADD_ROWS(tests, n, faults, recovers);
	ADD_ROWS(tests, n, owns, fills_own_sets);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
