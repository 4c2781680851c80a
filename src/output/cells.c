#include "output/cells.h"

#include <stddef.h>
#include <string.h>

static const char digits[] = "0123456789";

bool cell_is_number(const char *text, unsigned *ret_decimals) {
    const char *first = text + (*text == '-');
    size_t whole = strspn(first, digits), decimals = 0, length = whole;
    if (first[whole] == '.') {
        decimals = strspn(first + whole + 1, digits);
        length += 1 + decimals;
    }
    bool plain = whole > 0 && first[length] == '\0' && (whole == 1 || *first != '0');
    bool fits = whole + decimals <= 15 && decimals <= CELL_DECIMALS && (decimals > 0 || length == whole);
    bool minus_nothing = first > text && strspn(first, "0.") == length;
    if (!plain || !fits || minus_nothing) {
        return false;
    }
    *ret_decimals = (unsigned)decimals;
    return true;
}
