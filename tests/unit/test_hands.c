/* The pages in a worker's hands: as many as come, whoever still waits for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "pool/hands.h"

#include <cmocka.h>

enum { PAGES = 500 };

/* Jobs that end before the worker answers leave their pages there, and the next ones add theirs. */
static void pages_of_jobs_that_are_over_stay_until_answered(void **state) {
    (void)state;
    struct hands hands = {0};
    struct job over = {.in_hand = PAGES}, waiting = {.in_hand = PAGES, .handed = 7 * PAGES};
    const struct sheet sheet = {.page = 3, .bytes = 7, .fd = -1};
    for (long id = 1; id <= PAGES; id++) {
        hands_add(&hands, 2 * id, &over, &sheet);
        hands_add(&hands, 2 * id + 1, &waiting, &sheet);
    }
    hands_forget(&hands, &over);
    for (long id = 1; id <= PAGES; id++) {
        assert_null(hands_take(&hands, 2 * id).job);
        assert_ptr_equal(hands_take(&hands, 2 * id + 1).job, &waiting);
    }
    assert_int_equal(hands.count, 0);
    assert_int_equal(waiting.in_hand, 0);
    assert_int_equal(waiting.handed, 0);
    assert_int_equal(hands_take(&hands, 2).id, 0);
    hands_done(&hands);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(pages_of_jobs_that_are_over_stay_until_answered)};
    return cmocka_run_group_tests_name("hands", tests, NULL, NULL);
}
