/*
 * event_json - an event as a JSON object: for `postern events`, `postern test` and the tests
 */
#include "core/cli/event_json.h"

#include "core/cli/json.h"
#include "core/filter/filter.h"

json_t *event_json(const struct event *event)
{
	json_t *object = json_object();
	char address[ADDRESS_TEXT];

	json_set_instant(object, "time", event->time);
	json_set_text(object, "event", event_kind_name(event->kind));
	json_set_text(object, "filter", event->match->filter->name);
	json_set_text(object, "match", event->match->name);
	for (enum event_field f = 0; f < EVENT_FIELDS; f++) {
		if (f == FIELD_IP && event->has_ip)
			json_set_text(object, "ip", address_text(&event->ip, address));
		else if (f == FIELD_RECIPIENTS && event->field[f].ptr)
			json_set_number(object, "recipients", event->recipients);
		else if (f == FIELD_BYTES && event->field[f].ptr)
			json_set_number(object, "bytes", event->bytes);
		else if (f != FIELD_IP)
			json_set_slice(object, event_field_name(f), event->field[f]);
	}
	if (event->pid)
		json_set_number(object, "pid", event->pid);
	if (event->repeats)
		json_set_number(object, "repeats", event->repeats);
	return object;
}
