/* Metadata out of ONNX bytes, sound and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/onnx.h"

#include <cmocka.h> /* last: it has a macro fail() */

/* ir_version (1) = 8; graph (7) of 3 bytes; metadata (14): "a" -> "xy", then "key" -> "value". */
static const uint8_t sound[] = {0x08, 8,    0x3A, 3,    1, 2,   3,   0x72, 7,    0x0A, 1,   'a', 0x12, 2,   'x',
                                'y',  0x72, 12,   0x0A, 3, 'k', 'e', 'y',  0x12, 5,    'v', 'a', 'l',  'u', 'e'};

static void a_value_is_found_by_its_key(void **state) {
    (void)state;
    const char *value;
    size_t length;
    assert_int_equal(onnx_metadata(sound, sizeof(sound), "key", &value, &length), 0);
    assert_int_equal(length, 5);
    assert_memory_equal(value, "value", 5);
    assert_int_equal(onnx_metadata(sound, sizeof(sound), "a", &value, &length), 0);
    assert_memory_equal(value, "xy", 2);
    assert_int_equal(onnx_metadata(sound, sizeof(sound), "ke", &value, &length), 0);
    assert_null(value);
}

/* Every way of cutting or changing one byte is answered, never read past the end (the sanitizers watch). */
static void damaged_bytes_are_answered(void **state) {
    (void)state;
    for (size_t cut = 0; cut <= sizeof(sound); cut++) {
        uint8_t *copy cleanup(drop_memory) = alloc(cut, 1);
        memcpy(copy, sound, cut);
        const char *value;
        size_t length;
        int result = onnx_metadata(copy, cut, "key", &value, &length);
        assert_true(result == 0 || result == ERR_BAD_MODEL);
    }
    for (size_t at = 0; at < sizeof(sound); at++) {
        for (int byte = 0; byte < 256; byte++) {
            uint8_t *copy cleanup(drop_memory) = alloc(sizeof(sound), 1);
            memcpy(copy, sound, sizeof(sound));
            copy[at] = (uint8_t)byte;
            const char *value = NULL;
            size_t length = 0;
            int result = onnx_metadata(copy, sizeof(sound), "key", &value, &length);
            assert_true(result == 0 || result == ERR_BAD_MODEL);
            if (result == 0 && value) {
                assert_true((const uint8_t *)value >= copy && (const uint8_t *)value + length <= copy + sizeof(sound));
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_value_is_found_by_its_key),
                                       cmocka_unit_test(damaged_bytes_are_answered)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
