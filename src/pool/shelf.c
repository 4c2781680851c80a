#include "pool/shelf.h"

#include <string.h>

#include "base/memory.h"
#include "catalog/catalog.h"
#include "catalog/places.h"

static void set_text(char to[ROSTER_TEXT], const char *text) { memcpy(to, text, strnlen(text, ROSTER_TEXT - 1)); }

static void show(const struct core *core, const struct model_spec *spec) {
    const struct pool_conf *conf = core->conf;
    struct roster_name name = {.device = "cpu"};
    bool chosen = strcmp(conf->engine, "auto") != 0;
    set_text(name.id, spec->id);
    set_text(name.role, role_word(spec->role));
    set_text(name.version, spec->version);
    set_text(name.engine, spec->only_onnxruntime ? "onnxruntime" : chosen ? conf->engine : "");
    const struct roster_state state = {.idle = (spec->idle > 0 ? spec->idle : conf->model_idle) * POOL_SECOND};
    roster_note(core->roster, roster_add(core->roster, &name), &state);
}

void shelf_show(const struct core *core) {
    struct places places cleanup(places_done) = {0};
    struct catalog catalog cleanup(catalog_done) = {0};
    if (places_find(core->conf->models, &places) != 0 || catalog_load(places.catalog, &catalog) != 0) {
        return;
    }
    for (size_t i = 0; i < catalog.count; i++) {
        if (catalog_has(&catalog.specs[i], places.models)) {
            show(core, &catalog.specs[i]);
        }
    }
}
