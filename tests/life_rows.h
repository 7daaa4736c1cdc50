/* life_rows.h - lives of decisions: what happens, and what is told; see test_life.c for the words */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define ACCOUNTS                                                 \
	"jail acc { bantime = 1d suspect = 50 threshold = 100\n" \
	"rule s { count = login max = 1 score = 50 }\n"          \
	"rule t { count = login max = 3 score = 50 }\n"          \
	"action log { at = suspect } action nftables {} action postfix-map {} }\n"
#define SENDERS                                                        \
	"jail acc { bantime = 1d rule n { count = message max = 1 }\n" \
	"action nftables {} action postfix-hold {} }\n"
#define ADDRESSES                                                                            \
	"jail ip { bantime = 10m rule f { count = failure by = ip max = 1 findtime = 1h }\n" \
	"action nftables {} }\n"
#define NAMES                                                                               \
	"jail nam { bantime = 1d rule g { distinct = ip on = failure by = user max = 1 }\n" \
	"action nftables {} action postfix-map {} }\n"

static const struct row {
	const char *name;
	const char *jails;
	const char *script;
	const char *want;
	const char *other; /* jails after "reload" */
	unsigned int brake_n;
	bool dry;
} rows[] = {
	{ "nothing", ACCOUNTS, "0 login u=joe\n1 batch log", "log: nothing\n", NULL, 0, false },
	{ "a suspicion is told once, to those that want it", ACCOUNTS,
	  "0 login u=joe x2/1s\n3 batch log\n3 done log\n3 batch nftables\n4 batch log\n"
	  "5 login u=joe\n6 batch log",
	  "! decided #1 suspect joe\nlog: apply #1 joe suspect until 86401\n"
	  "nftables: nothing\nlog: nothing\nlog: nothing\n#1 joe active, log applied\n",
	  NULL, 0, false },
	{ "a suspicion becomes certain", ACCOUNTS,
	  "0 login u=joe x2/1s\n3 batch log\n3 done log\n4 login u=joe x2/1s\n6 batch log\n"
	  "6 done log\n6 batch postfix-map\n6 done postfix-map\n7 login u=joe\n8 batch log",
	  "! decided #1 suspect joe\nlog: apply #1 joe suspect until 86401\n"
	  "! raised #1 act joe\nlog: apply #1 joe act until 86405\n"
	  "postfix-map: apply #1 joe act until 86405\nlog: nothing\n"
	  "#1 joe active, log applied, nftables pending, postfix-map applied\n",
	  NULL, 0, false },
	{ "certain at once", ADDRESSES,
	  "0 failure i=192.0.2.1 x2/1s\n3 batch nftables\n3 done nftables\n"
	  "4 failure i=192.0.2.1\n5 batch nftables",
	  "! decided #1 act 192.0.2.1\nnftables: apply #1 act until 601 192.0.2.1\n"
	  "nftables: nothing\n#1 192.0.2.1 active, nftables applied\n",
	  NULL, 0, false },
	{ "an address of the machine is never banned", ADDRESSES,
	  "0 failure i=198.51.100.7 x2/1s\n3 batch nftables\n4 ban 198.51.100.0/24\n"
	  "5 ban 198.51.100.7",
	  "! decided #1 act 198.51.100.7\n! guarded #1 act 198.51.100.7: 198.51.100.7\n"
	  "nftables: apply #1 act until 601\nrefused: Operation not permitted\n"
	  "refused: Operation not permitted\n#1 198.51.100.7 active, nftables pending\n",
	  NULL, 0, false },
	{ "an attacked name is no account to any action", NAMES,
	  "0 failure u=joe i=192.0.2.1\n1 failure u=joe i=192.0.2.2\n2 batch postfix-map\n"
	  "2 batch nftables\n2 done nftables\n3 failure u=joe i=192.0.2.3\n4 batch nftables",
	  "! decided #1 act joe\n"
	  "postfix-map: apply #1 act until 86401 192.0.2.1,192.0.2.2\n"
	  "nftables: apply #1 act until 86401 192.0.2.1,192.0.2.2\n"
	  "nftables: apply #1 act until 86401 192.0.2.3\n"
	  "#1 joe active, nftables pending, postfix-map pending\n",
	  NULL, 0, false },
	{ "the trap: addresses and messages that come later", SENDERS,
	  "0 message u=joe i=192.0.2.1 q=A1\n1 message u=joe i=192.0.2.2 q=A2\n"
	  "2 batch nftables\n2 done nftables\n2 batch postfix-hold\n2 done postfix-hold\n"
	  "3 login u=joe i=192.0.2.3\n4 batch nftables\n5 login u=joe i=192.0.2.4\n"
	  "5 login u=joe i=192.0.2.3\n6 done nftables\n6 batch nftables\n6 done nftables\n"
	  "7 message u=joe i=192.0.2.4 q=A3\n8 removed q=A1\n8 batch postfix-hold\n"
	  "8 done postfix-hold\n9 batch nftables\n9 login u=joe i=198.51.100.7\n"
	  "9 batch nftables\n10 unban joe release\n11 batch postfix-hold\n"
	  "11 done postfix-hold\n11 batch nftables\n11 done nftables",
	  "! decided #1 act joe\nnftables: apply #1 act until 86401 192.0.2.1,192.0.2.2\n"
	  "postfix-hold: apply #1 joe act until 86401 192.0.2.1,192.0.2.2 q=A1,A2\n"
	  "nftables: apply #1 act until 86401 192.0.2.3\n"
	  "nftables: apply #1 act until 86401 192.0.2.4\n"
	  "postfix-hold: apply #1 joe act until 86401 192.0.2.1,192.0.2.2,192.0.2.3,192.0.2.4 "
	  "q=A3\n"
	  "nftables: nothing\n! guarded #1 act joe: 198.51.100.7\nnftables: nothing\n"
	  "! released #1 act joe\n"
	  "postfix-hold: lift #1 joe act until 86401 192.0.2.1,192.0.2.2,192.0.2.3,192.0.2.4 "
	  "q=A2,A3 release 1\n"
	  "nftables: lift #1 act until 86401 192.0.2.1,192.0.2.2,192.0.2.3,192.0.2.4 release 1\n",
	  NULL, 0, false },
	{ "held mail is released later", SENDERS,
	  "0 message u=joe i=192.0.2.1 q=A1 x2/0s\n1 batch postfix-hold\n"
	  "1 done postfix-hold\n2 unban joe\n2 batch postfix-hold\n2 done postfix-hold\n"
	  "2 batch nftables\n3 unban joe release\n3 batch postfix-hold\n"
	  "3 done postfix-hold\n3 batch postfix-hold\n4 unban joe release\n5 unban joe",
	  "! decided #1 act joe\n"
	  "postfix-hold: apply #1 joe act until 86400 192.0.2.1 q=A1\n"
	  "! released #1 act joe\n"
	  "postfix-hold: lift #1 joe act until 86400 192.0.2.1 q=A1\nnftables: nothing\n"
	  "postfix-hold: lift #1 joe act until 86400 192.0.2.1 q=A1 release 1\n"
	  "postfix-hold: nothing\nrefused: No such file or directory\n"
	  "refused: No such file or directory\n",
	  NULL, 0, false },
	{ "held mail is released later, before the rest is undone", SENDERS,
	  "0 message u=joe i=192.0.2.1 q=A1 x2/0s\n1 batch postfix-hold\n"
	  "1 done postfix-hold\n1 batch nftables\n1 done nftables\n2 unban joe\n"
	  "2 batch postfix-hold\n2 done postfix-hold\n3 unban joe release\n"
	  "3 batch postfix-hold",
	  "! decided #1 act joe\n"
	  "postfix-hold: apply #1 joe act until 86400 192.0.2.1 q=A1\n"
	  "nftables: apply #1 act until 86400 192.0.2.1\n! released #1 act joe\n"
	  "postfix-hold: lift #1 joe act until 86400 192.0.2.1 q=A1\n"
	  "postfix-hold: lift #1 joe act until 86400 192.0.2.1 q=A1 release 1\n"
	  "#1 joe released, nftables reverting, postfix-hold reverting\n",
	  NULL, 0, false },
	{ "retries back off, and order is kept", ADDRESSES,
	  "0 failure i=192.0.2.1 x2/0s\n1 failure i=192.0.2.2 x2/0s\n2 batch nftables\n"
	  "2 retry nftables 1\n2 done nftables 2\n2 batch nftables\n3 batch nftables\n"
	  "3 retry nftables\n4 batch nftables\n5 failure i=192.0.2.3 x2/0s\n"
	  "5 batch nftables\n5 done nftables",
	  "! decided #1 act 192.0.2.1\n! decided #2 act 192.0.2.2\n"
	  "nftables: apply #1 act until 600 192.0.2.1 #2 act until 601 192.0.2.2\n"
	  "nftables: nothing\nnftables: apply #1 act until 600 192.0.2.1\n"
	  "nftables: nothing\n! decided #3 act 192.0.2.3\n"
	  "nftables: apply #1 act until 600 192.0.2.1 #3 act until 605 192.0.2.3\n"
	  "#1 192.0.2.1 active, nftables applied\n#2 192.0.2.2 active, nftables applied\n"
	  "#3 192.0.2.3 active, nftables applied\n",
	  NULL, 0, false },
	{ "a batch is as long as was asked for", ADDRESSES,
	  "0 failure i=192.0.2.1 x2/0s\n0 failure i=192.0.2.2 x2/0s\n"
	  "0 failure i=192.0.2.3 x2/0s\n1 batch nftables 2\n1 batch nftables\n"
	  "1 done nftables 1\n1 batch nftables\n1 done nftables 2\n1 batch nftables",
	  "! decided #1 act 192.0.2.1\n! decided #2 act 192.0.2.2\n"
	  "! decided #3 act 192.0.2.3\n"
	  "nftables: apply #1 act until 600 192.0.2.1 #2 act until 600 192.0.2.2\n"
	  "nftables: nothing\nnftables: nothing\n"
	  "nftables: apply #3 act until 600 192.0.2.3\n"
	  "#1 192.0.2.1 active, nftables applied\n#2 192.0.2.2 active, nftables applied\n"
	  "#3 192.0.2.3 active, nftables pending\n",
	  NULL, 0, false },
	{ "one that failed is tried again when all is looked after", ADDRESSES,
	  "0 failure i=192.0.2.1 x2/0s\n1 batch nftables\n1 fail nftables\n"
	  "2 batch nftables\n100 batch nftables\n200 all nftables",
	  "! decided #1 act 192.0.2.1\nnftables: apply #1 act until 600 192.0.2.1\n"
	  "! failed #1 act 192.0.2.1: nftables: no luck\nnftables: nothing\n"
	  "nftables: nothing\nnftables: all #1 act until 600 192.0.2.1\n"
	  "#1 192.0.2.1 active, nftables applied\n",
	  NULL, 0, false },
	{ "no answer: it is due again", ADDRESSES,
	  "0 failure i=192.0.2.1 x2/0s\n1 batch nftables\n1 lost nftables\n"
	  "2 done nftables\n2 batch nftables\n2 done nftables\n2 batch nftables",
	  "! decided #1 act 192.0.2.1\nnftables: apply #1 act until 600 192.0.2.1\n"
	  "nftables: apply #1 act until 600 192.0.2.1\nnftables: nothing\n"
	  "#1 192.0.2.1 active, nftables applied\n",
	  NULL, 0, false },
	{ "all that should be in force", ADDRESSES,
	  "0 failure i=192.0.2.1 x2/0s\n0 failure i=192.0.2.2 x2/0s\n1 batch nftables 1\n"
	  "1 all nftables\n1 done nftables\n1 all nftables\n2 unban 192.0.2.1\n"
	  "2 all nftables\n3 batch nftables\n3 done nftables\n3 all nftables",
	  "! decided #1 act 192.0.2.1\n! decided #2 act 192.0.2.2\n"
	  "nftables: apply #1 act until 600 192.0.2.1\nnftables: all busy\n"
	  "nftables: all #1 act until 600 192.0.2.1 #2 act until 600 192.0.2.2\n"
	  "! released #1 act 192.0.2.1\nnftables: all #2 act until 600 192.0.2.2\n"
	  "nftables: lift #1 act until 600 192.0.2.1\n"
	  "nftables: all #2 act until 600 192.0.2.2\n"
	  "#2 192.0.2.2 active, nftables applied\n",
	  NULL, 0, false },
	{ "what is told once is not mended",
	  "jail acc { bantime = 1d rule t { count = login max = 0 } action mail {} }",
	  "0 login u=joe\n1 batch mail\n1 done mail\n2 all mail\n3 restart\n3 all mail",
	  "! decided #1 act joe\nmail: apply #1 joe act until 86400\nmail: all\nmail: all\n"
	  "#1 joe active, mail applied\n",
	  NULL, 0, false },
	{ "it ends by the clock on the wall", ADDRESSES,
	  "0 failure i=192.0.2.1 x2/0s\n1 batch nftables\n1 done nftables\n599 tick\n"
	  "600 tick\n601 batch nftables\n601 done nftables",
	  "! decided #1 act 192.0.2.1\nnftables: apply #1 act until 600 192.0.2.1\n"
	  "! expired #1 act 192.0.2.1\nnftables: lift #1 act until 600 192.0.2.1\n",
	  NULL, 0, false },
	{ "it ends before anything was done", ADDRESSES,
	  "0 failure i=192.0.2.1 x2/0s\n600 tick\n601 batch nftables",
	  "! decided #1 act 192.0.2.1\n! expired #1 act 192.0.2.1\nnftables: nothing\n", NULL, 0,
	  false },
	{ "it ends while it is being applied: that is waited for", ADDRESSES,
	  "0 failure i=192.0.2.1 x2/0s\n1 batch nftables\n600 tick\n600 batch nftables\n"
	  "601 done nftables\n601 batch nftables\n601 done nftables",
	  "! decided #1 act 192.0.2.1\nnftables: apply #1 act until 600 192.0.2.1\n"
	  "! expired #1 act 192.0.2.1\nnftables: nothing\n"
	  "nftables: lift #1 act until 600 192.0.2.1\n",
	  NULL, 0, false },
	{ "it ends while it can't be applied", ADDRESSES,
	  "0 failure i=192.0.2.1 x2/0s\n1 batch nftables\n1 fail nftables\n600 tick\n"
	  "600 batch nftables\n600 retry nftables\n602 batch nftables\n602 done nftables",
	  "! decided #1 act 192.0.2.1\nnftables: apply #1 act until 600 192.0.2.1\n"
	  "! failed #1 act 192.0.2.1: nftables: no luck\n! expired #1 act 192.0.2.1\n"
	  "nftables: lift #1 act until 600 192.0.2.1\n"
	  "nftables: lift #1 act until 600 192.0.2.1\n",
	  NULL, 0, false },
	{ "each repeat lasts twice as long, up to a ceiling", ADDRESSES,
	  "0 ban 192.0.2.9 for=1s\n2h failure i=192.0.2.1 x2/0s\n2h batch nftables\n"
	  "2h done nftables\n3h failure i=192.0.2.1 x2/0s\n3h batch nftables\n"
	  "3h done nftables\n3h batch nftables\n3h done nftables\n"
	  "4h failure i=192.0.2.1 x2/0s\n4h batch nftables\n4h done nftables\n"
	  "4h batch nftables\n4h done nftables\n40d failure i=192.0.2.1 x2/0s\n"
	  "40d batch nftables\n40d done nftables\n40d batch nftables",
	  "! decided #1 act 192.0.2.9\n! expired #1 act 192.0.2.9\n"
	  "! decided #2 act 192.0.2.1\nnftables: apply #2 act until 7800 192.0.2.1\n"
	  "! expired #2 act 192.0.2.1\n! decided #3 act 192.0.2.1\n"
	  "nftables: lift #2 act until 7800 192.0.2.1\n"
	  "nftables: apply #3 act until 12000 192.0.2.1\n! expired #3 act 192.0.2.1\n"
	  "! decided #4 act 192.0.2.1\nnftables: lift #3 act until 12000 192.0.2.1\n"
	  "nftables: apply #4 act until 16800 192.0.2.1\n! expired #4 act 192.0.2.1\n"
	  "! decided #5 act 192.0.2.1\nnftables: lift #4 act until 16800 192.0.2.1\n"
	  "nftables: apply #5 act until 3460800 192.0.2.1\n"
	  "#5 192.0.2.1 active, nftables pending\n",
	  NULL, 0, false },
	{ "the ceiling",
	  "jail ip { bantime = 3d rule f { count = failure by = ip max = 1 findtime = 1h } action "
	  "log {} }",
	  "0 failure i=192.0.2.1 x2/0s\n3d batch log\n3d10s failure i=192.0.2.1 x2/0s\n"
	  "3d11s batch log\n3d11s done log\n12d failure i=192.0.2.1 x2/0s\n12d1s batch log",
	  "! decided #1 act 192.0.2.1\n! expired #1 act 192.0.2.1\nlog: nothing\n"
	  "! decided #2 act 192.0.2.1\nlog: apply #2 act until 604810 192.0.2.1\n"
	  "! expired #2 act 192.0.2.1\n! decided #3 act 192.0.2.1\n"
	  "log: lift #2 act until 604810 192.0.2.1\n#2 192.0.2.1 expired, log reverting\n"
	  "#3 192.0.2.1 active, log pending\n",
	  NULL, 0, false },
	{ "for ever stays for ever",
	  "jail ip { bantime = forever rule f { count = failure by = ip max = 1 findtime = 1h } "
	  "action log {} }",
	  "0 failure i=192.0.2.1 x2/0s\n1 unban 192.0.2.1\n2 failure i=192.0.2.1 x3/10s\n"
	  "50 batch log",
	  "! decided #1 act 192.0.2.1\n! released #1 act 192.0.2.1\n"
	  "! decided #2 act 192.0.2.1\nlog: apply #2 act 192.0.2.1\n"
	  "#2 192.0.2.1 active, log pending\n",
	  NULL, 0, false },
	{ "forgotten repeats", ADDRESSES,
	  "0 failure i=192.0.2.1 x2/0s\n1 batch nftables\n1 done nftables\n"
	  "2 unban 192.0.2.1 forget\n2 batch nftables\n2 done nftables\n"
	  "10 failure i=192.0.2.1 x2/0s\n11 batch nftables\n11 done nftables\n"
	  "12 unban 192.0.2.1\n12 batch nftables\n12 done nftables\n"
	  "20 failure i=192.0.2.1 x2/0s\n21 batch nftables\n21 done nftables",
	  "! decided #1 act 192.0.2.1\nnftables: apply #1 act until 600 192.0.2.1\n"
	  "! released #1 act 192.0.2.1\nnftables: lift #1 act until 600 192.0.2.1\n"
	  "! decided #2 act 192.0.2.1\nnftables: apply #2 act until 610 192.0.2.1\n"
	  "! released #2 act 192.0.2.1\nnftables: lift #2 act until 610 192.0.2.1\n"
	  "! decided #3 act 192.0.2.1\nnftables: apply #3 act until 1220 192.0.2.1\n"
	  "#3 192.0.2.1 active, nftables applied\n",
	  NULL, 0, false },
	{ "a release forgives", ACCOUNTS,
	  "0 login u=joe x4/1s\n4 batch postfix-map\n4 done postfix-map\n5 unban joe\n"
	  "5 batch postfix-map\n5 done postfix-map\n6 login u=joe\n7 login u=joe x2/1s\n"
	  "9 login u=joe\n10 unban ann",
	  "! decided #1 suspect joe\n! raised #1 act joe\n"
	  "postfix-map: apply #1 joe act until 86403\n! released #1 act joe\n"
	  "postfix-map: lift #1 joe act until 86403\n! decided #2 suspect joe\n"
	  "! raised #2 act joe\nrefused: No such file or directory\n"
	  "#2 joe active, log pending, nftables pending, postfix-map pending\n",
	  NULL, 0, false },
	{ "one address is taken out of an account's decision", SENDERS,
	  "0 message u=joe i=192.0.2.1 q=A1\n1 message u=joe i=192.0.2.2 q=A2\n"
	  "2 batch nftables\n2 done nftables\n3 unban 192.0.2.1\n"
	  "3 login u=joe i=192.0.2.3\n3 batch nftables\n3 done nftables\n3 batch nftables\n"
	  "3 done nftables\n4 all nftables\n5 batch postfix-hold\n6 crash\n7 all nftables",
	  "! decided #1 act joe\nnftables: apply #1 act until 86401 192.0.2.1,192.0.2.2\n"
	  "nftables: lift #1 act until 86401 192.0.2.1\n"
	  "nftables: apply #1 act until 86401 192.0.2.3\n"
	  "nftables: all #1 act until 86401 192.0.2.2,192.0.2.3\n"
	  "postfix-hold: apply #1 joe act until 86401 192.0.2.2,192.0.2.3 q=A1,A2\n"
	  "nftables: all #1 act until 86401 192.0.2.2,192.0.2.3\n"
	  "#1 joe active, nftables applied, postfix-hold pending\n",
	  NULL, 0, false },
	{ "an administrator's bans", ACCOUNTS ADDRESSES,
	  "0 ban joe for=2h\n1 batch nftables\n1 batch postfix-map\n1 done postfix-map\n"
	  "2 login u=joe i=192.0.2.5\n3 batch nftables\n4 ban joe for=1h\n"
	  "4 batch postfix-map\n4 done postfix-map\n5 ban 203.0.113.0/24 for=ever\n"
	  "6 ban 2001:db8:1:2::3 for=1m\n7 batch nftables\n7 done nftables\n"
	  "8 unban 203.0.113.0/24\n9 batch nftables",
	  "! decided #1 act joe\nnftables: apply #1 act until 7200\n"
	  "postfix-map: apply #1 joe act until 7200\nnftables: nothing\n"
	  "! extended #1 act joe\npostfix-map: apply #1 joe act until 3604 192.0.2.5\n"
	  "! decided #2 act 203.0.113.0/24\n! decided #3 act 2001:db8:1:2::/64\n"
	  "nftables: nothing\n! released #2 act 203.0.113.0/24\n"
	  "nftables: apply #1 act until 3604 192.0.2.5 #3 act until 66 2001:db8:1:2::/64\n"
	  "#1 joe active, log pending, nftables pending, postfix-map applied\n"
	  "#3 2001:db8:1:2::/64 active, nftables pending\n",
	  NULL, 0, false },
	{ "nobody can do it", "jail acc { rule a { count = login max = 5 } action postfix-map {} }",
	  "0 ban 192.0.2.1\n1 ban joe",
	  "refused: No such file or directory\n! decided #1 act joe\n"
	  "#1 joe active, postfix-map pending\n",
	  NULL, 0, false },
	{ "an address that two accounts' decisions hold", SENDERS,
	  "0 message u=joe i=192.0.2.1 q=A1 x2/0s\n1 message u=ann i=192.0.2.1 q=B1 x2/0s\n"
	  "2 batch nftables\n2 done nftables\n3 unban joe\n3 batch nftables\n"
	  "3 done nftables\n3 batch nftables\n3 done nftables\n3 batch nftables",
	  "! decided #1 act joe\n! decided #2 act ann\n"
	  "nftables: apply #1 act until 86400 192.0.2.1 #2 act until 86401 192.0.2.1\n"
	  "! released #1 act joe\nnftables: lift #1 act until 86400 192.0.2.1\n"
	  "nftables: apply #2 act until 86401 192.0.2.1\nnftables: nothing\n"
	  "#2 ann active, nftables applied, postfix-hold pending\n",
	  NULL, 0, false },
	{ "one that ends sooner is applied later", SENDERS ADDRESSES,
	  "0 message u=joe i=192.0.2.1 q=A1 x2/0s\n2 batch nftables\n2 done nftables\n"
	  "3 failure i=192.0.2.1 x2/0s\n4 batch nftables\n4 done nftables\n"
	  "4 batch nftables\n4 done nftables\n4 batch nftables\n700 batch nftables\n"
	  "700 done nftables\n700 batch nftables\n700 done nftables",
	  "! decided #1 act joe\nnftables: apply #1 act until 86400 192.0.2.1\n"
	  "! decided #2 act 192.0.2.1\nnftables: apply #2 act until 603 192.0.2.1\n"
	  "nftables: apply #1 act until 86400 192.0.2.1\nnftables: nothing\n"
	  "! expired #2 act 192.0.2.1\nnftables: lift #2 act until 603 192.0.2.1\n"
	  "nftables: apply #1 act until 86400 192.0.2.1\n"
	  "#1 joe active, nftables applied, postfix-hold pending\n",
	  NULL, 0, false },
	{ "an address that two actions of one plugin hold",
	  SENDERS "jail ip { bantime = 10m rule f { count = failure by = ip max = 1 }\n"
		  "action \"nftables:own\" {} action postfix-map {} }",
	  "0 message u=joe i=192.0.2.1 q=A1 x2/0s\n1 batch nftables\n1 done nftables\n"
	  "2 failure i=192.0.2.1 x2/0s\n3 batch nftables:own\n3 done nftables:own\n"
	  "3 batch nftables\n3 done nftables\n3 batch postfix-map\n3 done postfix-map\n"
	  "4 unban joe\n4 batch nftables:own\n5 batch nftables\n5 done nftables\n"
	  "5 batch nftables:own\n5 done nftables:own\n5 batch nftables:own\n"
	  "5 batch postfix-map\n5 batch nftables",
	  "! decided #1 act joe\nnftables: apply #1 act until 86400 192.0.2.1\n"
	  "! decided #2 act 192.0.2.1\nnftables:own: apply #2 act until 602 192.0.2.1\n"
	  "nftables: apply #1 act until 86400 192.0.2.1\n"
	  "postfix-map: apply #2 act until 602 192.0.2.1\n"
	  "! released #1 act joe\nnftables:own: nothing\n"
	  "nftables: lift #1 act until 86400 192.0.2.1\n"
	  "nftables:own: apply #2 act until 602 192.0.2.1\nnftables:own: nothing\n"
	  "postfix-map: nothing\nnftables: nothing\n"
	  "#2 192.0.2.1 active, nftables:own applied, postfix-map applied\n",
	  NULL, 0, false },
	{ "the brake", ACCOUNTS,
	  "0 login u=a% x4/0s\n1 login u=ann x4/0s\n2 login u=bob x4/0s\n"
	  "3 login u=cid x4/0s\n4 batch postfix-map\n4 done postfix-map\n4 batch log\n"
	  "4 done log\n5 login u=joe i=192.0.2.1 x2/0s\n6 unban cid\n7 resume\n"
	  "8 batch postfix-map",
	  "! decided #1 suspect ann\n! raised #1 act ann\n! decided #2 suspect bob\n"
	  "! raised #2 act bob\n! decided #3 suspect cid\n! raised #3 act cid braked\n"
	  "! braked #3 act cid braked\n"
	  "postfix-map: apply #1 ann act until 86401 #2 bob act until 86402\n"
	  "log: apply #1 ann act until 86401 #2 bob act until 86402 #3 cid act until 86403\n"
	  "! decided #4 suspect joe\n! released #3 act cid braked\n! resumed\n"
	  "postfix-map: nothing\n"
	  "#1 ann active, log applied, nftables pending, postfix-map applied\n"
	  "#2 bob active, log applied, nftables pending, postfix-map applied\n"
	  "#3 cid released, log reverting\n#4 joe active, log pending\n",
	  NULL, 2, false },
	{ "the brake outlives the process", ACCOUNTS,
	  "0 login u=ann x4/0s\n1 login u=bob x4/0s\n2 restart\n3 login u=cid x4/0s\n"
	  "4 restart\n5 login u=dan x4/0s\n6 batch postfix-map\n6 done postfix-map\n"
	  "7 resume\n8 batch postfix-map",
	  "! decided #1 suspect ann\n! raised #1 act ann\n! decided #2 suspect bob\n"
	  "! raised #2 act bob\n! decided #3 suspect cid\n! raised #3 act cid braked\n"
	  "! braked #3 act cid braked\n! decided #4 suspect dan\n"
	  "! raised #4 act dan braked\n"
	  "postfix-map: apply #1 ann act until 86400 #2 bob act until 86401\n! resumed\n"
	  "postfix-map: apply #3 cid act until 86403 #4 dan act until 86405\n"
	  "#1 ann active, log pending, nftables pending, postfix-map applied\n"
	  "#2 bob active, log pending, nftables pending, postfix-map applied\n"
	  "#3 cid active, log pending, nftables pending, postfix-map pending\n"
	  "#4 dan active, log pending, nftables pending, postfix-map pending\n",
	  NULL, 2, false },
	{ "no brake for those that come slowly", ACCOUNTS,
	  "0 login u=ann x4/0s\n9m login u=bob x4/0s\n11m login u=cid x4/0s",
	  "! decided #1 suspect ann\n! raised #1 act ann\n! decided #2 suspect bob\n"
	  "! raised #2 act bob\n! decided #3 suspect cid\n! raised #3 act cid\n"
	  "#1 ann active, log pending, nftables pending, postfix-map pending\n"
	  "#2 bob active, log pending, nftables pending, postfix-map pending\n"
	  "#3 cid active, log pending, nftables pending, postfix-map pending\n",
	  NULL, 2, false },
	{ "a dry run is told to the log alone", ACCOUNTS,
	  "0 login u=joe x4/0s\n1 batch log\n1 done log\n2 batch postfix-map\n3 ban ann\n"
	  "4 batch postfix-map\n5 batch log",
	  "! decided #1 suspect joe dry\n! raised #1 act joe dry\n"
	  "log: apply #1 joe act until 86400\npostfix-map: nothing\n"
	  "! decided #2 act ann dry\npostfix-map: nothing\n"
	  "log: apply #2 ann act until 86403\n#1 joe active, log applied\n"
	  "#2 ann active, log pending\n",
	  NULL, 0, true },
	{ "a jail on dry run",
	  "jail acc { dry_run = yes bantime = 1d rule t { count = login max = 0 } action log {} "
	  "action postfix-map {} }",
	  "0 login u=joe\n1 batch log\n1 done log\n1 batch postfix-map\n2 reload\n"
	  "2 batch postfix-map",
	  "! decided #1 act joe dry\nlog: apply #1 joe act until 86400\n"
	  "postfix-map: nothing\npostfix-map: apply #1 joe act until 86400\n"
	  "#1 joe active, log applied, postfix-map pending\n",
	  "jail acc { bantime = 1d rule t { count = login max = 0 } action log {} action "
	  "postfix-map {} }",
	  0, false },
	{ "killed before anything was done", ACCOUNTS,
	  "0 login u=joe x4/1s\n5 crash\n6 batch postfix-map\n6 done postfix-map\n7 crash\n"
	  "8 batch postfix-map",
	  "! decided #1 suspect joe\n! raised #1 act joe\n"
	  "postfix-map: apply #1 joe act until 86403\npostfix-map: nothing\n"
	  "#1 joe active, log pending, nftables pending, postfix-map applied\n",
	  NULL, 0, false },
	{ "killed between the action and its answer", ACCOUNTS,
	  "0 login u=joe x4/1s\n5 batch postfix-map\n6 crash\n7 batch postfix-map\n"
	  "7 done postfix-map\n8 batch postfix-map",
	  "! decided #1 suspect joe\n! raised #1 act joe\n"
	  "postfix-map: apply #1 joe act until 86403\n"
	  "postfix-map: apply #1 joe act until 86403\npostfix-map: nothing\n"
	  "#1 joe active, log pending, nftables pending, postfix-map applied\n",
	  NULL, 0, false },
	{ "killed after a suspicion", ACCOUNTS,
	  "0 login u=joe x2/1s\n3 batch log\n3 done log\n4 crash\n5 batch log\n"
	  "6 login u=joe x2/1s\n8 crash\n9 batch log",
	  "! decided #1 suspect joe\nlog: apply #1 joe suspect until 86401\nlog: nothing\n"
	  "! raised #1 act joe\nlog: apply #1 joe act until 86407\n"
	  "#1 joe active, log pending, nftables pending, postfix-map pending\n",
	  NULL, 0, false },
	{ "killed while the trap was open", SENDERS,
	  "0 message u=joe i=192.0.2.1 q=A1 x2/0s\n1 batch nftables\n1 done nftables\n"
	  "2 message u=joe i=192.0.2.2 q=A2\n3 crash\n3 batch nftables\n3 done nftables\n"
	  "3 batch postfix-hold\n4 login u=joe i=192.0.2.3\n5 batch nftables",
	  "! decided #1 act joe\nnftables: apply #1 act until 86400 192.0.2.1\n"
	  "nftables: apply #1 act until 86400 192.0.2.2\n"
	  "postfix-hold: apply #1 joe act until 86400 192.0.2.1,192.0.2.2 q=A1,A2\n"
	  "nftables: apply #1 act until 86400 192.0.2.3\n"
	  "#1 joe active, nftables pending, postfix-hold pending\n",
	  NULL, 0, false },
	{ "killed after a release: its past is not read as news", SENDERS,
	  "0 message u=joe i=192.0.2.1 q=A1 x2/0s\n1 batch nftables\n1 done nftables\n"
	  "2 unban joe\n3 crash\n4 batch nftables\n4 done nftables\n"
	  "5 message u=joe i=192.0.2.1 q=A2\n6 message u=joe i=192.0.2.1 q=A3",
	  "! decided #1 act joe\nnftables: apply #1 act until 86400 192.0.2.1\n"
	  "! released #1 act joe\nnftables: lift #1 act until 86400 192.0.2.1\n"
	  "! decided #2 act joe\n#2 joe active, nftables pending, postfix-hold pending\n",
	  NULL, 0, false },
	{ "killed while it was being undone", SENDERS,
	  "0 message u=joe i=192.0.2.1 q=A1 x2/0s\n1 batch nftables\n1 done nftables\n"
	  "1 batch postfix-hold\n1 done postfix-hold\n2 unban joe release\n"
	  "3 batch nftables\n3 batch postfix-hold\n4 crash\n5 batch nftables\n"
	  "5 done nftables\n5 batch postfix-hold\n5 done postfix-hold\n6 crash\n"
	  "7 batch nftables",
	  "! decided #1 act joe\nnftables: apply #1 act until 86400 192.0.2.1\n"
	  "postfix-hold: apply #1 joe act until 86400 192.0.2.1 q=A1\n"
	  "! released #1 act joe\nnftables: lift #1 act until 86400 192.0.2.1 release 1\n"
	  "postfix-hold: lift #1 joe act until 86400 192.0.2.1 q=A1 release 1\n"
	  "nftables: lift #1 act until 86400 192.0.2.1 release 1\n"
	  "postfix-hold: lift #1 joe act until 86400 192.0.2.1 q=A1 release 1\n"
	  "nftables: nothing\n",
	  NULL, 0, false },
	{ "killed after it ended", ADDRESSES,
	  "0 failure i=192.0.2.1 x2/0s\n1 batch nftables\n1 done nftables\n"
	  "700 batch nftables\n700 done nftables\n701 crash\n702 batch nftables\n"
	  "703 failure i=192.0.2.1\n704 failure i=192.0.2.1\n705 batch nftables",
	  "! decided #1 act 192.0.2.1\nnftables: apply #1 act until 600 192.0.2.1\n"
	  "! expired #1 act 192.0.2.1\nnftables: lift #1 act until 600 192.0.2.1\n"
	  "nftables: nothing\n! decided #2 act 192.0.2.1\n"
	  "nftables: apply #2 act until 1904 192.0.2.1\n"
	  "#2 192.0.2.1 active, nftables pending\n",
	  NULL, 0, false },
	{ "it ended while nobody was there", ADDRESSES,
	  "0 failure i=192.0.2.1 x2/0s\n1 batch nftables\n1 done nftables\n2 restart\n"
	  "2 restart\n700 restart\n700 batch nftables\n700 done nftables",
	  "! decided #1 act 192.0.2.1\nnftables: apply #1 act until 600 192.0.2.1\n"
	  "! expired #1 act 192.0.2.1\nnftables: lift #1 act until 600 192.0.2.1\n",
	  NULL, 0, false },
	{ "an action that is new in the jail",
	  "jail acc { bantime = 1d rule t { count = login max = 0 } action log {} }",
	  "0 login u=joe\n1 batch log\n1 done log\n2 reload\n3 batch log\n"
	  "3 batch postfix-map",
	  "! decided #1 act joe\nlog: apply #1 joe act until 86400\nlog: nothing\n"
	  "postfix-map: apply #1 joe act until 86400\n"
	  "#1 joe active, log applied, postfix-map pending\n",
	  "jail acc { bantime = 1d rule t { count = login max = 0 } action log {} action "
	  "postfix-map {} }",
	  0, false },
	{ "an action that is no more", ACCOUNTS,
	  "0 login u=joe x4/0s\n1 batch postfix-map\n1 done postfix-map\n2 reload\n"
	  "3 unban joe\n4 batch log\n4 done log",
	  "! decided #1 suspect joe\n! raised #1 act joe\n"
	  "postfix-map: apply #1 joe act until 86400\n! orphaned #1 act joe: postfix-map\n"
	  "! released #1 act joe\nlog: lift #1 joe act until 86400\n",
	  "jail acc { bantime = 1d rule t { count = login max = 0 } action log {} }", 0, false },
	{ "a jail that is no more", ACCOUNTS,
	  "0 login u=joe x4/0s\n1 batch postfix-map\n1 done postfix-map\n2 reload\n"
	  "3 login u=joe\n1d1m tick",
	  "! decided #1 suspect joe\n! raised #1 act joe\n"
	  "postfix-map: apply #1 joe act until 86400\n! orphaned #1 act joe: postfix-map\n"
	  "! expired #1 act joe\n",
	  "jail other { bantime = 1d rule t { count = login max = 9 } action log {} }", 0, false },
	{ "a suspicion ends with its case",
	  "jail acc { bantime = forever suspect = 50 rule s { count = login max = 1 score = 50 "
	  "findtime = 1h } action log { at = suspect } }",
	  "0 login u=joe x2/0s\n1 batch log\n1 done log\n23h sweep\n25h1s sweep\n"
	  "25h1m batch log\n25h1m done log\n26h login u=joe x2/0s",
	  "! decided #1 suspect joe\nlog: apply #1 joe suspect\n! expired #1 suspect joe\n"
	  "log: lift #1 joe suspect\n! decided #2 suspect joe\n#2 joe active, log pending\n",
	  NULL, 0, false },
	{ "a suspicion that lasts is not told again",
	  "jail acc { bantime = 1h suspect = 50 rule s { count = login max = 1 score = 50 findtime "
	  "= 1d } action log { at = suspect } }",
	  "0 login u=joe x2/0s\n1 batch log\n1 done log\n2h batch log\n2h done log\n"
	  "3h login u=joe x3/10m",
	  "! decided #1 suspect joe\nlog: apply #1 joe suspect until 3600\n"
	  "! expired #1 suspect joe\nlog: lift #1 joe suspect until 3600\n",
	  NULL, 0, false },
	{ "old news is not acted on", ADDRESSES,
	  "0 failure i=192.0.2.1 x2/0s\n1 lose\n3d crash\n3d batch nftables",
	  "! decided #1 act 192.0.2.1\n! decided #1 act 192.0.2.1\n"
	  "! expired #1 act 192.0.2.1\nnftables: nothing\n",
	  NULL, 0, false },
	{ "lines that are read late decide once for the time of their ban", ADDRESSES,
	  "0 failure i=192.0.2.1 x9/20s\n4m lose\n3d crash\n3d batch nftables",
	  "! decided #1 act 192.0.2.1\n! decided #1 act 192.0.2.1\n! expired #1 act 192.0.2.1\n"
	  "nftables: nothing\n",
	  NULL, 0, false },
	{ "it can't be undone for now", ADDRESSES,
	  "0 failure i=192.0.2.1 x2/0s\n1 batch nftables\n1 done nftables\n"
	  "2 unban 192.0.2.1\n2 batch nftables\n2 fail nftables\n3 batch nftables\n"
	  "4 all nftables\n5 batch nftables\n5 done nftables",
	  "! decided #1 act 192.0.2.1\nnftables: apply #1 act until 600 192.0.2.1\n"
	  "! released #1 act 192.0.2.1\nnftables: lift #1 act until 600 192.0.2.1\n"
	  "! failed #1 act 192.0.2.1: nftables: no luck\nnftables: nothing\nnftables: all\n"
	  "nftables: lift #1 act until 600 192.0.2.1\n",
	  NULL, 0, false },
	{ "banned again while it is being undone", ADDRESSES,
	  "0 failure i=192.0.2.1 x2/0s\n1 batch nftables\n1 done nftables\n"
	  "2 unban 192.0.2.1\n3 failure i=192.0.2.1 x2/0s\n4 batch nftables\n"
	  "4 done nftables\n4 batch nftables\n4 done nftables\n4 batch nftables",
	  "! decided #1 act 192.0.2.1\nnftables: apply #1 act until 600 192.0.2.1\n"
	  "! released #1 act 192.0.2.1\n! decided #2 act 192.0.2.1\n"
	  "nftables: lift #1 act until 600 192.0.2.1\n"
	  "nftables: apply #2 act until 1203 192.0.2.1\nnftables: nothing\n"
	  "#2 192.0.2.1 active, nftables applied\n",
	  NULL, 0, false },
	{ "the undoing of the first comes after the second", ADDRESSES,
	  "0 failure i=192.0.2.1 x2/0s\n1 batch nftables\n1 done nftables\n"
	  "2 unban 192.0.2.1\n2 batch nftables\n2 retry nftables\n"
	  "2 failure i=192.0.2.1 x2/0s\n2 batch nftables\n2 done nftables\n"
	  "5 batch nftables\n5 done nftables\n5 batch nftables\n5 done nftables",
	  "! decided #1 act 192.0.2.1\nnftables: apply #1 act until 600 192.0.2.1\n"
	  "! released #1 act 192.0.2.1\nnftables: lift #1 act until 600 192.0.2.1\n"
	  "! decided #2 act 192.0.2.1\nnftables: apply #2 act until 1202 192.0.2.1\n"
	  "nftables: lift #1 act until 600 192.0.2.1\n"
	  "nftables: apply #2 act until 1202 192.0.2.1\n"
	  "#2 192.0.2.1 active, nftables applied\n",
	  NULL, 0, false },
	{ "a case that the store has lost", ACCOUNTS,
	  "0 login u=joe x4/0s\n1 batch postfix-map\n1 done postfix-map\n2 restart\n"
	  "3 lose\n4 batch postfix-map",
	  "! decided #1 suspect joe\n! raised #1 act joe\n"
	  "postfix-map: apply #1 joe act until 86400\n! decided #1 act joe\n"
	  "postfix-map: apply #1 joe act until 86403\n"
	  "#1 joe active, log pending, nftables pending, postfix-map pending\n",
	  NULL, 0, false },
};
