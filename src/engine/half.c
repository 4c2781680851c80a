#include "engine/half.h"

#include <math.h>

enum { SIGN = 0x8000, INFINITE = 0x7C00, QUIET = 0x0200, FRACTION = 0x03FF, FRACTION_BITS = 10 };

#define LARGEST 65504.0F    /* beyond it, and half a step more, is infinity */
#define LEAST_STEP 0x1p-24F /* between the smallest numbers, whose exponent is not stored */
#define LEAST_NORMAL 0x1p-14F

static uint16_t half_from_float(float number) {
    uint16_t sign = signbit(number) ? SIGN : 0;
    float size = fabsf(number);
    if (isnan(number)) {
        return sign | INFINITE | QUIET;
    }
    if (size < LEAST_NORMAL) { /* a carry makes it the least normal one */
        return sign | (uint16_t)lrintf(size / LEAST_STEP);
    }
    if (size >= LARGEST + 16) {
        return sign | INFINITE;
    }
    int exponent;
    float fraction = frexpf(size, &exponent); /* from 0.5 to 1 */
    long steps = lrintf(ldexpf(fraction, FRACTION_BITS + 1)) - (1 << FRACTION_BITS);
    return sign | (uint16_t)(((exponent + 14) << FRACTION_BITS) + steps); /* likewise a carry raises the exponent */
}

static float half_to_float(uint16_t half) {
    int exponent = (half & INFINITE) >> FRACTION_BITS, fraction = half & FRACTION;
    float size = exponent == 0    ? (float)fraction * LEAST_STEP
                 : exponent == 31 ? (fraction ? NAN : INFINITY)
                                  : ldexpf((float)(fraction + (1 << FRACTION_BITS)), exponent - 15 - FRACTION_BITS);
    return half & SIGN ? -size : size;
}

void half_from_floats(const float *floats, size_t count, uint16_t *ret) {
    for (size_t i = 0; i < count; i++) {
        ret[i] = half_from_float(floats[i]);
    }
}

void half_to_floats(const uint16_t *halves, size_t count, float *ret) {
    for (size_t i = 0; i < count; i++) {
        ret[i] = half_to_float(halves[i]);
    }
}
