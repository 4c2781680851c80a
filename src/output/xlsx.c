#include "output/xlsx.h"

#include <ctype.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "output/archive.h"
#include "output/cells.h"
#include "output/xml.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
#define MAIN "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
#define RELATIONS "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
#define PACKAGE "http://schemas.openxmlformats.org/package/2006/"
#define SHEET_TYPE "application/vnd.openxmlformats-officedocument.spreadsheetml."

enum {
    MOST_CHARACTERS = 32767, /* that a cell may have */
    FIRST_STYLE = 164        /* the first number of a format that is not built in */
};

struct xlsx {
    struct archive *archive;
    uint32_t sheets;
    struct buffer list, relations, types; /* what the parts at the end say of each sheet */
};

static void *open_workbook(void) {
    struct xlsx *xlsx = alloc(1, sizeof(*xlsx));
    xlsx->archive = archive_new();
    return xlsx;
}

static void drop_workbook(void *state) {
    struct xlsx *xlsx = state;
    archive_drop(&xlsx->archive);
    buffer_done(&xlsx->list);
    buffer_done(&xlsx->relations);
    buffer_done(&xlsx->types);
    free(xlsx);
}

/* Sheets */

/* "_x0041_" stands for a character in a workbook; as text its first sign is written so itself. */
static bool is_escape(const char *text) {
    bool hex = strncmp(text, "_x", 2) == 0;
    for (size_t i = 2; hex && i < 6; i++) {
        hex = isxdigit((unsigned char)text[i]) != 0;
    }
    return hex && text[6] == '_';
}

static void add_text(const char *text, struct buffer *to) {
    size_t rest = strlen(text);
    uint32_t code;
    for (size_t count = 0; rest > 0 && count < MOST_CHARACTERS; count++) {
        size_t length = utf8_next(text, rest, &code);
        buffer_add_string(to, is_escape(text) ? "_x005F" : "");
        xml_add(to, text, length);
        text += length;
        rest -= length;
    }
}

/* A1 is at the top left; after Z comes AA. */
static void add_place(uint32_t row, uint32_t column, struct buffer *to) {
    char letters[8];
    size_t at = sizeof(letters);
    for (uint32_t rest = column + 1; rest > 0; rest = (rest - 1) / 26) {
        letters[--at] = (char)('A' + (rest - 1) % 26);
    }
    buffer_add(to, letters + at, sizeof(letters) - at);
    buffer_add_format(to, "%u", row + 1);
}

static void add_cell(const struct cell *cell, struct buffer *to) {
    unsigned decimals;
    buffer_add_string(to, "<c r=\"");
    add_place(cell->row, cell->column, to);
    if (cell_is_number(cell->text, &decimals)) {
        buffer_add_format(to, "\" s=\"%u\"><v>%s</v></c>", decimals, cell->text);
        return;
    }
    buffer_add_string(to, "\" t=\"inlineStr\"><is><t xml:space=\"preserve\">");
    add_text(cell->text, to);
    buffer_add_string(to, "</t></is></c>");
}

static void add_merges(const struct region *table, struct buffer *to) {
    uint32_t count = 0;
    for (size_t i = 0; i < table->cell_count; i++) {
        const struct cell *cell = &table->cells[i];
        if (cell->rows > 1 || cell->columns > 1) {
            buffer_add_string(to, count++ == 0 ? "<mergeCells><mergeCell ref=\"" : "<mergeCell ref=\"");
            add_place(cell->row, cell->column, to);
            buffer_add_string(to, ":");
            add_place(cell->row + cell->rows - 1, cell->column + cell->columns - 1, to);
            buffer_add_string(to, "\"/>");
        }
    }
    buffer_add_string(to, count > 0 ? "</mergeCells>" : "");
}

static void fill_sheet(const struct region *table, struct buffer *to) {
    for (size_t i = 0; i < table->cell_count; i++) {
        const struct cell *cell = &table->cells[i];
        if (i == 0 || cell->row != cell[-1].row) {
            buffer_add_format(to, "%s<row r=\"%u\">", i > 0 ? "</row>\n" : "", cell->row + 1);
        }
        add_cell(cell, to);
    }
    buffer_add_string(to, table->cell_count > 0 ? "</row>\n" : "");
}

/* Parts */

static int add_part(struct xlsx *xlsx, const char *name, const struct buffer *part) {
    int result = archive_begin(xlsx->archive, name);
    return result ? result : archive_add(xlsx->archive, part);
}

static int add_sheet(struct xlsx *xlsx, const struct region *table, const char *title) {
    struct buffer sheet cleanup(buffer_done) = {0};
    uint32_t number = ++xlsx->sheets;
    char *name cleanup(drop_memory) = format("xl/worksheets/sheet%u.xml", number);
    buffer_add_format(&xlsx->list, "<sheet name=\"%s\" sheetId=\"%u\" r:id=\"sheet%u\"/>", title, number, number);
    buffer_add_format(&xlsx->relations,
                      "<Relationship Id=\"sheet%u\" Type=\"" RELATIONS "/worksheet\""
                      " Target=\"worksheets/sheet%u.xml\"/>",
                      number, number);
    buffer_add_format(&xlsx->types, "<Override PartName=\"/%s\" ContentType=\"" SHEET_TYPE "worksheet+xml\"/>", name);
    buffer_add_string(&sheet, HEAD "<worksheet xmlns=\"" MAIN "\"><sheetData>\n");
    fill_sheet(table, &sheet);
    buffer_add_string(&sheet, "</sheetData>");
    add_merges(table, &sheet);
    buffer_add_string(&sheet, "</worksheet>\n");
    return add_part(xlsx, name, &sheet);
}

static int add_page(void *state, const struct page *page, struct buffer *to) {
    struct xlsx *xlsx = state;
    int result = 0;
    for (size_t i = 0; i < page->region_count && result == 0; i++) {
        if (page->regions[i].cell_count > 0 && !page->regions[i].continued) {
            char *title cleanup(drop_memory) = format("Table %u, page %u", xlsx->sheets + 1, page->number);
            result = add_sheet(xlsx, &page->regions[i], title);
        }
    }
    archive_take(xlsx->archive, to);
    return result;
}

/* Font, fills, border and the base of all styles, as spreadsheets expect them. */
#define LOOKS                                                                                                          \
    "<fonts count=\"1\"><font><sz val=\"11\"/><name val=\"Calibri\"/></font></fonts>"                                  \
    "<fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill>"                                              \
    "<fill><patternFill patternType=\"gray125\"/></fill></fills>"                                                      \
    "<borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders>"                        \
    "<cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs>"

/* Style N shows N digits behind the point; style 0 is the general one, which shows whole numbers as they are. */
static void add_styles(struct buffer *to) {
    buffer_add_format(to, HEAD "<styleSheet xmlns=\"" MAIN "\"><numFmts count=\"%d\">", CELL_DECIMALS);
    for (int i = 1; i <= CELL_DECIMALS; i++) {
        buffer_add_format(to, "<numFmt numFmtId=\"%d\" formatCode=\"0.%0*d\"/>", FIRST_STYLE + i, i, 0);
    }
    buffer_add_format(to, "</numFmts>" LOOKS "<cellXfs count=\"%d\">", CELL_DECIMALS + 1);
    for (int i = 0; i <= CELL_DECIMALS; i++) {
        buffer_add_format(to,
                          "<xf numFmtId=\"%d\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\""
                          " applyNumberFormat=\"1\"/>",
                          i > 0 ? FIRST_STYLE + i : 0);
    }
    buffer_add_string(to, "</cellXfs><cellStyles count=\"1\"><cellStyle name=\"Normal\" xfId=\"0\""
                          " builtinId=\"0\"/></cellStyles></styleSheet>\n");
}

/* The parts that say what and where the others are. */
static int add_frame(struct xlsx *xlsx) {
    struct buffer parts[5] = {{0}};
    static const char *const names[] = {"xl/styles.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "_rels/.rels",
                                        "[Content_Types].xml"};
    add_styles(&parts[0]);
    buffer_add_format(&parts[1],
                      HEAD "<workbook xmlns=\"" MAIN "\" xmlns:r=\"" RELATIONS "\"><sheets>%s</sheets></workbook>\n",
                      xlsx->list.data);
    buffer_add_format(&parts[2],
                      HEAD "<Relationships xmlns=\"" PACKAGE "relationships\">%s<Relationship Id=\"styles\""
                           " Type=\"" RELATIONS "/styles\" Target=\"styles.xml\"/></Relationships>\n",
                      xlsx->relations.data);
    buffer_add_string(&parts[3], HEAD "<Relationships xmlns=\"" PACKAGE "relationships\"><Relationship Id=\"workbook\""
                                      " Type=\"" RELATIONS "/officeDocument\" Target=\"xl/workbook.xml\"/>"
                                      "</Relationships>\n");
    buffer_add_format(&parts[4],
                      HEAD "<Types xmlns=\"" PACKAGE "content-types\"><Default Extension=\"rels\""
                           " ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>"
                           "<Override PartName=\"/xl/workbook.xml\" ContentType=\"" SHEET_TYPE "sheet.main+xml\"/>"
                           "<Override PartName=\"/xl/styles.xml\" ContentType=\"" SHEET_TYPE
                           "styles+xml\"/>%s</Types>\n",
                      xlsx->types.data);
    int result = 0;
    for (size_t i = 0; i < array_length(parts); i++) {
        result = result ? result : add_part(xlsx, names[i], &parts[i]);
        buffer_done(&parts[i]);
    }
    return result;
}

/* A workbook has one sheet at least. */
static int close_workbook(void *state, struct buffer *to) {
    struct xlsx *xlsx = state;
    const struct region nothing = {.rows = 0};
    int result = xlsx->sheets == 0 ? add_sheet(xlsx, &nothing, "No tables") : 0;
    result = result ? result : add_frame(xlsx);
    result = result ? result : archive_end(xlsx->archive);
    archive_take(xlsx->archive, to);
    return result;
}

const struct output_state output_xlsx = {
    .open = open_workbook, .page = add_page, .close = close_workbook, .drop = drop_workbook};
