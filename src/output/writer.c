#include "output/writer.h"

#include <ctype.h>

#include "base/error.h"
#include "base/memory.h"
#include "output/archive.h"
#include "output/figures.h"
#include "output/joining.h"

/* Format by format, each from the first page to the last. Bytes go to the archive, if there is one, or straight out. */
struct writer {
    struct selection selection;
    const struct result *result;
    const struct stages *sum;
    struct page_source source;
    struct joining joining;
    struct archive *archive; /* NULL: none is wanted */
    char *stem;              /* of the names in it */
    bool *linked;            /* of the album's figures: whether a page links it */
    size_t figure;           /* index of the next one that goes to the archive */
    size_t format;           /* index in the selection */
    bool begun;              /* the format was */
    uint32_t number;         /* the page of it that was written last */
    const struct page *page; /* of it some regions were written; NULL: none, or all. The joining's */
    uint32_t region;         /* how many */
    void *state;             /* of the format, or NULL */
    struct stages own;       /* of pages at hand */
};

/* What unpacks the archive shall take it for one plain name. */
static char *safe_stem(const char *name) {
    char *stem = output_stem(name);
    for (char *at = stem; *at; at++) {
        *at = *at == '\\' || iscntrl((unsigned char)*at) ? '_' : *at;
    }
    return stem;
}

struct writer *writer_new(const struct selection *selection, const struct result *result, const struct stages *sum,
                          const struct page_source *source) {
    struct writer *writer = alloc(1, sizeof(*writer));
    *writer = (struct writer){.selection = *selection,
                              .result = result,
                              .sum = sum,
                              .source = *source,
                              .archive = selection->zip ? archive_new() : NULL,
                              .stem = safe_stem(result->name)};
    if (source->albums.figures) {
        writer->linked = alloc(source->albums.figures->count, sizeof(*writer->linked));
    }
    return writer;
}

static const struct output *format_of(const struct writer *writer) { return writer->selection.outputs[writer->format]; }

static void drop_state(struct writer *writer) {
    if (writer->state) {
        format_of(writer)->state->drop(take(writer->state));
    }
}

void writer_drop(struct writer **writer) {
    struct writer *old = take(*writer);
    if (old) {
        drop_state(old);
        joining_done(&old->joining);
        archive_drop(&old->archive);
        free(old->linked);
        free(old->stem);
        free(old);
    }
}

/* page: the file is of this page alone; NULL: of all. Several pages are told apart by number. */
static int begin_file(struct writer *writer, const struct page *page) {
    const char *extension = format_of(writer)->extension;
    if (!writer->archive) {
        return 0;
    }
    char *name cleanup(drop_memory) = page && writer->result->page_total > 1
                                          ? format("%s-%u.%s", writer->stem, page->number, extension)
                                          : format("%s.%s", writer->stem, extension);
    return archive_begin(writer->archive, name);
}

static void add_head(const struct writer *writer, struct buffer *to) {
    if (format_of(writer)->head) {
        format_of(writer)->head(writer->result, writer->sum, to);
    }
}

static void add_tail(const struct writer *writer, struct buffer *to) {
    if (format_of(writer)->tail) {
        format_of(writer)->tail(to);
    }
}

static int begin_format(struct writer *writer, struct buffer *to) {
    const struct output *output = format_of(writer);
    writer->begun = true;
    writer->number = 0;
    joining_done(&writer->joining);
    if (output->page_files) {
        return 0;
    }
    if (output->state) {
        writer->state = output->state->open();
    } else {
        add_head(writer, to);
    }
    return begin_file(writer, NULL);
}

/* None where none could be made, which was told; where there are some, none is missing. */
static int add_picture(struct writer *writer, const struct page *page, struct buffer *to) {
    const struct album *album = writer->source.albums.pictures;
    const struct album_entry *entry = album ? album_find(album, page->number, 0) : NULL;
    if (!entry) {
        return album ? fail(ERR_OUTPUT, "there is no picture of page %u", page->number) : 0;
    }
    int result = begin_file(writer, page);
    return result ? result : album_read(album, entry, to);
}

static int add_page(struct writer *writer, const struct page *page, struct buffer *to) {
    const struct output *output = format_of(writer);
    bool first = writer->number == 0;
    int result = 0;
    writer->number = page->number;
    if (output->made == MADE_PICTURE) {
        return add_picture(writer, page, to);
    }
    if (output->state) {
        return output->state->page(writer->state, page, to);
    }
    if (output->page_files) {
        result = begin_file(writer, page);
        add_head(writer, to);
    }
    output_page(output, page, writer->selection.words, first || output->page_files, to);
    if (output->page_files) {
        add_tail(writer, to);
    }
    return result;
}

/* The page's regions that have figures say where these are: in the archive, where HTML has them beside it as well, for
 * a file of an archive is held until it ends; or beside the text. */
static void link_figures(struct writer *writer, const struct page *page) {
    const struct album *figures = writer->source.albums.figures;
    const char *stem = writer->archive ? writer->stem : writer->source.beside;
    if (!figures || !stem || !format_of(writer)->figures) {
        return;
    }
    for (size_t i = 0; i < page->region_count; i++) {
        const struct album_entry *figure = album_find(figures, page->number, (uint32_t)i + 1);
        if (figure) {
            writer->joining.regions[i].picture = figures_url(stem, figure);
            writer->linked[figure - figures->entries] = true;
        }
    }
}

/* Regions of the page up to the next one that has a figure, and that with it. */
static int add_regions(struct writer *writer, struct buffer *to) {
    const struct page *page = writer->page;
    const struct album_entry *figure = NULL;
    uint32_t from = writer->region, end = from, count = (uint32_t)page->region_count;
    while (end < count && !figure) {
        figure = album_find(writer->source.albums.figures, page->number, ++end);
    }
    char **picture = figure ? &writer->joining.regions[end - 1].picture : NULL;
    int result = figure ? figures_data(writer->source.albums.figures, figure, picture) : 0;
    format_of(writer)->regions(page, from, end, to);
    if (figure) {
        free(take(*picture));
    }
    writer->region = end;
    writer->page = end < count ? page : NULL;
    return result;
}

static int begin_regions(struct writer *writer, const struct page *page, struct buffer *to) {
    writer->page = page;
    writer->number = page->number;
    writer->region = 0;
    return add_regions(writer, to);
}

/* Figures that were linked go to the archive when all formats did. */
static bool has_figure(struct writer *writer) {
    const struct album *figures = writer->archive ? writer->source.albums.figures : NULL;
    while (figures && writer->figure < figures->count && !writer->linked[writer->figure]) {
        writer->figure++;
    }
    return figures && writer->figure < figures->count;
}

static int add_figure(struct writer *writer, struct buffer *to) {
    const struct album *figures = writer->source.albums.figures;
    const struct album_entry *figure = &figures->entries[writer->figure++];
    char *file cleanup(drop_memory) = figures_file(writer->stem, figure);
    int result = archive_begin(writer->archive, file);
    return result ? result : album_read(figures, figure, to);
}

static int end_format(struct writer *writer, struct buffer *to) {
    const struct output *output = format_of(writer);
    int result = 0;
    if (output->state) {
        result = output->state->close(writer->state, to);
    } else if (!output->page_files) {
        add_tail(writer, to);
    }
    drop_state(writer);
    writer->format++;
    writer->begun = false;
    return result;
}

/* The next piece of a file, in a buffer of its own. */
static int add_piece(struct writer *writer, struct buffer *to) {
    const struct page *page = NULL;
    if (writer->format == writer->selection.count) {
        return add_figure(writer, to);
    }
    if (writer->page) {
        return add_regions(writer, to);
    }
    int result = writer->begun ? 0 : begin_format(writer, to);
    result = result ? result
                    : joining_next(&writer->joining, &writer->source, writer->number, format_of(writer)->joins_tables,
                                   &page);
    if (result != 0) {
        return result;
    }
    if (!page) {
        return end_format(writer, to);
    }
    if (format_of(writer)->regions && writer->source.albums.figures && !writer->archive) {
        return begin_regions(writer, page, to);
    }
    link_figures(writer, page);
    return add_page(writer, page, to);
}

int writer_step(struct writer *writer, struct buffer *to, bool *ret_more) {
    if (!writer->archive) {
        int result = add_piece(writer, to);
        *ret_more = writer->format < writer->selection.count;
        return result;
    }
    struct buffer piece cleanup(buffer_done) = {0};
    int result = add_piece(writer, &piece);
    result = result ? result : archive_add(writer->archive, &piece);
    bool more = writer->format < writer->selection.count || has_figure(writer);
    result = result == 0 && !more ? archive_end(writer->archive) : result;
    archive_take(writer->archive, to);
    *ret_more = more;
    return result;
}

/* Pages at hand */

static int next_at_hand(void *context, uint32_t number, const struct page **ret) {
    const struct result *result = ((const struct writer *)context)->result;
    size_t i = 0;
    while (i < result->page_count && result->pages[i].number <= number) {
        i++;
    }
    *ret = i < result->page_count ? &result->pages[i] : NULL;
    return 0;
}

struct writer *writer_at_hand(const struct selection *selection, const struct result *result,
                              const struct albums *albums, const char *beside) {
    const struct page_source source = {.next = next_at_hand, .albums = *albums, .beside = beside};
    struct writer *writer = writer_new(selection, result, NULL, &source);
    writer->source.context = writer;
    writer->sum = &writer->own;
    for (size_t i = 0; i < result->page_count; i++) {
        stages_add(&writer->own, &result->pages[i].stages);
    }
    return writer;
}

int output_write(const struct selection *selection, const struct result *result, const struct albums *albums,
                 const char *beside, struct buffer *to) {
    struct writer *writer cleanup(writer_drop) = writer_at_hand(selection, result, albums, beside);
    int status = 0;
    for (bool more = true; more && status == 0;) {
        status = writer_step(writer, to, &more);
    }
    return status;
}
