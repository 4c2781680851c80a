/* Points and quads, in pixels; x to the right, y down. */
#ifndef OCTAVO_DOCUMENT_GEOMETRY_H
#define OCTAVO_DOCUMENT_GEOMETRY_H

struct point {
    float x, y;
};

/* An upright rectangle. */
struct area {
    float left, top, right, bottom;
};

/* Four corners in the order of the text: top left, top right, bottom right, bottom left as one reads it. */
struct quad {
    struct point corner[4];
};

#endif
