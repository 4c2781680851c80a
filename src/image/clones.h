/*
 * VECTOR_CLONES before a function: it is compiled for several instruction sets and the machine's best is chosen when
 * the program starts. Not under sanitizers, whose run-time is not ready yet when the choice is made.
 */
#ifndef OCTAVO_IMAGE_CLONES_H
#define OCTAVO_IMAGE_CLONES_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&               \
    !defined(__SANITIZE_THREAD__)
#define VECTOR_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define VECTOR_CLONES
#endif

#endif
