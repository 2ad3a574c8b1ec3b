/* SPDX-License-Identifier: Apache-2.0 */
#include "util/json-write.h"

#include <math.h>
#include <string.h>

#define REPLACEMENT 0xFFFD

/* The character at @s, and where the next one is; U+FFFD for a byte that belongs to none. */
static gunichar take_char(const char *s, const char **ret_next) {
        gunichar c = g_utf8_get_char_validated(s, -1);

        if (c == (gunichar) -1 || c == (gunichar) -2) {
                *ret_next = s + 1;
                return REPLACEMENT;
        }
        *ret_next = g_utf8_next_char(s);
        return c;
}

static void write_char(GString *out, gunichar c, JsonForbidden forbidden) {
        if (forbidden && forbidden(c))
                g_string_append_unichar(out, REPLACEMENT);
        else if (c == '"' || c == '\\')
                g_string_append_printf(out, "\\%c", (int) c);
        else if (c < 0x20)
                g_string_append_printf(out, "\\u%04x", c);
        else
                g_string_append_unichar(out, c);
}

static void write_string(GString *out, const char *s, JsonForbidden forbidden) {
        g_string_append_c(out, '"');
        while (*s) {
                const char *begin = s;

                while (g_ascii_isprint(*s) && *s != '"' && *s != '\\')
                        s++;
                g_string_append_len(out, begin, s - begin);
                if (*s)
                        write_char(out, take_char(s, &s), forbidden);
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

static void write_object(GString *out, JsonObject *object, JsonForbidden forbidden) {
        const char *name, *separator = "";
        JsonObjectIter i;
        JsonNode *value;

        g_string_append_c(out, '{');
        json_object_iter_init_ordered(&i, object);
        while (json_object_iter_next_ordered(&i, &name, &value)) {
                g_string_append(out, separator);
                write_string(out, name, forbidden);
                g_string_append_c(out, ':');
                json_write(out, value, forbidden);
                separator = ",";
        }
        g_string_append_c(out, '}');
}

static void write_array(GString *out, JsonArray *array, JsonForbidden forbidden) {
        g_string_append_c(out, '[');
        for (guint i = 0; i < json_array_get_length(array); i++) {
                if (i > 0)
                        g_string_append_c(out, ',');
                json_write(out, json_array_get_element(array, i), forbidden);
        }
        g_string_append_c(out, ']');
}

void json_write(GString *out, JsonNode *node, JsonForbidden forbidden) {
        if (JSON_NODE_HOLDS_OBJECT(node))
                write_object(out, json_node_get_object(node), forbidden);
        else if (JSON_NODE_HOLDS_ARRAY(node))
                write_array(out, json_node_get_array(node), forbidden);
        else if (JSON_NODE_HOLDS_NULL(node))
                g_string_append(out, "null");
        else if (json_node_get_value_type(node) == G_TYPE_STRING)
                write_string(out, json_node_get_string(node), forbidden);
        else if (json_node_get_value_type(node) == G_TYPE_INT64)
                g_string_append_printf(out, "%" G_GINT64_FORMAT, json_node_get_int(node));
        else if (json_node_get_value_type(node) == G_TYPE_DOUBLE)
                write_double(out, json_node_get_double(node));
        else
                g_string_append(out, json_node_get_boolean(node) ? "true" : "false");
}
