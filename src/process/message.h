/*
 * Control messages between our processes: one JSON object in one SOCK_SEQPACKET datagram, with at most one descriptor.
 * What is large (bitmaps, results) travels as the descriptor of a sealed memfd. Every message has "op". Both ends are
 * our own binaries, yet each checks what it gets: a raster may have been taken over by the document it decodes.
 *
 * front -> raster                               raster -> front
 *   open    + document descriptor                 opened  pages, format, warnings[] | failed  error, detail
 *           dpi (0: choose), max_pages, max_pixels
 *   page    page (from 1), bytes (granted for     page    page, shrink, bitmap fields, seconds, warnings[] + memfd
 *           drawing it; 0: no bound), shrink      | page_needs  page, bytes: not drawn, ask again with so many
 *           (struct document, raster/kind.h)      | page_failed  page, error, detail
 *   write   what (document/made.h), bytes (granted  written | write_needs  bytes: all of it is to be done again
 *           for all of the writing) + descriptor      with so many, by another process | write_failed  error, detail
 *           of an empty file
 *   text    + memfd (page_to_json, with words),     likewise
 *           pages in their order
 *   finish                                          finished  warnings[] | likewise
 *   (end of file: leave)
 *
 * front -> worker                               worker -> front
 *   share   what ("ledger", "recorder",           (no answer)
 *           "roster") + memfd
 *   setup   engine, models, version, threads,     ready   engine, engine_version, started (seconds since its start),
 *           instance (its number in the pool),            plan {}, floor, comfort (bytes; memory/plan.h)
 *           account (of the worker), bytes (it            missing {switch: why}, engines (installed, with
 *           may plan with), model_idle (seconds),         commas)
 *           residency (seconds), tiles, switches  | failed  error, detail
 *           (table/switches.def: auto, on, off)
 *   plan    bytes (it may plan with from now on)  plan    plan {}, floor, comfort | plan_failed  error, detail
 *   read    id, page, priority, first (of its     page    id + memfd (page_to_json)
 *           document), words, check (it is one),  | page_failed  id, error, detail
 *           engine (null: its own), tiles,
 *           switches, bitmap + memfd
 *   cancel  id                                    (the page is answered page_failed "interrupted", or page if it was
 *                                                 done already)
 *   relieve step ("trim", "unload", "release")    relieved  step, bytes (given back)
 *   order   id, what ("load", "unload",           ordered  id, bytes (given back) | order_failed  id, error, detail
 *           "release"), model (its id; not for
 *           release), seconds (to wait for memory,
 *           or for users to go)
 *   ping                                          pong    busy (seconds that the longest step in hand has run)
 *                                                 quiet   heap, kept, handles, deficit: whenever nothing is in hand any
 *                                                         more (bytes allocated, and freed but kept for the next run;
 *                                                         model handles, 0; bytes not given back)
 *                                                 emptied left (bytes held beyond the opened engine): whenever the last
 *                                                         model has gone because it was idle
 *   describe                                      description + memfd (JSON: cpu, engines, models, calibration)
 *   (end of file: leave)
 * "error" is a word of table/errors.def. Pages are answered in any order.
 */
#ifndef OCTAVO_PROCESS_MESSAGE_H
#define OCTAVO_PROCESS_MESSAGE_H

struct json;

enum {
    MESSAGE_BYTES = 65536,    /* longest datagram */
    MESSAGE_CHILD_SOCKET = 3, /* where a child finds its end */
};

/*
 * Sends body (not taken over) and, unless it is -1, fd (not closed). Blocks while the peer's buffer is full.
 * ERR_CLOSED if the peer is gone.
 */
int message_send(int socket, const struct json *body, int fd);

/*
 * Likewise, of the front: it waits for no child. The connection of one that has let its buffer run full is shut down:
 * what it sent before is still received, then it is found to be gone. ERR_CLOSED.
 */
int message_post(int socket, const struct json *body, int fd);

/*
 * Waits for one message. The caller drops *ret_body and closes *ret_fd (-1 if there was none; close-on-exec).
 * ERR_CLOSED at end of file, ERR_PROTOCOL for anything that is no JSON object with "op".
 */
int message_receive(int socket, struct json **ret_body, int *ret_fd);

/* Sends {"op": op, id_key: id, "error", "detail"} for a failed step; id_key may be NULL. Errors as message_send(). */
int message_send_failure(int socket, const char *op, const char *id_key, long id, int error, const char *detail);

#endif
