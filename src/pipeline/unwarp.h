/*
 * Pages that lie askew or not flat: the mesh that straightens them (image/mesh.h). By the lines that were found, or by
 * the network UVDoc (Verhoeven, Magne and Sorkine-Hornung 2023, "UVDoc: Neural Grid-based Document Unwarping"). One
 * hand.
 */
#ifndef OCTAVO_PIPELINE_UNWARP_H
#define OCTAVO_PIPELINE_UNWARP_H

#include "image/mesh.h"
#include "pipeline/hand.h"

/* A mesh and the size of the page that it straightens; mesh of no points: the page is as it should be. */
struct unwarping {
    struct mesh mesh;
    uint32_t width, height;
};

/*
 * Whether the lines in boxes run askew over a page of width x height, all alike: then the mesh turns the page, which
 * grows so that nothing is cut off. A page of few lines, or of lines in several directions, is left alone, and so is
 * one that is askew by less than order, layout and tables bear. The caller calls mesh_done(). Pure.
 */
struct unwarping unwarp_by_lines(const struct quad *boxes, size_t count, uint32_t width, uint32_t height);

/*
 * What UVDoc's first output, a grid [1, 2, rows, columns] of places from -1 to 1, x before y, makes of a page of width
 * x height; nothing where the page is hardly bent, as on flat pages the network sees bends that are none. The caller
 * calls mesh_done(). ERR_BAD_MODEL if the shape is another. Pure.
 */
int unwarp_decode(const struct outputs *outputs, uint32_t width, uint32_t height, struct unwarping *ret);

/* That of a page; nothing where the model is not installed. Errors as hand_run(), ERR_BAD_MODEL. */
int unwarp_by_model(const struct hand *hand, const struct image *page, struct stages *stages, struct unwarping *ret);

#endif
