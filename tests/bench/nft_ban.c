/*
 * nft_ban - what the plugin nftables needs for the same as tests/bench/nft_bare
 *
 * nft_ban DIR COUNT SINGLES: loads DIR/nftables.so, puts COUNT addresses into its table as they
 * are put back at a start, 500 decisions a call, which the plugin makes one transaction. Then it
 * bans SINGLES more, one a call. Prints the seconds that all COUNT took, the milliseconds of the
 * longest call, and the median of the single ones.
 */
#include "core/action/host.h"
#include "core/action/options.h"
#include "core/action/plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PER_CALL = 500, SINGLES_MOST = 10000 };

struct bench {
	const struct postern_action *action;
	void *ctx;
	struct postern_item item[PER_CALL];
	struct postern_address address[PER_CALL];
};

static double now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* Addresses from 10.0.0.0 + `from` on; returns how many milliseconds it took. */
static double ban(struct bench *b, uint32_t from, size_t n)
{
	int64_t until_s = time(NULL) + 3600;
	double began;

	for (size_t i = 0; i < n; i++) {
		uint32_t at = 0x0a000000 + from + (uint32_t)i;

		b->address[i] = (struct postern_address){
			.byte = { [10] = 255,
				  255,
				  (uint8_t)(at >> 24),
				  (uint8_t)(at >> 16),
				  (uint8_t)(at >> 8),
				  (uint8_t)at },
			.bits = 128,
		};
		b->item[i] = (struct postern_item){
			.id = from + i,
			.jail = "bench",
			.level = "act",
			.until_s = until_s,
			.reason = "",
			.json = "{}",
			.address = &b->address[i],
			.n_addresses = 1,
		};
	}
	began = now_ms();
	b->action->apply(b->ctx, b->item, n);
	began = now_ms() - began;
	for (size_t i = 0; i < n; i++) {
		if (b->item[i].result == POSTERN_DONE)
			continue;
		(void)fprintf(stderr, "nft_ban: %s\n", b->item[i].text);
		exit(1);
	}
	return began;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void run(struct bench *b, uint32_t count, uint32_t singles)
{
	static double took[SINGLES_MOST];
	double began = now_ms(), all, longest = 0;

	for (uint32_t i = 0; i < count; i += PER_CALL) {
		double ms = ban(b, i, count - i < PER_CALL ? count - i : PER_CALL);

		longest = ms > longest ? ms : longest;
	}
	all = now_ms() - began;
	for (uint32_t i = 0; i < singles; i++)
		took[i] = ban(b, count + i, 1);
	qsort(took, singles, sizeof(*took), by_value);
	(void)printf("%.6f %.3f %.3f\n", all / 1e3, longest, took[singles / 2]);
}

int main(int argc, char **argv)
{
	static struct bench b;
	struct arena *arena = arena_new();
	struct plugin *plugin = NULL;
	const struct postern_host *host;
	uint32_t singles = argc == 4 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;
	char why[256] = "";
	struct err err;

	if (singles == 0 || singles > SINGLES_MOST) {
		(void)fputs("usage, as root: nft_ban DIR COUNT SINGLES\n", stderr);
		return 2;
	}
	if (plugin_load(&plugin, argv[1], "nftables", &err) < 0) {
		(void)fprintf(stderr, "nft_ban: %s\n", err.text);
		return 2;
	}
	b.action = plugin_action(plugin);
	b.ctx = options_context(b.action, NULL, 0, arena, &err);
	host = host_init(b.action, "/nonexistent/nftables");
	if (!b.ctx || b.action->open(b.ctx, host, why, sizeof(why)) < 0) {
		(void)fprintf(stderr, "nft_ban: %s\n", b.ctx ? why : err.text);
		return 2;
	}
	run(&b, (uint32_t)strtoul(argv[2], NULL, 10), singles);
	b.action->close(b.ctx);
	plugin_free(plugin);
	arena_free(arena);
	return 0;
}
