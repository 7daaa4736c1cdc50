/*
 * fingerprint - which few bytes of each literal the prefilter looks for first
 *
 * A candidate that turns out to be none costs as much as reading a hundred bytes, so windows
 * should be rare in mail logs, alone and in the company of those in the same bucket: "(que" and
 * " **" together let " que" pass. How rare is measured twice, since neither tells all. The
 * bytes of a sample, taken as independent, speak for queue ids, numbers and all that no
 * sample can hold; the sample itself, looked through, speaks for words, whose letters do not
 * come alone. Literals are dealt one after the other to where they add least to the sum of
 * both, and a few more rounds let each move again when the others are in place.
 * BUGS: a short literal has little choice, one of four bytes none.
 */
#include "core/filter/fingerprint.h"

#include "core/base/clones.h"
#include "core/base/mem.h"
#include "core/filter/literal.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/*
 * What mail logs are full of. It is a sample of shapes rather than of any one server; line
 * ends are in it, as they are in a block.
 */
static const char ordinary[] =
	"Jan  7 08:19:52 mail postfix/smtpd[20731]: connect from unknown[192.0.2.83]\n"
	"Feb 14 10:03:47 mx1 postfix/submission/smtpd[6158]: 4C9F02A1B7: client=h61.example.net"
	"[198.51.100.46], sasl_method=PLAIN, sasl_username=anna@example.org\n"
	"Mar 28 11:50:36 mx1 postfix/cleanup[941]: 4C9F02A1B7: message-id=<8d5e-61f3@example.org>\n"
	"Apr  3 12:27:14 mail postfix/qmgr[3072]: 7BD1E3C840: from=<info@example.com>, size=48296, "
	"nrcpt=1 (queue active)\n"
	"May 19 13:41:08 mail postfix/smtp[15264]: 7BD1E3C840: to=<bob@example.net>, "
	"relay=mx.example.net[203.0.113.25]:25, delay=1.7, delays=0.06/0.01/0.92/0.68, dsn=2.0.0, "
	"status=sent (250 2.0.0 Ok: queued as 9E50A4F637)\n"
	"Jun 22 14:06:59 mail postfix/qmgr[3072]: 7BD1E3C840: removed\n"
	"Jul 30 15:35:21 mx1 postfix/smtps/smtpd[8395]: disconnect from h61.example.net"
	"[198.51.100.46] ehlo=2 starttls=1 auth=1 mail=1 rcpt=1 data=1 quit=1 commands=8\n"
	"Aug 11 16:18:43 mx1 postfix/smtpd[7420]: Anonymous TLS connection established from "
	"unknown[192.0.2.83]: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) "
	"key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256\n"
	"Sep 26 17:52:30 mail postfix/smtpd[11387]: NOQUEUE: reject: RCPT from "
	"unknown[192.0.2.83]: "
	"554 5.7.1 Service unavailable; Client host [192.0.2.83] blocked using zen.example; "
	"from=<x@example.com> to=<y@example.org> proto=ESMTP helo=<localhost>\n"
	"Oct 15 18:44:17 mx1 postfix/smtpd[2569]: lost connection after AUTH from "
	"unknown[192.0.2.9]\n"
	"Nov  8 19:29:05 mx1 postfix/smtpd[2569]: warning: unknown[192.0.2.9]: SASL LOGIN "
	"authentication failed: UGFzc3dvcmQ6\n"
	"Dec 31 20:11:38 mail postfix/anvil[4613]: statistics: max connection rate 1/60s for "
	"(smtp:192.0.2.83) at Dec 31 20:08:17\n"
	"2024-05-06T21:37:24.180562+02:00 imap dovecot: imap-login: Login: "
	"user=<anna@example.org>, "
	"method=PLAIN, rip=198.51.100.46, lip=192.0.2.1, mpid=29416, TLS, session=<kD7uWxYq0NhG>\n"
	"2024-05-06T21:38:49.630718+02:00 imap dovecot: "
	"imap(anna@example.org)<29416><kD7uWxYq0NhG>: "
	"Disconnected: Logged out in=352 out=4786 deleted=0 expunged=0 trashed=0 hdr_count=0 "
	"hdr_bytes=0 body_count=0 body_bytes=0\n"
	"2024-05-06T21:39:12.950143+02:00 imap dovecot: lmtp(bob@example.net)<731><QzJp5vEo>: "
	"sieve: msgid=<8d5e-61f3@example.org>: stored mail into mailbox 'INBOX'\n"
	"Jan 13 22:57:03 mail amavis[5908]: (05908-16) Passed CLEAN {RelayedInbound}, "
	"[192.0.2.7]:4180 "
	"<info@example.com> -> <bob@example.net>, Queue-ID: 5A3D6E, Message-ID: "
	"<8d5e@example.org>, "
	"mail_id: RtVbF2gKcM, Hits: -1.9, size: 2734, queued_as: 9E50A4F637, 841 ms\n"
	"Feb 20 23:46:55 mail spamd[617]: spamd: result: . 0 - BAYES_00,DKIM_SIGNED,DKIM_VALID "
	"scantime=0.4,size=3081,user=debian-spamd,uid=112,required_score=5.0\n"
	"2024-05-06 09:23:41 1s3xQv-0007Hb-2k <= joe@example.com H=h5.example.net (pc) "
	"[203.0.113.5] "
	"P=esmtpsa X=TLS1.3:ECDHE_X25519:256 A=plain:joe S=1964 id=61f3@example.com\n"
	"2024-05-06 09:23:42 1s3xQv-0007Hb-2k => bob@example.net R=dnslookup T=remote_smtp "
	"H=mx.example.net [203.0.113.25] X=TLS1.3 CV=yes C=\"250 OK id=1s3xQw-0005Tj-1m\"\n"
	"2024-05-06 09:23:42 1s3xQv-0007Hb-2k Completed\n";

/*
 * The halves of bytes that a bucket lets pass, a bit each, at each place of a window; of high
 * halves those of the middle places count.
 */
struct print {
	uint16_t low[FINGERPRINT_BYTES], high[FINGERPRINT_BYTES];
};

/*
 * WORDS: of a set of offsets into the sample. TESTS: a window is passed when the low halves of all
 * its bytes and the high halves of those in the middle are.
 */
enum {
	ROUNDS = 2,
	OFFSETS = sizeof(ordinary) - FINGERPRINT_BYTES,
	WORDS = (OFFSETS + 63) / 64,
	TESTS = FINGERPRINT_BYTES + FINGERPRINT_BYTES - 2
};

/* The offsets where a window would have, at place k, a byte with this half. */
struct index {
	uint64_t low[FINGERPRINT_BYTES][16][WORDS], high[FINGERPRINT_BYTES][16][WORDS];
};

/* The offsets where a bucket passes each of the tests. */
struct sieve {
	uint64_t passed[TESTS][WORDS];
};

struct deal {
	struct fingerprint *chosen;
	const struct slice *literals;
	size_t n;
	double weight[256]; /* how likely a byte is ... */
	double low[16];     /* ... and a low half of one */
	struct index index;
};

/* A byte that the sample lacks counts as a tenth of a sighting. */
static void weigh(struct deal *deal)
{
	const double unseen = 0.1;
	const double all = sizeof(ordinary) - 1 + 256 * unseen;

	for (int i = 0; i < 256; i++)
		deal->weight[i] = unseen / all;
	for (size_t i = 0; i < sizeof(ordinary) - 1; i++)
		deal->weight[(unsigned char)ordinary[i]] += 1 / all;
	for (int i = 0; i < 256; i++)
		deal->low[i & 15] += deal->weight[i];
}

static void make_index(struct index *index)
{
	for (size_t i = 0; i < OFFSETS; i++) {
		uint64_t bit = (uint64_t)1 << i % 64;

		for (int k = 0; k < FINGERPRINT_BYTES; k++) {
			unsigned char c = (unsigned char)ordinary[i + (size_t)k];

			index->low[k][c & 15][i / 64] |= bit;
			index->high[k][c >> 4][i / 64] |= bit;
		}
	}
}

static void widen(struct print *print, const char *window)
{
	for (int k = 0; k < FINGERPRINT_BYTES; k++) {
		unsigned char c = (unsigned char)window[k];

		print->low[k] |= (uint16_t)(1U << (c & 15));
		print->high[k] |= (uint16_t)(1U << (c >> 4));
	}
}

static struct print print_of(const struct deal *deal, uint32_t bucket)
{
	struct print print = { 0 };

	for (size_t i = 0; i < deal->n; i++)
		if (deal->chosen[i].bucket == bucket)
			widen(&print, deal->literals[i].ptr + deal->chosen[i].shift);
	return print;
}

static bool is_middle(int place)
{
	return place > 0 && place < FINGERPRINT_BYTES - 1;
}

/* How likely a byte at place k passes. */
static double likelihood_at(const struct deal *deal, const struct print *print, int k)
{
	double sum = 0;

	for (unsigned int l = print->low[k]; l; l &= l - 1) {
		unsigned int low = (unsigned int)__builtin_ctz(l);

		if (!is_middle(k))
			sum += deal->low[low];
		for (unsigned int h = is_middle(k) ? print->high[k] : 0; h; h &= h - 1)
			sum += deal->weight[(unsigned int)__builtin_ctz(h) << 4 | low];
	}
	return sum;
}

/* How likely independent bytes pass. */
static double likelihood(const struct deal *deal, const struct print *print)
{
	double all = 1;

	for (int k = 0; k < FINGERPRINT_BYTES; k++)
		all *= likelihood_at(deal, print, k);
	return all;
}

static void pass(uint64_t passed[WORDS], const uint64_t having[16][WORDS], unsigned int halves)
{
	for (; halves; halves &= halves - 1)
		for (size_t i = 0; i < WORDS; i++)
			passed[i] |= having[__builtin_ctz(halves)][i];
}

FOR_THIS_MACHINE static void make_sieve(struct sieve *sieve, const struct deal *deal,
					const struct print *print)
{
	int test = 0;

	*sieve = (struct sieve){ 0 };
	for (int k = 0; k < FINGERPRINT_BYTES; k++) {
		pass(sieve->passed[test++], deal->index.low[k], print->low[k]);
		if (is_middle(k))
			pass(sieve->passed[test++], deal->index.high[k], print->high[k]);
	}
	assert(test == TESTS);
}

static void narrow(uint64_t left[WORDS], const uint64_t passed[WORDS], const uint64_t having[WORDS])
{
	for (size_t i = 0; i < WORDS; i++)
		left[i] &= passed[i] | having[i];
}

/* How much of the sample passes, with `window` in the bucket too where it is not NULL. */
FOR_THIS_MACHINE static double familiarity(const struct deal *deal, const struct sieve *sieve,
					   const char *window)
{
	static const uint64_t none[WORDS];
	const struct index *index = &deal->index;
	uint64_t left[WORDS];
	int test = 0, count = 0;

	memset(left, 0xff, sizeof(left));
	for (int k = 0; k < FINGERPRINT_BYTES; k++) {
		unsigned char c = window ? (unsigned char)window[k] : 0;

		narrow(left, sieve->passed[test++], window ? index->low[k][c & 15] : none);
		if (is_middle(k))
			narrow(left, sieve->passed[test++], window ? index->high[k][c >> 4] : none);
	}
	for (size_t i = 0; i < WORDS; i++)
		count += __builtin_popcountll(left[i]);
	return count / (double)OFFSETS;
}

/*
 * Looks in `text` for a window that adds less than *least to the candidates of a bucket. One
 * whose bytes alone add more is not tried on the sample, which takes longer.
 */
static void try_bucket(const struct deal *deal, uint32_t bucket, struct slice text,
		       struct fingerprint *best, double *least)
{
	struct print without = print_of(deal, bucket);
	double likely = likelihood(deal, &without), familiar;
	struct sieve sieve;

	make_sieve(&sieve, deal, &without);
	familiar = familiarity(deal, &sieve, NULL);
	for (uint32_t i = 0; i + FINGERPRINT_BYTES <= text.len && i < LITERAL_LONGEST; i++) {
		struct print with = without;
		double more;

		widen(&with, text.ptr + i);
		more = likelihood(deal, &with) - likely;
		if (more < *least)
			more += familiarity(deal, &sieve, text.ptr + i) - familiar;
		if (more < *least) {
			*least = more;
			*best = (struct fingerprint){ bucket, i };
		}
	}
}

static void settle(struct deal *deal, size_t literal)
{
	struct fingerprint best = { 0 };
	double least = HUGE_VAL;

	deal->chosen[literal].bucket = FINGERPRINT_BUCKETS;
	for (uint32_t b = 0; b < FINGERPRINT_BUCKETS; b++)
		try_bucket(deal, b, deal->literals[literal], &best, &least);
	deal->chosen[literal] = best;
}

void fingerprint_choose(struct fingerprint *chosen, const struct slice *literals, size_t n)
{
	struct deal *deal = xcalloc(1, sizeof(*deal));

	deal->chosen = chosen;
	deal->literals = literals;
	deal->n = n;
	weigh(deal);
	make_index(&deal->index);
	for (size_t i = 0; i < n; i++) {
		assert(literals[i].len >= FINGERPRINT_BYTES);
		chosen[i].bucket = FINGERPRINT_BUCKETS; /* in none yet */
	}
	for (int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < n; i++)
			settle(deal, i);
	free(deal);
}
