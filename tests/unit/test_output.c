/* The formats against golden files; OCTAVO_GOLDEN=write makes them anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "output/output.h"

#include <cmocka.h> /* last: it has a macro fail() */

static struct line line_at(const char *text, uint32_t block, uint32_t row) {
    float y = 40.0F * (float)row;
    return (struct line){.text = copy_string(text),
                         .score = 0.9F,
                         .quad = {{{10, y}, {200, y}, {200, y + 30}, {10, y + 30}}},
                         .block = block,
                         .row = row};
}

/* Three pages: two blocks with a row of two pieces; nothing; one line. */
static struct result sample(void) {
    struct result result = {.name = copy_string("letters \"2024\".pdf"),
                            .format = copy_string("pdf"),
                            .bytes = 12345,
                            .page_total = 4,
                            .page_count = 3,
                            .seconds = 1.25,
                            .engine = copy_string("onnxruntime 1.32.0")};
    result.pages = alloc(3, sizeof(*result.pages));
    for (uint32_t i = 0; i < 3; i++) {
        result.pages[i] = (struct page){.number = i + 1, .width = 800, .height = 600, .dpi = i == 0 ? 96.5F : 0};
    }
    struct page *first = &result.pages[0], *third = &result.pages[2];
    first->angle = 270;
    first->line_count = 4;
    first->lines = alloc(4, sizeof(*first->lines));
    first->lines[0] = line_at("Dear Sir", 0, 0);
    first->lines[1] = line_at("Total:", 1, 1);
    first->lines[2] = line_at("3 €", 1, 1);
    first->lines[3] = line_at("<&> \"q\" \\ \t", 1, 2);
    third->line_count = 1;
    third->lines = alloc(1, sizeof(*third->lines));
    third->lines[0] = line_at("終", 0, 0);
    page_warn(third, "a picture is damaged");
    stage_add(&first->stages, STAGE_DETECT, 0.125, 1);
    stage_add(&third->stages, STAGE_DETECT, 0.25, 1);
    result_warn(&result, "the cross reference table was rebuilt");
    return result;
}

static void assert_golden(const char *extension, const struct buffer *text) {
    char *path = format("tests/golden/output.%s", extension);
    if (getenv("OCTAVO_GOLDEN")) {
        assert_int_equal(file_replace(path, text->data, text->length), 0);
    }
    char *golden = NULL;
    size_t length;
    assert_int_equal(file_read_path(path, 1 << 20, &golden, &length), 0);
    assert_string_equal(text->data, golden);
    free(golden);
    free(path);
}

static void formats_are_as_golden(void **state) {
    (void)state;
    for (const struct output *output = outputs; output->word; output++) {
        struct result result = sample();
        struct buffer text = {0};
        output_write(output, &result, &text);
        assert_golden(output->extension, &text);
        buffer_done(&text);
        result_done(&result);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_are_as_golden),
    };
    return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
