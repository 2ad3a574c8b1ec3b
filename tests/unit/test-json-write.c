/* SPDX-License-Identifier: Apache-2.0 */
#include "util/json-write.h"
#include "util/cleanup.h"

#include <math.h>

static void test_numbers(void) {
        static const struct {
                double d;
                const char *text;
        } cases[] = {
                {0, "0.0"},
                {-0.0, "-0.0"},
                {1, "1.0"},
                {2.5, "2.5"},
                {0.1, "0.10000000000000001"},
                {1e15, "1000000000000000.0"},
                {1e20, "1e+20"},
                {-1e-9, "-1.0000000000000001e-09"},
                {5e-324, "4.9406564584124654e-324"},
                {INFINITY, "null"},
                {-INFINITY, "null"},
                {NAN, "null"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(JsonNode) node = json_node_init_double(json_node_alloc(), cases[i].d);
                g_autoptr(GString) out = g_string_new("x");

                json_write(out, node, NULL);
                g_assert_cmpstr(out->str + 1, ==, cases[i].text);
        }
}

static void test_tree(void) {
        g_autoptr(JsonNode) root = json_node_alloc();
        JsonArray *array = json_array_new();
        JsonObject *object = json_object_new();
        g_autoptr(GString) out = g_string_new(NULL);

        json_array_add_int_element(array, G_MININT64);
        json_array_add_int_element(array, G_MAXINT64);
        json_array_add_boolean_element(array, TRUE);
        json_array_add_boolean_element(array, FALSE);
        json_array_add_null_element(array);
        json_array_add_array_element(array, json_array_new());
        json_array_add_object_element(array, json_object_new());
        json_array_add_string_element(array, "");
        json_object_set_array_member(object, "z", array);
        json_object_set_string_member(object, "a\"b\\", "\x01\x1f \"\\/\x7f\xc2\x85\u20ac\U0001f600\n");
        json_node_take_object(json_node_init(root, JSON_NODE_OBJECT), object);

        json_write(out, root, NULL);
        g_assert_cmpstr(out->str, ==,
                        "{\"z\":[-9223372036854775808,9223372036854775807,true,false,null,[],{},\"\"],"
                        "\"a\\\"b\\\\\":\"\\u0001\\u001f \\\"\\\\/\x7f\xc2\x85\u20ac\U0001f600\\u000a\"}");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/json-write/numbers", test_numbers);
        g_test_add_func("/json-write/tree", test_tree);
        return g_test_run();
}
