#include "conf/switches.h"

#include "base/json.h"
#include "conf/options.h"

static const char *const words[] = {
#define SWITCH(symbol, word, member, roles) word,
#include "table/switches.def"
#undef SWITCH
};

const char *switch_word(enum stage_switch which) { return words[which]; }

struct switches switches_of(const struct options *options) {
    return (struct switches){{
#define SWITCH(symbol, word, member, roles) options->member,
#include "table/switches.def"
#undef SWITCH
    }};
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
