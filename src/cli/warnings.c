#include "cli/warnings.h"

#include <string.h>

#include "base/memory.h"
#include "cli/terminal.h"
#include "pool/job.h"

enum { MOST_TOLD = 16 /* different ones of a document */ };

/* One that several pages may say. */
struct told {
    const char *text; /* borrowed from the first page */
    uint32_t page;
    size_t others; /* pages that say it as well */
};

static void tell_each(const struct job *job) {
    for (size_t i = 0; i < job->result.page_count; i++) {
        const struct page *page = &job->result.pages[i];
        for (size_t k = 0; k < page->warning_count; k++) {
            terminal_note(job->file, page->number, page->warnings[k]);
        }
    }
}

static const char *skip_number(const char *text) { return text + strspn(text, "0123456789."); }

/* Whether they say the same, numbers aside. */
static bool are_alike(const char *one, const char *other) {
    for (;; one++, other++) {
        one = skip_number(one);
        other = skip_number(other);
        if (*one != *other || *one == '\0') {
            return *one == *other;
        }
    }
}

static struct told *find(struct told *list, size_t count, const char *text) {
    for (size_t i = 0; i < count; i++) {
        if (are_alike(list[i].text, text)) {
            return &list[i];
        }
    }
    return NULL;
}

/* The number of different ones; *ret_left: how many had no room in list. */
static size_t collect(const struct job *job, struct told *list, size_t *ret_left) {
    size_t count = 0;
    for (size_t i = 0; i < job->result.page_count; i++) {
        const struct page *page = &job->result.pages[i];
        for (size_t k = 0; k < page->warning_count; k++) {
            struct told *known = find(list, count, page->warnings[k]);
            if (known) {
                known->others++;
            } else if (count < MOST_TOLD) {
                list[count++] = (struct told){.text = page->warnings[k], .page = page->number};
            } else {
                (*ret_left)++;
            }
        }
    }
    return count;
}

static void tell_once(const struct job *job, const struct told *told) {
    char *text cleanup(drop_memory) =
        format("%s (and %zu more page%s)", told->text, told->others, told->others == 1 ? "" : "s");
    terminal_note(job->file, told->page, told->others > 0 ? text : told->text);
}

void warnings_tell(const struct job *job, bool each) {
    struct told list[MOST_TOLD];
    size_t left = 0;
    if (each) {
        tell_each(job);
        return;
    }
    size_t count = collect(job, list, &left);
    for (size_t i = 0; i < count; i++) {
        tell_once(job, &list[i]);
    }
    if (left > 0) {
        char *text cleanup(drop_memory) = format("%zu more warnings of pages; -v tells all", left);
        terminal_note(job->file, 0, text);
    }
}
