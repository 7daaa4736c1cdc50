/*
 * test_nftables_options.c - what the options of the nftables plugin may say, and whose tables are its
 */
#include "tests/nftables_scene.h"

static const struct option_row {
	const char *name;
	const char *ports[4];
	const char *table;
	const char *set4;
	const char *why; /* NULL: it is fine */
} option_rows[] = {
	{ "ports", { "25", "65535" }, "postern", NULL, NULL },
	{ "all", { "all" }, "postern", NULL, NULL },
	{ "all and one", { "all", "25" }, "postern", NULL, "not \"all\"" },
	{ "no port", { 0 }, "postern", NULL, "at least one" },
	{ "port 0", { "0" }, "postern", NULL, "not \"0\"" },
	{ "too high", { "65536" }, "postern", NULL, "not \"65536\"" },
	{ "negative", { "-25" }, "postern", NULL, "not \"-25\"" },
	{ "a name", { "smtp" }, "postern", NULL, "not \"smtp\"" },
	{ "no table", { "25" }, "", NULL, "table: expected a name" },
	{ "no set", { "25" }, "filter", "", "set4: expected a name" },
};

static void on_complaint(void *to, const char *text)
{
	(void)snprintf(to, 256, "%s", text);
}

static void reads_options(void **state)
{
	const struct option_row *row = *state;
	char why[256] = "", complaint[256] = "";
	struct nftables n = defaults();

	begin();
	n.port_texts = row->ports;
	n.table = row->table;
	n.set_name[ADDRESSES4] = row->set4;
	check(&n, &host, on_complaint, complaint);
	assert_int_equal(open_all(&n, &host, why, sizeof(why)), row->why ? -1 : 0);
	if (!row->why) {
		assert_string_equal(complaint, "");
		close_all(&n);
		return;
	}
	assert_non_null(strstr(why, row->why));
	assert_string_equal(why, complaint);
}

/* A table of that name that somebody else made is left alone. */
static void not_our_table(void **state)
{
	char why[256] = "", complaint[256] = "";
	struct nftables n = defaults();

	(void)state;
	begin();
	fake.now.table = true;
	fake.now.rules = 3;
	assert_int_equal(open_all(&n, &host, why, sizeof(why)), -1);
	assert_non_null(strstr(why, "somebody else's"));
	assert_int_equal(fake.transactions, 0);
	check(&n, &host, on_complaint, complaint);
	assert_non_null(strstr(complaint, "somebody else's"));
}

/* Opened again, it keeps what is in the sets; with another size it makes new ones. */
static void opened_again(void **state)
{
	struct nftables n = defaults();

	(void)state;
	begin();
	open_it(&n);
	put_before("192.0.2.1 1 60");
	close_all(&n);
	n = defaults();
	open_it(&n);
	assert_string_equal(read_after(), "192.0.2.1 1 60");
	assert_int_equal(fake.now.rules, SETS);
	close_all(&n);
	n = defaults();
	n.size = 2000;
	open_it(&n);
	assert_string_equal(read_after(), "");
	assert_int_equal(fake.now.set[0].size, 2000);
	close_all(&n);
}

static void complains_of_sets(void **state)
{
	struct nftables n = with_sets();
	char complaint[256] = "";

	(void)state;
	(void)fake_add_set(&fake.now, "bad6", NFT_SET_TIMEOUT, TYPE_IPV6, 0);
	check(&n, &host, on_complaint, complaint);
	assert_non_null(strstr(complaint, "nft add set inet filter bad4"));
	(void)fake_add_set(&fake.now, "bad4", 0, TYPE_IPV4, 0);
	check(&n, &host, on_complaint, complaint);
	assert_non_null(strstr(complaint, "no `flags timeout`"));
}

int main(void)
{
	struct CMUnitTest tests[20] = {
		cmocka_unit_test(not_our_table),
		cmocka_unit_test(opened_again),
		cmocka_unit_test(complains_of_sets),
	};
	size_t n = 3;

	ADD_ROWS(tests, n, option_rows, reads_options);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
