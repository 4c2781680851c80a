#include "document/fields.h"

#include <math.h>

#include "base/error.h"
#include "base/json.h"

int bad_result(const char *what) { return fail(ERR_PROTOCOL, "a page result whose %s is wrong", what); }

int number_from_json(const struct json *object, const char *key, uint32_t low, uint32_t high, uint32_t *ret) {
    double number = json_real(object, key, -1);
    if (!(number >= low && number <= high) || number != floor(number)) {
        return bad_result(key);
    }
    *ret = (uint32_t)number;
    return 0;
}

size_t json_length(const struct json *list) {
    size_t length = 0;
    for (const struct json *member = json_first(list); member; member = json_next(member)) {
        length++;
    }
    return length;
}

struct json *quad_to_json(const struct quad *quad) {
    struct json *polygon = json_array_new();
    for (int i = 0; i < 4; i++) {
        struct json *point = json_array_new();
        json_append_real(point, (double)quad->corner[i].x, 1);
        json_append_real(point, (double)quad->corner[i].y, 1);
        json_append(polygon, point);
    }
    return polygon;
}

int quad_from_json(const struct json *polygon, struct quad *ret) {
    int i = 0;
    for (const struct json *point = json_first(polygon); point; point = json_next(point), i++) {
        const struct json *x = json_first(point);
        const struct json *y = x ? json_next(x) : NULL;
        if (i == 4 || !x || !y) {
            return bad_result("polygon");
        }
        struct point corner = {(float)json_as_real(x, NAN), (float)json_as_real(y, NAN)};
        if (!isfinite(corner.x) || !isfinite(corner.y)) {
            return bad_result("polygon");
        }
        ret->corner[i] = corner;
    }
    return i == 4 ? 0 : bad_result("polygon");
}
