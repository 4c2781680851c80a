/* Posts against a real socket on the other side: what is taken, what is not, what is never sent. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "http/posts.h"
#include "stranger.h"

#include <cmocka.h>

#define SECOND INT64_C(1000000000)

struct told {
    int count;
    char *trouble; /* "": none */
    struct buffer got;
    size_t limit; /* of what is taken */
};

static void over(void *context, void *owner, const char *trouble) {
    struct told *told = context;
    assert_ptr_equal(owner, told);
    told->count++;
    free(told->trouble);
    told->trouble = copy_string(trouble ? trouble : "");
}

static void begin(struct posts *posts, struct told *told, const char *url, bool private_too) {
    struct buffer body = {0};
    buffer_add_string(&body, "{\"a\":1}");
    const char *const headers[] = {"Odd: yes", NULL};
    const struct post post = {
        .url = url, .headers = headers, .body = &body, .seconds = 2, .private_too = private_too, .owner = told};
    posts_begin(posts, &post);
    assert_null(body.data);
}

/* As the owner's loop does, until one is over. */
static void wait_for_end(struct posts *posts, const struct told *told) {
    int64_t give_up = clock_now() + 20 * SECOND;
    while (told->count == 0 && clock_now() < give_up) {
        int64_t wait = (posts_until(posts) - clock_now()) / 1000000;
        struct pollfd polled = {.fd = posts_descriptor(posts), .events = POLLIN};
        poll(&polled, 1, wait < 0 ? 0 : wait > 1000 ? 1000 : (int)wait + 1);
        posts_take(posts, clock_now());
    }
    assert_int_equal(told->count, 1);
}

static void post(const char *url, bool private_too, const char *expected) {
    struct told told = {0};
    struct posts *posts cleanup(posts_drop) = NULL;
    assert_int_equal(posts_open(over, &told, &posts), 0);
    begin(posts, &told, url, private_too);
    wait_for_end(posts, &told);
    if (!strstr(told.trouble, expected) || (!*expected && *told.trouble)) {
        fail_msg("%s: \"%s\", expected \"%s\"", url, told.trouble, expected);
    }
    free(told.trouble);
}

static void the_status_decides(void **state) {
    (void)state;
    static char flood[200000] = "HTTP/1.1 200 OK\r\n\r\n";
    memset(flood + 19, 'x', sizeof(flood) - 20);
    static char heads[200000] = "HTTP/1.1 200 OK\r\n";
    for (size_t at = 17; at + 9 < sizeof(heads); at += 8) {
        memcpy(heads + at, "a: bcd\r\n", 9);
    }
    const struct {
        const char *answer, *trouble;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", ""},
        {"HTTP/1.1 204 No Content\r\n\r\n", ""},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", ""}, /* the rest does not matter */
        {flood, ""},
        {heads, ""},
        {"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "HTTP status 301"},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "HTTP status 404"},
        {"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "HTTP status 500"},
        {"SSH-2.0-OpenSSH\r\n", "HTTP/0.9"},
        {"", "Empty reply"},
        {NULL, "timed out"},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        struct stranger stranger = {.answer = cases[i].answer, .length = cases[i].answer ? strlen(cases[i].answer) : 0};
        char *url cleanup(drop_memory) = NULL;
        stranger_open(&stranger, &url);
        post(url, true, cases[i].trouble);
        stranger_close(&stranger);
        assert_memory_equal(stranger.asked, "POST / HTTP/1.1\r\n", 17);
        assert_non_null(strstr(stranger.asked, "\r\nOdd: yes\r\n"));
        assert_non_null(strstr(stranger.asked, "\r\nContent-Type: application/json\r\n"));
    }
}

static void nothing_is_sent_to_what_is_not_public(void **state) {
    (void)state;
    char *url cleanup(drop_memory) = NULL;
    struct stranger stranger = {.answer = "HTTP/1.1 200 OK\r\n\r\n", .length = 19};
    stranger_open(&stranger, &url);
    char *by_name cleanup(drop_memory) = format("http://localhost:%s", strrchr(url, ':') + 1);
    setenv("http_proxy", url, 1); /* nor by a proxy, which would know no better */
    post(url, false, "its address is not public");
    post(by_name, false, "its address is not public");
    post("http://no-such-host.invalid/", false, "resolve host");
    post("ftp://127.0.0.1/", true, "ftp");
    unsetenv("http_proxy");
    stranger_close(&stranger);
    assert_string_equal(stranger.asked, "");
}

static int take_some(void *context, void *owner, const char *bytes, size_t length) {
    struct told *told = context;
    assert_ptr_equal(owner, told);
    buffer_add(&told->got, bytes, length);
    return told->got.length > told->limit ? -1 : 0;
}

static void begin_fetch(struct posts *posts, struct told *told, const char *url, bool private_too) {
    const struct post post = {
        .url = url, .receive = take_some, .seconds = 2, .private_too = private_too, .owner = told};
    posts_begin(posts, &post);
}

static void what_comes_is_taken_or_told(void **state) {
    (void)state;
    const struct {
        const char *answer, *trouble, *got;
        size_t limit;
        bool private_too;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "", "ok", 2, true},
        {"HTTP/1.1 200 OK\r\n\r\nall until it ends", "", "all until it ends", 99, true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "", "ok", 1, true}, /* the owner knows why */
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "bytes remaining", "ok", 99, true},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", "HTTP status 404", "", 99, true},
        {"HTTP/1.1 302 Found\r\nLocation: ftp://127.0.0.1/\r\nContent-Length: 2\r\n\r\nno", "", "", 99, true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "is not public", "", 99, false},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        struct stranger stranger = {.answer = cases[i].answer, .length = strlen(cases[i].answer)};
        struct told told = {.limit = cases[i].limit};
        struct posts *posts cleanup(posts_drop) = NULL;
        char *url cleanup(drop_memory) = NULL;
        stranger_open(&stranger, &url);
        assert_int_equal(posts_open(over, &told, &posts), 0);
        begin_fetch(posts, &told, url, cases[i].private_too);
        wait_for_end(posts, &told);
        assert_string_equal(told.got.data ? told.got.data : "", cases[i].got);
        bool sound = i < 2; /* all others have some trouble */
        if (!strstr(told.trouble, cases[i].trouble) || sound != !*told.trouble) {
            fail_msg("%zu: \"%s\", expected \"%s\"", i, told.trouble, cases[i].trouble);
        }
        stranger_close(&stranger);
        assert_memory_equal(stranger.asked, "GET / HTTP/1.1\r\n", cases[i].private_too ? 16 : 0);
        free(told.trouble);
        buffer_done(&told.got);
    }
}

static void one_can_be_left_and_others_go_on(void **state) {
    (void)state;
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    struct told told = {.limit = 9};
    struct posts *posts cleanup(posts_drop) = NULL;
    struct stranger silent = {0}, stranger = {.answer = answer, .length = strlen(answer)};
    char *nowhere cleanup(drop_memory) = NULL, *url cleanup(drop_memory) = NULL;
    int other;
    stranger_open(&silent, &nowhere);
    stranger_open(&stranger, &url);
    assert_int_equal(posts_open(over, &told, &posts), 0);
    const struct post left = {.url = nowhere, .receive = take_some, .seconds = 2, .private_too = true, .owner = &other};
    begin_fetch(posts, &told, url, true);
    posts_begin(posts, &left);
    posts_leave(posts, &other);
    wait_for_end(posts, &told);
    assert_string_equal(told.trouble, "");
    stranger_close(&silent);
    stranger_close(&stranger);
    free(told.trouble);
    buffer_done(&told.got);
}

static void what_is_on_its_way_can_be_left(void **state) {
    (void)state;
    struct told told = {0};
    struct posts *posts cleanup(posts_drop) = NULL;
    struct stranger stranger = {0};
    char *url cleanup(drop_memory) = NULL;
    stranger_open(&stranger, &url);
    assert_int_equal(posts_open(over, &told, &posts), 0);
    begin(posts, &told, url, true);
    begin(posts, &told, "http://no-such-host.invalid/", true);
    posts_take(posts, clock_now());
    posts_drop(&posts);
    assert_int_equal(told.count, 0);
    stranger_close(&stranger);
}

static void urls_are_checked(void **state) {
    (void)state;
    static const struct {
        const char *url, *complaint; /* NULL: it is taken */
        bool private_too;
    } cases[] = {
        {"http://example.org", NULL, false},
        {"HTTPS://example.org:8443/a?b=c", NULL, false},
        {"http://[2600::1]/", NULL, false},
        {"http://127.0.0.1/", NULL, true},
        {"http://localhost/", NULL, true},
        {"http://127.0.0.1/", "not public", false},
        {"http://0177.0.0.1/", "not public", false},
        {"http://[::1]:80/", "not public", false},
        {"http://[fe80::1%25eth0]/", "not public", false},
        {"http://localhost", "not public", false},
        {"http://a@example.org/", "user and password", true},
        {"http://a:b@example.org/", "user and password", true},
        {"http://:b@example.org/", "user and password", true},
        {"", "is expected", true},
        {"/told", "is expected", true},
        {"//example.org/", "is expected", true},
        {"javascript:alert(1)", "is expected", true},
        {"unix:/run/x.sock", "is expected", true},
        {"http://exa mple.org/", "is expected", true},
        {"http://example.org:99999/", "is expected", true},
        {"http://[2600::1", "is expected", true},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        int result = posts_check(cases[i].url, cases[i].private_too);
        if (result != (cases[i].complaint ? ERR_BAD_REQUEST : 0) ||
            (cases[i].complaint && !strstr(error_detail(), cases[i].complaint))) {
            fail_msg("%s: %d %s", cases[i].url, result, error_detail());
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_status_decides),
        cmocka_unit_test(nothing_is_sent_to_what_is_not_public),
        cmocka_unit_test(what_comes_is_taken_or_told),
        cmocka_unit_test(one_can_be_left_and_others_go_on),
        cmocka_unit_test(what_is_on_its_way_can_be_left),
        cmocka_unit_test(urls_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
