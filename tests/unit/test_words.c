/* Words of a line from the steps of its characters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "pipeline/words.h"

#include <cmocka.h> /* last: it has a macro fail() */

/* Ten steps a character, each seen in the middle one. */
static size_t words_of(const char *text, const struct quad *quad, struct word **ret) {
    struct glyph list[32];
    struct glyphs glyphs = {.list = list};
    for (size_t at = 0; text[at]; at++) {
        if (((unsigned char)text[at] & 0xC0) != 0x80) { /* the first byte of a character */
            uint32_t step = 10 * (uint32_t)glyphs.count + 4;
            list[glyphs.count++] =
                (struct glyph){.start = (uint32_t)at, .first = step, .last = step + 1, .score = 0.5F};
        }
    }
    return words_of_glyphs(text, &glyphs, 10 * (float)glyphs.count, quad, ret);
}

static void assert_word(const char *text, const struct word *word, const char *expected, float left, float right) {
    char *own = copy_bytes(text + word->start, word->length);
    assert_string_equal(own, expected);
    assert_float_equal(word->quad.corner[0].x, left, 0.01);
    assert_float_equal(word->quad.corner[1].x, right, 0.01);
    assert_float_equal(word->score, 0.5, 1e-6);
    free(own);
}

static void words_stand_between_blanks(void **state) {
    (void)state;
    const char *text = "ab  cde f";
    const struct quad quad = {{{0, 0}, {90, 0}, {90, 20}, {0, 20}}};
    struct word *words;
    assert_int_equal(words_of(text, &quad, &words), 3);
    assert_word(text, &words[0], "ab", 0, 20);
    assert_word(text, &words[1], "cde", 40, 70);
    assert_word(text, &words[2], "f", 80, 90);
    free(words);
}

static void han_and_kana_stand_alone(void **state) {
    (void)state;
    const char *text = "漢字と PDF。한국";
    const struct quad quad = {{{0, 0}, {100, 0}, {100, 20}, {0, 20}}};
    struct word *words;
    assert_int_equal(words_of(text, &quad, &words), 6);
    assert_word(text, &words[1], "字", 10, 20);
    assert_word(text, &words[3], "PDF", 40, 70);
    assert_word(text, &words[4], "。", 70, 80);
    assert_word(text, &words[5], "한국", 80, 100);
    free(words);
}

static void boxes_lie_along_a_turned_line(void **state) {
    (void)state;
    const struct quad down = {{{50, 0}, {50, 30}, {40, 30}, {40, 0}}}; /* read from top to bottom */
    struct word *words;
    assert_int_equal(words_of("a b", &down, &words), 2);
    assert_float_equal(words[1].quad.corner[0].x, 50, 0.01);
    assert_float_equal(words[1].quad.corner[0].y, 20, 0.01);
    assert_float_equal(words[1].quad.corner[2].x, 40, 0.01);
    assert_float_equal(words[1].quad.corner[2].y, 30, 0.01);
    free(words);
}

static void nothing_has_no_words(void **state) {
    (void)state;
    const struct quad quad = {0};
    struct word *words;
    assert_int_equal(words_of("", &quad, &words), 0);
    free(words);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_stand_between_blanks),
        cmocka_unit_test(han_and_kana_stand_alone),
        cmocka_unit_test(boxes_lie_along_a_turned_line),
        cmocka_unit_test(nothing_has_no_words),
    };
    return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
