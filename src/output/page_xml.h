/*
 * PAGE XML of 2019-07-15, which has one page a file: regions with their kinds, reading order, lines with baselines,
 * words; polygons in pixels, confidences.
 */
#ifndef OCTAVO_OUTPUT_PAGE_XML_H
#define OCTAVO_OUTPUT_PAGE_XML_H

#include <stdbool.h>

#include "base/buffer.h"
#include "document/result.h"

void output_page_xml_head(const struct result *result, const struct stages *sum, struct buffer *to);
void output_page_xml_page(const struct page *page, bool first, struct buffer *to);
void output_page_xml_tail(struct buffer *to);

#endif
