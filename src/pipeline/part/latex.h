/* LaTeX as networks write it, made fit to be read (design/ppocr-algorithms 8.6). Pure, any thread. */
#ifndef OCTAVO_PIPELINE_PART_LATEX_H
#define OCTAVO_PIPELINE_PART_LATEX_H

/*
 * A copy of text, bytes that are not UTF-8 replaced: blanks go where LaTeX does not need them, which is everywhere but
 * between a command and the letter behind it, between words, and in "\ "; within \operatorname, \mathrm, \text and
 * \mathbf the last of these alone are kept, for networks put blanks between the letters there. \text around Chinese is
 * taken off. Quotation marks and dollar signs, which would end the formula, are left out. Caller frees.
 */
char *latex_clean(const char *text);

#endif
