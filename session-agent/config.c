/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdbool.h>
#include <string.h>

#include "effect.h"

#define FILE_SIZE_MAX (64 * 1024)

typedef struct Key {
        const char *section, *name;
        /* False if @value is none of those that are right, which @right then tells. */
        bool (*set)(Config *c, const char *value);
        char *(*get)(const Config *c);
        const char *right;
} Key;

static const char *const policies[] = {
        [EFFECTS_HOST] = "host",
        [EFFECTS_ALWAYS] = "always",
        [EFFECTS_NEVER] = "never",
};

static bool set_effects_off(Config *c, const char *value) {
        for (size_t i = 0; i < G_N_ELEMENTS(policies); i++)
                if (g_str_equal(value, policies[i])) {
                        c->effects_off = i;
                        return true;
                }
        return false;
}

static char *get_effects_off(const Config *c) {
        return g_strdup(policies[c->effects_off]);
}

static bool set_effects_allowed(Config *c, const char *value) {
        g_auto(GStrv) words = g_strsplit_set(value, " \t", -1);
        unsigned n = 0;
        const char *bad;

        for (char **word = words; *word; word++) /* what is between two blanks is no word */
                if (**word != 0)
                        words[n++] = *word;
                else
                        g_free(*word);
        words[n] = NULL;
        return effects_from_names((const char *const *) words, &c->effects_allowed, &bad);
}

static char *get_effects_allowed(const Config *c) {
        g_autofree const char **names = effects_to_names(c->effects_allowed);

        return g_strjoinv(" ", (char **) names);
}

static bool set_monitors_follow(Config *c, const char *value) {
        return follow_from_name(value, &c->monitors_follow);
}

static char *get_monitors_follow(const Config *c) {
        return g_strdup(follow_name(c->monitors_follow));
}

static const Key keys[] = {
        {"effects", "off", set_effects_off, get_effects_off, "host, always or never"},
        {"effects", "allowed", set_effects_allowed, get_effects_allowed,
         "any of wallpaper, animation and font-smooth"},
        {"monitors", "follow", set_monitors_follow, get_monitors_follow, "auto, always or never"},
};

static bool is_known(const char *section, const char *name) {
        for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
                if (g_str_equal(keys[i].section, section) && g_str_equal(keys[i].name, name))
                        return true;
        return false;
}

static void warn_of_unknown_keys(const char *path, GKeyFile *file) {
        g_auto(GStrv) sections = g_key_file_get_groups(file, NULL);

        for (char **section = sections; *section; section++) {
                g_auto(GStrv) names = g_key_file_get_keys(file, *section, NULL, NULL);

                for (char **name = names; name && *name; name++)
                        if (!is_known(*section, *name))
                                g_message("%s: [%s] %s is not known, and ignored", path, *section, *name);
        }
}

Config *config_parse(const char *path, const char *text, size_t n, GError **error) {
        g_autoptr(GKeyFile) file = g_key_file_new();
        g_autofree Config *c = g_new0(Config, 1);

        *c = (Config){
                .effects_off = EFFECTS_HOST, .effects_allowed = EFFECTS_ALL, .monitors_follow = FOLLOW_AUTO};
        if (n > FILE_SIZE_MAX || memchr(text, 0, n)) {
                g_set_error(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_PARSE, "%s is no configuration", path);
                return NULL;
        }
        if (!g_key_file_load_from_data(file, text, n, G_KEY_FILE_NONE, error)) {
                g_prefix_error(error, "%s: ", path);
                return NULL;
        }
        for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
                const Key *key = &keys[i];
                g_autofree char *value = g_key_file_get_value(file, key->section, key->name, NULL);

                if (value && !key->set(c, g_strstrip(value))) {
                        g_set_error(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_INVALID_VALUE,
                                    "%s: [%s] %s = %.100s: should be %s", path, key->section, key->name,
                                    value, key->right);
                        return NULL;
                }
        }
        warn_of_unknown_keys(path, file);
        return g_steal_pointer(&c);
}

Config *config_load(const char *path, GError **error) {
        g_autoptr(GError) reason = NULL;
        g_autofree char *text = NULL;
        size_t n = 0;

        if (!g_file_get_contents(path ?: SESSION_CONFIG_FILE, &text, &n, &reason) &&
            (path || !g_error_matches(reason, G_FILE_ERROR, G_FILE_ERROR_NOENT))) {
                g_propagate_error(error, g_steal_pointer(&reason));
                return NULL;
        }
        return config_parse(path ?: SESSION_CONFIG_FILE, text ?: "", n, error);
}

Config *config_free(Config *c) {
        g_free(c);
        return NULL;
}

void config_print(const Config *c, FILE *f) {
        const char *section = "";

        for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
                g_autofree char *value = keys[i].get(c);

                if (!g_str_equal(keys[i].section, section))
                        fprintf(f, "%s[%s]\n", i > 0 ? "\n" : "", keys[i].section);
                section = keys[i].section;
                fprintf(f, "%s = %s\n", keys[i].name, value);
        }
}
