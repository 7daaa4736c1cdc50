/* Heads of log lines, and the moments that their times mean. */
#include "core/filter/stamp.h"

#include "core/base/mem.h"
#include "tests/rows.h"

#include <string.h>
#include <time.h>

#define LONG_16(x) x x x x x x x x x x x x x x x x

static const struct parse_row {
	const char *name;
	const char *text;
	size_t len;                 /* 0: up to the NUL */
	const char *stamp;          /* NULL: refused */
	const char *host, *program; /* NULL: none */
	const char *message;
	uint32_t pid;
} parse_rows[] = {
	/* RFC 3164 and its relatives */
	{ "usual: day 31", "Dec 31 23:59:60 mail postfix/qmgr[1]: m", 0, "0-12-31 23:59:60.000",
	  "mail", "postfix/qmgr", "m", 1 },
	{ "usual: day 32", "Dec 32 23:59:59 mail postfix/qmgr[1]: m", 0, NULL, NULL, NULL, NULL,
	  0 },
	{ "usual: day 0", "Dec  0 23:59:59 mail postfix/qmgr[1]: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "usual: no digit in the day", "Dec 1x 23:59:59 mail postfix/qmgr[1]: m", 0, NULL, NULL,
	  NULL, NULL, 0 },
	{ "usual: hour 24", "Dec 31 24:00:00 mail postfix/qmgr[1]: message", 0, NULL, NULL, NULL,
	  NULL, 0 },
	{ "usual: nine digits of pid", "Dec 31 00:00:00 mail postfix/qmgr[123456789]: m", 0,
	  "0-12-31 00:00:00.000", "mail", "postfix/qmgr", "m", 123456789 },
	{ "usual: ten digits of pid", "Dec 31 00:00:00 mail postfix/qmgr[1234567890]: m", 0,
	  "0-12-31 00:00:00.000", NULL, NULL, "mail postfix/qmgr[1234567890]: m", 0 },
	{ "usual: a host that ends in a colon", "Dec 31 00:00:00 mail: postfix/qmgr[12]: m", 0,
	  "0-12-31 00:00:00.000", NULL, NULL, "mail: postfix/qmgr[12]: m", 0 },
	{ "usual: no message", "Dec 31 00:00:00 mail postfix/qmgr[12]: ", 0, "0-12-31 00:00:00.000",
	  "mail", "postfix/qmgr", "", 12 },
	{ "rfc3164", "Nov 20 23:56:35 mail postfix/smtpd[19536]: 8A0C: client=x", 0,
	  "0-11-20 23:56:35.000", "mail", "postfix/smtpd", "8A0C: client=x", 19536 },
	{ "no pid", "Nov 20 23:56:35 mail dovecot: imap-login: Login: user=<a>", 0,
	  "0-11-20 23:56:35.000", "mail", "dovecot", "imap-login: Login: user=<a>", 0 },
	{ "day padded by a blank", "Jan  2 03:04:05 h t: m", 0, "0-1-2 03:04:05.000", "h", "t", "m",
	  0 },
	{ "day padded by a zero", "Feb 02 03:04:05 h t: m", 0, "0-2-2 03:04:05.000", "h", "t", "m",
	  0 },
	{ "day of one digit", "Mar 2 03:04:05 h t: m", 0, "0-3-2 03:04:05.000", "h", "t", "m", 0 },
	{ "every month: Apr", "Apr  1 00:00:00 h t: m", 0, "0-4-1 00:00:00.000", "h", "t", "m", 0 },
	{ "every month: May", "May  1 00:00:00 h t: m", 0, "0-5-1 00:00:00.000", "h", "t", "m", 0 },
	{ "every month: Jun", "Jun  1 00:00:00 h t: m", 0, "0-6-1 00:00:00.000", "h", "t", "m", 0 },
	{ "every month: Jul", "Jul  1 00:00:00 h t: m", 0, "0-7-1 00:00:00.000", "h", "t", "m", 0 },
	{ "every month: Aug", "Aug  1 00:00:00 h t: m", 0, "0-8-1 00:00:00.000", "h", "t", "m", 0 },
	{ "every month: Sep", "Sep  1 00:00:00 h t: m", 0, "0-9-1 00:00:00.000", "h", "t", "m", 0 },
	{ "every month: Oct", "Oct  1 00:00:00 h t: m", 0, "0-10-1 00:00:00.000", "h", "t", "m",
	  0 },
	{ "every month: Dec", "Dec 31 23:59:60 h t: m", 0, "0-12-31 23:59:60.000", "h", "t", "m",
	  0 },
	{ "year after the day", "Nov 20 2026 23:56:35 h t[1]: m", 0, "2026-11-20 23:56:35.000", "h",
	  "t", "m", 1 },
	{ "fraction", "Nov 20 23:56:35.123456 h t[1]: m", 0, "0-11-20 23:56:35.123", "h", "t", "m",
	  1 },
	{ "fraction of one digit", "Nov 20 23:56:35.9 h t: m", 0, "0-11-20 23:56:35.900", "h", "t",
	  "m", 0 },
	{ "fraction of 20 digits", "Nov 20 23:56:35.12345678901234567890 h t: m", 0,
	  "0-11-20 23:56:35.123", "h", "t", "m", 0 },
	{ "weekday", "Fri Nov 20 23:56:35 h t[1]: m", 0, "0-11-20 23:56:35.000", "h", "t", "m", 1 },
	{ "weekday and year", "Sun Nov  1 2026 23:56:35 h t[1]: m", 0, "2026-11-1 23:56:35.000",
	  "h", "t", "m", 1 },
	{ "PRI", "<22>Nov 20 23:56:35 h t[1]: m", 0, "0-11-20 23:56:35.000", "h", "t", "m", 1 },
	{ "PRI of four digits", "<1922>Nov 20 23:56:35 h t[1]: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "PRI of none", "<>Nov 20 23:56:35 h t[1]: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "busybox", "Nov 20 23:56:35 host mail.info postfix/smtpd[123]: msg", 0,
	  "0-11-20 23:56:35.000", "host", "postfix/smtpd", "msg", 123 },
	{ "busybox, other facility", "Nov 20 23:56:35 host local0.warning dovecot: msg", 0,
	  "0-11-20 23:56:35.000", "host", "dovecot", "msg", 0 },
	{ "no busybox priority", "Nov 20 23:56:35 host mail.loud postfix/smtpd[123]: msg", 0,
	  "0-11-20 23:56:35.000", NULL, NULL, "host mail.loud postfix/smtpd[123]: msg", 0 },
	{ "no busybox facility", "Nov 20 23:56:35 host .info postfix/smtpd[123]: msg", 0,
	  "0-11-20 23:56:35.000", NULL, NULL, "host .info postfix/smtpd[123]: msg", 0 },
	{ "two busybox priorities", "Nov 20 23:56:35 host mail.info mail.info x: msg", 0,
	  "0-11-20 23:56:35.000", NULL, NULL, "host mail.info mail.info x: msg", 0 },
	{ "a tag with a priority's name", "Nov 20 23:56:35 host mail.info: msg", 0,
	  "0-11-20 23:56:35.000", "host", "mail.info", "msg", 0 },
	{ "host is an IPv6 address", "Nov 20 23:56:35 2001:db8::1 dovecot: m", 0,
	  "0-11-20 23:56:35.000", "2001:db8::1", "dovecot", "m", 0 },
	{ "host is an IPv4 address", "Nov 20 23:56:35 192.0.2.1 dovecot: m", 0,
	  "0-11-20 23:56:35.000", "192.0.2.1", "dovecot", "m", 0 },
	{ "tag without a blank", "Nov 20 23:56:35 host tag:msg", 0, "0-11-20 23:56:35.000", "host",
	  "tag", "msg", 0 },
	{ "pid without a blank", "Nov 20 23:56:35 host tag[7]:msg", 0, "0-11-20 23:56:35.000",
	  "host", "tag", "msg", 7 },
	{ "tag ends the line", "Nov 20 23:56:35 host tag[7]:", 0, "0-11-20 23:56:35.000", "host",
	  "tag", "", 7 },
	{ "a blank ends the line", "Nov 20 23:56:35 host tag[7]: ", 0, "0-11-20 23:56:35.000",
	  "host", "tag", "", 7 },
	{ "one blank is the tag's", "Nov 20 23:56:35 host tag:  msg", 0, "0-11-20 23:56:35.000",
	  "host", "tag", " msg", 0 },
	{ "blanks in the head", "Nov 20 23:56:35  host  tag: msg", 0, "0-11-20 23:56:35.000",
	  "host", "tag", "msg", 0 },
	{ "carriage return", "Nov 20 23:56:35 host tag: msg\r", 0, "0-11-20 23:56:35.000", "host",
	  "tag", "msg", 0 },
	{ "carriage return behind the tag", "Nov 20 23:56:35 host tag:\r", 0,
	  "0-11-20 23:56:35.000", "host", "tag", "", 0 },
	{ "all that a tag may hold", "Nov 20 23:56:35 h-1_a.b mx-2.out_A/smtps/smtpd[1]: m", 0,
	  "0-11-20 23:56:35.000", "h-1_a.b", "mx-2.out_A/smtps/smtpd", "m", 1 },
	{ "longest tag", "Nov 20 23:56:35 h " LONG_16("12345678") ": m", 0, "0-11-20 23:56:35.000",
	  "h", LONG_16("12345678"), "m", 0 },
	{ "tag too long", "Nov 20 23:56:35 h " LONG_16("12345678") "9: m", 0,
	  "0-11-20 23:56:35.000", NULL, NULL, "h " LONG_16("12345678") "9: m", 0 },
	{ "longest pid", "Nov 20 23:56:35 h t[999999999]: m", 0, "0-11-20 23:56:35.000", "h", "t",
	  "m", 999999999 },
	{ "pid too long", "Nov 20 23:56:35 h t[4294967297]: m", 0, "0-11-20 23:56:35.000", NULL,
	  NULL, "h t[4294967297]: m", 0 },
	{ "pid is a word", "Nov 20 23:56:35 h t[x]: m", 0, "0-11-20 23:56:35.000", NULL, NULL,
	  "h t[x]: m", 0 },
	{ "pid is empty", "Nov 20 23:56:35 h t[]: m", 0, "0-11-20 23:56:35.000", NULL, NULL,
	  "h t[]: m", 0 },
	{ "NUL in the message", "Nov 20 23:56:35 h t: a\0b", 24, "0-11-20 23:56:35.000", "h", "t",
	  "a", 0 },
	{ "NUL in the tag", "Nov 20 23:56:35 h t\0: ab", 24, "0-11-20 23:56:35.000", NULL, NULL,
	  "h t", 0 },
	{ "nothing but a time", "Nov 20 23:56:35", 0, "0-11-20 23:56:35.000", NULL, NULL, "", 0 },
	{ "sendmail", "Nov 20 23:56:35 mx sm-mta[99]: AUTH=server, relay=x [192.0.2.1], authid=u",
	  0, "0-11-20 23:56:35.000", "mx", "sm-mta", "AUTH=server, relay=x [192.0.2.1], authid=u",
	  99 },
	{ "cyrus",
	  "Nov 20 23:56:35 mx cyrus/imaps[99]: login: h [192.0.2.1] u PLAIN User logged in", 0,
	  "0-11-20 23:56:35.000", "mx", "cyrus/imaps",
	  "login: h [192.0.2.1] u PLAIN User logged in", 99 },

	/* ISO 8601 */
	{ "rfc3339", "2026-11-20T23:56:35.123456+01:00 host tag[7]: msg", 0,
	  "2026-11-20 23:56:35.123 +60", "host", "tag", "msg", 7 },
	{ "comma before the fraction", "2026-11-20T23:56:35,5Z host tag[7]: msg", 0,
	  "2026-11-20 23:56:35.500 +0", "host", "tag", "msg", 7 },
	{ "short-iso", "2026-11-20T23:56:35+0100 host tag[7]: msg", 0,
	  "2026-11-20 23:56:35.000 +60", "host", "tag", "msg", 7 },
	{ "zone of hours", "2026-11-20T23:56:35-03 host tag[7]: msg", 0,
	  "2026-11-20 23:56:35.000 -180", "host", "tag", "msg", 7 },
	{ "zone with minutes, west", "2026-11-20T23:56:35-03:30 host tag: m", 0,
	  "2026-11-20 23:56:35.000 -210", "host", "tag", "m", 0 },
	{ "no zone", "2026-11-20T23:56:35 host tag: m", 0, "2026-11-20 23:56:35.000", "host", "tag",
	  "m", 0 },
	{ "PRI before ISO", "<22>2026-11-20T23:56:35Z host tag: m", 0, "2026-11-20 23:56:35.000 +0",
	  "host", "tag", "m", 0 },
	{ "ISO without a blank", "2026-11-20T23:56:35Z host tag:m", 0, "2026-11-20 23:56:35.000 +0",
	  "host", "tag", "m", 0 },
	{ "blank for T", "2026-11-20 23:56:35 host tag[7]: msg", 0, "2026-11-20 23:56:35.000",
	  "host", "tag", "msg", 7 },
	{ "blank for T, zone", "2026-11-20 23:56:35,250+01:00 host tag[7]: msg", 0,
	  "2026-11-20 23:56:35.250 +60", "host", "tag", "msg", 7 },
	{ "no busybox with ISO", "2026-11-20T23:56:35Z host mail.info tag[7]: m", 0,
	  "2026-11-20 23:56:35.000 +0", NULL, NULL, "host mail.info tag[7]: m", 0 },
	{ "short-unix", "1795219200.123456 host tag[7]: msg", 0, "2026-11-21 00:00:00.123 +0",
	  "host", "tag", "msg", 7 },
	{ "seconds alone", "1795219199 host tag[7]: msg", 0, "2026-11-20 23:59:59.000 +0", "host",
	  "tag", "msg", 7 },
	{ "seconds of this year, mistaken", "12345 host tag[7]: msg", 0, NULL, NULL, NULL, NULL,
	  0 },
	{ "seconds too many", "179521920000 host tag[7]: msg", 0, NULL, NULL, NULL, NULL, 0 },
	{ "short-full", "Fri 2026-11-20 23:56:35 UTC host tag[7]: msg", 0,
	  "2026-11-20 23:56:35.000 +0", "host", "tag", "msg", 7 },
	{ "short-full in a zone with a name", "Fri 2026-11-20 23:56:35 CET host tag[7]: msg", 0,
	  "2026-11-20 23:56:35.000", "host", "tag", "msg", 7 },
	{ "short-full in a zone without", "Fri 2026-11-20 23:56:35 -03 host tag[7]: msg", 0,
	  "2026-11-20 23:56:35.000 -180", "host", "tag", "msg", 7 },
	{ "a letter is no zone", "Fri 2026-11-20 23:56:35 A tag[7]: msg", 0,
	  "2026-11-20 23:56:35.000", "A", "tag", "msg", 7 },
	{ "seven letters are no zone", "Fri 2026-11-20 23:56:35 MAILSRV tag[7]: msg", 0,
	  "2026-11-20 23:56:35.000", "MAILSRV", "tag", "msg", 7 },
	{ "no zone's name, no weekday", "2026-11-20 23:56:35 UTC host tag[7]: msg", 0,
	  "2026-11-20 23:56:35.000", NULL, NULL, "UTC host tag[7]: msg", 0 },
	{ "short-full without its zone", "Fri 2026-11-20 23:56:35 host tag[7]: msg", 0,
	  "2026-11-20 23:56:35.000", "host", "tag", "msg", 7 },

	/* RFC 5424 */
	{ "rfc5424",
	  "<22>1 2026-11-20T23:56:35.003Z mx.example.org postfix/smtpd 19536 ID47 - 8A0C: client=x",
	  0, "2026-11-20 23:56:35.003 +0", "mx.example.org", "postfix/smtpd", "8A0C: client=x",
	  19536 },
	{ "rfc5424 without PRI", "1 2026-11-20T23:56:35.003+01:00 h app 1 - - m", 0,
	  "2026-11-20 23:56:35.003 +60", "h", "app", "m", 1 },
	{ "structured data", "<22>1 2026-11-20T23:56:35Z h app 1 - [a@1 b=\"c\"][d@2 e=\"f g\"] m",
	  0, "2026-11-20 23:56:35.000 +0", "h", "app", "m", 1 },
	{ "escapes in structured data",
	  "<22>1 2026-11-20T23:56:35Z h app 1 - [a@1 b=\"x\\\"] fake \\] \\\\\" c=\"]\"] m", 0,
	  "2026-11-20 23:56:35.000 +0", "h", "app", "m", 1 },
	{ "byte order mark", "<22>1 2026-11-20T23:56:35Z h app 1 - - \xef\xbb\xbfm", 0,
	  "2026-11-20 23:56:35.000 +0", "h", "app", "m", 1 },
	{ "folded, with Exim's own time",
	  "Nov 20 23:56:35 mail exim[12]: message repeated 2 times: [ 2026-11-20 23:56:35 m]", 0,
	  "0-11-20 23:56:35.000", "mail", "exim", "m", 12 },
	{ "byte order mark in front", "\xef\xbb\xbfNov 20 23:56:35 mail a[1]: m", 0,
	  "0-11-20 23:56:35.000", "mail", "a", "m", 1 },
	{ "half a byte order mark in front", "\xef\xbbNov 20 23:56:35 mail a[1]: m", 0, NULL, NULL,
	  NULL, NULL, 0 },
	{ "rfc5424: rsyslog's blank", "<22>1 2026-11-20T23:56:35Z h app 1 - -  m", 0,
	  "2026-11-20 23:56:35.000 +0", "h", "app", "m", 1 },
	{ "rfc5424: two blanks of a message", "<22>1 2026-11-20T23:56:35Z h app 1 - -   m", 0,
	  "2026-11-20 23:56:35.000 +0", "h", "app", " m", 1 },
	{ "half a byte order mark", "<22>1 2026-11-20T23:56:35Z h app 1 - - \xef\xbb", 0,
	  "2026-11-20 23:56:35.000 +0", "h", "app", "\xef\xbb", 1 },
	{ "no message", "<22>1 2026-11-20T23:56:35Z h app 1 - -", 0, "2026-11-20 23:56:35.000 +0",
	  "h", "app", "", 1 },
	{ "fields are absent", "<22>1 2026-11-20T23:56:35Z - - - - - h app[1]: m", 0,
	  "2026-11-20 23:56:35.000 +0", NULL, NULL, "h app[1]: m", 0 },
	{ "procid is a word", "<22>1 2026-11-20T23:56:35Z h app 12x - - m", 0,
	  "2026-11-20 23:56:35.000 +0", "h", "app", "m", 0 },
	{ "5424, carriage return", "<22>1 2026-11-20T23:56:35Z h app 1 - - m\r", 0,
	  "2026-11-20 23:56:35.000 +0", "h", "app", "m", 1 },
	{ "5424 without a time", "<22>1 - h app 1 - - m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "5424 with a blank for T", "<22>1 2026-11-20 23:56:35Z h app 1 - - m", 0, NULL, NULL,
	  NULL, NULL, 0 },
	{ "structured data never ends", "<22>1 2026-11-20T23:56:35Z h app 1 - [a b=\"] m", 0, NULL,
	  NULL, NULL, NULL, 0 },
	{ "structured data is missing", "<22>1 2026-11-20T23:56:35Z h app 1 - m", 0, NULL, NULL,
	  NULL, NULL, 0 },
	{ "field is missing", "<22>1 2026-11-20T23:56:35Z h app", 0, NULL, NULL, NULL, NULL, 0 },

	/* Servers' own logs */
	{ "exim", "2026-11-20 23:56:35 1tDkXY-0000ab-1P <= a@example.org H=x [192.0.2.1]", 0,
	  "2026-11-20 23:56:35.000", NULL, NULL,
	  "1tDkXY-0000ab-1P <= a@example.org H=x [192.0.2.1]", 0 },
	{ "exim with pid", "2026-11-20 23:56:35 [4711] 1tDkXY-0000ab-1P <= a", 0,
	  "2026-11-20 23:56:35.000", NULL, NULL, "1tDkXY-0000ab-1P <= a", 4711 },
	{ "exim with all", "2026-11-20 23:56:35.123 +0100 [4711] 1tDkXY-0000ab-1P <= a", 0,
	  "2026-11-20 23:56:35.123 +60", NULL, NULL, "1tDkXY-0000ab-1P <= a", 4711 },
	{ "exim west", "2026-11-20 23:56:35 -0330 1tDkXY-0000ab-1P <= a", 0,
	  "2026-11-20 23:56:35.000 -210", NULL, NULL, "1tDkXY-0000ab-1P <= a", 0 },
	{ "a sign that is no zone", "2026-11-20 23:56:35 +01x0 y", 0, "2026-11-20 23:56:35.000",
	  NULL, NULL, "+01x0 y", 0 },
	{ "an address is no pid", "2026-11-20 23:56:35 [192.0.2.1] x", 0, "2026-11-20 23:56:35.000",
	  NULL, NULL, "[192.0.2.1] x", 0 },
	{ "no pid in syslog's form", "Nov 20 23:56:35 [4711] x", 0, "0-11-20 23:56:35.000", NULL,
	  NULL, "[4711] x", 0 },
	{ "exim through syslog",
	  "Nov 20 23:56:35 host exim[123]: 2026-11-20 23:56:35 1tDkXY-0000ab-1P <= a", 0,
	  "0-11-20 23:56:35.000", "host", "exim", "1tDkXY-0000ab-1P <= a", 123 },
	{ "exim4 through syslog, all",
	  "Nov 20 23:56:36 host exim4: 2026-11-20 23:56:35.999 +0100 [77] 1tDkXY-0000ab-1P <= a", 0,
	  "0-11-20 23:56:36.000", "host", "exim4", "1tDkXY-0000ab-1P <= a", 77 },
	{ "exim through syslog, no time", "Nov 20 23:56:36 host exim4[5]: 1tDkXY-0000ab-1P <= a", 0,
	  "0-11-20 23:56:36.000", "host", "exim4", "1tDkXY-0000ab-1P <= a", 5 },
	{ "exim through RFC 5424",
	  "<22>1 2026-11-20T23:56:35Z h exim 1 - - 2026-11-20 23:56:35 1tDkXY-0000ab-1P <= a", 0,
	  "2026-11-20 23:56:35.000 +0", "h", "exim", "1tDkXY-0000ab-1P <= a", 1 },
	{ "another keeps its second time", "Nov 20 23:56:35 host app[1]: 2026-11-20 23:56:35 x", 0,
	  "0-11-20 23:56:35.000", "host", "app", "2026-11-20 23:56:35 x", 1 },
	{ "dovecot's own", "Nov 20 23:56:35 imap-login: Info: Login: user=<a>, rip=192.0.2.1", 0,
	  "0-11-20 23:56:35.000", NULL, NULL, "imap-login: Info: Login: user=<a>, rip=192.0.2.1",
	  0 },
	{ "dovecot's own, ISO", "2026-11-20 23:56:35 imap-login: Info: Login: user=<a>", 0,
	  "2026-11-20 23:56:35.000", NULL, NULL, "imap-login: Info: Login: user=<a>", 0 },
	{ "dovecot, a user's process", "Nov 20 23:56:35 imap(a b)<12><x>: Info: Logged out", 0,
	  "0-11-20 23:56:35.000", NULL, NULL, "imap(a b)<12><x>: Info: Logged out", 0 },

	/* What an attacker writes poses as no program */
	{ "exim, HELO as a tag", "2026-11-20 23:56:35 H=(postfix/smtpd[1]: x) [192.0.2.1] rejected",
	  0, "2026-11-20 23:56:35.000", NULL, NULL, "H=(postfix/smtpd[1]: x) [192.0.2.1] rejected",
	  0 },
	{ "exim, sender as a tag", "2026-11-20 23:56:35 1tDkXY-0000ab-1P <= x postfix/smtpd[1]: y",
	  0, "2026-11-20 23:56:35.000", NULL, NULL, "1tDkXY-0000ab-1P <= x postfix/smtpd[1]: y",
	  0 },
	{ "exim, text behind the id", "2026-11-20 23:56:35 1tDkXY-0000ab-1P postfix/smtpd[1]: y", 0,
	  "2026-11-20 23:56:35.000", NULL, NULL, "1tDkXY-0000ab-1P postfix/smtpd[1]: y", 0 },
	{ "exim, text behind a long id", "2026-11-20 23:56:35 1tDkXY-00000000abc-1abc DKIM: y", 0,
	  "2026-11-20 23:56:35.000", NULL, NULL, "1tDkXY-00000000abc-1abc DKIM: y", 0 },
	{ "a host that is no id", "2026-11-20 23:56:35 backup-server-01 dovecot: y", 0,
	  "2026-11-20 23:56:35.000", "backup-server-01", "dovecot", "y", 0 },
	{ "exim, text behind the pid", "2026-11-20 23:56:35 [9] host postfix/smtpd[1]: y", 0,
	  "2026-11-20 23:56:35.000", NULL, NULL, "host postfix/smtpd[1]: y", 9 },
	{ "exim, authenticator",
	  "2026-11-20 23:56:35 login authenticator failed for (t[1]: x) [::1]", 0,
	  "2026-11-20 23:56:35.000", NULL, NULL, "login authenticator failed for (t[1]: x) [::1]",
	  0 },
	{ "own log, tag without a blank", "2026-11-20 23:56:35 word word:postfix", 0,
	  "2026-11-20 23:56:35.000", NULL, NULL, "word word:postfix", 0 },
	{ "exim, a second time in the text",
	  "2026-11-20 23:56:35 H=x Nov 20 23:56:35 host postfix/smtpd[1]: y", 0,
	  "2026-11-20 23:56:35.000", NULL, NULL, "H=x Nov 20 23:56:35 host postfix/smtpd[1]: y",
	  0 },
	{ "dovecot, user as a tag", "Nov 20 23:56:35 auth: Info: host postfix/smtpd[1]: y", 0,
	  "0-11-20 23:56:35.000", NULL, NULL, "auth: Info: host postfix/smtpd[1]: y", 0 },
	{ "a third word as a tag", "Nov 20 23:56:35 host tag postfix/smtpd[1]: y", 0,
	  "0-11-20 23:56:35.000", NULL, NULL, "host tag postfix/smtpd[1]: y", 0 },
	{ "a bracket in the host", "Nov 20 23:56:35 ho[st tag: y", 0, "0-11-20 23:56:35.000", NULL,
	  NULL, "ho[st tag: y", 0 },

	/* No time leads these */
	{ "empty", "", 0, NULL, NULL, NULL, NULL, 0 },
	{ "one byte", "N", 0, NULL, NULL, NULL, NULL, 0 },
	{ "carriage return alone", "\r", 0, NULL, NULL, NULL, NULL, 0 },
	{ "a blank before the time", " Nov 20 23:56:35 h t: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "month Foo", "Foo 20 23:56:35 h t: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "month in capitals", "NOV 20 23:56:35 h t: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "weekday Foo", "Foo Nov 20 23:56:35 h t: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "day 0", "Nov  0 23:56:35 h t: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "day 32", "Nov 32 23:56:35 h t: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "hour 24", "Nov 20 24:00:00 h t: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "minute 60", "Nov 20 23:60:00 h t: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "second 61", "Nov 20 23:56:61 h t: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "hour of one digit", "Nov 20 3:56:35 h t: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "letters in the time", "Nov 20 23:x6:35 h t: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "empty fraction", "Nov 20 23:56:35. h t: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "text glued to the time", "Nov 20 23:56:35: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "year 0", "0000-11-20T23:56:35Z h t: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "year 1969", "1969-11-20T23:56:35Z h t: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "month 13", "2026-13-20T23:56:35Z h t: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "month 0", "2026-00-20T23:56:35Z h t: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "ISO day 32", "2026-11-32T23:56:35Z h t: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "ISO hour 24", "2026-11-20T24:00:00Z h t: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "zone of 24 hours", "2026-11-20T23:56:35+2400 h t: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "zone of 60 minutes", "2026-11-20T23:56:35+0060 h t: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "zone of one digit", "2026-11-20T23:56:35+1 h t: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "zone of three digits", "2026-11-20T23:56:35+010 h t: m", 0, NULL, NULL, NULL, NULL, 0 },
	{ "zone without its minutes", "2026-11-20T23:56:35+01: h t: m", 0, NULL, NULL, NULL, NULL,
	  0 },
	{ "weekday alone", "Fri ", 0, NULL, NULL, NULL, NULL, 0 },
	{ "journalctl's own line", "-- Boot 0123456789abcdef --", 0, NULL, NULL, NULL, NULL, 0 },
};

/* "2026-11-20 23:56:35.123 +60", the offset in minutes. */
static const char *stamp_text(const struct stamp *s, char buf[64])
{
	int n = snprintf(buf, 64, "%d-%u-%u %02u:%02u:%02u.%03u", s->year, s->month, s->day,
			 s->hour, s->minute, s->second, s->ms);

	if (s->has_zone)
		(void)snprintf(buf + n, 64 - (size_t)n, " %+d", s->offset_min);
	return buf;
}

static void assert_slice(struct slice got, const char *want)
{
	if (!want) {
		assert_null(got.ptr);
		return;
	}
	assert_non_null(got.ptr);
	assert_memory_equal(got.ptr, want, strlen(want));
}

static bool is_within(struct slice s, const char *text, size_t len)
{
	return !s.ptr ||
	       (s.ptr >= text && s.ptr <= text + len && s.len <= len - (size_t)(s.ptr - text));
}

static void same_slice(struct slice a, struct slice b)
{
	assert_int_equal(a.ptr != NULL, b.ptr != NULL);
	assert_int_equal(a.len, b.len);
	if (a.len)
		assert_memory_equal(a.ptr, b.ptr, a.len);
}

/* A line with a PRI in front is never read in one go; what comes out has to be the same. */
static void check_both_ways(const char *text, size_t len)
{
	char *with_pri = xcalloc(len + 3, 1);
	struct line one = { 0 }, other = { 0 };

	memcpy(with_pri, "<9>", 3);
	memcpy(with_pri + 3, text, len);
	assert_int_equal(line_parse(&one, (struct slice){ text, len }),
			 line_parse(&other, (struct slice){ with_pri, len + 3 }));
	assert_memory_equal(&one.stamp, &other.stamp, sizeof(one.stamp));
	assert_int_equal(one.pid, other.pid);
	same_slice(one.host, other.host);
	same_slice(one.program, other.program);
	same_slice(one.message, other.message);
	free(with_pri);
}

/* The first `len` bytes in memory of their own, so that a sanitiser sees each byte read too many. */
static void check_prefix(const char *text, size_t len)
{
	char *copy = xstrndup(text, len), *exact = xrealloc(copy, len ? len : 1, 1);
	struct line line;

	if (line_parse(&line, (struct slice){ exact, len })) {
		assert_true(is_within(line.host, exact, len));
		assert_true(is_within(line.program, exact, len));
		assert_true(is_within(line.message, exact, len));
	}
	if (len > 0 && text[0] >= 'A')
		check_both_ways(exact, len);
	free(exact);
}

static void check_parse(void **state)
{
	const struct parse_row *row = *state;
	size_t len = row->len ? row->len : strlen(row->text);
	struct line line;
	char buf[64];

	for (size_t i = 0; i <= len; i++)
		check_prefix(row->text, i);
	assert_int_equal(line_parse(&line, (struct slice){ row->text, len }), row->stamp != NULL);
	if (!row->stamp)
		return;
	assert_string_equal(stamp_text(&line.stamp, buf), row->stamp);
	assert_slice(line.host, row->host);
	assert_slice(line.program, row->program);
	assert_slice(line.message, row->message);
	assert_int_equal(line.pid, row->pid);
	if (row->host)
		assert_int_equal(line.host.len, strlen(row->host));
	if (row->program)
		assert_int_equal(line.program.len, strlen(row->program));
	if (!row->len)
		assert_int_equal(line.message.len, strlen(row->message));
}

/* Messages as rsyslog folds them. */
static const struct folded_row {
	const char *name;
	const char *message, *want; /* want NULL: it stays as it is */
	unsigned int repeats;
	size_t pad; /* so many bytes more in front of the closing bracket */
} folded_rows[] = {
	{ "folded: twice", "message repeated 2 times: [ m]", "m", 1, 0 },
	{ "folded: many", "message repeated 19 times: [ a]b]", "a]b", 18, 0 },
	{ "folded: once", "message repeated 1 times: [m]", "m", 0, 0 },
	{ "folded: one blank is rsyslog's", "message repeated 3 times: [  m]", " m", 2, 0 },
	{ "folded: more than counts", "message repeated 5000 times: [ m]", "m", LINE_REPEATS_MOST,
	  0 },
	{ "folded: more than a number holds",
	  "message repeated 99999999999999999999999999999999 times: [ m]", "m", LINE_REPEATS_MOST,
	  0 },
	{ "folded: a message that was whole", "message repeated 2 times: [ ]", NULL, 1, 798 },
	{ "folded: a message that was cut", "message repeated 2 times: [ ]", NULL, 0, 799 },
	{ "folded: never", "message repeated 0 times: [ m]", NULL, 0, 0 },
	{ "folded: no number", "message repeated  times: [ m]", NULL, 0, 0 },
	{ "folded: less than none", "message repeated -2 times: [ m]", NULL, 0, 0 },
	{ "folded: no end", "message repeated 2 times: [ m", NULL, 0, 0 },
	{ "folded: nothing", "message repeated 2 times: [", NULL, 0, 0 },
	{ "folded: empty", "message repeated 2 times: []", "", 1, 0 },
	{ "folded: not at the start", " message repeated 2 times: [ m]", NULL, 0, 0 },
	{ "folded: within another", "message repeated 2 times: [ message repeated 3 times: [ m]]",
	  "message repeated 3 times: [ m]", 1, 0 },
};

static void check_folded(void **state)
{
	const struct folded_row *row = *state;
	size_t len = strlen(row->message);
	char pad[1000] = "", *text;
	struct line line;

	memset(pad, 'x', row->pad);
	text = xasprintf("Nov 20 23:56:35 mail postfix/smtpd[1]: %.*s%s%s",
			 (int)(row->pad ? len - 1 : len), row->message, pad, row->pad ? "]" : "");
	for (size_t i = 0; i <= strlen(text); i++)
		check_prefix(text, i);
	assert_true(line_parse(&line, slice_of(text)));
	assert_int_equal(line.repeats, row->repeats);
	if (row->want)
		assert_slice(line.message, row->want);
	else if (row->repeats > 0)
		assert_int_equal(line.message.len, row->pad);
	else
		assert_int_equal(line.message.len, len + row->pad);
	free(text);
}

enum { LINES_MOST = 10 };

static const struct clock_row {
	const char *name;
	const char *tz;
	const char *newest;
	struct {
		const char *stamp;
		const char *want; /* "": the date does not exist */
	} lines[LINES_MOST];
} clock_rows[] = {
	{ "explicit zone",
	  "Europe/Madrid",
	  "2026-12-01T00:00:00Z",
	  { { "2026-11-20T23:56:35.123+01:00", "2026-11-20T22:56:35.123Z" },
	    { "2026-11-20T23:56:36-03:30", "2026-11-21T03:26:36Z" },
	    { "2026-11-20T23:56:35Z", "2026-11-20T23:56:35Z" },
	    { "2026-11-20T23:56:35+00:00", "2026-11-20T23:56:35Z" } } },
	{ "explicit year, local time",
	  "Europe/Madrid",
	  "2026-12-01T00:00:00Z",
	  { { "2026-11-20 23:56:35.250", "2026-11-20T22:56:35.250Z" },
	    { "2026-07-20 23:56:35", "2026-07-20T21:56:35Z" },
	    { "2031-07-20 23:56:35", "2031-07-20T21:56:35Z" },
	    { "Nov 20 2024 23:56:35", "2024-11-20T22:56:35Z" } } },
	{ "same minute, other zone",
	  "Europe/Madrid",
	  "2026-12-01T00:00:00Z",
	  { { "2026-11-20T23:56:35", "2026-11-20T22:56:35Z" },
	    { "2026-11-20T23:56:35Z", "2026-11-20T23:56:35Z" },
	    { "2026-11-20T23:56:35+02:00", "2026-11-20T21:56:35Z" },
	    { "2026-11-20T23:56:59", "2026-11-20T22:56:59Z" } } },
	{ "seconds since 1970",
	  "Europe/Madrid",
	  "2026-12-01T00:00:00Z",
	  { { "1795219200.123456", "2026-11-21T00:00:00.123Z" } } },
	{ "year-less",
	  "UTC",
	  "2026-11-21T00:00:00Z",
	  { { "Nov 20 23:56:35", "2026-11-20T23:56:35Z" },
	    { "Nov 20 23:56:36.5", "2026-11-20T23:56:36.500Z" },
	    { "Nov 20 23:57:00", "2026-11-20T23:57:00Z" } } },
	{ "year-less, a day after the newest",
	  "UTC",
	  "2026-11-20T12:00:00Z",
	  { { "Nov 21 12:00:00", "2026-11-21T12:00:00Z" } } },
	{ "year-less, two days after the newest",
	  "UTC",
	  "2026-11-20T12:00:00Z",
	  { { "Nov 22 12:00:00", "2025-11-22T12:00:00Z" } } },
	{ "year-less, far in the future of the newest",
	  "UTC",
	  "2026-06-01T00:00:00Z",
	  { { "Dec 25 12:00:00", "2025-12-25T12:00:00Z" } } },
	{ "newest on New Year's Eve, clock ahead",
	  "UTC",
	  "2026-12-31T23:59:50Z",
	  { { "Jan  1 00:00:10", "2027-01-01T00:00:10Z" } } },
	{ "newest by local time already in the new year",
	  "Pacific/Auckland",
	  "2026-12-31T11:30:00Z",
	  { { "Jan  1 00:20:00", "2026-12-31T11:20:00Z" } } },
	{ "New Year in the file, written last before",
	  "UTC",
	  "2026-12-31T23:59:59Z",
	  { { "Dec 31 23:59:58", "2026-12-31T23:59:58Z" },
	    { "Jan  1 00:00:03", "2027-01-01T00:00:03Z" } } },
	{ "New Year in the file, written last after",
	  "UTC",
	  "2027-01-05T00:00:00Z",
	  { { "Dec 30 10:00:00", "2026-12-30T10:00:00Z" },
	    { "Dec 31 23:59:59", "2026-12-31T23:59:59Z" },
	    { "Jan  1 00:00:00", "2027-01-01T00:00:00Z" },
	    { "Jan  4 10:00:00", "2027-01-04T10:00:00Z" } } },
	{ "late lines across New Year",
	  "UTC",
	  "2027-06-05T00:00:00Z",
	  { { "Jan  1 00:00:01", "2027-01-01T00:00:01Z" },
	    { "Dec 31 23:59:58", "2026-12-31T23:59:58Z" },
	    { "Jan  1 00:00:02", "2027-01-01T00:00:02Z" },
	    { "Jan  1 00:01:02", "2027-01-01T00:01:02Z" } } },
	{ "late lines across New Year, file of a year",
	  "UTC",
	  "2029-12-30T23:59:30Z",
	  { { "Jan  1 00:00:01", "2029-01-01T00:00:01Z" },
	    { "Dec 31 23:59:58", "2028-12-31T23:59:58Z" },
	    { "Jan  1 00:00:02", "2029-01-01T00:00:02Z" } } },
	{ "a clock five days back is no New Year",
	  "UTC",
	  "2027-12-10T12:00:00Z",
	  { { "Dec 15 10:00:00", "2026-12-15T10:00:00Z" },
	    { "Dec 10 10:00:00", "2026-12-10T10:00:00Z" } } },
	{ "a silent winter",
	  "UTC",
	  "2027-03-01T00:00:00Z",
	  { { "Nov 20 10:00:00", "2026-11-20T10:00:00Z" },
	    { "Feb 20 10:00:00", "2027-02-20T10:00:00Z" } } },
	{ "a clock that started in January, in December",
	  "UTC",
	  "2026-12-25T00:00:00Z",
	  { { "Dec 15 10:00:00", "2026-12-15T10:00:00Z" },
	    { "Jan  1 00:00:05", "2027-01-01T00:00:05Z" },
	    { "Dec 15 10:01:00", "2026-12-15T10:01:00Z" },
	    { "Dec 15 10:02:00", "2026-12-15T10:02:00Z" } } },
	{ "a quiet source across New Year",
	  "UTC",
	  "2026-10-01T00:00:00Z",
	  { { "Sep 30 10:00:00", "2026-09-30T10:00:00Z" },
	    { "Dec 15 10:00:00", "2026-12-15T10:00:00Z" },
	    { "Jan 10 10:00:00", "2027-01-10T10:00:00Z" },
	    { "Jun 10 10:00:00", "2027-06-10T10:00:00Z" } } },
	{ "eight silent months",
	  "UTC",
	  "2026-11-01T00:00:00Z",
	  { { "Jan 10 10:00:00", "2026-01-10T10:00:00Z" },
	    { "Sep 10 10:00:00", "2026-09-10T10:00:00Z" } } },
	{ "a clock that started in January",
	  "UTC",
	  "2026-11-25T00:00:00Z",
	  { { "Nov 20 10:00:00", "2026-11-20T10:00:00Z" },
	    { "Jan  1 00:00:05", "2026-01-01T00:00:05Z" },
	    { "Nov 20 10:01:00", "2026-11-20T10:01:00Z" } } },
	{ "the same, under a running clock",
	  "UTC",
	  "2026-11-19T00:00:00Z",
	  { { "Nov 19 10:00:00", "2026-11-19T10:00:00Z" },
	    { "Nov 25 10:00:00", "2026-11-25T10:00:00Z" },
	    { "Jan  1 00:00:05", "2026-01-01T00:00:05Z" },
	    { "Nov 25 10:01:00", "2026-11-25T10:01:00Z" },
	    { "Dec 31 10:01:00", "2026-12-31T10:01:00Z" },
	    { "Jan  1 00:00:05", "2027-01-01T00:00:05Z" } } },
	{ "a clock that jumps a month and back",
	  "UTC",
	  "2026-11-25T00:00:00Z",
	  { { "Nov 20 10:00:00", "2026-11-20T10:00:00Z" },
	    { "Dec 20 10:00:00", "2026-12-20T10:00:00Z" },
	    { "Nov 20 10:00:01", "2026-11-20T10:00:01Z" },
	    { "Oct 20 10:00:01", "2026-10-20T10:00:01Z" } } },
	{ "slightly out of order",
	  "UTC",
	  "2026-11-21T00:00:00Z",
	  { { "Nov 20 23:57:01", "2026-11-20T23:57:01Z" },
	    { "Nov 20 23:56:58", "2026-11-20T23:56:58Z" },
	    { "Nov 20 23:57:00", "2026-11-20T23:57:00Z" } } },
	{ "leap day",
	  "UTC",
	  "2028-03-01T00:00:00Z",
	  { { "Feb 29 12:00:00", "2028-02-29T12:00:00Z" } } },
	{ "leap day of an earlier year",
	  "UTC",
	  "2027-03-01T00:00:00Z",
	  { { "Feb 29 12:00:00", "2024-02-29T12:00:00Z" } } },
	{ "leap day, eight years back",
	  "UTC",
	  "2103-03-01T00:00:00Z",
	  { { "Feb 29 12:00:00", "2096-02-29T12:00:00Z" } } },
	{ "leap day within a file",
	  "UTC",
	  "2028-03-02T00:00:00Z",
	  { { "Feb 28 12:00:00", "2028-02-28T12:00:00Z" },
	    { "Feb 29 12:00:00", "2028-02-29T12:00:00Z" },
	    { "Mar  1 12:00:00", "2028-03-01T12:00:00Z" } } },
	{ "leap day of the file's last year",
	  "UTC",
	  "2028-03-02T00:00:00Z",
	  { { "Dec 28 12:00:00", "2027-12-28T12:00:00Z" },
	    { "Feb 29 12:00:00", "2028-02-29T12:00:00Z" } } },
	{ "leap second",
	  "UTC",
	  "2017-01-02T00:00:00Z",
	  { { "Dec 31 23:59:60", "2017-01-01T00:00:00Z" },
	    { "2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z" } } },
	{ "dates that don't exist",
	  "UTC",
	  "2026-11-21T00:00:00Z",
	  { { "Feb 30 12:00:00", "" },
	    { "Apr 31 12:00:00", "" },
	    { "2026-02-29 12:00:00", "" },
	    { "2100-02-29T12:00:00Z", "" },
	    { "2000-02-29T12:00:00Z", "2000-02-29T12:00:00Z" },
	    { "Nov 20 12:00:00", "2026-11-20T12:00:00Z" },
	    { "Feb 30 12:00:00", "" },
	    { "Nov 20 12:00:01", "2026-11-20T12:00:01Z" } } },
	{ "end of summer time",
	  "Europe/Madrid",
	  "2026-10-26T00:00:00Z",
	  { { "Oct 25 01:59:59", "2026-10-24T23:59:59Z" },
	    { "Oct 25 02:00:01", "2026-10-25T00:00:01Z" },
	    { "Oct 25 02:59:59", "2026-10-25T00:59:59Z" },
	    { "Oct 25 02:00:00", "2026-10-25T01:00:00Z" },
	    { "Oct 25 02:00:01", "2026-10-25T01:00:01Z" },
	    { "Oct 25 02:30:00", "2026-10-25T01:30:00Z" },
	    { "Oct 25 02:59:59", "2026-10-25T01:59:59Z" },
	    { "Oct 25 03:00:00", "2026-10-25T02:00:00Z" } } },
	{ "end of summer time, within one minute",
	  "Europe/Madrid",
	  "2026-10-26T00:00:00Z",
	  { { "Oct 25 02:59:59", "2026-10-25T00:59:59Z" },
	    { "Oct 25 02:59:58", "2026-10-25T00:59:58Z" },
	    { "Oct 25 03:01:00", "2026-10-25T02:01:00Z" },
	    { "Oct 25 02:59:59", "2026-10-25T01:59:59Z" } } },
	{ "end of summer time, late lines",
	  "Europe/Madrid",
	  "2026-10-26T00:00:00Z",
	  { { "Oct 25 02:59:59", "2026-10-25T00:59:59Z" },
	    { "Oct 25 02:00:01", "2026-10-25T01:00:01Z" },
	    { "Oct 25 02:59:57", "2026-10-25T00:59:57Z" },
	    { "Oct 25 02:00:02", "2026-10-25T01:00:02Z" },
	    { "Oct 25 02:00:00", "2026-10-25T01:00:00Z" },
	    { "Oct 25 03:00:00", "2026-10-25T02:00:00Z" },
	    { "Oct 25 02:59:59", "2026-10-25T01:59:59Z" } } },
	{ "end of summer time, explicit year",
	  "Europe/Madrid",
	  "2026-10-26T00:00:00Z",
	  { { "2026-10-25 02:10:00", "2026-10-25T00:10:00Z" },
	    { "2026-10-25 02:50:00", "2026-10-25T00:50:00Z" },
	    { "2026-10-25 02:10:00", "2026-10-25T01:10:00Z" } } },
	{ "end of summer time, half an hour",
	  "Australia/Lord_Howe",
	  "2026-04-06T00:00:00Z",
	  { { "Apr  5 01:59:00", "2026-04-04T14:59:00Z" },
	    { "Apr  5 01:31:00", "2026-04-04T15:01:00Z" } } },
	{ "an offset that changed for good",
	  "Europe/Moscow",
	  "2014-10-27T00:00:00Z",
	  { { "Oct 26 01:59:00", "2014-10-25T21:59:00Z" },
	    { "Oct 26 01:01:00", "2014-10-25T22:01:00Z" } } },
	{ "a step back on another day is a late line",
	  "Europe/Madrid",
	  "2026-10-26T00:00:00Z",
	  { { "Oct 24 02:59:59", "2026-10-24T00:59:59Z" },
	    { "Oct 24 02:00:00", "2026-10-24T00:00:00Z" } } },
	{ "begin of summer time",
	  "Europe/Madrid",
	  "2026-03-30T00:00:00Z",
	  { { "Mar 29 01:59:59", "2026-03-29T00:59:59Z" },
	    { "Mar 29 02:30:00", "2026-03-29T01:30:00Z" },
	    { "Mar 29 03:00:00", "2026-03-29T01:00:00Z" },
	    { "Mar 29 03:30:00", "2026-03-29T01:30:00Z" } } },
	{ "newest is before 1970",
	  "UTC",
	  "1960-01-01T00:00:00Z",
	  { { "Nov 20 12:00:00", "1969-11-20T12:00:00Z" } } },
};

static struct instant moment(const char *text)
{
	struct instant at = INSTANT_NONE;
	struct err err;

	assert_int_equal(instant_parse(&at, text, (struct instant){ 0 }, &err), 0);
	return at;
}

/* Another clock that goes on where this one is, on another day. */
static struct stamp_clock *restarted(struct stamp_clock *clock)
{
	struct stamp_clock *other = stamp_clock_new(moment("2031-05-05T05:05:05Z"));
	struct pack saved = { 0 };
	struct packed in;

	stamp_clock_save(clock, &saved);
	in = packed_of(pack_contents(&saved));
	stamp_clock_restore(other, &in);
	assert_true(packed_end(&in));
	stamp_clock_free(clock);
	pack_fini(&saved);
	return other;
}

/* With `restarts` there is one behind each line, which is then read a second time. */
static void read_clock(const struct clock_row *row, bool restarts)
{
	struct stamp_clock *clock = stamp_clock_new(moment(row->newest));
	char got[INSTANT_TEXT];

	for (size_t i = 0; i < LINES_MOST && row->lines[i].stamp; i++) {
		struct line line;
		struct instant at;

		assert_true(line_parse(&line, slice_of(row->lines[i].stamp)));
		at = stamp_clock_read(clock, &line.stamp);
		if (restarts) {
			clock = restarted(clock);
			at = stamp_clock_read(clock, &line.stamp);
		}
		if (!*row->lines[i].want)
			assert_true(instant_is_none(at));
		else
			assert_string_equal(instant_rfc3339(at, got), row->lines[i].want);
	}
	stamp_clock_free(clock);
}

static void check_clock(void **state)
{
	const struct clock_row *row = *state;

	assert_int_equal(setenv("TZ", row->tz, 1), 0);
	tzset();
	read_clock(row, false);
	read_clock(row, true);
}

/* A whole night of October, a line a second: no moment may step back, none may be left out. */
static void check_night(void **state)
{
	struct stamp_clock *clock;
	int64_t from_s;

	(void)state;
	assert_int_equal(setenv("TZ", "Europe/Madrid", 1), 0);
	tzset();
	from_s = instant_s(moment("2026-10-24T22:00:00Z"));
	clock = stamp_clock_new(moment("2026-10-26T00:00:00Z"));
	for (int64_t s = from_s; s < from_s + 6 * 3600; s++) {
		time_t t = (time_t)s;
		struct line line;
		struct tm tm;
		char text[32];

		assert_non_null(localtime_r(&t, &tm));
		assert_int_not_equal(strftime(text, sizeof(text), "%b %e %H:%M:%S h t: m", &tm), 0);
		assert_true(line_parse(&line, slice_of(text)));
		assert_int_equal(stamp_clock_read(clock, &line.stamp).ms, s * 1000);
	}
	stamp_clock_free(clock);
}

/* Stamps that no line shows, as another reader may hand them in. */
static void check_foreign(void **state)
{
	static const struct stamp stamps[] = {
		{ .year = 2026, .month = 0, .day = 1 },
		{ .year = 2026, .month = 13, .day = 1 },
		{ .year = 2026, .month = 1, .day = 0 },
		{ .year = 2026, .month = 1, .day = 1, .hour = 24 },
		{ .year = 0, .month = 200, .day = 200 },
		{ .year = 2026, .month = 1, .day = 1, .minute = 60 },
	};
	static const struct stamp good = { .month = 11, .day = 20 };
	struct stamp_clock *clock = stamp_clock_new((struct instant){ INT64_MAX });
	char got[INSTANT_TEXT];

	(void)state;
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	tzset();
	for (size_t i = 0; i < COUNT(stamps); i++)
		assert_true(instant_is_none(stamp_clock_read(clock, &stamps[i])));
	assert_string_equal(instant_rfc3339(stamp_clock_read(clock, &good), got),
			    "9998-11-20T00:00:00Z");
	stamp_clock_free(clock);
	stamp_clock_free(NULL);
}

/* What is no state of a clock leaves it as it was. */
static void check_damaged(void **state)
{
	static const struct stamp good = { .month = 11, .day = 20 };
	struct stamp_clock *clock = stamp_clock_new(moment("2026-11-20T12:00:00Z"));
	char bytes[28];
	char got[INSTANT_TEXT];

	(void)state;
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	tzset();
	memset(bytes, 0x7f, sizeof(bytes));
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		struct packed in = packed_of((struct slice){ bytes, len });

		stamp_clock_restore(clock, &in);
		assert_true(in.bad);
	}
	assert_string_equal(instant_rfc3339(stamp_clock_read(clock, &good), got),
			    "2026-11-20T00:00:00Z");
	stamp_clock_free(clock);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(parse_rows) + COUNT(folded_rows) + COUNT(clock_rows) + 3];
	size_t n = 0;

	ADD_ROWS(tests, n, parse_rows, check_parse);
	ADD_ROWS(tests, n, folded_rows, check_folded);
	ADD_ROWS(tests, n, clock_rows, check_clock);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(check_night);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(check_foreign);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(check_damaged);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
