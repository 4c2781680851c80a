#include "http/curl/easy.h"

#include <string.h>

#include "base/error.h"

enum { CONNECT_SECONDS = 10 };

int easy_use_library(void) {
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : fail(ERR_INTERNAL, "libcurl cannot be used");
}

void easy_set_manners(CURL *easy) {
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "octavo/" OCTAVO_VERSION);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
}

long easy_status(CURL *easy) {
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

bool easy_is_success(CURL *easy) { return easy_status(easy) / 100 == 2; }

static bool is_of(CURLU *url, const char *wanted) {
    char *scheme = NULL;
    bool is = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK && strcmp(scheme, wanted) == 0;
    curl_free(scheme);
    return is;
}

bool url_is_https(CURLU *url) { return is_of(url, "https"); }

bool url_is_http(CURLU *url) { return is_of(url, "http") || url_is_https(url); }

bool url_has(CURLU *url, CURLUPart part) {
    char *text = NULL;
    bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK;
    curl_free(text);
    return has;
}
