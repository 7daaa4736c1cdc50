/*
 * test_webhook - what is posted where, signed how, and what becomes of the answers
 *
 * The plugin finds this file's curl_easy_perform() and its like before libcurl's; deliveries over
 * real TLS are tests/e2e/messages.sh's.
 */
#include "tests/plugged.h"

#include <curl/curl.h>
#include <time.h>

static time_t now = 1795200000;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): no reserved names here */
time_t time(time_t *at)
{
	if (at)
		*at = now;
	return now;
}

/* What each delivery meets, one after the other; the last one stays. */
struct answer {
	CURLcode code;
	long status;
};

static struct {
	const struct answer *answer;
	const char *body, *url;
	const struct curl_slist *headers;
	char bodies[RUN_TEXT], header_text[1024];
	unsigned int posts;
	long follows, verifies;
	const char *proxy;
} net;

#undef curl_easy_setopt
#undef curl_easy_getinfo

CURLcode curl_easy_setopt(CURL *curl, CURLoption option, ...)
{
	va_list args;

	(void)curl;
	va_start(args, option);
	if (option == CURLOPT_POSTFIELDS)
		net.body = va_arg(args, const char *);
	else if (option == CURLOPT_HTTPHEADER)
		net.headers = va_arg(args, const struct curl_slist *);
	else if (option == CURLOPT_URL)
		net.url = va_arg(args, const char *);
	else if (option == CURLOPT_PROXY)
		net.proxy = va_arg(args, const char *);
	else if (option == CURLOPT_FOLLOWLOCATION)
		net.follows = va_arg(args, long);
	else if (option == CURLOPT_SSL_VERIFYPEER)
		net.verifies = va_arg(args, long);
	va_end(args);
	return CURLE_OK;
}

CURLcode curl_easy_perform(CURL *curl)
{
	(void)curl;
	if (net.posts++ && net.answer[1].status + (long)net.answer[1].code)
		net.answer++;
	append(net.bodies, sizeof(net.bodies), net.body, strlen(net.body));
	append(net.bodies, sizeof(net.bodies), "\n", 1);
	*net.header_text = '\0';
	for (const struct curl_slist *h = net.headers; h; h = h->next) {
		append(net.header_text, sizeof(net.header_text), h->data, strlen(h->data));
		append(net.header_text, sizeof(net.header_text), "\n", 1);
	}
	return net.answer->code;
}

CURLcode curl_easy_getinfo(CURL *curl, CURLINFO info, ...)
{
	va_list args;

	(void)curl;
	assert_int_equal(info, CURLINFO_RESPONSE_CODE);
	va_start(args, info);
	*va_arg(args, long *) = net.answer->status;
	va_end(args);
	return CURLE_OK;
}

static const struct answer fine[] = { { CURLE_OK, 200 }, { 0, 0 } };

static void open_it(struct plugged *p, const char *secret)
{
	char why[256] = "";

	set_up(p, (const char *[]){ "url", "https://hook.example.org/in",
				    secret ? "secret_file" : NULL, secret, NULL });
	if (p->action->open(p->ctx, &p->host, why, sizeof(why)) < 0)
		fail_msg("%s", why);
}

static void start(struct plugged *p, const struct answer *answer)
{
	memset(&net, 0, sizeof(net));
	net.answer = answer;
	plug(p, "webhook");
}

static struct postern_item item_of(uint64_t id, const struct postern_address *address, size_t n)
{
	return (struct postern_item){ .id = id,
				      .jail = "stolen-account",
				      .level = "act",
				      .user = "joe \"x\"@example.org",
				      .until_s = 1795286400,
				      .reason = "networks 30 > 9",
				      .json = "{\"score\":120}",
				      .address = address,
				      .n_addresses = n,
				      .release = POSTERN_PURGE };
}

static const struct postern_address bots[] = {
	{ { [10] = 0xff, 0xff, 192, 0, 2, 1 }, 128 },
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 64 },
};

static void posts_and_signs(void **state)
{
	struct postern_item item = item_of(12, bots, 2);
	struct plugged p;

	(void)state;
	start(&p, fine);
	put_file(in_dir(&p, "secret"), "0123456789abcdef\n");
	assert_int_equal(chmod(in_dir(&p, "secret"), 0600), 0);
	open_it(&p, in_dir(&p, "secret"));
	p.action->apply(p.ctx, &item, 1);
	assert_int_equal(item.result, POSTERN_DONE);
	assert_string_equal(net.url, "https://hook.example.org/in");
	assert_string_equal(net.proxy, "");
	assert_int_equal(net.follows, 0);
	assert_int_equal(net.verifies, 1);
	assert_string_equal(
		net.bodies,
		"{\"event\":\"apply\",\"id\":12,\"jail\":\"stolen-account\",\"level\":\"act\","
		"\"user\":\"joe \\\"x\\\"@example.org\",\"until\":1795286400,"
		"\"reason\":\"networks 30 > 9\",\"addresses\":[\"192.0.2.1\",\"2001:db8::/64\"],"
		"\"decision\":{\"score\":120}}\n");
	/* openssl dgst -sha256 -hmac 0123456789abcdef, of "1795200000." and the body */
	assert_string_equal(
		net.header_text,
		"Content-Type: application/json\nX-Postern-Timestamp: 1795200000\n"
		"Expect:\nX-Postern-Signature: "
		"sha256=b9c32c686da16d7b5b445f488e96c10ef2cf7eb7b96f2f234c7a9382f9a02000\n");
	p.action->lift(p.ctx, &item, 1);
	assert_non_null(strstr(net.bodies, "\n{\"event\":\"lift\",\"id\":12,"));
	assert_non_null(strstr(net.bodies, "\"release\":\"purge\""));
	unplug(&p);
}

/* Calls upon decision 12, one after the other, and how many were posted after each. */
struct step {
	bool lifts, restarts;
	size_t addresses;
	unsigned int posts;
	enum postern_result result;
	const char *text;
};

static const struct course {
	const char *name;
	struct answer answer[4];
	struct step step[5];
} courses[] = {
	{ "once is enough",
	  { { CURLE_OK, 204 } },
	  { { .addresses = 1, .posts = 1 },
	    { .addresses = 1, .posts = 1 },
	    { .restarts = true, .addresses = 1, .posts = 1 } } },
	{ "a further address",
	  { { CURLE_OK, 200 } },
	  { { .addresses = 1, .posts = 1 },
	    { .addresses = 2, .posts = 2 },
	    { .addresses = 2, .posts = 2 } } },
	{ "the end is told once",
	  { { CURLE_OK, 200 } },
	  { { .addresses = 1, .posts = 1 },
	    { .lifts = true, .posts = 2 },
	    { .lifts = true, .posts = 2 } } },
	{ "no end of what was never told",
	  { { CURLE_OK, 200 } },
	  { { .lifts = true, .posts = 0 } } },
	{ "500, then 200",
	  { { CURLE_OK, 500 }, { CURLE_OK, 200 } },
	  { { .posts = 1, .result = POSTERN_RETRY, .text = "answered with status 500" },
	    { .posts = 2 },
	    { .posts = 2 } } },
	{ "too many, and slow",
	  { { CURLE_OK, 429 }, { CURLE_OK, 408 }, { CURLE_OK, 200 } },
	  { { .posts = 1, .result = POSTERN_RETRY },
	    { .posts = 2, .result = POSTERN_RETRY },
	    { .posts = 3 } } },
	{ "refused for good",
	  { { CURLE_OK, 403 } },
	  { { .posts = 1, .result = POSTERN_FAILED, .text = "answered with status 403" } } },
	{ "somewhere else is nowhere",
	  { { CURLE_OK, 301 } },
	  { { .posts = 1, .result = POSTERN_FAILED, .text = "answered with status 301" } } },
	{ "down",
	  { { CURLE_COULDNT_CONNECT, 0 }, { CURLE_OK, 200 } },
	  { { .posts = 1, .result = POSTERN_RETRY, .text = "Couldn't connect" }, { .posts = 2 } } },
	{ "a certificate that is not its own",
	  { { CURLE_PEER_FAILED_VERIFICATION, 0 } },
	  { { .posts = 1, .result = POSTERN_RETRY, .text = "certificate" } } },
	{ "an answer without end",
	  { { CURLE_WRITE_ERROR, 200 } },
	  { { .posts = 1 }, { .posts = 1 } } },
	{ "an end that is not heard is told again",
	  { { CURLE_OK, 200 }, { CURLE_OK, 503 }, { CURLE_OK, 200 } },
	  { { .posts = 1 },
	    { .lifts = true, .posts = 2, .result = POSTERN_RETRY },
	    { .lifts = true, .posts = 3 },
	    { .lifts = true, .posts = 3 } } },
};

static void goes_on(void **state)
{
	const struct course *row = *state;
	struct plugged p;

	start(&p, row->answer);
	open_it(&p, NULL);
	for (size_t i = 0; i == 0 || (i < COUNT(row->step) && row->step[i].posts); i++) {
		const struct step *step = &row->step[i];
		struct postern_item item = item_of(12, bots, step->addresses);

		if (step->restarts) {
			p.action->close(p.ctx);
			open_it(&p, NULL);
		}
		if (step->lifts)
			p.action->lift(p.ctx, &item, 1);
		else
			p.action->apply(p.ctx, &item, 1);
		assert_int_equal(net.posts, step->posts);
		assert_int_equal(item.result, step->result);
		assert_non_null(strstr(item.text, step->text ? step->text : ""));
	}
	assert_null(strstr(net.header_text, "Signature"));
	unplug(&p);
}

/* Of a batch only the first waits for a server that does not answer. */
static void down_is_down(void **state)
{
	const struct answer down[] = { { CURLE_OPERATION_TIMEDOUT, 0 }, { 0, 0 } };
	struct postern_item item[3] = { item_of(1, NULL, 0), item_of(2, NULL, 0),
					item_of(3, NULL, 0) };
	struct plugged p;

	(void)state;
	start(&p, down);
	open_it(&p, NULL);
	p.action->apply(p.ctx, item, 3);
	assert_int_equal(net.posts, 1);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(item[i].result, POSTERN_RETRY);
	unplug(&p);
}

/* What is refused when the plugin is opened. */
static const struct bad {
	const char *name, *url;
	mode_t mode;
	const char *secret; /* in a file of that mode; NULL: there is none */
	const char *insecure, *text;
} bads[] = {
	{ "plain HTTP", "http://example.org/", 0, NULL, "no", "http:// is for this machine alone" },
	{ "plain HTTP to this machine", "http://127.0.0.1:8080/", 0, NULL, "no", NULL },
	{ "... by IPv6", "http://[::1]/", 0, NULL, "no", NULL },
	{ "... by name", "http://localhost/", 0, NULL, "no", NULL },
	{ "a name that only looks like it", "http://127.0.0.1.example.org/", 0, NULL, "no",
	  "for this machine alone" },
	{ "a user that looks like it", "http://127.0.0.1@example.org/", 0, NULL, "no",
	  "for this machine alone" },
	{ "plain HTTP, if it has to be", "http://example.org/", 0, NULL, "yes", NULL },
	{ "a file", "file:///etc/passwd", 0, NULL, "yes", "expected an https://" },
	{ "no URL", "example org", 0, NULL, "no", "expected an https:// URL" },
	{ "a secret", "https://example.org/", 0600, "0123456789abcdef\n", "no", NULL },
	{ "a secret that all can read", "https://example.org/", 0644, "0123456789abcdef", "no",
	  "mode 600" },
	{ "a secret that is none", "https://example.org/", 0600,
	  "12345\n\n\n\n\n\n\n\n\n\n\n\n\n\n", "no", "expected a secret of 16 to 4096 bytes" },
};

static void opens(void **state)
{
	const struct bad *row = *state;
	struct plugged p;
	char why[256] = "";
	int ret;

	start(&p, fine);
	if (row->secret) {
		put_file(in_dir(&p, "secret"), row->secret);
		assert_int_equal(chmod(in_dir(&p, "secret"), row->mode), 0);
	}
	set_up(&p,
	       (const char *[]){ "url", row->url, "insecure", row->insecure,
				 row->secret ? "secret_file" : NULL, in_dir(&p, "secret"), NULL });
	ret = p.action->open(p.ctx, &p.host, why, sizeof(why));
	assert_int_equal(ret, row->text ? -1 : 0);
	assert_non_null(strstr(why, row->text ? row->text : ""));
	unplug(&p);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(courses) + COUNT(bads) + 2];
	size_t n = 0;

	tests[n++] = (struct CMUnitTest)cmocka_unit_test(posts_and_signs);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(down_is_down);
	ADD_ROWS(tests, n, courses, goes_on);
	ADD_ROWS(tests, n, bads, opens);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
