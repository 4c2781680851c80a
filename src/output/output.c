#include "output/output.h"

#include "output/json.h"
#include "output/text.h"

const struct output outputs[] = {
    {"text", "txt", output_text},
    {"json", "json", output_json},
    {0},
};
