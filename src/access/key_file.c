/* The file of API keys on the disk. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/key.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

enum { FILE_LIMIT = 1 << 20 };

/* Whoever can write it can let himself in. */
static int read_file(const char *path, int fd, char **ret, size_t *ret_length) {
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return fail(ERR_KEYS, "%s: %s", path, strerror(errno));
    }
    if (status.st_mode & (S_IWGRP | S_IWOTH)) {
        return fail(ERR_KEYS, "%s can be written by others than its owner: chmod 600 it, and look at who is in it",
                    path);
    }
    return file_read(fd, FILE_LIMIT, ret, ret_length) != 0 ? fail(ERR_KEYS, "%s: %s", path, error_detail()) : 0;
}

int keys_load(const char *path, struct keys *ret) {
    char *text cleanup(drop_memory) = NULL;
    size_t length = 0;
    int fd cleanup(drop_fd) = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return fail(ERR_KEYS, "%s: %s", path, strerror(errno));
    }
    int result = read_file(path, fd, &text, &length);
    if (result == 0 && keys_parse(text, length, ret) != 0) {
        result = fail(ERR_KEYS, "%s:%s", path, error_detail());
    }
    return result;
}

/* Opens the file for this process alone: of two that change it, the second waits, and sees what the first has done. */
static int open_locked(const char *path, int flags, int *ret) {
    for (;;) {
        struct stat ours, named;
        int fd cleanup(drop_fd) = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
        if (fd < 0 || flock(fd, LOCK_EX) != 0 || fstat(fd, &ours) != 0) {
            return fail(ERR_KEYS, "%s: %s", path, strerror(errno));
        }
        if (stat(path, &named) == 0 && named.st_ino == ours.st_ino && named.st_dev == ours.st_dev) {
            *ret = take_fd(&fd);
            return 0;
        } /* it was replaced while we waited */
    }
}

static char *line_of(const struct key *key) {
    char *scopes cleanup(drop_memory) = key_scopes_text(key->scopes);
    return format("%s %s %s%s%s created=%s\n", key->id, key->hash, scopes, *key->name ? " name=" : "", key->name,
                  key->created);
}

int keys_add(const char *path, const struct key *key) {
    struct keys known cleanup(keys_done) = {0};
    char *text cleanup(drop_memory) = NULL, *line cleanup(drop_memory) = line_of(key);
    size_t length = 0;
    int fd cleanup(drop_fd) = -1;
    int result = open_locked(path, O_CREAT | O_APPEND, &fd);
    result = result ? result : read_file(path, fd, &text, &length);
    if (result == 0 && keys_parse(text, length, &known) != 0) {
        result = fail(ERR_KEYS, "%s:%s", path, error_detail());
    }
    if (result != 0) {
        return result;
    }
    char *whole cleanup(drop_memory) = format("%s%s", length > 0 && text[length - 1] != '\n' ? "\n" : "", line);
    if (file_write(fd, whole, strlen(whole)) != 0) {
        int kept = ftruncate(fd, (off_t)length); /* half a line would keep the server from starting */
        (void)kept;
        return fail(ERR_OUTPUT, "%s: %s", path, error_detail());
    }
    return 0;
}

/* The text without the line of an id; whether there was one. */
static bool leave_out(const char *text, const char *id, struct buffer *rest) {
    bool found = false;
    while (*text) {
        size_t length = strcspn(text, "\n");
        length += text[length] == '\n';
        const char *word = text + strspn(text, " \t\r");
        bool is_it = strncmp(word, id, KEY_ID_BYTES - 1) == 0 && strchr(" \t", word[KEY_ID_BYTES - 1]);
        if (!is_it) {
            buffer_add(rest, text, length);
        }
        found = found || is_it;
        text += length;
    }
    return found;
}

int keys_remove(const char *path, const char *id) {
    char *text cleanup(drop_memory) = NULL;
    size_t length = 0;
    struct buffer rest cleanup(buffer_done) = {0};
    struct stat status;
    int fd cleanup(drop_fd) = -1;
    if (!key_id_is_sound(id)) {
        return fail(ERR_NOT_FOUND, "key \"%.40s\"", id);
    }
    int result = open_locked(path, 0, &fd);
    result = result ? result : read_file(path, fd, &text, &length);
    if (result != 0) {
        return result;
    }
    if (!leave_out(text ? text : "", id, &rest)) {
        return fail(ERR_NOT_FOUND, "key %s is not in %s", id, path);
    }
    umask(077);
    result = file_replace(path, rest.data ? rest.data : "", rest.length);
    if (result == 0 && fstat(fd, &status) == 0 && chown(path, status.st_uid, status.st_gid) != 0) {
        result = fail(ERR_OUTPUT, "%s: its owner: %s", path, strerror(errno));
    }
    return result;
}
