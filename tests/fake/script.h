/* How the fake drivers are told what to say: an environment variable of words KEY=NUMBER, looked at in every call. */
#ifndef OCTAVO_FAKE_SCRIPT_H
#define OCTAVO_FAKE_SCRIPT_H

#include <stdlib.h>
#include <string.h>

/* The number of key in the variable, fallback if it is not there. */
static inline long long script(const char *variable, const char *key, long long fallback) {
    const char *text = getenv(variable);
    size_t length = strlen(key);
    for (const char *word = text ? text : ""; *word; word += strcspn(word, " "), word += *word == ' ') {
        if (strncmp(word, key, length) == 0 && word[length] == '=') {
            return strtoll(word + length + 1, NULL, 10);
        }
    }
    return fallback;
}

/* The same for a key that ends in the number of a device: "free0". */
static inline long long script_of(const char *variable, const char *key, int device, long long fallback) {
    char name[16] = "";
    size_t length = strlen(key);
    memcpy(name, key, length);
    name[length] = (char)('0' + device);
    return script(variable, name, fallback);
}

#endif
