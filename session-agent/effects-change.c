/* SPDX-License-Identifier: Apache-2.0 */
#include "effects-change.h"

#include <string.h>

#define HEADING "oVirt session agent: effects 1\n"
#define UNSET "-"
#define LINE_MAX_BYTES 4096

/* A line: family, effect, state, store, key, the user's value, ours. */
enum { FAMILY, EFFECT, STATE, STORE, KEY, USER, OURS, FIELDS };

static const char *const family_names[] = {
        [EFFECTS_GNOME] = "gnome", [EFFECTS_MATE] = "mate", [EFFECTS_CINNAMON] = "cinnamon",
        [EFFECTS_XFCE] = "xfce",   [EFFECTS_KDE] = "kde",
};
G_STATIC_ASSERT(G_N_ELEMENTS(family_names) == EFFECTS_FAMILY_COUNT);

static const char *const state_names[] = {"changed", "returning"};

EffectsChange *effects_change_new(EffectsFamily family, Effect effect, const char *store, const char *key,
                                  GVariant *user, GVariant *ours) {
        EffectsChange *c = g_new0(EffectsChange, 1);

        c->family = family;
        c->effect = effect;
        c->store = g_strdup(store);
        c->key = g_strdup(key);
        c->user = user ? g_variant_take_ref(user) : NULL;
        c->ours = g_variant_take_ref(ours);
        return c;
}

EffectsChange *effects_change_copy(const EffectsChange *c) {
        EffectsChange *copy =
                effects_change_new(c->family, c->effect, c->store, c->key,
                                   c->user ? g_variant_ref(c->user) : NULL, g_variant_ref(c->ours));

        copy->returning = c->returning;
        return copy;
}

void effects_change_free(EffectsChange *c) {
        g_free(c->store);
        g_free(c->key);
        g_clear_pointer(&c->user, g_variant_unref);
        g_clear_pointer(&c->ours, g_variant_unref);
        g_free(c);
}

GPtrArray *effects_changes_new(void) {
        return g_ptr_array_new_with_free_func((GDestroyNotify) effects_change_free);
}

EffectsChange *effects_changes_find(const GPtrArray *changes, const EffectsChange *c) {
        for (unsigned i = 0; i < changes->len; i++) {
                EffectsChange *other = changes->pdata[i];

                if (other->family == c->family && g_str_equal(other->store, c->store) &&
                    g_str_equal(other->key, c->key))
                        return other;
        }
        return NULL;
}

/* GVariant's text has no line breaks and no tabs: those of strings are escaped. */
char *effects_changes_print(const GPtrArray *changes) {
        GString *text = g_string_new(HEADING);

        for (unsigned i = 0; i < changes->len; i++) {
                const EffectsChange *c = changes->pdata[i];
                g_autofree char *user = c->user ? g_variant_print(c->user, true) : g_strdup(UNSET);
                g_autofree char *ours = g_variant_print(c->ours, true);

                g_string_append_printf(text, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", family_names[c->family],
                                       effect_name(c->effect), state_names[c->returning], c->store, c->key,
                                       user, ours);
        }
        return g_string_free(text, false);
}

static bool lookup(const char *const *names, size_t n, const char *name, unsigned *ret) {
        for (size_t i = 0; i < n; i++)
                if (g_str_equal(names[i], name)) {
                        *ret = i;
                        return true;
                }
        return false;
}

static bool is_name(const char *text) {
        if (*text == 0)
                return false;
        for (; *text; text = g_utf8_next_char(text))
                if (g_unichar_iscntrl(g_utf8_get_char(text)))
                        return false;
        return true;
}

/* Settings are plain values; NULL for anything else. */
static GVariant *parse_value(const char *text) {
        GVariant *value = g_variant_parse(NULL, text, NULL, NULL, NULL);

        if (value && !g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN) &&
            !g_variant_is_of_type(value, G_VARIANT_TYPE_INT32) &&
            !g_variant_is_of_type(value, G_VARIANT_TYPE_STRING))
                g_clear_pointer(&value, g_variant_unref);
        return value;
}

static EffectsChange *parse_line(const char *line) {
        g_auto(GStrv) fields = g_strsplit(line, "\t", FIELDS + 1);
        g_autoptr(GVariant) user = NULL, ours = NULL;
        unsigned family, state;
        EffectsChange *c;
        Effect effect;

        if (g_strv_length(fields) != FIELDS ||
            !lookup(family_names, G_N_ELEMENTS(family_names), fields[FAMILY], &family) ||
            !effect_from_name(fields[EFFECT], &effect) ||
            !lookup(state_names, G_N_ELEMENTS(state_names), fields[STATE], &state) ||
            !is_name(fields[STORE]) || !is_name(fields[KEY]))
                return NULL;
        ours = parse_value(fields[OURS]);
        if (!ours)
                return NULL;
        if (!g_str_equal(fields[USER], UNSET)) {
                user = parse_value(fields[USER]);
                if (!user || !g_variant_is_of_type(user, g_variant_get_type(ours)))
                        return NULL;
        }
        c = effects_change_new(family, effect, fields[STORE], fields[KEY], g_steal_pointer(&user),
                               g_steal_pointer(&ours));
        c->returning = state;
        return c;
}

GPtrArray *effects_changes_parse(const char *text, size_t n, unsigned *bad) {
        g_autoptr(GPtrArray) changes = effects_changes_new();
        const char *line, *end;

        if (n < strlen(HEADING) || n > EFFECTS_TEXT_MAX || memcmp(text, HEADING, strlen(HEADING)) != 0)
                return NULL;
        *bad = 0;
        line = text + strlen(HEADING);
        end = text + n;
        while (line < end) {
                const char *newline = memchr(line, '\n', end - line);
                size_t length = (newline ?: end) - line;
                EffectsChange *c = NULL;

                if (newline && length <= LINE_MAX_BYTES && g_utf8_validate(line, length, NULL)) {
                        g_autofree char *copy = g_strndup(line, length);

                        c = parse_line(copy);
                }
                if (c && changes->len < EFFECTS_CHANGES_MAX && !effects_changes_find(changes, c))
                        g_ptr_array_add(changes, c);
                else {
                        if (c)
                                effects_change_free(c);
                        (*bad)++;
                }
                line += length + 1;
        }
        return g_steal_pointer(&changes);
}
