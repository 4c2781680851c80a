/* Addresses: to listen on; whether anybody can reach one. Any thread. */
#ifndef OCTAVO_HTTP_ADDRESS_H
#define OCTAVO_HTTP_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

struct sockaddr;

/*
 * Listens on HOST:PORT ("127.0.0.1:8080", "[::1]:0", "localhost:8080"; port 0: a free one) into *ret_socket, which the
 * caller closes; *ret_address is HOST:PORT where it can be reached, the caller frees it. Unless it may be anywhere,
 * only this machine itself is listened on. ERR_USAGE for what is no such address, ERR_LISTEN.
 */
int address_listen(const char *text, bool anywhere, int *ret_socket, char **ret_address);

/* An address of the internet as HOST:PORT, in figures; "?" for any other. Caller frees. */
char *address_text(const struct sockaddr *address);

/* Whether it is an address of the public internet: not of this machine, its link or a private network, no multicast,
 * and none that stands for another address. */
bool address_is_public(const struct sockaddr *address);

/* The same of a host as URLs have it, with brackets or without. What only a look-up can tell is public here. */
bool address_host_is_public(const char *host);

#endif
