#include "store/flusher.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

enum { THREADS = 4, STACK_BYTES = 128 << 10 };

struct flush {
    struct flush *next; /* in the list that it is in */
    int fd, folder;     /* our copies */
    int error;
    void (*done)(void *context, struct flush *flush, int error); /* NULL: forgotten; the loop's */
    void *context;
};

/* First in, first out. */
struct list {
    struct flush *first, **end;
};

struct flusher {
    pthread_mutex_t lock; /* of the lists, idle and ending */
    pthread_cond_t more;
    struct list waiting, over;
    int idle;
    bool ending;
    int descriptor; /* eventfd */
    pthread_t threads[THREADS];
    int thread_count;
};

static void append(struct list *list, struct flush *flush) {
    flush->next = NULL;
    *list->end = flush;
    list->end = &flush->next;
}

static struct flush *take_first(struct list *list) {
    struct flush *flush = list->first;
    if (flush) {
        list->first = flush->next;
        list->end = flush->next ? list->end : &list->first;
    }
    return flush;
}

static int write_out(int fd, int folder) { return fsync(fd) == 0 && fsync(folder) == 0 ? 0 : errno; }

static void tell(struct flusher *flusher, struct flush *flush) {
    const uint64_t one = 1;
    drop_fd(&flush->fd);
    drop_fd(&flush->folder);
    append(&flusher->over, flush);
    ssize_t told = write(flusher->descriptor, &one, sizeof(one));
    (void)told; /* a full counter is readable as well */
}

static void *work(void *argument) {
    struct flusher *flusher = argument;
    pthread_mutex_lock(&flusher->lock);
    for (;;) {
        struct flush *flush = take_first(&flusher->waiting);
        if (flush) {
            pthread_mutex_unlock(&flusher->lock);
            flush->error = write_out(flush->fd, flush->folder);
            pthread_mutex_lock(&flusher->lock);
            tell(flusher, flush);
        } else if (flusher->ending) {
            break;
        } else {
            flusher->idle++;
            pthread_cond_wait(&flusher->more, &flusher->lock);
            flusher->idle--;
        }
    }
    pthread_mutex_unlock(&flusher->lock);
    return NULL;
}

int flusher_new(struct flusher **ret) {
    struct flusher *flusher cleanup(flusher_drop) = alloc(1, sizeof(*flusher));
    *flusher = (struct flusher){.descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    flusher->waiting.end = &flusher->waiting.first;
    flusher->over.end = &flusher->over.first;
    pthread_mutex_init(&flusher->lock, NULL);
    pthread_cond_init(&flusher->more, NULL);
    if (flusher->descriptor < 0) {
        return fail(ERR_INTERNAL, "eventfd: %s", strerror(errno));
    }
    *ret = take(flusher);
    return 0;
}

void flusher_drop(struct flusher **flusher) {
    struct flusher *old = *flusher;
    if (!old) {
        return;
    }
    pthread_mutex_lock(&old->lock);
    old->ending = true;
    pthread_cond_broadcast(&old->more);
    pthread_mutex_unlock(&old->lock);
    for (int i = 0; i < old->thread_count; i++) {
        pthread_join(old->threads[i], NULL);
    }
    for (struct flush *flush; (flush = take_first(&old->over));) {
        free(flush);
    }
    pthread_cond_destroy(&old->more);
    pthread_mutex_destroy(&old->lock);
    drop_fd(&old->descriptor);
    free(old);
    *flusher = NULL;
}

/* Threads come with the work, and stay. */
static void add_thread(struct flusher *flusher) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (pthread_create(&flusher->threads[flusher->thread_count], &attributes, work, flusher) == 0) {
        flusher->thread_count++;
    }
    pthread_attr_destroy(&attributes);
}

struct flush *flusher_begin(struct flusher *flusher, int fd, int folder,
                            void (*done)(void *context, struct flush *flush, int error), void *context) {
    struct flush *flush = alloc(1, sizeof(*flush));
    *flush = (struct flush){.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0),
                            .folder = fcntl(folder, F_DUPFD_CLOEXEC, 0),
                            .done = done,
                            .context = context};
    pthread_mutex_lock(&flusher->lock);
    if (flusher->idle == 0 && flusher->thread_count < THREADS) {
        add_thread(flusher);
    }
    if (flusher->thread_count > 0 && flush->fd >= 0 && flush->folder >= 0) {
        append(&flusher->waiting, flush);
        pthread_cond_signal(&flusher->more);
    } else {
        flush->error = write_out(fd, folder);
        tell(flusher, flush);
    }
    pthread_mutex_unlock(&flusher->lock);
    return flush;
}

void flush_forget(struct flush *flush) { flush->done = NULL; }

int flusher_descriptor(const struct flusher *flusher) { return flusher->descriptor; }

void flusher_take(struct flusher *flusher) {
    uint64_t count;
    ssize_t got = read(flusher->descriptor, &count, sizeof(count));
    (void)got; /* none is told twice */
    pthread_mutex_lock(&flusher->lock);
    struct list over = flusher->over;
    flusher->over = (struct list){.end = &flusher->over.first};
    pthread_mutex_unlock(&flusher->lock);
    for (struct flush *flush = over.first, *next; flush; flush = next) {
        next = flush->next;
        if (flush->done) {
            flush->done(flush->context, flush, flush->error);
        }
        free(flush);
    }
}
