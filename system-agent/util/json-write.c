/* SPDX-License-Identifier: Apache-2.0 */
#include "util/json-write.h"

#include <math.h>
#include <string.h>

static void write_string(GString *out, const char *s) {
        g_string_append_c(out, '"');
        for (const char *begin = s;; s++) {
                unsigned char c = (unsigned char) *s;

                if (c >= 0x20 && c != '"' && c != '\\')
                        continue;
                g_string_append_len(out, begin, s - begin);
                if (c == 0)
                        break;
                if (c >= 0x20)
                        g_string_append_printf(out, "\\%c", c);
                else
                        g_string_append_printf(out, "\\u%04x", c);
                begin = s + 1;
        }
        g_string_append_c(out, '"');
}

static void write_double(GString *out, double d) {
        char text[G_ASCII_DTOSTR_BUF_SIZE];

        if (!isfinite(d)) {
                g_string_append(out, "null");
                return;
        }
        g_string_append(out, g_ascii_dtostr(text, sizeof(text), d));
        /* What came with a fraction stays a number with one. */
        if (!strpbrk(text, ".e"))
                g_string_append(out, ".0");
}

static void write_object(GString *out, JsonObject *object) {
        const char *name, *separator = "";
        JsonObjectIter i;
        JsonNode *value;

        g_string_append_c(out, '{');
        json_object_iter_init_ordered(&i, object);
        while (json_object_iter_next_ordered(&i, &name, &value)) {
                g_string_append(out, separator);
                write_string(out, name);
                g_string_append_c(out, ':');
                json_write(out, value);
                separator = ",";
        }
        g_string_append_c(out, '}');
}

static void write_array(GString *out, JsonArray *array) {
        g_string_append_c(out, '[');
        for (guint i = 0; i < json_array_get_length(array); i++) {
                if (i > 0)
                        g_string_append_c(out, ',');
                json_write(out, json_array_get_element(array, i));
        }
        g_string_append_c(out, ']');
}

void json_write(GString *out, JsonNode *node) {
        if (JSON_NODE_HOLDS_OBJECT(node))
                write_object(out, json_node_get_object(node));
        else if (JSON_NODE_HOLDS_ARRAY(node))
                write_array(out, json_node_get_array(node));
        else if (JSON_NODE_HOLDS_NULL(node))
                g_string_append(out, "null");
        else if (json_node_get_value_type(node) == G_TYPE_STRING)
                write_string(out, json_node_get_string(node));
        else if (json_node_get_value_type(node) == G_TYPE_INT64)
                g_string_append_printf(out, "%" G_GINT64_FORMAT, json_node_get_int(node));
        else if (json_node_get_value_type(node) == G_TYPE_DOUBLE)
                write_double(out, json_node_get_double(node));
        else
                g_string_append(out, json_node_get_boolean(node) ? "true" : "false");
}
