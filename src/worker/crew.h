/*
 * The worker's threads. Pages wait in a queue; each thread takes the next step: the beginning of the next page
 * when few lines are left before it, else a line of the first page that has some. So all threads are busy while there
 * is work, and no more pages are open than needed to keep them so. Each step runs on one core.
 *
 * The queue goes by the time at which a page came, moved by priority, and by CREW_PATIENCE for pages of documents that
 * are being read already: a receipt does not wait for the pages of a book, yet each page's turn comes whatever comes
 * after it.
 */
#ifndef OCTAVO_WORKER_CREW_H
#define OCTAVO_WORKER_CREW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "document/page.h"
#include "image/image.h"
#include "model/manager.h"

#define CREW_AGEING INT64_C(10000000000)  /* nanoseconds, as QUEUE_AGEING (task/queue.h) */
#define CREW_PATIENCE INT64_C(1000000000) /* nanoseconds */

struct crew;

/* A page to read. The pixels are borrowed until done() was called. */
struct crew_page {
    int64_t id;
    struct image image;
    uint32_t number;
    float dpi;
    int priority;       /* of its engine runs, and a step of it counts like CREW_AGEING of waiting */
    bool first;         /* of its document: it goes before others that have waited CREW_PATIENCE less */
    bool unnoticed;     /* it does not keep models from being unloaded as idle */
    bool again;         /* by Tesseract, where the models were unsure */
    const char *unread; /* why it cannot; NULL: it can. Borrowed */
    unsigned without;   /* bits 1 << role: models that are not to be used */
    unsigned off;       /* bits 1 << switch: stages that nobody wants */
    int tiles;          /* of detection at the least; 0: as the plan says */
    /* The engine to use, and how; NULL: as the crew's plan says. */
    const struct engine_kind *kind;
    struct page_plan plan;
    atomic_bool cancel; /* crew_cancel() */
    /*
     * Called once, by any of the crew's threads, outside its lock: result is 0 and page the result (contents owned by
     * the callee), or result is an error whose detail is error_detail() and page is NULL.
     */
    void (*done)(struct crew_page *page, int result, struct page *result_page);
};

struct crew_options {
    struct manager *manager; /* outlives the crew */
    struct ledger *ledger;   /* whose waits a cancel ends */
    int threads;             /* the models' runners for lines */
    struct page_plan plan;   /* of which threads and tiles are followed */
    /* Called by a crew thread, outside its lock, when the last page in hand was answered. */
    void (*quiet)(void *context);
    void *context;
};

/* ERR_INTERNAL. */
int crew_start(const struct crew_options *options, struct crew **ret);

/* Queues a page. Any thread. */
void crew_read(struct crew *crew, struct crew_page *page);

/* Ends the page of that id early: it is answered ERR_INTERRUPTED after the steps in hand, unless it is done already. */
void crew_cancel(struct crew *crew, int64_t id);

/* For pages that begin from now on; threads beyond plan.threads take no more steps. */
void crew_follow(struct crew *crew, const struct page_plan *plan);

/* Seconds that the longest step in hand has taken so far; 0 if there is none. */
double crew_busy(struct crew *crew);

/* Pages that are not answered yet. */
size_t crew_pages(struct crew *crew);

/* Ends the threads after the steps in hand; pages that are not done get no answer. */
void crew_stop(struct crew *crew);

/* After crew_stop(), when nobody asks for its pages any more. */
void crew_drop(struct crew **crew);

#endif
