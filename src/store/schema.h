/* The schema of the store in SQLite, as the steps that lead to it. Pure data. */
#ifndef OCTAVO_STORE_SCHEMA_H
#define OCTAVO_STORE_SCHEMA_H

/* Each brings the schema from the version before to its own, 1, 2, ...; what was released once never changes. */
extern const char *const schema_migrations[];
extern const int schema_version; /* the last one */

#endif
