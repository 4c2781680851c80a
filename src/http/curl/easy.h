/*
 * libcurl, whose only home this folder is: requests of a client (client.c), posts of a server (posts.c), and here what
 * both ask of one transfer, an easy handle as libcurl calls it, and of its address. Any thread, a handle in one.
 */
#ifndef OCTAVO_HTTP_CURL_EASY_H
#define OCTAVO_HTTP_CURL_EASY_H

#include <curl/curl.h>
#include <stdbool.h>

/* Before anything else of libcurl. ERR_INTERNAL. */
int easy_use_library(void);

/* What holds for all that is sent: http and https alone, who we are, how long connecting may take. */
void easy_set_manners(CURL *easy);

/* The HTTP status of its answer, 0 before it has come; whether that is one of success. */
long easy_status(CURL *easy);
bool easy_is_success(CURL *easy);

/* Whether an address is one of http or https; of the latter; whether it has this part. */
bool url_is_http(CURLU *url);
bool url_is_https(CURLU *url);
bool url_has(CURLU *url, CURLUPart part);

#endif
