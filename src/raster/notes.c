#include "raster/notes.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"

enum {
    NOTE_BYTES = 240,  /* longest sentence */
    HEARD_BYTES = 4096 /* of what decoders print, the rest is lost */
};

static bool noted(const struct notes *notes, const char *text) {
    for (size_t i = 0; i < notes->count; i++) {
        if (strcmp(notes->text[i], text) == 0) {
            return true;
        }
    }
    return false;
}

void notes_add(struct notes *notes, const char *pattern, ...) {
    if (!notes) {
        return;
    }
    char text[NOTE_BYTES];
    va_list arguments;
    va_start(arguments, pattern);
    vsnprintf(text, sizeof(text), pattern, arguments);
    va_end(arguments);
    for (char *c = text; *c; c++) {
        *c = (unsigned char)*c < ' ' ? ' ' : *c;
    }
    if (noted(notes, text)) {
        return;
    }
    if (notes->count == NOTES_MAX) {
        notes->dropped++;
        return;
    }
    notes->text[notes->count++] = copy_string(text);
}

void notes_to_json(const struct notes *notes, struct json *object) {
    struct json *list = json_array_new();
    for (size_t i = 0; i < notes->count; i++) {
        json_append_string(list, notes->text[i]);
    }
    if (notes->dropped > 0) {
        char *more cleanup(drop_memory) = format("and %zu more remarks of this kind", notes->dropped);
        json_append_string(list, more);
    }
    json_set(object, "warnings", list);
}

void notes_done(struct notes *notes) {
    for (size_t i = 0; i < notes->count; i++) {
        free(notes->text[i]);
    }
    *notes = (struct notes){0};
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

void notes_listen(void) {}
void notes_heard(struct notes *notes) { (void)notes; }

#else

static int spoken = -1; /* standard error while decoders are heard */

void notes_listen(void) {
    int heard cleanup(drop_fd) = memfd_create("octavo-heard", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    /* Sealed against growth: what would not fit is refused by the kernel. */
    if (heard < 0 || ftruncate(heard, HEARD_BYTES) != 0 || fcntl(heard, F_ADD_SEALS, F_SEAL_GROW) != 0) {
        return;
    }
    spoken = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (spoken >= 0) {
        dup2(heard, STDERR_FILENO);
    }
}

void notes_heard(struct notes *notes) {
    if (spoken < 0) {
        return;
    }
    char text[HEARD_BYTES + 1] = {0};
    ssize_t length = pread(STDERR_FILENO, text, HEARD_BYTES, 0);
    dup2(spoken, STDERR_FILENO);
    drop_fd(&spoken);
    char *rest = length > 0 ? text : NULL;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        if (*line) {
            notes_add(notes, "the decoder says: %s", line);
        }
    }
}

#endif
