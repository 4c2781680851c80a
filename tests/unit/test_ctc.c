/* Best-path decoding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "pipeline/ctc.h"

#include <cmocka.h> /* last: it has a macro fail() */

enum { CLASSES = 300, STEPS = 12 };
static char *alphabet[CLASSES - 2];
static float rows[STEPS][CLASSES];
static struct glyphs glyphs; /* of the last decoding */

static int make_alphabet(void **state) {
    (void)state;
    for (int i = 0; i < CLASSES - 2; i++) {
        alphabet[i] = format("<%d>", i);
    }
    return 0;
}

static int drop_alphabet(void **state) {
    (void)state;
    for (int i = 0; i < CLASSES - 2; i++) {
        free(alphabet[i]);
    }
    glyphs_done(&glyphs);
    return 0;
}

/* One row with the mass on one class and the rest spread over the others. */
static void fill(int step, int class, float mass) {
    for (int i = 0; i < CLASSES; i++) {
        rows[step][i] = i == class ? mass : (1 - mass) / (CLASSES - 1);
    }
}

static char *decode(int steps, float *ret_score) {
    char *text;
    glyphs_done(&glyphs);
    ctc_decode(rows[0], (size_t)steps, CLASSES, alphabet, CLASSES - 2, &text, ret_score, &glyphs);
    return text;
}

static void repeats_merge_and_blanks_part_them(void **state) {
    (void)state;
    const int path[] = {0, 5, 5, 0, 5, 7, 7, 0};
    float score;
    for (int i = 0; i < 8; i++) {
        fill(i, path[i], 0.9F);
    }
    char *text = decode(8, &score);
    assert_string_equal(text, "<4><4><6>");
    assert_float_equal(score, 0.9, 1e-5);
    free(text);
}

/* Probabilities below one half: the search may not stop early; the first of equals wins. */
static void weak_steps_are_searched_to_the_end(void **state) {
    (void)state;
    const int best[] = {1, 31, 32, 33, 64, 65, 299 - 1, 2};
    for (size_t i = 0; i < array_length(best); i++) {
        float score;
        fill(0, best[i], 0.02F);
        char *text = decode(1, &score), *expected = format("<%d>", best[i] - 1);
        assert_string_equal(text, expected);
        assert_float_equal(score, 0.02, 1e-6);
        free(text);
        free(expected);
    }
}

static void the_last_class_is_a_blank_and_ends_are_trimmed(void **state) {
    (void)state;
    const int path[] = {CLASSES - 1, 3, CLASSES - 1, 4, 0, CLASSES - 1};
    float score;
    for (int i = 0; i < 6; i++) {
        fill(i, path[i], 0.8F);
    }
    char *text = decode(6, &score);
    assert_string_equal(text, "<2> <3>");
    assert_int_equal(glyphs.count, 3);
    assert_int_equal(glyphs.list[0].start, 0);
    assert_int_equal(glyphs.list[0].first, 1);
    assert_int_equal(glyphs.list[2].start, 4);
    assert_int_equal(glyphs.list[2].last, 3);
    free(text);
}

static void nothing_but_blank_is_empty(void **state) {
    (void)state;
    float score = 1;
    fill(0, 0, 0.9F);
    char *text = decode(1, &score);
    assert_string_equal(text, "");
    assert_float_equal(score, 0, 0);
    free(text);
    text = decode(0, &score);
    assert_string_equal(text, "");
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeats_merge_and_blanks_part_them), cmocka_unit_test(weak_steps_are_searched_to_the_end),
        cmocka_unit_test(the_last_class_is_a_blank_and_ends_are_trimmed), cmocka_unit_test(nothing_but_blank_is_empty)};
    return cmocka_run_group_tests(tests, make_alphabet, drop_alphabet);
}
