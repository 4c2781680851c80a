/* API keys: the file, comparing, scopes, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/access.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "scratch.h"

#include <cmocka.h>

#define SECOND INT64_C(1000000000)
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct key_limits limits = {.tasks = 2, .bytes = 1000, .rate = 3};

/* Keys */

static void a_new_key_is_itself_and_no_other(void **state) {
    (void)state;
    struct key key, other;
    char text[KEY_TEXT_BYTES], other_text[KEY_TEXT_BYTES], id[KEY_ID_BYTES];
    assert_int_equal(key_new(SCOPE_SUBMIT, "scanner-1", &key, text), 0);
    assert_int_equal(key_new(SCOPE_SUBMIT, NULL, &other, other_text), 0);
    assert_int_equal(strlen(text), KEY_TEXT_BYTES - 1);
    assert_true(key_id(text, id));
    assert_string_equal(id, key.id);
    assert_string_not_equal(id, other.id);
    assert_true(key_matches(&key, text));
    assert_false(key_matches(&key, other_text));
    assert_null(strstr(key.hash, text + 16)); /* what is kept tells nothing of it */
    for (size_t i = 0; text[i]; i++) {
        char kept = text[i];
        text[i] = kept == 'x' ? 'y' : 'x';
        assert_false(key_matches(&key, text));
        text[i] = kept;
    }
    static const char *const odd[] = {"", "a b", "a/b", "a=b", "12345678901234567890123456789012345678901"};
    for (size_t i = 0; i < array_length(odd); i++) {
        assert_int_equal(key_new(SCOPE_READ, odd[i], &key, text), ERR_USAGE);
    }
}

static void digests_are_compared_as_a_whole(void **state) {
    (void)state;
    char one[DIGEST_BYTES] = HASH, other[DIGEST_BYTES] = HASH;
    assert_true(digest_equal(one, other));
    for (size_t i = 0; i < DIGEST_BYTES - 1; i++) {
        other[i] ^= 1;
        assert_false(digest_equal(one, other));
        other[i] ^= 1;
    }
}

static void what_is_no_key_is_told_from_one(void **state) {
    (void)state;
    struct key key;
    char text[KEY_TEXT_BYTES], id[KEY_ID_BYTES];
    assert_int_equal(key_new(SCOPE_READ, NULL, &key, text), 0);
    static const char *const odd[] = {"", "octavo_", "../../etc/passwd", "octavo_../../..", "Bearer"};
    for (size_t i = 0; i < array_length(odd); i++) {
        assert_false(key_id(odd[i], id));
    }
    for (size_t i = 0; text[i]; i++) {
        char kept = text[i];
        for (const char *bad = "/.\n%A"; *bad; bad++) {
            text[i] = *bad;
            assert_false(key_id(text, id));
        }
        text[i] = kept;
    }
    char *longer cleanup(drop_memory) = format("%sx", text);
    assert_false(key_id(longer, id));
}

/* The file */

static void lines_are_read_with_all_that_they_say(void **state) {
    (void)state;
    struct keys keys cleanup(keys_done) = {0};
    const char text[] = "# keys\n\n  aaaaaaaa " HASH " submit,read name=a.b@c tasks=5 bytes=2M rate=7\r\n"
                        "bbbbbbbb\t" HASH " admin created=2026-11-25T08:30:00.000Z";
    assert_int_equal(keys_parse(text, strlen(text), &keys), 0);
    assert_int_equal(keys.count, 2);
    assert_string_equal(keys.list[0].id, "aaaaaaaa");
    assert_string_equal(keys.list[0].name, "a.b@c");
    assert_int_equal(keys.list[0].scopes, SCOPE_SUBMIT | SCOPE_READ);
    assert_int_equal(keys.list[0].limits.tasks, 5);
    assert_int_equal(keys.list[0].limits.bytes, 2 << 20);
    assert_int_equal(keys.list[0].limits.rate, 7);
    assert_int_equal(keys.list[1].scopes, SCOPE_ADMIN);
    assert_string_equal(keys.list[1].created, "2026-11-25T08:30:00.000Z");
    assert_int_equal(keys.list[1].limits.rate, 0);
}

static void what_is_wrong_is_told_with_its_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *detail;
    } cases[] = {
        {"short " HASH " read\n", "1: \"short\": an id of 8 letters and digits is expected"},
        {"../../.. " HASH " read\n", "1: \"../../..\""},
        {"# one\naaaaaaaa\n", "2: behind the id the SHA-256"},
        {"aaaaaaaa " HASH "0 read\n", "1: behind the id"},
        {"aaaaaaaa " HASH "\n", "1: one or more of submit, read, admin"},
        {"aaaaaaaa " HASH " read,write\n", "1: \"write\" is none of submit, read, admin"},
        {"aaaaaaaa " HASH " read rate\n", "1: \"rate\": NAME=VALUE is expected"},
        {"aaaaaaaa " HASH " read rate=0\n", "1: rate=0: a whole number from 1 to 1000000 is expected"},
        {"aaaaaaaa " HASH " read bytes=1x\n", "1: bytes=1x: "},
        {"aaaaaaaa " HASH " read colour=red\n", "1: \"colour\" is none of name"},
        {"aaaaaaaa " HASH " read created=yesterday\n", "1: created=yesterday: a time"},
        {"aaaaaaaa " HASH " read\naaaaaaaa " HASH " admin\n", "2: aaaaaaaa: there is a line with this id before"},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        struct keys keys = {0};
        assert_int_equal(keys_parse(cases[i].text, strlen(cases[i].text), &keys), ERR_KEYS);
        assert_null(keys.list);
        if (strncmp(error_detail(), cases[i].detail, strlen(cases[i].detail)) != 0) {
            fail_msg("case %zu: %s", i, error_detail());
        }
    }
    struct keys keys = {0};
    assert_int_equal(keys_parse("aaaa\0aaa", 8, &keys), ERR_KEYS);
    assert_non_null(strstr(error_detail(), "NUL"));
}

static void lines_come_and_go_and_the_rest_stays(void **state) {
    (void)state;
    char folder[] = "/tmp/octavo-keys-XXXXXX", text[KEY_TEXT_BYTES], kept[KEY_TEXT_BYTES];
    assert_non_null(mkdtemp(folder));
    char *path cleanup(drop_memory) = format("%s/keys", folder), *left cleanup(drop_memory) = NULL;
    struct keys keys cleanup(keys_done) = {0};
    struct key first, second;
    struct stat status;
    size_t length;
    assert_int_equal(keys_load(path, &keys), ERR_KEYS);
    assert_int_equal(key_new(SCOPE_READ, "first", &first, text), 0);
    assert_int_equal(key_new(SCOPE_ADMIN, NULL, &second, kept), 0);
    assert_int_equal(keys_add(path, &first), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(file_replace(path, "# mine", 6), 0); /* without an end of line */
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(keys_add(path, &first), 0);
    assert_int_equal(keys_add(path, &second), 0);
    assert_int_equal(keys_load(path, &keys), 0);
    assert_int_equal(keys.count, 2);
    assert_string_equal(keys.list[0].name, "first");
    assert_true(key_matches(&keys.list[1], kept));
    assert_int_equal(keys_remove(path, first.id), 0);
    assert_int_equal(keys_remove(path, first.id), ERR_NOT_FOUND);
    assert_int_equal(keys_remove(path, "../../.."), ERR_NOT_FOUND);
    assert_int_equal(file_read_path(path, 1000, &left, &length), 0);
    assert_int_equal(strncmp(left, "# mine\n", 7), 0);
    assert_non_null(strstr(left, second.hash));
    assert_null(strstr(left, first.hash));
    assert_int_equal(chmod(path, 0620), 0);
    assert_int_equal(keys_add(path, &first), ERR_KEYS);
    assert_non_null(strstr(error_detail(), "can be written by others"));
    scratch_remove(folder);
}

/* Who is let in */

static void time_fills_the_bucket(void **state) {
    (void)state;
    struct bucket bucket = {0};
    int64_t wait = 0, now = 100 * SECOND;
    for (int i = 0; i < 3; i++) {
        assert_true(bucket_take(&bucket, 3, now, &wait));
    }
    assert_false(bucket_take(&bucket, 3, now, &wait));
    assert_int_equal(wait, 1);
    assert_true(bucket_take(&bucket, 3, now + SECOND / 2, &wait));
    assert_false(bucket_take(&bucket, 3, now + SECOND / 2, &wait));
    for (int i = 0; i < 3; i++) { /* a long rest gives no more than a second's worth */
        assert_true(bucket_take(&bucket, 3, now + 1000 * SECOND, &wait));
    }
    assert_false(bucket_take(&bucket, 3, now + 1000 * SECOND, &wait));
}

static void keys_open_what_their_scopes_allow(void **state) {
    (void)state;
    static const unsigned scopes[] = {SCOPE_SUBMIT, SCOPE_READ, SCOPE_ADMIN};
    static const bool allowed[3][3] = {{true, false, false}, {false, true, false}, {true, true, true}};
    struct account *account;
    int64_t wait;
    for (size_t i = 0; i < 3; i++) {
        struct key key;
        char text[KEY_TEXT_BYTES];
        assert_int_equal(key_new(scopes[i], NULL, &key, text), 0);
        struct access *access cleanup(access_drop) = access_new(&(struct keys){.list = &key, .count = 1}, &limits);
        char *bearer cleanup(drop_memory) = format("bearer %s", text);
        for (size_t k = 0; k < 3; k++) {
            int expected = allowed[i][k] ? 0 : ERR_FORBIDDEN;
            assert_int_equal(access_enter(access, bearer, NULL, scopes[k], (int64_t)k * SECOND + 1, &account, &wait),
                             expected);
            assert_int_equal(access_enter(access, NULL, text, scopes[k], (int64_t)k * SECOND + 1, &account, &wait),
                             expected);
        }
        assert_int_equal(access_enter(access, NULL, NULL, SCOPE_READ, 1, &account, &wait), ERR_UNAUTHORIZED);
        assert_int_equal(access_enter(access, text, NULL, SCOPE_READ, 1, &account, &wait), ERR_UNAUTHORIZED);
        assert_int_equal(access_enter(access, "Basic eDp5", text, SCOPE_READ, 1, &account, &wait), ERR_UNAUTHORIZED);
        assert_int_equal(access_enter(access, NULL, "../../etc/passwd", SCOPE_READ, 1, &account, &wait),
                         ERR_UNAUTHORIZED);
        access_follow(access, &(struct keys){0}, &limits); /* the key is removed */
        assert_int_equal(access_enter(access, NULL, text, scopes[i], 1, &account, &wait), ERR_UNAUTHORIZED);
    }
}

static void limits_of_a_key_hold(void **state) {
    (void)state;
    struct key key, own;
    char text[KEY_TEXT_BYTES], own_text[KEY_TEXT_BYTES];
    struct account *account;
    int64_t wait;
    assert_int_equal(key_new(SCOPE_SUBMIT, NULL, &key, text), 0);
    assert_int_equal(key_new(SCOPE_SUBMIT, NULL, &own, own_text), 0);
    own.limits.tasks = 3;
    struct key both[] = {key, own};
    struct access *access cleanup(access_drop) = access_new(&(struct keys){.list = both, .count = 2}, &limits);
    assert_int_equal(access_enter(access, NULL, text, SCOPE_SUBMIT, 1, &account, &wait), 0);
    assert_int_equal(account_take(account, 1001, 0, 0), ERR_BODY_TOO_LARGE);
    assert_int_equal(account_take(account, 600, 2, 0), ERR_KEY_LIMIT);
    assert_int_equal(account_take(account, 600, 0, 500), ERR_KEY_LIMIT);
    assert_int_equal(account_take(account, 600, 0, 0), 0);
    assert_int_equal(account_take(account, 600, 0, 0), ERR_KEY_LIMIT);
    assert_int_equal(account_take(account, 1, 1, 0), ERR_KEY_LIMIT);
    account_release(account, 600);
    assert_int_equal(account_take(account, 1000, 1, 0), 0);
    assert_int_equal(access_enter(access, NULL, own_text, SCOPE_SUBMIT, 1, &account, &wait), 0);
    assert_int_equal(account_take(account, 1, 2, 0), 0); /* its own limit */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(access_enter(access, NULL, own_text, SCOPE_SUBMIT, 1, &account, &wait), 0);
    }
    assert_int_equal(access_enter(access, NULL, own_text, SCOPE_SUBMIT, 1, &account, &wait), ERR_KEY_LIMIT);
    assert_int_equal(wait, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_key_is_itself_and_no_other),
        cmocka_unit_test(digests_are_compared_as_a_whole),
        cmocka_unit_test(what_is_no_key_is_told_from_one),
        cmocka_unit_test(lines_are_read_with_all_that_they_say),
        cmocka_unit_test(what_is_wrong_is_told_with_its_line),
        cmocka_unit_test(lines_come_and_go_and_the_rest_stays),
        cmocka_unit_test(time_fills_the_bucket),
        cmocka_unit_test(keys_open_what_their_scopes_allow),
        cmocka_unit_test(limits_of_a_key_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
