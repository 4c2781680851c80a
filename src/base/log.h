/*
 * Log lines on standard error: "octavo-worker: warning: text". Libraries do not log: they return codes. A failure is
 * logged once, by whoever decides what follows from it. Any thread.
 */
#ifndef OCTAVO_BASE_LOG_H
#define OCTAVO_BASE_LOG_H

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* Names this process and sets the highest level that is written. Before other threads start. */
void log_open(const char *program, enum log_level level);

void log_line(enum log_level level, const char *pattern, ...) __attribute__((format(printf, 2, 3)));

#endif
