/* Where work goes: tables of what GPUs have free each second, and the device. GPUs of 1000 bytes, reserve 40. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "memory/gpu.h"
#include "memory/placement.h"

#include <cmocka.h> /* last: it has a macro fail() */

enum { NEEDED = 200, HOLD = 3, UNKNOWN = -1, GPUS = 2 };

/* Free bytes of gpu0 and gpu1, and where work is after it. */
struct row {
    int free[GPUS];
    int device;
};

static void expect(int wish, int count, const struct row *rows, size_t length) {
    struct placement placement = {.device = PLACE_AUTO};
    for (size_t i = 0; i < length; i++) {
        struct gpu_reading gpus[GPUS] = {{.source = "none"}, {.source = "none"}};
        for (int k = 0; k < GPUS; k++) {
            if (rows[i].free[k] != UNKNOWN) {
                gpus[k] = (struct gpu_reading){
                    .known = true, .total = 1000, .free = (uint64_t)rows[i].free[k], .source = "nvml"};
            }
        }
        placement = placement_choose(wish, gpus, count, NEEDED, placement, HOLD, (int64_t)i);
        if (placement.device != rows[i].device) {
            print_error("row %zu: %d, not %d\n", i, placement.device, rows[i].device);
        }
        assert_int_equal(placement.device, rows[i].device);
    }
}
#define EXPECT(wish, count, rows) expect(wish, count, rows, array_length(rows))

static void cpu_is_cpu(void **state) {
    (void)state;
    static const struct row rows[] = {{{1000, 1000}, PLACE_CPU}, {{1000, 1000}, PLACE_CPU}};
    EXPECT(PLACE_CPU, 2, rows);
    EXPECT(PLACE_AUTO, 0, rows);
    EXPECT(5, 2, rows);
}

static void low_memory_goes_to_the_processor_at_once(void **state) {
    (void)state;
    static const struct row rows[] = {{{280, 0}, 0}, {{240, 0}, 0}, {{239, 0}, PLACE_CPU}};
    EXPECT(PLACE_AUTO, 1, rows);
    EXPECT(0, 2, rows);
    static const struct row tight[] = {{{279, 0}, PLACE_CPU}};
    EXPECT(PLACE_AUTO, 1, tight);
}

static void unknown_memory_is_low(void **state) {
    (void)state;
    static const struct row rows[] = {{{UNKNOWN, 0}, PLACE_CPU}};
    EXPECT(PLACE_AUTO, 1, rows);
    static const struct row lost[] = {{{900, 0}, 0}, {{UNKNOWN, 0}, PLACE_CPU}, {{900, 0}, PLACE_CPU}};
    EXPECT(PLACE_AUTO, 1, lost);
}

static void return_waits_for_the_hold_time(void **state) {
    (void)state;
    static const struct row rows[] = {
        {{900, 0}, 0},         {{100, 0}, PLACE_CPU}, {{279, 0}, PLACE_CPU}, /* not twice the reserve */
        {{900, 0}, PLACE_CPU}, {{900, 0}, PLACE_CPU}, {{100, 0}, PLACE_CPU}, /* in vain */
        {{280, 0}, PLACE_CPU}, {{280, 0}, PLACE_CPU}, {{280, 0}, PLACE_CPU}, {{280, 0}, 0}, {{280, 0}, 0},
    };
    EXPECT(PLACE_AUTO, 1, rows);
    EXPECT(0, 2, rows);
}

static void auto_takes_the_one_with_most_room(void **state) {
    (void)state;
    static const struct row rows[] = {
        {{500, 900}, 1},         {{900, 240}, 1},         /* stays */
        {{900, 100}, PLACE_CPU}, {{900, 950}, PLACE_CPU}, /* gpu0 waits already, and stays the one */
        {{900, 950}, PLACE_CPU}, {{900, 950}, 0},
    };
    EXPECT(PLACE_AUTO, 2, rows);
}

static void wish_for_one_takes_no_other(void **state) {
    (void)state;
    static const struct row rows[] = {{{900, 500}, 1},         {{900, 100}, PLACE_CPU}, {{900, 100}, PLACE_CPU},
                                      {{900, 100}, PLACE_CPU}, {{900, 100}, PLACE_CPU}, {{900, 100}, PLACE_CPU}};
    EXPECT(1, 2, rows);
}

static void words_are_read_and_written(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int device;
    } words[] = {{"auto", PLACE_AUTO}, {"cpu", PLACE_CPU}, {"gpu0", 0}, {"gpu12", 12}};
    for (size_t i = 0; i < array_length(words); i++) {
        int device = 77;
        assert_int_equal(placement_parse(words[i].text, &device), 0);
        assert_int_equal(device, words[i].device);
        char *word cleanup(drop_memory) = placement_word(device);
        assert_string_equal(word, words[i].text);
    }
    static const char *const wrong[] = {"", "gpu", "gpu-1", "gpu 1", "gpu1x", "gpu1000000", "cpu0", "AUTO"};
    for (size_t i = 0; i < array_length(wrong); i++) {
        int device = 77;
        assert_int_equal(placement_parse(wrong[i], &device), ERR_USAGE);
        assert_int_equal(device, 77);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpu_is_cpu),
        cmocka_unit_test(low_memory_goes_to_the_processor_at_once),
        cmocka_unit_test(unknown_memory_is_low),
        cmocka_unit_test(return_waits_for_the_hold_time),
        cmocka_unit_test(auto_takes_the_one_with_most_room),
        cmocka_unit_test(wish_for_one_takes_no_other),
        cmocka_unit_test(words_are_read_and_written),
    };
    return cmocka_run_group_tests_name("placement", tests, NULL, NULL);
}
