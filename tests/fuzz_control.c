/*
 * fuzz_control - any bytes as requests to the daemon
 *
 * Each line is a request or is answered with an error; a request is written and read again as
 * the same; every answer is lines of JSON that end as an answer has to.
 */
#include "core/cli/control.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round(const struct request *request)
{
	json_t *first = request_json(request), *second;
	char *line = json_dumps(first, JSON_COMPACT);
	struct request again;
	struct err err;

	assert(line && request_parse(&again, slice_of(line), &err) == 0);
	second = request_json(&again);
	assert(json_equal(first, second));
	request_fini(&again);
	json_decref(second);
	json_decref(first);
	free(line);
}

static enum answer on_request(void *ctx, const struct request *r, uint64_t *cursor,
			      struct reply *reply)
{
	(void)ctx;
	assert(r->verb < REQUEST_VERBS);
	check_round(r);
	if (r->subject)
		reply_refuse(reply, r->because, "nothing is known of \"%s\"", r->subject);
	else
		reply_add(reply, json_pack("{s:s}", "verb", request_verb_name(r->verb)));
	return ++*cursor < 3 ? ANSWER_MORE : ANSWER_DONE;
}

static void check_reply(const struct reply *reply)
{
	struct slice lines = pack_contents(&reply->lines);

	assert(lines.len > 0 && lines.ptr[lines.len - 1] == '\n');
	for (size_t at = 0; at < lines.len;) {
		const char *end = memchr(lines.ptr + at, '\n', lines.len - at);
		json_t *object = json_loadb(lines.ptr + at, (size_t)(end - lines.ptr) - at,
					    JSON_REJECT_DUPLICATES, NULL);

		assert(json_is_object(object));
		json_decref(object);
		at = (size_t)(end - lines.ptr) + 1;
	}
}

static void ask(struct slice line)
{
	static const struct control_options options = { .answer = on_request };
	struct reply reply = { 0 };
	struct request request;
	uint64_t cursor;

	(void)control_answer(&options, line, &request, &cursor, &reply);
	check_reply(&reply);
	request_fini(&request);
	pack_fini(&reply.lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *newline;

	while (size > 0) {
		size_t len;

		newline = memchr(text, '\n', size);
		len = newline ? (size_t)(newline - text) : size;
		ask((struct slice){ text, len });
		text += len + (newline ? 1 : 0);
		size -= len + (newline ? 1 : 0);
	}
	return 0;
}
