/* Lines of a paragraph, put together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "document/join.h"

#include <cmocka.h> /* last: it has a macro fail() */

static void lines_are_joined(void **state) {
    (void)state;
    static const struct {
        const char *first, *second, *joined;
    } cases[] = {
        {"a quick", "brown fox", "a quick brown fox"},
        {"a quick bro-", "wn fox", "a quick brown fox"},
        {"a quick bro\u2010", "wn fox", "a quick brown fox"},
        {"Jean-", "Paul", "Jean-Paul"}, /* a capital begins no second half */
        {"NASA-", "approved", "NASA-approved"},
        {"1990-", "1999", "1990-1999"},
        {"sections 2018\u2013", "23\u201351", "sections 2018\u201323\u201351"},
        {"north\u2013", "south", "north\u2013south"},
        {"5-", "axis", "5-axis"},
        {"-", "a", "- a"},
        {"one -", "two", "one - two"},
        {"one \u2013", "two", "one \u2013 two"},
        {"as such-", "(this)", "as such- (this)"},
        {"see https://", "www.example.org/", "see https://www.example.org/"},
        {"at http://a.example/b-", "c/", "at http://a.example/b-c/"},
        {"at http://a.example/b/", "The", "at http://a.example/b/ The"},
        {"http://a.example/ and/", "or", "http://a.example/ and/ or"},
        {"Stra\u00DFen\u00E4-", "cker", "Stra\u00DFen\u00E4cker"},
        {"\u6F22\u5B57", "\u4EEE\u540D", "\u6F22\u5B57\u4EEE\u540D"},
        {"\u6F22\u5B57", "abc", "\u6F22\u5B57 abc"},
        {"", "alone", "alone"},
        {"alone", "", "alone"},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        struct buffer text cleanup(buffer_done) = {0};
        join_line(&text, cases[i].first);
        join_line(&text, cases[i].second);
        assert_string_equal(text.data, cases[i].joined);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines_are_joined)};
    return cmocka_run_group_tests_name("join", tests, NULL, NULL);
}
