#include "document/made.h"

#include <stddef.h>
#include <string.h>

static const char *const words[] = {
    "",
#define MADE(symbol, word, about, vital) word,
#include "table/made.def"
#undef MADE
};

static const char *const abouts[] = {
    "",
#define MADE(symbol, word, about, vital) about,
#include "table/made.def"
#undef MADE
};

static const bool vitals[] = {
    false,
#define MADE(symbol, word, about, vital) vital,
#include "table/made.def"
#undef MADE
};

const char *made_word(enum made made) { return words[made]; }

const char *made_about(enum made made) { return abouts[made]; }

bool made_is_vital(enum made made) { return vitals[made]; }

enum made made_of(const char *word) {
    enum made made = MADE_COUNT - 1;
    while (made > MADE_NONE && (!word || strcmp(words[made], word) != 0)) {
        made--;
    }
    return made;
}
