/* The client of a server: addresses, what is sent, and every kind of answer that is none. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "http/client.h"
#include "stranger.h"

#include <cmocka.h> /* last: it has a macro fail() */

static int open_for(const char *server, const char *key, struct client **ret) {
    return client_open(&(struct client_options){.server = server, .api_key = key, .stop = -1}, ret);
}

static void addresses_and_keys_are_checked(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "",           "x",          "127.0.0.1:80", "ftp://x",        "file:///x",   "http://",
        "http://x y", "http://x?a", "http://x#a",   "http://x:99999", "localhost:80"};
    static const char *const right[] = {"http://x", "HTTPS://[::1]:8443/", "http://u:p@x:1/under/here"};
    for (size_t i = 0; i < array_length(wrong); i++) {
        struct client *client cleanup(client_drop) = NULL;
        assert_int_equal(open_for(wrong[i], NULL, &client), ERR_USAGE);
        assert_non_null(strstr(error_detail(), "is expected"));
        assert_null(client);
    }
    for (size_t i = 0; i < array_length(right); i++) {
        struct client *client cleanup(client_drop) = NULL;
        assert_int_equal(open_for(right[i], "octavo_key", &client), 0);
    }
    static const char *const keys[] = {"a b", "a\r\nX: y", "\x7F", "k\xC3\xA9y"};
    for (size_t i = 0; i < array_length(keys); i++) {
        struct client *client cleanup(client_drop) = NULL;
        assert_int_equal(open_for("http://x", keys[i], &client), ERR_USAGE);
        assert_null(strstr(error_detail(), keys[i])); /* a key is not told */
    }
}

#define HEAD(status) "HTTP/1.1 " status "\r\nConnection: close\r\n"

/* Asks a stranger that answers so; what came of it is in *ret and *ret_client, which the caller frees. */
static int ask(struct stranger *stranger, const struct client_request *request, struct client **ret_client,
               struct client_answer *ret) {
    char *url cleanup(drop_memory) = NULL;
    stranger_open(stranger, &url);
    assert_int_equal(open_for(url, NULL, ret_client), 0);
    int result = client_ask(*ret_client, request, ret);
    stranger_close(stranger);
    return result;
}

static void answers_are_taken_or_told(void **state) {
    (void)state;
    static const struct {
        const char *answer;
        int error;
        const char *detail;
    } cases[] = {
        {HEAD("200 OK") "\r\n{\"a\": 1}", 0, ""},
        {HEAD("201 Created") "Content-Length: 2\r\n\r\n{}", 0, ""},
        {HEAD("200 OK") "\r\n", ERR_BAD_ANSWER, "no JSON object"},
        {HEAD("200 OK") "\r\n[]", ERR_BAD_ANSWER, "no JSON object"},
        {HEAD("200 OK") "\r\n{\"a\": 1", ERR_BAD_ANSWER, "no JSON object"},
        {HEAD("204 No Content") "\r\n", ERR_BAD_ANSWER, "no JSON object"},
        {HEAD("200 OK") "Content-Length: 9\r\n\r\n{}", ERR_UNREACHABLE, ""},
        {HEAD("307 Temporary Redirect") "Location: http://127.0.0.1:1/\r\n\r\n", ERR_BAD_ANSWER, "HTTP status 307"},
        {HEAD("404 Not Found") "\r\n<html>", ERR_BAD_ANSWER, "HTTP status 404"},
        {HEAD("404 Not Found") "\r\n{\"code\": 7}", ERR_BAD_ANSWER, "HTTP status 404"},
        {HEAD("404 Not Found") "\r\n{\"code\": \"not_found\", \"detail\": \"task\"}", ERR_NOT_FOUND, "task"},
        {HEAD("404 Not Found") "\r\n{\"code\": \"not_found\", \"detail\": {}}", ERR_NOT_FOUND, ""},
        {HEAD("500 Oh") "\r\n{\"code\": \"internal\"}", ERR_INTERNAL, ""},
        {HEAD("500 Oh") "\r\n{\"code\": \"newer\", \"detail\": \"x\"}", ERR_REFUSED, "newer"},
        {HEAD("503 Oh") "\r\n{\"code\": \"draining\"}", ERR_DRAINING, ""},
        {HEAD("502 Oh") "\r\n", ERR_UNREACHABLE, "HTTP status 502"},
        {HEAD("504 Oh") "\r\n[", ERR_UNREACHABLE, "HTTP status 504"},
        {"", ERR_UNREACHABLE, ""},
        {"SSH-2.0-x\r\n", ERR_BAD_ANSWER, ""},
        {"HTTP/9.9 200 OK\r\n\r\n", ERR_BAD_ANSWER, ""},
    };
    const struct client_request request = {.method = "GET", .path = "/v1/tasks"};
    for (size_t i = 0; i < array_length(cases); i++) {
        struct stranger stranger = {.answer = cases[i].answer, .length = strlen(cases[i].answer)};
        struct client *client cleanup(client_drop) = NULL;
        struct client_answer answer cleanup(client_answer_done) = {0};
        assert_int_equal(ask(&stranger, &request, &client, &answer), cases[i].error);
        assert_true((answer.json != NULL) == (cases[i].error == 0));
        if (cases[i].error != 0) {
            assert_non_null(strstr(error_detail(), cases[i].detail));
        }
    }
}

static void a_refusal_keeps_its_texts(void **state) {
    (void)state;
    static const char refusal[] = HEAD("429 Oh") "Retry-After: 17\r\n\r\n{\"code\": \"queue_full\", \"title\": \"t\"}";
    struct stranger stranger = {.answer = refusal, .length = strlen(refusal)};
    struct client *client cleanup(client_drop) = NULL;
    struct client_answer answer cleanup(client_answer_done) = {0};
    const struct client_request request = {.method = "POST", .path = "/v1/tasks/{id}/cancel", .id = "a/../b ?"};
    assert_int_equal(ask(&stranger, &request, &client, &answer), ERR_QUEUE_FULL);
    assert_string_equal(json_string(client_problem(client), "title"), "t");
    assert_int_equal(client_retry_after(client), 17);
    assert_non_null(strcasestr(stranger.asked, "POST /v1/tasks/a%2F..%2Fb%20%3F/cancel HTTP/1.1\r\n"));
    assert_non_null(strstr(stranger.asked, "Content-Length: 0\r\n"));
}

static int count_bytes(void *context, const char *bytes, size_t length) {
    size_t *count = context;
    *count += length;
    return *count > 3 ? file_write(-1, bytes, length) : 0;
}

static void a_result_is_given_on_as_it_comes(void **state) {
    (void)state;
    static const char whole[] = HEAD("200 OK") "octavo-complete: false\r\n\r\nabc";
    static const char longer[] = HEAD("200 OK") "Octavo-Complete: true\r\n\r\nabcd";
    size_t count = 0;
    const struct client_request request = {.method = "GET", .path = "/x", .receive = count_bytes, .context = &count};
    struct stranger stranger = {.answer = whole, .length = strlen(whole)};
    struct client *client cleanup(client_drop) = NULL;
    struct client_answer answer cleanup(client_answer_done) = {0};
    assert_int_equal(ask(&stranger, &request, &client, &answer), 0);
    assert_int_equal(count, 3);
    assert_true(answer.incomplete);
    assert_int_equal(answer.text.length, 0);
    client_drop(&client);
    count = 0;
    stranger = (struct stranger){.answer = longer, .length = strlen(longer)};
    assert_int_equal(ask(&stranger, &request, &client, &answer), ERR_OUTPUT);
    assert_string_equal(error_detail(), "Bad file descriptor");
}

static void a_document_that_shrinks_is_told(void **state) {
    (void)state;
    static const char created[] = HEAD("201 Created") "\r\n{\"id\": \"x\"}";
    int fd cleanup(drop_fd) = -1;
    assert_int_equal(file_memory_from("document", "12345", 5, &fd), 0);
    for (int64_t told = 5; told <= 6; told++) {
        struct stranger stranger = {.answer = told == 5 ? created : NULL, .length = strlen(created)};
        struct client *client cleanup(client_drop) = NULL;
        struct client_answer answer cleanup(client_answer_done) = {0};
        const struct client_body body = {.fd = fd, .bytes = told};
        const struct client_request request = {.method = "POST", .path = "/v1/tasks", .body = &body};
        assert_int_equal(ask(&stranger, &request, &client, &answer), told == 5 ? 0 : ERR_NO_INPUT);
    }
    assert_non_null(strstr(error_detail(), "shorter"));
}

static void waiting_ends_when_it_is_told_to(void **state) {
    (void)state;
    int pipes[2];
    char *url cleanup(drop_memory) = NULL;
    struct stranger stranger = {0};
    struct client *client cleanup(client_drop) = NULL;
    struct client_answer answer cleanup(client_answer_done) = {0};
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    stranger_open(&stranger, &url);
    assert_int_equal(client_open(&(struct client_options){.server = url, .stop = pipes[0]}, &client), 0);
    const struct client_request request = {.method = "GET", .path = "/x", .patience = 1};
    assert_int_equal(client_ask(client, &request, &answer), ERR_UNREACHABLE); /* it says nothing for a second */
    assert_int_equal(write(pipes[1], "x", 1), 1);
    assert_int_equal(client_ask(client, &request, &answer), ERR_INTERRUPTED);
    client_drop(&client);
    stranger_close(&stranger);
    close(pipes[0]);
    close(pipes[1]);
}

int main(void) {
    unsetenv("http_proxy"); /* of whoever runs the tests */
    unsetenv("all_proxy");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_and_keys_are_checked),  cmocka_unit_test(answers_are_taken_or_told),
        cmocka_unit_test(a_refusal_keeps_its_texts),       cmocka_unit_test(a_result_is_given_on_as_it_comes),
        cmocka_unit_test(a_document_that_shrinks_is_told), cmocka_unit_test(waiting_ends_when_it_is_told_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
