/* Telling whoever supervises the server how it stands: datagrams to $NOTIFY_SOCKET, as sd_notify(3) has them. */
#ifndef OCTAVO_SERVER_NOTIFY_H
#define OCTAVO_SERVER_NOTIFY_H

/* Sends text ("READY=1", "STOPPING=1"); without $NOTIFY_SOCKET nothing. Nobody depends on its arrival. Any thread. */
void notify(const char *text);

#endif
