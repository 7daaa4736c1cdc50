/* sockets.h - where the daemon listens */
#pragma once

#include "core/base/err.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * A listening UNIX socket at `path`, mode 0660 and of that group; what a dead process left there
 * is replaced, a living one is an error. The descriptor is the caller's.
 */
int socket_listen_unix(const char *path, gid_t group, struct err *err);
/*
 * The same for metrics: "127.0.0.1:9587" or "[::1]:9587" (a number of a loopback interface, for there
 * is no password), or a path.
 */
int socket_listen_metrics(const char *where, gid_t group, struct err *err);
/* Whether `where` is of that form, and what to say if not. */
#define SOCKET_METRICS_EXPECTED "expected \"127.0.0.1:PORT\", \"[::1]:PORT\" or a path"
bool socket_is_metrics(const char *where);
