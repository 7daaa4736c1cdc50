/*
 * fuzz_main - runs a fuzz target on files, where libFuzzer is not there to do it
 *
 * Each argument is a seed, or a directory whose files are. A target that finds something ends the
 * program by itself, through an assertion or a sanitizer.
 */
#include "core/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SEED_MOST = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Noreturn void fail(const char *path, const char *why)
{
	(void)fprintf(stderr, "%s: %s\n", path, why);
	exit(2);
}

static void run_file(const char *path)
{
	uint8_t *whole = xcalloc(SEED_MOST, 1), *exact;
	FILE *fp = fopen(path, "re");
	size_t len;

	if (!fp)
		fail(path, strerror(errno));
	len = fread(whole, 1, SEED_MOST, fp);
	if (ferror(fp) || !feof(fp))
		fail(path, ferror(fp) ? strerror(errno) : "too long for a seed");
	(void)fclose(fp);
	/* A block of just this size, so that a sanitizer sees every byte read beyond it. */
	exact = malloc(len);
	if (len > 0 && !exact)
		fail(path, strerror(errno));
	if (len > 0)
		memcpy(exact, whole, len);
	free(whole);
	(void)LLVMFuzzerTestOneInput(exact, len);
	free(exact);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Returns how many seeds it ran. */
static size_t run(const char *path)
{
	struct dirent **entries;
	struct stat st;
	size_t seeds = 0;
	int n;

	if (stat(path, &st) < 0)
		fail(path, strerror(errno));
	if (!S_ISDIR(st.st_mode)) {
		run_file(path);
		return 1;
	}
	n = scandir(path, &entries, is_visible, alphasort);
	if (n < 0)
		fail(path, strerror(errno));
	for (int i = 0; i < n; i++) {
		char *inside = xasprintf("%s/%s", path, entries[i]->d_name);

		seeds += run(inside);
		free(inside);
		free(entries[i]);
	}
	free(entries);
	return seeds;
}

int main(int argc, char **argv)
{
	size_t seeds = 0;

	for (int i = 1; i < argc; i++)
		seeds += run(argv[i]);
	if (seeds == 0) {
		(void)fprintf(stderr, "usage: %s SEED|DIRECTORY...\n", argv[0]);
		return 2;
	}
	printf("%zu seeds ran\n", seeds);
	return 0;
}
