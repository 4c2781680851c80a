/* Sets of page numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "pool/page_set.h"

#include <cmocka.h>

static void pages_are_found_in_their_order(void **state) {
    (void)state;
    struct page_set set cleanup(page_set_done) = {0};
    static const uint32_t pages[] = {9, 1, 8, 500, 7, 9};
    static const uint32_t sorted[] = {1, 7, 8, 9, 500, 0};
    assert_int_equal(page_set_next(&set, 0), 0);
    assert_false(page_set_has(&set, 1));
    for (size_t i = 0; i < array_length(pages); i++) {
        page_set_add(&set, pages[i]);
    }
    uint32_t page = 0;
    for (size_t i = 0; i < array_length(sorted); i++) {
        page = page_set_next(&set, page);
        assert_int_equal(page, sorted[i]);
    }
    assert_true(page_set_has(&set, 500));
    assert_false(page_set_has(&set, 501));
    assert_false(page_set_has(&set, 2));
    assert_false(page_set_has(&set, UINT32_MAX));
    assert_int_equal(page_set_next(&set, UINT32_MAX - 1), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(pages_are_found_in_their_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
