/* What this machine offers: the answer to `describe`, for `octavo doctor` and `octavo models`. One thread. */
#ifndef OCTAVO_WORKER_DESCRIBE_H
#define OCTAVO_WORKER_DESCRIBE_H

#include "catalog/places.h"

struct json;

/*
 * {"cpu": {"model", "features": []}, "engines": [{"name", "installed", "version", "path", "reason"}],
 *  "models": [{"id", "role", "version", "file", "installed", "bytes", "sha256_ok", "reason"}],
 *  "places": {...}, "calibration": {...} or null}. Opens the engines and hashes the models. Caller drops.
 * ERR_BAD_MODEL.
 */
int describe(const struct places *places, struct json **ret);

#endif
