/* Functions of the system that fail, each as it fails in life; those with "64" are what our programs really call. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "fault.h"

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);

/* name fails with error; failed is what it returns then. */
#define CALL(type, name, parameters, arguments, failed, error)                                                         \
    type name parameters {                                                                                             \
        if (fault_due(FAULT_CALL, #name)) {                                                                            \
            errno = error;                                                                                             \
            return failed;                                                                                             \
        }                                                                                                              \
        return FAULT_NEXT(name) arguments;                                                                             \
    }

/* As above, for those that return the error. */
#define CALL_RETURNING(name, parameters, arguments, error)                                                             \
    int name parameters { return fault_due(FAULT_CALL, #name) ? error : FAULT_NEXT(name) arguments; }

/* Files */

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        va_list list;                                                                                                  \
        va_start(list, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;                                        \
        va_end(list);                                                                                                  \
        if (fault_due(FAULT_CALL, #name)) {                                                                            \
            errno = EMFILE;                                                                                            \
            return -1;                                                                                                 \
        }                                                                                                              \
        return FAULT_NEXT(name)(path, flags, mode);                                                                    \
    }

#define CONTROL(name)                                                                                                  \
    int name(int fd, int command, ...) {                                                                               \
        va_list list;                                                                                                  \
        va_start(list, command);                                                                                       \
        void *argument = va_arg(list, void *);                                                                         \
        va_end(list);                                                                                                  \
        if (fault_due(FAULT_CALL, #name)) {                                                                            \
            errno = EMFILE;                                                                                            \
            return -1;                                                                                                 \
        }                                                                                                              \
        return FAULT_NEXT(name)(fd, command, argument);                                                                \
    }

OPEN(open)
OPEN(open64)
CONTROL(fcntl)
CONTROL(fcntl64)
CALL(int, __open_2, (const char *path, int flags), (path, flags), -1, EMFILE)
CALL(int, __open64_2, (const char *path, int flags), (path, flags), -1, EMFILE)
CALL(FILE *, fopen, (const char *path, const char *mode), (path, mode), NULL, EMFILE)
CALL(FILE *, fopen64, (const char *path, const char *mode), (path, mode), NULL, EMFILE)
CALL(DIR *, opendir, (const char *path), (path), NULL, EMFILE)
CALL(ssize_t, read, (int fd, void *bytes, size_t length), (fd, bytes, length), -1, EIO)
CALL(ssize_t, pread64, (int fd, void *bytes, size_t length, off64_t at), (fd, bytes, length, at), -1, EIO)
CALL(ssize_t, write, (int fd, const void *bytes, size_t length), (fd, bytes, length), -1, EIO)
CALL(int, fstat, (int fd, struct stat *ret), (fd, ret), -1, EIO)
CALL(int, fstat64, (int fd, struct stat64 *ret), (fd, ret), -1, EIO)
CALL(int, stat64, (const char *path, struct stat64 *ret), (path, ret), -1, EIO)
CALL(int, ftruncate, (int fd, off_t length), (fd, length), -1, EIO)
CALL(int, ftruncate64, (int fd, off64_t length), (fd, length), -1, EIO)
CALL(int, rename, (const char *from, const char *to), (from, to), -1, EIO)
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode), -1, EIO)
CALL(ssize_t, readlink, (const char *path, char *ret, size_t size), (path, ret, size), -1, EIO)
CALL(int, dup2, (int from, int to), (from, to), -1, EMFILE)

/* Memory: anonymous memory is an allocation, a file that is mapped is not */

#define MAP(name, offset_type)                                                                                         \
    void *name(void *address, size_t length, int protection, int flags, int fd, offset_type at) {                      \
        bool refused = flags & MAP_ANONYMOUS ? fault_allocation_due(length, #name) : fault_due(FAULT_CALL, #name);     \
        if (refused) {                                                                                                 \
            errno = ENOMEM;                                                                                            \
            return MAP_FAILED;                                                                                         \
        }                                                                                                              \
        return FAULT_NEXT(name)(address, length, protection, flags, fd, at);                                           \
    }

MAP(mmap, off_t)
MAP(mmap64, off64_t)

int memfd_create(const char *name, unsigned flags) {
    if (fault_due(FAULT_ALLOC, "memfd_create") || fault_due(FAULT_CALL, "memfd_create")) {
        errno = EMFILE;
        return -1;
    }
    return FAULT_NEXT(memfd_create)(name, flags);
}

/* Processes, sockets and waiting */

CALL(int, socketpair, (int domain, int type, int protocol, int ret[2]), (domain, type, protocol, ret), -1, EMFILE)
CALL(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags), -1, ENOMEM)
CALL(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags), -1, ENOMEM)
CALL(int, pidfd_open, (pid_t pid, unsigned flags), (pid, flags), -1, EMFILE)
CALL(int, poll, (struct pollfd * polled, nfds_t count, int timeout), (polled, count, timeout), -1, ENOMEM)
CALL(int, signalfd, (int fd, const sigset_t *signals, int flags), (fd, signals, flags), -1, EMFILE)
CALL(int, eventfd, (unsigned value, int flags), (value, flags), -1, EMFILE)
CALL(int, timerfd_create, (clockid_t clock, int flags), (clock, flags), -1, EMFILE)
CALL(int, epoll_create1, (int flags), (flags), -1, EMFILE)
CALL(int, pipe2, (int ret[2], int flags), (ret, flags), -1, EMFILE)
CALL_RETURNING(posix_spawn,
               (pid_t *restrict ret, const char *restrict path, const posix_spawn_file_actions_t *restrict actions,
                const posix_spawnattr_t *restrict attributes, char *const argv[restrict], char *const env[restrict]),
               (ret, path, actions, attributes, argv, env), ENOMEM)
CALL_RETURNING(pthread_create,
               (pthread_t *restrict ret, const pthread_attr_t *restrict attributes, void *(*run)(void *),
                void *restrict argument),
               (ret, attributes, run, argument), EAGAIN)
