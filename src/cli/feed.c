#include "cli/feed.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

enum { LONGEST_LINE = 1 << 20 }; /* bytes: more than that is no name, and shall not fill the memory */

int feed_open(const char *path, struct feed *ret) {
    /* O_NONBLOCK: opening a pipe does not wait for its writer; reading is only done when there is something. */
    int fd cleanup(drop_fd) = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                                     : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        return fail(ERR_NO_INPUT, "%s: %s", path, strerror(errno));
    }
    if (S_ISDIR(status.st_mode)) {
        return fail(ERR_NO_INPUT, "%s: %s", path, strerror(EISDIR));
    }
    *ret = (struct feed){.fd = take_fd(&fd)};
    return 0;
}

void feed_done(struct feed *feed) {
    drop_fd(&feed->fd);
    buffer_done(&feed->text);
}

/* The end of the first line; NULL if it is not complete. The last one needs no newline. */
static const char *end_of_line(const struct feed *feed) {
    size_t left = feed->text.length - feed->start;
    const char *start = left > 0 ? feed->text.data + feed->start : NULL;
    const char *end = start ? memchr(start, '\n', left) : NULL;
    bool whole = feed->fd < 0 || left >= LONGEST_LINE;
    return end || !start || !whole ? end : start + left;
}

bool feed_has(const struct feed *feed) { return end_of_line(feed) != NULL; }

bool feed_is_over(const struct feed *feed) { return feed->fd < 0 && !feed_has(feed); }

struct pollfd feed_poll(const struct feed *feed) {
    return (struct pollfd){.fd = feed_has(feed) ? -1 : feed->fd, .events = POLLIN};
}

/* Moves what was not taken to the front. */
static void compact(struct feed *feed) {
    if (feed->start > 0) {
        feed->text.length -= feed->start;
        memmove(feed->text.data, feed->text.data + feed->start, feed->text.length);
        feed->start = 0;
    }
}

static void skip_empty(struct feed *feed) {
    while (feed->start < feed->text.length && feed->text.data[feed->start] == '\n') {
        feed->start++;
    }
}

/* A name that was cut off is none: another file may be called so. */
static void end_in_trouble(struct feed *feed, int trouble) {
    drop_fd(&feed->fd);
    feed->trouble = trouble;
    while (feed->text.length > feed->start && feed->text.data[feed->text.length - 1] != '\n') {
        feed->text.length--;
    }
}

void feed_receive(struct feed *feed) {
    char chunk[65536];
    ssize_t got = read(feed->fd, chunk, sizeof(chunk));
    if (got > 0) {
        compact(feed);
        buffer_add(&feed->text, chunk, (size_t)got);
    } else if (got == 0) {
        drop_fd(&feed->fd);
    } else if (errno != EINTR && errno != EAGAIN) {
        end_in_trouble(feed, errno);
    }
    skip_empty(feed);
}

char *feed_next(struct feed *feed) {
    const char *end = end_of_line(feed);
    if (!end) {
        return NULL;
    }
    const char *start = feed->text.data + feed->start;
    char *line = copy_bytes(start, (size_t)(end - start));
    feed->start += (size_t)(end - start);
    skip_empty(feed);
    return line;
}
