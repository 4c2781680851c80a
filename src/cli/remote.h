/*
 * What the commands that ask a server have in common: their options, the client, telling what went wrong, and ending at
 * a signal. One thread; one of them in a process, for it takes the signals.
 */
#ifndef OCTAVO_CLI_REMOTE_H
#define OCTAVO_CLI_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/options.h"
#include "http/client.h"

struct json;

struct remote {
    struct options options;
    struct client *client;
    int signal_fd;
    int signal; /* that has ended it; 0 */
    int status; /* of what failed so far; 0 */
    bool some_done;
};

/*
 * Reads the command line (command: a FOR_ bit) and opens the client. wrong() says what is wrong with options that are
 * right one by one, NULL if nothing is. False: all is told, *ret_status is the exit status. The caller frees the
 * contents of *ret with remote_done() in both cases.
 */
bool remote_open(int command, int argc, char **argv, const char *(*wrong)(const struct options *options),
                 struct remote *ret, int *ret_status);
void remote_done(struct remote *remote);

/* For commands that take no word, one ID, and several. */
const char *remote_expect_nothing(const struct options *options);
const char *remote_expect_id(const struct options *options);
const char *remote_expect_ids(const struct options *options);

/* Asks; a failure is not told. The caller frees the answer. Errors as client_ask(). */
int remote_get(struct remote *remote, const char *path, const char *id, struct client_answer *ret);

/*
 * Tells of a failure: what it was about (NULL: nothing in particular), and the server's own texts if it was the server
 * that refused it. Notes the exit status.
 */
void remote_refuse(struct remote *remote, const char *what, int error);

/* The same where the server was not asked: what it said before is of something else. */
void remote_refuse_own(struct remote *remote, const char *what, int error);

/* The same of a task that did not end well, by its "error". */
void remote_tell_task(struct remote *remote, const struct json *task);

/* Whether there is no point in asking for more: nobody answers, or it was interrupted. */
bool remote_is_over(int error);

/* Prints a line, made safe for a terminal, or text as it is. A failure was told and is noted: ERR_OUTPUT. */
int remote_print_line(struct remote *remote, const char *line);
int remote_print(struct remote *remote, const char *text);

/* Waits until (clock) or for a signal: ERR_INTERRUPTED. */
int remote_pause(struct remote *remote, int64_t until);

/* The exit status: 0; 1 where something was done and something not; else why nothing was. */
int remote_status(const struct remote *remote);

#endif
