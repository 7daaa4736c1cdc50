/*
 * test_watch - where paths lead, while the world under them changes
 *
 * Each row is a script, run on an empty directory: shell-like steps, and after each one what was
 * told. A file is told by its content, so that it is the right one, and not just one. Every row
 * runs twice, with inotify and by looking now and then.
 */
#include "core/source/watch.h"

#include "tests/rows.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEPS = 10, PATHS = 3 };

/*
 * `act` is a verb and one or two names: put (a file that holds its own new content, the second
 * name), mkdir, rmdir, mv, ln (a symbolic link: target, name), rm, fifo, hide, show.
 * `want` is what is told in that step: "LOG:CONTENT" each, or "LOG!" for a problem.
 */
struct step {
	const char *act, *want;
};

struct row {
	const char *name;
	const char *paths[PATHS];
	struct step steps[STEPS];
};

static const struct row rows[] = {
	{ "there from the start", { "a" }, { { "put a 1", "a:1" }, { "put b 2", "" } } },
	{ "several", { "a", "b" }, { { "put b 1", "a! b:1" }, { "put a 2", "a:2" } } },
	{ "renamed and made anew",
	  { "a" },
	  { { "put a 1", "a:1" }, { "mv a a.1", "" }, { "put a 2", "a:2" } } },
	{ "replaced by a rename",
	  { "a" },
	  { { "put a 1", "a:1" }, { "put new 2", "" }, { "mv new a", "a:2" } } },
	{ "deleted and made anew",
	  { "a" },
	  { { "put a 1", "a:1" }, { "rm a", "" }, { "put a 2", "a:2" } } },
	{ "renamed away and back",
	  { "a" },
	  { { "put a 1", "a:1" }, { "mv a b", "" }, { "mv b a", "a:1" } } },
	{ "its directory comes later",
	  { "d/e/a" },
	  { { "put x 0", "d/e/a!" },
	    { "mkdir d", "" },
	    { "mkdir d/e", "" },
	    { "put d/e/a 1", "d/e/a:1" } } },
	{ "its directory is replaced",
	  { "d/a" },
	  { { "mkdir d", "d/a!" },
	    { "put d/a 1", "d/a:1" },
	    { "mv d old", "" },
	    { "mkdir d", "" },
	    { "put old/a 2", "" },
	    { "put d/a 3", "d/a:3" } } },
	{ "link switched",
	  { "a" },
	  { { "put 1 one", "a!" },
	    { "put 2 two", "" },
	    { "ln 1 a", "a:one" },
	    { "ln 2 a", "a:two" } } },
	{ "what the link names is replaced",
	  { "a" },
	  { { "mkdir d", "a!" },
	    { "ln d/b a", "" },
	    { "put d/b 1", "a:1" },
	    { "mv d/b d/c", "" },
	    { "put d/b 2", "a:2" } } },
	{ "link to a directory, switched",
	  { "d/a" },
	  { { "mkdir 1", "d/a!" },
	    { "mkdir 2", "" },
	    { "put 1/a one", "" },
	    { "put 2/a two", "" },
	    { "ln 1 d", "d/a:one" },
	    { "ln 2 d", "d/a:two" } } },
	{ "links that go up",
	  { "d/a" },
	  { { "mkdir d", "d/a!" }, { "put b 1", "" }, { "ln ../b d/a", "d/a:1" } } },
	{ "links in a circle",
	  { "a" },
	  { { "ln b a", "a!" }, { "ln a b", "a!" }, { "rm b", "a!" }, { "put b 1", "a:1" } } },
	{ "a directory is no log",
	  { "a" },
	  { { "mkdir a", "a!" }, { "put b 1", "" }, { "rmdir a", "a!" }, { "put a 2", "a:2" } } },
	{ "FIFO, and again",
	  { "a" },
	  { { "fifo a", "a:|" }, { "rm a", "" }, { "fifo a", "a:|" } } },
	{ "no rights yet",
	  { "a" },
	  { { "put b 1", "a!" }, { "hide b", "" }, { "mv b a", "a!" }, { "show a", "a:1" } } },
	{ "glob gains a file",
	  { "*.log" },
	  { { "put a.log 1", "a.log:1" },
	    { "put b.txt 2", "" },
	    { "put b.log 3", "b.log:3" },
	    { "mv b.txt c.log", "c.log:2" } } },
	{ "glob and rotation",
	  { "a*" },
	  { { "put a 1", "a:1" },
	    { "mv a a.1", "" },
	    { "put a 2", "a:2" },
	    { "put a-20261120 3", "" },
	    { "put a.2.gz 4", "" },
	    { "put ab.xz 5", "" },
	    { "put a.err 6", "a.err:6" } } },
	{ "glob of directories",
	  { "d*/a" },
	  { { "mkdir d1", "" },
	    { "put d1/a 1", "d1/a:1" },
	    { "mkdir d2", "" },
	    { "put d2/a 2", "d2/a:2" },
	    { "mkdir e", "" },
	    { "put e/a 3", "" } } },
	{ "one file by two paths",
	  { "a", "b" },
	  { { "put a 1", "b! a:1" },
	    { "ln a b", "b!" },
	    { "rm a", "b!" },
	    { "put a 2", "b! a:2" } } },
};

struct world {
	char dir[32];
	char told[512];
	struct watch *watch;
	struct instant now;
};

static void tell(struct world *world, const char *path, const char *what)
{
	size_t len = strlen(world->told);

	(void)snprintf(world->told + len, sizeof(world->told) - len, "%s%s%s", len ? " " : "",
		       path + strlen(world->dir) + 1, what);
}

static void on_opened(void *ctx, size_t log, const char *path, int fd, int wd)
{
	struct world *world = ctx;
	char what[64] = ":|";
	struct stat st;
	ssize_t got;

	assert_string_equal(path, watch_path(world->watch, log));
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(wd >= 0, watch_modify_fd(world->watch) >= 0);
	if (S_ISREG(st.st_mode)) {
		got = pread(fd, what + 1, sizeof(what) - 2, 0);
		what[1 + got] = '\0';
	}
	tell(world, path, what);
}

static void on_problem(void *ctx, size_t log, const char *text)
{
	struct world *world = ctx;
	const char *path = watch_path(world->watch, log);

	assert_memory_equal(text, path, strlen(path));
	tell(world, path, "!");
}

static void put(const char *name, const char *content)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	close(fd);
}

static void link_to(const char *target, const char *name)
{
	assert_int_equal(symlink(target, "link"), 0);
	assert_int_equal(rename("link", name), 0);
}

static void act(const char *text)
{
	char verb[16] = "", a[64] = "", b[64] = "";

	assert_true(sscanf(text, "%15s %63s %63s", verb, a, b) >= 2);
	if (strcmp(verb, "put") == 0)
		put(a, b);
	else if (strcmp(verb, "ln") == 0)
		link_to(a, b);
	else if (strcmp(verb, "mkdir") == 0)
		assert_int_equal(mkdir(a, 0755), 0);
	else if (strcmp(verb, "rmdir") == 0)
		assert_int_equal(rmdir(a), 0);
	else if (strcmp(verb, "mv") == 0)
		assert_int_equal(rename(a, b), 0);
	else if (strcmp(verb, "rm") == 0)
		assert_int_equal(unlink(a), 0);
	else if (strcmp(verb, "fifo") == 0)
		assert_int_equal(mkfifo(a, 0600), 0);
	else if (strcmp(verb, "hide") == 0)
		assert_int_equal(chmod(a, 0), 0);
	else if (strcmp(verb, "show") == 0)
		assert_int_equal(chmod(a, 0644), 0);
	else
		fail_msg("%s: no such verb", verb);
}

/* Empties a directory below the working one. */
static void clear(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	struct stat st;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		char *inside = xasprintf("%s/%s", path, entry->d_name);

		if (entry->d_name[0] != '.' && lstat(inside, &st) == 0 && S_ISDIR(st.st_mode))
			clear(inside);
		if (entry->d_name[0] != '.')
			assert_int_equal(remove(inside), 0);
		free(inside);
	}
	closedir(dir);
}

static struct world *world_new(const char *const *paths, size_t most, bool no_inotify)
{
	struct world *world = xcalloc(1, sizeof(*world));
	struct watch_options options = { on_opened, on_problem, world, 100, no_inotify };
	const char *list[PATHS];
	size_t n = 0;

	(void)snprintf(world->dir, sizeof(world->dir), "/tmp/test_watch.XXXXXX");
	assert_non_null(mkdtemp(world->dir));
	assert_int_equal(chmod(world->dir, 0755), 0);
	assert_int_equal(chdir(world->dir), 0);
	for (; n < most && paths[n]; n++)
		list[n] = paths[n];
	world->watch = watch_new(list, n, &options);
	world->now = instant_of_s(1000);
	return world;
}

static void world_free(struct world *world)
{
	watch_free(world->watch);
	clear(".");
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(world->dir), 0);
	free(world);
}

/* Where nothing has changed nothing is told, and where inotify works nothing is looked at. */
static void settle(struct world *world, bool no_inotify)
{
	world->now.ms += 100;
	assert_int_equal(watch_timeout_ms(world->watch, world->now), no_inotify ? 0 : -1);
	watch_ready(world->watch, world->now);
	if (no_inotify)
		assert_int_equal(watch_timeout_ms(world->watch, world->now), 100);
}

static void run_script(const struct row *row, bool no_inotify)
{
	struct world *world = world_new(row->paths, PATHS, no_inotify);

	for (size_t i = 0; i < STEPS && row->steps[i].act; i++) {
		act(row->steps[i].act);
		if (i == 0)
			watch_ready(world->watch, world->now);
		settle(world, no_inotify);
		if (strcmp(world->told, row->steps[i].want) != 0)
			fail_msg("after \"%s\": \"%s\", not \"%s\"", row->steps[i].act, world->told,
				 row->steps[i].want);
		world->told[0] = '\0';
		settle(world, no_inotify);
		assert_string_equal(world->told, "");
	}
	world_free(world);
}

/* Root may read what is hidden: for that row it is somebody else. */
static void check(void **state)
{
	const struct row *row = *state;
	bool was_root = geteuid() == 0;

	if (was_root)
		assert_int_equal(seteuid(65534), 0);
	run_script(row, false);
	run_script(row, true);
	if (was_root)
		assert_int_equal(seteuid(0), 0);
	/* Whoever changed his rights is not traced, and so not looked at for leaks. */
	assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0);
}

/* What is in the other inotify instance: the number of the file written to, or -1. */
static int modified(const struct world *world)
{
	_Alignas(struct inotify_event) char buf[4096];
	const struct inotify_event *event = (const void *)buf;
	ssize_t len = read(watch_modify_fd(world->watch), buf, sizeof(buf));

	return len > 0 && event->mask & IN_MODIFY ? event->wd : -1;
}

static int told_wd;

static void on_wd(void *ctx, size_t log, const char *path, int fd, int wd)
{
	(void)ctx, (void)log, (void)path, (void)fd;
	told_wd = wd;
}

static void tells_of_writing(void **state)
{
	const char *paths[] = { "a" };
	struct world *world = world_new(paths, 1, false);
	struct watch_options options = { .on_opened = on_wd };
	int old, fd;

	(void)state;
	watch_free(world->watch);
	put("a", "1");
	world->watch = watch_new(paths, 1, &options);
	watch_ready(world->watch, world->now);
	old = told_wd;
	assert_int_equal(modified(world), -1);
	fd = open("a", O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(modified(world), old);
	/* Its writer has not noticed yet that it was renamed. */
	assert_int_equal(rename("a", "a.1"), 0);
	put("a", "2");
	watch_ready(world->watch, world->now);
	assert_int_not_equal(told_wd, old);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(modified(world), old);
	put("a", "3");
	assert_int_equal(modified(world), told_wd);
	told_wd = -1;
	watch_tell(world->watch);
	assert_int_not_equal(told_wd, -1);
	close(fd);
	world_free(world);
}

static void on_sibling(void *ctx, size_t log, int fd)
{
	char *told = ctx;
	size_t len = strlen(told);
	ssize_t got = pread(fd, told + len, 63 - len, 0);

	assert_int_equal(log, 0);
	assert_true(got > 0);
	told[len + (size_t)got] = '\0';
}

/* Content is the order expected; `age` in seconds. */
static const struct {
	const char *name, *content;
	int age;
} files[] = {
	{ "a", "x", 0 },       { "a.1", "1", 5 },    { "a.2", "2", 6 },
	{ "a.3.gz", "3", 7 },  { "a.1.gz", "x", 5 }, { "a-20261120", "6", 9 },
	{ "a.10.xz", "5", 8 }, { "a.9.xz", "4", 8 }, { "a-20261119", "7", 9 },
	{ "a.err", "x", 1 },   { "ab", "x", 1 },     { "b.1", "x", 1 },
	{ "a.old", "8", 20 },  { "a", "x", 0 },      { "a.7", "x", 4 },
};

static void siblings(void **state)
{
	const char *paths[] = { "link", "a.7" };
	struct world *world = world_new(paths, 2, false);
	char told[64] = "";

	(void)state;
	link_to("a", "link");
	for (size_t i = 0; i < COUNT(files); i++) {
		struct timespec times[2] = { { 100000 - files[i].age, 5 },
					     { 100000 - files[i].age, 5 } };

		put(files[i].name, files[i].content);
		assert_int_equal(utimensat(AT_FDCWD, files[i].name, times, 0), 0);
	}
	assert_int_equal(mkdir("a.5", 0755), 0);
	watch_ready(world->watch, world->now);
	assert_int_equal(watch_siblings(world->watch, 0, on_sibling, told), 8);
	assert_string_equal(told, "12345678");
	/* Also while the log itself is not there. */
	told[0] = '\0';
	assert_int_equal(unlink("a"), 0);
	watch_ready(world->watch, world->now);
	assert_int_equal(watch_siblings(world->watch, 0, on_sibling, told), 8);
	assert_int_equal(watch_count(world->watch), 2);
	world_free(world);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + 2] = { cmocka_unit_test(tells_of_writing),
						     cmocka_unit_test(siblings) };
	size_t n = 2;

	ADD_ROWS(tests, n, rows, check);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
