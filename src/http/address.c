#include "http/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

enum { BACKLOG = 511 };

/* The two sides of the last colon; a host in brackets without them. */
static int split(const char *text, char **ret_host, char **ret_port) {
    const char *colon = strrchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : 0;
    bool bracketed = length > 2 && text[0] == '[' && text[length - 1] == ']';
    size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
    if (length == 0 || digits == 0 || digits > 5 || colon[1 + digits] || strtol(colon + 1, NULL, 10) > 65535) {
        return fail(ERR_USAGE, "--listen %s: HOST:PORT is expected, PORT from 0 to 65535, as in 127.0.0.1:8080", text);
    }
    *ret_host = bracketed ? copy_bytes(text + 1, length - 2) : copy_bytes(text, length);
    *ret_port = copy_string(colon + 1);
    return 0;
}

static bool is_loopback(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 == 127;
    }
    const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(six);
}

static int listen_on(const char *text, bool anywhere, const struct addrinfo *found, int *ret) {
    if (!anywhere && !is_loopback(found->ai_addr)) {
        return fail(
            ERR_LISTEN,
            "%s can be reached from other machines, and there are no API keys: make one with `octavo key new` and "
            "name their file with --keys, or say server.open: true to serve everybody",
            text);
    }
    int on = 1;
    int fd cleanup(drop_fd) = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        return fail(ERR_LISTEN, "%s: %s", text, strerror(errno));
    }
    *ret = take_fd(&fd);
    return 0;
}

char *address_text(const struct sockaddr *address) {
    char host[NI_MAXHOST], port[NI_MAXSERV];
    bool is_six = address->sa_family == AF_INET6;
    socklen_t length = is_six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (getnameinfo(address, length, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return copy_string("?");
    }
    return format(is_six ? "[%s]:%s" : "%s:%s", host, port);
}

static int address_of(int fd, char **ret) {
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        return fail(ERR_LISTEN, "the address of a socket: %s", strerror(errno));
    }
    *ret = address_text((const struct sockaddr *)&address);
    return 0;
}

int address_listen(const char *text, bool anywhere, int *ret_socket, char **ret_address) {
    char *host cleanup(drop_memory) = NULL, *port cleanup(drop_memory) = NULL;
    int result = split(text, &host, &port);
    if (result != 0) {
        return result;
    }
    const struct addrinfo wish = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(host, port, &wish, &found);
    if (code != 0) {
        return fail(ERR_LISTEN, "%s: %s", text, gai_strerror(code));
    }
    int fd cleanup(drop_fd) = -1;
    result = listen_on(text, anywhere, found, &fd);
    freeaddrinfo(found);
    result = result ? result : address_of(fd, ret_address);
    if (result == 0) {
        *ret_socket = take_fd(&fd);
    }
    return result;
}

/* What is public */

/* What is not, of IPv4 (IANA's registry of special addresses). */
static const struct {
    uint32_t network;
    int bits;
} special_four[] = {
    {0x00000000, 8},  /* this network */
    {0x0A000000, 8},  /* private */
    {0x64400000, 10}, /* of providers */
    {0x7F000000, 8},  /* this machine */
    {0xA9FE0000, 16}, /* the link; clouds tell secrets there */
    {0xAC100000, 12}, /* private */
    {0xC0000000, 24}, /* of protocols */
    {0xC0000200, 24}, /* documentation */
    {0xC0586300, 24}, /* relays to IPv6 */
    {0xC0A80000, 16}, /* private */
    {0xC6120000, 15}, /* measuring */
    {0xC6336400, 24}, /* documentation */
    {0xCB007100, 24}, /* documentation */
    {0xE0000000, 3},  /* multicast, reserved, broadcast */
};

static bool four_is_public(uint32_t address) {
    for (size_t i = 0; i < array_length(special_four); i++) {
        if ((address ^ special_four[i].network) >> (32 - special_four[i].bits) == 0) {
            return false;
        }
    }
    return true;
}

/* All that is public begins with 2000::/3; within it are protocols (Teredo among them), documentation and what stands
 * for IPv4. */
static bool six_is_public(const uint8_t address[16]) {
    uint32_t head = (uint32_t)address[0] << 24 | (uint32_t)address[1] << 16 | (uint32_t)address[2] << 8 | address[3];
    return head >> 29 == 1 && head >> 9 != 0x20010000 >> 9 && head != 0x20010DB8 && head >> 16 != 0x2002 &&
           head >> 12 != 0x3FFF0000 >> 12;
}

bool address_is_public(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        return four_is_public(ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr));
    }
    return address->sa_family == AF_INET6 &&
           six_is_public(((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr);
}

bool address_host_is_public(const char *host) {
    static const char localhost[] = "localhost";
    struct in_addr four;
    struct in6_addr six;
    size_t brackets = *host == '[';
    char *bare cleanup(drop_memory) = copy_bytes(host + brackets, strlen(host) - 2 * brackets);
    if (inet_pton(AF_INET, host, &four) == 1) {
        return four_is_public(ntohl(four.s_addr));
    }
    if (inet_pton(AF_INET6, bare, &six) == 1) {
        return six_is_public(six.s6_addr);
    }
    size_t length = strlen(host);
    length -= length > 0 && host[length - 1] == '.';
    size_t start = length < strlen(localhost) ? length : length - strlen(localhost);
    bool is_whole = start == 0 || host[start - 1] == '.';
    return !(is_whole && length - start == strlen(localhost) &&
             strncasecmp(host + start, localhost, length - start) == 0);
}
