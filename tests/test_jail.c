/*
 * test_jail - jails as written, and every mistake that can be seen without a log line
 */
#include "core/rule/jail.h"

#include "core/base/instant.h"
#include "tests/rows.h"

#include <string.h>
#include <unistd.h>

#define RULE  "rule r { count = login max = 5 }\n"
#define JAIL  "jail j {\n" RULE "%s }"
#define RULES "jail j {\n%s\n}"

static const char filter_text[] =
	"filter \"smtp\" { daemon = postfix match m { regex = '^a=(?<user>\\S+)$' event = login "
	"example = 'Nov 20 23:56:35 mail postfix/smtpd[1]: a=joe' } }";

static struct filter_set *filters;

static int load_filters(void **state)
{
	struct err err;

	(void)state;
	return filter_set_load_text(&filters, "f.conf", filter_text, &err);
}

static int free_filters(void **state)
{
	(void)state;
	filter_set_free(filters);
	return 0;
}

/* A jail's text, or what goes into one, and a part of what is said of it. */
static const struct mistake {
	const char *name;
	const char *frame; /* where `text` is put */
	const char *text;
	const char *want;
} mistakes[] = {
	{ "unknown key of a jail", JAIL, "treshold = 5",
	  "j.conf:3: unknown key \"treshold\"; did you mean \"threshold\"?" },
	{ "unknown key of a rule", RULES, "rule r {\n findtme = 5\n}",
	  "j.conf:3: unknown key \"findtme\"; did you mean \"findtime\"?" },
	{ "no rule", RULES, "", "j.conf:1: jail \"j\": expected 1 to 64 rules" },
	{ "no aggregate", RULES, "\nrule r {\n max = 5\n}",
	  "j.conf:3: rule \"r\": expected one of distinct, count, sum, surge, foreign or travel" },
	{ "a rule that exists, misspelt", RULES,
	  "rule networks { distinct = network max = 5 } rule other { count = login max = 5 }\n"
	  "rule network {\n max = 5\n}",
	  "j.conf:3: rule \"network\": expected one of distinct, count, sum, surge, foreign or "
	  "travel: "
	  "what does it measure? Or did you mean rule \"networks\"?" },
	{ "two aggregates", RULES, "rule r { count = login distinct = ip max = 5 }",
	  "j.conf:2: rule \"r\": expected one of \"distinct\" and \"count\", not both" },
	{ "two aggregates, one of them empty", RULES,
	  "rule r { count = login foreign = {} max = 5 }",
	  "expected one of \"count\" and \"foreign\", not both" },
	{ "no max", RULES, "rule r { count = login }",
	  "j.conf:2: rule \"r\": expected \"max\", the greatest value that is still allowed" },
	{ "unknown kind", RULES, "rule r { count = logins max = 5 }",
	  "count: expected one of login, failure, message, queued, bounce, removed, logout, "
	  "offence, not \"logins\"; did you mean \"login\"?" },
	{ "unknown field", RULES, "rule r { distinct = network_ max = 5 }",
	  "distinct: expected one of ip, network, country, asn, user, helo, service, not" },
	{ "unknown key to count by", RULES, "rule r { count = login by = account max = 5 }",
	  "by: expected one of user, ip, network, user+ip, session, not \"account\"" },
	{ "unknown sum", RULES, "rule r { sum = mails max = 5 }",
	  "sum: expected one of recipients, bytes, not \"mails\"" },
	{ "unknown service", RULES, "rule r { count = login service = { smtp, http } max = 5 }",
	  "service: expected one of smtp, imap, pop3, other, not \"http\"" },
	{ "max is no number", RULES, "rule r { count = login max = many }",
	  "max: expected a whole number from 0 on, not \"many\"" },
	{ "score is negative", RULES, "rule r { count = login max = 1 score = -5 }",
	  "score: expected a whole number" },
	{ "findtime is no span", RULES, "rule r { count = login max = 1 findtime = soon }",
	  "findtime: expected a time like" },
	{ "findtime of 0", RULES, "rule r { count = login max = 1 findtime = 0 }",
	  "findtime: expected from 1s to 366d" },
	{ "findtime of two years", RULES, "rule r { count = login max = 1 findtime = 2y }",
	  "findtime: expected from 1s to 366d" },
	{ "factor of 0", RULES, "rule r { surge = message max = 1 factor = 0 }",
	  "factor: expected a number from 1 to 1000, not \"0\"" },
	{ "factor is no number", RULES, "rule r { surge = message max = 1 factor = nan }",
	  "factor: expected a number" },
	{ "surge over a year", RULES, "rule r { surge = message max = 1 over = 1y }",
	  "over: expected from 1d to 30d" },
	{ "surge over hours", RULES, "rule r { surge = message max = 1 over = 5h }",
	  "over: expected from 1d to 30d" },
	{ "surge by address", RULES, "rule r { surge = message by = ip max = 1 }",
	  "surge: expected by = user, and no failures" },
	{ "foreign failures", RULES, "rule r { foreign = { ES } on = failure max = 0 }",
	  "foreign: expected by = user, and no failures" },
	{ "bad country", RULES, "rule r { foreign = { ES, Spain } max = 0 }",
	  "foreign: expected country codes like \"ES\", not \"Spain\"" },
	{ "a user's offences", RULES, "rule r { count = offence max = 5 }",
	  "an offence names no user: expected by = ip" },
	{ "reset for logins", RULES,
	  "rule r { count = login by = ip max = 5 reset_on_success = yes }",
	  "reset_on_success: expected a rule on failures by = ip" },
	{ "unknown origin", RULES, "rule r { count = login from = home max = 1 }",
	  "from: expected one of any, unknown, not \"home\"" },
	{ "failures from unknown addresses", RULES,
	  "rule r { count = failure by = ip from = unknown max = 1 }",
	  "from: expected a rule that counts for accounts" },
	{ "a surge from unknown addresses", RULES,
	  "rule r { surge = message from = unknown max = 1 }",
	  "from: expected a rule that counts for accounts" },
	{ "a share of logins", RULES, "rule r { count = login percent = 5 max = 1 }",
	  "percent: expected count = bounce by = user" },
	{ "a share by address", RULES,
	  "rule r { count = bounce by = \"user+ip\" percent = 5 max = 1 }",
	  "percent: expected count = bounce by = user" },
	{ "a share that is more than all", RULES, "rule r { count = bounce percent = 101 max = 1 }",
	  "percent: expected from 0 to 100" },
	{ "users by user", RULES, "rule r { distinct = user max = 5 }",
	  "there is never more than one user by user" },
	{ "countries by address", RULES, "rule r { distinct = country by = ip max = 5 }",
	  "there is never more than one country by ip" },
	{ "after an unknown rule", RULES, "rule r { count = login max = 1 after = x }",
	  "j.conf:2: rule \"r\": after: expected another rule of this jail" },
	{ "after itself", RULES, "rule r { count = login max = 1 after = r }",
	  "after: expected another rule" },
	{ "after one that comes after another", RULES,
	  RULE "rule s { count = login max = 1 after = r }\n"
	       "rule t { count = login max = 1 after = s }",
	  "j.conf:4: rule \"t\": after: expected another rule of this jail that comes after none "
	  "itself, not \"s\"" },
	{ "in a ring", RULES,
	  "rule r { count = login max = 1 after = s }\nrule s { count = login max = 1 after = r }",
	  "after: expected another rule" },
	{ "after a rule by address", RULES,
	  "rule f { count = failure by = ip max = 1 }\n"
	  "rule r { count = login max = 1 after = f }",
	  "j.conf:3: rule \"r\": after: expected both rules to be by = user" },
	{ "failures with a score in an account's jail", RULES,
	  RULE "rule f { count = failure max = 5 }",
	  "j.conf:3: rule \"f\": failures can't decide on an account" },
	{ "a rule on addresses in an account's jail", RULES,
	  RULE "rule f { count = failure by = ip max = 5 }",
	  "j.conf:3: rule \"f\": by: the other rules of jail \"j\" decide on accounts; put this" },
	{ "a rule on names in a jail of addresses", RULES,
	  "rule f { count = failure by = ip max = 5 }\nrule n { count = failure by = user max = 5 "
	  "}",
	  "rule \"f\": by: the other rules of jail \"j\" decide on attacked names" },
	{ "suspect of 0", JAIL, "suspect = 0",
	  "j.conf:1: jail \"j\": expected suspect from 1 on and threshold not below it" },
	{ "threshold below suspect", JAIL, "suspect = 60\nthreshold = 50",
	  "expected suspect from 1 on and threshold not below it, not 60 and 50" },
	{ "bad bantime", JAIL, "bantime = evermore", "bantime: expected a time like" },
	{ "unknown action", JAIL, "action nftable { }",
	  "j.conf:3: action \"nftable\": no action is called that; expected log, mail, nftables, "
	  "kick, postfix-map, postfix-hold, dovecot, exim, exec or webhook; did you mean "
	  "\"nftables\"?" },
	{ "unknown level", JAIL, "action log { at = once }",
	  "at: expected one of suspect, threshold, not \"once\"" },
	{ "unknown filter", JAIL, "filter = { smtp, smpt }",
	  "j.conf:1: jail \"j\": filter: no filter is called \"smpt\"" },
	{ "fail2ban's filter", JAIL, "filter = 'fail2ban:postfix[mode=auth]'",
	  "fail2ban's filters can't be loaded yet" },
	{ "bad prefix", JAIL, "ignoreip = { 192.0.2.0/24, 192.0.2.1/24 }",
	  "j.conf:3: ignoreip: expected an address or a prefix like \"192.0.2.0/24\" (no bits set "
	  "behind the mask), not \"192.0.2.1/24\"" },
	{ "bad ignored country", JAIL, "ignorecountry = Spain",
	  "ignorecountry: expected a country code like \"ES\", not \"Spain\"" },
	{ "bad ASN", JAIL, "ignoreasn = ASX", "ignoreasn: expected a network like \"AS64500\"" },
	{ "empty user", JAIL, "ignoreuser = ''", "ignoreuser: expected a user name or a glob" },
	{ "missing file of users", JAIL, "ignoreuser = 'file:/nonexistent/users'",
	  "j.conf:3: ignoreuser: /nonexistent/users: No such file" },
	{ "limits for a missing rule", JAIL, "limits l { users = a@b\nrule x { max = 1 } }",
	  "j.conf:4: rule \"x\": jail \"j\" has no rule of this name" },
	{ "limits without users", JAIL, "limits l { rule r { max = 1 } }",
	  "j.conf:3: limits \"l\": expected \"users\" and at least one rule" },
	{ "limits without a rule", JAIL, "limits l { users = a@b }",
	  "j.conf:3: limits \"l\": expected \"users\" and at least one rule" },
	{ "enabled = maybe", JAIL, "enabled = maybe", "j.conf:3: enabled: expected yes or no" },
	{ "bad network of a fetcher", "%s", "fetcher f { networks = 10.0.0.1/8 }",
	  "networks: expected an address or a prefix" },
};

static void tells_mistake(void **state)
{
	const struct mistake *row = *state;
	struct jail_defaults defaults = { 0 };
	struct jail_set *set;
	const char *at = strstr(row->frame, "%s");
	char *text = xasprintf("%.*s%s%s", (int)(at - row->frame), row->frame, row->text, at + 2);
	struct err err;

	assert_int_equal(jail_set_load_text(&set, "j.conf", text, filters, &defaults, &err), -1);
	if (strstr(err.text, row->want) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", row->want, err.text);
	assert_non_null(strstr(err.text, "j.conf:"));
	free(text);
}

static struct jail_set *load(const char *text, const struct jail_defaults *defaults)
{
	struct jail_set *set = NULL;
	struct err err;

	if (jail_set_load_text(&set, "j.conf", text, filters, defaults, &err) < 0)
		fail_msg("%s", err.text);
	return set;
}

/* One rule's text, and what became of it. */
static const struct reading {
	const char *name;
	const char *text;
	enum subject_kind subject;
	enum aggregate aggregate;
	enum rule_key by;
	unsigned int on, services;
	uint64_t max;
	unsigned int score;
	uint32_t findtime_s;
	bool of_failures;
} readings[] = {
	{ "defaults", "count = login max = 5", SUBJECT_ACCOUNT, AGGREGATE_COUNT, KEY_USER,
	  1U << EVENT_LOGIN, 0, 5, 100, 600, false },
	{ "all given", "count = message max = 0 score = 7 findtime = 1d by = user service = smtp",
	  SUBJECT_ACCOUNT, AGGREGATE_COUNT, KEY_USER, 1U << EVENT_MESSAGE, SIGHTING_SMTP, 0, 7,
	  86400, false },
	{ "two services", "count = login service = { imap, pop3 } max = 1", SUBJECT_ACCOUNT,
	  AGGREGATE_COUNT, KEY_USER, 1U << EVENT_LOGIN, SIGHTING_IMAP | SIGHTING_POP3, 1, 100, 600,
	  false },
	{ "distinct", "distinct = country max = 2", SUBJECT_ACCOUNT, AGGREGATE_DISTINCT, KEY_USER,
	  1U << EVENT_LOGIN, 0, 2, 100, 600, false },
	{ "sum", "sum = recipients max = 2", SUBJECT_ACCOUNT, AGGREGATE_SUM, KEY_USER,
	  1U << EVENT_QUEUED, 0, 2, 100, 600, false },
	{ "surge", "surge = message max = 2", SUBJECT_ACCOUNT, AGGREGATE_SURGE, KEY_USER,
	  1U << EVENT_MESSAGE, 0, 2, 100, 600, false },
	{ "travel", "travel = 900", SUBJECT_ACCOUNT, AGGREGATE_TRAVEL, KEY_USER, 1U << EVENT_LOGIN,
	  0, 900, 100, 600, false },
	{ "by user and address", "count = message by = 'user+ip' max = 9", SUBJECT_ACCOUNT,
	  AGGREGATE_COUNT, KEY_USER_IP, 1U << EVENT_MESSAGE, 0, 9, 100, 600, false },
	{ "by session", "count = message by = session max = 9", SUBJECT_ACCOUNT, AGGREGATE_COUNT,
	  KEY_SESSION, 1U << EVENT_MESSAGE, 0, 9, 100, 600, false },
	{ "brute force", "count = failure by = ip max = 4", SUBJECT_ADDRESS, AGGREGATE_COUNT,
	  KEY_IP, 1U << EVENT_FAILURE, 0, 4, 100, 600, true },
	{ "by network", "count = offence by = network max = 4", SUBJECT_ADDRESS, AGGREGATE_COUNT,
	  KEY_NETWORK, 1U << EVENT_OFFENCE, 0, 4, 100, 600, true },
	{ "spraying", "distinct = user on = failure by = ip max = 5", SUBJECT_ADDRESS,
	  AGGREGATE_DISTINCT, KEY_IP, 1U << EVENT_FAILURE, 0, 5, 100, 600, true },
	{ "guessing", "distinct = ip on = failure by = user max = 20", SUBJECT_NAME,
	  AGGREGATE_DISTINCT, KEY_USER, 1U << EVENT_FAILURE, 0, 20, 100, 600, true },
};

static void reads_rule(void **state)
{
	const struct reading *row = *state;
	struct jail_defaults defaults = { 0 };
	char *text = xasprintf("jail j { rule r { %s } }", row->text);
	struct jail_set *set = load(text, &defaults);
	const struct rule *r;

	assert_int_equal(set->n_jails, 1);
	assert_int_equal(set->jail[0]->subject, row->subject);
	r = set->jail[0]->rule[0];
	assert_string_equal(r->name, "r");
	assert_int_equal(r->aggregate, row->aggregate);
	assert_int_equal(r->by, row->by);
	assert_int_equal(r->on, row->on);
	assert_int_equal(r->services, row->services);
	assert_int_equal(r->max, row->max);
	assert_int_equal(r->score, row->score);
	assert_int_equal(r->findtime_s, row->findtime_s);
	assert_int_equal(r->of_failures, row->of_failures);
	jail_set_free(set);
	free(text);
}

static void reads_jail(void **state)
{
	static const char text[] =
		"jail a { bantime = 1h rule r { count = login max = 5 score = 40 } filter = smtp\n"
		"  limits n { users = { 'News@*' } rule r { max = 100 } }\n"
		"  limits m { users = { x, 'y*' } rule r { score = 1 } }\n"
		"  action log { at = suspect } action mail { } dry_run = yes ignoreip = 192.0.2.1 "
		"}\n"
		"jail off { enabled = no rule r { count = login max = 5 } }\n"
		"jail b { bantime = forever suspect = 10 threshold = 10\n"
		"  rule f { count = failure max = 3 score = 0 }\n"
		"  rule r { count = login max = 5 after = f within = 2h } rule q { count = login "
		"max = 6 } }\n"
		"fetcher Gmail { networks = { 203.0.113.0/24, 2001:db8::/32 } }\n";
	struct jail_defaults defaults = { 0 };
	struct jail_set *set = load(text, &defaults);
	const struct jail *a = set->jail[0], *b = set->jail[1];
	struct address at;

	(void)state;
	assert_int_equal(set->n_jails, 2);
	assert_int_equal(set->n_rules, 4);
	assert_string_equal(a->name, "a");
	assert_int_equal(a->bantime_s, 3600);
	assert_true(a->dry_run);
	assert_int_equal(a->suspect, 50);
	assert_int_equal(a->threshold, 100);
	assert_ptr_equal(a->filters[0], filters->filter[0]);
	assert_int_equal(a->n_limits, 2);
	assert_int_equal(a->limits[0].limit[0].max, 100);
	assert_int_equal(a->limits[0].limit[0].score, 40);
	assert_int_equal(a->limits[1].limit[0].max, 5);
	assert_int_equal(a->limits[1].limit[0].score, 1);
	assert_true(ignore_has_user(&a->limits[0].users, "news@example.org"));
	assert_int_equal(a->n_actions, 2);
	assert_int_equal(a->action[0].at, AT_SUSPECT);
	assert_int_equal(a->action[1].at, AT_THRESHOLD);
	assert_string_equal(b->name, "b");
	assert_int_equal(b->bantime_s, FOREVER);
	assert_int_equal(b->subject, SUBJECT_ACCOUNT);
	assert_ptr_equal(b->rule[1]->after, b->rule[0]);
	assert_int_equal(b->rule[1]->within_s, 7200);
	assert_true(b->rule[0]->of_failures);
	assert_true(b->rule[1]->of_failures);
	assert_false(b->rule[2]->of_failures);
	assert_int_equal(set->n_fetchers, 1);
	assert_true(address_parse(&at, slice_of("2001:db8:7::1")));
	assert_true(prefixset_holds(&set->fetcher[0].networks, &at));
	jail_set_free(set);
}

/* Where a `foreign` rule takes the home countries from. */
static const struct home {
	const char *name;
	const char *foreign;
	char defaults[2][3];
	const char *want;
} homes[] = {
	{ "home: the rule's own", "{ es, PT }", { "DE", "" }, "ESPT" },
	{ "home: the defaults'", "{}", { "DE", "at" }, "DEAT" },
	{ "home: neither", "{}", { "", "" }, "" },
};

static void finds_home(void **state)
{
	const struct home *row = *state;
	struct jail_defaults defaults = { 0 };
	char *text = xasprintf("jail j { rule r { foreign = %s max = 0 } }", row->foreign);
	char copy[2][3], *texts[] = { copy[0], copy[1] }, got[20] = "", code[3];
	struct jail_set *set;
	const struct rule *r;

	memcpy(copy, row->defaults, sizeof(copy));
	defaults.home = (struct texts){ texts, (copy[0][0] != '\0') + (copy[1][0] != '\0') };
	set = load(text, &defaults);
	r = set->jail[0]->rule[0];
	assert_int_equal(r->aggregate, AGGREGATE_FOREIGN);
	for (size_t i = 0; i < r->n_home; i++)
		memcpy(got + 2 * i, country_text(r->home[i], code), 3);
	assert_string_equal(got, row->want);
	jail_set_free(set);
	free(text);
}

/* A shipped jail, a local file behind it, and what is then asked for. */
static const struct merge {
	const char *name;
	const char *local;
	const char *only;
	const char *want; /* NULL: it does not load, for the reason in `error` */
	const char *error;
} merges[] = {
	{ "merge: nothing", "", NULL,
	  "one: a max 5 find 600, b max 7 find 600; two: c max 1 find 600;", NULL },
	{ "merge: one value", "jail one { rule b { max = 9 } }", NULL,
	  "one: a max 5 find 600, b max 9 find 600; two: c max 1 find 600;", NULL },
	{ "merge: a rule is added", "jail one { rule x { count = message max = 3 } }", NULL,
	  "one: a max 5 find 600, b max 7 find 600, x max 3 find 600; two: c max 1 find 600;",
	  NULL },
	{ "merge: a jail is switched off", "jail one { enabled = no }", NULL,
	  "two: c max 1 find 600;", NULL },
	{ "merge: all jails are off", "jail one { enabled = no } jail two { enabled = no }", NULL,
	  "", NULL },
	{ "merge: the one wanted, though off", "jail one { enabled = no }", "one",
	  "one: a max 5 find 600, b max 7 find 600;", NULL },
	{ "merge: the one wanted does not exist", "", "three", NULL,
	  "no jail is called \"three\"" },
	{ "merge: a mistake is told of the local file", "\n\njail one { rule a { distinct = ip } }",
	  NULL, NULL, "local.conf:3: rule \"a\": expected one of \"distinct\" and \"count\"" },
};

static void describe(char *buf, size_t size, const struct jail_set *set)
{
	size_t used = 0;

	*buf = '\0';
	for (size_t i = 0; i < set->n_jails; i++) {
		const struct jail *jail = set->jail[i];

		used += (size_t)snprintf(buf + used, size - used, "%s%s:", i ? " " : "",
					 jail->name);
		for (size_t k = 0; k < jail->n_rules; k++)
			used += (size_t)snprintf(buf + used, size - used, "%s %s max %d find %u",
						 k ? "," : "", jail->rule[k]->name,
						 (int)jail->rule[k]->max,
						 jail->rule[k]->findtime_s);
		used += (size_t)snprintf(buf + used, size - used, ";");
	}
}

static void write_file(const char *path, const char *text)
{
	FILE *fp = fopen(path, "we");

	assert_non_null(fp);
	assert_true(fputs(text, fp) >= 0);
	assert_int_equal(fclose(fp), 0);
}

static void merges_files(void **state)
{
	static const char shipped[] = "jail one { rule a { count = login max = 5 }\n"
				      "rule b { count = login max = 7 } }\n"
				      "jail two { rule c { count = login max = 1 } }\n";
	const struct merge *row = *state;
	char dir[] = "/tmp/postern-test-XXXXXX", got[500], *first, *second;
	struct jail_defaults defaults = { 0 };
	struct jail_set *set = NULL;
	struct err err;
	int ret;

	assert_non_null(mkdtemp(dir));
	first = xasprintf("%s/first.conf", dir);
	second = xasprintf("%s/local.conf", dir);
	write_file(first, shipped);
	write_file(second, row->local);
	ret = jail_set_load(&set, dir, row->only, filters, &defaults, &err);
	assert_int_equal(unlink(first) + unlink(second) + rmdir(dir), 0);
	free(first);
	free(second);
	assert_int_equal(ret, row->want ? 0 : -1);
	if (!row->want) {
		if (!strstr(err.text, row->error))
			fail_msg("\"%s\" is not in \"%s\"", row->error, err.text);
		return;
	}
	describe(got, sizeof(got), set);
	assert_string_equal(got, row->want);
	jail_set_free(set);
}

static void takes_default_lists(void **state)
{
	char good_ip[] = "192.0.2.0/24", bad_ip[] = "192.0.2.1/24", *ip[] = { good_ip };
	struct jail_defaults defaults = { .ignore[IGNORE_IP] = { ip, 1 } };
	struct jail_set *set = load("jail j { ignoreip = 10.0.0.1 " RULE " }", &defaults);
	struct address at;
	struct err err;

	(void)state;
	assert_true(address_parse(&at, slice_of("192.0.2.7")));
	assert_true(ignore_has_address(&set->jail[0]->ignore, &at, 0, 0));
	assert_true(address_parse(&at, slice_of("10.0.0.1")));
	assert_true(ignore_has_address(&set->jail[0]->ignore, &at, 0, 0));
	jail_set_free(set);
	ip[0] = bad_ip;
	assert_int_equal(
		jail_set_load_text(&set, "j.conf", "jail j { " RULE " }", filters, &defaults, &err),
		-1);
}

static void note_warning(void *ctx, const char *text)
{
	char *all = ctx;
	size_t used = strlen(all);

	(void)snprintf(all + used, 1000 - used, "%s\n", text);
}

static const struct warning {
	const char *name, *text, *want;
} warnings[] = {
	{ "reach: just enough",
	  "jail j { threshold = 30 suspect = 10 rule a { count = login max = 1 "
	  "score = 10 } rule b { count = message max = 1 score = 20 } }",
	  "" },
	{ "reach: too little to act",
	  "jail j { threshold = 31 suspect = 10 rule a { count = login "
	  "max = 1 score = 10 } rule b { count = message max = 1 score = 20 } }",
	  "jail \"j\" never acts: threshold is 31, and its rules together score 30\n" },
	{ "reach: too little for anything",
	  "jail j { threshold = 99 suspect = 31 rule a { count = "
	  "login max = 1 score = 10 } rule b { count = message max = 1 score = 20 } }",
	  "jail \"j\" never finds anybody: suspect is 31, and its rules together score 30\n" },
	{ "reach: of a group the highest",
	  "jail j { threshold = 30 suspect = 1 rule a { count = login "
	  "max = 1 score = 10 group = g } rule b { count = message max = 1 score = 20 group = g } "
	  "rule c { sum = recipients max = 1 score = 10 group = g } }",
	  "jail \"j\" never acts: threshold is 30, and its rules together score 20\n" },
	{ "reach: some users' limits",
	  "jail j { threshold = 30 suspect = 1 rule a { count = login "
	  "max = 1 score = 10 } limits l { users = joe rule a { score = 30 } } }",
	  "" },
	{ "reach: a rule on trial",
	  "jail j { threshold = 20 suspect = 10 rule a { count = login max = 1 "
	  "score = 10 } rule b { count = message max = 1 score = 20 dry_run = yes } }",
	  "jail \"j\" never acts: threshold is 20, and its rules together score 10\n" },
	{ "reach: what failures lead to",
	  "jail j { threshold = 20 suspect = 10 rule f { count = failure "
	  "by = user max = 3 score = 0 } rule a { count = login max = 1 score = 50 after = f "
	  "within = 1h } }",
	  "jail \"j\" never acts: threshold is 20, and its rules together score 0\n" },
};

static void warns(void **state)
{
	const struct warning *row = *state;
	struct jail_defaults defaults = { 0 };
	struct jail_set *set = load(row->text, &defaults);
	char all[1000] = "";

	jail_set_warn(set, NULL, note_warning, all);
	assert_string_equal(all, row->want);
	jail_set_free(set);
}

static void warns_of_what_is_off(void **state)
{
	static const char text[] =
		"jail j { rule f { foreign = {} max = 0 } rule t { travel = 900 }\n"
		"rule c { distinct = country max = 2 }\n"
		"rule a { distinct = asn max = 2 } rule n { distinct = network max = 5 }\n"
		"rule h { foreign = { ES } max = 0 } }";
	struct jail_defaults defaults = { 0 };
	struct jail_set *set = load(text, &defaults);
	char all[1000] = "";

	(void)state;
	jail_set_warn(set, NULL, note_warning, all);
	assert_string_equal(all,
			    "jail \"j\": rule \"f\" is off: no home countries are set\n"
			    "jail \"j\": rule \"t\" is off: there is no city database\n"
			    "jail \"j\": rules \"c\", \"h\" are off: there is no country database\n"
			    "jail \"j\": rule \"a\" is off: there is no ASN database\n");
	jail_set_free(set);
}

/* More of something than there may be: `each`, so many times, with its number in it. */
static const struct crowd {
	const char *name;
	const char *begin, *each, *end;
	int times;
	const char *want;
} crowds[] = {
	{ "33 jails", "", "jail j%d { rule r { count = login max = 1 } }\n", "", JAILS_MOST + 1,
	  "expected at most 32 jails" },
	{ "65 rules", "jail j {\n", "rule r%d { count = login max = 1 }\n", "}", RULES_MOST + 1,
	  "expected 1 to 64 rules" },
	{ "255 limits", "jail j { rule r { count = login max = 1 }\n",
	  "limits l%d { users = u rule r { max = 1 } }\n", "}", LIMITS_MOST + 1,
	  "expected at most 254 limits" },
	{ "255 fetchers", "", "fetcher f%d { networks = 10.0.0.0/8 }\n", "", UINT8_MAX,
	  "expected fewer than 255 fetchers" },
};

static void refuses_crowd(void **state)
{
	const struct crowd *row = *state;
	const char *at = strstr(row->each, "%d");
	struct jail_defaults defaults = { 0 };
	struct jail_set *set;
	struct err err;
	char *text;
	size_t len;
	FILE *fp = open_memstream(&text, &len);

	(void)fputs(row->begin, fp);
	for (int i = 0; i < row->times; i++)
		(void)fprintf(fp, "%.*s%d%s", (int)(at - row->each), row->each, i, at + 2);
	(void)fputs(row->end, fp);
	assert_int_equal(fclose(fp), 0);
	assert_int_equal(jail_set_load_text(&set, "j.conf", text, filters, &defaults, &err), -1);
	assert_non_null(strstr(err.text, row->want));
	free(text);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(mistakes) + COUNT(readings) + COUNT(homes) + COUNT(merges) +
				COUNT(crowds) + COUNT(warnings) + 3] = {
		cmocka_unit_test(reads_jail),
		cmocka_unit_test(takes_default_lists),
		cmocka_unit_test(warns_of_what_is_off),
	};
	size_t n = 3;

	ADD_ROWS(tests, n, mistakes, tells_mistake);
	ADD_ROWS(tests, n, readings, reads_rule);
	ADD_ROWS(tests, n, homes, finds_home);
	ADD_ROWS(tests, n, merges, merges_files);
	ADD_ROWS(tests, n, crowds, refuses_crowd);
	ADD_ROWS(tests, n, warnings, warns);
	return _cmocka_run_group_tests(__FILE__, tests, n, load_filters, free_filters);
}
