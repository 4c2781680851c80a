/* From a part of a page to the picture that the network sees, and from its tokens to LaTeX. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "pipeline/part/formula.h"
#include "pipeline/part/latex.h"

#include <cmocka.h> /* last: it has a macro fail() */

enum { SIDE = 64 };

static void fill(struct image *image, uint32_t x, uint32_t y, uint32_t width, uint32_t height,
                 const uint8_t colour[3]) {
    for (uint32_t row = y; row < y + height; row++) {
        for (uint32_t column = x; column < x + width; column++) {
            memcpy(image->owned + row * image->stride + (size_t)column * image->channels, colour, image->channels);
        }
    }
}

static struct image white_page(uint32_t channels) {
    struct image page;
    assert_int_equal(image_new(400, 300, channels, &page), 0);
    fill(&page, 0, 0, 400, 300, (const uint8_t[]){255, 255, 255});
    return page;
}

static uint8_t at(const struct image *image, uint32_t x, uint32_t y) { return image->pixels[y * image->stride + x]; }

static void margins_are_cut_and_the_rest_is_black(void **state) {
    (void)state;
    for (uint32_t channels = 1; channels <= 3; channels += 2) {
        struct image page cleanup(image_done) = white_page(channels), picture cleanup(image_done) = {0};
        fill(&page, 100, 100, 2, 2, (const uint8_t[]){0, 0, 0}); /* two corners of a formula of 80 x 20 */
        fill(&page, 178, 118, 2, 2, (const uint8_t[]){0, 0, 0});
        fill(&page, 10, 10, 50, 50, (const uint8_t[]){0, 0, 0}); /* beside it */
        const struct area area = {70, 70, 300, 200};
        assert_int_equal(formula_picture(&page, &area, SIDE, SIDE, &picture), 0);
        assert_int_equal(picture.width, SIDE);
        assert_int_equal(picture.height, SIDE);
        assert_int_equal(picture.channels, 1);
        /* 80 x 20 becomes 64 x 16, from row 24 on */
        assert_int_equal(at(&picture, 0, 23), 0);
        assert_int_equal(at(&picture, 32, 40), 0);
        assert_int_equal(at(&picture, 32, 24), 255);
        assert_int_equal(at(&picture, 32, 39), 255);
        assert_true(at(&picture, 0, 24) < 100 && at(&picture, 63, 39) < 100);
        assert_int_equal(at(&picture, 63, 24), 255);
    }
}

static void colours_are_weighed_as_it_was_trained(void **state) {
    (void)state;
    struct image page cleanup(image_done) = white_page(3), picture cleanup(image_done) = {0};
    const struct area area = {0, 0, 400, 300};
    fill(&page, 0, 0, 400, 300, (const uint8_t[]){255, 0, 0}); /* of one shade: it has no margins */
    assert_int_equal(formula_picture(&page, &area, SIDE, SIDE, &picture), 0);
    assert_int_equal(at(&picture, 32, 32), 29);
    assert_int_equal(at(&picture, 32, 4), 0);
}

static void any_area_gives_a_picture(void **state) {
    (void)state;
    static const struct area areas[] = {
        {0, 0, 0, 0}, {399.9F, 299.9F, 400, 300}, {-50, -50, 1e9F, 1e9F}, {200, 100, 100, 50}, {0, 0, 1, 300}};
    struct image page cleanup(image_done) = white_page(1);
    for (size_t i = 0; i < array_length(areas); i++) {
        struct image picture cleanup(image_done) = {0};
        assert_int_equal(formula_picture(&page, &areas[i], SIDE, SIDE, &picture), 0);
    }
}

static void tokens_are_joined_up_to_the_end(void **state) {
    (void)state;
    static const char *const tokens[] = {"", "", "", " x", " ^", " {", " 2", " }", "\xE4\xB8", "\xAD"};
    char *const *words = (char *const *)(uintptr_t)tokens;
    static const float ids[] = {0, 3, 4, 5, -1, 6, 7, 900, 8, 9, 2, 3, 3};
    char *latex cleanup(drop_memory) = formula_text(ids, array_length(ids), words, array_length(tokens));
    assert_string_equal(latex, "x^{2}\xE4\xB8\xAD");
    char *nothing cleanup(drop_memory) = formula_text(ids, 1, words, array_length(tokens));
    assert_string_equal(nothing, "");
    char *cut cleanup(drop_memory) = formula_text(ids + 8, 1, words, array_length(tokens));
    assert_string_equal(cut, "\xEF\xBF\xBD\xEF\xBF\xBD");
}

static void blanks_stay_where_latex_needs_them(void **state) {
    (void)state;
    static const struct {
        const char *written, *clean;
    } cases[] = {
        {" \\frac { a + b } { 2 } ", "\\frac{a+b}{2}"},
        {"\\alpha x + \\beta", "\\alpha x+\\beta"},
        {"a b", "a b"},
        {"x _ { 1 } y", "x_{1}y"},
        {"f ( x ) \\ = \\ 0", "f(x)\\ =\\ 0"},
        {"a \\\\ b", "a\\\\b"},
        {"\\mathrm { i f } x", "\\mathrm{if}x"},
        {"\\operatorname * { l i m } _ { n }", "\\operatorname*{lim}_{n}"},
        {"\\mathbf { \\alpha x }", "\\mathbf{\\alpha x}"},
        {"\\text { \xE4\xB8\xAD \xE6\x96\x87 } x", "\xE4\xB8\xAD\xE6\x96\x87 x"},
        {"\\text { a } b", "\\text{a}b"},
        {"\\text { a", "\\text{a"},
        {"\\mathrm x", "\\mathrm x"},
        {"\\mathrm { a \\} } b", "\\mathrm{a\\}}b"},
        {"x\ny \\\n z", "x y\\ z"},
        {"\" $$ x $ \\$ 5", "x\\$5"},
        {"\\", "\\"},
        {"\xFF", "\xEF\xBF\xBD"},
        {"", ""},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        char *clean cleanup(drop_memory) = latex_clean(cases[i].written),
                    *again cleanup(drop_memory) = latex_clean(clean);
        assert_string_equal(clean, cases[i].clean);
        assert_string_equal(again, clean);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(margins_are_cut_and_the_rest_is_black),
        cmocka_unit_test(colours_are_weighed_as_it_was_trained),
        cmocka_unit_test(any_area_gives_a_picture),
        cmocka_unit_test(tokens_are_joined_up_to_the_end),
        cmocka_unit_test(blanks_stay_where_latex_needs_them),
    };
    return cmocka_run_group_tests_name("formula", tests, NULL, NULL);
}
