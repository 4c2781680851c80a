/* Page lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "conf/ranges.h"

#include <cmocka.h> /* last: it has a macro fail() */

/* The pages of a document of total pages that text asks for, as "1 2 3". */
static char *pages_of(const char *text, uint32_t total) {
    struct ranges ranges = {0};
    if (text) {
        assert_int_equal(ranges_parse(text, &ranges), 0);
    }
    struct buffer list = {0};
    uint32_t count = 0;
    for (uint32_t page = 0; (page = ranges_next(&ranges, page, total)) != 0; count++) {
        buffer_add_format(&list, count > 0 ? " %u" : "%u", page);
    }
    assert_int_equal(ranges_count(&ranges, total), count);
    ranges_done(&ranges);
    return buffer_take(&list);
}

static void lists_select_pages_in_order_and_once(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint32_t total;
        const char *pages;
    } cases[] = {
        {NULL, 3, "1 2 3"}, {"1", 3, "1"},      {"1-3,7", 9, "1 2 3 7"},   {"7,1-3", 9, "1 2 3 7"},
        {"5-", 7, "5 6 7"}, {"-3", 7, "1 2 3"}, {"2-4,3-5", 9, "2 3 4 5"}, {"1-3,7", 2, "1 2"},
        {"7", 2, ""},       {"1,1,1", 2, "1"},  {"-2,4-", 5, "1 2 4 5"},   {"4294967294", 9, ""},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        char *pages = pages_of(cases[i].text, cases[i].total);
        assert_string_equal(pages, cases[i].pages);
        free(pages);
    }
}

static void nonsense_is_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"",    "0",    "-",   "3-1",        "1,",
                                        ",1",  "1,,2", "a",   "1-2-3",      "1 2",
                                        "0-3", "-0",   "1.5", "4294967295", "99999999999999999999",
                                        "--3", "1;2"};
    for (size_t i = 0; i < array_length(wrong); i++) {
        struct ranges ranges = {.count = 77};
        assert_int_equal(ranges_parse(wrong[i], &ranges), ERR_USAGE);
        assert_int_equal(ranges.count, 77); /* untouched */
    }
}

static void highest_is_the_highest_named(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint32_t highest;
    } cases[] = {{"1-3,7", 7}, {"5-", 5}, {"-3", 3}, {"9,2", 9}};
    for (size_t i = 0; i < array_length(cases); i++) {
        struct ranges ranges = {0};
        assert_int_equal(ranges_parse(cases[i].text, &ranges), 0);
        assert_int_equal(ranges_highest(&ranges), cases[i].highest);
        ranges_done(&ranges);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_select_pages_in_order_and_once),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(highest_is_the_highest_named),
    };
    return cmocka_run_group_tests_name("ranges", tests, NULL, NULL);
}
