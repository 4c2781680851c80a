#include "process/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"

/* Room for one descriptor exactly: CMSG_SPACE() would let the kernel deliver two. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_LEN(sizeof(int))];
};

static void attach(struct msghdr *message, union control *control, int fd) {
    *control = (union control){.header = {.cmsg_len = CMSG_LEN(sizeof(int)), //
                                          .cmsg_level = SOL_SOCKET,
                                          .cmsg_type = SCM_RIGHTS}};
    message->msg_control = control;
    message->msg_controllen = sizeof(control->bytes);
    memcpy(CMSG_DATA(&control->header), &fd, sizeof(fd));
}

static int send_with(int socket, const struct json *body, int fd, int flags) {
    char *text cleanup(drop_memory) = json_text(body, false);
    size_t length = strlen(text);
    if (length > MESSAGE_BYTES) {
        return fail(ERR_PROTOCOL, "a message of %zu bytes, the limit is %d", length, MESSAGE_BYTES);
    }
    struct iovec part = {.iov_base = text, .iov_len = length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    union control control;
    if (fd >= 0) {
        attach(&message, &control, fd);
    }
    ssize_t sent;
    do {
        sent = sendmsg(socket, &message, MSG_NOSIGNAL | flags);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? fail(ERR_CLOSED, "sending: %s", strerror(errno)) : 0;
}

int message_send(int socket, const struct json *body, int fd) { return send_with(socket, body, fd, 0); }

int message_post(int socket, const struct json *body, int fd) {
    int result = send_with(socket, body, fd, MSG_DONTWAIT);
    if (result == ERR_CLOSED) {
        shutdown(socket, SHUT_RDWR);
    }
    return result;
}

/* The descriptor that came along, -1 if none. */
static int detach(struct msghdr *message) {
    int fd = -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(int))) {
        memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    }
    return fd;
}

int message_receive(int socket, struct json **ret_body, int *ret_fd) {
    char *text cleanup(drop_memory) = alloc(MESSAGE_BYTES, 1);
    struct iovec part = {.iov_base = text, .iov_len = MESSAGE_BYTES};
    union control control;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.bytes)};
    ssize_t length;
    do {
        /* ECONNRESET says once that the peer left something unread; what it sent before is still to come. */
        length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (length < 0 && (errno == EINTR || errno == ECONNRESET));
    if (length < 0) {
        return fail(ERR_CLOSED, "receiving: %s", strerror(errno));
    }
    int fd cleanup(drop_fd) = detach(&message);
    if (length == 0) {
        return fail(ERR_CLOSED, "end of file");
    }
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        return fail(ERR_PROTOCOL, "a message that is too long or has several descriptors");
    }
    struct json *body cleanup(json_drop) = NULL;
    int result = json_parse(text, (size_t)length, &body);
    if (result != 0) {
        return result;
    }
    if (!json_is_object(body) || !json_string(body, "op")) {
        return fail(ERR_PROTOCOL, "a message without \"op\"");
    }
    *ret_body = take(body);
    *ret_fd = take_fd(&fd);
    return 0;
}

int message_send_failure(int socket, const char *op, const char *id_key, long id, int error, const char *detail) {
    struct json *body cleanup(json_drop) = json_object_new();
    json_set_string(body, "op", op);
    if (id_key) {
        json_set_int(body, id_key, id);
    }
    json_set_string(body, "error", error_word(error));
    json_set_string(body, "detail", detail);
    return message_send(socket, body, -1);
}
