#include "output/page_xml.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "output/place.h"
#include "output/prose.h"
#include "output/xml.h"

#define SPACE "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"

/* How the kinds of regions are called there; type: of a TextRegion, NULL: the region holds one. */
static const struct {
    const char *element, *type;
} kinds[REGION_TYPE_COUNT] = {
    [REGION_TEXT] = {"TextRegion", "paragraph"},  [REGION_TITLE] = {"TextRegion", "heading"},
    [REGION_FIGURE] = {"ImageRegion", NULL},      [REGION_FIGURE_CAPTION] = {"TextRegion", "caption"},
    [REGION_TABLE] = {"TableRegion", NULL},       [REGION_TABLE_CAPTION] = {"TextRegion", "caption"},
    [REGION_HEADER] = {"TextRegion", "header"},   [REGION_FOOTER] = {"TextRegion", "footer"},
    [REGION_REFERENCE] = {"TextRegion", "other"}, [REGION_EQUATION] = {"MathsRegion", NULL},
    [REGION_SEAL] = {"GraphicRegion", NULL},      [REGION_CHART] = {"ChartRegion", NULL},
};

/* The file's name stands for the picture of the page, which a PDF does not have. */
void output_page_xml_head(const struct result *result, const struct stages *sum, struct buffer *to) {
    char *now cleanup(drop_memory) = clock_text(clock_wall());
    (void)sum;
    buffer_add_format(to,
                      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PcGts xmlns=\"" SPACE "\">\n"
                      "<Metadata>\n<Creator>octavo " OCTAVO_VERSION "</Creator>\n<Created>%s</Created>\n"
                      "<LastChange>%s</LastChange>\n</Metadata>\n<Page imageFilename=\"",
                      now, now);
    xml_add(to, result->name, strlen(result->name));
    buffer_add_string(to, "\"");
}

/* The corners from first on, count of them, going round. */
static void add_points(const struct page *page, const struct quad *quad, int first, int step, int count,
                       struct buffer *to) {
    for (int i = 0; i < count; i++) {
        const struct point *corner = &quad->corner[(first + step * i) & 3];
        buffer_add_format(to, "%s%ld,%ld", i > 0 ? " " : "", place_within(corner->x, page->width),
                          place_within(corner->y, page->height));
    }
}

static void add_coordinates(const struct page *page, const struct quad *quad, float score, struct buffer *to) {
    buffer_add_string(to, "<Coords points=\"");
    add_points(page, quad, 0, 1, 4, to);
    buffer_add_string(to, "\"");
    if (score > 0) {
        buffer_add_format(to, " conf=\"%.4f\"", (double)score);
    }
    buffer_add_string(to, "/>");
}

static void add_text(const char *text, size_t length, float score, struct buffer *to) {
    buffer_add_format(to, "<TextEquiv conf=\"%.4f\"><Unicode>", (double)score);
    xml_add(to, text, length);
    buffer_add_string(to, "</Unicode></TextEquiv>");
}

static void add_line(const struct page *page, size_t number, struct buffer *to) {
    const struct line *line = &page->lines[number - 1];
    buffer_add_format(to, "<TextLine id=\"line_%zu\">", number);
    add_coordinates(page, &line->quad, 0, to);
    buffer_add_string(to, "<Baseline points=\"");
    add_points(page, &line->quad, 3, -1, 2, to);
    buffer_add_string(to, "\"/>\n");
    for (size_t i = 0; i < word_total(line); i++) {
        struct word word = word_at(line, i);
        buffer_add_format(to, "<Word id=\"word_%zu_%zu\">", number, i + 1);
        add_coordinates(page, &word.quad, 0, to);
        add_text(line->text + word.start, word.length, word.score, to);
        buffer_add_string(to, "</Word>\n");
    }
    add_text(line->text, strlen(line->text), line->score, to);
    buffer_add_string(to, "</TextLine>\n");
}

/* The lines of a region, and its text. */
static void add_lines(const struct page *page, uint32_t region, struct buffer *to) {
    struct buffer text cleanup(buffer_done) = {0};
    size_t first = prose_first_line(page, region), end = first;
    float sum = 0;
    for (; end < page->line_count && page->lines[end].region == region; end++) {
        add_line(page, end + 1, to);
        buffer_add_string(&text, end > first ? "\n" : "");
        buffer_add_string(&text, page->lines[end].text);
        sum += page->lines[end].score;
    }
    if (end > first) {
        add_text(text.data, text.length, sum / (float)(end - first), to);
        buffer_add_string(to, "\n");
    }
}

static void add_region(const struct page *page, uint32_t index, struct buffer *to) {
    const struct region *region = &page->regions[index];
    const char *element = kinds[region->type].element, *type = kinds[region->type].type;
    buffer_add_format(to, "<%s id=\"region_%u\"", element, index + 1);
    if (type) {
        buffer_add_format(to, " type=\"%s\"", type);
    }
    if (region->type == REGION_TABLE && region->rows > 0) {
        buffer_add_format(to, " rows=\"%u\" columns=\"%u\"", region->rows, region->columns);
    }
    buffer_add_string(to, ">");
    add_coordinates(page, &region->quad, region->score, to);
    buffer_add_string(to, "\n");
    bool holds = !type && prose_first_line(page, index) < page->line_count;
    if (holds) {
        buffer_add_format(to, "<TextRegion id=\"region_%u_text\">", index + 1);
        add_coordinates(page, &region->quad, 0, to);
        buffer_add_string(to, "\n");
    }
    add_lines(page, index, to);
    buffer_add_format(to, "%s</%s>\n", holds ? "</TextRegion>\n" : "", element);
}

static void add_order(const struct page *page, struct buffer *to) {
    buffer_add_string(to, "<ReadingOrder><OrderedGroup id=\"order\">\n");
    for (size_t i = 0; i < page->region_count; i++) {
        buffer_add_format(to, "<RegionRefIndexed index=\"%zu\" regionRef=\"region_%zu\"/>\n", i, i + 1);
    }
    buffer_add_string(to, "</OrderedGroup></ReadingOrder>\n");
}

void output_page_xml_page(const struct page *page, bool first, struct buffer *to) {
    int turn = page->angle > 180 ? 360 - page->angle : page->angle == 180 ? 180 : -page->angle;
    (void)first;
    buffer_add_format(to, " imageWidth=\"%u\" imageHeight=\"%u\"", page->width, page->height);
    if (page->dpi > 0) {
        buffer_add_format(to, " imageXResolution=\"%.1f\" imageYResolution=\"%.1f\" imageResolutionUnit=\"PPI\"",
                          (double)page->dpi, (double)page->dpi);
    }
    buffer_add_format(to, " orientation=\"%d\">\n", turn);
    if (page->region_count > 0) {
        add_order(page, to);
    }
    for (uint32_t i = 0; i < page->region_count; i++) {
        add_region(page, i, to);
    }
    buffer_add_string(to, "</Page>\n");
}

void output_page_xml_tail(struct buffer *to) { buffer_add_string(to, "</PcGts>\n"); }
