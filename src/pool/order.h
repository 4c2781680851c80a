/*
 * What an administrator asks of the workers besides pages (process/message.h, "order"). An order belongs to whoever
 * gives it, until done() was called or it was withdrawn. It is given to several workers in parts. One thread.
 */
#ifndef OCTAVO_POOL_ORDER_H
#define OCTAVO_POOL_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json;

enum order_kind { ORDER_LOAD, ORDER_UNLOAD, ORDER_RELEASE };

struct order {
    enum order_kind kind;
    const char *model; /* id, borrowed; NULL for ORDER_RELEASE */
    int64_t seconds;   /* to wait for memory, or for users to go */
    /* Called once: the error with its detail, or 0 and the bytes that came back. */
    void (*done)(struct order *order, int error, const char *detail, uint64_t bytes);
    /* The pool's own. */
    struct order *next;
    long id; /* 0: it was not sent yet */
    struct order *whole;
    struct order *parts; /* one for each worker that has to carry it out */
    size_t part_count, open;
    int error; /* of the first part that failed */
    char *detail;
    uint64_t bytes; /* of all parts so far */
};

/* Makes so many parts of it, at least one, to be added to lists: it is done when all of them are. */
void order_divide(struct order *order, size_t parts);
/* It is not wanted any more: the parts, which are in no list, go. */
void order_reunite(struct order *order);

/* A list of them, in the order of coming, starts as NULL. */
void orders_add(struct order **orders, struct order *order);
/* One that is not wanted any more is carried out all the same if it was sent. */
void orders_withdraw(struct order **orders, const struct order *order);

/* Whether one was sent; the first that was not. */
bool orders_sent(const struct order *orders);
struct order *orders_unsent(struct order *orders);

/* All end with error. */
void orders_refuse(struct order **orders, int error, const char *detail);

/* The worker has gone: what was sent has failed, what would free its memory is done; loads are left to the next one. */
void orders_lose(struct order **orders, const char *obituary);

/* The worker's message "ordered" or "order_failed"; last: the highest id that was sent. ERR_PROTOCOL. */
int orders_take_answer(struct order **orders, long last, const struct json *message);

#endif
