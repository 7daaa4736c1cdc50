/* lost.h - log lines that say that other lines were lost on their way to the log */
#pragma once

#include "core/base/slice.h"

#include <stdint.h>

struct lost;

struct lost *lost_new(void);
void lost_free(struct lost *l); /* NULL is fine */

/*
 * How many messages were lost, as the lines of `block` (each ended by '\n') say: rsyslog's and
 * journald's own about rate limits. One that gives no number counts as one message.
 */
uint64_t lost_count(const struct lost *l, struct slice block);
