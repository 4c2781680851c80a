#include "engine/library.h"

#include <dirent.h>
#include <dlfcn.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static char *find_file(const char *folder, const char *prefix) {
    DIR *listing = opendir(folder);
    char *path = NULL;
    if (!listing) {
        return NULL;
    }
    for (struct dirent *entry; !path && (entry = readdir(listing));) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0) {
            path = format("%s/%s", folder, entry->d_name);
        }
    }
    closedir(listing);
    return path;
}

int library_load(const char *folder, const char *prefix, bool or_system, const struct library_symbol *symbols,
                 size_t count, void **ret) {
    char *path cleanup(drop_memory) = find_file(folder, prefix);
    if (!path && or_system) {
        path = copy_string(prefix);
    }
    if (!path) {
        return fail(ERR_NO_ENGINE, "no %s* in %s", prefix, folder);
    }
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        return fail(ERR_NO_ENGINE, "%s", dlerror());
    }
    for (size_t i = 0; i < count; i++) {
        void *symbol = dlsym(library, symbols[i].name);
        if (!symbol) {
            return fail(ERR_NO_ENGINE, "%s lacks %s", path, symbols[i].name);
        }
        memcpy(symbols[i].address, &symbol, sizeof(symbol));
    }
    *ret = library;
    return 0;
}
