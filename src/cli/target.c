#include "cli/target.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "output/figures.h"
#include "output/writer.h"

/* Names */

/* Names that are taken, or asked for. */
struct names {
    char *const *names;
    size_t count;
    bool page_files; /* NAME-PAGE is a file of NAME */
};

/* What is left of the longer name may be the number of a page. */
static bool collide(const char *a, const char *b, bool page_files) {
    while (*a && *a == *b) {
        a++;
        b++;
    }
    if (*a && *b) {
        return false;
    }
    const char *rest = *a ? a : b;
    return !*rest || (page_files && rest[0] == '-' && rest[1] && !rest[1 + strspn(rest + 1, "0123456789")]);
}

/* The plain way through all names: 10 000 of them take a fraction of a second, reading their files takes hours. */
static bool is_among(struct names all, const char *name, size_t except) {
    for (size_t i = 0; i < all.count; i++) {
        if (i != except && collide(all.names[i], name, all.page_files)) {
            return true;
        }
    }
    return false;
}

/* plain made into a name that none but that of except has: a.png~2, a.png~3 ... A page has a dash there. */
static char *numbered(struct names all, const char *plain, size_t except) {
    char *name = format("%s~2", plain);
    for (unsigned number = 3; is_among(all, name, except); number++) {
        free(name);
        name = format("%s~%u", plain, number);
    }
    return name;
}

char *target_name(const char *file, char *const *taken, size_t count, bool page_files) {
    const struct names all = {.names = taken, .count = count, .page_files = page_files};
    char *name cleanup(drop_memory) = output_stem(file);
    if (!is_among(all, name, count)) {
        return take(name);
    }
    const char *base = output_base(file);
    return is_among(all, base, count) ? numbered(all, base, count) : copy_string(base);
}

void target_names(char *const *files, size_t count, bool page_files, char **ret_names) {
    char **stems = alloc(count, sizeof(*stems));
    for (size_t i = 0; i < count; i++) {
        stems[i] = output_stem(files[i]);
    }
    const struct names of_stems = {.names = stems, .count = count, .page_files = page_files};
    for (size_t i = 0; i < count; i++) {
        ret_names[i] = copy_string(is_among(of_stems, stems[i], i) ? output_base(files[i]) : stems[i]);
    }
    const struct names all = {.names = ret_names, .count = count, .page_files = page_files};
    for (size_t i = 0; i < count; i++) {
        const struct names before = {.names = ret_names, .count = i, .page_files = page_files};
        free(stems[i]);
        if (is_among(before, ret_names[i], i)) {
            char *plain cleanup(drop_memory) = ret_names[i];
            ret_names[i] = numbered(all, plain, i);
        }
    }
    free(stems);
}

/* Writing */

int target_prepare(const char *folder) {
    char *path cleanup(drop_memory) = copy_string(folder);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0777); /* one that fails shows below */
        *slash = '/';
    }
    mkdir(path, 0777);
    struct stat status;
    if (stat(folder, &status) != 0) {
        return fail(ERR_OUTPUT, "folder %s: %s", folder, strerror(errno));
    }
    if (!S_ISDIR(status.st_mode)) {
        return fail(ERR_OUTPUT, "%s is no folder", folder);
    }
    return access(folder, W_OK | X_OK) == 0 ? 0 : fail(ERR_OUTPUT, "folder %s: %s", folder, strerror(errno));
}

int target_scratch(const struct options *options, int *ret_fd) {
    const char *folder = options->output ? options->output : getenv("TMPDIR");
    return file_scratch(folder && *folder ? folder : "/tmp", ret_fd);
}

/* What is to be written: text, or where it is NULL a file. */
struct contents {
    const struct buffer *text;
    int fd;
};

/* Whether the file at path is one of the command line. Its name is compared first: that spares a look at each. */
static bool is_input(const struct options *options, const char *path, const struct stat *status) {
    for (int i = 0; i < options->file_count; i++) {
        struct stat input;
        if (strcmp(output_base(options->files[i]), output_base(path)) == 0 && stat(options->files[i], &input) == 0 &&
            input.st_dev == status->st_dev && input.st_ino == status->st_ino) {
            return true;
        }
    }
    return false;
}

static int write_file(const struct options *options, const char *path, const struct job *job,
                      struct contents contents) {
    struct stat status;
    bool exists = stat(path, &status) == 0;
    if (exists && status.st_dev == job->device && status.st_ino == job->inode) {
        return fail(ERR_OUTPUT, "%s is the file that was read", path);
    }
    if (exists && is_input(options, path, &status)) {
        return fail(ERR_OUTPUT, "%s is another of the files to be read: name another folder with -o", path);
    }
    return contents.text ? file_replace(path, contents.text->data, contents.text->length)
                         : file_replace_by(path, contents.fd);
}

const char *target_contradiction(const struct options *options, const char *file) {
    struct selection selection;
    if (selection_read(options->format, options->words, &selection) != 0) {
        return error_detail();
    }
    for (size_t i = 0; i < selection.count && !file && isatty(STDOUT_FILENO); i++) {
        if (selection.zip || selection.outputs[i]->binary) {
            fail(ERR_USAGE, "%s is no text for a terminal: write it to a file with -o",
                 selection_extension(&selection));
            return error_detail();
        }
    }
    return selection_contradiction(&selection, options->layout);
}

static int write_out(struct contents contents) {
    int status = contents.text ? file_write(STDOUT_FILENO, contents.text->data, contents.text->length)
                               : file_copy(contents.fd, STDOUT_FILENO);
    return status ? fail(status, "standard output: %s", error_detail()) : 0;
}

/* One file: NAME.EXTENSION, or standard output where there is no folder. */
static int write_contents(const struct options *options, const char *name, const struct job *job,
                          const struct selection *selection, struct contents contents) {
    if (options->output) {
        char *path cleanup(drop_memory) = format("%s/%s.%s", options->output, name, selection_extension(selection));
        return write_file(options, path, job, contents);
    }
    return write_out(contents);
}

/* What there is of a job to be written. */
struct yield {
    const struct job *job;
    struct albums albums;
};

static void yield_done(struct yield *yield) { albums_done(&yield->albums); }

static int write_selection(const struct options *options, const char *name, const struct yield *yield,
                           const struct selection *selection, const struct result *result) {
    struct buffer text cleanup(buffer_done) = {0};
    int status = output_write(selection, result, &yield->albums, name, &text);
    return status ? status : write_contents(options, name, yield->job, selection, (struct contents){.text = &text});
}

/* What has pictures within goes out as it is made, for they may be larger than memory. */
static int write_pieces(const struct options *options, const char *name, const struct yield *yield,
                        const struct selection *selection) {
    struct writer *writer cleanup(writer_drop) = writer_at_hand(selection, &yield->job->result, &yield->albums, NULL);
    int scratch cleanup(drop_fd) = -1;
    int status = options->output ? target_scratch(options, &scratch) : 0;
    for (bool more = true; more && status == 0;) {
        struct buffer piece cleanup(buffer_done) = {0};
        status = writer_step(writer, &piece, &more);
        status = status            ? status
                 : options->output ? file_write(scratch, piece.data, piece.length)
                                   : write_out((struct contents){.text = &piece});
    }
    const bool due = status == 0 && options->output;
    return due ? write_contents(options, name, yield->job, selection, (struct contents){.fd = scratch}) : status;
}

/* One file for each page: NAME-NUMBER.EXTENSION. */
static int write_pages(const struct options *options, const char *name, const struct yield *yield,
                       const struct selection *selection) {
    const struct result *result = &yield->job->result;
    int status = 0;
    for (size_t i = 0; i < result->page_count && status == 0; i++) {
        struct result page = *result;
        page.pages = &result->pages[i];
        page.page_count = 1;
        char *numbered cleanup(drop_memory) = format("%s-%u", name, page.pages->number);
        status = write_selection(options, numbered, yield, selection, &page);
    }
    return status;
}

/* A file already. */
static int write_pdf(const struct options *options, const char *name, const struct job *job,
                     const struct selection *selection) {
    return write_contents(options, name, job, selection, (struct contents){.fd = edition_file(job, MADE_PDF)});
}

/* Beside the text that shows them: NAME_files/page-1-region-2.png. */
static int write_figures(const struct options *options, const char *name, const struct yield *yield) {
    const struct album *figures = yield->albums.figures;
    char *plain cleanup(drop_memory) = figures_folder(name);
    char *folder cleanup(drop_memory) = format("%s/%s", options->output, plain);
    int status = figures->count > 0 ? target_prepare(folder) : 0;
    for (size_t i = 0; i < figures->count && status == 0; i++) {
        struct buffer picture cleanup(buffer_done) = {0};
        char *file cleanup(drop_memory) = figures_file(name, &figures->entries[i]);
        char *path cleanup(drop_memory) = format("%s/%s", options->output, file);
        status = album_read(figures, &figures->entries[i], &picture);
        status = status ? status : write_file(options, path, yield->job, (struct contents){.text = &picture});
    }
    return status;
}

/* One format. Why something could not be made is told with the job's end. */
static int write_one(const struct options *options, const char *name, const struct yield *yield,
                     const struct output *output) {
    const struct selection one = {.outputs = {output}, .count = 1, .words = options->words};
    const struct result *result = &yield->job->result;
    if (output->made != MADE_NONE && edition_file(yield->job, output->made) < 0) {
        return 0;
    }
    if (output->made == MADE_PDF) {
        return write_pdf(options, name, yield->job, &one);
    }
    if (output->regions && yield->albums.figures) {
        return write_pieces(options, name, yield, &one);
    }
    if (output->figures && options->output && yield->albums.figures) {
        int status = write_figures(options, name, yield);
        if (status != 0) {
            return status;
        }
    }
    bool several = output->page_files && options->output && result->page_total > 1;
    return several ? write_pages(options, name, yield, &one) : write_selection(options, name, yield, &one, result);
}

int target_write(const struct options *options, const char *name, const struct job *job) {
    struct selection all;
    struct yield yield cleanup(yield_done) = {.job = job};
    int status = selection_read(options->format, options->words, &all);
    if (status == 0 && !options->output) {
        status = selection_expect_file(&all, (uint32_t)job->result.page_count);
    }
    status = status ? status : edition_albums(job, &yield.albums);
    if (status != 0 || all.zip) {
        return status ? status : write_pieces(options, name, &yield, &all);
    }
    for (size_t i = 0; i < all.count && status == 0; i++) {
        status = write_one(options, name, &yield, all.outputs[i]);
    }
    return status;
}
