#include "raster/kind.h"

#include "base/memory.h"

/* A picture is known by its first bytes; a PDF may have junk in front, so it is asked last. */
static const struct document_kind *const kinds[] = {&picture_kind, &pdf_kind};

const struct document_kind *kind_of(const unsigned char *bytes, size_t length) {
    for (size_t i = 0; i < array_length(kinds); i++) {
        if (kinds[i]->knows(bytes, length)) {
            return kinds[i];
        }
    }
    return NULL;
}
