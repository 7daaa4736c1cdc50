/*
 * ignored - whom postern leaves alone because an administrator told it so while it ran
 *
 *	postern ignore add joe@example.org -> engine: STATEDIR/engine/ignore -> reload -> setup: ignore lists
 *
 * A file in the state folder, one entry a line. The engine writes it and the monitor, which is
 * root, reads it with the configuration: what it finds there may be the work of somebody who has
 * taken the engine over. So no link is followed, no entry may name another file, and no error
 * shows what the file holds.
 */
#include "core/cli/ignored.h"

#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MOST = 1024 * 1024, ENTRY_MOST = 256 };

static const char head[] = "# Whom postern leaves alone: `postern ignore` changes it.\n";

/* Does it look like an address, well written or not? */
static bool address_like(const char *text)
{
	return strchr(text, '/') || strchr(text, ':') ||
	       strspn(text, "0123456789.") == strlen(text);
}

static int check_address(const char *text, struct err *err)
{
	struct prefix p;

	if (!prefix_parse(&p, slice_of(text)))
		return err_set(err, EINVAL,
			       "expected an address or a prefix like \"192.0.2.0/24\"");
	if (p.bits == 0 || (address_is_v4(&p.base) && p.bits <= 96))
		return err_set(err, EINVAL, "that would be everybody; dry_run stops all actions");
	return IGNORE_IP;
}

static int check_user(const char *text, struct err *err)
{
	char *printable = text_printable(slice_of(text));
	bool same = strcmp(printable, text) == 0;

	free(printable);
	if (!same || strpbrk(text, "# \t"))
		return err_set(err, EINVAL,
			       "expected a user or a pattern like \"scanner-*\", without blanks");
	if (strspn(text, "*?@.") == strlen(text))
		return err_set(err, EINVAL, "that would be everybody; dry_run stops all actions");
	return IGNORE_USER;
}

int ignored_kind(const char *text, struct err *err)
{
	if (*text == '\0' || strlen(text) > ENTRY_MOST)
		return err_set(err, EINVAL, "expected an address, a prefix or a user");
	return address_like(text) ? check_address(text, err) : check_user(text, err);
}

static size_t find(const struct ignored *list, const char *text)
{
	size_t i = 0;

	while (i < list->n && strcmp(list->entry[i], text) != 0)
		i++;
	return i;
}

int ignored_add(struct ignored *list, const char *text, struct err *err)
{
	if (ignored_kind(text, err) < 0)
		return -1;
	if (find(list, text) < list->n)
		return err_set(err, EEXIST, "%s is on the list already", text);
	if (list->n == IGNORED_MOST)
		return err_set(err, ENOSPC,
			       "the list is full: put such lists into a file and name "
			       "it in postern.conf (ignoreuser, ignoreip)");
	list->entry = array_grow(list->entry, list->n, &list->cap, sizeof(*list->entry));
	list->entry[list->n++] = xstrdup(text);
	return 0;
}

int ignored_remove(struct ignored *list, const char *text, struct err *err)
{
	size_t i = find(list, text);

	if (i == list->n)
		return err_set(err, ENOENT, "%s is not on the list", text);
	free(list->entry[i]);
	list->n--;
	memmove(list->entry + i, list->entry + i + 1, (list->n - i) * sizeof(*list->entry));
	return 0;
}

void ignored_fini(struct ignored *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->entry[i]);
	free(list->entry);
	*list = (struct ignored){ 0 };
}

static void take_lines(struct ignored *list, char *text)
{
	char *rest = text, *line;
	struct err unused;

	while ((line = strsep(&rest, "\n")))
		if (*line && *line != '#' && ignored_add(list, line, &unused) < 0)
			list->left_out++;
}

static int open_plain(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	    st.st_size <= FILE_MOST)
		return fd;
	(void)close(fd);
	return err_set(err, EINVAL, "%s: expected a plain file of at most %d bytes", path,
		       FILE_MOST);
}

int ignored_load(struct ignored *list, const char *dir, struct err *err)
{
	char *path = xasprintf("%s/ignore", dir), *text;
	int fd = open_plain(path, err), ret = 0;
	ssize_t n;

	*list = (struct ignored){ 0 };
	if (fd < 0) {
		ret = err->code == ENOENT ? 0 : -1;
		goto out;
	}
	text = xcalloc(FILE_MOST + 1, 1);
	n = read(fd, text, FILE_MOST);
	if (n < 0)
		ret = err_set(err, errno, "%s: %s", path, strerror(errno));
	else
		take_lines(list, text);
	free(text);
	(void)close(fd);
out:
	free(path);
	return ret;
}

static bool write_entries(const struct ignored *list, int fd)
{
	FILE *fp = fdopen(fd, "w");
	bool ok;

	if (!fp) {
		(void)close(fd);
		return false;
	}
	(void)fputs(head, fp);
	for (size_t i = 0; i < list->n; i++)
		(void)fprintf(fp, "%s\n", list->entry[i]);
	ok = fflush(fp) == 0 && fsync(fileno(fp)) == 0 && !ferror(fp);
	return fclose(fp) == 0 && ok;
}

int ignored_save(const struct ignored *list, const char *dir, struct err *err)
{
	char *path = xasprintf("%s/ignore", dir), *fresh = xasprintf("%s/ignore.new", dir);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
	int ret = 0;

	if (fd < 0 || !write_entries(list, fd) || rename(fresh, path) < 0) {
		ret = err_set(err, errno, "%s: %s", path, strerror(errno));
		(void)unlink(fresh);
	}
	free(fresh);
	free(path);
	return ret;
}
