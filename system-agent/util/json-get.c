/* SPDX-License-Identifier: Apache-2.0 */
#include "util/json-get.h"

#include <errno.h>
#include <math.h>

JsonObject *json_node_as_object(JsonNode *node) {
        return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

JsonArray *json_node_as_array(JsonNode *node) {
        return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

static bool holds(JsonNode *node, GType type) {
        return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == type;
}

const char *json_node_as_string(JsonNode *node) {
        return holds(node, G_TYPE_STRING) ? json_node_get_string(node) : NULL;
}

/* The member, or NULL if it is missing or null. */
static JsonNode *get(JsonObject *o, const char *name) {
        JsonNode *node = json_object_get_member(o, name);

        return node && !JSON_NODE_HOLDS_NULL(node) ? node : NULL;
}

JsonFound json_get_string(JsonObject *o, const char *name, const char **ret) {
        JsonNode *node = get(o, name);

        if (!node)
                return JSON_ABSENT;
        if (!holds(node, G_TYPE_STRING))
                return JSON_WRONG;
        *ret = json_node_get_string(node);
        return JSON_VALUE;
}

JsonFound json_get_bool(JsonObject *o, const char *name, bool *ret) {
        JsonNode *node = get(o, name);

        if (!node)
                return JSON_ABSENT;
        if (!holds(node, G_TYPE_BOOLEAN))
                return JSON_WRONG;
        *ret = json_node_get_boolean(node);
        return JSON_VALUE;
}

static bool integer_from_string(const char *s, int64_t *ret) {
        char *end = NULL;
        int64_t value;

        errno = 0;
        value = g_ascii_strtoll(s, &end, 10);
        if (errno != 0 || end == s)
                return false;
        while (g_ascii_isspace(*end))
                end++;
        if (*end != 0)
                return false;
        *ret = value;
        return true;
}

JsonFound json_get_integer(JsonObject *o, const char *name, int64_t *ret) {
        JsonNode *node = get(o, name);

        if (!node)
                return JSON_ABSENT;
        if (holds(node, G_TYPE_INT64)) {
                *ret = json_node_get_int(node);
                return JSON_VALUE;
        }
        if (holds(node, G_TYPE_DOUBLE)) {
                double d = json_node_get_double(node);

                /* 2^63 itself does not fit; NaN fails every comparison. */
                if (!(d >= -0x1p63 && d < 0x1p63) || trunc(d) != d)
                        return JSON_WRONG;
                *ret = (int64_t) d;
                return JSON_VALUE;
        }
        if (holds(node, G_TYPE_STRING) && integer_from_string(json_node_get_string(node), ret))
                return JSON_VALUE;
        return JSON_WRONG;
}
