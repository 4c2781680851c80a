/* Tesseract under the manager: real languages, a picture drawn here. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "engine/heap.h"
#include "model/run.h"
#include "worker/languages.h"

#include <cmocka.h>

#define SECOND INT64_C(1000000000)
#define BUDGET (UINT64_C(1) << 28)
enum { SEATS = 2, DOT = 6 /* pixels */, COLUMNS = 6, ROWS = 7, MARGIN = 60 };

static const char said[] = "HELLO TO THE HOTEL";

/* Letters, a bit for each dot, the first row on top. */
static const struct {
    char letter;
    uint8_t rows[ROWS];
} font[] = {
    {'H', {0x11, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11}}, {'E', {0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x1f}},
    {'L', {0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1f}}, {'O', {0x0e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e}},
    {'T', {0x1f, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04}},
};

static void draw_letter(char letter, uint8_t *at, size_t stride) {
    for (size_t i = 0; i < array_length(font); i++) {
        for (size_t dot = 0; font[i].letter == letter && dot < (size_t)ROWS * COLUMNS; dot++) {
            bool black = dot % COLUMNS < 5 && font[i].rows[dot / COLUMNS] >> (5 - 1 - dot % COLUMNS) & 1;
            for (size_t y = 0; black && y < DOT; y++) {
                memset(at + (dot / COLUMNS * DOT + y) * stride + dot % COLUMNS * DOT, 0, DOT);
            }
        }
    }
}

/* The text on white paper, in so many channels. */
static struct image draw(uint32_t channels) {
    struct image image;
    uint32_t width = (uint32_t)strlen(said) * COLUMNS * DOT + 2 * MARGIN, height = ROWS * DOT + 2 * MARGIN;
    uint8_t *grey cleanup(drop_memory) = alloc(width, height);
    memset(grey, 255, (size_t)width * height);
    for (size_t i = 0; said[i]; i++) {
        draw_letter(said[i], grey + (size_t)MARGIN * width + MARGIN + i * COLUMNS * DOT, width);
    }
    assert_int_equal(image_new(width, height, channels, &image), 0);
    for (size_t i = 0; i < (size_t)width * height * channels; i++) {
        image.owned[i] = grey[i / channels];
    }
    return image;
}

struct stand {
    struct engine *engine;
    struct model_spec spec;
    struct ledger *ledger;
    int account;
    struct recorder *recorder;
    struct predictor *predictor;
    struct manager *manager;
};

/* False where Tesseract, or its English, is not installed. */
static bool stand_up(struct stand *stand) {
    const struct places places = {.models = (char[]){"nowhere"}};
    *stand = (struct stand){0};
    if (engine_tesseract.open("nowhere", &stand->engine) != 0) {
        return false;
    }
    if (languages_choose(&places, "eng", &stand->spec) != 0) {
        engine_tesseract.close(stand->engine);
        return false;
    }
    assert_int_equal(ledger_create("cpu", BUDGET, SEATS, &stand->ledger), 0);
    assert_int_equal(ledger_open_account(stand->ledger, "test", getpid(), &stand->account), 0);
    assert_int_equal(recorder_create(&stand->recorder), 0);
    stand->predictor = predictor_new();
    const struct manager_options options = {.models = "nowhere",
                                            .kind = &engine_tesseract,
                                            .engine = stand->engine,
                                            .ledger = stand->ledger,
                                            .account = stand->account,
                                            .recorder = stand->recorder,
                                            .predictor = stand->predictor,
                                            .idle = 3600 * SECOND};
    assert_int_equal(manager_new(&options, &stand->manager), 0);
    manager_add(stand->manager, &stand->spec, SEATS);
    return true;
}

static uint64_t charged(const struct stand *stand) { return ledger_held(stand->ledger, stand->account, CHARGE_COUNT); }

static void stand_down(struct stand *stand) {
    models_teardown(&stand->manager);
    assert_int_equal(charged(stand), 0);
    engine_tesseract.close(stand->engine);
    predictor_drop(&stand->predictor);
    recorder_drop(&stand->recorder);
    ledger_drop(&stand->ledger);
    languages_done(&stand->spec);
}

static int read_picture(struct stand *stand, const struct image *picture, int seat, const atomic_bool *cancel,
                        struct page *ret) {
    struct model_handle handle = {0};
    struct model_run run = {0};
    const struct run_wish wish = {.shape = {1, picture->channels, picture->height, picture->width},
                                  .picture = picture,
                                  .dpi = 300,
                                  .seat = seat,
                                  .deadline = clock_now() + 60 * SECOND,
                                  .cancel = cancel};
    int result = model_acquire(stand->manager, ROLE_READ, wish.deadline, cancel, &handle);
    result = result ? result : run_begin(&handle, &wish, &run);
    if (result == 0) {
        *ret = (struct page){.lines = run.lines, .line_count = run.line_count};
    }
    run_end(&run);
    model_release(&handle);
    return result;
}

static void check_inside(const struct quad *quad, const struct image *picture) {
    for (int i = 0; i < 4; i++) {
        assert_true(quad->corner[i].x >= 0 && quad->corner[i].x <= (float)picture->width);
        assert_true(quad->corner[i].y >= 0 && quad->corner[i].y <= (float)picture->height);
    }
    assert_true(quad->corner[2].x > quad->corner[0].x && quad->corner[2].y > quad->corner[0].y);
}

static void check_page(const struct page *page, const struct image *picture) {
    static const char *const words[] = {"HELLO", "TO", "THE", "HOTEL"};
    assert_int_equal(page->line_count, 1);
    const struct line *line = &page->lines[0];
    assert_string_equal(line->text, said);
    assert_true(line->score > 0.5F && line->score <= 1);
    check_inside(&line->quad, picture);
    assert_int_equal(line->word_count, array_length(words));
    for (size_t i = 0; i < line->word_count; i++) {
        const struct word *word = &line->words[i];
        assert_memory_equal(line->text + word->start, words[i], strlen(words[i]));
        assert_int_equal(word->length, strlen(words[i]));
        check_inside(&word->quad, picture);
        assert_true(word->quad.corner[0].x >= line->quad.corner[0].x);
    }
}

static void check_same(const struct page *a, const struct page *b) {
    assert_string_equal(a->lines[0].text, b->lines[0].text);
    assert_memory_equal(&a->lines[0].score, &b->lines[0].score, sizeof(float));
    assert_memory_equal(&a->lines[0].quad, &b->lines[0].quad, sizeof(struct quad));
    assert_memory_equal(a->lines[0].words, b->lines[0].words, a->lines[0].word_count * sizeof(struct word));
}

static void test_reads_alike_after_reload(void **state) {
    (void)state;
    struct stand stand;
    if (!stand_up(&stand)) {
        skip();
    }
    for (uint32_t channels = 1; channels <= 3; channels += 2) {
        struct image picture = draw(channels);
        struct page first, second, third;
        uint64_t bytes = 0;
        assert_int_equal(read_picture(&stand, &picture, 0, NULL, &first), 0);
        check_page(&first, &picture);
        assert_int_equal(read_picture(&stand, &picture, 0, NULL, &second), 0);
        check_same(&first, &second);
        assert_int_equal(model_unload(stand.manager, ROLE_READ, clock_now() + SECOND, &bytes), 0);
        assert_true(bytes > 5000000);
        manager_trim(stand.manager);
        assert_int_equal(charged(&stand), 0);
        assert_int_equal(read_picture(&stand, &picture, 1, NULL, &third), 0);
        check_same(&first, &third);
        page_done(&first);
        page_done(&second);
        page_done(&third);
        image_done(&picture);
    }
    stand_down(&stand);
}

/* A thread with an instance of its own. */
struct reader {
    struct stand *stand;
    const struct image *picture;
    int seat;
    pthread_t thread;
    struct page page;
    int result;
};

static void *reader_main(void *context) {
    struct reader *reader = context;
    heap_own_thread();
    for (int i = 0; i < 3 && reader->result == 0; i++) {
        page_done(&reader->page);
        reader->result = read_picture(reader->stand, reader->picture, reader->seat, NULL, &reader->page);
    }
    return NULL;
}

static void test_each_thread_has_its_own(void **state) {
    (void)state;
    struct stand stand;
    if (!stand_up(&stand)) {
        skip();
    }
    struct image picture = draw(1);
    struct reader readers[SEATS] = {0};
    for (int i = 0; i < SEATS; i++) {
        readers[i] = (struct reader){.stand = &stand, .picture = &picture, .seat = i};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, reader_main, &readers[i]), 0);
    }
    for (int i = 0; i < SEATS; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_int_equal(readers[i].result, 0);
        check_page(&readers[i].page, &picture);
    }
    check_same(&readers[0].page, &readers[1].page);
    manager_trim(stand.manager);
    struct manager_state now;
    manager_read(stand.manager, &now);
    assert_int_equal(now.loads, 1);
    if (heap_counts()) { /* the second instance is charged as the first was; they share their dictionaries */
        assert_true(now.charged[ROLE_READ] > 20000000 && now.charged[ROLE_READ] < 40000000);
        assert_true(now.held > now.charged[ROLE_READ] * 6 / 10 && now.held < now.charged[ROLE_READ]);
    }
    assert_int_equal(charged(&stand), now.charged[ROLE_READ]);
    page_done(&readers[0].page);
    page_done(&readers[1].page);
    image_done(&picture);
    stand_down(&stand);
}

static void test_what_it_does_not_read(void **state) {
    (void)state;
    struct stand stand;
    if (!stand_up(&stand)) {
        skip();
    }
    struct page page;
    struct image picture = draw(1), white;
    atomic_bool cancel = true;
    assert_int_equal(read_picture(&stand, &picture, 0, &cancel, &page), ERR_INTERRUPTED);
    assert_int_equal(image_new(32768, 8, 1, &white), 0);
    memset(white.owned, 255, 32768 * 8);
    assert_int_equal(read_picture(&stand, &white, 0, NULL, &page), ERR_TOO_LARGE);
    assert_non_null(strstr(error_detail(), "32768 x 8"));
    white.width = 200;
    assert_int_equal(read_picture(&stand, &white, 0, NULL, &page), 0);
    assert_int_equal(page.line_count, 0);
    page_done(&page);
    white.width = white.height = 1;
    assert_int_equal(read_picture(&stand, &white, 0, NULL, &page), 0);
    page_done(&page);
    assert_int_equal(read_picture(&stand, &picture, 0, NULL, &page), 0);
    check_page(&page, &picture);
    page_done(&page);
    image_done(&picture);
    image_done(&white);
    stand_down(&stand);
}

static void test_damaged_language(void **state) {
    (void)state;
    struct stand stand;
    if (!stand_up(&stand)) {
        skip();
    }
    char folder[] = "/tmp/octavo-languages-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *path cleanup(drop_memory) = format("%s/eng.traineddata", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("no language", file);
    fclose(file);
    free(stand.spec.file);
    stand.spec.file = format("%s/eng", folder);
    struct image picture = draw(1);
    struct page page;
    assert_int_equal(read_picture(&stand, &picture, 0, NULL, &page), ERR_BAD_MODEL);
    assert_non_null(strstr(error_detail(), folder));
    image_done(&picture);
    unlink(path);
    rmdir(folder);
    stand_down(&stand);
}

static void test_languages_beyond_the_models(void **state) {
    (void)state;
    static const char *const beyond[] = {"rus", "eng+kor", "ara+eng", "uzb_cyrl", "hin"};
    static const char *const held[] = {"eng", "eng+deu", "chi_sim+jpn", "uzb", "ru", "russ", ""};
    for (size_t i = 0; i < array_length(beyond); i++) {
        assert_true(languages_beyond(beyond[i]));
    }
    for (size_t i = 0; i < array_length(held); i++) {
        assert_false(languages_beyond(held[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_alike_after_reload),    cmocka_unit_test(test_each_thread_has_its_own),
        cmocka_unit_test(test_what_it_does_not_read),       cmocka_unit_test(test_damaged_language),
        cmocka_unit_test(test_languages_beyond_the_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
