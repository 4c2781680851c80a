#include "worker/models.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "worker/languages.h"

unsigned models_of_stage(enum stage_switch which) {
    static const unsigned roles[] = {
#define WITH(role) | 1U << ROLE_##role
#define MAY WITH
#define SWITCH(symbol, word, member, roles, shipped) 0 roles,
#include "table/switches.def"
#undef SWITCH
#undef MAY
#undef WITH
    };
    return roles[which];
}

/* Of these the ones that it cannot be without. */
static unsigned needs_of(enum stage_switch which) {
    static const unsigned needs[] = {
#define WITH(role) | 1U << ROLE_##role
#define MAY(role)
#define SWITCH(symbol, word, member, roles, shipped) 0 roles,
#include "table/switches.def"
#undef SWITCH
#undef MAY
#undef WITH
    };
    return needs[which];
}

enum stage_switch models_stage(enum role role) {
    int which = 0;
    while (which < SWITCH_COUNT - 1 && !(models_of_stage((enum stage_switch)which) & 1U << role)) {
        which++;
    }
    return (enum stage_switch)which;
}

/* Clients are told it, and the folders of this machine are no matter of theirs. */
void models_note_missing(struct setup *setup, enum stage_switch which) {
    const char *detail = error_detail(), *folder = setup->places.models;
    const char *at = folder && *folder ? strstr(detail, folder) : NULL;
    free(setup->missing[which]);
    setup->missing[which] = at ? format("%.*sthe folder of models%s", (int)(at - detail), detail, at + strlen(folder))
                               : copy_string(detail);
}

/* How pages lie Tesseract sees, with its library, where there is no model for that or nothing that runs it. */
static bool takes_tesseract(struct setup *setup, enum role role, bool reads) {
    const struct model_spec *model;
    bool runs = catalog_choose(&setup->catalog, role, NULL, setup->places.models, &model) == 0 &&
                (!reads || places_has_engine(&setup->places, engine_onnxruntime.name));
    return role == ROLE_ORIENT && !runs && languages_choose_orientation(&setup->places, &setup->turner) &&
           (reads || setup_open_beside(setup, &engine_tesseract) == 0);
}

static int choose_model(struct setup *setup, enum role role, bool reads) {
    if (takes_tesseract(setup, role, reads)) {
        setup->specs[role] = &setup->turner;
        return 0;
    }
    return catalog_choose(&setup->catalog, role, NULL, setup->places.models, &setup->specs[role]);
}

/* The models of a stage that can be switched, whether it is wanted or not: a page may want it. */
static int choose_stage(struct setup *setup, enum stage_switch which, const char *word, bool reads) {
    if (models_of_stage(which) == 0) {
        int result =
            fail(ERR_NO_STAGE, "no model to read %ss is known that an engine here can run", switch_word(which));
        models_note_missing(setup, which);
        return strcmp(word, "on") == 0 ? result : 0;
    }
    for (int role = 0; role < ROLE_COUNT; role++) {
        if (!(models_of_stage(which) & 1U << role)) {
            continue;
        }
        bool needed = needs_of(which) & 1U << role;
        if (!needed && setup->missing[which]) { /* of no use alone; what is needed stands before it in the table */
            continue;
        }
        int result = choose_model(setup, (enum role)role, reads);
        bool missed = result != 0 && needed;
        if (missed && strcmp(word, "on") == 0) {
            return result;
        }
        if (missed) {
            models_note_missing(setup, which);
        }
        setup->planner.specs[role] = strcmp(word, "off") != 0 ? setup->specs[role] : NULL;
    }
    return 0;
}

/* Detection and recognition of one version. */
static int choose_lines(struct setup *setup, const struct wish *wish) {
    static const enum role always[] = {ROLE_RECOGNISE, ROLE_DETECT};
    const char *version = wish->version;
    int result = 0;
    for (size_t i = 0; i < array_length(always) && result == 0; i++) {
        enum role role = always[i];
        result = catalog_choose(&setup->catalog, role, version, setup->places.models, &setup->specs[role]);
        setup->planner.specs[role] = setup->specs[role];
        version = result == 0 ? setup->specs[role]->version : version;
    }
    return result;
}

/* Tesseract's languages, whether it is the engine or not: a page may ask for it. */
static int choose_reader(struct setup *setup, const struct wish *wish, bool reads) {
    int result = languages_choose(&setup->places, wish->languages, &setup->reader);
    setup->specs[ROLE_READ] = result == 0 ? &setup->reader : NULL;
    setup->planner.specs[ROLE_READ] = reads ? setup->specs[ROLE_READ] : NULL;
    setup->unread = result == 0 ? NULL : copy_string(error_detail());
    setup->rereads = strcmp(wish->engine, "auto") == 0 && languages_beyond(wish->languages);
    return reads ? result : 0;
}

/* What reads regions is made ready for where there are any. */
static void forget_stage(struct setup *setup, enum stage_switch which) {
    for (int role = 0; role < ROLE_COUNT; role++) {
        if ((switch_reads_regions(which) || which == SWITCH_CELLS) && models_of_stage(which) & 1U << role) {
            setup->planner.specs[role] = NULL;
        }
    }
}

int models_choose(struct setup *setup, const struct wish *wish) {
    bool reads = strcmp(wish->engine, engine_tesseract.name) == 0;
    int result = choose_reader(setup, wish, reads);
    result = result || reads ? result : choose_lines(setup, wish);
    for (int i = 0; i < SWITCH_COUNT && result == 0; i++) {
        result = choose_stage(setup, (enum stage_switch)i, wish->switches.to[i], reads);
    }
    if (reads) {
        setup->specs[ROLE_CLASSIFY] = setup->planner.specs[ROLE_CLASSIFY] = NULL;
    }
    for (int i = 0; i < SWITCH_COUNT && !setup->planner.specs[ROLE_LAYOUT]; i++) {
        forget_stage(setup, (enum stage_switch)i);
    }
    return result;
}
