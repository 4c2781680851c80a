#include "output/writer.h"

#include <ctype.h>

#include "base/memory.h"
#include "output/archive.h"

/* Format by format, each from the first page to the last. Bytes go to the archive, if there is one, or straight out. */
struct writer {
    struct selection selection;
    const struct result *result;
    const struct stages *sum;
    struct page_source source;
    struct archive *archive; /* NULL: none is wanted */
    char *stem;              /* of the names in it */
    size_t format;           /* index in the selection */
    bool begun;              /* the format was */
    uint32_t number;         /* the page of it that was written last */
    void *state;             /* of the format, or NULL */
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
        archive_drop(&old->archive);
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

static int add_page(struct writer *writer, const struct page *page, struct buffer *to) {
    const struct output *output = format_of(writer);
    bool first = writer->number == 0;
    int result = 0;
    writer->number = page->number;
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
    int result = writer->begun ? 0 : begin_format(writer, to);
    result = result ? result : writer->source.next(writer->source.context, writer->number, &page);
    if (result != 0) {
        return result;
    }
    return page ? add_page(writer, page, to) : end_format(writer, to);
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
    bool more = writer->format < writer->selection.count;
    result = result == 0 && !more ? archive_end(writer->archive) : result;
    archive_take(writer->archive, to);
    *ret_more = more;
    return result;
}

/* Pages at hand */

struct hand {
    const struct result *result;
};

static int next_at_hand(void *context, uint32_t number, const struct page **ret) {
    const struct result *result = ((const struct hand *)context)->result;
    size_t i = 0;
    while (i < result->page_count && result->pages[i].number <= number) {
        i++;
    }
    *ret = i < result->page_count ? &result->pages[i] : NULL;
    return 0;
}

int output_write(const struct selection *selection, const struct result *result, struct buffer *to) {
    struct stages sum = {0};
    struct hand hand = {.result = result};
    for (size_t i = 0; i < result->page_count; i++) {
        stages_add(&sum, &result->pages[i].stages);
    }
    const struct page_source source = {.next = next_at_hand, .context = &hand};
    struct writer *writer cleanup(writer_drop) = writer_new(selection, result, &sum, &source);
    int status = 0;
    for (bool more = true; more && status == 0;) {
        status = writer_step(writer, to, &more);
    }
    return status;
}
