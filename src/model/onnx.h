/*
 * What Octavo reads from an ONNX file itself: its metadata (onnx.proto: ModelProto.metadata_props = 14, a list of
 * StringStringEntryProto with key = 1 and value = 2). Engines differ in whether they show it. Any thread.
 */
#ifndef OCTAVO_MODEL_ONNX_H
#define OCTAVO_MODEL_ONNX_H

#include <stddef.h>
#include <stdint.h>

/*
 * Finds the metadata value of key in the file's bytes. *ret points into bytes and is *ret_length long; NULL and 0 if
 * there is none. ERR_BAD_MODEL if the bytes are no ONNX model.
 */
int onnx_metadata(const uint8_t *bytes, size_t length, const char *key, const char **ret, size_t *ret_length);

#endif
