/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "util/cleanup.h"
#include "util/json-parse.h"
#include "util/json-write.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* json_write() writes null for a number that JSON cannot express. */
static bool is_finite(JsonNode *node) {
        JsonObjectIter i;
        const char *name;
        JsonNode *value;

        if (JSON_NODE_HOLDS_OBJECT(node)) {
                json_object_iter_init(&i, json_node_get_object(node));
                while (json_object_iter_next(&i, &name, &value))
                        if (!is_finite(value))
                                return false;
        } else if (JSON_NODE_HOLDS_ARRAY(node)) {
                for (guint n = 0; n < json_array_get_length(json_node_get_array(node)); n++)
                        if (!is_finite(json_array_get_element(json_node_get_array(node), n)))
                                return false;
        } else if (JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_DOUBLE)
                return isfinite(json_node_get_double(node));
        return true;
}

static char *generate(JsonNode *node) {
        GString *text = g_string_new(NULL);

        json_write(text, node, NULL);
        return g_string_free(text, false);
}

/* What parses can be written, and is the same when it is read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        g_autoptr(JsonNode) node = NULL, again = NULL;
        g_autofree char *text = NULL, *same = NULL;

        if (json_parse((const char *) data, n, &node) < 0) {
                g_assert_null(node);
                return 0;
        }
        g_assert_true(g_utf8_validate((const char *) data, (gssize) n, NULL));
        text = generate(node);
        g_assert_cmpint(json_parse(text, strlen(text), &again), ==, 0);
        same = generate(again);
        g_assert_cmpstr(text, ==, same);
        if (is_finite(node))
                g_assert_true(json_node_equal(node, again));
        return 0;
}
