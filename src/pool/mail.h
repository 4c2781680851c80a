/*
 * What the front says to rasters and workers (process/message.h), and how a result is opened. One that is gone loses
 * what is sent to it: its end shows on its socket. One thread.
 */
#ifndef OCTAVO_POOL_MAIL_H
#define OCTAVO_POOL_MAIL_H

#include <stddef.h>
#include <stdint.h>

#include "document/page.h"
#include "pool/core.h"
#include "pool/job.h"
#include "pool/order.h"
#include "pool/recycle.h"

/* To a raster; the descriptor is borrowed. */
void mail_open(int socket, const struct job_wish *wish, int fd);
void mail_page(int socket, uint32_t page, uint64_t bytes, uint32_t shrink);

/* What is this worker's own: its instance, its engine threads, its account, the bytes that it may plan with. */
struct mail_setup {
    int instance, account;
    size_t threads;
    uint64_t bytes;
};

/* Shares ledger, recorder and roster and sends the setup. */
void mail_start(int socket, const struct core *core, const struct mail_setup *setup);

void mail_plan(int socket, uint64_t bytes);
void mail_read(int socket, long id, struct sheet *sheet, bool first,
               const struct job_wish *wish); /* the sheet's descriptor is closed */
void mail_cancel(int socket, long id);
void mail_relieve(int socket, const char *step);
void mail_order(int socket, const struct order *order);
void mail_ping(int socket);

/* The page behind fd, into *ret_page (the caller frees its contents), and its size as JSON. ERR_PROTOCOL. */
int mail_open_page(int fd, struct page *ret_page, uint64_t *ret_bytes);

/* What a "quiet" tells of a worker that has finished so many documents and holds so many bytes (PSS). */
struct rest mail_open_quiet(const struct json *message, uint64_t documents, uint64_t pss);

#endif
