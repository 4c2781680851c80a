/* The subcommands of `octavo`. To add one: a line in help.c, its options in table/options.def, docs/cli.md. */
#ifndef OCTAVO_CLI_COMMAND_H
#define OCTAVO_CLI_COMMAND_H

struct options;

struct command {
    const char *name;
    int options;                         /* the FOR_ bit of table/options.def; 0: no options */
    int (*run)(int argc, char **argv);   /* argv[0] is the name; returns the exit status */
    const char *usage, *about, *details; /* for help */
};

extern const struct command commands[]; /* the last has a NULL name */

/* NULL if there is none of this name. */
const struct command *command_find(const char *name);

/* Runs it, as the one that this process is about: what is wrong with its command line is told with its help. */
int command_run(const struct command *command, int argc, char **argv);

int command_ocr(int argc, char **argv);
int command_serve(int argc, char **argv);
int command_submit(int argc, char **argv);
int command_wait(int argc, char **argv);
int command_status(int argc, char **argv);
int command_result(int argc, char **argv);
int command_cancel(int argc, char **argv);
int command_list(int argc, char **argv);
int command_top(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_models(int argc, char **argv);
int command_key(int argc, char **argv);
int command_config(int argc, char **argv);
int command_version(int argc, char **argv);
int command_help(int argc, char **argv);

/* Where name is kept by default: in octavo of the state folder; NULL where there is no home. Caller frees. */
char *command_state_folder(const char *name);

/* Processors that this process may use. */
int command_processors(void);

/* What to say of languages of Tesseract that are named (not the preset) and not installed; NULL if all are. Caller
 * frees. */
char *command_missing_language(const struct options *options);

/* Prints to standard output. Exit status: 0, or 73 when that fails. */
int command_print(const char *text);

/* Tells why nothing was done: the error and its detail. Returns its exit status. */
int command_refuse(int error);

/* Tells what is wrong with the command line, and which help has it right. Exit status 64. */
int command_usage_error(const char *detail);

#endif
