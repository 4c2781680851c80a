/*
 * A certificate and its key, for TLS (over GnuTLS, whose only home is tls.c). Counted: a connection keeps the one that
 * it began with, so that another one can be taken while the server runs. One thread.
 */
#ifndef OCTAVO_HTTP_TLS_H
#define OCTAVO_HTTP_TLS_H

#include <stdint.h>

struct tls;

/* What is spoken: TLS 1.3 and 1.2, the latter with forward secrecy only; in the words of GnuTLS. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA"

/*
 * Reads two files in PEM: the certificate, with those behind it that lead to a known authority, and its key, without a
 * password. The caller drops *ret. ERR_TLS, with the file and what is wrong with it.
 */
int tls_load(const char *certificate, const char *key, struct tls **ret);

struct tls *tls_keep(struct tls *tls);
void tls_drop(struct tls **tls_address);

/* The texts of both files; borrowed. */
char *tls_certificate(const struct tls *tls);
char *tls_key(const struct tls *tls);

/* Why clients will refuse it at this moment (milliseconds since 1970), as far as time is concerned: NULL if they will
 * not. The caller frees it. */
char *tls_warning(const struct tls *tls, int64_t wall);

/* Gives it to a session of GnuTLS (gnutls_session_t) that has not begun and ends before tls does. */
void tls_attach(struct tls *tls, void *session);

#endif
