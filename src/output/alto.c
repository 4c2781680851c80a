#include "output/alto.h"

#include <string.h>

#include "output/place.h"
#include "output/xml.h"

void output_alto_head(const struct result *result, const struct stages *sum, struct buffer *to) {
    (void)sum;
    buffer_add_string(to, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                          "<alto xmlns=\"http://www.loc.gov/standards/alto/ns-v4#\" SCHEMAVERSION=\"4.4\">\n"
                          "<Description>\n<MeasurementUnit>pixel</MeasurementUnit>\n"
                          "<sourceImageInformation><fileName>");
    xml_add(to, result->name, strlen(result->name));
    buffer_add_string(to, "</fileName></sourceImageInformation>\n"
                          "<Processing ID=\"octavo\"><processingSoftware><softwareName>octavo</softwareName>"
                          "<softwareVersion>" OCTAVO_VERSION "</softwareVersion></processingSoftware></Processing>\n"
                          "</Description>\n<Layout>\n");
}

static void add_box(struct buffer *to, struct box box) {
    buffer_add_format(to, " HPOS=\"%ld\" VPOS=\"%ld\" WIDTH=\"%ld\" HEIGHT=\"%ld\"", box.left, box.top,
                      box.right - box.left, box.bottom - box.top);
}

/* A blank between two words, as wide as what is between their boxes. */
static void add_blank(struct buffer *to, struct box left, struct box right) {
    long width = right.left - left.right;
    buffer_add_format(to, "<SP HPOS=\"%ld\" VPOS=\"%ld\" WIDTH=\"%ld\"/>", left.right, right.top,
                      width > 0 ? width : 0);
}

static void add_line(const struct page *page, size_t number, struct buffer *to) {
    const struct line *line = &page->lines[number - 1];
    struct box last = box_of_quad(page, &line->quad);
    uint32_t end = 0;
    buffer_add_format(to, "<TextLine ID=\"line_%u_%zu\"", page->number, number);
    add_box(to, last);
    buffer_add_string(to, ">");
    for (size_t i = 0; i < word_total(line); i++) {
        struct word word = word_at(line, i);
        struct box box = box_of_quad(page, &word.quad);
        if (i > 0 && word.start > end) {
            add_blank(to, last, box);
        }
        buffer_add_format(to, "<String ID=\"word_%u_%zu_%zu\"", page->number, number, i + 1);
        add_box(to, box);
        buffer_add_format(to, " WC=\"%.4f\" CONTENT=\"", (double)word.score);
        xml_add(to, line->text + word.start, word.length);
        buffer_add_string(to, "\"/>");
        end = word.start + word.length;
        last = box;
    }
    buffer_add_string(to, "</TextLine>\n");
}

void output_alto_page(const struct page *page, bool first, struct buffer *to) {
    const struct box whole = {0, 0, page->width, page->height};
    (void)first;
    buffer_add_format(to, "<Page ID=\"page_%u\" PHYSICAL_IMG_NR=\"%u\" WIDTH=\"%u\" HEIGHT=\"%u\">\n<PrintSpace",
                      page->number, page->number, page->width, page->height);
    add_box(to, whole);
    buffer_add_string(to, ">\n");
    for (size_t i = 0, end; i < page->line_count; i = end) {
        end = block_end(page, i);
        buffer_add_format(to, "<TextBlock ID=\"block_%u_%zu\"", page->number, i + 1);
        add_box(to, box_of_lines(page, i, end));
        buffer_add_string(to, ">\n");
        for (size_t k = i; k < end; k++) {
            add_line(page, k + 1, to);
        }
        buffer_add_string(to, "</TextBlock>\n");
    }
    buffer_add_string(to, "</PrintSpace>\n</Page>\n");
}

void output_alto_tail(struct buffer *to) { buffer_add_string(to, "</Layout>\n</alto>\n"); }
