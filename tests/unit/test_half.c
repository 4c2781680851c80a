/* Numbers of 16 bits: all of them there and back, and what lies between them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/half.h"

static float float_of(uint16_t half) {
    float number;
    half_to_floats(&half, 1, &number);
    return number;
}

static uint16_t half_of(float number) {
    uint16_t half;
    half_from_floats(&number, 1, &half);
    return half;
}

static void known_numbers(void **state) {
    (void)state;
    static const struct {
        uint16_t half;
        float number;
    } known[] = {{0x0000, 0},     {0x3C00, 1},        {0xC000, -2},       {0x3555, 0.33325195F},
                 {0x7BFF, 65504}, {0x0400, 0x1p-14F}, {0x0001, 0x1p-24F}, {0x83FF, -0x1.FF8p-15F}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        assert_true(!(float_of(known[i].half) < known[i].number) && !(float_of(known[i].half) > known[i].number));
        assert_int_equal(half_of(known[i].number), known[i].half);
    }
    assert_int_equal(half_of(-0.0F), 0x8000);
    assert_true(isinf(float_of(0x7C00)) && isinf(float_of(0xFC00)) && float_of(0xFC00) < 0);
    assert_true(isnan(float_of(0x7C01)));
}

static void all_of_them_go_there_and_back(void **state) {
    (void)state;
    for (uint32_t half = 0; half <= UINT16_MAX; half++) {
        float number = float_of((uint16_t)half);
        if (!isnan(number)) {
            assert_int_equal(half_of(number), half);
        }
    }
    assert_true(isnan(float_of(half_of(nanf("")))));
}

/* The nearest one; of two as near the even one. */
static void between_them_the_nearest_is_taken(void **state) {
    (void)state;
    for (uint16_t half = 0; half < 0x7BFF; half++) {
        float low = float_of(half), high = float_of((uint16_t)(half + 1)), middle = low + (high - low) / 2;
        assert_int_equal(half_of(middle), half % 2 == 0 ? half : half + 1);
        assert_int_equal(half_of(nextafterf(middle, low)), half);
        assert_int_equal(half_of(nextafterf(middle, high)), half + 1);
    }
    assert_int_equal(half_of(65519.9F), 0x7BFF);
    assert_int_equal(half_of(65520), 0x7C00);
    assert_int_equal(half_of(-INFINITY), 0xFC00);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_numbers), cmocka_unit_test(all_of_them_go_there_and_back),
                                       cmocka_unit_test(between_them_the_nearest_is_taken)};
    return cmocka_run_group_tests_name("half", tests, NULL, NULL);
}
