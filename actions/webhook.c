/*
 * webhook - decisions as JSON, by HTTPS POST
 *
 *	POST URL
 *	Content-Type: application/json
 *	X-Postern-Timestamp: 1795300000
 *	X-Postern-Signature: sha256=HEX
 *
 *	{"event":"apply","id":12,...,"decision":{...},"addresses":["192.0.2.1"]}
 *
 * HEX is HMAC-SHA256 with the secret over TIMESTAMP "." BODY, so that neither can be changed nor,
 * by a receiver that looks at the time, be sent again (doc/webhook.md has a receiver).
 *
 * A decision that could not be delivered is asked for again, later each time, by the daemon, in
 * whose store it stands as pending: that is the spool, and there is no other. What was delivered
 * stands in the file `sent` of the plugin's folder; else each restart would send all of it again.
 *
 * The other side is not trusted: it gets so much time, its answer is read and thrown away up to a
 * bound, and where it would send us on to is of no interest.
 *
 * BUGS: a process that is killed between sending and writing that down sends again; the receiver
 * knows by "id" and "addresses".
 */
#include "lines.h"
#include "postern-action.h"

#include <ctype.h>
#include <curl/curl.h>
#include <jansson.h>
#include <nettle/hmac.h>
#include <time.h>

struct webhook {
	const char *url, *secret_file, *ca;
	int64_t timeout;
	int insecure;
	const struct postern_host *host;
	char *secret;
	size_t secret_len;
	struct lines sent; /* "ID LEVEL" and "ID ADDRESS" */
	CURL *curl;
};

#define OPTION(kind, field, value, text)                                                           \
	{                                                                                          \
		.type = POSTERN_##kind, .name = #field, .offset = offsetof(struct webhook, field), \
		.standard = (value), .help = (text)                                                \
	}

static const struct postern_option options[] = {
	OPTION(TEXT, url, NULL, "where to: an https:// URL"),
	OPTION(PATH, secret_file, NULL, "the file with the secret that signs what is sent"),
	OPTION(PATH, ca, NULL, "certificates to trust, instead of the system's"),
	{ .type = POSTERN_SPAN,
	  .name = "timeout",
	  .offset = offsetof(struct webhook, timeout),
	  .standard = "10s",
	  .help = "for one delivery",
	  .least = 1,
	  .most = 60 },
	OPTION(BOOL, insecure, "no", "allow http:// to other machines"),
	{ 0 },
};

enum {
	SECRET_LEAST = 16, /* bytes */
	SECRET_MOST = 4096,
	SENT_MOST = 20000, /* lines; the oldest go first */
	ANSWER_MOST = 64 * 1024,
	BATCH_S = 60, /* then the rest of a batch is put off */
	CALL_S = 150, /* a batch and the last of its deliveries */
};

/* -- where to -------------------------------------------------------------------------------- */

/* An address of this machine alone, or the one name that libcurl never asks the DNS for. */
static bool is_loopback(const char *host)
{
	return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
	       (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == strlen(host));
}

static int check_scheme(const char *scheme, const char *host, bool insecure, char *why, size_t size)
{
	if (strcmp(scheme, "https") == 0)
		return 0;
	if (strcmp(scheme, "http") != 0)
		return lines_say(why, size, "url: expected https://, not %s://", scheme);
	if (!is_loopback(host) && !insecure)
		return lines_say(
			why, size,
			"url: http:// is for this machine alone: whoever sits between here "
			"and %s could read all of it (insecure = yes allows it)",
			host);
	return 0;
}

/* 0, or -1 and why this is no place to send to. */
static int check_url(const struct webhook *w, char *why, size_t size)
{
	CURLU *url = curl_url();
	char *scheme = NULL, *host = NULL;
	int ret = -1;

	if (!w->url)
		(void)lines_say(why, size,
				"url: expected where to send to, such as "
				"\"https://example.org/postern\"");
	else if (!url || curl_url_set(url, CURLUPART_URL, w->url, 0) != CURLUE_OK ||
		 curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
		 curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		(void)lines_say(why, size, "url: expected an https:// URL, not \"%s\"", w->url);
	else
		ret = check_scheme(scheme, host, w->insecure, why, size);
	curl_free(scheme);
	curl_free(host);
	curl_url_cleanup(url);
	return ret;
}

/* -- the secret ------------------------------------------------------------------------------ */

static int check_secret_file(const struct webhook *w, const struct stat *st, char *why, size_t size)
{
	if (!S_ISREG(st->st_mode) || st->st_mode & 077)
		return lines_say(
			why, size,
			"%s: expected a file that nobody but its owner may read (mode 600)",
			w->secret_file);
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return lines_say(why, size, "%s: expected a file of root's", w->secret_file);
	return 0;
}

/* The whole file but for the newline at its end. */
static int read_secret(struct webhook *w, int fd, char *why, size_t size)
{
	char *text = lines_alloc(NULL, SECRET_MOST + 2, 1);
	ssize_t len = read(fd, text, SECRET_MOST + 2);

	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	if (len < SECRET_LEAST || len > SECRET_MOST) {
		free(text);
		return lines_say(why, size, "%s: expected a secret of %d to %d bytes",
				 w->secret_file, SECRET_LEAST, SECRET_MOST);
	}
	w->secret = text;
	w->secret_len = (size_t)len;
	return 0;
}

static int load_secret(struct webhook *w, char *why, size_t size)
{
	struct stat st;
	int fd, ret;

	if (!w->secret_file)
		return 0; /* nothing is signed */
	fd = open(w->secret_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return lines_why(why, size, "open", w->secret_file);
	if (fstat(fd, &st) < 0)
		ret = lines_why(why, size, "look at", w->secret_file);
	else
		ret = check_secret_file(w, &st, why, size);
	if (ret == 0)
		ret = read_secret(w, fd, why, size);
	(void)close(fd);
	return ret;
}

enum { SIGNATURE = 7 + 2 * SHA256_DIGEST_SIZE + 1 };

static void sign(const struct webhook *w, const char *stamp, const char *body, size_t len,
		 char text[SIGNATURE])
{
	struct hmac_sha256_ctx hmac;
	uint8_t digest[SHA256_DIGEST_SIZE];

	hmac_sha256_set_key(&hmac, w->secret_len, (const uint8_t *)w->secret);
	hmac_sha256_update(&hmac, strlen(stamp), (const uint8_t *)stamp);
	hmac_sha256_update(&hmac, 1, (const uint8_t *)".");
	hmac_sha256_update(&hmac, len, (const uint8_t *)body);
	hmac_sha256_digest(&hmac, sizeof(digest), digest);
	(void)snprintf(text, SIGNATURE, "sha256=");
	for (size_t i = 0; i < sizeof(digest); i++)
		(void)snprintf(text + 7 + 2 * i, 3, "%02x", digest[i]);
}

/* -- one delivery ---------------------------------------------------------------------------- */

/* The answer is thrown away; more of it than ANSWER_MOST ends the connection. */
static size_t on_answer(const char *data, size_t size, size_t n, void *ctx)
{
	size_t *seen = ctx;

	(void)data;
	*seen += size * n;
	return *seen > ANSWER_MOST ? 0 : size * n;
}

static void set_protocols(CURL *curl)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http");
#else
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS, CURLPROTO_HTTPS | CURLPROTO_HTTP);
#endif
}

/* What is the same for each; that the peer and its name are verified is libcurl's default. */
static int set_up(struct webhook *w, char *why, size_t size)
{
	CURL *curl = curl_easy_init();

	if (!curl)
		return lines_say(why, size, "libcurl can't be set up");
	(void)curl_easy_setopt(curl, CURLOPT_URL, w->url);
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)w->timeout);
	(void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* none, whatever the environment says */
	(void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "postern");
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
	set_protocols(curl);
	if (w->ca) {
		(void)curl_easy_setopt(curl, CURLOPT_CAINFO, w->ca);
		(void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	}
	w->curl = curl;
	return 0;
}

static struct curl_slist *headers(const struct webhook *w, const char *body, size_t len)
{
	char stamp[32], line[64 + SIGNATURE], signature[SIGNATURE];
	struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");

	(void)snprintf(stamp, sizeof(stamp), "%lld", (long long)time(NULL));
	(void)snprintf(line, sizeof(line), "X-Postern-Timestamp: %s", stamp);
	list = curl_slist_append(list, line);
	list = curl_slist_append(list, "Expect:"); /* no waiting for a "100 Continue" */
	if (w->secret) {
		sign(w, stamp, body, len, signature);
		(void)snprintf(line, sizeof(line), "X-Postern-Signature: %s", signature);
		list = curl_slist_append(list, line);
	}
	return list;
}

/* Which answers may be others the next time (RFC 9110 15). */
static enum postern_result judge(long status)
{
	if (status >= 200 && status < 300)
		return POSTERN_DONE;
	if (status >= 500 || status == 408 || status == 429)
		return POSTERN_RETRY;
	return POSTERN_FAILED;
}

static void answer(struct postern_item *item, enum postern_result result, const char *text)
{
	item->result = result;
	(void)lines_say(item->text, sizeof(item->text), "%s", text);
}

/* False where the other side could not be reached: then the rest of the batch need not try. */
static bool post(struct webhook *w, struct postern_item *item, const char *body)
{
	size_t len = strlen(body), seen = 0;
	struct curl_slist *list = headers(w, body, len);
	char error[CURL_ERROR_SIZE] = "", text[320];
	long status = 0;
	CURLcode code;

	(void)curl_easy_setopt(w->curl, CURLOPT_HTTPHEADER, list);
	(void)curl_easy_setopt(w->curl, CURLOPT_POSTFIELDS, body);
	(void)curl_easy_setopt(w->curl, CURLOPT_POSTFIELDSIZE, (long)len);
	(void)curl_easy_setopt(w->curl, CURLOPT_WRITEDATA, &seen);
	(void)curl_easy_setopt(w->curl, CURLOPT_ERRORBUFFER, error);
	code = curl_easy_perform(w->curl);
	(void)curl_easy_getinfo(w->curl, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_setopt(w->curl, CURLOPT_ERRORBUFFER, NULL);
	(void)curl_easy_setopt(w->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(list);
	if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && status)) {
		(void)snprintf(text, sizeof(text), "%.200s answered with status %ld", w->url,
			       status);
		answer(item, judge(status), judge(status) == POSTERN_DONE ? "" : text);
		return true;
	}
	(void)snprintf(text, sizeof(text), "%.100s: %.200s", w->url,
		       *error ? error : curl_easy_strerror(code));
	answer(item, POSTERN_RETRY, text);
	return false;
}

/* -- what is sent ---------------------------------------------------------------------------- */

static const char *const releases[] = {
	[POSTERN_KEEP] = "keep",
	[POSTERN_RELEASE] = "release",
	[POSTERN_PURGE] = "purge",
};

static json_t *address_list(const struct webhook *w, const struct postern_item *item)
{
	json_t *list = json_array();
	char text[50];

	for (size_t i = 0; i < item->n_addresses; i++)
		(void)json_array_append_new(
			list, json_string(w->host->address_text(&item->address[i], text)));
	return list;
}

/* The caller frees. */
static char *body_of(const struct webhook *w, const struct postern_item *item, const char *event)
{
	json_t *body = json_object(),
	       *decision = item->json ? json_loads(item->json, 0, NULL) : NULL;
	char *text;

	(void)json_object_set_new(body, "event", json_string(event));
	(void)json_object_set_new(body, "id", json_integer((json_int_t)item->id));
	(void)json_object_set_new(body, "jail", json_string(item->jail));
	(void)json_object_set_new(body, "level", json_string(item->level));
	if (item->user)
		(void)json_object_set_new(body, "user", json_string(item->user));
	if (item->until_s)
		(void)json_object_set_new(body, "until", json_integer(item->until_s));
	(void)json_object_set_new(body, "reason", json_string(item->reason));
	(void)json_object_set_new(body, "addresses", address_list(w, item));
	if (strcmp(event, "lift") == 0)
		(void)json_object_set_new(body, "release", json_string(releases[item->release]));
	if (decision)
		(void)json_object_set_new(body, "decision", decision);
	text = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	if (!text)
		abort();
	return text;
}

/* -- what was sent --------------------------------------------------------------------------- */

static bool is_sent(const struct webhook *w, const char *line)
{
	size_t at = 0;

	while ((at = lines_find(&w->sent, at, line)) < w->sent.n &&
	       strcmp(w->sent.line[at], line) != 0)
		at++;
	return at < w->sent.n;
}

/* Calls `each` for the lines that stand for this item; stops, and is true, when it returns true. */
static bool for_lines(struct webhook *w, const struct postern_item *item,
		      bool (*each)(struct webhook *, const char *line))
{
	char line[96], text[50];

	(void)snprintf(line, sizeof(line), "%" PRIu64 " %.16s", item->id, item->level);
	if (each(w, line))
		return true;
	for (size_t i = 0; i < item->n_addresses; i++) {
		(void)snprintf(line, sizeof(line), "%" PRIu64 " %s", item->id,
			       w->host->address_text(&item->address[i], text));
		if (each(w, line))
			return true;
	}
	return false;
}

static bool is_new(struct webhook *w, const char *line)
{
	return !is_sent(w, line);
}

static bool remember(struct webhook *w, const char *line)
{
	if (is_new(w, line)) {
		if (w->sent.n >= SENT_MOST)
			lines_drop(&w->sent, 0, SENT_MOST / 10);
		lines_add(&w->sent, line, strlen(line));
	}
	return false;
}

static void forget(struct webhook *w, uint64_t id)
{
	char prefix[32];
	size_t at = 0;

	(void)snprintf(prefix, sizeof(prefix), "%" PRIu64 " ", id);
	while ((at = lines_find(&w->sent, at, prefix)) < w->sent.n)
		lines_drop(&w->sent, at, 1);
}

static const char *state_path(const struct webhook *w, char path[LINES_PATH])
{
	(void)snprintf(path, LINES_PATH, "%s/sent", w->host->state_dir);
	return path;
}

/* Failing here is no reason to send again: the memory of this process still knows. */
static void save(const struct webhook *w)
{
	char path[LINES_PATH], why[256];

	if (lines_write(&w->sent, state_path(w, path), 0600, why, sizeof(why)) < 0)
		w->host->log(4, "webhook: what was sent is not written down: %s", why);
}

/* -- the plugin ------------------------------------------------------------------------------ */

static time_t seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Sends those of the batch that `wanted` says, until the time for it is over. */
static void deliver(struct webhook *w, struct postern_item *items, size_t n, const char *event,
		    bool (*wanted)(struct webhook *, const struct postern_item *),
		    void (*done)(struct webhook *, const struct postern_item *))
{
	time_t begun = seconds();
	bool reached = true, changed = false;

	for (size_t i = 0; i < n; i++) {
		char *body;

		if (!wanted(w, &items[i]))
			continue;
		if (!reached || seconds() - begun > BATCH_S) {
			answer(&items[i], POSTERN_RETRY,
			       reached ? "put off: the others took their time"
				       : "not tried: a moment ago it could not be reached");
			continue;
		}
		body = body_of(w, &items[i], event);
		reached = post(w, &items[i], body);
		free(body);
		if (items[i].result == POSTERN_DONE) {
			done(w, &items[i]);
			changed = true;
		}
	}
	if (changed)
		save(w);
}

static bool is_wanted(struct webhook *w, const struct postern_item *item)
{
	return for_lines(w, item, is_new);
}

static void on_applied(struct webhook *w, const struct postern_item *item)
{
	(void)for_lines(w, item, remember);
}

/* The end of what was never told needs no telling. */
static bool was_applied(struct webhook *w, const struct postern_item *item)
{
	char prefix[32];

	(void)snprintf(prefix, sizeof(prefix), "%" PRIu64 " ", item->id);
	return lines_find(&w->sent, 0, prefix) < w->sent.n;
}

static void on_lifted(struct webhook *w, const struct postern_item *item)
{
	forget(w, item->id);
}

static void apply(void *ctx, struct postern_item *items, size_t n)
{
	deliver(ctx, items, n, "apply", is_wanted, on_applied);
}

static void lift(void *ctx, struct postern_item *items, size_t n)
{
	deliver(ctx, items, n, "lift", was_applied, on_lifted);
}

static void on_close(void *ctx)
{
	struct webhook *w = ctx;

	curl_easy_cleanup(w->curl);
	w->curl = NULL;
	if (w->secret)
		explicit_bzero(w->secret, w->secret_len);
	free(w->secret);
	w->secret = NULL;
	lines_free(&w->sent);
}

static int on_open(void *ctx, const struct postern_host *host, char *why, size_t size)
{
	struct webhook *w = ctx;
	char path[LINES_PATH];

	w->host = host;
	if (check_url(w, why, size) < 0 || load_secret(w, why, size) < 0 ||
	    lines_read(&w->sent, state_path(w, path), why, size) < 0 || set_up(w, why, size) < 0) {
		on_close(w);
		return -1;
	}
	return 0;
}

static void check(void *ctx, const struct postern_host *host, postern_complain *complain, void *to)
{
	struct webhook *w = ctx;
	char text[512];

	(void)host;
	if (check_url(w, text, sizeof(text)) < 0)
		complain(to, text);
	if (!w->secret_file)
		complain(to,
			 "webhook: without secret_file nothing is signed, and whoever knows the "
			 "receiver's URL can send it decisions");
	else if (access(w->secret_file, R_OK) < 0) {
		(void)lines_why(text, sizeof(text), "read", w->secret_file);
		complain(to, text);
	}
}

POSTERN_EXPORT const struct postern_action postern_action = {
	.abi = POSTERN_ACTION_ABI,
	.name = "webhook",
	.summary = "sends decisions as JSON by HTTPS POST, signed",
	.wants = POSTERN_WANTS_USERS | POSTERN_WANTS_ADDRESSES,
	.timeout_s = CALL_S,
	.batch_most = 100,
	.options = options,
	.ctx_size = sizeof(struct webhook),
	.open = on_open,
	.close = on_close,
	.apply = apply,
	.lift = lift,
	.check = check,
};
