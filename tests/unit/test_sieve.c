/* Documents in JSON as they come: whole, cut in two at every byte, byte by byte; and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "api/sieve.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

#include <cmocka.h>

static int collect(void *context, const char *bytes, size_t length) {
    buffer_add(context, bytes, length);
    return 0;
}

struct outcome {
    int result;
    struct buffer document;
    char *kept, *url;
};

static void outcome_done(struct outcome *outcome) {
    buffer_done(&outcome->document);
    free(outcome->kept);
    free(outcome->url);
}

/* In pieces of so many bytes, the first of which may be shorter. */
static struct outcome pass(const char *text, size_t first, size_t step) {
    struct outcome outcome = {0};
    const struct sieve_sink sink = {.write = collect, .context = &outcome.document};
    struct sieve *sieve cleanup(sieve_drop) = sieve_new(&sink);
    struct json *json cleanup(json_drop) = NULL;
    size_t length = strlen(text);
    for (size_t at = 0, end = first; at < length && outcome.result == 0; at = end, end += step) {
        end = end < length ? end : length;
        outcome.result = sieve_add(sieve, text + at, end - at);
    }
    outcome.result = outcome.result ? outcome.result : sieve_end(sieve, &json);
    outcome.kept = json ? json_text(json, false) : copy_string("");
    outcome.url = copy_string(sieve_url(sieve));
    return outcome;
}

static void expect(const char *text, const char *document, const char *kept, const char *url) {
    size_t length = strlen(text);
    for (size_t first = 0; first <= length; first++) {
        struct outcome outcome cleanup(outcome_done) = pass(text, first, first == 0 ? 1 : length);
        if (outcome.result != 0) {
            fail_msg("%s, cut at %zu: %s", text, first, error_detail());
        }
        assert_string_equal(outcome.document.data ? outcome.document.data : "", document);
        assert_string_equal(outcome.kept, kept);
        assert_string_equal(outcome.url ? outcome.url : "", url);
    }
}

static void documents_are_taken_out(void **state) {
    (void)state;
    expect("{\"file\":\"aGVsbG8=\"}", "hello", "{\"file\":\"\"}", "");
    expect(" { \"a\" : [1, {\"file\": \"aGk=\"}], \"file\" : \"aGVsbG8h\" , \"fileType\":1} \n", "hello!",
           "{\"a\":[1,{\"file\":\"aGk=\"}],\"file\":\"\",\"fileType\":1}", "");
    expect("{\"f\\u0069le\":\"aGVs\\u0062G8\\u003d\"}", "hello", "{\"file\":\"\"}", "");
    expect("{\"file\":\"aGVs\\n bG8\\u00fc\\u4e2d=-ignored\"}", "hello", "{\"file\":\"\"}", "");
    expect("{\"file\":\"Pz8\\/Pj4+\"}", "?\?\?>>>", "{\"file\":\"\"}", "");
    expect("{\"b\":\"a\\\\\",\"file\":\"aA==\"}", "h", "{\"b\":\"a\\\\\",\"file\":\"\"}", "");
    expect("{\"files\":\"aA==\",\"fil\":\"aA==\",\"x\":{\"file\":\"aA==\"}}", "",
           "{\"files\":\"aA==\",\"fil\":\"aA==\",\"x\":{\"file\":\"aA==\"}}", "");
    expect("{\"file\":\"\"}", "", "{\"file\":\"\"}", "");
    expect("{\"file\":\"http\"}", "\x86\xDB\x69", "{\"file\":\"\"}", "");
    expect("{\"file\":5,\"b\":\"file\",\"c\":\"aGk=\"}", "", "{\"file\":5,\"b\":\"file\",\"c\":\"aGk=\"}", "");
    expect("{\"a\":\"file\",\"b\":\"c\"}", "", "{\"a\":\"file\",\"b\":\"c\"}", "");
}

static void urls_are_kept(void **state) {
    (void)state;
    expect("{\"file\":\"https:\\/\\/example.org\\/a.pdf\"}", "", "{\"file\":\"\"}", "https://example.org/a.pdf");
    expect("{\"file\":\"HTTP://example.org\"}", "", "{\"file\":\"\"}", "HTTP://example.org");
}

/* So large that pieces are passed on. */
static void large_documents_come_whole(void **state) {
    (void)state;
    struct buffer text cleanup(buffer_done) = {0}, document cleanup(buffer_done) = {0};
    buffer_add_string(&text, "{\"file\":\"");
    for (int i = 0; i < 30000; i++) {
        buffer_add_string(&text, "QUJD");
        buffer_add_string(&document, "ABC");
    }
    buffer_add_string(&text, "\"}");
    for (size_t step = 1; step < 20000; step = step * 3 + 1) {
        struct outcome outcome cleanup(outcome_done) = pass(text.data, step, step);
        assert_int_equal(outcome.result, 0);
        assert_int_equal(outcome.document.length, document.length);
        assert_string_equal(outcome.document.data, document.data);
    }
}

static void what_is_wrong_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *complaint;
    } cases[] = {
        {"", "a JSON object is expected"},
        {"[\"file\",\"aGk=\"]", "a JSON object is expected"},
        {"{\"file\":\"aGk=\"", "a JSON object is expected"},
        {"{\"file\":\"aGk=", "a JSON object is expected"},
        {"{\"file\":\"aGk=\"}]", "a JSON object is expected"},
        {"{\"file\" \"aGk=\"}", "a JSON object is expected"},
        {"{\"file\":\"aGk\"}", "multiple of 4"},
        {"{\"file\":\"aGk=\",\"file\":\"aGk=\"}", "more than once"},
        {"{\"file\":\"data:image/png;base64,aGk=\"}", "without \"data:"},
        {"{\"file\":\"a\\x\"}", "an escape"},
        {"{\"file\":\"a\\u00g0\"}", "hexadecimal"},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        for (size_t step = 1; step < 40; step += 7) {
            struct outcome outcome cleanup(outcome_done) = pass(cases[i].text, step, step);
            if (outcome.result != ERR_UNPROCESSABLE || !strstr(error_detail(), cases[i].complaint)) {
                fail_msg("%s: %d %s", cases[i].text, outcome.result, error_detail());
            }
        }
    }
}

static struct outcome pass_long(const char *before, size_t count, const char *after) {
    struct buffer text cleanup(buffer_done) = {0};
    buffer_add_string(&text, before);
    for (size_t i = 0; i < count; i++) {
        buffer_add_string(&text, "x");
    }
    buffer_add_string(&text, after);
    return pass(text.data, 1000, 1000);
}

static void what_is_kept_is_bounded(void **state) {
    (void)state;
    struct outcome fits cleanup(outcome_done) = pass_long("{\"a\":\"", SIEVE_KEPT - 8, "\"}");
    assert_int_equal(fits.result, 0);
    struct outcome large cleanup(outcome_done) = pass_long("{\"a\":\"", SIEVE_KEPT - 7, "\"}");
    assert_int_equal(large.result, ERR_BODY_TOO_LARGE);
    struct outcome url cleanup(outcome_done) = pass_long("{\"file\":\"http://", SIEVE_URL - 7, "\"}");
    assert_int_equal(url.result, 0);
    assert_int_equal(strlen(url.url), SIEVE_URL);
    struct outcome too_long cleanup(outcome_done) = pass_long("{\"file\":\"http://", SIEVE_URL - 6, "\"}");
    assert_int_equal(too_long.result, ERR_UNPROCESSABLE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_taken_out),    cmocka_unit_test(urls_are_kept),
        cmocka_unit_test(large_documents_come_whole), cmocka_unit_test(what_is_wrong_is_refused),
        cmocka_unit_test(what_is_kept_is_bounded),
    };
    return cmocka_run_group_tests_name("sieve", tests, NULL, NULL);
}
