#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "catalog/tessdata.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "conf/option.h"
#include "conf/settings.h"

const struct command commands[] = {
    {"ocr", FOR_OCR, command_ocr, "octavo ocr [OPTION]... FILE...", "the text of documents, in many formats",
     "FILE is a PDF or a picture (PNG, JPEG, TIFF, WebP, BMP, GIF, PNM, JPEG 2000);\n"
     "\"-\" is standard input. One FILE and no -o: the result goes to standard output.\n"},
    {"serve", FOR_SERVE, command_serve, "octavo serve [OPTION]...", "reads documents that are sent by HTTP",
     "Tasks, documents and results are kept in the folder of --data.\n"},
    {"submit", FOR_SUBMIT, command_submit, "octavo submit [OPTION]... FILE...", "sends documents to a server",
     "Prints the id of each document's task, one a line.\n"},
    {"wait", FOR_WAIT, command_wait, "octavo wait [OPTION]... ID...", "waits until tasks have ended",
     "Prints id and state of each, one a line. A server that is lost is tried again.\n"},
    {"status", FOR_STATUS, command_status, "octavo status [OPTION]... ID", "what is known of a task", ""},
    {"result", FOR_RESULT, command_result, "octavo result [OPTION]... ID", "the result of a task that has ended", ""},
    {"cancel", FOR_CANCEL, command_cancel, "octavo cancel [OPTION]... ID...", "ends tasks, or removes them",
     "Prints id and state of each, one a line. What is complete is kept,\n"
     "unless they are deleted.\n"},
    {"list", FOR_LIST, command_list, "octavo list [OPTION]...", "the tasks of a server, newest first", ""},
    {"top", FOR_TOP, command_top, "octavo top [OPTION]...", "how a server stands: memory, pool, tasks, models",
     "On a terminal again every second, until q or ^C.\n"},
    {"doctor", FOR_DOCTOR, command_doctor, "octavo doctor [OPTION]...", "what this machine offers, whether it will do",
     ""},
    {"models", FOR_MODELS, command_models, "octavo models [OPTION]...", "the catalog of models", ""},
    {"config", FOR_CONFIG, command_config, "octavo config WHAT [KEY] [OPTION]...",
     "settings: whether they are right, where they are from",
     "check        tells everything that is wrong in the file and the environment\n"
     "show         prints each setting and where it is from, as a configuration file\n"
     "sample       prints a configuration file with every key and its preset\n"
     "explain KEY  tells what a setting does and what it may be\n"
     "Flags of other commands that have a key may be given to show and check, too.\n"},
    {"key", FOR_KEY, command_key, "octavo key new|list|remove [ID]", "API keys of the server",
     "new        makes a key, prints it once and adds a line for it to the file\n"
     "list       prints what is known of each key\n"
     "remove ID  takes a key away\n"},
    {"version", 0, command_version, "octavo version", "the version", ""},
    {"help", 0, command_help, "octavo help [COMMAND]", "this list, or the options of a command", ""},
    {0},
};

static const struct command *running;

int command_run(const struct command *command, int argc, char **argv) {
    running = command;
    return command->run(argc, argv);
}

const struct command *command_find(const char *name) {
    for (const struct command *command = commands; command->name; command++) {
        if (strcmp(command->name, name) == 0) {
            return command;
        }
    }
    return NULL;
}

char *command_state_folder(const char *name) {
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    return state && *state ? format("%s/octavo/%s", state, name)
           : home && *home ? format("%s/.local/state/octavo/%s", home, name)
                           : NULL;
}

int command_processors(void) {
    cpu_set_t usable;
    return sched_getaffinity(0, sizeof(usable), &usable) == 0 ? CPU_COUNT(&usable) : 1;
}

char *command_missing_language(const struct options *options) {
    bool named = options->origins[OPTION_INDEX_lang] > ORIGIN_PRESET;
    if (!named || tessdata_ask(options->models, options->lang) != ERR_NO_MODEL) {
        return NULL;
    }
    char *from cleanup(drop_memory) = settings_origin(options, &option_rows[OPTION_INDEX_lang]);
    bool needed = strcmp(options->engine, "tesseract") == 0;
    return format("%s: %s%s", from, error_detail(), needed ? "" : "; documents are read without it");
}

int command_print(const char *text) {
    int result = file_write(STDOUT_FILENO, text, strlen(text));
    if (result != 0) {
        terminal_error("standard output", 0, result, error_detail());
    }
    return result ? error_exit_status(result) : 0;
}

int command_refuse(int error) {
    if (error == ERR_USAGE) {
        return command_usage_error(error_detail());
    }
    terminal_error(NULL, 0, error, error_detail());
    return error_exit_status(error);
}

int command_usage_error(const char *detail) {
    const char *name = running && running->options ? running->name : "";
    char *text cleanup(drop_memory) =
        format("%s: %s; see `octavo help%s%s`", error_sentence(ERR_USAGE), detail, *name ? " " : "", name);
    terminal_note(NULL, 0, text);
    return error_exit_status(ERR_USAGE);
}

int command_version(int argc, char **argv) {
    (void)argv;
    return argc > 1 ? command_usage_error("`octavo version` takes no arguments")
                    : command_print("octavo " OCTAVO_VERSION "\n");
}

static int help_for(const struct command *command) {
    struct buffer text cleanup(buffer_done) = {0};
    buffer_add_format(&text, "usage: %s\n\n%s\n%s", command->usage, command->about, command->details);
    if (command->options) {
        buffer_add_string(&text, "\n");
        options_help(command->options, &text);
    }
    return command_print(text.data);
}

static int help_for_all(void) {
    struct buffer text cleanup(buffer_done) = {0};
    buffer_add_string(&text, "octavo reads the text of documents.\n\n");
    for (const struct command *command = commands; command->name; command++) {
        buffer_add_format(&text, "  %-36s  %s\n", command->usage, command->about);
    }
    buffer_add_string(&text, "\n`octavo help COMMAND` tells the options of a command.\n");
    return command_print(text.data);
}

int command_help(int argc, char **argv) {
    if (argc > 2) {
        return command_usage_error("`octavo help` takes one command");
    }
    if (argc == 1) {
        return help_for_all();
    }
    const struct command *command = command_find(argv[1]);
    if (!command) {
        char *detail cleanup(drop_memory) = format("there is no command \"%s\"", argv[1]);
        return command_usage_error(detail);
    }
    return help_for(command);
}
