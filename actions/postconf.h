/*
 * postconf.h - Postfix's programs, and what its configuration says of its SMTP servers
 *
 * main.cf holds for all servers, and each service in master.cf may say otherwise (`-o NAME=VALUE`).
 * postconf(1) knows both, and how one value refers to another.
 */
#pragma once

#include "postern-action.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POSTCONF_BLANKS " \t\r\n\v\f"

enum postconf_setting {
	POSTCONF_CLIENT,
	POSTCONF_HELO,
	POSTCONF_SENDER,
	POSTCONF_RELAY,
	POSTCONF_RECIPIENT,
	POSTCONF_DATA,
	POSTCONF_END_OF_DATA,
	POSTCONF_LISTS, /* of restrictions are those above */
	POSTCONF_SASL = POSTCONF_LISTS,
	POSTCONF_PROXY_FILTER,
	POSTCONF_UTF8,
	POSTCONF_SETTINGS
};

static const char *const postconf_name[POSTCONF_SETTINGS] = {
	[POSTCONF_CLIENT] = "smtpd_client_restrictions",
	[POSTCONF_HELO] = "smtpd_helo_restrictions",
	[POSTCONF_SENDER] = "smtpd_sender_restrictions",
	[POSTCONF_RELAY] = "smtpd_relay_restrictions",
	[POSTCONF_RECIPIENT] = "smtpd_recipient_restrictions",
	[POSTCONF_DATA] = "smtpd_data_restrictions",
	[POSTCONF_END_OF_DATA] = "smtpd_end_of_data_restrictions",
	[POSTCONF_SASL] = "smtpd_sasl_auth_enable",
	[POSTCONF_PROXY_FILTER] = "smtpd_proxy_filter",
	[POSTCONF_UTF8] = "smtputf8_enable",
};

/* A service's settings: its own, and main.cf's for the rest. */
struct postconf_service {
	const char *name; /* "submission/inet", or "main.cf" */
	size_t name_len;
	const char *value[POSTCONF_SETTINGS]; /* "" where there is none */
};

struct postconf {
	struct postconf_service main;
	char *main_text, *services; /* what postconf printed */
};

/* Fills in why, and returns -1, always. */
static inline int __attribute__((format(printf, 3, 4)))
why_not(char *why, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, size, format, args);
	va_end(args);
	return -1;
}

/*
 * Runs `program [-c CONFIG] WORD...`; the words end in NULL. Returns the status; unless that is 0,
 * `why` says what went wrong; -1: it never ran. job->output is the caller's.
 */
static inline int postfix_run(const struct postern_host *host, struct postern_run *job,
			      const char *program, const char *config, const char *const words[],
			      char *why, size_t size)
{
	enum { WORDS = 24 };
	const char *argv[WORDS];
	size_t n = 0;

	argv[n++] = program;
	if (config) {
		argv[n++] = "-c";
		argv[n++] = config;
	}
	for (size_t i = 0; words[i] && n < WORDS - 1; i++)
		argv[n++] = words[i];
	argv[n] = NULL;
	job->argv = argv;
	if (host->run(job) < 0)
		return why_not(why, size, "%s: %s", program, job->error);
	if (job->status != 0)
		why_not(why, size, "%s: status %d: %s", program, job->status, job->error);
	job->argv = NULL;
	return job->status;
}

/* "NAME = VALUE" into its place; other lines are passed over. */
static inline void postconf_take(struct postconf_service *service, const char *line)
{
	const char *equals = strchr(line, '=');
	size_t len = equals ? (size_t)(equals - line) : 0;

	while (len > 0 && line[len - 1] == ' ')
		len--;
	for (size_t i = 0; equals && i < POSTCONF_SETTINGS; i++)
		if (strlen(postconf_name[i]) == len && memcmp(line, postconf_name[i], len) == 0)
			service->value[i] = equals + 1 + strspn(equals + 1, POSTCONF_BLANKS);
}

static inline void postconf_free(struct postconf *p)
{
	free(p->main_text);
	free(p->services);
}

/* On success the caller frees it. `program` is postconf's path, `config` its folder or NULL. */
static inline int postconf_read(struct postconf *p, const struct postern_host *host,
				const char *program, const char *config, char *why, size_t size)
{
	static const char *const words[] = { "-xP", NULL };
	const char *names[POSTCONF_SETTINGS + 2] = { "-x" };
	struct postern_run main_cf = { 0 }, services = { .output_most = 1 << 20 };
	char *line, *rest;
	int status;

	memcpy(names + 1, postconf_name, sizeof(postconf_name));
	status = postfix_run(host, &main_cf, program, config, names, why, size);
	if (status == 0)
		status = postfix_run(host, &services, program, config, words, why, size);
	*p = (struct postconf){ { "main.cf", strlen("main.cf"), { 0 } },
				main_cf.output,
				services.output };
	if (status != 0) {
		postconf_free(p);
		return -1;
	}
	for (size_t i = 0; i < POSTCONF_SETTINGS; i++)
		p->main.value[i] = "";
	rest = p->main_text;
	while ((line = strsep(&rest, "\n")))
		postconf_take(&p->main, line);
	return 0;
}

/*
 * The next service that has settings of its own, "SERVICE/TYPE/NAME = VALUE"; those of one service
 * follow each other. *rest begins as p->services and goes on from there; false behind the last.
 */
static inline bool postconf_next(const struct postconf *p, struct postconf_service *service,
				 char **rest)
{
	*service = p->main;
	service->name_len = 0;
	while (*rest && **rest) {
		char *newline = strchr(*rest, '\n'), *type = strchr(*rest, '/');
		char *name = type ? strchr(type + 1, '/') : NULL;
		size_t len = name ? (size_t)(name - *rest) : 0;

		if (!newline || !name || name > newline)
			break;
		if (service->name_len &&
		    (service->name_len != len || memcmp(service->name, *rest, len) != 0))
			break;
		*newline = '\0';
		service->name = *rest;
		service->name_len = len;
		postconf_take(service, name + 1);
		*rest = newline + 1;
	}
	return service->name_len > 0;
}
