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
#include "output/writer.h"

/* Names */

/* The plain way through all names: 10 000 of them take a fraction of a second, reading their files takes hours. */
static bool is_among(char *const *names, size_t count, const char *name, size_t except) {
    for (size_t i = 0; i < count; i++) {
        if (i != except && strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* plain made into a name that none but names[except] has: a.png-2, a.png-3 ... */
static char *numbered(char *const *names, size_t count, const char *plain, size_t except) {
    char *name = format("%s-2", plain);
    for (unsigned number = 3; is_among(names, count, name, except); number++) {
        free(name);
        name = format("%s-%u", plain, number);
    }
    return name;
}

static void number_name(char **names, size_t count, size_t i) {
    char *plain cleanup(drop_memory) = names[i];
    names[i] = numbered(names, count, plain, i);
}

char *target_name(const char *file, char *const *taken, size_t count) {
    char *name cleanup(drop_memory) = output_stem(file);
    if (!is_among(taken, count, name, count)) {
        return take(name);
    }
    const char *base = output_base(file);
    return is_among(taken, count, base, count) ? numbered(taken, count, base, count) : copy_string(base);
}

void target_names(char *const *files, size_t count, char **ret_names) {
    char **stems = alloc(count, sizeof(*stems));
    for (size_t i = 0; i < count; i++) {
        stems[i] = output_stem(files[i]);
    }
    for (size_t i = 0; i < count; i++) {
        ret_names[i] = copy_string(is_among(stems, count, stems[i], i) ? output_base(files[i]) : stems[i]);
    }
    for (size_t i = 0; i < count; i++) {
        free(stems[i]);
        if (is_among(ret_names, i, ret_names[i], i)) {
            number_name(ret_names, count, i);
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

static int write_file(const char *path, const struct job *job, struct contents contents) {
    struct stat status;
    if (stat(path, &status) == 0 && status.st_dev == job->device && status.st_ino == job->inode) {
        return fail(ERR_OUTPUT, "%s is the file that was read", path);
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
    return NULL;
}

/* One file: NAME.EXTENSION, or standard output where there is no folder. */
static int write_contents(const struct options *options, const char *name, const struct job *job,
                          const struct selection *selection, struct contents contents) {
    if (options->output) {
        char *path cleanup(drop_memory) = format("%s/%s.%s", options->output, name, selection_extension(selection));
        return write_file(path, job, contents);
    }
    int status = contents.text ? file_write(STDOUT_FILENO, contents.text->data, contents.text->length)
                               : file_copy(contents.fd, STDOUT_FILENO);
    return status ? fail(status, "standard output: %s", error_detail()) : 0;
}

static int write_selection(const struct options *options, const char *name, const struct job *job,
                           const struct selection *selection, const struct result *result) {
    struct buffer text cleanup(buffer_done) = {0};
    int status = output_write(selection, result, &text);
    return status ? status : write_contents(options, name, job, selection, (struct contents){.text = &text});
}

/* One file for each page: NAME-NUMBER.EXTENSION. */
static int write_pages(const struct options *options, const char *name, const struct job *job,
                       const struct selection *selection) {
    int status = 0;
    for (size_t i = 0; i < job->result.page_count && status == 0; i++) {
        struct result page = job->result;
        page.pages = &job->result.pages[i];
        page.page_count = 1;
        char *numbered cleanup(drop_memory) = format("%s-%u", name, page.pages->number);
        status = write_selection(options, numbered, job, selection, &page);
    }
    return status;
}

/* A file already; why there is none is told with the job's end. */
static int write_pdf(const struct options *options, const char *name, const struct job *job,
                     const struct selection *selection) {
    const struct contents contents = {.fd = job->edition.fd};
    return job->edition.state == EDITION_DONE ? write_contents(options, name, job, selection, contents) : 0;
}

int target_write(const struct options *options, const char *name, const struct job *job) {
    struct selection all;
    int status = selection_read(options->format, options->words, &all);
    if (status == 0 && !options->output) {
        status = selection_expect_file(&all, (uint32_t)job->result.page_count);
    }
    if (status != 0 || all.zip) {
        return status ? status : write_selection(options, name, job, &all, &job->result);
    }
    for (size_t i = 0; i < all.count && status == 0; i++) {
        const struct selection one = {.outputs = {all.outputs[i]}, .count = 1, .words = options->words};
        if (all.outputs[i]->by_raster) {
            status = write_pdf(options, name, job, &one);
        } else if (all.outputs[i]->page_files && options->output && job->result.page_total > 1) {
            status = write_pages(options, name, job, &one);
        } else {
            status = write_selection(options, name, job, &one, &job->result);
        }
    }
    return status;
}
