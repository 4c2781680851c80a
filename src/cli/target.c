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
#include "output/output.h"

/* Names */

static const char *base_name(const char *file) {
    const char *slash = strrchr(file, '/');
    return strcmp(file, "-") == 0 ? "stdin" : slash ? slash + 1 : file;
}

static char *stem(const char *file) {
    const char *base = base_name(file);
    const char *dot = strrchr(base, '.');
    return copy_bytes(base, dot && dot != base ? (size_t)(dot - base) : strlen(base));
}

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
    char *name cleanup(drop_memory) = stem(file);
    if (!is_among(taken, count, name, count)) {
        return take(name);
    }
    const char *base = base_name(file);
    return is_among(taken, count, base, count) ? numbered(taken, count, base, count) : copy_string(base);
}

void target_names(char *const *files, size_t count, char **ret_names) {
    char **stems = alloc(count, sizeof(*stems));
    for (size_t i = 0; i < count; i++) {
        stems[i] = stem(files[i]);
    }
    for (size_t i = 0; i < count; i++) {
        ret_names[i] = copy_string(is_among(stems, count, stems[i], i) ? base_name(files[i]) : stems[i]);
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

static int write_file(const char *path, dev_t device, ino_t inode, const struct buffer *text) {
    struct stat status;
    if (stat(path, &status) == 0 && status.st_dev == device && status.st_ino == inode) {
        return fail(ERR_OUTPUT, "%s is the file that was read", path);
    }
    return file_replace(path, text->data, text->length);
}

int target_write(const struct options *options, const char *name, dev_t device, ino_t inode,
                 const struct result *result) {
    int status = 0;
    for (const struct output *output = outputs; output->word && status == 0; output++) {
        if (!options_list_has(options->format, output->word)) {
            continue;
        }
        struct buffer text cleanup(buffer_done) = {0};
        output_write(output, result, options->words, &text);
        if (!options->output) {
            status = file_write(STDOUT_FILENO, text.data, text.length);
            status = status ? fail(status, "standard output: %s", error_detail()) : 0;
            continue;
        }
        char *path cleanup(drop_memory) = format("%s/%s.%s", options->output, name, output->extension);
        status = write_file(path, device, inode, &text);
    }
    return status;
}
