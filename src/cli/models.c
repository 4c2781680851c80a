#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/describe.h"

static int print_models(const struct options *options, const struct json *models) {
    if (options->json) {
        return describe_print(models);
    }
    struct buffer text cleanup(buffer_done) = {0};
    describe_models(models, &text);
    return command_print(text.data);
}

int command_models(int argc, char **argv) {
    struct options options cleanup(options_done) = {0};
    int result = describe_options(FOR_MODELS, argc, argv, &options);
    if (result != 0) {
        return command_refuse(result);
    }
    if (options.help) {
        return command_help(2, (char *[]){NULL, argv[0]});
    }
    struct child worker = {0};
    struct json *description cleanup(json_drop) = NULL;
    result = child_start("octavo-worker", 0, &worker);
    result = result ? result : describe(&worker, &options, &description);
    child_end(&worker, NULL);
    return result ? command_refuse(result) : print_models(&options, json_at(description, "models"));
}
