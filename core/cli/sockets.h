/* sockets.h - where the daemon listens */
#pragma once

#include "core/base/err.h"

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
