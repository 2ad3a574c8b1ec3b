/* SPDX-License-Identifier: Apache-2.0 */
#include "util/json-parse.h"

#include <errno.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/json-scan.h"

typedef struct Builder {
        JsonNode *root;
        JsonNode *open[JSON_DEPTH_MAX]; /* the containers that the next node is in, each owned by the one
                                           before */
        unsigned depth;
        char *name; /* of the next member */
} Builder;

static char *to_string(const char *text, size_t n) {
        char *s = g_malloc(n + 1);

        (void) json_text_decode(text, n, false, s, n + 1);
        return s;
}

static JsonNode *to_number(JsonEvent event, const char *text, size_t n) {
        char buffer[32];

        if (event == JSON_INTEGER && n < sizeof(buffer)) {
                gint64 value;

                memcpy(buffer, text, n);
                buffer[n] = 0;
                errno = 0;
                value = g_ascii_strtoll(buffer, NULL, 10);
                if (errno == 0)
                        return json_node_init_int(json_node_alloc(), value);
        }

        _cleanup_free_ char *copy = g_strndup(text, n);
        return json_node_init_double(json_node_alloc(), g_ascii_strtod(copy, NULL));
}

static JsonNode *to_node(JsonEvent event, const char *text, size_t n) {
        _cleanup_free_ char *s = NULL;
        g_autoptr(JsonObject) object = NULL;
        g_autoptr(JsonArray) array = NULL;

        switch (event) {
        case JSON_OBJECT:
                object = json_object_new();
                return json_node_init_object(json_node_alloc(), object);
        case JSON_ARRAY:
                array = json_array_new();
                return json_node_init_array(json_node_alloc(), array);
        case JSON_STRING:
                s = to_string(text, n);
                return json_node_init_string(json_node_alloc(), s);
        case JSON_TRUE:
        case JSON_FALSE:
                return json_node_init_boolean(json_node_alloc(), event == JSON_TRUE);
        case JSON_NULL:
                return json_node_init_null(json_node_alloc());
        default:
                return to_number(event, text, n);
        }
}

/* Gives the node to the container that is open. */
static void add_node(Builder *b, JsonNode *node) {
        JsonNode *parent = b->depth > 0 ? b->open[b->depth - 1] : NULL;

        if (!parent)
                b->root = node;
        else if (JSON_NODE_HOLDS_ARRAY(parent))
                json_array_add_element(json_node_get_array(parent), node);
        else {
                json_object_set_member(json_node_get_object(parent), b->name, node);
                g_clear_pointer(&b->name, g_free);
        }
}

static void on_event(JsonEvent event, const char *text, size_t n, void *userdata) {
        Builder *b = userdata;
        JsonNode *node;

        if (event == JSON_NAME) {
                b->name = to_string(text, n);
                return;
        }
        if (event == JSON_OBJECT_END || event == JSON_ARRAY_END) {
                b->depth--;
                return;
        }
        node = to_node(event, text, n);
        add_node(b, node);
        if (event == JSON_OBJECT || event == JSON_ARRAY)
                b->open[b->depth++] = node;
}

int json_parse(const char *text, size_t n, JsonNode **ret) {
        Builder b = {};
        int r = json_scan(text, n, on_event, &b);

        g_free(b.name);
        if (r < 0) {
                g_clear_pointer(&b.root, json_node_unref);
                return r;
        }
        *ret = b.root;
        return 0;
}
