/* Certificates: their times, their files, who holds them. Made here by GnuTLS itself. */
#include <gnutls/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "http/tls.h"

#include <cmocka.h>

enum { BEGINS = 1000000000, ENDS = 1000001000 }; /* seconds since 1970 */

struct files {
    char certificate[64], key[64];
};

static void write_file(char path[64], const gnutls_datum_t *text) {
    memcpy(path, "/var/tmp/octavo-tls-XXXXXX", sizeof("/var/tmp/octavo-tls-XXXXXX"));
    int fd cleanup(drop_fd) = mkstemp(path);
    assert_int_equal(file_write(fd, text->data, text->size), 0);
    gnutls_free(text->data);
}

static int set_up(void **state) {
    struct files *files = alloc(1, sizeof(*files));
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t certificate;
    gnutls_datum_t text;
    gnutls_x509_privkey_init(&key);
    gnutls_x509_crt_init(&certificate);
    assert_int_equal(
        gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0), 0);
    gnutls_x509_crt_set_version(certificate, 3);
    gnutls_x509_crt_set_serial(certificate, "\1", 1);
    gnutls_x509_crt_set_activation_time(certificate, BEGINS);
    gnutls_x509_crt_set_expiration_time(certificate, ENDS);
    gnutls_x509_crt_set_key(certificate, key);
    assert_int_equal(gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0), 0);
    gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &text);
    write_file(files->certificate, &text);
    gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &text);
    write_file(files->key, &text);
    gnutls_x509_crt_deinit(certificate);
    gnutls_x509_privkey_deinit(key);
    *state = files;
    return 0;
}

static int tear_down(void **state) {
    struct files *files = *state;
    unlink(files->certificate);
    unlink(files->key);
    free(files);
    return 0;
}

static void warnings_follow_the_clock(void **state) {
    const struct files *files = *state;
    struct tls *tls cleanup(tls_drop) = NULL;
    assert_int_equal(tls_load(files->certificate, files->key, &tls), 0);
    char *early cleanup(drop_memory) = tls_warning(tls, BEGINS * INT64_C(1000) - 1),
                *late cleanup(drop_memory) = tls_warning(tls, (ENDS + 1) * INT64_C(1000));
    assert_string_equal(early, "the certificate is not valid before 2001-09-09T01:46:40.000Z: clients will refuse it");
    assert_string_equal(late, "the certificate has expired at 2001-09-09T02:03:20.000Z: clients will refuse it");
    assert_null(tls_warning(tls, BEGINS * INT64_C(1000)));
    assert_null(tls_warning(tls, ENDS * INT64_C(1000)));
}

static void who_keeps_it_still_has_it(void **state) {
    const struct files *files = *state;
    struct tls *tls = NULL, *kept;
    assert_int_equal(tls_load(files->certificate, files->key, &tls), 0);
    kept = tls_keep(tls);
    tls_drop(&tls);
    assert_null(tls);
    assert_non_null(strstr(tls_certificate(kept), "BEGIN CERTIFICATE"));
    assert_non_null(strstr(tls_key(kept), "PRIVATE KEY"));
    tls_drop(&kept);
    tls_drop(&kept);
}

static void files_in_each_others_place_are_refused(void **state) {
    const struct files *files = *state;
    struct tls *tls = NULL;
    assert_int_equal(tls_load(files->key, files->key, &tls), ERR_TLS);
    assert_non_null(strstr(error_detail(), "a certificate in PEM is expected"));
    assert_int_equal(tls_load(files->certificate, files->certificate, &tls), ERR_TLS);
    assert_non_null(strstr(error_detail(), "a private key in PEM"));
    assert_int_equal(tls_load("/dev/null", files->key, &tls), ERR_TLS);
    assert_int_equal(tls_load("/dev/zero", files->key, &tls), ERR_TLS);
    assert_non_null(strstr(error_detail(), "/dev/zero: more than"));
    assert_null(tls);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(warnings_follow_the_clock, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_keeps_it_still_has_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_in_each_others_place_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
