/* The formats against golden files; OCTAVO_GOLDEN=write makes them anew. */
#include <minizip/unzip.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "output/archive.h"
#include "output/cells.h"
#include "output/prose.h"
#include "output/writer.h"

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

/* The moment in PAGE XML becomes a fixed one. */
static void hide_time(struct buffer *text) {
    static const char *const elements[] = {"<Created>", "<LastChange>"};
    for (size_t i = 0; i < array_length(elements); i++) {
        for (char *at = text->data; at && (at = strstr(at, elements[i]));) {
            at += strlen(elements[i]);
            memcpy(at, "2026-11-24T04:35:30.123Z", 24);
        }
    }
}

static void assert_written(const struct output *output, struct result result, const char *golden) {
    const struct selection selection = {.outputs = {output}, .count = 1};
    struct buffer text = {0};
    assert_int_equal(output_write(&selection, &result, &(struct albums){0}, NULL, &text), 0);
    hide_time(&text);
    assert_golden(golden, output->extension, &text);
    buffer_done(&text);
    result_done(&result);
}

/* Of page files those of all pages follow each other here. tests/spec/test_outputs.py reads the binary ones. */
static void formats_are_as_golden(void **state) {
    (void)state;
    for (const struct output *output = outputs; output->word; output++) {
        if (!output->binary) {
            assert_written(output, sample(), "output");
        }
        if (!output->binary && output->structured) {
            assert_written(output, structured(), "structure");
        }
    }
}

/* What spreadsheets would calculate, decode or take apart. */
static struct result tricky(void) {
    static const char *const texts[] = {"=1+1", "-3.50", "007", "@\"a\",b", "_x0041_ _x41_", "-x", " tab\t"};
    struct result result = {
        .name = copy_string("x.png"), .format = copy_string("png"), .page_total = 1, .page_count = 1};
    result.pages = alloc(1, sizeof(*result.pages));
    struct page *page = &result.pages[0];
    *page = (struct page){.number = 7, .width = 800, .height = 600, .region_count = 1};
    page->regions = alloc(1, sizeof(*page->regions));
    struct region *table = page->regions;
    *table = (struct region){.type = REGION_TABLE, .rows = 3, .columns = 28, .cell_count = array_length(texts)};
    table->cells = alloc(table->cell_count, sizeof(*table->cells));
    for (uint32_t i = 0; i < table->cell_count; i++) {
        table->cells[i] = (struct cell){
            .row = i / 3, .column = i % 3 * 13 + i / 3, .rows = 1, .columns = 1, .text = copy_string(texts[i])};
    }
    table->cells[1].rows = 2;
    table->cells[1].columns = 13;
    return result;
}

/* In HTML the place of a cell is told by the rows before it, be there cells that begin in them or not. */
static void rows_in_which_no_cell_begins_are_rows(void **state) {
    (void)state;
    struct cell cells[] = {{.row = 0, .column = 0, .rows = 2, .columns = 1, .text = copy_string("a")},
                           {.row = 0, .column = 1, .rows = 2, .columns = 1, .text = copy_string("b")},
                           {.row = 2, .column = 0, .rows = 2, .columns = 1, .text = copy_string("c")},
                           {.row = 2, .column = 1, .rows = 2, .columns = 1, .text = copy_string("d")}};
    struct region table = {
        .type = REGION_TABLE, .rows = 4, .columns = 2, .cells = cells, .cell_count = array_length(cells)};
    struct buffer text = {0};
    prose_table(&table, &text);
    assert_string_equal(text.data, "<table>\n"
                                   "<tr><td rowspan=\"2\">a</td><td rowspan=\"2\">b</td></tr>\n<tr></tr>\n"
                                   "<tr><td rowspan=\"2\">c</td><td rowspan=\"2\">d</td></tr>\n<tr></tr>\n</table>\n");
    buffer_done(&text);
    for (size_t i = 0; i < array_length(cells); i++) {
        free(cells[i].text);
    }
}

static void tables_for_spreadsheets_have_no_formulas(void **state) {
    (void)state;
    assert_written(output_of("csv"), tricky(), "tables");
}

/* A cell as it comes in a table of one. */
static char *csv_of(const char *text) {
    struct cell cell = {.rows = 1, .columns = 1, .text = copy_string(text)};
    struct region table = {.type = REGION_TABLE, .rows = 1, .columns = 1, .cells = &cell, .cell_count = 1};
    struct page page = {.number = 1, .regions = &table, .region_count = 1};
    char name[] = "x.png", type[] = "png";
    struct result result = {.name = name, .format = type, .pages = &page, .page_total = 1, .page_count = 1};
    const struct selection selection = {.outputs = {output_of("csv")}, .count = 1};
    struct buffer written = {0};
    assert_int_equal(output_write(&selection, &result, &(struct albums){0}, NULL, &written), 0);
    free(cell.text);
    return written.data;
}

/* Where another sign than the comma separates cells, a cell is taken apart whether it is quoted or not. */
static void no_part_of_a_cell_is_a_formula(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"x;=HYPERLINK(1)", "\"x;'=HYPERLINK(1)\"\r\n"},
        {"x; \"=1\"", "\"x; \"\"'=1\"\"\"\r\n"},
        {"a\n=1", "\"a\n'=1\"\r\n"},
        {"\t=1", "\"'\t'=1\"\r\n"},
        {"-1\n-2.5\n-x", "\"'-1\n-2.5\n'-x\"\r\n"},
        {"\uFF1D1", "'\uFF1D1\r\n"},
        {"a;\uFF0B1", "\"a;'\uFF0B1\"\r\n"},
        {"\uFF0D1", "'\uFF0D1\r\n"},
        {"\uFF20A", "'\uFF20A\r\n"},
        {"\uFF1A=", "\uFF1A=\r\n"},
        {"a=b - c", "a=b - c\r\n"},
        {"-3.50", "-3.50\r\n"},
    };
    for (size_t i = 0; i < array_length(rows); i++) {
        char *written = csv_of(rows[i][0]);
        assert_string_equal(written, rows[i][1]);
        free(written);
    }
}

/* Adds the names of the files in an archive and what is in them; minizip checks their sums. */
static void add_files(const char *path, struct buffer *to) {
    unzFile archive = unzOpen64(path);
    assert_non_null(archive);
    for (int next = unzGoToFirstFile(archive); next == UNZ_OK; next = unzGoToNextFile(archive)) {
        char some[4096];
        assert_int_equal(unzGetCurrentFileInfo64(archive, NULL, some, sizeof(some), NULL, 0, NULL, 0), UNZ_OK);
        buffer_add_format(to, "%s\n", some);
        assert_int_equal(unzOpenCurrentFile(archive), UNZ_OK);
        for (int length; (length = unzReadCurrentFile(archive, some, sizeof(some))) > 0;) {
            buffer_add(to, some, (size_t)length);
        }
        assert_int_equal(unzCloseCurrentFile(archive), UNZ_OK);
    }
    unzClose(archive);
}

/* The parts of workbooks but for their packing, which is another with another zlib. */
static void workbooks_are_as_golden(void **state) {
    (void)state;
    const struct selection selection = {.outputs = {output_of("xlsx")}, .count = 1};
    struct result results[] = {tricky(), structured(), sample()};
    struct buffer parts = {0};
    for (size_t i = 0; i < array_length(results); i++) {
        char path[] = "/tmp/octavo-output-XXXXXX";
        struct buffer file = {0};
        int fd = mkstemp(path);
        assert_int_equal(output_write(&selection, &results[i], &(struct albums){0}, NULL, &file), 0);
        assert_int_equal(file_write(fd, file.data, file.length), 0);
        add_files(path, &parts);
        unlink(path);
        close(fd);
        buffer_done(&file);
        result_done(&results[i]);
    }
    assert_golden("tables", "xlsx.xml", &parts);
    buffer_done(&parts);
}

/* Figures of regions 5 and 10 of page 1, and of one that the result does not have. */
static void make_figures(struct albums *ret) {
    static const uint32_t places[][2] = {{1, 5}, {1, 10}, {2, 1}};
    int fd = memfd_create("figures", MFD_CLOEXEC);
    for (size_t i = 0; i < array_length(places); i++) {
        unsigned char head[ALBUM_HEAD];
        char *picture = format("picture of %u\n", places[i][1]);
        album_head(places[i][0], places[i][1], strlen(picture), head);
        assert_int_equal(file_write(fd, head, sizeof(head)), 0);
        assert_int_equal(file_write(fd, picture, strlen(picture)), 0);
        free(picture);
    }
    assert_int_equal(album_open(fd, 3, &ret->figures), 0);
    close(fd);
}

static void figures_are_linked_where_they_have_a_place(void **state) {
    (void)state;
    const struct selection selection = {.outputs = {output_of("markdown")}, .count = 1};
    struct albums albums cleanup(albums_done) = {0};
    struct result result cleanup(result_done) = structured();
    struct buffer plain cleanup(buffer_done) = {0}, none cleanup(buffer_done) = {0}, text cleanup(buffer_done) = {0};
    make_figures(&albums);
    assert_int_equal(output_write(&selection, &result, &(struct albums){0}, "name", &plain), 0);
    assert_int_equal(output_write(&selection, &result, &albums, NULL, &none), 0);
    assert_string_equal(plain.data, none.data);
    assert_int_equal(output_write(&selection, &result, &albums, "a) \n[\xC3\xBC](<%20", &text), 0);
    assert_non_null(
        strstr(text.data, "\n![figure](a%29%20%0A%5B%C3%BC%5D%28%3C%2520_files/page-1-region-5.png)\n\ntext"));
    assert_non_null(
        strstr(text.data, "\n![equation](a%29%20%0A%5B%C3%BC%5D%28%3C%2520_files/page-1-region-10.png)\n\na "));
    assert_null(strstr(text.data, "page-2"));
}

/* One figure at a time, and nothing else is changed. */
static void figures_are_within_html(void **state) {
    (void)state;
    static const char *const pictures[] = {
        "<p><img alt=\"figure\" src=\"data:image/png;base64,cGljdHVyZSBvZiA1Cg==\"></p>\n",
        "<p><img alt=\"equation\" src=\"data:image/png;base64,cGljdHVyZSBvZiAxMAo=\"></p>\n"};
    const struct selection selection = {.outputs = {output_of("html")}, .count = 1};
    struct albums albums cleanup(albums_done) = {0};
    struct result result cleanup(result_done) = structured();
    struct buffer plain cleanup(buffer_done) = {0}, text cleanup(buffer_done) = {0};
    make_figures(&albums);
    assert_int_equal(output_write(&selection, &result, &(struct albums){0}, NULL, &plain), 0);
    struct writer *writer cleanup(writer_drop) = writer_at_hand(&selection, &result, &albums, NULL);
    size_t found = 0;
    for (bool more = true; more;) {
        struct buffer piece cleanup(buffer_done) = {0};
        assert_int_equal(writer_step(writer, &piece, &more), 0);
        buffer_add_string(&piece, "");
        const char *picture = found < array_length(pictures) ? strstr(piece.data, pictures[found]) : NULL;
        size_t before = picture ? (size_t)(picture - piece.data) : piece.length;
        size_t length = picture ? strlen(pictures[found++]) : 0;
        buffer_add(&text, piece.data, before);
        buffer_add_string(&text, piece.data + before + length);
    }
    assert_int_equal(found, array_length(pictures));
    assert_string_equal(text.data, plain.data);
}

static void figures_that_are_shown_are_packed(void **state) {
    (void)state;
    const struct selection all = {
        .outputs = {output_of("markdown"), output_of("html"), output_of("text")}, .count = 3, .zip = true};
    struct albums albums cleanup(albums_done) = {0};
    struct result result cleanup(result_done) = structured();
    struct buffer file cleanup(buffer_done) = {0}, parts cleanup(buffer_done) = {0};
    char path[] = "/tmp/octavo-output-XXXXXX";
    int fd = mkstemp(path);
    make_figures(&albums);
    free(result.name);
    result.name = copy_string("..\\a b.png");
    assert_int_equal(output_write(&all, &result, &albums, NULL, &file), 0);
    assert_int_equal(file_write(fd, file.data, file.length), 0);
    add_files(path, &parts);
    unlink(path);
    close(fd);
    assert_non_null(strstr(parts.data, "(.._a%20b_files/page-1-region-5.png)\n"));
    assert_non_null(strstr(parts.data, "<p><img alt=\"figure\" src=\".._a%20b_files/page-1-region-5.png\"></p>\n"));
    const char *packed = strstr(parts.data, "\n.._a b_files/page-1-region-5.png\npicture of 5\n"
                                            ".._a b_files/page-1-region-10.png\npicture of 10\n");
    assert_non_null(packed);
    assert_string_equal(strstr(packed, "picture of 10\n"), "picture of 10\n"); /* and no more */
}

static void numbers_are_those_that_stay_as_they_stand(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int decimals; /* -1: it is none */
    } cases[] = {
        {"0", 0},
        {"12", 0},
        {"-7", 0},
        {"3.50", 2},
        {"-0.125", 3},
        {"123456789012345", 0},
        {"1.000000", 6},
        {"", -1},
        {"-", -1},
        {".5", -1},
        {"5.", -1},
        {"007", -1},
        {"1234567890123456", -1},
        {"1.0000000", -1},
        {"-0.00", -1},
        {"1,234", -1},
        {"1e5", -1},
        {"+1", -1},
        {" 1", -1},
        {"1.2.3", -1},
        {"1 ", -1},
        {"--1", -1},
        {"=1", -1},
        {"0x1", -1},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        unsigned decimals = 99;
        assert_int_equal(cell_is_number(cases[i].text, &decimals), cases[i].decimals >= 0);
        assert_int_equal(decimals, cases[i].decimals >= 0 ? (unsigned)cases[i].decimals : 99);
    }
}

static void selections_are_one_file_or_refused(void **state) {
    (void)state;
    static const struct {
        const char *formats;
        int read, one_page, many_pages;
        const char *type;
    } cases[] = {
        {"json", 0, 0, 0, "application/json"},
        {"page", 0, 0, ERR_SEVERAL_FILES, "application/vnd.prima.page+xml"},
        {"page,zip", 0, 0, 0, "application/zip"},
        {"zip,text,xlsx", 0, 0, 0, "application/zip"},
        {"text,json", 0, ERR_SEVERAL_FILES, ERR_SEVERAL_FILES, NULL},
        {"pdf", 0, 0, 0, "application/pdf"},
        {"png", 0, 0, ERR_SEVERAL_FILES, "image/png"},
        {"text,png,zip", 0, 0, 0, "application/zip"},
        {"zip", ERR_BAD_REQUEST, 0, 0, NULL},
        {"pdf,zip", ERR_BAD_REQUEST, 0, 0, NULL},
        {"text,pdf,zip", ERR_BAD_REQUEST, 0, 0, NULL},
        {"text,docx", ERR_BAD_REQUEST, 0, 0, NULL},
        {"text,", ERR_BAD_REQUEST, 0, 0, NULL},
        {"", ERR_BAD_REQUEST, 0, 0, NULL},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        struct selection selection = {.count = 77};
        assert_int_equal(selection_read(cases[i].formats, false, &selection), cases[i].read);
        if (cases[i].read != 0) {
            assert_int_equal(selection.count, 77);
            continue;
        }
        assert_int_equal(selection_expect_file(&selection, 1), cases[i].one_page);
        assert_int_equal(selection_expect_file(&selection, 3), cases[i].many_pages);
        if (cases[i].type) {
            assert_string_equal(selection_type(&selection), cases[i].type);
        }
    }
}

/* The same in pieces and at once, and the same each time. */
static void archives_come_in_pieces(void **state) {
    (void)state;
    struct buffer text = {0}, pieces = {0};
    for (int round = 0; round < 2; round++) {
        struct archive *archive = archive_new();
        for (int i = 0; i < 3; i++) {
            char *name = format("%d/\xC3\xA4.txt", i);
            assert_int_equal(archive_begin(archive, name), 0);
            free(name);
            for (int k = 0; k < 1000; k++) {
                buffer_add_format(&text, "%d;", k * k * i);
            }
            assert_int_equal(archive_add(archive, &text), 0);
            buffer_done(&text);
            if (round > 0) {
                archive_take(archive, &pieces);
            }
        }
        assert_int_equal(archive_end(archive), 0);
        archive_take(archive, round > 0 ? &pieces : &text);
        archive_drop(&archive);
        if (round == 0) {
            pieces = text;
            text = (struct buffer){0};
        }
    }
    assert_int_equal(pieces.length % 2, 0);
    assert_memory_equal(pieces.data, pieces.data + pieces.length / 2, pieces.length / 2);
    buffer_done(&pieces);
    struct archive *unfinished = archive_new();
    assert_int_equal(archive_begin(unfinished, "a"), 0);
    archive_drop(&unfinished);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_are_as_golden),
        cmocka_unit_test(rows_in_which_no_cell_begins_are_rows),
        cmocka_unit_test(tables_for_spreadsheets_have_no_formulas),
        cmocka_unit_test(no_part_of_a_cell_is_a_formula),
        cmocka_unit_test(workbooks_are_as_golden),
        cmocka_unit_test(figures_are_linked_where_they_have_a_place),
        cmocka_unit_test(figures_are_within_html),
        cmocka_unit_test(figures_that_are_shown_are_packed),
        cmocka_unit_test(numbers_are_those_that_stay_as_they_stand),
        cmocka_unit_test(selections_are_one_file_or_refused),
        cmocka_unit_test(archives_come_in_pieces),
    };
    return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
