/* The models that are installed, before a worker has any of them. One thread. */
#ifndef OCTAVO_POOL_SHELF_H
#define OCTAVO_POOL_SHELF_H

#include "pool/core.h"

/* Puts them on the roster, absent. Of a catalog that cannot be read the worker will tell: there are none then. */
void shelf_show(const struct core *core);

#endif
