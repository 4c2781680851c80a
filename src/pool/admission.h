/*
 * The gate for new work: a document is opened when its raster fits, a page is drawn when its drawing fits. What each
 * worker may still need (its floor, less what it has) is left free, and while documents are open, room to draw a page.
 *
 *   budget = front + floors of the workers + share of the documents (rasters, drawing, bitmaps)
 *
 * One thread.
 */
#ifndef OCTAVO_POOL_ADMISSION_H
#define OCTAVO_POOL_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "pool/core.h"

/* Arithmetic; pure */

/*
 * Bytes that the workers may plan with together: the budget less what the front holds by itself and the share of the
 * documents, a quarter of the budget or, if it is more, what the largest page in work needs. At least 1.
 */
uint64_t admission_worker_bytes(uint64_t budget, uint64_t front, uint64_t largest_page);

/*
 * How many workers there may be in so many bytes, where open are: fewer if not each would have its floor, at least 1;
 * more, up to most, if each had its comfort and a sixteenth, so that none comes and goes with every document.
 */
size_t admission_workers(uint64_t bytes, uint64_t floor, uint64_t comfort, size_t open, size_t most);

/* Whether bytes fit beside the front and the workers' floors when all else has gone; the room that there is. */
bool admission_fits(uint64_t budget, uint64_t front, uint64_t floors, uint64_t bytes, uint64_t *ret_room);

/* What a page is granted before its need is known: in a new document; after one that took last bytes (0: new). */
uint64_t admission_first_grant(uint64_t room);
uint64_t admission_guess(uint64_t last, uint64_t room);

/* What the next page of a document is granted after one that was drawn with granted bytes into bitmap bytes. */
uint64_t admission_next_grant(uint64_t granted, uint64_t bitmap);

/* Claims */

/* Bytes that are asked for, or held. */
struct claim {
    enum { CLAIM_NONE, CLAIM_WAITING, CLAIM_HELD } state;
    int ticket, account;
    struct ledger_request request;
    uint64_t beside; /* bytes to be left free beside the workers' */
    int64_t since;   /* clock: asked */
};

/* Room for new work in the present budget, everything else gone. */
uint64_t claim_room(struct core *core);

/*
 * Asks for bytes on account, or asks again how it stands: 0 if they are held now, 1 while waiting; ERR_NO_MEMORY if
 * they never fit (the detail names needed and available bytes). own: what this document holds already and cannot give
 * back.
 */
int claim_ask(struct claim *claim, struct core *core, int account, enum charge_kind kind, uint64_t bytes, uint64_t own,
              uint64_t beside, int priority);

/* Ends the wait for bytes that never came. ERR_NO_MEMORY as claim_ask(). */
int claim_refuse(struct claim *claim, struct core *core);

/* Withdraws it, or credits what is held. */
void claim_drop(struct claim *claim, struct core *core);

/* What is held belongs to somebody else now, or was credited with its account. */
void claim_forget(struct claim *claim);

#endif
