/* Text for XML. Any thread. */
#ifndef OCTAVO_OUTPUT_XML_H
#define OCTAVO_OUTPUT_XML_H

#include <stddef.h>

#include "base/buffer.h"

/* Adds text for content or a quoted attribute; characters that XML 1.0 does not have become U+FFFD. */
void xml_add(struct buffer *to, const char *text, size_t length);

#endif
