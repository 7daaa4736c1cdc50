/*
 * sockets - where the daemon listens
 *
 * The monitor makes the sockets, with the rights it takes to make them, and hands them to the
 * engine, which can neither make one nor reach their paths.
 */
#include "core/cli/sockets.h"

#include "core/base/address.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 16 };

static bool is_alive(const struct sockaddr_un *sa)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool alive = connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0;

	(void)close(fd);
	return alive;
}

static int bind_unix(int fd, const struct sockaddr_un *sa, gid_t group, struct err *err)
{
	struct stat st;

	if (lstat(sa->sun_path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return err_set(err, EEXIST, "%s: expected a socket or nothing there",
				       sa->sun_path);
		if (is_alive(sa))
			return err_set(err, EADDRINUSE, "%s: another posternd answers there",
				       sa->sun_path);
		(void)unlink(sa->sun_path);
	}
	if (bind(fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0 ||
	    chmod(sa->sun_path, 0660) < 0 ||
	    (geteuid() == 0 && chown(sa->sun_path, 0, group) < 0) || listen(fd, BACKLOG) < 0)
		return err_set(err, errno, "listening on %s: %s", sa->sun_path, strerror(errno));
	return 0;
}

int socket_listen_unix(const char *path, gid_t group, struct err *err)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	mode_t before;
	int fd, ret;

	if (strlen(path) >= sizeof(sa.sun_path))
		return err_set(err, ENAMETOOLONG, "%s: expected at most %zu characters", path,
			       sizeof(sa.sun_path) - 1);
	memcpy(sa.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, errno, "a socket for %s: %s", path, strerror(errno));
	before = umask(0177);
	ret = bind_unix(fd, &sa, group, err);
	(void)umask(before);
	if (ret < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static bool is_loopback(const struct address *a)
{
	static const struct address six = { { [15] = 1 } };

	return address_is_v4(a) ? a->byte[12] == 127 : address_equal(a, &six);
}

/* "ADDRESS:PORT", the address of IPv6 in brackets. */
static bool parse_endpoint(const char *where, struct address *a, long long *port)
{
	const char *colon = strrchr(where, ':');

	return colon && address_parse(a, (struct slice){ where, (size_t)(colon - where) }) &&
	       slice_number(slice_of(colon + 1), port) && *port > 0 && *port < 65536;
}

static int listen_tcp(const struct address *a, uint16_t port, const char *where, struct err *err)
{
	struct sockaddr_in six_less = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	bool v4 = address_is_v4(a);
	const struct sockaddr *sa =
		v4 ? (const struct sockaddr *)&six_less : (const struct sockaddr *)&six;
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

	memcpy(&six_less.sin_addr, a->byte + 12, sizeof(six_less.sin_addr));
	memcpy(&six.sin6_addr, a->byte, sizeof(six.sin6_addr));
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, sa, v4 ? sizeof(six_less) : sizeof(six)) < 0 || listen(fd, BACKLOG) < 0) {
		(void)err_set(err, errno, "metrics: listening on %s: %s", where, strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return -1;
	}
	return fd;
}

bool socket_is_metrics(const char *where)
{
	struct address a;
	long long port;

	return *where == '/' || (parse_endpoint(where, &a, &port) && is_loopback(&a));
}

int socket_listen_metrics(const char *where, gid_t group, struct err *err)
{
	struct address a;
	long long port;

	if (*where == '/')
		return socket_listen_unix(where, group, err);
	if (!parse_endpoint(where, &a, &port) || !is_loopback(&a))
		return err_set(err, EINVAL, "metrics: " SOCKET_METRICS_EXPECTED ", not \"%s\"",
			       where);
	return listen_tcp(&a, (uint16_t)port, where, err);
}
