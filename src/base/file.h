/* Descriptors, whole files and shared memory. All descriptors are close-on-exec. Any thread. */
#ifndef OCTAVO_BASE_FILE_H
#define OCTAVO_BASE_FILE_H

#include <stddef.h>

/* close() for cleanup(): -1 is left alone; the variable becomes -1. */
void drop_fd(int *fd);

/* Moves a descriptor out of its variable, which becomes -1. */
int take_fd(int *fd);

/* Reads the rest of fd, at most limit bytes, into *ret (NUL-terminated; caller frees). ERR_NO_INPUT, ERR_TOO_LARGE. */
int file_read(int fd, size_t limit, char **ret, size_t *ret_length);

/* As file_read(), by name, which the detail of a failure begins with. */
int file_read_path(const char *path, size_t limit, char **ret, size_t *ret_length);

/* Writes all of bytes to fd. ERR_OUTPUT with the reason. */
int file_write(int fd, const void *bytes, size_t length);

/*
 * A new, empty file in the folder of path, for file_settle(): *ret_fd to write it, *ret_draft its name, which is short
 * and that of no other draft. Caller closes and frees. ERR_OUTPUT, told of path.
 */
int file_draft(const char *path, char **ret_draft, int *ret_fd);

/* Puts the draft in the place of path; if result is a failure, or this fails, removes it. result, else ERR_OUTPUT. */
int file_settle(const char *draft, const char *path, int result);

/* Replaces path by bytes in one step: a reader sees the old or the new file. ERR_OUTPUT. */
int file_replace(const char *path, const void *bytes, size_t length);

/* As file_replace(), by all that the file from has. */
int file_replace_by(const char *path, int from);

/* Writes all of the file from, its start included, to the end of to. ERR_OUTPUT. */
int file_copy(int from, int to);

/* A file of the folder without a name: it is gone when *ret_fd and its copies are closed. ERR_OUTPUT. */
int file_scratch(const char *folder, int *ret_fd);

/* Makes a folder with its parents, if they are missing; new ones can be used by their owner only. ERR_OUTPUT. */
int file_make_folder(const char *path);

/* A new memfd of length bytes, mapped for writing at *ret_bytes (the caller seals or unmaps it). ERR_NO_MEMORY. */
int file_memory_new(const char *name, size_t length, int *ret_fd, void **ret_bytes);

/*
 * The same of a size that nobody can change, for processes that write to it together; file_shared_map() is their side:
 * ERR_PROTOCOL if fd is anything else, or of another length. The caller unmaps.
 */
int file_shared_new(const char *name, size_t length, int *ret_fd, void **ret_bytes);
int file_shared_map(int fd, size_t length, void **ret_bytes);

/*
 * Unmaps bytes and seals fd: nobody can write, grow or shrink it any more. Waits up to 3 s for others to let go of it.
 * ERR_INTERNAL.
 */
int file_memory_seal(int fd, void *bytes, size_t length);

/* A sealed memfd holding a copy of bytes. ERR_NO_MEMORY, ERR_INTERNAL. */
int file_memory_from(const char *name, const void *bytes, size_t length, int *ret_fd);

/*
 * Maps a sealed memfd for reading; the caller unmaps it (munmap, *ret_length bytes). ERR_PROTOCOL if fd is not sealed
 * (its sender could shrink it under our feet), empty or larger than limit.
 */
int file_memory_map(int fd, size_t limit, const void **ret_bytes, size_t *ret_length);

/* The folder of this process's own executable; caller frees. ERR_INTERNAL. */
int file_own_folder(char **ret);

#endif
