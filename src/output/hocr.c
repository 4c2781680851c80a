#include "output/hocr.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "output/place.h"
#include "output/xml.h"

void output_hocr_head(const struct result *result, const struct stages *sum, struct buffer *to) {
    (void)sum;
    buffer_add_string(to, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                          "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\" "
                          "\"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n"
                          "<html xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n<title>");
    xml_add(to, result->name, strlen(result->name));
    buffer_add_string(to, "</title>\n"
                          "<meta http-equiv=\"Content-Type\" content=\"text/html;charset=utf-8\"/>\n"
                          "<meta name=\"ocr-system\" content=\"octavo " OCTAVO_VERSION "\"/>\n"
                          "<meta name=\"ocr-capabilities\" content=\"ocr_page ocr_carea ocr_line ocrx_word\"/>\n"
                          "</head>\n<body>\n");
}

/* An element's class, id and bbox; its title stays open. */
static void open_element(struct buffer *to, const char *name, const char *class, const char *id, struct box box) {
    buffer_add_format(to, "<%s class=\"%s\" id=\"%s\" title=\"bbox %ld %ld %ld %ld", name, class, id, box.left, box.top,
                      box.right, box.bottom);
}

static void add_words(const struct page *page, const struct line *line, size_t number, struct buffer *to) {
    for (size_t i = 0; i < word_total(line); i++) {
        struct word word = word_at(line, i);
        char id[64];
        snprintf(id, sizeof(id), "word_%u_%zu_%zu", page->number, number, i + 1);
        uint32_t before = i > 0 ? line->words[i - 1].start + line->words[i - 1].length : word.start;
        buffer_add_string(to, word.start > before ? "\n" : "");
        open_element(to, "span", "ocrx_word", id, box_of_quad(page, &word.quad));
        buffer_add_format(to, "; x_wconf %ld\">", lroundf(100 * word.score));
        xml_add(to, line->text + word.start, word.length);
        buffer_add_string(to, "</span>");
    }
}

/* The line's lower edge from the box's lower left corner: slope, and offset in pixels. */
static void add_baseline(const struct line *line, struct box box, struct buffer *to) {
    const struct point *left = &line->quad.corner[3], *right = &line->quad.corner[2];
    float across = right->x - left->x, slope = (right->y - left->y) / across;
    if (across >= 1 && fabsf(slope) < 1) {
        float offset = left->y + slope * ((float)box.left - left->x) - (float)box.bottom;
        buffer_add_format(to, "; baseline %.4f %ld", (double)slope, lroundf(offset));
    } else {
        buffer_add_format(to, "; textangle %.2f", (double)(line->angle > 0 ? 360 - line->angle : -line->angle));
    }
}

static void add_line(const struct page *page, size_t number, struct buffer *to) {
    const struct line *line = &page->lines[number - 1];
    struct box box = box_of_quad(page, &line->quad);
    char id[64];
    snprintf(id, sizeof(id), "line_%u_%zu", page->number, number);
    open_element(to, "span", "ocr_line", id, box);
    add_baseline(line, box, to);
    buffer_add_string(to, "\">");
    add_words(page, line, number, to);
    buffer_add_string(to, "</span>\n");
}

void output_hocr_page(const struct page *page, bool first, struct buffer *to) {
    char id[64];
    (void)first;
    snprintf(id, sizeof(id), "page_%u", page->number);
    open_element(to, "div", "ocr_page", id, (struct box){0, 0, page->width, page->height});
    buffer_add_format(to, "; ppageno %u", page->number - 1);
    if (page->dpi > 0) {
        buffer_add_format(to, "; scan_res %ld %ld", lroundf(page->dpi), lroundf(page->dpi));
    }
    buffer_add_string(to, "\">\n");
    for (size_t i = 0, end; i < page->line_count; i = end) {
        end = block_end(page, i);
        snprintf(id, sizeof(id), "block_%u_%zu", page->number, i + 1);
        open_element(to, "div", "ocr_carea", id, box_of_lines(page, i, end));
        buffer_add_string(to, "\">\n");
        for (size_t k = i; k < end; k++) {
            add_line(page, k + 1, to);
        }
        buffer_add_string(to, "</div>\n");
    }
    buffer_add_string(to, "</div>\n");
}

void output_hocr_tail(struct buffer *to) { buffer_add_string(to, "</body>\n</html>\n"); }
