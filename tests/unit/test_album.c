/* Pictures in one file: as they were written, and as a raster that lies may write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "document/album.h"

#include <cmocka.h> /* last: it has a macro fail() */

static void add(struct buffer *file, uint32_t page, uint32_t region, uint64_t stated, const char *picture) {
    unsigned char head[ALBUM_HEAD];
    album_head(page, region, stated, head);
    buffer_add(file, head, sizeof(head));
    buffer_add_string(file, picture);
}

static int file_of(const struct buffer *bytes) {
    int fd = memfd_create("album", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(file_write(fd, bytes->data, bytes->length), 0);
    return fd;
}

static void pictures_come_back(void **state) {
    (void)state;
    struct buffer bytes cleanup(buffer_done) = {0}, one cleanup(buffer_done) = {0};
    struct album *album cleanup(album_drop) = NULL;
    add(&bytes, 2, 7, 5, "first");
    add(&bytes, 2, 300, 4, "more");
    add(&bytes, 300, 0, 10, "the second");
    int fd cleanup(drop_fd) = file_of(&bytes);
    assert_int_equal(album_open(fd, 300, &album), 0);
    assert_int_equal(album->count, 3);
    assert_null(album_find(album, 1, 0));
    assert_null(album_find(album, 2, 0));
    assert_null(album_find(album, 2, 8));
    assert_null(album_find(album, 300, 7));
    assert_int_equal(album_read(album, album_find(album, 2, 300), &one), 0);
    assert_string_equal(one.data, "more");
    buffer_done(&one);
    const struct album_entry *entry = album_find(album, 300, 0);
    assert_non_null(entry);
    assert_int_equal(album_read(album, entry, &one), 0);
    assert_string_equal(one.data, "the second");
    assert_int_equal(ftruncate(fd, 20), 0); /* its writer still has it */
    assert_int_equal(album_read(album, entry, &one), ERR_OUTPUT);
}

static void damage_is_told(void **state) {
    (void)state;
    static const struct {
        uint32_t page, region;
        uint64_t stated;
        const char *picture, *told;
    } cases[] = {
        {0, 4, 3, "abc", "byte 21"},          /* there is no page 0 */
        {2, 4, 3, "abc", "byte 21"},          /* a region twice */
        {2, 3, 3, "abc", "byte 21"},          /* regions out of order */
        {1, 5, 3, "abc", "byte 21"},          /* pages out of order */
        {11, 0, 3, "abc", "byte 21"},         /* a page that the document does not have */
        {3, 0, 0, "", "byte 21"},             /* no bytes */
        {3, 0, 4, "abc", "byte 21"},          /* more than there are */
        {3, 0, UINT64_MAX, "abc", "byte 21"}, /* a length that would wrap around */
        {3, 0, 2, "abc", "byte 39"},          /* a rest that is no head */
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        struct buffer bytes cleanup(buffer_done) = {0};
        struct album *album cleanup(album_drop) = NULL;
        add(&bytes, 2, 4, 5, "first");
        add(&bytes, cases[i].page, cases[i].region, cases[i].stated, cases[i].picture);
        int fd cleanup(drop_fd) = file_of(&bytes);
        assert_int_equal(album_open(fd, 10, &album), ERR_OUTPUT);
        assert_null(album);
        assert_non_null(strstr(error_detail(), cases[i].told));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(pictures_come_back), cmocka_unit_test(damage_is_told)};
    return cmocka_run_group_tests_name("album", tests, NULL, NULL);
}
