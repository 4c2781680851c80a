/* Shared libraries loaded at run time. */
#ifndef OCTAVO_ENGINE_LIBRARY_H
#define OCTAVO_ENGINE_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

/* A function to look up: its name and the address of the function pointer to fill. */
struct library_symbol {
    const char *name;
    void *address;
};

/*
 * Loads the first file in folder whose name starts with prefix (a library's file carries its version), and fills the
 * symbols, of its own or of what it loads. or_system: where folder has none, prefix is the name of a library that the
 * system may have. *ret is never unloaded: engines leave threads and handlers behind. ERR_NO_ENGINE with the reason.
 */
int library_load(const char *folder, const char *prefix, bool or_system, const struct library_symbol *symbols,
                 size_t count, void **ret);

#endif
