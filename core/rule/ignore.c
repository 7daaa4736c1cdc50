/*
 * ignore - whom a jail leaves alone: addresses, users, countries, networks
 *
 * ignoreip and the others mean what they mean in fail2ban: what is ignored is not counted. Asked
 * once for each new account and address, so lists may be long.
 */
#include "core/rule/ignore.h"

#include "core/base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int add_ip(struct ignore *ig, const char *text, struct err *err)
{
	struct prefix p;

	if (!prefix_parse(&p, slice_of(text)))
		return err_set(err, EINVAL,
			       "expected an address or a prefix like \"192.0.2.0/24\" (no bits set "
			       "behind the mask), not \"%s\"",
			       text);
	prefixset_add(&ig->ips, &p);
	return 0;
}

static int add_user(struct ignore *ig, const char *text, struct err *err)
{
	if (!*text)
		return err_set(err, EINVAL,
			       "expected a user name or a glob like \"*@example.org\"");
	ig->user = array_grow(ig->user, ig->n_users, &ig->cap_users, sizeof(*ig->user));
	ig->user[ig->n_users] = xstrdup(text);
	for (char *p = ig->user[ig->n_users++]; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return 0;
}

static int add_country(struct ignore *ig, const char *text, struct err *err)
{
	country_t country = country_parse(text);

	if (!country)
		return err_set(err, EINVAL, "expected a country code like \"ES\", not \"%s\"",
			       text);
	ig->country =
		array_grow(ig->country, ig->n_countries, &ig->cap_countries, sizeof(*ig->country));
	ig->country[ig->n_countries++] = country;
	return 0;
}

static int add_asn(struct ignore *ig, const char *text, struct err *err)
{
	const char *digits = strncasecmp(text, "AS", 2) == 0 ? text + 2 : text;
	long long n;

	if (!slice_number(slice_of(digits), &n) || n == 0 || n > UINT32_MAX)
		return err_set(err, EINVAL, "expected a network like \"AS64500\", not \"%s\"",
			       text);
	ig->asn = array_grow(ig->asn, ig->n_asns, &ig->cap_asns, sizeof(*ig->asn));
	ig->asn[ig->n_asns++] = (uint32_t)n;
	return 0;
}

static int (*const adders[IGNORE_LISTS])(struct ignore *, const char *,
					 struct err *) = { add_ip, add_user, add_country, add_asn };

/* Cuts the comment and the blanks around what is left. */
static char *trim(char *line)
{
	size_t len;

	line[strcspn(line, "#\r\n")] = '\0';
	line += strspn(line, " \t");
	len = strlen(line);
	while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'))
		line[--len] = '\0';
	return line;
}

static int add_file(struct ignore *ig, enum ignore_list list, const char *path, struct err *err)
{
	FILE *fp = fopen(path, "re");
	struct err why;
	char line[512];
	int ret = 0;

	if (!fp)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	for (int n = 1; ret == 0 && fgets(line, sizeof(line), fp); n++) {
		bool whole = strchr(line, '\n') || feof(fp);
		const char *entry = trim(line);

		if (!whole)
			ret = err_set(err, EINVAL, "%s:%d: expected at most %zu characters", path,
				      n, sizeof(line) - 2);
		else if (*entry && adders[list](ig, entry, &why) < 0)
			ret = err_set(err, why.code, "%s:%d: %s", path, n, why.text);
	}
	if (ret == 0 && ferror(fp))
		ret = err_set(err, EIO, "%s: can't be read", path);
	(void)fclose(fp);
	return ret;
}

int ignore_add(struct ignore *ig, enum ignore_list list, const char *text, struct err *err)
{
	if (strncmp(text, "file:", 5) == 0)
		return add_file(ig, list, text + 5, err);
	return adders[list](ig, text, err);
}

void ignore_seal(struct ignore *ig)
{
	prefixset_seal(&ig->ips);
}

void ignore_fini(struct ignore *ig)
{
	prefixset_fini(&ig->ips);
	for (size_t i = 0; i < ig->n_users; i++)
		free(ig->user[i]);
	free(ig->user);
	free(ig->country);
	free(ig->asn);
}

bool ignore_has_address(const struct ignore *ig, const struct address *a, country_t country,
			uint32_t asn)
{
	if (prefixset_holds(&ig->ips, a))
		return true;
	for (size_t i = 0; i < ig->n_countries; i++)
		if (country && ig->country[i] == country)
			return true;
	for (size_t i = 0; i < ig->n_asns; i++)
		if (asn && ig->asn[i] == asn)
			return true;
	return false;
}

bool ignore_has_user(const struct ignore *ig, const char *user)
{
	for (size_t i = 0; i < ig->n_users; i++)
		if (fnmatch(ig->user[i], user, 0) == 0)
			return true;
	return false;
}
