/*
 * smtpd_key - gives OpenSMTPD 6.8 the private key that it can't use itself
 *
 * It keeps the key in a process of its own, and gives TLS one that looks like it and asks there. OpenSSL
 * 3 copies keys and loses what makes that one ask, so with Debian 12's package no handshake ever
 * succeeds. Loaded before the program (LD_PRELOAD), this puts the real key in its place: from the
 * file $SMTPD_KEY, read while the process is still root and not yet shut into an empty folder.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

struct evp_pkey_st;
struct ssl_ctx_st;

/* OpenSSL's, which the program has loaded: so its headers are not needed to build this. */
struct evp_pkey_st *PEM_read_PrivateKey(FILE *file, struct evp_pkey_st **out, void *ask, void *ctx);
__attribute__((visibility("default"))) int SSL_CTX_use_PrivateKey(struct ssl_ctx_st *ctx,
								  struct evp_pkey_st *pkey);

static struct evp_pkey_st *key;

__attribute__((constructor)) static void read_key(void)
{
	const char *path = getenv("SMTPD_KEY");
	FILE *file = path ? fopen(path, "re") : NULL;

	if (!file)
		return;
	key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	(void)fclose(file);
}

/* In the place of OpenSSL's own (SSL_CTX_use_certificate(3)). */
int SSL_CTX_use_PrivateKey(struct ssl_ctx_st *ctx, struct evp_pkey_st *pkey)
{
	int (*use)(struct ssl_ctx_st *, struct evp_pkey_st *);

	*(void **)&use = dlsym(RTLD_NEXT, "SSL_CTX_use_PrivateKey");
	return use(ctx, key ? key : pkey);
}
