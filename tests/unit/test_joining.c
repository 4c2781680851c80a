/* Tables that go on over pages: when, with which flags, and put together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "output/writer.h"

#include <cmocka.h> /* last: it has a macro fail() */

static void add_region(struct page *page, enum region_type type, float top, float bottom) {
    page->regions = resize(page->regions, page->region_count + 1, sizeof(*page->regions));
    page->regions[page->region_count++] =
        (struct region){.type = type, .score = 1, .quad = {{{50, top}, {550, top}, {550, bottom}, {50, bottom}}}};
}

/* rows: cells of two columns as text, a row after the other, a blank between. */
static void add_table(struct page *page, const char *rows) {
    add_region(page, REGION_TABLE, 100, 700);
    struct region *table = &page->regions[page->region_count - 1];
    char *copy cleanup(drop_memory) = copy_string(rows), *rest = NULL;
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        table->cells = resize(table->cells, table->cell_count + 1, sizeof(*table->cells));
        uint32_t place = (uint32_t)table->cell_count;
        table->cells[table->cell_count++] =
            (struct cell){.row = place / 2, .column = place % 2, .rows = 1, .columns = 1, .text = copy_string(word)};
    }
    table->columns = 2;
    table->rows = (uint32_t)table->cell_count / 2;
}

/* So many pages of a header, a table and a number at the foot. */
static struct result book(const char *const *tables, uint32_t count) {
    struct result result = {.name = copy_string("x.pdf"),
                            .format = copy_string("pdf"),
                            .engine = copy_string("onnxruntime 1.32.0"),
                            .page_total = count,
                            .page_count = count};
    result.pages = alloc(count, sizeof(*result.pages));
    for (uint32_t i = 0; i < count; i++) {
        struct page *page = &result.pages[i];
        *page = (struct page){.number = i + 1, .width = 600, .height = 800};
        add_region(page, REGION_HEADER, 60, 80);
        add_table(page, tables[i]);
        add_region(page, REGION_TEXT, 770, 790);
    }
    return result;
}

static char *written(const struct result *result, const char *format) {
    const struct selection selection = {.outputs = {output_of(format)}, .count = 1};
    struct buffer text = {0};
    assert_int_equal(output_write(&selection, result, &(struct albums){0}, NULL, &text), 0);
    return buffer_take(&text);
}

/* The rows of all tables, and where tables begin, as CSV has them. */
static void assert_joined(const struct result *result, const char *expected) {
    char *text cleanup(drop_memory) = written(result, "csv");
    assert_string_equal(text, expected);
}

static size_t occurrences(const char *text, const char *word) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, word)); at++) {
        count++;
    }
    return count;
}

static void assert_flags(const struct result *result, size_t continues, size_t continued) {
    char *text cleanup(drop_memory) = written(result, "json");
    assert_int_equal(occurrences(text, "\"continues\":true"), continues);
    assert_int_equal(occurrences(text, "\"continued\":true"), continued);
}

static const char *const three[] = {"h1 h2 a b", "h1 h2 c d", "e f"};

static void parts_become_one_table(void **state) {
    (void)state;
    struct result result = book(three, 3);
    assert_joined(&result, "h1,h2\r\na,b\r\nc,d\r\ne,f\r\n");
    assert_flags(&result, 2, 2);
    for (int i = 0; i < 2; i++) {
        char *text cleanup(drop_memory) = written(&result, i == 0 ? "html" : "markdown");
        assert_int_equal(occurrences(text, i == 0 ? "<table>" : "| --- | --- |"), 1);
        assert_int_equal(occurrences(text, "h1"), 1);
    }
    result_done(&result);
}

/* What stands between, or is not alike, ends a table. */
static void others_stay_apart(void **state) {
    (void)state;
    const char *apart = "h1,h2\r\na,b\r\n\r\nh1,h2\r\nc,d\r\ne,f\r\n";
    for (int kind = 0; kind < 4; kind++) {
        struct result result = book(three, 3);
        struct page *first = &result.pages[0];
        if (kind == 0) {
            add_region(first, REGION_TEXT, 710, 730);
        } else if (kind == 1) {
            first->regions[1].quad.corner[1].x = first->regions[1].quad.corner[2].x = 500;
        } else if (kind == 2) {
            first->angle = 180; /* the page was turned: its edges are others, for the table is not in the middle */
            first->regions[1].quad = (struct quad){{{450, 700}, {20, 700}, {20, 100}, {450, 100}}};
        } else {
            result.pages[1].number = 3; /* a page between them is missing */
            result.pages[2].number = 4;
        }
        assert_joined(&result, apart);
        assert_flags(&result, 1, 1);
        result_done(&result);
    }
    struct result result = book(three, 1);
    assert_joined(&result, "h1,h2\r\na,b\r\n");
    assert_flags(&result, 0, 0);
    result_done(&result);
}

/* Two tables on the page between: one ends there, another begins. */
static void a_page_may_end_one_and_begin_another(void **state) {
    (void)state;
    struct result result = book(three, 3);
    struct page *second = &result.pages[1];
    second->regions[2].type = REGION_TEXT;
    second->regions[2].quad.corner[0].y = second->regions[2].quad.corner[1].y = 710;
    add_table(second, "x1 x2 g h");
    assert_joined(&result, "h1,h2\r\na,b\r\nc,d\r\n\r\nx1,x2\r\ng,h\r\ne,f\r\n");
    assert_flags(&result, 2, 2);
    result_done(&result);
}

static void a_head_of_spans_is_dropped_whole_or_not_at_all(void **state) {
    (void)state;
    static const char *const tables[] = {"h1 h2 i1 i2 a b", "h1 h2 i1 i2 c d"};
    struct result result = book(tables, 2);
    result.pages[0].regions[1].cells[0].rows = result.pages[1].regions[1].cells[0].rows = 2;
    for (int i = 0; i < 2; i++) { /* the place below the first cell is its own */
        struct region *table = &result.pages[i].regions[1];
        free(table->cells[2].text);
        memmove(&table->cells[2], &table->cells[3], 3 * sizeof(*table->cells));
        table->cell_count--;
    }
    assert_joined(&result, "h1,h2\r\n,i2\r\na,b\r\nc,d\r\n");
    free(result.pages[1].regions[1].cells[2].text);
    result.pages[1].regions[1].cells[2].text = copy_string("j2");
    assert_joined(&result, "h1,h2\r\n,i2\r\na,b\r\nh1,h2\r\n,j2\r\nc,d\r\n");
    result_done(&result);
}

/* No table takes more than 64 pages, so that no more is ever held. */
static void long_tables_are_begun_anew(void **state) {
    (void)state;
    const char *tables[130];
    for (size_t i = 0; i < array_length(tables); i++) {
        tables[i] = "h1 h2 a b";
    }
    struct result result = book(tables, array_length(tables));
    char *text cleanup(drop_memory) = written(&result, "csv");
    assert_int_equal(occurrences(text, "h1"), 3);
    assert_int_equal(occurrences(text, "a,b"), 130);
    assert_flags(&result, 127, 127);
    result_done(&result);
}

static int no_page(void *context, uint32_t number, const struct page **ret) {
    const struct result *result = context;
    if (number == 1) {
        return ERR_OUTPUT;
    }
    *ret = result->pages;
    return 0;
}

static void a_source_that_fails_is_told(void **state) {
    (void)state;
    struct result result = book(three, 1);
    const struct page_source source = {.next = no_page, .context = &result};
    const struct selection selection = {.outputs = {output_of("html")}, .count = 1};
    struct stages sum = {0};
    struct writer *writer = writer_new(&selection, &result, &sum, &source);
    struct buffer text = {0};
    bool more = true;
    assert_int_equal(writer_step(writer, &text, &more), ERR_OUTPUT);
    writer_drop(&writer);
    buffer_done(&text);
    result_done(&result);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(parts_become_one_table),
                                       cmocka_unit_test(others_stay_apart),
                                       cmocka_unit_test(a_page_may_end_one_and_begin_another),
                                       cmocka_unit_test(a_head_of_spans_is_dropped_whole_or_not_at_all),
                                       cmocka_unit_test(long_tables_are_begun_anew),
                                       cmocka_unit_test(a_source_that_fails_is_told)};
    return cmocka_run_group_tests_name("joining", tests, NULL, NULL);
}
