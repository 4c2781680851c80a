/*
 * The worker's threads. Pages wait in a queue; each thread takes the next step: the beginning of the next page
 * when few lines are left, else a line of the oldest page that has some. So all threads are busy while there is work,
 * and no more pages are open than needed to keep them so. Each step runs on one core.
 */
#ifndef OCTAVO_WORKER_CREW_H
#define OCTAVO_WORKER_CREW_H

#include <stdint.h>

#include "document/page.h"
#include "image/image.h"
#include "pipeline/hand.h"

struct crew;

/* A page to read. The pixels are borrowed until done() was called. */
struct crew_page {
    struct image image;
    uint32_t number;
    float dpi;
    /*
     * Called once, by any of the crew's threads, outside its lock: result is 0 and page the result (contents owned by
     * the callee), or result is an error whose detail is error_detail() and page is NULL.
     */
    void (*done)(struct crew_page *page, int result, struct page *result_page);
};

/* Starts threads threads over models, which must outlive the crew. ERR_INTERNAL. */
int crew_start(const struct models *models, int threads, struct crew **ret);

/* Queues a page. Any thread. */
void crew_read(struct crew *crew, struct crew_page *page);

/* Ends the threads after the steps in hand; pages that are not done get no answer. */
void crew_stop(struct crew *crew);

#endif
