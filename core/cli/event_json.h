/* event_json.h - an event as a JSON object */
#pragma once

#include "core/filter/event.h"

#include <jansson.h>

/*
 * {"time","event","filter","match",...}: the fields that the line named, spelt as filters spell them.
 * Without `time` where the event has none. The caller's, for json_print() or json_decref().
 */
json_t *event_json(const struct event *event);
