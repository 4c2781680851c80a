#include "output/archive.h"

#include <minizip/zip.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

enum {
    MOST = 1 << 30, /* bytes that are given to the compressor at a time */
    UNIX_MADE = 3 << 8 | 30,
    NAME_IS_UTF8 = 1 << 11,
    FIRST_DAY = 1 << 5 | 1 /* 1980-01-01 */
};

/* minizip writes into bytes as if it was a file; of each file in it, it goes back to the header when it has ended. */
struct archive {
    zipFile zip;
    bool open;            /* a file was begun */
    struct buffer bytes;  /* from offset base of the archive on */
    uint64_t base, place; /* place: where minizip writes next */
    uint64_t settled;     /* nothing before it changes any more */
};

/* minizip's file */

static void *open_bytes(void *context, const void *name, int mode) {
    (void)name;
    (void)mode;
    return context;
}

static uLong read_bytes(void *context, void *stream, void *to, uLong length) {
    (void)context;
    (void)stream;
    (void)to;
    (void)length;
    return 0;
}

static uLong write_bytes(void *context, void *stream, const void *from, uLong length) {
    struct archive *archive = context;
    (void)stream;
    size_t offset = (size_t)(archive->place - archive->base), behind = archive->bytes.length - offset;
    size_t over = length < behind ? length : behind;
    if (over > 0) {
        memcpy(archive->bytes.data + offset, from, over);
    }
    buffer_add(&archive->bytes, (const char *)from + over, length - over);
    archive->place += length;
    return length;
}

static ZPOS64_T tell_bytes(void *context, void *stream) {
    const struct archive *archive = context;
    (void)stream;
    return archive->place;
}

static long seek_bytes(void *context, void *stream, ZPOS64_T offset, int origin) {
    struct archive *archive = context;
    (void)stream;
    uint64_t end = archive->base + archive->bytes.length;
    uint64_t from = origin == ZLIB_FILEFUNC_SEEK_SET ? 0 : origin == ZLIB_FILEFUNC_SEEK_CUR ? archive->place : end;
    if (from + offset < archive->base || from + offset > end) {
        return -1;
    }
    archive->place = from + offset;
    return 0;
}

static int close_bytes(void *context, void *stream) {
    (void)context;
    (void)stream;
    return 0;
}

/* Archives */

struct archive *archive_new(void) {
    struct archive *archive = alloc(1, sizeof(*archive));
    zlib_filefunc64_def calls = {.zopen64_file = open_bytes,
                                 .zread_file = read_bytes,
                                 .zwrite_file = write_bytes,
                                 .ztell64_file = tell_bytes,
                                 .zseek64_file = seek_bytes,
                                 .zclose_file = close_bytes,
                                 .zerror_file = close_bytes,
                                 .opaque = archive};
    archive->zip = or_end(zipOpen2_64("", APPEND_STATUS_CREATE, NULL, &calls));
    return archive;
}

void archive_drop(struct archive **archive) {
    struct archive *old = take(*archive);
    if (old) {
        if (old->zip) {
            zipClose(old->zip, NULL);
        }
        buffer_done(&old->bytes);
        free(old);
    }
}

static int failed(int status) {
    return status == ZIP_BADZIPFILE ? fail(ERR_OUTPUT, "a file in the archive is larger than 4 GB")
                                    : fail(ERR_NO_MEMORY, "the compressor says %d", status);
}

static int end_file(struct archive *archive) {
    int status = archive->open ? zipCloseFileInZip(archive->zip) : ZIP_OK;
    archive->open = false;
    archive->settled = archive->place;
    return status == ZIP_OK ? 0 : failed(status);
}

int archive_begin(struct archive *archive, const char *name) {
    const zip_fileinfo info = {.dosDate = (uLong)FIRST_DAY << 16, .external_fa = 0100644UL << 16};
    int result = end_file(archive);
    if (result != 0) {
        return result;
    }
    int status =
        zipOpenNewFileInZip4_64(archive->zip, name, &info, NULL, 0, NULL, 0, NULL, Z_DEFLATED, Z_DEFAULT_COMPRESSION, 0,
                                -MAX_WBITS, DEF_MEM_LEVEL, Z_DEFAULT_STRATEGY, NULL, 0, UNIX_MADE, NAME_IS_UTF8, 0);
    archive->open = status == ZIP_OK;
    return status == ZIP_OK ? 0 : failed(status);
}

int archive_add(struct archive *archive, const struct buffer *bytes) {
    for (size_t at = 0; at < bytes->length;) {
        size_t some = bytes->length - at < MOST ? bytes->length - at : MOST;
        int status = zipWriteInFileInZip(archive->zip, bytes->data + at, (unsigned)some);
        if (status != ZIP_OK) {
            return failed(status);
        }
        at += some;
    }
    return 0;
}

int archive_end(struct archive *archive) {
    int result = end_file(archive);
    int status = zipClose(take(archive->zip), NULL);
    archive->settled = archive->place;
    return result ? result : status == ZIP_OK ? 0 : failed(status);
}

void archive_take(struct archive *archive, struct buffer *to) {
    size_t length = (size_t)(archive->settled - archive->base);
    if (length > 0) {
        buffer_add(to, archive->bytes.data, length);
        archive->bytes.length -= length;
        memmove(archive->bytes.data, archive->bytes.data + length, archive->bytes.length);
        archive->base = archive->settled;
    }
}
