/*
 * guards - addresses that are never banned, whatever the configuration says
 *
 * A ban of the gateway, a resolver or a relay takes the server itself off the net, and an office
 * that Postfix trusts is no bot. They are looked for once, by the monitor, from what the system
 * says of itself: /proc/net (route(8)), resolv.conf(5), postconf(1).
 */
#include "core/cli/guards.h"

#include "core/action/host.h"
#include "core/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MOST = 1024, LINES_MOST = 100000 };

static void add(struct prefixset *set, struct slice text)
{
	struct prefix p;

	if (prefix_parse(&p, text))
		prefixset_add(set, &p);
}

/* The next word of a line, or ptr NULL; `*line` moves on. */
static struct slice word(const char **line, const char *between)
{
	struct slice s = { *line + strspn(*line, between), 0 };

	s.len = strcspn(s.ptr, between);
	*line = s.ptr + s.len;
	return s.len ? s : (struct slice){ NULL, 0 };
}

/* Bytes from hexadecimal digits; false where there are fewer. */
static bool from_hex(uint8_t *out, size_t n, struct slice hex)
{
	for (size_t i = 0; i < n; i++) {
		unsigned int byte;

		if (hex.len < 2 * n || sscanf(hex.ptr + 2 * i, "%2x", &byte) != 1)
			return false;
		out[i] = (uint8_t)byte;
	}
	return true;
}

/* /proc/net/route: interface, destination, gateway ..., as the CPU reads them: here little-endian. */
static void add_route4(struct prefixset *set, const char *line)
{
	struct address a = { { [10] = 0xff, [11] = 0xff } };
	struct prefix p;
	uint8_t gateway[4];
	struct slice column = { NULL, 0 };

	for (int i = 0; i < 3; i++)
		column = word(&line, " \t\n");
	if (!column.ptr || !from_hex(gateway, sizeof(gateway), column))
		return;
	for (size_t i = 0; i < sizeof(gateway); i++)
		a.byte[12 + i] = gateway[__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 3 - i : i];
	p = address_prefix(&a, 32, 128);
	if (a.byte[12])
		prefixset_add(set, &p);
}

/* /proc/net/ipv6_route: destination, its length, source, its length, next hop ... */
static void add_route6(struct prefixset *set, const char *line)
{
	static const struct address none;
	struct slice column = { NULL, 0 };
	struct address a = none;
	struct prefix p;

	for (int i = 0; i < 5; i++)
		column = word(&line, " \t\n");
	if (!column.ptr || !from_hex(a.byte, sizeof(a.byte), column) || address_equal(&a, &none))
		return;
	p = address_prefix(&a, 32, 128);
	prefixset_add(set, &p);
}

static void add_resolver(struct prefixset *set, const char *line)
{
	if (slice_is(word(&line, " \t\n"), "nameserver"))
		add(set, word(&line, " \t\n"));
}

static void read_lines(struct prefixset *set, const char *path,
		       void (*take)(struct prefixset *set, const char *line))
{
	FILE *fp = fopen(path, "re");
	char line[LINE_MOST];

	if (!fp)
		return; /* no IPv6, no resolv.conf: nothing to guard */
	for (int i = 0; i < LINES_MOST && fgets(line, sizeof(line), fp); i++)
		take(set, line);
	(void)fclose(fp);
}

/*
 * Networks and "[192.0.2.1]:25" of main.cf. Postfix writes IPv6 networks as "[2001:db8::]/32"; names,
 * tables and exceptions ("!") are passed over.
 */
static void add_postfix(struct prefixset *set, const char *text)
{
	struct slice w;

	while ((w = word(&text, " ,\t\n")).ptr) {
		char plain[ADDRESS_TEXT + 8];
		size_t n = 0;

		if (*w.ptr == '[' && memchr(w.ptr, ']', w.len)) {
			const char *end = memchr(w.ptr, ']', w.len);
			size_t rest = w.len - (size_t)(end + 1 - w.ptr);

			/* "]:25" is a port, "]/32" a length. */
			if (rest > 0 && end[1] == ':')
				w.len -= rest;
		}
		for (size_t i = 0; i < w.len && n < sizeof(plain); i++)
			if (w.ptr[i] != '[' && w.ptr[i] != ']')
				plain[n++] = w.ptr[i];
		add(set, (struct slice){ plain, n });
	}
}

static void ask_postfix(struct prefixset *set, void (*warn)(void *ctx, const char *text), void *ctx)
{
	static const char *const places[] = { "/usr/sbin/postconf", "/usr/local/sbin/postconf" };
	const char *argv[] = { NULL, "-hx", "mynetworks", "relayhost", "fallback_relay", NULL };
	struct postern_run run = { .argv = argv, .timeout_s = 10 };
	char *text;

	for (size_t i = 0; i < COUNT(places) && !argv[0]; i++)
		if (access(places[i], X_OK) == 0)
			argv[0] = places[i];
	if (!argv[0])
		return;
	if (program_run(&run) == 0 && run.output)
		add_postfix(set, run.output);
	if (run.status != 0) {
		text = xasprintf("%s mynetworks: %s; Postfix's own networks may be banned", argv[0],
				 run.error);
		warn(ctx, text);
		free(text);
	}
	free(run.output);
}

void guards_find(struct prefixset *set, const struct setup *setup,
		 void (*warn)(void *ctx, const char *text), void *ctx)
{
	*set = (struct prefixset){ 0 };
	prefixset_add_all(set, &setup->own);
	read_lines(set, "/proc/net/route", add_route4);
	read_lines(set, "/proc/net/ipv6_route", add_route6);
	read_lines(set, "/etc/resolv.conf", add_resolver);
	ask_postfix(set, warn, ctx);
	for (size_t i = 0; i < setup->daemon.never_ban.n; i++)
		add(set, slice_of(setup->daemon.never_ban.text[i]));
	prefixset_seal(set);
}
