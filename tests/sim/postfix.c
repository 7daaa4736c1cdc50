/*
 * postfix - the lines that Postfix writes about a session
 *
 * Wording of Postfix 3.7 (smtpd.c, smtpd_sasl_glue.c, qmgr_message.c, log_adhoc.c): the user
 * is named once, on the client= line, and all later lines carry the queue id alone.
 */
#include "tests/sim/server.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>

const char submission[] = "postfix/submission/smtpd";
const char smtps[] = "postfix/smtps/smtpd";
const char port25[] = "postfix/smtpd";

const struct address own_address = {
	.byte = { [10] = 0xff, [11] = 0xff, [12] = 203, [13] = 0, [14] = 113, [15] = 25 }
};
const struct address loopback = { .byte = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 } };

static const char *const far_domains[] = {
	"example.net",    "customers.example",  "post.example",  "firm.example",
	"school.example", "shop.example",       "city.example",  "club.example",
	"hotel.example",  "university.example", "press.example", "freight.example"
};
static const char *const far_names[] = { "ana",   "info",  "luis",   "sales", "maria", "office",
					 "peter", "laura", "orders", "john",  "carla", "contact" };

static unsigned int some(struct server *s, unsigned int below)
{
	return (unsigned int)random_below(&s->random, below);
}

const char *rdns_text(const struct address *a, char buf[NAME_TEXT])
{
	const uint8_t *b = &a->byte[12];

	if (address_equal(a, &loopback))
		snprintf(buf, NAME_TEXT, "localhost");
	else if (address_equal(a, &own_address))
		snprintf(buf, NAME_TEXT, "mail.example.org");
	else if (!address_is_v4(a) || (b[0] * 31 + b[1] * 7 + b[2]) % 5 < 2)
		snprintf(buf, NAME_TEXT, "unknown");
	else
		snprintf(buf, NAME_TEXT, "%u-%u-%u-%u.dyn.isp%u.example", b[3], b[2], b[1], b[0],
			 (b[0] * 256u + b[1]) % 97);
	return buf;
}

static void queue_id(struct server *s, char buf[QUEUE_ID_TEXT])
{
	/* Short form: microseconds in five digits, then the queue file's inode, which is used again. */
	snprintf(buf, QUEUE_ID_TEXT, "%05X%X", some(s, 1000000), 0x2a4000 + s->queued++ % 20000);
}

static void later(struct smtp *c, unsigned int below_ms)
{
	c->at.ms += 1 + some(c->server, below_ms);
}

void smtp_connect(struct smtp *c, struct server *s, struct instant at, const struct address *ip,
		  const char *service)
{
	*c = (struct smtp){
		.server = s, .at = at, .service = service, .pid = 1000 + some(s, 31000)
	};
	address_text(ip, c->ip);
	rdns_text(ip, c->name);
	mail_log_line(s->log, at, "%s[%u]: connect from %s[%s]", service, c->pid, c->name, c->ip);
	later(c, 400);
	if (s->tls_lines && (service != port25 || some(s, 12) == 0))
		mail_log_line(
			s->log, c->at,
			"%s[%u]: Anonymous TLS connection established from %s[%s]: TLSv1.3 with "
			"cipher "
			"TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 "
			"server-signature "
			"RSA-PSS (2048 bits) server-digest SHA256",
			service, c->pid, c->name, c->ip);
	later(c, 600);
}

static void bounce_notice(struct smtp *c, struct instant at, const char *id, const char *user)
{
	struct server *s = c->server;
	char notice[QUEUE_ID_TEXT];

	queue_id(s, notice);
	mail_log_line(s->log, at,
		      "postfix/cleanup[%u]: %s: message-id=<20260907.%s@mail.example.org>",
		      2000 + some(s, 90), notice, notice);
	mail_log_line(s->log, at, "postfix/bounce[%u]: %s: sender non-delivery notification: %s",
		      3000 + some(s, 90), id, notice);
	mail_log_line(s->log, at,
		      "postfix/qmgr[1180]: %s: from=<>, size=%u, nrcpt=1 (queue active)", notice,
		      2400 + some(s, 4000));
	at.ms += 5 + some(s, 90);
	mail_log_line(
		s->log, at,
		"postfix/lmtp[%u]: %s: to=<%s>, relay=mail.example.org[private/dovecot-lmtp], "
		"delay=0.07, "
		"delays=0.01/0/0.02/0.04, dsn=2.0.0, status=sent (250 2.0.0 <%s> %sAAB Saved)",
		4000 + some(s, 90), notice, user, user, notice);
	mail_log_line(s->log, at, "postfix/qmgr[1180]: %s: removed", notice);
}

/* One recipient's line; true where delivery has to be tried again. */
static bool deliver(struct smtp *c, struct instant at, const char *id, const struct letter *letter,
		    bool retry)
{
	struct server *s = c->server;
	const char *domain = far_domains[some(s, COUNT(far_domains))];
	unsigned int mx = some(s, 4), ip = 10 + some(s, 200);
	double chance = random_unit(&s->random);
	char head[256];

	snprintf(head, sizeof(head), "postfix/smtp[%u]: %s: to=<%s%u@%s>", 5000 + some(s, 400), id,
		 far_names[some(s, COUNT(far_names))], some(s, 5000), domain);
	if (chance < letter->bounces) {
		mail_log_line(
			s->log, at,
			"%s, relay=mx%u.%s[198.51.100.%u]:25, delay=1.%u, delays=0.1/0.01/0.6/0.5, "
			"dsn=5.1.1, status=bounced (host mx%u.%s[198.51.100.%u] said: 550 5.1.1 "
			"Recipient address rejected: User unknown (in reply to RCPT TO command))",
			head, mx, domain, ip, some(s, 90), mx, domain, ip);
		return false;
	}
	if (!retry && chance < letter->bounces + letter->defers) {
		mail_log_line(s->log, at,
			      "%s, relay=none, delay=30, delays=0.1/0.01/30/0, dsn=4.4.1, "
			      "status=deferred "
			      "(connect to mx%u.%s[198.51.100.%u]:25: Connection timed out)",
			      head, mx, domain, ip);
		return true;
	}
	mail_log_line(s->log, at,
		      "%s, relay=mx%u.%s[198.51.100.%u]:25, delay=1.%u, delays=0.1/0.01/0.6/0.5, "
		      "dsn=2.0.0, "
		      "status=sent (250 2.0.0 Ok: queued as 4D%08X)",
		      head, mx, domain, ip, some(s, 90), some(s, 1u << 31));
	return false;
}

/* The queue manager's part of a message's life, with one retry where a far server is down. */
static void queue_run(struct smtp *c, const char *id, const struct letter *letter)
{
	unsigned int size = 1500 + (unsigned int)random_wait(&c->server->random, 40000),
		     waiting = 0;
	struct log *log = c->server->log;
	struct instant at = c->at;

	for (unsigned int try = 0, n = letter->recipients; n > 0; try++, n = waiting, waiting = 0) {
		mail_log_line(log, at,
			      "postfix/qmgr[1180]: %s: from=<%s>, size=%u, nrcpt=%u (queue active)",
			      id, letter->user, size, n);
		for (unsigned int i = 0; i < n; i++) {
			at.ms += 20 + some(c->server, 2000) / (1 + n / 8);
			waiting += deliver(c, at, id, letter, try > 0);
		}
		if (waiting)
			at.ms += 400000 + some(c->server, 900000);
	}
	if (random_chance(&c->server->random, letter->bounces * letter->recipients))
		bounce_notice(c, at, id, letter->user);
	mail_log_line(log, at, "postfix/qmgr[1180]: %s: removed", id);
}

struct instant smtp_message(struct smtp *c, const struct letter *letter)
{
	struct server *s = c->server;
	char id[QUEUE_ID_TEXT];
	struct instant seen = c->at;

	queue_id(s, id);
	mail_log_line(s->log, seen, "%s[%u]: %s: client=%s[%s], sasl_method=%s, sasl_username=%s",
		      c->service, c->pid, id, c->name, c->ip, some(s, 3) ? "PLAIN" : "LOGIN",
		      letter->user);
	later(c, 200);
	mail_log_line(s->log, c->at, "postfix/cleanup[%u]: %s: message-id=<%08x-%04x-%s@%s>",
		      2000 + some(s, 90), id, some(s, 1u << 31), some(s, 65536), id,
		      strchr(letter->user, '@') + 1);
	later(c, 500);
	queue_run(c, id, letter);
	later(c, 300);
	c->auth = c->auth_tried = 1;
	c->mails++;
	c->recipients += letter->recipients;
	return seen;
}

void smtp_inbound(struct smtp *c, const char *user)
{
	const char *domain = far_domains[some(c->server, COUNT(far_domains))];
	struct server *s = c->server;
	char id[QUEUE_ID_TEXT];

	queue_id(s, id);
	mail_log_line(s->log, c->at, "%s[%u]: %s: client=%s[%s]", c->service, c->pid, id, c->name,
		      c->ip);
	later(c, 200);
	mail_log_line(s->log, c->at, "postfix/cleanup[%u]: %s: message-id=<%08x.%x@%s>",
		      2000 + some(s, 90), id, some(s, 1u << 31), some(s, 1u << 31), domain);
	later(c, 500);
	mail_log_line(s->log, c->at,
		      "postfix/qmgr[1180]: %s: from=<%s%u@%s>, size=%u, nrcpt=1 (queue active)", id,
		      far_names[some(s, COUNT(far_names))], some(s, 5000), domain,
		      1500 + some(s, 90000));
	later(c, 100);
	mail_log_line(
		s->log, c->at,
		"postfix/lmtp[%u]: %s: to=<%s>, relay=mail.example.org[private/dovecot-lmtp], "
		"delay=0.%02u, delays=0.2/0.01/0.02/0.04, dsn=2.0.0, status=sent (250 2.0.0 <%s> "
		"%sAAB Saved)",
		4000 + some(s, 90), id, user, some(s, 90), user, id);
	mail_log_line(s->log, c->at, "postfix/qmgr[1180]: %s: removed", id);
	c->mails++;
	c->recipients++;
}

void smtp_auth_failure(struct smtp *c, const char *user)
{
	bool named = c->server->names_failures;

	later(c, 2000);
	mail_log_line(c->server->log, c->at,
		      "%s[%u]: warning: %s[%s]: SASL LOGIN authentication failed: %s%s%s",
		      c->service, c->pid, c->name, c->ip,
		      named ? "(reason unavailable)" : "UGFzc3dvcmQ6",
		      named ? ", sasl_username=" : "", named ? user : "");
	c->auth_tried++;
}

void smtp_reject_listed(struct smtp *c, const char *user)
{
	const char *domain = far_domains[some(c->server, COUNT(far_domains))];

	later(c, 300);
	mail_log_line(
		c->server->log, c->at,
		"%s[%u]: NOQUEUE: reject: RCPT from %s[%s]: 554 5.7.1 Service unavailable; Client "
		"host "
		"[%s] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/%s; "
		"from=<%s%u@%s> to=<%s> proto=ESMTP helo=<%s>",
		c->service, c->pid, c->name, c->ip, c->ip, c->ip,
		far_names[some(c->server, COUNT(far_names))], some(c->server, 5000), domain, user,
		domain);
}

void smtp_disconnect(struct smtp *c)
{
	struct log *log = c->server->log;

	later(c, 500);
	if (c->auth_tried > c->auth)
		mail_log_line(
			log, c->at,
			"%s[%u]: disconnect from %s[%s] ehlo=1 auth=%u/%u quit=1 commands=%u/%u",
			c->service, c->pid, c->name, c->ip, c->auth, c->auth_tried, 2 + c->auth,
			2 + c->auth_tried);
	else if (c->auth)
		mail_log_line(
			log, c->at,
			"%s[%u]: disconnect from %s[%s] ehlo=2 starttls=1 auth=1 mail=%u rcpt=%u "
			"data=%u "
			"quit=1 commands=%u",
			c->service, c->pid, c->name, c->ip, c->mails, c->recipients, c->mails,
			5 + 2 * c->mails + c->recipients);
	else
		mail_log_line(log, c->at, "%s[%u]: disconnect from %s[%s] ehlo=1 mail=1 rcpt=%s",
			      c->service, c->pid, c->name, c->ip,
			      c->mails ? "1 data=1 quit=1 commands=5" : "0/1 quit=1 commands=3/4");
}
