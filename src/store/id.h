/*
 * Names of tasks and their blobs: 128 random bits as 26 letters and digits that nobody takes for each other. Whatever a
 * client sends as an id is checked with id_is_sound() before anything is done with it. Any thread.
 */
#ifndef OCTAVO_STORE_ID_H
#define OCTAVO_STORE_ID_H

#include <stdbool.h>

enum { ID_BYTES = 27 }; /* with the NUL */

/* A new id. ERR_INTERNAL where the kernel has no random bytes. */
int id_new(char ret[ID_BYTES]);

bool id_is_sound(const char *text);

#endif
