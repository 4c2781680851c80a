/* HTTP without a network: routes, escapes, ids, problems, addresses, formats; and the whole of it over a socket. */
#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/inside.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "http/address.h"
#include "http/problem.h"
#include "http/request_id.h"
#include "http/route.h"

#include <cmocka.h>

#define SECOND INT64_C(1000000000)

/* Routes */

static void none(void *context, struct http_request *request) { (void)context, (void)request; }

static void routes_are_found_piece_by_piece(void **state) {
    (void)state;
    static const struct http_route routes[] = {{.method = "GET", .path = "/a", .answer = none},
                                               {.method = "GET", .path = "/a/{id}", .answer = none},
                                               {.method = "POST", .path = "/a/{id}", .answer = none},
                                               {.method = "GET", .path = "/a/{id}/b/{n}", .answer = none},
                                               {0}};
    static const struct {
        const char *method, *path;
        int route, error; /* -1: none */
        const char *first, *second;
    } cases[] = {
        {"GET", "/a", 0, 0, NULL, NULL},
        {"GET", "/a/x", 1, 0, "x", NULL},
        {"POST", "/a/x y", 2, 0, "x y", NULL},
        {"GET", "/a/x/b/7", 3, 0, "x", "7"},
        {"GET", "/a/", -1, ERR_NOT_FOUND, 0, 0},
        {"GET", "/a//b/7", -1, ERR_NOT_FOUND, 0, 0},
        {"GET", "/", -1, ERR_NOT_FOUND, 0, 0},
        {"GET", "", -1, ERR_NOT_FOUND, 0, 0},
        {"GET", "/ab", -1, ERR_NOT_FOUND, 0, 0},
        {"GET", "/a/x/", -1, ERR_NOT_FOUND, 0, 0},
        {"GET", "/a/x/b", -1, ERR_NOT_FOUND, 0, 0},
        {"PUT", "/a", -1, ERR_METHOD, 0, 0},
        {"DELETE", "/a/x", -1, ERR_METHOD, 0, 0},
        {"get", "/a", -1, ERR_METHOD, 0, 0},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        struct buffer allowed cleanup(buffer_done) = {0};
        char *arguments[HTTP_ARGUMENTS] = {NULL};
        int error = 0;
        const struct http_route *route =
            route_find(routes, cases[i].method, cases[i].path, arguments, &allowed, &error);
        assert_ptr_equal(route, cases[i].route < 0 ? NULL : &routes[cases[i].route]);
        assert_int_equal(error, cases[i].error);
        for (int k = 0; k < HTTP_ARGUMENTS; k++) {
            const char *expected = k == 0 ? cases[i].first : cases[i].second;
            assert_true(expected ? strcmp(arguments[k], expected) == 0 : arguments[k] == NULL);
            free(arguments[k]);
        }
        if (error == ERR_METHOD) {
            assert_string_equal(allowed.data, strcmp(cases[i].path, "/a") == 0 ? "GET" : "GET, POST");
        }
    }
}

static void lists_have_whole_words(void **state) {
    (void)state;
    assert_true(route_list_has("state,limit", "state"));
    assert_true(route_list_has("state,limit", "limit"));
    assert_false(route_list_has("state,limit", "stat"));
    assert_false(route_list_has("state,limit", "lim"));
    assert_false(route_list_has("state,limit", ""));
    assert_false(route_list_has("", "a"));
}

static void escapes_are_decoded_and_nothing_is_cut(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"a%20b", "a b"}, {"%2e%2E/", "../"}, {"%41", "A"},           {"%", "%"}, {"%4", "%4"},   {"%zz", "%zz"},
        {"%4%41", "%4A"}, {"a%00b", "a\1b"},  {"%c3%bc", "\xc3\xbc"}, {"", ""},   {"%%41", "%A"}, {"100%25", "100%"},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        char *text cleanup(drop_memory) = copy_string(cases[i][0]);
        assert_int_equal(route_unescape(text), strlen(cases[i][1]));
        assert_string_equal(text, cases[i][1]);
    }
}

static void ids_of_clients_are_kept_if_they_can_be_shown(void **state) {
    (void)state;
    char id[HTTP_ID_BYTES], other[HTTP_ID_BYTES], longest[HTTP_ID_BYTES + 1];
    request_id_choose("Abc-1._z", id);
    assert_string_equal(id, "Abc-1._z");
    memset(longest, 'x', HTTP_ID_BYTES - 1);
    longest[HTTP_ID_BYTES - 1] = '\0';
    request_id_choose(longest, id);
    assert_string_equal(id, longest);
    memset(longest, 'x', HTTP_ID_BYTES);
    longest[HTTP_ID_BYTES] = '\0';
    const char *const odd[] = {NULL, "", "a b", "a\n", "\xc3\xbc", longest};
    for (size_t i = 0; i < array_length(odd); i++) {
        request_id_choose(odd[i], id);
        request_id_choose(odd[i], other);
        assert_int_equal(strlen(id), 16);
        assert_string_not_equal(id, other);
    }
}

static void problems_tell_all(void **state) {
    (void)state;
    struct json *problem cleanup(json_drop) = problem_to_json(ERR_QUEUE_FULL, NULL, "id");
    assert_string_equal(json_string(problem, "type"), "urn:octavo:error:queue_full");
    assert_int_equal(json_int(problem, "status", 0), 429);
    assert_string_equal(json_string(problem, "detail"), "");
    assert_string_equal(json_string(problem, "request_id"), "id");
}

/* Formats */

static void problems_are_read_again(void **state) {
    (void)state;
    struct json *problem cleanup(json_drop) = problem_to_json(ERR_QUEUE_FULL, "why", "id"),
                         *again cleanup(json_drop) = NULL;
    char *text cleanup(drop_memory) = json_text(problem, false);
    assert_int_equal(problem_read(text, strlen(text), &again), ERR_QUEUE_FULL);
    assert_string_equal(error_detail(), "why");
    assert_string_equal(json_string(again, "request_id"), "id");
    static const char unknown[] = "{\"code\":\"of_later\"}", none[] = "<html>";
    json_drop(&again);
    assert_int_equal(problem_read(unknown, strlen(unknown), &again), ERR_REFUSED);
    json_drop(&again);
    assert_int_equal(problem_read(none, strlen(none), &again), 0);
    assert_null(again);
}

static void addresses_are_joined(void **state) {
    (void)state;
    static const char *const cases[][4] = {{"", "/v1/tasks", NULL, "/v1/tasks"},
                                           {"/", "/v1/tasks", NULL, "/v1/tasks"},
                                           {"/a//", "/v1/tasks/{id}", "b-1.2_~", "/a/v1/tasks/b-1.2_~"},
                                           {"/a", "/{id}/c", "/?\xFF {", "/a/%2F%3F%FF%20%7B/c"}};
    for (size_t i = 0; i < array_length(cases); i++) {
        char *joined cleanup(drop_memory) = route_join(cases[i][0], cases[i][1], cases[i][2]);
        assert_string_equal(joined, cases[i][3]);
    }
}

static void the_best_accepted_type_is_chosen(void **state) {
    (void)state;
    static const char *const types[] = {"text/plain; charset=utf-8", "application/json", NULL};
    static const struct {
        const char *accept;
        int type;
    } cases[] = {
        {"*/*", 1},
        {"text/plain", 0},
        {"TEXT/PLAIN", 0},
        {"text/*", 0},
        {"application/*", 1},
        {"application/json;q=0.5, text/plain;q=0.4", 1},
        {"application/json; q=0.4, text/plain; q=0.5", 0},
        {"text/html,application/xhtml+xml,*/*;q=0.8", 1},
        {"image/png", -1},
        {"text/plain;q=0", -1},
        {"text", -1},
        {",, ,", -1},
        {"text/plainer", -1},
        {"text/plain;q=", -1},
        {"*/*;q=nonsense", -1},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        assert_int_equal(api_choose_type(cases[i].accept, types), cases[i].type);
    }
}

/* Addresses */

static void only_this_machine_is_listened_on(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int error;
    } cases[] = {
        {"127.0.0.1:0", 0},
        {"127.1.2.3:0", 0},
        {"localhost:0", 0},
        {"0.0.0.0:0", ERR_LISTEN},
        {"[::]:0", ERR_LISTEN},
        {"1.1.1.1:0", ERR_LISTEN},
        {"", ERR_USAGE},
        {":", ERR_USAGE},
        {":80", ERR_USAGE},
        {"127.0.0.1", ERR_USAGE},
        {"127.0.0.1:", ERR_USAGE},
        {"127.0.0.1:-1", ERR_USAGE},
        {"127.0.0.1:1x", ERR_USAGE},
        {"127.0.0.1:70000", ERR_USAGE},
        {"127.0.0.1:000000", ERR_USAGE},
        {"[]:80", ERR_LISTEN},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        int fd cleanup(drop_fd) = -1;
        char *address cleanup(drop_memory) = NULL;
        assert_int_equal(address_listen(cases[i].text, false, &fd, &address), cases[i].error);
        assert_true((fd >= 0) == (cases[i].error == 0));
        assert_true(cases[i].error || strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]:", 6) == 0);
    }
}

/* Over a socket: a route that takes a body and answers with what it got, one that waits */

enum { LIMIT = 1000 };

struct fixture {
    struct http *http;
    int port;
    struct buffer got;
    int begun, ended;
    struct http_request *waiting;
    int refuse; /* what part() answers */
};

static void begin(void *context, struct http_request *request) {
    struct fixture *fixture = context;
    (void)request;
    fixture->begun++;
}

static int part(void *context, struct http_request *request, const struct http_part *piece) {
    struct fixture *fixture = context;
    (void)request;
    if (piece->offset == 0) {
        buffer_add_format(&fixture->got, "[%s %s]", piece->name, piece->file_name ? piece->file_name : "-");
    }
    buffer_add(&fixture->got, piece->bytes, piece->length);
    return fixture->refuse;
}

static void answer(void *context, struct http_request *request) {
    struct fixture *fixture = context;
    struct buffer body = {0};
    buffer_add_string(&body, fixture->got.data ? fixture->got.data : "nothing");
    http_answer(request, 200, "text/plain", &body);
}

static void end(void *context, struct http_request *request) {
    struct fixture *fixture = context;
    fixture->ended++;
    fixture->waiting = fixture->waiting == request ? NULL : fixture->waiting;
}

static void answer_late(void *context, struct http_request *request) {
    struct fixture *fixture = context;
    if (fixture->waiting == request) {
        struct buffer body = {0};
        buffer_add_string(&body, http_has_waited(request) ? "late" : "woken");
        http_answer(request, 200, "text/plain", &body);
        return;
    }
    fixture->waiting = request;
    http_wait(request, clock_now() + (http_query(request, "short") ? SECOND / 20 : 60 * SECOND));
}

static enum http_next three(void *context, struct buffer *to) {
    int *left = context;
    buffer_add_format(to, "%d ", *left);
    return (*left)-- > 1 ? HTTP_MORE : *left == 0 ? HTTP_CUT : HTTP_END;
}

static void no_end(void *context) { (void)context; }

static void answer_cut(void *context, struct http_request *request) {
    (void)context;
    static int left;
    left = 3;
    const struct http_stream stream = {.next = three, .end = no_end, .context = &left};
    http_answer_stream(request, 200, "text/plain", &stream);
}

static const struct http_route routes[] = {
    {.method = "POST",
     .path = "/body",
     .query = "a",
     .takes_body = true,
     .begin = begin,
     .part = part,
     .answer = answer,
     .end = end},
    {.method = "GET", .path = "/wait", .query = "short", .answer = answer_late, .end = end},
    {.method = "GET", .path = "/cut", .query = "", .answer = answer_cut},
    {0}};

static int64_t retry_after(void *context) {
    (void)context;
    return 7;
}

static int set_up(void **state) {
    struct fixture *fixture = alloc(1, sizeof(*fixture));
    struct http_options options = {.routes = routes,
                                   .body_limit = LIMIT,
                                   .connections = 8,
                                   .send_seconds = 1,
                                   .context = fixture,
                                   .retry_after = retry_after};
    char *address cleanup(drop_memory) = NULL;
    *state = fixture;
    if (address_listen("127.0.0.1:0", false, &options.socket, &address) != 0) {
        return -1;
    }
    fixture->port = (int)strtol(strrchr(address, ':') + 1, NULL, 10);
    return http_open(&options, &fixture->http);
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    http_drop(&fixture->http);
    buffer_done(&fixture->got);
    free(fixture);
    return 0;
}

static int dial(struct fixture *fixture) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)fixture->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void turn(struct fixture *fixture, int milliseconds) {
    struct pollfd polled[HTTP_POLLED(8)];
    size_t count = http_poll(fixture->http, polled);
    poll(polled, count, milliseconds);
    http_take(fixture->http, polled, count, clock_now());
}

/* Turns the loop until the client has the whole answer (its connection ends), or for so many milliseconds. */
static char *receive(struct fixture *fixture, int fd, int milliseconds) {
    struct buffer text = {0};
    int64_t until = clock_now() + milliseconds * (SECOND / 1000);
    for (;;) {
        char bytes[4096];
        ssize_t got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (got == 0 || clock_now() >= until) {
            break;
        }
        buffer_add(&text, bytes, got > 0 ? (size_t)got : 0);
        turn(fixture, 5);
    }
    return buffer_take(&text);
}

static char *ask(struct fixture *fixture, const char *text) {
    int fd cleanup(drop_fd) = dial(fixture);
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    return receive(fixture, fd, 3000);
}

#define HEAD(path, more) "POST " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" more "\r\n"
#define FORM "Content-Type: multipart/form-data; boundary=BOUND\r\n"

static void bodies_are_given_piece_by_piece(void **state) {
    struct fixture *fixture = *state;
    char *raw cleanup(drop_memory) = ask(fixture, HEAD("/body", "Content-Length: 3\r\n") "abc");
    assert_non_null(strstr(raw, "200 OK"));
    assert_non_null(strstr(raw, "\r\n\r\n[file -]abc"));
    buffer_done(&fixture->got);
    const char parts[] = "--BOUND\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a b\"\r\n\r\none\r\n"
                         "--BOUND\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\ny\r\n--BOUND--\r\n";
    char *text cleanup(drop_memory) = format(HEAD("/body", FORM "Content-Length: %zu\r\n") "%s", strlen(parts), parts);
    char *form cleanup(drop_memory) = ask(fixture, text);
    assert_non_null(strstr(form, "[file a b]one[x -]y"));
    assert_int_equal(fixture->begun, 2);
    assert_int_equal(fixture->ended, 2);
}

static void what_is_wrong_with_a_body_is_told(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *text, *answer;
        int refuse;
    } cases[] = {
        {HEAD("/body", "Content-Length: 1001\r\nExpect: 100-continue\r\n"), "body_too_large", 0},
        {HEAD("/body", "Content-Length: 99999999999\r\n"), "body_too_large", 0},
        {HEAD("/wait", "Content-Length: 99999999999\r\n"), "method_not_allowed", 0},
        {HEAD("/body", "Transfer-Encoding: chunked\r\n"), "length_required", 0},
        {HEAD("/body", FORM "Content-Length: 3\r\n") "abc", "nothing", 0}, /* what stands before the first part */
        {HEAD("/body", FORM "Content-Length: 11\r\n") "--BOUND--\r\n", "nothing", 0},
        {HEAD("/body", FORM "Content-Length: 9\r\n") "--BOUND\r\n", "bad_request", 0},
        {HEAD("/body", "Content-Type: multipart/form-data\r\nContent-Length: 1\r\n") "a", "media_type", 0},
        {HEAD("/body", "Content-Type: multipart/related; boundary=BOUND\r\nContent-Length: 1\r\n") "a", "media_type",
         0},
        {HEAD("/body?b=1", "Content-Length: 1\r\n") "a", "there is no parameter", 0},
        {HEAD("/body", "Content-Length: 1\r\n") "a", "disk_full", ERR_DISK_FULL},
        {HEAD("/body", "Content-Length: 1\r\n") "a", "Retry-After: 7", ERR_STORE_BUSY},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        fixture->refuse = cases[i].refuse;
        buffer_done(&fixture->got);
        char *told cleanup(drop_memory) = ask(fixture, cases[i].text);
        if (!strstr(told, cases[i].answer)) {
            fail_msg("case %zu: %s", i, told);
        }
    }
    struct http_counts counts;
    http_read_counts(fixture->http, &counts);
    assert_int_equal(counts.uploads, 0);
    assert_int_equal(counts.connections, 0);
}

static void who_waits_is_woken_or_told_when_it_is_late(void **state) {
    struct fixture *fixture = *state;
    int fd cleanup(drop_fd) = dial(fixture);
    const char text[] = "GET /wait HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    char *nothing cleanup(drop_memory) = receive(fixture, fd, 200);
    assert_string_equal(nothing, "");
    assert_non_null(fixture->waiting);
    http_wake(fixture->waiting);
    char *woken cleanup(drop_memory) = receive(fixture, fd, 3000);
    assert_non_null(strstr(woken, "woken"));
    char *late cleanup(drop_memory) =
        ask(fixture, "GET /wait?short=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_non_null(strstr(late, "late"));
}

static void who_goes_away_while_waiting_is_noticed(void **state) {
    struct fixture *fixture = *state;
    int fd = dial(fixture);
    const char text[] = "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    char *nothing cleanup(drop_memory) = receive(fixture, fd, 100);
    assert_non_null(fixture->waiting);
    close(fd);
    for (int i = 0; i < 20 && fixture->ended == 0; i++) {
        turn(fixture, 50);
    }
    assert_int_equal(fixture->ended, 1);
}

static void who_sends_too_slowly_is_cut(void **state) {
    struct fixture *fixture = *state;
    static const char *const texts[] = {"", "GET /wait HT", HEAD("/body", "Content-Length: 900\r\n") "abc"};
    for (size_t i = 0; i < array_length(texts); i++) {
        int fd cleanup(drop_fd) = dial(fixture);
        assert_int_equal(send(fd, texts[i], strlen(texts[i]), MSG_NOSIGNAL), (ssize_t)strlen(texts[i]));
        int64_t begun = clock_now();
        char *told cleanup(drop_memory) = receive(fixture, fd, 5000);
        assert_true(clock_now() - begun < 3 * SECOND);
        assert_null(strstr(told, "200"));
    }
    struct http_counts counts;
    http_read_counts(fixture->http, &counts);
    assert_int_equal(counts.cut, 3);
    assert_int_equal(fixture->ended, 1); /* the one that had begun */
}

static void a_stream_that_fails_is_seen_to_be_cut(void **state) {
    struct fixture *fixture = *state;
    char *told cleanup(drop_memory) = ask(fixture, "GET /cut HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_non_null(strstr(told, "chunked"));
    assert_null(strstr(told, "\r\n0\r\n")); /* the end of what is whole */
}

static void closing_ends_who_waits(void **state) {
    struct fixture *fixture = *state;
    int fd cleanup(drop_fd) = dial(fixture);
    const char text[] = "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    char *nothing cleanup(drop_memory) = receive(fixture, fd, 100);
    http_quiesce(fixture->http);
    http_drop(&fixture->http);
    assert_int_equal(fixture->ended, 1);
    assert_null(fixture->http);
}

int main(void) {
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_are_found_piece_by_piece),
        cmocka_unit_test(lists_have_whole_words),
        cmocka_unit_test(escapes_are_decoded_and_nothing_is_cut),
        cmocka_unit_test(ids_of_clients_are_kept_if_they_can_be_shown),
        cmocka_unit_test(problems_tell_all),
        cmocka_unit_test(problems_are_read_again),
        cmocka_unit_test(addresses_are_joined),
        cmocka_unit_test(the_best_accepted_type_is_chosen),
        cmocka_unit_test(only_this_machine_is_listened_on),
        TEST(bodies_are_given_piece_by_piece),
        TEST(what_is_wrong_with_a_body_is_told),
        TEST(who_waits_is_woken_or_told_when_it_is_late),
        TEST(who_goes_away_while_waiting_is_noticed),
        TEST(who_sends_too_slowly_is_cut),
        TEST(a_stream_that_fails_is_seen_to_be_cut),
        TEST(closing_ends_who_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
