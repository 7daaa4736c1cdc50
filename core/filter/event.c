/*
 * event - the names of event kinds and fields, as filters, jails and JSON spell them
 */
#include "core/filter/event.h"

#include "core/base/mem.h"

static const char *const event_names[EVENT_KINDS] = {
	"login",   "failure", "message", "queued",  "bounce",
	"removed", "logout",  "offence", "connect", "disconnect",
};

static const char *const field_names[EVENT_FIELDS] = {
	"user",          "ip",         "rdns",  "helo",   "service", "method",  "queue_id",
	"orig_queue_id", "recipients", "bytes", "status", "port",    "session",
};

const char *event_kind_name(enum event_kind kind)
{
	return event_names[kind];
}

const char *event_field_name(enum event_field field)
{
	return field_names[field];
}

static int named(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return (int)i;
	return -1;
}

int event_kind_named(const char *name)
{
	return named(event_names, COUNT(event_names), name);
}

int event_field_named(const char *name)
{
	return named(field_names, COUNT(field_names), name);
}
