/*
 * dovecot - the lines that Dovecot writes about a session
 *
 * Wording of Dovecot 2.3 (src/login-common/client-common.c, src/imap/imap-client.c,
 * src/auth/auth-request.c), as it comes through syslog.
 */
#include "tests/sim/server.h"

#include <assert.h>
#include <stdio.h>

static const char *const protocols[PROTOCOLS] = { "imap", "pop3" };

static void session_id(struct server *s, char buf[SESSION_TEXT])
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint64_t low = random_next(&s->random), high = random_next(&s->random);
	int i;

	for (i = 0; i < 10; i++, low >>= 6)
		buf[i] = digits[low & 63];
	for (; i < 16; i++, high >>= 6)
		buf[i] = digits[high & 63];
	buf[i] = '\0';
}

static const char *local_text(const struct address *ip, char buf[ADDRESS_TEXT])
{
	return address_text(address_equal(ip, &loopback) ? &loopback : &own_address, buf);
}

static unsigned int some(struct server *s, unsigned int below)
{
	return (unsigned int)random_below(&s->random, below);
}

static void logout(struct server *s, struct instant at, enum protocol protocol, const char *head,
		   int64_t seconds)
{
	if (protocol == PROTOCOL_POP3)
		mail_log_line(s->log, at,
			      "%s: Disconnected: Logged out top=0/0, retr=%u/%u, del=0/%u, size=%u",
			      head, some(s, 4), some(s, 90000), some(s, 900), some(s, 90000000));
	else if (seconds < 240)
		mail_log_line(
			s->log, at,
			"%s: Disconnected: Logged out in=%u out=%u deleted=0 expunged=0 trashed=0 "
			"hdr_count=%u hdr_bytes=%u body_count=%u body_bytes=%u",
			head, 80 + some(s, 900), 500 + some(s, 30000), some(s, 30), some(s, 9000),
			some(s, 4), some(s, 80000));
	else
		mail_log_line(
			s->log, at,
			"%s: Disconnected: Connection closed (IDLE running for 0.001 + waiting "
			"input for "
			"%u.%03u secs, 2 B in + 10 B out, state=wait-input) in=%u out=%u deleted=0 "
			"expunged=0 trashed=0 hdr_count=0 hdr_bytes=0 body_count=0 body_bytes=0",
			head, some(s, 1740), some(s, 1000), 80 + some(s, 900), 500 + some(s, 9000));
}

void dovecot_session(struct server *s, struct instant at, enum protocol protocol, const char *user,
		     const struct address *ip, int64_t seconds)
{
	char rip[ADDRESS_TEXT], lip[ADDRESS_TEXT], session[SESSION_TEXT], head[256];
	bool local = address_equal(ip, &loopback) || address_equal(ip, &own_address);
	unsigned int pid = 1000 + some(s, 31000);
	struct instant end = { at.ms + seconds * 1000 + some(s, 1000) };
	int len;

	session_id(s, session);
	mail_log_line(
		s->log, at,
		"dovecot: %s-login: Login: user=<%s>, method=PLAIN, rip=%s, lip=%s, mpid=%u, %s, "
		"session=<%s>",
		protocols[protocol], user, address_text(ip, rip), local_text(ip, lip), pid,
		local ? "secured" : "TLS", session);
	len = snprintf(head, sizeof(head), "dovecot: %s(%s)<%u><%s>", protocols[protocol], user,
		       pid, session);
	assert(len > 0 && (size_t)len < sizeof(head));
	logout(s, end, protocol, head, seconds);
}

void dovecot_failure(struct server *s, struct instant at, enum protocol protocol, const char *user,
		     const struct address *ip)
{
	char rip[ADDRESS_TEXT], lip[ADDRESS_TEXT], session[SESSION_TEXT];

	session_id(s, session);
	address_text(ip, rip);
	if (s->auth_verbose)
		mail_log_line(s->log, at,
			      "dovecot: auth: passwd-file(%s,%s,<%s>): Password mismatch", user,
			      rip, session);
	at.ms += 2000 + some(s, 900);
	mail_log_line(
		s->log, at,
		"dovecot: %s-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 "
		"secs): "
		"user=<%s>, method=PLAIN, rip=%s, lip=%s, TLS, session=<%s>",
		protocols[protocol], user, rip, local_text(ip, lip), session);
}
