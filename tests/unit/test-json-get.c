/* SPDX-License-Identifier: Apache-2.0 */
#include "util/json-get.h"
#include "util/cleanup.h"

#include <string.h>

static JsonNode *parse(const char *text) {
        JsonNode *node = NULL;

        g_assert_cmpint(json_parse(text, strlen(text), &node), ==, 0);
        return node;
}

/* What each getter makes of a value. */
static void test_types(void) {
        static const struct {
                const char *value;
                JsonFound string, boolean, integer;
        } cases[] = {
                {"null", JSON_ABSENT, JSON_ABSENT, JSON_ABSENT},
                {"\"x\"", JSON_VALUE, JSON_WRONG, JSON_WRONG},
                {"\"true\"", JSON_VALUE, JSON_WRONG, JSON_WRONG},
                {"\"\"", JSON_VALUE, JSON_WRONG, JSON_WRONG},
                {"true", JSON_WRONG, JSON_VALUE, JSON_WRONG},
                {"false", JSON_WRONG, JSON_VALUE, JSON_WRONG},
                {"1", JSON_WRONG, JSON_WRONG, JSON_VALUE},
                {"0", JSON_WRONG, JSON_WRONG, JSON_VALUE},
                {"1.5", JSON_WRONG, JSON_WRONG, JSON_WRONG},
                {"[]", JSON_WRONG, JSON_WRONG, JSON_WRONG},
                {"[1]", JSON_WRONG, JSON_WRONG, JSON_WRONG},
                {"{}", JSON_WRONG, JSON_WRONG, JSON_WRONG},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *text = g_strdup_printf("{\"m\":%s}", cases[i].value);
                g_autoptr(JsonNode) node = parse(text);
                JsonObject *o = json_node_as_object(node);
                const char *s = "untouched";
                int64_t n = 4711;
                bool b = true;

                g_autofree char *shown = g_strescape(text, NULL); /* TAP is UTF-8 */
                g_test_message("%s", shown);
                g_assert_cmpint(json_get_string(o, "m", &s), ==, cases[i].string);
                g_assert_cmpint(json_get_bool(o, "m", &b), ==, cases[i].boolean);
                g_assert_cmpint(json_get_integer(o, "m", &n), ==, cases[i].integer);
                if (cases[i].string != JSON_VALUE)
                        g_assert_cmpstr(s, ==, "untouched");
                g_assert_true(b == !g_str_equal(cases[i].value, "false"));
                if (cases[i].integer != JSON_VALUE)
                        g_assert_cmpint(n, ==, 4711);
                g_assert_cmpint(json_get_integer(o, "other", &n), ==, JSON_ABSENT);
                g_assert_cmpint(json_get_string(o, "other", &s), ==, JSON_ABSENT);
                g_assert_cmpint(json_get_bool(o, "other", &b), ==, JSON_ABSENT);
        }
}

static void test_integers(void) {
        static const struct {
                const char *value;
                JsonFound found;
                int64_t n;
        } cases[] = {
                {"2.0", JSON_VALUE, 2},
                {"-0.0", JSON_VALUE, 0},
                {"2e0", JSON_VALUE, 2},
                {"1e18", JSON_VALUE, INT64_C(1000000000000000000)},
                {"-9223372036854775808.0", JSON_VALUE, INT64_MIN},
                {"9223372036854774784.0", JSON_VALUE, INT64_C(9223372036854774784)},
                {"9223372036854775807", JSON_VALUE, INT64_MAX},
                {"9223372036854775808", JSON_WRONG, 0},
                {"-9223372036854777856", JSON_WRONG, 0},
                {"99999999999999999999", JSON_WRONG, 0},
                {"1e400", JSON_WRONG, 0},
                {"-1e400", JSON_WRONG, 0},
                {"0.5", JSON_WRONG, 0},
                {"-1e-300", JSON_WRONG, 0},
                {"\"45\"", JSON_VALUE, 45},
                {"\"-45\"", JSON_VALUE, -45},
                {"\"+45\"", JSON_VALUE, 45},
                {"\" 77 \"", JSON_VALUE, 77},
                {"\"007\"", JSON_VALUE, 7},
                {"\"9223372036854775807\"", JSON_VALUE, INT64_MAX},
                {"\"9223372036854775808\"", JSON_WRONG, 0},
                {"\"-9223372036854775808\"", JSON_VALUE, INT64_MIN},
                {"\"\"", JSON_WRONG, 0},
                {"\" \"", JSON_WRONG, 0},
                {"\"-\"", JSON_WRONG, 0},
                {"\"soon\"", JSON_WRONG, 0},
                {"\"1.5\"", JSON_WRONG, 0},
                {"\"2.0\"", JSON_WRONG, 0},
                {"\"0x10\"", JSON_WRONG, 0},
                {"\"1e3\"", JSON_WRONG, 0},
                {"\"4 5\"", JSON_WRONG, 0},
                {"\"4\\u00005\"", JSON_WRONG, 0},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *text = g_strdup_printf("{\"m\":%s}", cases[i].value);
                g_autoptr(JsonNode) node = parse(text);
                int64_t n = 4711;

                g_autofree char *shown = g_strescape(text, NULL); /* TAP is UTF-8 */
                g_test_message("%s", shown);
                g_assert_cmpint(json_get_integer(json_node_as_object(node), "m", &n), ==, cases[i].found);
                g_assert_cmpint(n, ==, cases[i].found == JSON_VALUE ? cases[i].n : 4711);
        }
}

static void test_nodes(void) {
        static const struct {
                const char *text;
                bool object, array, string;
        } cases[] = {
                {"{}", true, false, false}, {"[]", false, true, false},    {"\"\"", false, false, true},
                {"1", false, false, false}, {"null", false, false, false}, {"true", false, false, false},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(JsonNode) node = parse(cases[i].text);

                g_assert_cmpint(json_node_as_object(node) != NULL, ==, cases[i].object);
                g_assert_cmpint(json_node_as_array(node) != NULL, ==, cases[i].array);
                g_assert_cmpint(json_node_as_string(node) != NULL, ==, cases[i].string);
        }
        g_assert_null(json_node_as_object(NULL));
        g_assert_null(json_node_as_array(NULL));
        g_assert_null(json_node_as_string(NULL));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/json-get/types", test_types);
        g_test_add_func("/json-get/integers", test_integers);
        g_test_add_func("/json-get/nodes", test_nodes);
        return g_test_run();
}
