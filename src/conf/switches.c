#include "conf/switches.h"

#include <string.h>

#include "base/json.h"
#include "conf/options.h"

static const char *const words[] = {
#define SWITCH(symbol, word, member, roles, shipped) word,
#include "table/switches.def"
#undef SWITCH
};

const char *switch_word(enum stage_switch which) { return words[which]; }

bool switch_ships(enum stage_switch which) {
    static const bool ships[] = {
#define SWITCH(symbol, word, member, roles, shipped) shipped,
#include "table/switches.def"
#undef SWITCH
    };
    return ships[which];
}

struct switches switches_of(const struct options *options) {
    return (struct switches){{
#define SWITCH(symbol, word, member, roles, shipped) options->member,
#include "table/switches.def"
#undef SWITCH
    }};
}

unsigned switches_off(const struct switches *switches) {
    unsigned off = 0;
    for (int i = 0; i < SWITCH_COUNT; i++) {
        off |= strcmp(switches->to[i], "off") == 0 ? 1U << i : 0;
    }
    return off;
}

bool switch_reads_regions(enum stage_switch which) {
    return which == SWITCH_FORMULA || which == SWITCH_SEAL || which == SWITCH_CHART;
}

void switches_to_json(const struct switches *switches, struct json *object) {
    for (int i = 0; i < SWITCH_COUNT; i++) {
        json_set_string(object, words[i], switches->to[i]);
    }
}

struct switches switches_from_json(const struct json *object) {
    struct switches switches;
    for (int i = 0; i < SWITCH_COUNT; i++) {
        const char *word = json_string(object, words[i]);
        switches.to[i] = word ? word : "auto";
    }
    return switches;
}
