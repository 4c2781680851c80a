/* The small things everything stands on: errors, buffers, UTF-8, JSON, shared memory. */
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "scratch.h"

#include <cmocka.h> /* last: it has a macro fail() */

static void every_error_has_words(void **state) {
    (void)state;
    for (int code = -1; code >= -ERR_COUNT; code--) {
        assert_int_equal(error_from_word(error_word(code)), code);
        assert_true(strlen(error_sentence(code)) > 10);
        assert_true(strlen(error_advice(code)) > 10);
        assert_in_range(error_http_status(code), 400, 599);
        assert_in_range(error_exit_status(code), 1, 130);
    }
    assert_string_equal(error_word(1), error_word(ERR_INTERNAL));
    assert_string_equal(error_word(-ERR_COUNT - 1), error_word(ERR_INTERNAL));
    assert_int_equal(error_from_word("no such word"), ERR_INTERNAL);
}

static void a_detail_may_quote_the_one_before(void **state) {
    (void)state;
    assert_int_equal((fail)(ERR_CORRUPT, "row %d", 7), ERR_CORRUPT);
    (fail)(ERR_CORRUPT, "page 2: %s", error_detail());
    assert_string_equal(error_detail(), "page 2: row 7");
}

static void an_overflowing_size_is_refused(void **state) {
    (void)state;
    void *block = NULL;
    assert_int_equal(try_alloc(SIZE_MAX / 2, 3, &block), ERR_NO_MEMORY);
    assert_null(block);
}

static void a_buffer_grows_and_is_always_a_string(void **state) {
    (void)state;
    struct buffer buffer = {0};
    for (int i = 0; i < 1000; i++) {
        buffer_add_format(&buffer, "%03d,", i);
    }
    assert_int_equal(buffer.length, 4000);
    assert_int_equal(strlen(buffer.data), 4000);
    assert_memory_equal(buffer.data + 3996, "999,", 5);
    char *text = buffer_take(&buffer);
    assert_null(buffer.data);
    free(text);
    text = buffer_take(&buffer);
    assert_string_equal(text, "");
    free(text);
}

static void bad_utf8_becomes_replacement_characters(void **state) {
    (void)state;
    static const struct {
        const char *bytes, *valid;
        size_t length;
    } cases[] = {
        {"caf\xC3\xA9 \xE6\xBC\xA2 \xF0\x9F\x9B\x80", "caf\xC3\xA9 \xE6\xBC\xA2 \xF0\x9F\x9B\x80", 14},
        {"\xFF", "\xEF\xBF\xBD", 1},                                                 /* no lead byte */
        {"\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD", 2},                                 /* overlong */
        {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", 3},                 /* surrogate */
        {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", 4}, /* above U+10FFFF */
        {"a\xE6\xBC", "a\xEF\xBF\xBD\xEF\xBF\xBD", 3},                               /* cut off */
        {"a\0b", "a b", 3},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        char *valid = utf8_valid_copy(cases[i].bytes, cases[i].length);
        assert_string_equal(valid, cases[i].valid);
        free(valid);
    }
}

static void json_comes_back_as_it_was(void **state) {
    (void)state;
    struct json *object = json_object_new(), *list = json_array_new();
    json_set_string(object, "text", "a \"b\"\n\xFF");
    json_set_int(object, "int", INT64_C(999999999999999));
    json_set_real(object, "real", 1.0 / 3, 3);
    json_set_real(object, "nan", NAN, 3);
    json_set_bool(object, "yes", true);
    json_append_real(list, 2.5, 1);
    json_append_string(list, "x");
    json_set(object, "list", list);
    char *text = json_text(object, false);
    struct json *back;
    assert_int_equal(json_parse(text, strlen(text), &back), 0);
    assert_string_equal(json_string(back, "text"), "a \"b\"\n\xEF\xBF\xBD");
    assert_true(json_int(back, "int", 0) == INT64_C(999999999999999));
    assert_true(fabs(json_real(back, "real", 0) - 0.333) < 1e-12);
    assert_true(json_real(back, "nan", -1) < 0);
    assert_true(json_bool(back, "yes", false));
    assert_null(json_string(back, "int"));
    assert_int_equal(json_int(back, "text", 5), 5);
    const struct json *item = json_first(json_at(back, "list"));
    assert_true(json_as_real(item, 0) > 2.4);
    assert_string_equal(json_as_string(json_next(item)), "x");
    assert_null(json_next(json_next(item)));
    assert_null(json_first(json_at(back, "absent")));
    free(text);
    json_drop(&back);
    json_drop(&object);
}

static void what_is_no_json_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"", "{", "{\"a\":}", "nope", "{\"a\":\"\\u12\"}", "[1,2", "{} x", "1 2"};
    for (size_t i = 0; i < array_length(bad); i++) {
        struct json *value = NULL;
        assert_int_equal(json_parse(bad[i], strlen(bad[i]), &value), ERR_PROTOCOL);
        assert_null(value);
    }
    char deep[5001];
    memset(deep, '[', 5000);
    deep[5000] = '\0';
    struct json *value = NULL;
    assert_int_equal(json_parse(deep, 5000, &value), ERR_PROTOCOL);
}

static void an_integer_out_of_range_is_the_fallback(void **state) {
    (void)state;
    static const char text[] = "{\"a\":1e300,\"b\":-1e300}";
    struct json *value;
    assert_int_equal(json_parse(text, sizeof(text) - 1, &value), 0);
    assert_int_equal(json_int(value, "a", 7), 7);
    assert_int_equal(json_int(value, "b", 7), 7);
    json_drop(&value);
}

static void only_sealed_memory_is_mapped(void **state) {
    (void)state;
    int fd;
    const void *bytes;
    size_t length;
    assert_int_equal(file_memory_from("test", "hello", 5, &fd), 0);
    assert_int_equal(file_memory_map(fd, 4, &bytes, &length), ERR_PROTOCOL); /* larger than its reader allows */
    assert_int_equal(file_memory_map(fd, 5, &bytes, &length), 0);
    assert_int_equal(length, 5);
    assert_memory_equal(bytes, "hello", 5);
    assert_int_equal(ftruncate(fd, 0), -1);
    munmap((void *)(uintptr_t)bytes, length);
    close(fd);
    void *writable;
    assert_int_equal(file_memory_new("test", 5, &fd, &writable), 0);
    assert_int_equal(file_memory_map(fd, 5, &bytes, &length), ERR_PROTOCOL);
    munmap(writable, 5);
    close(fd);
    fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_int_equal(file_memory_map(fd, SIZE_MAX, &bytes, &length), ERR_PROTOCOL);
    close(fd);
}

/* Holds a second writable mapping for a while. */
static void *let_go_later(void *mapping) {
    usleep(100000);
    munmap(mapping, 5);
    return NULL;
}

static void sealing_waits_until_others_let_go(void **state) {
    (void)state;
    int fd;
    void *bytes;
    assert_int_equal(file_memory_new("test", 5, &fd, &bytes), 0);
    void *second = mmap(NULL, 5, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(second, MAP_FAILED);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, let_go_later, second), 0);
    assert_int_equal(file_memory_seal(fd, bytes, 5), 0);
    pthread_join(thread, NULL);
    close(fd);
}

static void sealing_does_not_wait_for_ever(void **state) {
    (void)state;
    int fd;
    void *bytes;
    assert_int_equal(file_memory_new("test", 5, &fd, &bytes), 0);
    void *second = mmap(NULL, 5, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_int_equal(file_memory_seal(fd, bytes, 5), ERR_INTERNAL);
    munmap(second, 5);
    close(fd);
}

static void a_file_is_read_up_to_a_limit(void **state) {
    (void)state;
    char folder[] = "/tmp/octavo-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *path = format("%s/file", folder), *text = NULL;
    size_t length;
    assert_int_equal(file_replace(path, "0123456789", 10), 0);
    assert_int_equal(file_read_path(path, 10, &text, &length), 0);
    assert_string_equal(text, "0123456789");
    free(text);
    assert_int_equal(file_read_path(path, 9, &text, &length), ERR_TOO_LARGE);
    unlink(path);
    assert_int_equal(file_read_path(path, 9, &text, &length), ERR_NO_INPUT);
    assert_int_equal(file_replace("/proc/no-such-folder/x", "", 0), ERR_OUTPUT);
    rmdir(folder);
    free(path);
}

static void a_file_is_replaced_whatever_the_length_of_its_name(void **state) {
    (void)state;
    char folder[] = "/tmp/octavo-test-XXXXXX", name[257] = {0}, *text = NULL;
    assert_non_null(mkdtemp(folder));
    memset(name, 'x', 256);
    char *path cleanup(drop_memory) = format("%s/%s", folder, name);
    size_t length;
    assert_int_equal(file_replace(path, "new", 3), ERR_OUTPUT);
    assert_non_null(strstr(error_detail(), "File name too long"));
    assert_int_equal(rmdir(folder), 0); /* nothing is left */
    assert_int_equal(mkdir(folder, 0700), 0);
    path[strlen(path) - 1] = '\0'; /* 255 bytes */
    assert_int_equal(file_replace(path, "old", 3), 0);
    assert_int_equal(file_replace(path, "new", 3), 0);
    assert_int_equal(file_read_path(path, 3, &text, &length), 0);
    assert_string_equal(text, "new");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
    free(text);
}

static void a_draft_takes_the_place_of_its_file_or_is_gone(void **state) {
    (void)state;
    char folder[] = "/tmp/octavo-test-XXXXXX", *drafts[2], *last = NULL;
    assert_non_null(mkdtemp(folder));
    char *path cleanup(drop_memory) = format("%s/file.txt", folder);
    int fds[2];
    for (size_t i = 0; i < 2; i++) { /* at once, as two threads might */
        assert_int_equal(file_draft(path, &drafts[i], &fds[i]), 0);
        close(fds[i]);
    }
    assert_string_not_equal(drafts[0], drafts[1]);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(file_settle(drafts[0], path, 0), 0);
    assert_int_equal(file_settle(drafts[1], path, ERR_CORRUPT), ERR_CORRUPT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(file_draft(path, &last, &fds[0]), 0);
    close(fds[0]);
    assert_int_equal(file_settle(last, path, 0), ERR_OUTPUT); /* a folder is there */
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(folder), 0); /* no draft is left */
    free(drafts[0]);
    free(drafts[1]);
    free(last);
}

static void a_draft_spares_those_that_others_have_left(void **state) {
    (void)state;
    char folder[] = "/tmp/octavo-test-XXXXXX", *first = NULL, *second = NULL;
    assert_non_null(mkdtemp(folder));
    char *path cleanup(drop_memory) = format("%s/file.txt", folder);
    int fd;
    unsigned number;
    assert_int_equal(file_draft(path, &first, &fd), 0);
    close(fd);
    assert_int_equal(sscanf(strrchr(first, '-'), "-%u", &number), 1);
    char *next cleanup(drop_memory) =
        format("%.*s-%u", (int)(strrchr(first, '-') - first), first, number + 1); /* of a process with our number */
    assert_int_equal(rename(first, next), 0);
    assert_int_equal(file_draft(path, &second, &fd), 0);
    close(fd);
    assert_string_not_equal(second, next);
    assert_int_equal(access(next, F_OK), 0);
    assert_int_equal(scratch_remove(folder), 0);
    free(first);
    free(second);
}

static void a_digest_is_sha256(void **state) {
    (void)state;
    char text[DIGEST_BYTES];
    struct digest *digest = digest_new();
    digest_add(digest, "a", 1);
    digest_add(digest, "bc", 2);
    digest_take(&digest, text);
    assert_null(digest);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"); /* FIPS 180 */
    digest = digest_new();
    digest_drop(&digest);
    digest_drop(&digest);
}

static void hmacs_are_those_of_rfc_4231(void **state) {
    (void)state;
    static const struct {
        int key_byte; /* repeated; 0: the key is text */
        size_t key_length;
        const char *key;
        int message_byte;
        size_t length;
        const char *message, *hmac;
    } cases[] = {
        {0x0B, 20, NULL, 0, 8, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {0, 4, "Jefe", 0, 28, "what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {0xAA, 20, NULL, 0xDD, 50, NULL, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {0xAA, 131, NULL, 0, 54, "Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        char key[131], message[64], hmac[DIGEST_BYTES];
        memset(key, cases[i].key_byte, sizeof(key));
        memset(message, cases[i].message_byte, sizeof(message));
        digest_hmac(cases[i].key ? cases[i].key : key, cases[i].key_length,
                    cases[i].message ? cases[i].message : message, cases[i].length, hmac);
        assert_string_equal(hmac, cases[i].hmac);
    }
}

static void times_are_told_in_utc(void **state) {
    (void)state;
    char *text cleanup(drop_memory) = clock_text(INT64_C(1790213730123)), *start cleanup(drop_memory) = clock_text(0);
    assert_string_equal(text, "2026-09-24T01:35:30.123Z");
    assert_string_equal(start, "1970-01-01T00:00:00.000Z");
    assert_true(clock_wall() > INT64_C(1700000000000));
}

static void folders_are_made_with_their_parents(void **state) {
    (void)state;
    char root[] = "/tmp/octavo-base-XXXXXX";
    assert_non_null(mkdtemp(root));
    char *deep cleanup(drop_memory) = format("%s/a/b", root), *file cleanup(drop_memory) = format("%s/a/file", root);
    char *below cleanup(drop_memory) = format("%s/c", file);
    struct stat status;
    assert_int_equal(file_make_folder(deep), 0);
    assert_int_equal(file_make_folder(deep), 0); /* it is there */
    assert_int_equal(stat(deep, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_int_equal(file_replace(file, "x", 1), 0);
    assert_int_equal(file_make_folder(file), ERR_OUTPUT);
    assert_int_equal(file_make_folder(below), ERR_OUTPUT);
    assert_non_null(strstr(error_detail(), "Not a directory"));
    assert_int_equal(scratch_remove(root), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_digest_is_sha256),
        cmocka_unit_test(hmacs_are_those_of_rfc_4231),
        cmocka_unit_test(times_are_told_in_utc),
        cmocka_unit_test(folders_are_made_with_their_parents),
        cmocka_unit_test(a_file_is_replaced_whatever_the_length_of_its_name),
        cmocka_unit_test(a_draft_takes_the_place_of_its_file_or_is_gone),
        cmocka_unit_test(a_draft_spares_those_that_others_have_left),
        cmocka_unit_test(every_error_has_words),
        cmocka_unit_test(a_detail_may_quote_the_one_before),
        cmocka_unit_test(an_overflowing_size_is_refused),
        cmocka_unit_test(a_buffer_grows_and_is_always_a_string),
        cmocka_unit_test(bad_utf8_becomes_replacement_characters),
        cmocka_unit_test(json_comes_back_as_it_was),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(an_integer_out_of_range_is_the_fallback),
        cmocka_unit_test(only_sealed_memory_is_mapped),
        cmocka_unit_test(sealing_waits_until_others_let_go),
        cmocka_unit_test(sealing_does_not_wait_for_ever),
        cmocka_unit_test(a_file_is_read_up_to_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
