/* `octavo key`: API keys of the server. */
#include <string.h>

#include "access/key.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/columns.h"
#include "cli/command.h"
#include "cli/describe.h"
#include "cli/terminal.h"
#include "conf/options.h"

/* The key on standard output, for scripts; it is told once and kept nowhere. */
static int make(const struct options *options) {
    struct key key;
    char text[KEY_TEXT_BYTES];
    unsigned scopes = 0;
    int result = key_scopes_read(options->scopes, &scopes);
    result = result ? result : key_new(scopes, options->name, &key, text);
    result = result ? result : keys_add(options->keys, &key);
    if (result != 0) {
        return command_refuse(result);
    }
    char *line cleanup(drop_memory) = format("%s\n", text);
    char *note cleanup(drop_memory) =
        format("key %s is in %s; a server that runs takes it with SIGHUP", key.id, options->keys);
    terminal_note(NULL, 0, note);
    return command_print(line);
}

static int print_as_json(const struct keys *keys) {
    struct json *list cleanup(json_drop) = json_array_new();
    for (size_t i = 0; i < keys->count; i++) {
        const struct key *key = &keys->list[i];
        char *scopes cleanup(drop_memory) = key_scopes_text(key->scopes);
        struct json *one = json_object_new();
        json_set_string(one, "id", key->id);
        json_set_string(one, "scopes", scopes);
        json_set_string(one, "name", *key->name ? key->name : NULL);
        json_set_string(one, "created", *key->created ? key->created : NULL);
        json_append(list, one);
    }
    return describe_print(list);
}

static int list(const struct options *options) {
    struct keys keys cleanup(keys_done) = {0};
    int result = keys_load(options->keys, &keys);
    if (result != 0) {
        return command_refuse(result);
    }
    if (options->json) {
        return print_as_json(&keys);
    }
    struct columns columns cleanup(columns_done) = {0};
    struct buffer text cleanup(buffer_done) = {0};
    for (size_t i = 0; i < keys.count; i++) {
        char *scopes cleanup(drop_memory) = key_scopes_text(keys.list[i].scopes);
        columns_add(&columns, (const char *[]){keys.list[i].id, scopes, keys.list[i].created, keys.list[i].name, NULL});
    }
    columns_write(&columns, &text);
    return command_print(text.data ? text.data : "");
}

static int drop(const struct options *options) {
    int result = keys_remove(options->keys, options->files[1]);
    if (result != 0) {
        return command_refuse(result);
    }
    terminal_note(NULL, 0, "the key is removed; a server that runs refuses it after SIGHUP");
    return 0;
}

int command_key(int argc, char **argv) {
    struct options options cleanup(options_done) = {0};
    int result = options_parse(FOR_KEY, argc, argv, &options);
    if (result != 0) {
        return command_refuse(result);
    }
    if (options.help) {
        return command_help(2, (char *[]){NULL, argv[0]});
    }
    const char *verb = options.file_count > 0 ? options.files[0] : "";
    bool removes = strcmp(verb, "remove") == 0, makes = strcmp(verb, "new") == 0;
    if (!removes && !makes && strcmp(verb, "list") != 0) {
        return command_usage_error("one of new|list|remove is expected after key");
    }
    if (options.file_count != 1 + removes) {
        return command_usage_error(removes ? "one ID is expected after remove" : "there is a word too many");
    }
    if (!options.keys) {
        return command_usage_error(
            "there is no file of keys: name one with --keys FILE, or in the setting server.keys");
    }
    return makes ? make(&options) : removes ? drop(&options) : list(&options);
}
