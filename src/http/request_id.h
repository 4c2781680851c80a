/* The name under which a request is told in answers and logs. Any thread. */
#ifndef OCTAVO_HTTP_REQUEST_ID_H
#define OCTAVO_HTTP_REQUEST_ID_H

#include "http/http.h"

/* theirs (may be NULL) if it is short and of letters, digits, "-_." only, so that it can be shown anywhere; else a new
 * one. */
void request_id_choose(const char *theirs, char ret[HTTP_ID_BYTES]);

#endif
