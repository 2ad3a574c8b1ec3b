/* SPDX-License-Identifier: Apache-2.0 */
#include "kscreen.h"

#include "util/json-get.h"

#define MODES_MAX 512U

static int32_t get_int(JsonObject *o, const char *name) {
        int64_t value = 0;

        (void) json_get_integer(o, name, &value);
        return (int32_t) CLAMP(value, INT32_MIN, INT32_MAX);
}

static JsonObject *get_object(JsonObject *o, const char *name) {
        return o ? json_node_as_object(json_object_get_member(o, name)) : NULL;
}

/* Whole numbers are integers there. */
static double get_number(JsonObject *o, const char *name, double otherwise) {
        JsonNode *node = json_object_get_member(o, name);

        if (!node || !JSON_NODE_HOLDS_VALUE(node))
                return otherwise;
        if (json_node_get_value_type(node) == G_TYPE_INT64)
                return (double) json_node_get_int(node);
        return json_node_get_value_type(node) == G_TYPE_DOUBLE ? json_node_get_double(node) : otherwise;
}

static bool get_bool(JsonObject *o, const char *name) {
        bool value = false;

        (void) json_get_bool(o, name, &value);
        return value;
}

static bool is_utf8(const char *s) {
        return s && s[0] && g_utf8_validate(s, -1, NULL);
}

/* KScreen's flags as quarters of a turn. */
static uint32_t transform_of(int32_t rotation) {
        return rotation == 2 ? 1 : rotation == 4 ? 2 : rotation == 8 ? 3 : 0;
}

static void add_modes(GVariantBuilder *modes, JsonObject *output, double scale) {
        JsonArray *list = json_node_as_array(json_object_get_member(output, "modes"));
        const char *current = NULL;
        unsigned n = list ? MIN(json_array_get_length(list), MODES_MAX) : 0;

        (void) json_get_string(output, "currentModeId", &current);
        for (unsigned i = 0; i < n; i++) {
                JsonObject *mode = json_node_as_object(json_array_get_element(list, i));
                JsonObject *size = mode ? get_object(mode, "size") : NULL;
                GVariantBuilder properties = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
                const char *id = NULL;

                if (size && json_get_string(mode, "id", &id) == JSON_VALUE && is_utf8(id)) {
                        if (g_strcmp0(id, current) == 0)
                                g_variant_builder_add(&properties, "{sv}", "is-current",
                                                      g_variant_new_boolean(true));
                        g_variant_builder_add(
                                modes, "(siidd@ada{sv})", id, get_int(size, "width"),
                                get_int(size, "height"), get_number(mode, "refreshRate", 0), scale,
                                g_variant_new_fixed_array(G_VARIANT_TYPE_DOUBLE, &scale, 1, sizeof scale),
                                &properties);
                } else
                        g_variant_builder_clear(&properties);
        }
}

static void add_output(GVariantBuilder *monitors, GVariantBuilder *logical, JsonObject *output) {
        JsonObject *place = get_object(output, "pos"), *size = get_object(output, "sizeMM");
        double scale = get_number(output, "scale", 1);
        const char *name = NULL;
        g_autofree char *id = g_strdup_printf("%d", get_int(output, "id"));
        GVariantBuilder modes = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(siiddada{sv})"));
        GVariantBuilder properties = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);

        if (json_get_string(output, "name", &name) != JSON_VALUE || !is_utf8(name) ||
            !get_bool(output, "connected")) {
                g_variant_builder_clear(&modes);
                g_variant_builder_clear(&properties);
                return;
        }
        add_modes(&modes, output, scale);
        if (size) {
                g_variant_builder_add(&properties, "{sv}", "width-mm",
                                      g_variant_new_int32(MAX(0, get_int(size, "width"))));
                g_variant_builder_add(&properties, "{sv}", "height-mm",
                                      g_variant_new_int32(MAX(0, get_int(size, "height"))));
        }
        /* The number, by which it is told what to do, is where mutter has the maker. */
        g_variant_builder_add(monitors, "((ssss)a(siiddada{sv})a{sv})", name, id, "", "", &modes,
                              &properties);
        if (get_bool(output, "enabled") && place)
                g_variant_builder_add(
                        logical, "(iidub@a(ssss)@a{sv})", get_int(place, "x"), get_int(place, "y"), scale,
                        transform_of(get_int(output, "rotation")), get_int(output, "priority") == 1,
                        g_variant_new_parsed("[(%s, '', '', '')]", name), g_variant_new_parsed("@a{sv} {}"));
}

MutterState *kscreen_parse(const char *text, size_t n) {
        GVariantBuilder monitors = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a((ssss)a(siiddada{sv})a{sv})"));
        GVariantBuilder logical = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(iiduba(ssss)a{sv})"));
        GVariantBuilder properties = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
        g_autoptr(GVariant) answer = NULL;
        JsonNode *root = NULL;
        JsonObject *members = json_parse(text, n, &root) >= 0 ? json_node_as_object(root) : NULL;
        JsonArray *outputs = members ? json_node_as_array(json_object_get_member(members, "outputs")) : NULL;

        for (unsigned i = 0; outputs && i < json_array_get_length(outputs); i++) {
                JsonObject *output = json_node_as_object(json_array_get_element(outputs, i));

                if (output)
                        add_output(&monitors, &logical, output);
        }
        g_clear_pointer(&root, json_node_unref);
        answer = g_variant_ref_sink(
                g_variant_new(MUTTER_STATE_TYPE, (uint32_t) 0, &monitors, &logical, &properties));
        return outputs ? mutter_state_new(answer) : NULL;
}

/* The number of the output with that name. */
static const char *number_of(const MutterState *s, const char *connector) {
        g_autoptr(GVariant) monitors = g_variant_get_child_value(s->answer, 1);

        for (size_t i = 0; i < g_variant_n_children(monitors); i++) {
                g_autoptr(GVariant) monitor = g_variant_get_child_value(monitors, i);
                const char *name, *number;

                g_variant_get_child(monitor, 0, "(&s&s&s&s)", &name, &number, NULL, NULL);
                if (g_str_equal(name, connector))
                        return number;
        }
        return NULL;
}

static void add(GPtrArray *arguments, const char *number, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void add(GPtrArray *arguments, const char *number, const char *format, ...) {
        g_autofree char *what = NULL;
        va_list list;

        va_start(list, format);
        what = g_strdup_vprintf(format, list);
        va_end(list);
        g_ptr_array_add(arguments, g_strdup_printf("output.%s.%s", number, what));
}

static void add_logical_monitor(GPtrArray *arguments, const MutterState *s, GVariant *logical, bool *on) {
        g_autoptr(GVariant) members = g_variant_get_child_value(logical, 5);
        gboolean primary;
        int32_t x, y;

        g_variant_get(logical, "(iidub@a(ssa{sv}))", &x, &y, NULL, NULL, &primary, NULL);
        for (size_t i = 0; i < g_variant_n_children(members); i++) {
                const char *connector, *mode, *number;

                g_variant_get_child(members, i, "(&s&s@a{sv})", &connector, &mode, NULL);
                number = number_of(s, connector);
                if (!number)
                        continue;
                add(arguments, number, "enable");
                add(arguments, number, "mode.%s", mode);
                add(arguments, number, "position.%d,%d", x, y);
                if (primary && i == 0)
                        add(arguments, number, "priority.1");
                for (unsigned k = 0; k < s->n; k++)
                        on[k] = on[k] || g_str_equal(s->monitors[k].connector, connector);
        }
}

char **kscreen_arguments(const MutterState *s, GVariant *config) {
        g_autoptr(GVariant) logical = g_variant_get_child_value(config, 0);
        GPtrArray *arguments = g_ptr_array_new();
        bool on[LAYOUT_MONITORS_MAX] = {};

        for (size_t i = 0; i < g_variant_n_children(logical); i++) {
                g_autoptr(GVariant) one = g_variant_get_child_value(logical, i);

                add_logical_monitor(arguments, s, one, on);
        }
        for (unsigned i = 0; i < s->n; i++)
                if (!on[i] && s->monitors[i].enabled)
                        add(arguments, number_of(s, s->monitors[i].connector), "disable");
        g_ptr_array_add(arguments, NULL);
        return (char **) g_ptr_array_free(arguments, false);
}
