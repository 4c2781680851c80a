/*
 * Token ids to text: what a Hugging Face tokenizer.json of byte-level BPE says of its tokens (Radford et al. 2019,
 * "Language Models are Unsupervised Multitask Learners": each byte is written as a printable character). Decoding needs
 * the vocabulary alone, no merges. Pure, any thread.
 */
#ifndef OCTAVO_MODEL_TOKENIZER_H
#define OCTAVO_MODEL_TOKENIZER_H

#include <stddef.h>

enum { TOKENIZER_BYTES = 64 << 20 /* of the file, at most */, TOKENIZER_TOKENS = 1 << 18 };

/*
 * Reads the file's text. (*ret)[id] is the string of the bytes that token id stands for: "" for a special token and for
 * an id that is none; one token alone need not be whole UTF-8. The caller frees the *ret_count strings and the list.
 * ERR_BAD_MODEL with what is wrong.
 */
int tokenizer_read(const char *text, size_t length, char ***ret, size_t *ret_count);

#endif
