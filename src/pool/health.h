/*
 * The health check of an instance: a page with one word, drawn here, that its worker reads as any other page. One
 * thread.
 */
#ifndef OCTAVO_POOL_HEALTH_H
#define OCTAVO_POOL_HEALTH_H

#include "document/page.h"
#include "pool/core.h"
#include "pool/job.h"

#define HEALTH_WORD "LEFT"

/* The page as a sheet, charged as any: the caller hands it to the worker or calls sheet_done(). ERR_TIMEOUT where there
 * is no memory for it just now; ERR_NO_MEMORY, ERR_INTERNAL. */
int health_sheet(struct core *core, struct sheet *ret);

/* Why this is not what stands on it (caller frees); NULL if it is. */
char *health_judge(const struct page *page);

/* How it is to be read: by the models alone that all pages need. */
extern const struct job_wish health_wish;

/* Whether these are loaded in the instance, on its engine ("openvino 2026.4.1"): a check must not load anything. */
bool health_is_free(const struct core *core, int instance, const char *engine);

#endif
