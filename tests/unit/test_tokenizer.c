/* tokenizer.json to the bytes of tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/tokenizer.h"

#include <cmocka.h> /* last: it has a macro fail() */

#define FILE_OF(vocabulary, added)                                                                                     \
    "{\"version\":\"1.0\",\"added_tokens\":" added                                                                     \
    ",\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\","                                               \
    "\"vocab\":" vocabulary ",\"merges\":[\"a b\"]}}"

static void tokens_are_their_bytes(void **state) {
    (void)state;
    /* A blank is written G with a dot, a newline C with a dot; the three bytes of a Chinese character are apart. */
    static const char text[] =
        FILE_OF("{\"<s>\":0,\"\\u0120x\":3,\"\\\\frac\":4,\"\\u010a\":5,\"\\u00e4\\u00b8\":6,\"\\u0143\":7,"
                "\"\\u0100a\":9,\"\\u4e2d\":10}",
                "[{\"id\":0,\"content\":\"<s>\",\"special\":true},{\"id\":2,\"content\":\"</s>\",\"special\":true},"
                "{\"id\":11,\"content\":\"\\u0120\",\"special\":false}]");
    static const char *const expected[] = {"",         "",     "", " x", "\\frac",       "\n",
                                           "\xE4\xB8", "\xAD", "", "a",  "\xE4\xB8\xAD", "\xC4\xA0"};
    char **tokens;
    size_t count;
    assert_int_equal(tokenizer_read(text, strlen(text), &tokens, &count), 0);
    assert_int_equal(count, array_length(expected));
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(tokens[i], expected[i]);
        free(tokens[i]);
    }
    free(tokens);
}

static void what_is_wrong_is_told(void **state) {
    (void)state;
    static const struct {
        const char *text, *detail;
    } cases[] = {
        {"{", ""},
        {"[]", "BPE"},
        {"{\"model\":{\"type\":\"Unigram\"},\"decoder\":{\"type\":\"Metaspace\"}}", "not Unigram and Metaspace"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1}}}", "not BPE and nothing"},
        {FILE_OF("[\"a\"]", "[]"), "model.vocab must be an object"},
        {FILE_OF("{}", "[]"), "model.vocab must be an object"},
        {FILE_OF("{\"a\":-1}", "[]"), "the id of \"a\""},
        {FILE_OF("{\"a\":1.5}", "[]"), "the id of \"a\""},
        {FILE_OF("{\"a\":1e9}", "[]"), "the id of \"a\""},
        {FILE_OF("{\"a\":\"1\"}", "[]"), "the id of \"a\""},
        {FILE_OF("{\"a\":1}", "[{\"id\":2}]"), "added_tokens"},
        {FILE_OF("{\"a\":1}", "[{\"content\":\"b\"}]"), "added_tokens"},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        char **tokens = NULL;
        size_t count = 77;
        assert_int_equal(tokenizer_read(cases[i].text, strlen(cases[i].text), &tokens, &count), ERR_BAD_MODEL);
        assert_non_null(strstr(error_detail(), cases[i].detail));
        assert_null(tokens);
        assert_int_equal(count, 77);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(tokens_are_their_bytes),
                                       cmocka_unit_test(what_is_wrong_is_told)};
    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
