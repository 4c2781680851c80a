/* Which addresses anybody can reach. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "http/address.h"

#include <cmocka.h>

static bool is_public(const char *text) {
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &four.sin_addr) == 1) {
        return address_is_public((struct sockaddr *)&four);
    }
    assert_int_equal(inet_pton(AF_INET6, text, &six.sin6_addr), 1);
    return address_is_public((struct sockaddr *)&six);
}

static void only_public_addresses_are(void **state) {
    (void)state;
    static const char *const reachable[] = {"8.8.8.8",        "1.0.0.0",     "9.255.255.255",   "11.0.0.0",
                                            "100.63.255.255", "100.128.0.0", "126.0.0.1",       "128.0.0.1",
                                            "172.15.0.1",     "172.32.0.1",  "192.167.255.255", "192.169.0.1",
                                            "198.17.0.1",     "198.20.0.1",  "223.255.255.255", "2600::1",
                                            "2a00::1",        "2001:200::1", "3ffe::1",         "2003::1"};
    static const char *const others[] = {
        "0.0.0.0",     "0.1.2.3",     "10.0.0.1",       "10.255.255.255",   "100.64.0.1",      "100.127.255.255",
        "127.0.0.1",   "127.255.0.1", "169.254.0.1",    "172.16.0.1",       "172.31.255.255",  "192.0.0.8",
        "192.0.2.1",   "192.88.99.1", "192.168.0.1",    "198.18.0.1",       "198.19.255.1",    "198.51.100.1",
        "203.0.113.1", "224.0.0.1",   "239.1.1.1",      "240.0.0.1",        "255.255.255.255", "::",
        "::1",         "::8.8.8.8",   "::ffff:8.8.8.8", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "100::1",
        "2001::1",     "2001:1ff::1", "2001:db8::1",    "2002:7f00:1::",    "3fff::1",         "3fff:fff::1",
        "fc00::1",     "fd00::1",     "fe80::1",        "fec0::1",          "ff02::1"};
    for (size_t i = 0; i < array_length(reachable); i++) {
        assert_true(is_public(reachable[i]) && address_host_is_public(reachable[i]));
    }
    for (size_t i = 0; i < array_length(others); i++) {
        assert_false(is_public(others[i]) || address_host_is_public(others[i]));
    }
    const struct sockaddr file = {.sa_family = AF_UNIX};
    assert_false(address_is_public(&file));
}

static void names_are_judged_when_they_are_known(void **state) {
    (void)state;
    static const char *const names[] = {
        "example.org", "localhost.example.org", "notlocalhost", "localhost2", "a", "", "."};
    static const char *const own[] = {"localhost", "LocalHost.", "a.localhost", "a.b.localhost."};
    for (size_t i = 0; i < array_length(names); i++) {
        assert_true(address_host_is_public(names[i]));
    }
    for (size_t i = 0; i < array_length(own); i++) {
        assert_false(address_host_is_public(own[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_public_addresses_are),
        cmocka_unit_test(names_are_judged_when_they_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
