#include "catalog/places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

/* rest, so many levels above path, which has no links in it; without "..", for people read it. */
static char *above(const char *path, int levels, const char *rest) {
    size_t length = strlen(path);
    for (; levels > 0; levels--) {
        while (length > 0 && path[--length] != '/') {
        }
    }
    return format("%.*s%s", (int)length, path, rest);
}

static char *runtime_folder(const char *own) {
    const char *named = getenv("OCTAVO_RUNTIME");
    if (named && *named) {
        return copy_string(named);
    }
    char *built = above(own, 2, "/runtime");
    if (access(built, R_OK) == 0) {
        return built;
    }
    free(built);
    return above(own, 1, "/lib/octavo");
}

/* Creates path and what is missing above it. */
static int make_folders(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int failed = mkdir(path, 0777) != 0 && errno != EEXIST;
        *slash = '/';
        if (failed) {
            return -1;
        }
    }
    return mkdir(path, 0777) != 0 && errno != EEXIST ? -1 : 0;
}

/* $variable/octavo, else $HOME/fallback/octavo; NULL if neither can be. */
static char *user_folder(const char *variable, const char *fallback) {
    const char *base = getenv(variable), *home = getenv("HOME");
    char *path = NULL;
    if (base && base[0] == '/') {
        path = format("%s/octavo", base);
    } else if (home && home[0] == '/') {
        path = format("%s/%s/octavo", home, fallback);
    }
    if (path && make_folders(path) != 0) {
        free(path);
        path = NULL;
    }
    return path;
}

int places_find(const char *models, struct places *ret) {
    char *own cleanup(drop_memory) = NULL;
    int result = file_own_folder(&own);
    if (result != 0) {
        return result;
    }
    char *runtime cleanup(drop_memory) = runtime_folder(own);
    *ret = (struct places){.catalog = format("%s/../share/octavo/catalog.yaml", own),
                           .models = models ? copy_string(models) : format("%s/models", runtime),
                           .engines = format("%s/engines", runtime),
                           .cache = user_folder("XDG_CACHE_HOME", ".cache"),
                           .state = user_folder("XDG_STATE_HOME", ".local/state")};
    return 0;
}

void places_done(struct places *places) {
    free(places->catalog);
    free(places->models);
    free(places->engines);
    free(places->cache);
    free(places->state);
    *places = (struct places){0};
}

char *places_engine(const struct places *places, const char *engine) {
    return format("%s/%s", places->engines, engine);
}

bool places_has_engine(const struct places *places, const char *engine) {
    char *folder cleanup(drop_memory) = places_engine(places, engine);
    return access(folder, X_OK) == 0;
}
