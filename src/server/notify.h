/* Telling whoever supervises the server how it stands: datagrams to $NOTIFY_SOCKET, as sd_notify(3) has them. */
#ifndef OCTAVO_SERVER_NOTIFY_H
#define OCTAVO_SERVER_NOTIFY_H

#include <stdint.h>

/* Sends text ("READY=1", "STOPPING=1"); without $NOTIFY_SOCKET nothing. Nobody depends on its arrival. Any thread. */
void notify(const char *text);

/* Sends what a service says before it reads its settings again; "READY=1" ends it. now: clock. */
void notify_reload(int64_t now);

/*
 * Nanoseconds between two "WATCHDOG=1" that whoever supervises this process shall hear: half of the time after which it
 * would take it for stuck, which $WATCHDOG_USEC has. 0: it does not wait for any.
 */
int64_t notify_watchdog(void);

#endif
