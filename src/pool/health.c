#include "pool/health.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

/* In units of UNIT pixels: letters of bars alone, so that no font is needed, dark on light, with a margin around. */
enum { UNIT = 5, LETTER = 5, HEIGHT = 7, GAP = 2, MARGIN = 6, LETTERS = sizeof(HEALTH_WORD) - 1 };
enum {
    PIXELS_WIDE = UNIT * (LETTERS * (LETTER + GAP) - GAP + 2 * MARGIN),
    PIXELS_HIGH = UNIT * (HEIGHT + 2 * MARGIN),
};
enum { INK = 0x20, PAPER = 0xF0 };

static const struct bar {
    char letter;
    size_t x, y, width, height;
} bars[] = {
    {'L', 0, 0, 1, HEIGHT}, {'L', 0, 6, LETTER, 1}, {'E', 0, 0, 1, HEIGHT}, {'E', 0, 0, LETTER, 1},
    {'E', 0, 3, 4, 1},      {'E', 0, 6, LETTER, 1}, {'F', 0, 0, 1, HEIGHT}, {'F', 0, 0, LETTER, 1},
    {'F', 0, 3, 4, 1},      {'T', 0, 0, LETTER, 1}, {'T', 2, 0, 1, HEIGHT},
};

static void draw_bar(unsigned char *pixels, size_t place, const struct bar *bar) {
    size_t left = UNIT * (MARGIN + place * (LETTER + GAP) + bar->x), top = UNIT * (MARGIN + bar->y);
    for (size_t row = top; row < top + UNIT * bar->height; row++) {
        memset(pixels + row * PIXELS_WIDE + left, INK, UNIT * bar->width);
    }
}

static void draw(unsigned char *pixels) {
    memset(pixels, PAPER, (size_t)PIXELS_WIDE * PIXELS_HIGH);
    for (size_t place = 0; place < LETTERS; place++) {
        for (size_t i = 0; i < array_length(bars); i++) {
            if (bars[i].letter == HEALTH_WORD[place]) {
                draw_bar(pixels, place, &bars[i]);
            }
        }
    }
}

int health_sheet(struct core *core, struct sheet *ret) {
    const struct bitmap bitmap = {.width = PIXELS_WIDE, .height = PIXELS_HIGH, .channels = 1};
    const struct ledger_request request = {
        .kind = CHARGE_BITMAP, .class = LEDGER_NEW_WORK, .bytes = (uint64_t)PIXELS_WIDE * PIXELS_HIGH};
    int fd cleanup(drop_fd) = -1;
    void *pixels;
    int result = ledger_charge(core->ledger, core->account, &request); /* its deadline has passed: it does not wait */
    if (result != 0) {
        return result;
    }
    result = file_memory_new("octavo-health", request.bytes, &fd, &pixels);
    if (result == 0) {
        draw(pixels);
        result = file_memory_seal(fd, pixels, request.bytes);
    }
    if (result != 0) {
        ledger_credit(core->ledger, core->account, CHARGE_BITMAP, request.bytes, 0);
        return result;
    }
    *ret = (struct sheet){.page = 1, .bitmap = bitmap, .bytes = request.bytes, .fd = take_fd(&fd)};
    return 0;
}

char *health_judge(const struct page *page) {
    if (page->line_count == 1 && strcmp(page->lines[0].text, HEALTH_WORD) == 0) {
        return NULL;
    }
    const char *first = page->line_count > 0 ? page->lines[0].text : "";
    return format("the page with \"%s\" was read as %zu lines, \"%.40s\" first", HEALTH_WORD, page->line_count, first);
}

const struct job_wish health_wish = {.check = true,
                                     .switches.to = {
#define SWITCH(symbol, word, member, roles, shipped) [SWITCH_##symbol] = "off",
#include "table/switches.def"
#undef SWITCH
                                     }};

static bool is_loaded(const struct roster *roster, int instance, const char *role, const char *engine) {
    for (int i = 0; i < ROSTER_MODELS; i++) {
        struct roster_model model;
        if (roster_read(roster, i, &model) && model.name.instance == instance && model.now.state == MODEL_READY &&
            strcmp(model.name.role, role) == 0 && strncmp(engine, model.name.engine, strlen(model.name.engine)) == 0) {
            return true;
        }
    }
    return false;
}

bool health_is_free(const struct core *core, int instance, const char *engine) {
    return is_loaded(core->roster, instance, "detect", engine) &&
           is_loaded(core->roster, instance, "recognise", engine);
}
