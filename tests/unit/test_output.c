/* The formats against golden files; OCTAVO_GOLDEN=write makes them anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
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
    first->lines[0].words = alloc(2, sizeof(struct word));
    first->lines[0].word_count = 2;
    first->lines[0].words[0] = (struct word){0, 4, 0.95F, {{{10, 0}, {90, 0}, {90, 30}, {10, 30}}}};
    first->lines[0].words[1] = (struct word){5, 3, 0.855F, {{{110, 0}, {200, 0}, {200, 30}, {110, 30}}}};
    first->lines[1] = line_at("Total:", 1, 1);
    first->lines[2] = line_at("3 €", 1, 1);
    first->lines[3] = line_at("<&> \"q\" \\ \t", 1, 2);
    first->region_count = 1;
    first->regions = alloc(1, sizeof(*first->regions));
    third->region_count = 1;
    third->regions = alloc(1, sizeof(*third->regions));
    third->line_count = 1;
    third->lines = alloc(1, sizeof(*third->lines));
    third->lines[0] = line_at("終", 0, 0);
    page_warn(third, "a picture is damaged");
    stage_add(&first->stages, STAGE_DETECT, 0.125, 1);
    stage_add(&third->stages, STAGE_DETECT, 0.25, 1);
    result_warn(&result, "the cross reference table was rebuilt");
    return result;
}

static void add_region(struct page *page, enum region_type type, const char *first, const char *second) {
    uint32_t number = (uint32_t)page->line_count;
    page->regions = resize(page->regions, page->region_count + 1, sizeof(*page->regions));
    page->regions[page->region_count] = (struct region){.type = type, .score = 0.5F};
    page->lines = resize(page->lines, page->line_count + 2, sizeof(*page->lines));
    for (const char *text = first; text; text = text == first ? second : NULL) {
        page->lines[page->line_count] = line_at(text, number, (uint32_t)page->line_count);
        page->lines[page->line_count++].region = (uint32_t)page->region_count;
    }
    page->region_count++;
}

/* The last region becomes a table of two columns; spanned: its first cell spans both. */
static void make_table(struct page *page, bool spanned) {
    static const char *const texts[] = {"Head | \\ *", "<script>alert(1)</script>", "", "a & b\n37.4%"};
    struct region *region = &page->regions[page->region_count - 1];
    region->rows = region->columns = 2;
    region->cells = alloc(4, sizeof(*region->cells));
    for (uint32_t i = 0; i < 4; i++) {
        if (!spanned || i != 1) {
            region->cells[region->cell_count++] = (struct cell){.row = i / 2,
                                                                .column = i % 2,
                                                                .rows = 1,
                                                                .columns = spanned && i == 0 ? 2 : 1,
                                                                .text = copy_string(texts[i])};
        }
    }
}

/* Every type of region, with text that tries to be markup. */
static struct result structured(void) {
    struct result result = {.name = copy_string("</title><script>.png"),
                            .format = copy_string("png"),
                            .page_total = 1,
                            .page_count = 1,
                            .engine = copy_string("onnxruntime 1.32.0")};
    result.pages = alloc(1, sizeof(*result.pages));
    struct page *page = &result.pages[0];
    *page = (struct page){.number = 1, .width = 800, .height = 600};
    add_region(page, REGION_HEADER, "Journal of <b>Nothing</b>", NULL);
    add_region(page, REGION_TITLE, "# Not a heading: \"quoted\"", NULL);
    page->lines[1].quad.corner[3].y += 60; /* large */
    add_region(page, REGION_TEXT, "1. not a list, a quick bro-", "wn [link](javascript:alert(1)) `code` ~~x~~");
    add_region(page, REGION_TEXT, "- not a list | no cell $x$", "<img src=x onerror=alert(1)> & &amp;");
    add_region(page, REGION_FIGURE, "text *in* a figure", NULL);
    add_region(page, REGION_FIGURE_CAPTION, "Figure 1_2", NULL);
    add_region(page, REGION_TABLE_CAPTION, "Table 1", NULL);
    add_region(page, REGION_TABLE, "seen in cells only", NULL);
    make_table(page, false);
    add_region(page, REGION_TABLE, "seen in cells only", NULL);
    make_table(page, true);
    add_region(page, REGION_EQUATION, "a < b > c", NULL);
    add_region(page, REGION_REFERENCE, "[1] \\cite", NULL);
    add_region(page, REGION_FOOTER, "+ 12", NULL);
    return result;
}

static void assert_golden(const char *name, const char *extension, const struct buffer *text) {
    char *path = format("tests/golden/%s.%s", name, extension);
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
        struct result result = sample(), structure = structured();
        struct buffer text = {0};
        output_write(output, &result, false, &text);
        assert_golden("output", output->extension, &text);
        buffer_done(&text);
        if (output->structured) {
            output_write(output, &structure, false, &text);
            assert_golden("structure", output->extension, &text);
            buffer_done(&text);
        }
        result_done(&result);
        result_done(&structure);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_are_as_golden),
    };
    return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
