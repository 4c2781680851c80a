#include "http/tls.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

enum { FILE_LIMIT = 1 << 20 };

struct tls {
    unsigned users;
    char *certificate, *key;
    gnutls_certificate_credentials_t credentials;
    int64_t begins, ends; /* seconds since 1970 */
};

/* Reading */

static gnutls_datum_t datum_of(char *text) {
    return (gnutls_datum_t){.data = (unsigned char *)text, .size = (unsigned)strlen(text)};
}

/* What GnuTLS says of a failure, without its full stop. */
static int refuse(const char *path, const char *what, int code) {
    const char *reason = gnutls_strerror(code);
    return fail(ERR_TLS, "%s: %s: %.*s", path, what, (int)strcspn(reason, "."), reason);
}

static int read_file(const char *path, char **ret) {
    size_t length;
    return file_read_path(path, FILE_LIMIT, ret, &length) ? fail(ERR_TLS, "%s", error_detail()) : 0;
}

/* The first certificate is the server's own. */
static int read_times(struct tls *tls, const char *path) {
    gnutls_x509_crt_t *list = NULL;
    unsigned count = 0;
    gnutls_datum_t text = datum_of(tls->certificate);
    int code = gnutls_x509_crt_list_import2(&list, &count, &text, GNUTLS_X509_FMT_PEM, 0);
    if (code < 0) {
        return refuse(path, "a certificate in PEM is expected", code);
    }
    tls->begins = gnutls_x509_crt_get_activation_time(list[0]);
    tls->ends = gnutls_x509_crt_get_expiration_time(list[0]);
    for (unsigned i = 0; i < count; i++) {
        gnutls_x509_crt_deinit(list[i]);
    }
    gnutls_free(list);
    return 0;
}

static int make_credentials(struct tls *tls, const char *certificate, const char *key) {
    gnutls_datum_t certificate_text = datum_of(tls->certificate), key_text = datum_of(tls->key);
    or_end(gnutls_certificate_allocate_credentials(&tls->credentials) == 0 ? tls : NULL);
    int code = gnutls_certificate_set_x509_key_mem2(tls->credentials, &certificate_text, &key_text, GNUTLS_X509_FMT_PEM,
                                                    NULL, 0);
    if (code == GNUTLS_E_CERTIFICATE_KEY_MISMATCH) {
        return fail(ERR_TLS, "%s: it is not the key of the certificate in %s", key, certificate);
    }
    return code < 0 ? refuse(key, "a private key in PEM, without a password, is expected", code) : 0;
}

int tls_load(const char *certificate, const char *key, struct tls **ret) {
    struct tls *tls cleanup(tls_drop) = alloc(1, sizeof(*tls));
    tls->users = 1;
    int result = read_file(certificate, &tls->certificate);
    result = result ? result : read_file(key, &tls->key);
    result = result ? result : read_times(tls, certificate);
    result = result ? result : make_credentials(tls, certificate, key);
    if (result == 0) {
        *ret = take(tls);
    }
    return result;
}

struct tls *tls_keep(struct tls *tls) {
    tls->users++;
    return tls;
}

void tls_drop(struct tls **tls_address) {
    struct tls *tls = take(*tls_address);
    if (!tls || --tls->users > 0) {
        return;
    }
    if (tls->credentials) {
        gnutls_certificate_free_credentials(tls->credentials);
    }
    if (tls->key) {
        explicit_bzero(tls->key, strlen(tls->key));
    }
    free(tls->certificate);
    free(tls->key);
    free(tls);
}

/* Using it */

char *tls_certificate(const struct tls *tls) { return tls->certificate; }
char *tls_key(const struct tls *tls) { return tls->key; }

char *tls_warning(const struct tls *tls, int64_t wall) {
    bool early = wall / 1000 < tls->begins;
    if (!early && wall / 1000 <= tls->ends) {
        return NULL;
    }
    char *moment cleanup(drop_memory) = clock_text((early ? tls->begins : tls->ends) * 1000);
    return format("the certificate %s %s: clients will refuse it", early ? "is not valid before" : "has expired at",
                  moment);
}

void tls_attach(struct tls *tls, void *session) {
    or_end(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, tls->credentials) == 0 ? tls : NULL);
}
