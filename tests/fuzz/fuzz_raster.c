/*
 * Opens bytes as a document, draws its first page and writes it as a PDF with a word on that page, in this process.
 * With libFuzzer (clang, -fsanitize=fuzzer) this is the target; without it, main() below replays files, each in a
 * process of its own and for a few seconds at most: fuzz_raster FILE-OR-FOLDER...  It ends with 77 (skipped) if nothing
 * of that is there.
 */
#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "raster/confine.h"
#include "raster/kind.h"

enum { SECONDS = 2, FILE_BYTES = 64 << 20, SKIPPED = 77 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void write_pdf(const struct document_kind *kind, struct document *document, struct notes *notes) {
    char text[] = "word";
    struct line line = {.text = text, .quad = {{{10, 10}, {40, 10}, {40, 20}, {10, 20}}}};
    const struct page page = {.number = 1, .width = 100, .height = 100, .lines = &line, .line_count = 1};
    int fd cleanup(drop_fd) = memfd_create("written", MFD_CLOEXEC);
    if (kind->write_begin(document, fd, notes) == 0 && kind->write_page(document, &page, notes) == 0) {
        kind->write_end(document, notes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    const struct document_kind *kind = kind_of(bytes, length);
    struct limits limits = {.dpi = 20, .max_pages = 100, .max_pixels = 8 << 20};
    struct notes notes cleanup(notes_done) = {0};
    struct document *document;
    struct bitmap bitmap;
    int fd cleanup(drop_fd) = -1;
    if (kind && kind->open(bytes, length, &limits, &notes, &document) == 0) {
        kind->page(document, 1, &notes, &bitmap, &fd);
        write_pdf(kind, document, &notes);
        kind->close(&document);
    }
    return 0;
}

#ifndef OCTAVO_LIBFUZZER

static void replay(const char *path) {
    char *bytes cleanup(drop_memory) = NULL;
    size_t length;
    if (file_read_path(path, FILE_BYTES, &bytes, &length) == 0) {
        LLVMFuzzerTestOneInput((const uint8_t *)bytes, length);
    }
}

/* Whether the file was survived: read, refused or too slow for us. */
static bool survived(const char *path) {
    pid_t pid = fork();
    if (pid == 0) {
        /* Processor time, not the alarm: the raster uses that one itself. */
        setrlimit(RLIMIT_CPU, &(struct rlimit){.rlim_cur = SECONDS, .rlim_max = SECONDS + 1});
        confine();
        replay(path);
        exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    bool slow = WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL);
    return slow || (WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void replay_all(const char *path, int *seen, int *failed) {
    DIR *folder = opendir(path);
    if (!folder) {
        if (access(path, R_OK) == 0) {
            ++*seen;
            if (!survived(path)) {
                ++*failed;
                fprintf(stderr, "not survived: %s\n", path);
            }
        }
        return;
    }
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        if (entry->d_name[0] != '.') {
            char *inner cleanup(drop_memory) = format("%s/%s", path, entry->d_name);
            replay_all(inner, seen, failed);
        }
    }
    closedir(folder);
}

int main(int count, char **arguments) {
    int seen = 0, failed = 0;
    for (int i = 1; i < count; i++) {
        replay_all(arguments[i], &seen, &failed);
    }
    printf("%d files replayed, %d not survived\n", seen, failed);
    return seen == 0 ? SKIPPED : failed > 0;
}

#endif
