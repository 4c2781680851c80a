/* Control messages: what goes in comes out, and whatever else arrives is answered with an error. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "process/message.h"

#include <cmocka.h> /* last: it has a macro fail() */

struct line_pair {
    int here, there;
};

static int open_pair(void **state) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    struct line_pair *lines = alloc(1, sizeof(*lines));
    *lines = (struct line_pair){pair[0], pair[1]};
    *state = lines;
    return 0;
}

static int close_pair(void **state) {
    struct line_pair *lines = *state;
    drop_fd(&lines->here);
    drop_fd(&lines->there);
    free(lines);
    return 0;
}

static int descriptors_open(void) {
    int count = 0;
    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

/* Sends raw bytes with so many copies of a descriptor. */
static void send_raw(int socket, const void *bytes, size_t length, int fd, size_t copies) {
    char control[CMSG_SPACE(4 * sizeof(int))] = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (copies > 0) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(copies * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        *header = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(copies * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        for (size_t i = 0; i < copies; i++) {
            memcpy(CMSG_DATA(header) + i * sizeof(int), &fd, sizeof(int));
        }
    }
    assert_int_equal(sendmsg(socket, &message, 0), (ssize_t)length);
}

static void body_and_descriptor_arrive(void **state) {
    struct line_pair *lines = *state;
    struct json *body = json_object_new();
    json_set_string(body, "op", "page");
    json_set_int(body, "page", 7);
    int fd;
    assert_int_equal(file_memory_from("test", "pixels", 6, &fd), 0);
    assert_int_equal(message_send(lines->here, body, fd), 0);
    close(fd);
    json_drop(&body);

    struct json *received = NULL;
    int received_fd = -1;
    assert_int_equal(message_receive(lines->there, &received, &received_fd), 0);
    assert_string_equal(json_string(received, "op"), "page");
    assert_int_equal(json_int(received, "page", 0), 7);
    assert_true(fcntl(received_fd, F_GETFD) & FD_CLOEXEC);
    const void *bytes;
    size_t length;
    assert_int_equal(file_memory_map(received_fd, 100, &bytes, &length), 0);
    assert_memory_equal(bytes, "pixels", 6);
    json_drop(&received);
    close(received_fd);
}

static void message_without_descriptor_gives_minus_one(void **state) {
    struct line_pair *lines = *state;
    assert_int_equal(message_send_failure(lines->here, "page_failed", "page", 3, ERR_CORRUPT, "no end"), 0);
    struct json *received = NULL;
    int fd = 99;
    assert_int_equal(message_receive(lines->there, &received, &fd), 0);
    assert_int_equal(fd, -1);
    assert_int_equal(error_from_word(json_string(received, "error")), ERR_CORRUPT);
    assert_int_equal(json_int(received, "page", 0), 3);
    assert_string_equal(json_string(received, "detail"), "no end");
    json_drop(&received);
}

static void end_of_file_is_closed(void **state) {
    struct line_pair *lines = *state;
    drop_fd(&lines->here);
    struct json *received = NULL;
    int fd = -1;
    assert_int_equal(message_receive(lines->there, &received, &fd), ERR_CLOSED);
    struct json *body = json_object_new();
    json_set_string(body, "op", "x");
    assert_int_equal(message_send(lines->there, body, -1), ERR_CLOSED);
    json_drop(&body);
}

static void last_words_arrive_although_ours_were_not_read(void **state) {
    struct line_pair *lines = *state;
    struct json *body = json_object_new();
    json_set_string(body, "op", "last");
    assert_int_equal(message_send(lines->there, body, -1), 0);
    assert_int_equal(message_send(lines->here, body, -1), 0);
    json_drop(&body);
    drop_fd(&lines->here); /* with our message unread: the kernel reports a reset first */
    struct json *received = NULL;
    int fd = -1;
    assert_int_equal(message_receive(lines->there, &received, &fd), 0);
    assert_string_equal(json_string(received, "op"), "last");
    json_drop(&received);
    assert_int_equal(message_receive(lines->there, &received, &fd), ERR_CLOSED);
}

static void nobody_waits_for_a_peer_that_does_not_read(void **state) {
    struct line_pair *lines = *state;
    struct json *body = json_object_new(), *received = NULL;
    json_set_string(body, "op", "page");
    assert_int_equal(message_send(lines->there, body, -1), 0);
    int sent = 0, fd = -1, result = 0;
    for (; sent < 100000 && result == 0; sent++) {
        result = message_post(lines->here, body, -1);
    }
    json_drop(&body);
    assert_int_equal(result, ERR_CLOSED);
    assert_true(sent > 64);                                            /* what a worker is sent in a moment has room */
    assert_int_equal(message_receive(lines->here, &received, &fd), 0); /* what it said before is heard */
    json_drop(&received);
    assert_int_equal(message_receive(lines->here, &received, &fd), ERR_CLOSED);
}

static void foreign_bytes_are_refused_and_leak_nothing(void **state) {
    struct line_pair *lines = *state;
    static const char *const foreign[] = {"x", "[]", "7", "{}", "{\"op\":7}", "{\"op\":\"a\"", "\xFF\xFE"};
    int before = descriptors_open();
    for (size_t i = 0; i < array_length(foreign); i++) {
        struct json *received = NULL;
        int fd = -1;
        send_raw(lines->here, foreign[i], strlen(foreign[i]), STDERR_FILENO, 1);
        assert_int_equal(message_receive(lines->there, &received, &fd), ERR_PROTOCOL);
        assert_null(received);
        assert_int_equal(fd, -1);
    }
    assert_int_equal(descriptors_open(), before);
}

static void several_descriptors_are_refused_and_closed(void **state) {
    struct line_pair *lines = *state;
    int before = descriptors_open();
    for (size_t copies = 2; copies <= 4; copies++) {
        struct json *received = NULL;
        int fd = -1;
        send_raw(lines->here, "{\"op\":\"a\"}", 10, STDERR_FILENO, copies);
        assert_int_equal(message_receive(lines->there, &received, &fd), ERR_PROTOCOL);
    }
    assert_int_equal(descriptors_open(), before);
}

static void too_long_a_message_is_refused_on_both_sides(void **state) {
    struct line_pair *lines = *state;
    char *text = alloc(MESSAGE_BYTES + 1, 1);
    memset(text, 'x', MESSAGE_BYTES);
    struct json *body = json_object_new();
    json_set_string(body, "op", text);
    assert_int_equal(message_send(lines->here, body, -1), ERR_PROTOCOL);
    json_drop(&body);
    memcpy(text, "{\"op\":\"a\"}", 10);
    memset(text + 10, ' ', MESSAGE_BYTES - 9);
    send_raw(lines->here, text, MESSAGE_BYTES + 1, -1, 0);
    struct json *received = NULL;
    int fd = -1;
    assert_int_equal(message_receive(lines->there, &received, &fd), ERR_PROTOCOL);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(body_and_descriptor_arrive, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(message_without_descriptor_gives_minus_one, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(end_of_file_is_closed, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(last_words_arrive_although_ours_were_not_read, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(nobody_waits_for_a_peer_that_does_not_read, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(foreign_bytes_are_refused_and_leak_nothing, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(several_descriptors_are_refused_and_closed, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(too_long_a_message_is_refused_on_both_sides, open_pair, close_pair),
    };
    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
