/* Whether a table is ruled, by PP-LCNet_x1_0_table_cls. One hand. */
#ifndef OCTAVO_PIPELINE_TABLE_KIND_H
#define OCTAVO_PIPELINE_TABLE_KIND_H

#include "pipeline/hand.h"

/*
 * *ret: whether lines part the cells of the table in area of the page. Where the model is not installed it is left as
 * it is. Errors as lcnet_run(), ERR_BAD_MODEL.
 */
int kind_find(const struct hand *hand, const struct image *page, const struct area *area, struct stages *stages,
              bool *ret);

#endif
