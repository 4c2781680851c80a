#include "pipeline/order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "pipeline/gutter.h"

/*
 * The page is straightened, then cut: a gutter splits a region into what lies above, left, right and below of it, each
 * of which is cut again; what has no gutter is put together row by row. All lengths are in units of the usual height
 * of a line (em), so that resolution and print size do not matter.
 */

/* Regions within regions: real pages need 4 or 5; more would only cost time on a hostile page. */
#define MAX_DEPTH 12
/* Boxes below a row's first among which its pieces are looked for: more than a row of a table has. */
#define ROW_REACH 64
/* Pieces of a row share this part of the lower one's height; of their widths they share no more than the other. */
#define ROW_OVERLAP 0.5F
#define PIECE_OVERLAP 0.3F
/* A new block begins where rows are further apart than usual in their region, or the print changes its size. */
#define BLOCK_GAP 1.4F
#define BLOCK_SIZE 1.4F

/* A line higher than this, and than twice its width, is read in another direction than the page. */
#define STANDING 3.0F

struct weighed {
    float value, weight;
};

struct order {
    struct line *lines;
    struct box *boxes, *spare; /* spare and room have a place for each box */
    struct weighed *room;
    float em;
    uint32_t row, block; /* next */
};

static int by_value(const void *a, const void *b) {
    const struct weighed *p = a, *q = b;
    return (p->value > q->value) - (p->value < q->value);
}

/* The value below which half of the weight lies; values is sorted. count > 0. */
static float weighed_median(struct weighed *values, size_t count) {
    float rest = 0;
    qsort(values, count, sizeof *values, by_value);
    for (size_t i = 0; i < count; i++) {
        rest += values[i].weight / 2;
    }
    size_t i = 0;
    while (i + 1 < count && rest > values[i].weight) {
        rest -= values[i++].weight;
    }
    return values[i].value;
}

static float overlap(float a_from, float a_to, float b_from, float b_to) {
    return fminf(a_to, b_to) - fmaxf(a_from, b_from);
}

/* Whether a box continues a row of count boxes: beside all of them and level with the nearest. */
static bool continues(const struct box *row, size_t count, const struct box *box) {
    const struct box *nearest = row;
    float most = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        float shared = overlap(row[i].left, row[i].right, box->left, box->right);
        if (shared > PIECE_OVERLAP * fminf(box_width(&row[i]), box_width(box))) {
            return false;
        }
        if (shared > most) {
            most = shared;
            nearest = &row[i];
        }
    }
    return overlap(nearest->top, nearest->bottom, box->top, box->bottom) >
           ROW_OVERLAP * fminf(box_height(nearest), box_height(box));
}

static int by_left(const void *a, const void *b) {
    const struct box *p = a, *q = b;
    return (p->left > q->left) - (p->left < q->left);
}

/* Brings the pieces of the row that begins with box first to its place, from left to right; where the next begins. */
static size_t gather_row(struct box *boxes, size_t first, size_t end) {
    size_t next = first + 1;
    for (size_t i = next; i < end && i < next + ROW_REACH; i++) {
        if (continues(boxes + first, next - first, &boxes[i])) {
            struct box piece = boxes[i];
            memmove(boxes + next + 1, boxes + next, (i - next) * sizeof piece);
            boxes[next++] = piece;
        }
    }
    qsort(boxes + first, next - first, sizeof *boxes, by_left);
    return next;
}

/* A row as a whole: its pieces reach to before end, middle and height are their mean. */
struct row {
    size_t end;
    float middle, height;
};

static struct row row_at(const struct order *order, size_t first, size_t end) {
    struct row row = {.end = first};
    float width = 0;
    uint32_t number = order->lines[order->boxes[first].line].row;
    for (; row.end < end && order->lines[order->boxes[row.end].line].row == number; row.end++) {
        const struct box *box = &order->boxes[row.end];
        float weight = fmaxf(box_width(box), 1);
        row.middle += box_middle(box) * weight;
        row.height += box_height(box) * weight;
        width += weight;
    }
    row.middle /= width;
    row.height /= width;
    return row;
}

/* The usual distance between the rows of region. */
static float row_spacing(const struct order *order, struct stretch region) {
    size_t count = 0;
    struct row row = row_at(order, region.first, region.end);
    while (row.end < region.end) {
        struct row next = row_at(order, row.end, region.end);
        order->room[count++] = (struct weighed){next.middle - row.middle, 1};
        row = next;
    }
    return count ? weighed_median(order->room, count) : INFINITY;
}

static void mark_blocks(struct order *order, struct stretch region) {
    float spacing = row_spacing(order, region);
    struct row before = row_at(order, region.first, region.end);
    for (size_t i = region.first; i < region.end;) {
        struct row row = row_at(order, i, region.end);
        float ratio = row.height / before.height;
        order->block +=
            row.middle - before.middle > BLOCK_GAP * spacing || ratio > BLOCK_SIZE || ratio < 1 / BLOCK_SIZE;
        for (; i < row.end; i++) {
            order->lines[order->boxes[i].line].block = order->block;
        }
        before = row;
    }
    order->block++;
}

static void read_across(struct order *order, struct stretch region) {
    for (size_t first = region.first; first < region.end;) {
        size_t next = gather_row(order->boxes, first, region.end);
        for (; first < next; first++) {
            order->lines[order->boxes[first].line].row = order->row;
        }
        order->row++;
    }
    mark_blocks(order, region);
}

/* Sorts the boxes of the gutter's region by place, otherwise kept in their order; ends[place] is where each ends. */
static void part(struct order *order, const struct gutter *gutter, size_t ends[3]) {
    struct stretch region = gutter->region;
    size_t count = region.end - region.first, at = region.first;
    memcpy(order->spare, order->boxes + region.first, count * sizeof *order->spare);
    for (enum place place = PLACE_LEFT; place <= PLACE_INSET; place++) {
        for (size_t i = 0; i < count; i++) {
            if (gutter_place(gutter, &order->spare[i]) == place) {
                order->boxes[at++] = order->spare[i];
            }
        }
        ends[place] = at;
    }
}

static void read_region(struct order *order, struct stretch region, int depth) {
    struct gutter gutter;
    if (region.first == region.end) {
        return;
    }
    if (depth == MAX_DEPTH || !gutter_find(order->boxes, region, order->em, &gutter)) {
        read_across(order, region);
        return;
    }
    size_t ends[3];
    part(order, &gutter, ends);
    read_region(order, (struct stretch){region.first, gutter.region.first}, depth + 1);
    read_region(order, (struct stretch){gutter.region.first, ends[PLACE_LEFT]}, depth + 1);
    read_region(order, (struct stretch){ends[PLACE_LEFT], ends[PLACE_RIGHT]}, depth + 1);
    read_region(order, (struct stretch){ends[PLACE_RIGHT], ends[PLACE_INSET]}, depth + 1);
    read_region(order, (struct stretch){gutter.region.end, region.end}, depth + 1);
}

/* From where a line begins to where it ends, through its middle. */
static struct point along(const struct quad *quad) {
    const struct point *p = quad->corner;
    return (struct point){(p[1].x - p[0].x + p[2].x - p[3].x) / 2, (p[1].y - p[0].y + p[2].y - p[3].y) / 2};
}

/*
 * The direction in which the page is read, in radians clockwise from rightwards: the quarter that most text follows,
 * and the median of what its lines differ from their quarters. Each line weighs as much as it is long. Vertical text
 * runs downwards: turned back, its columns are rows, the rightmost first.
 */
static float page_angle(const struct order *order, size_t count) {
    const float quarter = (float)M_PI_2;
    float votes[4] = {0};
    for (size_t i = 0; i < count; i++) {
        struct point line = along(&order->lines[i].quad);
        float angle = atan2f(line.y, line.x), length = hypotf(line.x, line.y), quarters = roundf(angle / quarter);
        order->room[i] = (struct weighed){angle - quarters * quarter, length};
        votes[((int)quarters + 4) % 4] += length;
    }
    int most = 0;
    for (int i = 1; i < 4; i++) {
        most = votes[i] > votes[most] ? i : most;
    }
    return (float)most * quarter + weighed_median(order->room, count);
}

static int by_size(const void *a, const void *b) {
    const float *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

/* The box of a quad turned back by angle; each side goes through the middle of an edge of the quad. */
static struct box straight_box(const struct quad *quad, float angle) {
    float c = cosf(angle), s = sinf(angle), x[4], y[4];
    for (int i = 0; i < 4; i++) {
        x[i] = quad->corner[i].x * c + quad->corner[i].y * s;
        y[i] = quad->corner[i].y * c - quad->corner[i].x * s;
    }
    qsort(x, 4, sizeof *x, by_size);
    qsort(y, 4, sizeof *y, by_size);
    return (struct box){
        .left = (x[0] + x[1]) / 2, .right = (x[2] + x[3]) / 2, .top = (y[0] + y[1]) / 2, .bottom = (y[2] + y[3]) / 2};
}

static int by_middle(const void *a, const void *b) {
    const struct box *p = a, *q = b;
    float apart = box_middle(p) - box_middle(q);
    return apart != 0 ? (apart > 0) - (apart < 0) : by_left(a, b);
}

static bool stands(const struct box *box, float em) {
    return box_height(box) > STANDING * em && box_height(box) > 2 * box_width(box);
}

/*
 * Makes the straightened boxes of the lines, sorted by their middles, and the em. Lines that stand upright among those
 * that lie (a stamp along the margin, the title of an axis) come last; returns how many lie.
 */
static size_t lay_out(struct order *order, size_t count) {
    float angle = page_angle(order, count);
    for (size_t i = 0; i < count; i++) {
        order->spare[i] = straight_box(&order->lines[i].quad, angle);
        order->spare[i].line = i;
        order->room[i] = (struct weighed){box_height(&order->spare[i]), 1};
    }
    order->em = weighed_median(order->room, count);
    size_t lying = 0, standing = count;
    for (size_t i = 0; i < count; i++) {
        order->boxes[stands(&order->spare[i], order->em) ? --standing : lying++] = order->spare[i];
    }
    qsort(order->boxes, lying, sizeof *order->boxes, by_middle);
    qsort(order->boxes + lying, count - lying, sizeof *order->boxes, by_middle);
    return lying;
}

static void order_from(struct line *lines, size_t count, int depth) {
    if (count == 0) {
        return;
    }
    struct box *boxes cleanup(drop_memory) = alloc(count, sizeof *boxes);
    struct box *spare cleanup(drop_memory) = alloc(count, sizeof *spare);
    struct weighed *room cleanup(drop_memory) = alloc(count, sizeof *room);
    struct line *sorted cleanup(drop_memory) = alloc(count, sizeof *sorted);
    struct order order = {.lines = lines, .boxes = boxes, .spare = spare, .room = room};
    size_t lying = lay_out(&order, count);
    read_region(&order, (struct stretch){0, lying}, depth);
    read_region(&order, (struct stretch){lying, count}, depth);
    for (size_t i = 0; i < count; i++) {
        sorted[i] = lines[boxes[i].line];
    }
    memcpy(lines, sorted, count * sizeof *lines);
}

void order_lines(struct line *lines, size_t count) { order_from(lines, count, 0); }

void order_rows(struct line *lines, size_t count) { order_from(lines, count, MAX_DEPTH); }
