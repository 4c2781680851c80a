/* Numbers of 16 bits (IEEE 754 binary16), in which some networks want their input and give their output. Any thread. */
#ifndef OCTAVO_ENGINE_HALF_H
#define OCTAVO_ENGINE_HALF_H

#include <stddef.h>
#include <stdint.h>

/* To the nearest one, ties to the even one; what is too large becomes infinite. */
void half_from_floats(const float *floats, size_t count, uint16_t *ret);

/* Exactly. */
void half_to_floats(const uint16_t *halves, size_t count, float *ret);

#endif
