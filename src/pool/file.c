#include "pool/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "pool/job.h"

/* Opens without waiting for a writer of a pipe: reading waits for one, and that is the raster's, which has a limit. */
int file_of_job(struct job *job, int *ret) {
    bool is_stdin = strcmp(job->file, "-") == 0;
    int fd cleanup(drop_fd) = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                       : open(job->file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        return fail(ERR_NO_INPUT, "%s", strerror(errno));
    }
    if (S_ISDIR(status.st_mode)) {
        return fail(ERR_NO_INPUT, "%s", strerror(EISDIR));
    }
    if (!is_stdin) {
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    }
    job->device = status.st_dev;
    job->inode = status.st_ino;
    if (S_ISREG(status.st_mode)) {
        job->result.bytes = (uint64_t)status.st_size;
        job->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    }
    *ret = take_fd(&fd);
    return 0;
}

bool job_comes_through_pipe(const struct job *job) {
    struct stat status;
    bool is_stdin = strcmp(job->file, "-") == 0;
    if (job->fd >= 0) { /* a regular file */
        return false;
    }
    return (is_stdin ? fstat(STDIN_FILENO, &status) : stat(job->file, &status)) == 0 && !S_ISREG(status.st_mode);
}
