/* mmdb.h - small GeoIP databases for a test program, made when it starts */
#pragma once

#include "core/base/mem.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *mmdb_dir;

/*
 * Makes them by tests/make-mmdb.pl in a directory beside the program, so in the build's: no two
 * programs write to the same. Returns 0, or -1 with a word on standard error.
 */
static int mmdb_make(void)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int status = -1;
	pid_t pid;

	if (len < 0)
		return -1;
	self[len] = '\0';
	mmdb_dir = xasprintf("%s.mmdb", self);
	if (mkdir(mmdb_dir, 0755) < 0 && errno != EEXIST)
		return -1;
	pid = fork();
	if (pid == 0) {
		execlp("perl", "perl", "tests/make-mmdb.pl", mmdb_dir, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
		(void)fprintf(stderr, "tests/make-mmdb.pl failed: it needs perl and "
				      "libmaxmind-db-writer-perl\n");
	return status == 0 ? 0 : -1;
}

static void mmdb_end(void)
{
	free(mmdb_dir);
	mmdb_dir = NULL;
}

/* The path of one of them: country, city, asn or flat. The caller frees it. */
static char *mmdb_path(const char *name)
{
	return xasprintf("%s/%s.mmdb", mmdb_dir, name);
}
