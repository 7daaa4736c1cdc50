/* server.h - the lines that Postfix and Dovecot write about a session */
#pragma once

#include "core/base/address.h"
#include "tests/sim/log.h"
#include "tests/sim/random.h"

/* Forms as Postfix 3.7 to 3.9 and Dovecot 2.3 write them. */
struct server {
	struct log *log;
	struct random random;
	bool names_failures; /* Postfix 3.9: a SASL failure says which user name was tried */
	bool auth_verbose;   /* Dovecot's setting: the auth process logs each failure as well */
	bool tls_lines;      /* smtpd_tls_loglevel = 1: a line for each handshake */
	uint32_t queued;     /* messages so far: queue ids are made of it */
};

enum { NAME_TEXT = 96, QUEUE_ID_TEXT = 16, SESSION_TEXT = 20 };

extern const struct address own_address; /* the server's public address, 203.0.113.25 */
extern const struct address loopback;

/* A name as the reverse DNS has it, "unknown" for many; the same address has the same name. */
const char *rdns_text(const struct address *a, char buf[NAME_TEXT]);

/* One SMTP connection; `at` goes on as lines are written. */
struct smtp {
	struct server *server;
	struct instant at;
	const char *service; /* "postfix/submission/smtpd" */
	char ip[ADDRESS_TEXT];
	char name[NAME_TEXT];
	unsigned int pid, auth, auth_tried, mails, recipients;
};

/* What a message is like; the rates are of its recipients. */
struct letter {
	const char *user; /* NULL: nobody logged in, the message comes from outside */
	unsigned int recipients;
	double bounces, defers;
};

extern const char submission[], smtps[], port25[]; /* values for `service` */

void smtp_connect(struct smtp *c, struct server *s, struct instant at, const struct address *ip,
		  const char *service);
/* Returns the time of the client= line: the moment at which a login is seen. */
struct instant smtp_message(struct smtp *c, const struct letter *letter);
/* A message from outside to `user`, delivered over LMTP. */
void smtp_inbound(struct smtp *c, const char *user);
void smtp_auth_failure(struct smtp *c, const char *user);
/* RCPT TO refused because a blocklist has the client. */
void smtp_reject_listed(struct smtp *c, const char *user);
void smtp_disconnect(struct smtp *c);

enum protocol { PROTOCOL_IMAP, PROTOCOL_POP3, PROTOCOLS };

/* A session of so many seconds, with login and logout line. */
void dovecot_session(struct server *s, struct instant at, enum protocol protocol, const char *user,
		     const struct address *ip, int64_t seconds);
void dovecot_failure(struct server *s, struct instant at, enum protocol protocol, const char *user,
		     const struct address *ip);
