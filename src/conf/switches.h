/* Stages of reading that can be switched off and on (table/switches.def). Any thread. */
#ifndef OCTAVO_CONF_SWITCHES_H
#define OCTAVO_CONF_SWITCHES_H

#include <stdbool.h>

struct json;
struct options;

enum stage_switch {
#define SWITCH(symbol, word, member, roles, shipped) SWITCH_##symbol,
#include "table/switches.def"
#undef SWITCH
    SWITCH_COUNT
};

/* "auto", "on" or "off" for each: borrowed. */
struct switches {
    const char *to[SWITCH_COUNT];
};

/* Word of a switch. Borrowed for ever. */
const char *switch_word(enum stage_switch which);

/* Whether the models that it takes come with Octavo. */
bool switch_ships(enum stage_switch which);

/* As the settings have them. */
struct switches switches_of(const struct options *options);

/* Bits 1 << stage of those that are "off". */
unsigned switches_off(const struct switches *switches);

/*
 * Whether the stage reads regions of one type: where it has no model the pages that have some say so, and no document
 * is warned of what it may not miss.
 */
bool switch_reads_regions(enum stage_switch which);

void switches_to_json(const struct switches *switches, struct json *object);

/* Reads what switches_to_json() wrote; what is not there is "auto". Borrowed from object. */
struct switches switches_from_json(const struct json *object);

#endif
