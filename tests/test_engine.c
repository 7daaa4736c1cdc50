/*
 * test_engine - events in, verdicts out
 *
 * A row is a jail, a script of events (see tests/script.h) and what the engine says to it.
 * What is wanted is a list of changes, "TIME LEVEL SUBJECT SCORE(RULE,RULE); ": at first and
 * whenever a jail's opinion of a subject is another than before.
 */
#include "core/rule/engine.h"

#include "tests/mmdb.h"
#include "tests/rows.h"
#include "tests/script.h"

enum { SAID_MOST = 2000 };

/* What a row's engine knows of the world. */
enum { COUNTRY = 1, ASN = 2, CITY = 4, REALM = 8, OWN = 16 };

static struct geoip *geoip[8];

#define NETWORKS(max, find) \
	"jail j { rule net { distinct = network max = " max " findtime = " find " } }"
#define COUNT_LOGINS "jail j { rule n { count = login max = 3 findtime = 10m } }"

static const struct row {
	const char *name;
	unsigned int world;
	const char *jail;
	const char *script;
	const char *want;
} rows[] = {
	/* Places. */
	{ "networks: max is still allowed", 0, NETWORKS("5", "1h"),
	  "0 login u=joe i=10.%.0.1 x5/1m", "" },
	{ "networks: one more than max", 0, NETWORKS("5", "1h"), "0 login u=joe i=10.%.0.1 x6/1m",
	  "300 act joe 100(net); " },
	{ "networks: many addresses of one", 0, NETWORKS("1", "1h"),
	  "0 login u=joe i=10.1.%.1 x100/1s", "" },
	{ "networks: a /16 each without an ASN", 0, NETWORKS("1", "1h"),
	  "0 login u=joe i=10.1.0.1\n0 login u=joe i=10.2.0.1", "0 act joe 100(net); " },
	{ "networks: one ASN for both", ASN, NETWORKS("1", "1h"),
	  "0 login u=joe i=10.1.0.1\n0 login u=joe i=10.2.0.1\n9 login u=joe i=10.65.0.1",
	  "9 act joe 100(net); " },
	{ "networks: v6 by /32", 0, NETWORKS("1", "1h"),
	  "0 login u=joe i=2001:db8:%::1 x9/1s\n20 login u=joe i=2001:db9::1",
	  "20 act joe 100(net); " },
	{ "networks: of different accounts", 0, NETWORKS("1", "1h"),
	  "0 login u=joe i=10.1.0.1\n0 login u=ann i=10.2.0.1\n", "" },
	{ "networks: findtime goes by", 0, NETWORKS("5", "1h"), "0 login u=joe i=10.%.0.1 x40/12m",
	  "" },
	{ "networks: at the end of findtime", 0, NETWORKS("1", "1h"),
	  "0 login u=joe i=10.1.0.1\n3600 login u=joe i=10.2.0.1\n7199 login u=joe i=10.3.0.1",
	  "7199 act joe 100(net); " },
	{ "networks: a late line", 0, NETWORKS("2", "1h"),
	  "2000 login u=joe i=10.1.0.1\n2010 login u=joe i=10.2.0.1\n1990 login u=joe i=10.3.0.1",
	  "1990 act joe 100(net); " },
	{ "addresses: a /64 is one", 0, "jail j { rule a { distinct = ip max = 2 findtime = 1h } }",
	  "0 login u=joe i=2001:db8::% x50/1s\n60 login u=joe i=2001:db8:0:1::1\n"
	  "70 login u=joe i=2001:db8:0:2::1",
	  "70 act joe 100(a); " },
	{ "addresses: mapped or not", 0,
	  "jail j { rule a { distinct = ip max = 1 findtime = 1h } }",
	  "0 login u=joe i=10.0.0.1\n1 login u=joe i=::ffff:10.0.0.1", "" },
	{ "addresses: none said", 0, "jail j { rule a { distinct = ip max = 0 findtime = 1h } }",
	  "0 login u=joe\n1 login u=joe", "" },
	{ "addresses: the server's own", OWN,
	  "jail j { rule a { distinct = ip max = 0 findtime = 1h } }",
	  "0 login u=joe i=198.51.100.% x9/1m\n600 login u=joe i=10.1.0.1",
	  "600 act joe 100(a); " },
	{ "countries", COUNTRY, "jail j { rule c { distinct = country max = 2 findtime = 1h } }",
	  "0 login u=joe i=10.1.0.1\n1 login u=joe i=10.65.0.1\n2 login u=joe i=10.66.0.1\n"
	  "3 login u=joe i=192.0.2.1\n4 login u=joe i=10.129.0.1",
	  "4 act joe 100(c); " },
	{ "countries: no database", 0,
	  "jail j { rule c { distinct = country max = 0 findtime = 1h } }",
	  "0 login u=joe i=10.%.0.1 x200/1s", "" },
	{ "countries: v6", COUNTRY,
	  "jail j { rule c { distinct = country max = 1 findtime = 1h } }",
	  "0 login u=joe i=2001:db8:1::1\n1 login u=joe i=2001:db8:2::1", "1 act joe 100(c); " },
	{ "ASNs", ASN, "jail j { rule a { distinct = asn max = 1 findtime = 1h } }",
	  "0 login u=joe i=10.1.0.1\n1 login u=joe i=10.2.0.1\n2 login u=joe i=10.70.0.1\n"
	  "3 login u=joe i=10.65.0.1",
	  "3 act joe 100(a); " },
	{ "foreign", COUNTRY,
	  "jail j { rule f { foreign = { ES, PT } max = 0 findtime = 1h score = 60 } }",
	  "0 login u=joe i=10.1.0.1\n1 login u=joe i=192.0.2.1\n2 login u=joe i=10.65.0.1\n"
	  "3 login u=joe i=10.66.0.1",
	  "2 suspect joe 60(f); " },
	{ "foreign: two allowed", COUNTRY,
	  "jail j { rule f { foreign = { ES } max = 2 findtime = 1h } }",
	  "0 login u=joe i=10.65.0.% x3/1s", "2 act joe 100(f); " },
	{ "fetchers are one network and no country", COUNTRY | ASN,
	  "fetcher g { networks = { 10.64.0.0/10, 10.128.0.0/9 } }\n"
	  "jail j { rule c { distinct = country max = 1 findtime = 1h score = 30 }\n"
	  "rule n { distinct = network max = 2 findtime = 1h score = 70 }\n"
	  "rule f { foreign = { ES } max = 0 findtime = 1h } }",
	  "0 login u=joe i=10.1.0.1\n1 login u=joe i=10.65.0.1\n2 login u=joe i=10.130.0.1\n"
	  "3 login u=joe i=10.240.0.1\n4 login u=joe i=10.3.0.1",
	  "4 suspect joe 70(n); " },
	{ "travel", CITY, "jail j { rule t { travel = 900 score = 50 findtime = 1h } }",
	  "0 login u=joe i=10.1.0.1\n5h login u=joe i=10.65.0.1\n6h login u=joe i=10.1.0.1",
	  "21600 suspect joe 50(t); " },
	{ "travel: a second later", CITY, "jail j { rule t { travel = 900 score = 50 } }",
	  "0 login u=joe i=10.1.0.1\n0 login u=joe i=10.65.0.1", "0 suspect joe 50(t); " },
	{ "travel: an address that lies nowhere", CITY, "jail j { rule t { travel = 900 } }",
	  "0 login u=joe i=10.1.0.1\n10 login u=joe i=10.200.0.1\n20 login u=joe i=10.1.0.1", "" },
	{ "travel: the late line does not fly back", CITY, "jail j { rule t { travel = 900 } }",
	  "5h login u=joe i=10.65.0.1\n1m login u=joe i=10.1.0.1\n5h login u=joe i=10.65.0.1", "" },

	/* The owner's own places. */
	{ "known: counts for no rule about places", 0, NETWORKS("1", "1d"),
	  "0 login u=joe i=10.1.0.1\n1d login u=joe i=10.1.0.1\n2d login u=joe i=10.1.0.1\n"
	  "3d login u=joe i=10.1.0.1\n3d1m login u=joe i=10.2.0.1\n3d2m login u=joe i=10.3.0.1",
	  "259320 act joe 100(net); " },
	{ "known: many logins of one day are one day", 0, NETWORKS("1", "1h"),
	  "0 login u=joe i=10.1.0.1 x100/1m\n1d login u=joe i=10.1.0.1\n1d1m login u=joe "
	  "i=10.2.0.1",
	  "86460 act joe 100(net); " },
	{ "known: but volumes count from there", 0,
	  "jail j { rule m { count = message max = 2 findtime = 1h } }",
	  "0 login u=joe i=10.1.0.1 x4/1d\n3d1h message u=joe i=10.1.0.1 x3/1m",
	  "262920 act joe 100(m); " },
	{ "known: a country where it is known is not new", COUNTRY,
	  "jail j { rule c { distinct = country max = 1 findtime = 1h } }",
	  "0 login u=joe i=10.1.0.1 x4/1d\n3d1m login u=joe i=10.2.0.1\n"
	  "3d2m login u=joe i=10.65.0.1\n3d3m login u=joe i=10.129.0.1",
	  "259380 act joe 100(c); " },
	{ "known: a country, where messages are counted", COUNTRY,
	  "jail j { rule c { distinct = country on = message max = 0 findtime = 1h } }",
	  "0 login u=joe i=10.1.0.1 x4/1d\n3d1m message u=joe i=10.2.0.1\n"
	  "3d2m message u=joe i=10.65.0.1",
	  "259320 act joe 100(c); " },
	{ "unlearned: days before a suspicion prove nothing", 0,
	  "jail j { rule net { distinct = network max = 1 findtime = 1h score = 50 }\n"
	  "rule b { count = login max = 5 findtime = 10d score = 1 } }",
	  "0 login u=joe i=10.1.0.1 x3/1d\n2d1m login u=joe i=10.2.0.1\n3d login u=joe i=10.1.0.1\n"
	  "3d1m login u=joe i=10.3.0.1",
	  "172860 suspect joe 50(net); 259260 suspect joe 51(net,b); " },
	{ "unlearned: not by failures, which anybody can cause", 0,
	  "jail j { rule f { distinct = ip on = failure max = 0 score = 0 findtime = 10d }\n"
	  "rule g { count = login max = 0 score = 50 findtime = 1h after = f within = 10d }\n"
	  "rule net { distinct = network max = 1 findtime = 1h } }",
	  "0 failure u=joe i=10.9.0.1\n1 login u=joe i=10.1.0.1 x4/1d\n3d1m login u=joe "
	  "i=10.2.0.1\n"
	  "3d2m login u=joe i=10.3.0.1",
	  "1 suspect joe 50(g); 259320 act joe 150(g,net); " },
	{ "unlearned: what is known stays known", 0,
	  "jail j { rule net { distinct = network max = 1 findtime = 1h score = 50 }\n"
	  "rule b { count = login max = 8 findtime = 10d score = 1 } }",
	  "0 login u=joe i=10.1.0.1 x4/1d\n3d1m login u=joe i=10.2.0.1\n3d2m login u=joe "
	  "i=10.3.0.1\n"
	  "3d3m login u=joe i=10.4.0.1\n4d login u=joe i=10.1.0.1\n4d1m login u=joe i=10.3.0.1",
	  "259320 suspect joe 50(net); 345660 none joe 1(b); " },
	{ "unlearned: nor do days under suspicion", 0,
	  "jail j { rule net { distinct = network max = 1 findtime = 1h score = 50 }\n"
	  "rule b { count = login max = 5 findtime = 10d score = 1 } }",
	  "0 login u=joe i=10.1.0.1\n1m login u=joe i=10.2.0.1\n1d login u=joe i=10.1.0.1 x3/1d\n"
	  "3d1m login u=joe i=10.3.0.1",
	  "60 suspect joe 50(net); 259260 suspect joe 51(net,b); " },

	/* Volumes. */
	{ "count: max is still allowed", 0, COUNT_LOGINS, "0 login u=joe x3/1s", "" },
	{ "count: one more", 0, COUNT_LOGINS, "0 login u=joe x4/1s", "3 act joe 100(n); " },
	{ "count: findtime to the second", 0, COUNT_LOGINS, "0 login u=joe x9/200s", "" },
	{ "count: just within", 0, COUNT_LOGINS, "0 login u=joe x4/199s", "597 act joe 100(n); " },
	{ "count: a message is a login", 0, COUNT_LOGINS,
	  "0 login u=joe x2/1s\n5 message u=joe x2/1s", "6 act joe 100(n); " },
	{ "count: a failure is none", 0, COUNT_LOGINS, "0 failure u=joe i=10.1.0.1 x9/1s", "" },
	{ "count: only one service", 0,
	  "jail j { rule n { count = login service = imap max = 1 findtime = 1h } }",
	  "0 login u=joe v=smtp x5/1s\n10 login u=joe v=imap\n20 login u=joe v=imap",
	  "20 act joe 100(n); " },
	{ "count: logouts", 0, "jail j { rule n { count = logout max = 1 findtime = 1h } }",
	  "0 logout u=joe x2/1s", "1 act joe 100(n); " },
	{ "sum: recipients by the queue id", 0,
	  "jail j { rule r { sum = recipients max = 100 findtime = 1h } }",
	  "0 message u=joe i=10.1.0.1 q=A%\n1 queued q=A1 n=60\n2 queued q=B1 n=900\n"
	  "3 message u=joe q=A2\n4 queued q=A2 n=41",
	  "4 act joe 100(r); " },
	{ "sum: a retry says them again", 0,
	  "jail j { rule r { sum = recipients max = 100 findtime = 1h } }",
	  "0 message u=joe q=A\n1 queued q=A n=60 x9/1m", "" },
	{ "sum: an id is used again", 0,
	  "jail j { rule r { sum = recipients max = 100 findtime = 1h } }",
	  "0 message u=joe q=A\n1 queued q=A n=60\n2 removed q=A\n3 queued q=A n=60\n"
	  "4 message u=joe q=A\n5 queued q=A n=41",
	  "5 act joe 100(r); " },
	{ "sum: a content filter's second id", 0,
	  "jail j { rule r { sum = recipients max = 100 findtime = 1h } }",
	  "0 message u=joe q=A\n1 queued q=A n=60\n2 queued o=A q=B\n3 queued q=B n=60\n"
	  "4 queued o=X q=Y\n5 queued q=Y n=900",
	  "" },
	{ "sum: deliveries add up", 0,
	  "jail j { rule r { sum = recipients max = 3 findtime = 1h } }",
	  "0 message u=joe q=A\n1 queued q=A n=1 each x4/1s", "4 act joe 100(r); " },
	{ "sum: in the message's own line", 0,
	  "jail j { rule r { sum = recipients max = 100 findtime = 1h } }",
	  "0 message u=joe q=A n=60\n1 queued q=A n=60\n2 message u=joe q=B n=41",
	  "2 act joe 100(r); " },
	{ "sum: bytes", 0, "jail j { rule b { sum = bytes max = 1000 findtime = 1h } }",
	  "0 message u=joe q=A\n1 queued q=A b=900 n=1\n2 message u=joe q=B b=101",
	  "2 act joe 100(b); " },
	{ "from unknown addresses alone", OWN,
	  "jail j { rule r { sum = recipients from = unknown max = 100 findtime = 1h } }",
	  "0 login u=joe i=10.1.0.1 x4/1d\n3d1m message u=joe i=10.1.0.1 q=A\n"
	  "3d1m queued q=A n=900\n3d2m message u=joe i=198.51.100.1 q=B\n3d2m queued q=B n=900\n"
	  "3d3m message u=joe q=C\n3d3m queued q=C n=900\n3d4m message u=joe i=10.2.0.1 q=D\n"
	  "3d4m queued q=D n=60\n3d5m message u=joe i=10.3.0.1 q=E\n3d5m queued q=E n=41",
	  "259500 act joe 100(r); " },
	{ "bounces from unknown addresses", 0,
	  "jail j { rule b { count = bounce from = unknown max = 1 findtime = 1h } }",
	  "0 login u=joe i=10.1.0.1 x4/1d\n3d1m message u=joe i=10.1.0.1 q=A\n"
	  "3d1m bounce q=A x9/1s\n3d2m message u=joe i=10.2.0.1 q=B\n3d2m bounce q=B x2/1s",
	  "259321 act joe 100(b); " },
	{ "bounces: the share that is allowed", 0,
	  "jail j { rule b { count = bounce max = 2 percent = 10 findtime = 1h } }",
	  "0 message u=joe q=A\n1 queued q=A n=40\n2 bounce q=A x4/1s", "" },
	{ "bounces: more than their share", 0,
	  "jail j { rule b { count = bounce max = 2 percent = 10 findtime = 1h } }",
	  "0 message u=joe q=A\n1 queued q=A n=40\n2 bounce q=A x5/1s\n"
	  "9 message u=joe q=B\n9 queued q=B n=40\n10 login u=joe i=10.1.0.1",
	  "6 act joe 100(b); " },
	{ "bounces: their share, but few", 0,
	  "jail j { rule b { count = bounce max = 5 percent = 10 findtime = 1h } }",
	  "0 message u=joe q=A\n1 queued q=A n=9\n2 bounce q=A x5/1s", "" },
	{ "bounces: a share of the same hour", 0,
	  "jail j { rule b { count = bounce max = 2 percent = 10 findtime = 1h } }",
	  "0 message u=joe q=A\n1 queued q=A n=900\n2h message u=joe q=B\n2h queued q=B n=9\n"
	  "2h1m bounce q=B x3/1s",
	  "7262 act joe 100(b); " },
	{ "bounces by the queue id", 0,
	  "jail j { rule b { count = bounce max = 2 findtime = 1h } }",
	  "0 message u=joe q=A\n1 bounce q=B x9/1s\n20 bounce q=A x3/1s", "22 act joe 100(b); " },
	{ "bounces of the second id", 0,
	  "jail j { rule b { count = bounce max = 2 findtime = 1h } }",
	  "0 message u=joe q=A\n1 queued o=A q=B\n2 removed q=A\n20 bounce q=B x3/1s",
	  "22 act joe 100(b); " },
	{ "refused on the way back from the filter", 0,
	  "jail j { rule b { count = bounce max = 2 findtime = 1h } }",
	  "0 message u=joe q=A\n1 queued o=A q=B\n2 bounce q=B i=127.0.0.1 x9/1s\n"
	  "20 bounce q=A x3/1s",
	  "22 act joe 100(b); " },
	{ "bounces that name the user", 0,
	  "jail j { rule b { count = bounce max = 2 findtime = 1h } }",
	  "0 bounce u=joe i=10.1.0.1 x3/1s", "2 act joe 100(b); " },
	{ "per address", 0,
	  "jail j { rule a { count = message by = 'user+ip' max = 2 findtime = 1h } }",
	  "0 message u=joe i=10.0.0.% x9/1s\n20 message u=ann i=10.0.0.1 x2/1s\n"
	  "30 message u=joe i=10.0.0.1 x2/1s",
	  "31 act joe 100(a); " },
	{ "per session", 0,
	  "jail j { rule s { count = message by = session max = 2 findtime = 1h } }",
	  "0 message u=joe i=10.0.0.1 p=% x9/1s\n20 message u=joe i=10.0.0.1 s=% p=99 x5/1s\n"
	  "30 message u=joe i=10.0.0.1 x9/1s\n40 message u=joe i=10.0.0.1 s=x p=% x3/1s",
	  "42 act joe 100(s); " },
	{ "per session: by process id", 0,
	  "jail j { rule s { count = message by = session max = 2 findtime = 1h } }",
	  "0 message u=joe i=10.0.0.1 p=7 x3/1s", "2 act joe 100(s); " },
	{ "surge: too few days for a mean", 0,
	  "jail j { rule g { surge = message factor = 5 over = 30d max = 10 least_days = 7 } }",
	  "0 message u=joe x6/1d\n6d message u=joe x100/1m", "" },
	{ "surge: five times the mean", 0,
	  "jail j { rule g { surge = message factor = 5 over = 30d max = 10 least_days = 7 } }",
	  /* four a day, an hour apart, on eight days */
	  "0 message u=joe x8/1d\n1h message u=joe x8/1d\n2h message u=joe x8/1d\n"
	  "3h message u=joe x8/1d\n8d4h message u=joe x21/1m",
	  /* and of yesterday's four the part that lies within 24 hours */
	  "706620 act joe 100(g); " },
	{ "surge: below the floor", 0,
	  "jail j { rule g { surge = message factor = 5 over = 30d max = 50 least_days = 7 } }",
	  "0 message u=joe x8/1d\n8d1h message u=joe x50/1m", "" },

	/* Rules together. */
	{ "scores add up", 0,
	  "jail j { rule a { count = login max = 2 score = 50 findtime = 1h }\n"
	  "rule b { distinct = network max = 1 score = 50 findtime = 1h } }",
	  "0 login u=joe i=10.1.0.1 x3/1s\n10 login u=joe i=10.2.0.1",
	  "2 suspect joe 50(a); 10 act joe 100(a,b); " },
	{ "scores fall again", 0,
	  "jail j { rule a { count = login max = 2 score = 50 findtime = 1h }\n"
	  "rule b { distinct = network max = 1 score = 50 findtime = 10m } }",
	  "0 login u=joe i=10.1.0.1 x3/1s\n10 login u=joe i=10.2.0.1\n1000 login u=joe i=10.2.0.1",
	  "2 suspect joe 50(a); 10 act joe 100(a,b); 1000 suspect joe 50(a); " },
	{ "below suspect", 0, "jail j { rule a { count = login max = 0 score = 49 } }",
	  "0 login u=joe", "0 none joe 49(a); " },
	{ "own thresholds", 0,
	  "jail j { suspect = 10 threshold = 20 rule a { count = login max = 0 score = 20 } }",
	  "0 login u=joe", "0 act joe 20(a); " },
	{ "dry run", 0,
	  "jail j { rule a { count = login max = 0 dry_run = yes }\n"
	  "rule b { count = login max = 1 score = 50 } }",
	  "0 login u=joe x2/1s", "0 none joe 0(a); 1 suspect joe 50(a,b); " },
	{ "after: nothing before", 0,
	  "jail j { rule a { count = message max = 0 score = 0 }\n"
	  "rule b { count = login max = 1 after = a within = 1h findtime = 1d } }",
	  "0 login u=joe x9/1m", "" },
	{ "group: the highest score counts, once", 0,
	  "jail j { rule a { count = login max = 0 score = 30 group = g }\n"
	  "rule b { count = login max = 1 score = 60 group = g }\n"
	  "rule c { count = login max = 2 score = 40 group = g }\n"
	  "rule d { count = login max = 3 score = 40 } }",
	  "0 login u=joe x4/1s",
	  "0 none joe 30(a); 1 suspect joe 60(a,b); 2 suspect joe 60(a,b,c); "
	  "3 act joe 100(a,b,c,d); " },
	{ "group: two of them", 0,
	  "jail j { rule a { count = login max = 0 score = 30 group = g }\n"
	  "rule b { count = login max = 0 score = 20 group = h }\n"
	  "rule c { count = login max = 0 score = 50 group = h } }",
	  "0 login u=joe", "0 suspect joe 80(a,b,c); " },
	{ "group: what follows failures hides no sure sign", 0,
	  "jail j { rule f { distinct = ip on = failure max = 0 score = 0 findtime = 1h }\n"
	  "rule a { count = login max = 0 score = 100 after = f group = g }\n"
	  "rule b { count = login max = 1 score = 100 group = g } }",
	  "0 failure u=joe i=10.1.0.1\n1 login u=joe x2/1s",
	  "1 suspect joe 100(a); 2 act joe 100(a,b); " },
	{ "after: within", 0,
	  "jail j { rule a { count = message max = 0 score = 0 }\n"
	  "rule b { count = login max = 2 after = a within = 1h findtime = 1d } }",
	  "0 login u=joe x2/1m\n10m message u=joe\n11m login u=joe x2/1m\n70m login u=joe",
	  "720 act joe 100(a,b); 4200 act joe 100(b); " },
	{ "after: what came before doesn't count", 0,
	  "jail j { rule a { count = logout max = 0 score = 0 }\n"
	  "rule b { count = login max = 2 after = a within = 1h findtime = 1d } }",
	  "0 login u=joe x9/1m\n10m logout u=joe\n11m login u=joe x2/1m", "" },
	{ "after: too long after", 0,
	  "jail j { rule a { count = logout max = 0 score = 0 findtime = 1m }\n"
	  "rule b { count = login max = 1 after = a within = 1h findtime = 1d } }",
	  "0 logout u=joe\n3601 login u=joe x3/1m", "" },
	{ "after: just in time", 0,
	  "jail j { rule a { count = logout max = 0 score = 0 findtime = 1m }\n"
	  "rule b { count = login max = 0 after = a within = 1h findtime = 1d } }",
	  "0 login u=joe\n10 logout u=joe\n3610 login u=joe", "3610 act joe 100(b); " },
	{ "after: another account's", 0,
	  "jail j { rule a { count = logout max = 0 score = 0 }\n"
	  "rule b { count = login max = 1 after = a within = 1h findtime = 1d } }",
	  "0 logout u=ann\n10 login u=joe x3/1m", "" },
	{ "harvest, then a burst", 0,
	  "jail j { rule h { distinct = network service = { imap, pop3 } max = 2 findtime = 1d "
	  "score = 0 }\n"
	  "rule b { sum = recipients max = 100 findtime = 1h score = 100 after = h within = 1d } }",
	  "0 login u=joe v=imap i=10.%.0.1 x3/1h\n10h message u=joe v=smtp i=10.9.0.1 q=A\n"
	  "10h queued q=A n=101",
	  "36000 act joe 100(h,b); " },
	{ "two jails", 0,
	  "jail j { rule a { count = login max = 0 score = 50 } }\n"
	  "jail k { rule b { count = login max = 1 } }",
	  "0 login u=joe x2/1s", "0 suspect joe 50(a); 1 act joe 100(b); " },
	{ "a jail's own filters", 0, "jail j { filter = two rule a { count = login max = 0 } }",
	  "0 login u=joe f=one\n1 login u=joe f=two", "1 act joe 100(a); " },

	/* Failures. */
	{ "guessed: told, never acted on", 0,
	  "jail j { rule f { distinct = ip on = failure max = 2 score = 0 findtime = 1h }\n"
	  "rule g { distinct = network max = 0 score = 500 after = f within = 1h findtime = 1h } }",
	  "0 failure u=joe i=10.%.0.1 x3/1s\n10 login u=joe i=10.9.0.1",
	  "10 suspect joe 500(g); " },
	{ "guessed: the rest still counts", 0,
	  "jail j { rule f { distinct = ip on = failure max = 2 score = 0 findtime = 1h }\n"
	  "rule g { distinct = network max = 0 score = 100 after = f within = 1h findtime = 1h }\n"
	  "rule n { count = login max = 1 findtime = 1h } }",
	  "0 failure u=joe i=10.%.0.1 x3/1s\n10 login u=joe i=10.9.0.1 x2/1s",
	  "10 suspect joe 100(g); 11 act joe 200(g,n); " },
	{ "guessed: not by failures alone", 0,
	  "jail j { rule f { distinct = ip on = failure max = 2 score = 0 findtime = 1h }\n"
	  "rule g { distinct = network max = 0 after = f within = 1h findtime = 1h } }",
	  "0 failure u=joe i=10.%.0.1 x90/1s", "" },
	{ "brute force", 0, "jail j { rule f { count = failure by = ip max = 4 findtime = 10m } }",
	  "0 failure i=10.1.0.1 u=u% x4/1s\n10 failure i=10.1.0.2 u=a x4/1s\n20 failure i=10.1.0.1",
	  "20 act 10.1.0.1 100(f); " },
	{ "brute force: a /64", 0,
	  "jail j { rule f { count = failure by = ip max = 4 findtime = 10m } }",
	  "0 failure i=2001:db8::% x5/1s", "4 act 2001:db8::/64 100(f); " },
	{ "brute force: no address said", 0,
	  "jail j { rule f { count = failure by = ip max = 0 findtime = 10m } }",
	  "0 failure u=joe x9/1s", "" },
	{ "brute force: reset by a good login", 0,
	  "jail j { rule f { count = failure by = ip max = 2 findtime = 10m reset_on_success = yes "
	  "} }",
	  "0 failure i=10.1.0.1 x2/1s\n5 login u=joe i=10.1.0.1\n6 failure i=10.1.0.1 x2/1s\n"
	  "10 login u=joe i=10.1.0.2\n11 failure i=10.1.0.1",
	  "11 act 10.1.0.1 100(f); " },
	{ "brute force: no reset unless asked for", 0,
	  "jail j { rule f { count = failure by = ip max = 2 findtime = 10m } }",
	  "0 failure i=10.1.0.1 x2/1s\n5 login u=joe i=10.1.0.1\n6 failure i=10.1.0.1",
	  "6 act 10.1.0.1 100(f); " },
	{ "brute force: a customer's address is told of", 0,
	  "jail j { rule f { count = failure by = ip max = 2 findtime = 10m } }",
	  "0 login u=joe i=10.1.0.1 x4/1d\n3d1h failure i=10.1.0.1 u=ann x3/1s",
	  "262802 suspect 10.1.0.1 100(f); " },
	{ "brute force: a customer's address after the long holidays", 0,
	  "jail j { rule f { count = failure by = ip max = 2 findtime = 10m } }",
	  "0 login u=joe i=10.1.0.1 x4/1d\n80d failure i=10.1.0.1 u=ann x3/1s",
	  "6912002 suspect 10.1.0.1 100(f); " },
	{ "brute force: no customer's any more", 0,
	  "jail j { rule f { count = failure by = ip max = 2 findtime = 10m } }",
	  "0 login u=joe i=10.1.0.1 x4/1d\n95d failure i=10.1.0.1 u=ann x3/1s",
	  "8208002 act 10.1.0.1 100(f); " },
	{ "brute force: not yet a customer's", 0,
	  "jail j { rule f { count = failure by = ip max = 2 findtime = 10m } }",
	  "0 login u=joe i=10.1.0.1 x2/1d\n1d1h failure i=10.1.0.1 u=ann x3/1s",
	  "90002 act 10.1.0.1 100(f); " },
	{ "brute force: a mail fetcher is told of", 0,
	  "fetcher g { networks = { 10.1.0.0/16 } }\n"
	  "jail j { rule f { count = failure by = ip max = 2 findtime = 10m } }",
	  "0 failure i=10.1.0.1 u=ann x3/1s", "2 suspect 10.1.0.1 100(f); " },
	{ "brute force: the server's own address is told of", OWN,
	  "jail j { rule f { count = failure by = ip max = 2 findtime = 10m } }",
	  "0 failure i=198.51.100.7 x3/1s", "2 suspect 198.51.100.7 100(f); " },
	{ "offences", 0, "jail j { rule f { count = offence by = ip max = 1 findtime = 10m } }",
	  "0 failure i=10.1.0.1 x3/1s\n10 offence i=10.1.0.1 x2/1s", "11 act 10.1.0.1 100(f); " },
	{ "by network", 0,
	  "jail j { rule f { count = failure by = network max = 4 findtime = 10m } }",
	  "0 failure i=10.1.%.1 x5/1s", "4 act 10.1.5.1 100(f); " },
	{ "spraying", 0,
	  "jail j { rule s { distinct = user on = failure by = ip max = 3 findtime = 1h } }",
	  "0 failure i=10.1.0.1 u=joe x50/1s\n60 failure i=10.1.0.1 u=u% x3/1s",
	  "62 act 10.1.0.1 100(s); " },
	{ "spraying: one name in many spellings", REALM,
	  "jail j { rule s { distinct = user on = failure by = ip max = 1 findtime = 1h } }",
	  "0 failure i=10.1.0.1 u=joe\n1 failure i=10.1.0.1 u=JOE\n"
	  "2 failure i=10.1.0.1 u=Joe@Example.ORG",
	  "" },
	{ "guessing", 0,
	  "jail j { rule g { distinct = ip on = failure by = user max = 3 findtime = 1h } }",
	  "0 failure u=joe i=10.1.0.1 x50/1s\n60 failure u=joe i=10.%.0.1 x4/1s",
	  "63 act joe 100(g); " },
	{ "guessing: the owner's own mistakes", 0,
	  "jail j { rule g { distinct = ip on = failure by = user max = 1 findtime = 1h } }",
	  "0 login u=joe i=10.1.0.1 x4/1d\n3d1h failure u=joe i=10.1.0.1\n"
	  "3d2h failure u=joe i=10.2.0.1\n3d2h failure u=joe i=10.3.0.1",
	  "266400 act joe 100(g); " },
	{ "failures do not spoil an account's jail", 0,
	  "jail j { rule n { count = login max = 1 findtime = 1h } }\n"
	  "jail k { rule g { count = failure by = user max = 1 findtime = 1h } }",
	  "0 failure u=joe i=10.1.0.1 x2/1s\n5 login u=joe i=10.1.0.1", "1 act joe 100(g); " },

	{ "brute force: repeats that the log has folded", 0,
	  "jail j { rule f { count = failure by = ip max = 5 findtime = 10m } }",
	  "0 failure i=10.1.0.1\n9 failure i=10.1.0.1 r=3\n10 failure i=10.1.0.1",
	  "10 act 10.1.0.1 100(f); " },

	/* Who is who. */
	{ "names: case and blanks", 0, COUNT_LOGINS,
	  "0 login u=joe@example.org\n1 login u=Joe@Example.Org\n2 login u=JOE@EXAMPLE.ORG\n"
	  "3 login u=_joe@example.org_",
	  "3 act joe@example.org 100(n); " },
	{ "names: a realm for those without", REALM, COUNT_LOGINS,
	  "0 login u=joe x2/1s\n5 login u=joe@example.org x2/1s\n10 login u=joe@example.com",
	  "6 act joe@example.org 100(n); " },
	{ "names: no realm, no same account", 0, COUNT_LOGINS,
	  "0 login u=joe x2/1s\n5 login u=joe@example.org x2/1s", "" },
	{ "names: none", 0, COUNT_LOGINS, "0 login i=10.1.0.1 x9/1s\n20 login u=_ x9/1s", "" },
	{ "limits: more for a class", 0,
	  "jail j { rule n { count = login max = 1 findtime = 1h } rule m { count = login max = 4 "
	  "findtime = 1h }\n"
	  "limits news { users = 'news@*' rule n { max = 3 } } }",
	  "0 login u=news@x x4/1s\n10 login u=joe x2/1s",
	  "3 act news@x 100(n); 11 act joe 100(n); " },
	{ "limits: less for a class", 0,
	  "jail j { rule n { count = login max = 9 findtime = 1h }\n"
	  "limits admins { users = { 'root', 'admin*' } rule n { max = 1 score = 60 } } }",
	  "0 login u=Admin1 x2/1s\n10 login u=joe x9/1s", "1 suspect admin1 60(n); " },
	{ "limits: fewer networks for a class", 0,
	  "jail j { rule n { distinct = network max = 9 findtime = 1h }\n"
	  "limits admins { users = root rule n { max = 1 } } }",
	  "0 login u=root i=10.%.0.1 x2/1s\n10 login u=joe i=10.%.0.1 x9/1s",
	  "1 act root 100(n); " },
	{ "limits: more networks for a class", 0,
	  "jail j { rule n { distinct = network max = 1 findtime = 1h }\n"
	  "limits l { users = crowd rule n { max = 100 } } }",
	  "0 login u=crowd i=10.%.0.1 x100/1s\n200 login u=crowd i=10.101.0.1",
	  "200 act crowd 100(n); " },
	{ "limits: more values than its window would keep", 0,
	  "jail j { rule n { distinct = ip on = message max = 1 findtime = 1h }\n"
	  "limits l { users = crowd rule n { max = 100 } } }",
	  "0 message u=crowd i=10.%.0.1 x101/1s", "100 act crowd 100(n); " },
	{ "limits: a score of 0", 0,
	  "jail j { rule n { count = login max = 1 findtime = 1h }\n"
	  "limits news { users = 'news@*' rule n { score = 0 } } }",
	  "0 login u=news@x x4/1s", "1 none news@x 0(n); " },
	{ "ignored user", 0, "jail j { ignoreuser = 'Mon*' rule n { count = login max = 0 } }",
	  "0 login u=monitor i=10.1.0.1\n1 login u=joe i=10.1.0.1", "1 act joe 100(n); " },
	{ "ignored address", 0,
	  "jail j { ignoreip = 10.1.0.0/16 rule n { count = login max = 0 } }",
	  "0 login u=joe i=10.1.0.1\n1 login u=joe i=10.2.0.1", "1 act joe 100(n); " },
	{ "ignored address: is no second place", 0,
	  "jail j { ignoreip = 10.1.0.0/16 rule n { distinct = network max = 1 findtime = 1h } }",
	  "0 login u=joe i=10.1.0.1\n1 login u=joe i=10.2.0.1", "" },
	{ "ignored address: fails as it likes", 0,
	  "jail j { ignoreip = 10.1.0.0/16 rule n { count = failure by = ip max = 1 } }",
	  "0 failure i=10.1.0.1 x9/1s\n20 failure i=10.2.0.1 x2/1s", "21 act 10.2.0.1 100(n); " },
	{ "ignored country", COUNTRY,
	  "jail j { ignorecountry = FR rule n { count = login max = 0 } }",
	  "0 login u=joe i=10.65.0.1\n1 login u=joe i=10.1.0.1", "1 act joe 100(n); " },
	{ "ignored ASN", ASN, "jail j { ignoreasn = AS64502 rule n { count = login max = 0 } }",
	  "0 login u=joe i=10.65.0.1\n1 login u=joe i=10.1.0.1", "1 act joe 100(n); " },
	{ "ignored by one jail alone", 0,
	  "jail j { ignoreip = 10.1.0.0/16 rule a { count = login max = 0 } }\n"
	  "jail k { rule b { count = login max = 0 } }",
	  "0 login u=joe i=10.1.0.1", "0 act joe 100(b); " },
};

/* A jail's last word about somebody. */
struct opinion {
	const struct jail *jail;
	const struct subject *subject;
	char text[200];
};

struct listener {
	struct opinion opinion[16];
	size_t n;
	char said[SAID_MOST];
	size_t used;
};

static void on_verdict(void *ctx, const struct verdict *v)
{
	static const char *const levels[] = { "none", "suspect", "act" };
	struct listener *l = ctx;
	struct opinion *o = l->opinion;
	char text[200];
	size_t used = (size_t)snprintf(text, sizeof(text), "%s %s %u(", levels[v->level],
				       v->subject->name, v->score);

	for (size_t i = 0; i < v->n_findings; i++) {
		assert_true(v->finding[i].value > v->finding[i].max);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? "," : "",
					 v->finding[i].rule->name);
	}
	while (o < l->opinion + l->n && (o->jail != v->jail || o->subject != v->subject))
		o++;
	assert_true(o < l->opinion + COUNT(l->opinion));
	l->n += o == l->opinion + l->n;
	if (strcmp(o->text, text) == 0)
		return;
	*o = (struct opinion){ .jail = v->jail, .subject = v->subject };
	memcpy(o->text, text, sizeof(text));
	l->used += (size_t)snprintf(l->said + l->used, SAID_MOST - l->used, "%lld %s); ",
				    (long long)(instant_s(v->at) - SCRIPT_T0), text);
	assert_true(l->used < SAID_MOST);
}

/* The same into both engines, event by event: neither may have a part in the other. */
static void play(struct engine *const e[2], const char *script)
{
	struct arena *a = arena_new();
	struct event event;

	for (const char *line = script; *line; line = script_next(line)) {
		unsigned int times = script_event(&event, a, line, 1);

		for (unsigned int count = 1; count <= times; count++) {
			(void)script_event(&event, a, line, count);
			engine_event(e[0], &event);
			engine_event(e[1], &event);
		}
	}
	arena_free(a);
}

static struct jail_set *load_jails(const char *text)
{
	struct jail_defaults defaults = { 0 };
	struct jail_set *jails = NULL;
	struct err err;

	if (jail_set_load_text(&jails, "jail.conf", text, filters, &defaults, &err) < 0)
		fail_msg("%s", err.text);
	return jails;
}

static struct engine_options options_for(unsigned int world, const struct prefixset *own,
					 struct listener *l)
{
	return (struct engine_options){
		.geoip = geoip[world & (COUNTRY | ASN | CITY)],
		.own = world & OWN ? own : NULL,
		.default_realm = world & REALM ? "Example.org" : NULL,
		.known_days = 3,
		.on_verdict = on_verdict,
		.ctx = l,
	};
}

static struct prefixset own_addresses(void)
{
	struct prefixset own = { 0 };
	struct prefix p;

	assert_true(prefix_parse(&p, slice_of("198.51.100.0/24")));
	prefixset_add(&own, &p);
	prefixset_seal(&own);
	return own;
}

static void decides(void **state)
{
	const struct row *row = *state;
	struct prefixset own = own_addresses();
	struct jail_set *jails = load_jails(row->jail);
	struct listener l[2] = { 0 };
	struct engine *e[2];

	for (size_t i = 0; i < 2; i++) {
		struct engine_options options = options_for(row->world, &own, &l[i]);

		e[i] = engine_new(jails, &options);
	}
	play(e, row->script);
	assert_string_equal(l[0].said, row->want);
	assert_string_equal(l[1].said, row->want);
	engine_free(e[0]);
	engine_free(e[1]);
	jail_set_free(jails);
	prefixset_fini(&own);
}

/* What no run of events may ever break. */
static void on_any_verdict(void *ctx, const struct verdict *v)
{
	unsigned int score = 0, of_failures = 0, *acts = ctx;

	assert_true(v->n_findings > 0 && v->n_findings <= v->jail->n_rules);
	assert_int_equal(v->subject->kind, v->jail->subject);
	assert_true(v->begin_s <= (uint32_t)instant_s(v->at));
	for (size_t i = 0; i < v->n_findings; i++) {
		const struct finding *f = &v->finding[i];

		assert_true(f->value > f->max);
		assert_true(!f->rule->dry_run || f->score == 0);
		score += f->score;
		of_failures += f->rule->of_failures ? f->score : 0;
	}
	assert_int_equal(v->score, score);
	if (v->subject->kind == SUBJECT_ACCOUNT)
		assert_int_equal(v->level == LEVEL_ACT, score - of_failures >= v->jail->threshold);
	if (v->level < LEVEL_ACT)
		assert_int_equal(v->level == LEVEL_SUSPECT, score >= v->jail->suspect);
	acts[v->level]++;
}

static uint64_t random_next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return *seed >> 33;
}

static void random_event(struct event *event, struct arena *a, uint64_t *seed, int64_t *now_ms)
{
	static const char *const services[] = { "smtp", "imap", "pop3", "sieve" };
	char text[64];

	*now_ms += (int64_t)(random_next(seed) % 60000) - 2000;
	*event = (struct event){ .time = { *now_ms } };
	event->kind = (enum event_kind)(random_next(seed) % EVENT_KINDS);
	(void)snprintf(text, sizeof(text), "10.%u.0.%u", (unsigned int)(random_next(seed) % 40 * 6),
		       (unsigned int)(random_next(seed) % 4));
	event->has_ip = random_next(seed) % 8 != 0 && address_parse(&event->ip, slice_of(text));
	if (random_next(seed) % 8 != 0)
		event->field[FIELD_USER] =
			script_expand(a, "user%", (unsigned int)(random_next(seed) % 30));
	if (random_next(seed) % 4 != 0)
		event->field[FIELD_QUEUE_ID] =
			script_expand(a, "Q%", (unsigned int)(random_next(seed) % 200));
	if (random_next(seed) % 16 == 0)
		event->field[FIELD_ORIG_QUEUE_ID] =
			script_expand(a, "Q%", (unsigned int)(random_next(seed) % 200));
	if (random_next(seed) % 4 != 0)
		event->field[FIELD_SERVICE] = slice_of(services[random_next(seed) % 4]);
	event->recipients = (uint32_t)(random_next(seed) % 30);
	event->bytes = random_next(seed) % 100000;
	event->pid = (uint32_t)(random_next(seed) % 5);
	if (random_next(seed) % 500 == 0)
		event->time.ms = (int64_t)(random_next(seed) << 20) - (INT64_C(1) << 40);
}

static void keeps_promises(void **state)
{
	static const char text[] =
		"jail a { rule n { distinct = network max = 3 findtime = 1h score = 50 }\n"
		"  rule c { distinct = country max = 1 findtime = 1h score = 30 }\n"
		"  rule f { foreign = { ES } max = 0 findtime = 1d score = 20 }\n"
		"  rule r { sum = recipients max = 100 findtime = 1h score = 50 }\n"
		"  rule b { count = bounce max = 10 findtime = 1h score = 50 }\n"
		"  rule s { surge = message max = 5 factor = 2 least_days = 1 }\n"
		"  rule p { count = message by = 'user+ip' max = 4 findtime = 1h score = 10 }\n"
		"  rule q { count = message by = session max = 2 findtime = 1h score = 10 }\n"
		"  rule d { count = login max = 1 findtime = 1h dry_run = yes }\n"
		"  rule g { distinct = ip on = failure max = 2 findtime = 1h score = 0 }\n"
		"  rule h { distinct = network max = 0 findtime = 1h after = g within = 1h score = "
		"200 }\n"
		"  limits l { users = 'user1*' rule n { max = 8 } rule b { max = 1 } } }\n"
		"jail i { rule f { count = failure by = ip max = 4 reset_on_success = yes }\n"
		"  rule u { distinct = user on = failure by = ip max = 3 findtime = 1h } }\n"
		"jail o { rule o { count = offence by = network max = 6 findtime = 1h } }\n"
		"jail g { ignoreip = 10.6.0.0/16 rule g { distinct = ip on = failure max = 5 "
		"findtime = 1h } }\n"
		"fetcher f { networks = 10.30.0.0/16 }\n";
	struct prefixset own = own_addresses();
	unsigned int acts[3] = { 0 };
	struct engine_options options = options_for(COUNTRY | OWN, &own, NULL);
	struct jail_set *jails = load_jails(text);
	int64_t now_ms = SCRIPT_T0 * INT64_C(1000);
	uint64_t seed = 3;
	struct engine *e;

	(void)state;
	options.on_verdict = on_any_verdict;
	options.ctx = acts;
	e = engine_new(jails, &options);
	for (int round = 0; round < 400; round++) {
		struct arena *a = arena_new();
		struct event event;

		for (int i = 0; i < 100; i++) {
			random_event(&event, a, &seed, &now_ms);
			engine_event(e, &event);
		}
		arena_free(a);
	}
	assert_true(acts[LEVEL_NONE] > 100 && acts[LEVEL_SUSPECT] > 100 && acts[LEVEL_ACT] > 100);
	assert_int_equal(engine_accounts(e), 30);
	engine_free(e);
	jail_set_free(jails);
	prefixset_fini(&own);
}

static int open_geoip(unsigned int world)
{
	char *country = world & COUNTRY ? mmdb_path("country")
			: world & CITY  ? mmdb_path("city")
					: NULL;
	char *asn = world & ASN ? mmdb_path("asn") : NULL;
	struct err err;
	int ret = geoip_open(&geoip[world], country, asn, &err);

	free(country);
	free(asn);
	return ret;
}

static int begin(void **state)
{
	struct err err;

	(void)state;
	if (mmdb_make() < 0 || filter_set_load_text(&filters, "f.conf", script_filters, &err) < 0)
		return -1;
	return open_geoip(COUNTRY) | open_geoip(ASN) | open_geoip(CITY) | open_geoip(COUNTRY | ASN);
}

static int end(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(geoip); i++)
		geoip_close(geoip[i]);
	filter_set_free(filters);
	mmdb_end();
	return 0;
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + 1] = { cmocka_unit_test(keeps_promises) };
	size_t n = 1;

	ADD_ROWS(tests, n, rows, decides);
	return _cmocka_run_group_tests(__FILE__, tests, n, begin, end);
}
