/* metrics.h - what the daemon counts, as Prometheus reads it */
#pragma once

#include "core/base/pack.h"
#include "core/cli/view.h"

/*
 * Appends the text exposition format, version 0.0.4 (Prometheus, "Exposition formats"): HELP and
 * TYPE for each metric, label values escaped.
 */
void metrics_text(const struct view *v, struct instant now, struct pack *out);
/* Is the daemon well? Appends "ok\n", or a line for each reason why not: then it is false. */
bool metrics_health(const struct view *v, struct pack *out);
