#include "raster/book.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "raster/flate.h"

void book_bytes(struct book *book, const void *bytes, size_t length) {
    if (book->error == 0) {
        book->error = file_write(book->fd, bytes, length);
        book->length += length;
    }
}

static void write_text(struct book *book, const char *text) { book_bytes(book, text, strlen(text)); }

/* The second line tells programs that the file is not text (7.5.2). */
void book_begin(struct book *book, int fd) {
    *book = (struct book){.fd = fd};
    write_text(book, "%PDF-1.5\n%\xE2\xE3\xCF\xD3\n");
    book->pages = book_number(book);
}

int book_number(struct book *book) {
    book->offsets = resize(book->offsets, (size_t)book->count + 1, sizeof(*book->offsets));
    book->offsets[book->count++] = 0;
    return book->count;
}

static void open_object(struct book *book, int number) {
    char *head cleanup(drop_memory) = format("%d 0 obj\n<<", number);
    book->offsets[number - 1] = book->length;
    write_text(book, head);
}

void book_dictionary(struct book *book, int number, const char *dictionary) {
    open_object(book, number);
    write_text(book, dictionary);
    write_text(book, ">>\nendobj\n");
}

static void open_stream(struct book *book, int number, const char *dictionary, const char *length) {
    open_object(book, number);
    write_text(book, dictionary);
    write_text(book, "/Length ");
    write_text(book, length);
    write_text(book, ">>\nstream\n");
}

void book_stream(struct book *book, int number, const char *dictionary, size_t length) {
    char *text cleanup(drop_memory) = format("%zu", length);
    open_stream(book, number, dictionary, text);
}

void book_stream_open(struct book *book, int number, const char *dictionary, int length_number) {
    char *text cleanup(drop_memory) = format("%d 0 R", length_number);
    open_stream(book, number, dictionary, text);
}

void book_integer(struct book *book, int number, uint64_t value) {
    char *text cleanup(drop_memory) = format("%d 0 obj\n%llu\nendobj\n", number, (unsigned long long)value);
    book->offsets[number - 1] = book->length;
    write_text(book, text);
}

void book_stream_end(struct book *book) { write_text(book, "\nendstream\nendobj\n"); }

void book_deflated(struct book *book, int number, const char *dictionary, const void *bytes, size_t length) {
    struct buffer packed cleanup(buffer_done) = {0};
    char *whole cleanup(drop_memory) = format("%s/Filter/FlateDecode", dictionary);
    int result = flate_all(bytes, length, &packed);
    book->error = book->error ? book->error : result;
    book_stream(book, number, whole, packed.length);
    book_bytes(book, packed.data, packed.length);
    book_stream_end(book);
}

static void add_fonts(struct book *book, unsigned fonts, struct buffer *dictionary) {
    for (int i = 0; i < LETTERS_OBJECTS; i++) {
        if (book->font[i] == 0 && letters_needs(&book->letters, i)) {
            book->font[i] = book_number(book);
        }
    }
    buffer_add_string(dictionary, "/Font<<");
    for (int i = 0; i < LETTERS_FONTS; i++) {
        char name[LETTERS_NAME];
        letters_name(&book->letters, (enum letters_font)i, name);
        if (fonts & 1U << i) {
            buffer_add_format(dictionary, "/%s %d 0 R", name, book->font[i]);
        }
    }
    buffer_add_string(dictionary, ">>");
}

int book_page(struct book *book, const struct leaf *leaf) {
    struct buffer content cleanup(buffer_done) = {0}, dictionary cleanup(buffer_done) = {0};
    int stream = book_number(book), page = book_number(book);
    buffer_add_format(&content, "q %s cm /Page Do Q\n", leaf->placing);
    buffer_add(&content, leaf->text->data, leaf->text->length);
    book_deflated(book, stream, "", content.data, content.length);
    buffer_add_format(&dictionary,
                      "/Type/Page/Parent %d 0 R/MediaBox[0 0 %.2f %.2f]/Contents %d 0 R"
                      "/Resources<</XObject<</Page %d 0 R>>",
                      book->pages, leaf->width, leaf->height, stream, leaf->picture);
    if (leaf->text->length > 0) {
        add_fonts(book, leaf->fonts, &dictionary);
    }
    buffer_add_string(&dictionary, ">>");
    if (leaf->turn != 0) {
        buffer_add_format(&dictionary, "/Rotate %d", leaf->turn);
    }
    book_dictionary(book, page, dictionary.data);
    buffer_add_format(&book->kids, "%d 0 R ", page);
    book->page_count++;
    return book->error ? fail(book->error, "%s", error_detail()) : 0;
}

static void write_fonts(struct book *book) {
    for (int i = 0; i < LETTERS_OBJECTS; i++) {
        if (book->font[i] == 0) {
            continue;
        }
        struct buffer dictionary cleanup(buffer_done) = {0}, stream cleanup(buffer_done) = {0};
        letters_object(&book->letters, i, book->font, &dictionary, &stream);
        const char *text = dictionary.data ? dictionary.data : "";
        if (stream.length > 0) {
            book_deflated(book, book->font[i], text, stream.data, stream.length);
        } else {
            book_dictionary(book, book->font[i], text);
        }
    }
}

/* 7.5.4: each entry has twenty bytes. */
static void write_end(struct book *book, int root) {
    struct buffer end cleanup(buffer_done) = {0};
    uint64_t start = book->length;
    buffer_add_format(&end, "xref\n0 %d\n0000000000 65535 f \n", book->count + 1);
    for (int i = 0; i < book->count; i++) {
        bool written = book->offsets[i] > 0; /* one of a page that cannot be drawn is free (7.5.4) */
        buffer_add_format(&end, "%010llu %s \n", (unsigned long long)book->offsets[i], written ? "00000 n" : "65535 f");
    }
    buffer_add_format(&end, "trailer\n<</Size %d/Root %d 0 R>>\nstartxref\n%llu\n%%%%EOF\n", book->count + 1, root,
                      (unsigned long long)start);
    book_bytes(book, end.data, end.length);
}

int book_end(struct book *book) {
    write_fonts(book);
    char *tree cleanup(drop_memory) =
        format("/Type/Pages/Count %zu/Kids[%s]", book->page_count, book->kids.data ? book->kids.data : "");
    char *catalog cleanup(drop_memory) = format("/Type/Catalog/Pages %d 0 R", book->pages);
    book_dictionary(book, book->pages, tree);
    int root = book_number(book);
    book_dictionary(book, root, catalog);
    write_end(book, root);
    return book->error ? fail(book->error, "%s", error_detail()) : 0;
}

void book_done(struct book *book) {
    free(book->offsets);
    buffer_done(&book->kids);
}
