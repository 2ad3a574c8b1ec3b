/* SPDX-License-Identifier: Apache-2.0 */
#include "util/json-parse.h"
#include "util/json-scan.h"
#include "util/json-write.h"
#include "util/cleanup.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

/* A text that may hold NUL bytes. */
#define TEXT(s) (s), sizeof(s) - 1

/* Refuses reading past the end: a copy without the literal's NUL. */
static int parse(const char *text, size_t n, JsonNode **ret) {
        g_autofree char *exact = g_memdup2(text, n);

        return json_parse(exact ?: "", n, ret);
}

static char *to_text(JsonNode *node) {
        GString *text = g_string_new(NULL);

        json_write(text, node, NULL);
        return g_string_free(text, false);
}

static void test_accepted(void) {
        static const struct {
                const char *text;
                size_t n;
                const char *value; /* as json-write writes it */
        } cases[] = {
                {TEXT("null"), "null"},
                {TEXT("true"), "true"},
                {TEXT("false"), "false"},
                {TEXT(" \t\r\n1 \t\r\n"), "1"},
                {TEXT("{}"), "{}"},
                {TEXT("[]"), "[]"},
                {TEXT("[ ]"), "[]"},
                {TEXT("{ }"), "{}"},
                {TEXT("[[],{},[[]]]"), "[[],{},[[]]]"},
                {TEXT("[1,2 , 3]"), "[1,2,3]"},
                {TEXT("{\"a\" : 1 , \"b\":[null]}"), "{\"a\":1,\"b\":[null]}"},
                {TEXT("{\"\":\"\"}"), "{\"\":\"\"}"},
                {TEXT("{\"a\":1,\"b\":2,\"a\":3}"), "{\"a\":3,\"b\":2}"},
                {TEXT("{\"a\":{\"x\":1},\"a\":{\"x\":1},\"a\":null}"), "{\"a\":null}"},
                {TEXT("\"\""), "\"\""},
                {TEXT("\"a/b\""), "\"a/b\""},
                {TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "\"\\\"\\\\/\\u0008\\u000c\\u000a\\u000d\\u0009\""},
                {TEXT("\"\\u0041\\u00e9\\u20AC\""), "\"A\u00e9\u20ac\""},
                {TEXT("\"\x7f\""), "\"\x7f\""},
                {TEXT("\"\u00e9\u20ac\U0001f600\ufffe\uffff\ufeff\""),
                 "\"\u00e9\u20ac\U0001f600\ufffe\uffff\ufeff\""},
                /* Pairs, and halves that stay alone. */
                {TEXT("\"\\ud83d\\ude00\""), "\"\U0001f600\""},
                {TEXT("\"\\uD800\\uDC00\\uDBFF\\uDFFF\""), "\"\U00010000\U0010ffff\""},
                {TEXT("\"\\ud800\""), "\"\ufffd\""},
                {TEXT("\"\\udc00\""), "\"\ufffd\""},
                {TEXT("\"\\udfffx\""), "\"\ufffdx\""},
                {TEXT("\"\\ude00\\ud83d\""), "\"\ufffd\ufffd\""},
                {TEXT("\"\\ud83d\\ud83d\\ude00\""), "\"\ufffd\U0001f600\""},
                {TEXT("\"\\ud83d\\n\""), "\"\ufffd\\u000a\""},
                {TEXT("\"\\ud83dx\\ude00\""), "\"\ufffdx\ufffd\""},
                {TEXT("\"\\ud83d\\u0041\""), "\"\ufffdA\""},
                {TEXT("\"\\ud7ff\\ue000\""), "\"\ud7ff\ue000\""},
                /* Nothing is cut at a NUL. */
                {TEXT("\"a\\u0000b\""), "\"a\ufffdb\""},
                {TEXT("{\"a\\u0000b\":1,\"a\":2}"), "{\"a\ufffdb\":1,\"a\":2}"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(JsonNode) node = NULL;
                g_autofree char *value = NULL;

                g_autofree char *shown = g_strescape(cases[i].text, NULL); /* TAP is UTF-8 */
                g_test_message("%s", shown);
                g_assert_cmpint(parse(cases[i].text, cases[i].n, &node), ==, 0);
                value = to_text(node);
                g_assert_cmpstr(value, ==, cases[i].value);
        }
}

static void test_refused(void) {
        static const struct {
                const char *text;
                size_t n;
        } cases[] = {
                {TEXT("")},
                {TEXT(" ")},
                {TEXT("x")},
                {TEXT("nul")},
                {TEXT("nulll")},
                {TEXT("Null")},
                {TEXT("TRUE")},
                {TEXT("True")},
                {TEXT("truefalse")},
                {TEXT("1 2")},
                {TEXT("{}{}")},
                {TEXT("[]]")},
                {TEXT("{}}")},
                {TEXT("[")},
                {TEXT("{")},
                {TEXT("]")},
                {TEXT("}")},
                {TEXT("[1")},
                {TEXT("[1,")},
                {TEXT("[,]")},
                {TEXT("[,1]")},
                {TEXT("[1,]")},
                {TEXT("[1,,2]")},
                {TEXT("[1 2]")},
                {TEXT("[1:2]")},
                {TEXT("[1}")},
                {TEXT("{\"a\"}")},
                {TEXT("{\"a\":}")},
                {TEXT("{\"a\":1,}")},
                {TEXT("{,\"a\":1}")},
                {TEXT("{\"a\":1,,\"b\":2}")},
                {TEXT("{\"a\":1 \"b\":2}")},
                {TEXT("{\"a\":1]")},
                {TEXT("{\"a\",1}")},
                {TEXT("{\"a\"::1}")},
                {TEXT("{a:1}")},
                {TEXT("{'a':1}")},
                {TEXT("{1:1}")},
                {TEXT("{null:1}")},
                {TEXT("{\"a\":1")},
                {TEXT("{\"a\":")},
                {TEXT("{\"a\"")},
                {TEXT("{\"a")},
                {TEXT("{\"timeout\": 30, \"mes{\"__name__\": \"echo\"}")},
                /* Comments, other languages' numbers, other white space. */
                {TEXT("/* */1")},
                {TEXT("1//x")},
                {TEXT("1#x")},
                {TEXT("NaN")},
                {TEXT("nan")},
                {TEXT("Infinity")},
                {TEXT("-Infinity")},
                {TEXT("inf")},
                {TEXT("+1")},
                {TEXT("-")},
                {TEXT("--1")},
                {TEXT("- 1")},
                {TEXT("01")},
                {TEXT("-01")},
                {TEXT("00")},
                {TEXT("1.")},
                {TEXT(".5")},
                {TEXT("-.5")},
                {TEXT("1.e5")},
                {TEXT("1e")},
                {TEXT("1e+")},
                {TEXT("1e-")},
                {TEXT("1e+-1")},
                {TEXT("1e-+1")},
                {TEXT("1e1.5")},
                {TEXT("1.2.3")},
                {TEXT("1,5")},
                {TEXT("0x10")},
                {TEXT("1_000")},
                {TEXT("1f")},
                {TEXT("1\f")},
                {TEXT("\v1")},
                {TEXT("\u00a01")},
                {TEXT("\ufeff{}")},
                {TEXT("\u0661")}, /* a digit, though not ours */
                /* Strings. */
                {TEXT("\"")},
                {TEXT("\"a")},
                {TEXT("'a'")},
                {TEXT("\"a\\")},
                {TEXT("\"\\")},
                {TEXT("\"\\\"")},
                {TEXT("\"\\x41\"")},
                {TEXT("\"\\'\"")},
                {TEXT("\"\\a\"")},
                {TEXT("\"\\0\"")},
                {TEXT("\"\\U0041\"")},
                {TEXT("\"\\u\"")},
                {TEXT("\"\\u004\"")},
                {TEXT("\"\\u004")},
                {TEXT("\"\\u00 1\"")},
                {TEXT("\"\\u-041\"")},
                {TEXT("\"\\u+041\"")},
                {TEXT("\"\\u004g\"")},
                {TEXT("\"\\ud83d\\u\"")},
                {TEXT("\"\\ud83d\\u00")},
                {TEXT("\"\\ud83d\\")},
                {TEXT("\"a\tb\"")},
                {TEXT("\"a\nb\"")},
                {TEXT("\"a\x1f\"")},
                {TEXT("\"a\x01\"")},
                {TEXT("\"a\0b\"")},
                {TEXT("\"\\\0\"")},
                {TEXT("1\0")},
                {TEXT("\0")},
                {TEXT("{}\0{}")},
                /* What is not UTF-8. */
                {TEXT("\"\xff\"")},
                {TEXT("\"\xff\xfe\"")},
                {TEXT("\"\x80\"")},
                {TEXT("\"\xc3\"")},
                {TEXT("\"\xc0\xaf\"")},
                {TEXT("\"\xe0\x80\xaf\"")},
                {TEXT("\"\xed\xa0\x80\"")},
                {TEXT("\"\xed\xa0\xbd\xed\xb8\x80\"")},
                {TEXT("\"\xf4\x90\x80\x80\"")},
                {TEXT("\"\xf8\x88\x80\x80\x80\"")},
                {TEXT("{\"\xff\":1}")},
                {TEXT("\xff\xfe{\0}\0")},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                JsonNode *node = (JsonNode *) 4711;

                g_autofree char *shown = g_strescape(cases[i].text, NULL); /* TAP is UTF-8 */
                g_test_message("%s", shown);
                g_assert_cmpint(parse(cases[i].text, cases[i].n, &node), ==, -EBADMSG);
                g_assert_true(node == (JsonNode *) 4711);
        }
}

/* Every beginning of a text is refused, unless it is a whole value. */
static void test_cut(void) {
        static const char text[] =
                "{\"a\":[1,-2.5e+3,true,null,\"\\ud83d\\ude00\\n\u20ac\"],\"b\":{\"c\":false}}";

        for (size_t n = 0; n < sizeof(text) - 1; n++) {
                g_autoptr(JsonNode) node = NULL;
                g_assert_cmpint(parse(text, n, &node), ==, -EBADMSG);
        }
}

static void test_numbers(void) {
        static const struct {
                const char *text;
                bool integer;
                gint64 i;
                double d;
        } cases[] = {
                {"0", true, 0, 0},
                {"-0", true, 0, 0},
                {"-1", true, -1, 0},
                {"9223372036854775807", true, G_MAXINT64, 0},
                {"-9223372036854775808", true, G_MININT64, 0},
                {"9223372036854775808", false, 0, 0x1p63},
                {"-9223372036854775809", false, 0, -0x1p63},
                {"99999999999999999999", false, 0, 1e20},
                {"1000000000000000000000000000000000000000", false, 0, 1e39},
                {"0.0", false, 0, 0},
                {"-0.0", false, 0, -0.0},
                {"1.0", false, 0, 1},
                {"1e0", false, 0, 1},
                {"1E+2", false, 0, 100},
                {"25e-1", false, 0, 2.5},
                {"0e0", false, 0, 0},
                {"0.1", false, 0, 0.1},
                {"5e-324", false, 0, 5e-324},
                {"1e-400", false, 0, 0},
                {"1.7976931348623157e308", false, 0, 1.7976931348623157e308},
                {"1e400", false, 0, INFINITY},
                {"-1e400", false, 0, -INFINITY},
                {"1e99999999999999999999", false, 0, INFINITY},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(JsonNode) node = NULL;

                g_autofree char *shown = g_strescape(cases[i].text, NULL); /* TAP is UTF-8 */
                g_test_message("%s", shown);
                g_assert_cmpint(parse(cases[i].text, strlen(cases[i].text), &node), ==, 0);
                g_assert_true(json_node_get_value_type(node) ==
                              (cases[i].integer ? G_TYPE_INT64 : G_TYPE_DOUBLE));
                if (cases[i].integer)
                        g_assert_cmpint(json_node_get_int(node), ==, cases[i].i);
                else {
                        g_assert_cmpfloat(json_node_get_double(node), ==, cases[i].d);
                        g_assert_cmpint(signbit(json_node_get_double(node)) != 0, ==,
                                        signbit(cases[i].d) != 0);
                }
        }
}

static void test_long_number(void) {
        g_autoptr(GString) s = g_string_new("1");
        g_autoptr(JsonNode) huge = NULL, precise = NULL;

        for (size_t i = 0; i < 60000; i++)
                g_string_append_c(s, '0');
        g_assert_cmpint(parse(s->str, s->len, &huge), ==, 0);
        g_assert_cmpfloat(json_node_get_double(huge), ==, INFINITY);

        s->str[1] = '.';
        g_assert_cmpint(parse(s->str, s->len, &precise), ==, 0);
        g_assert_cmpfloat(json_node_get_double(precise), ==, 1);
}

static char *nested(const char *open, const char *inner, const char *close, size_t depth, size_t *ret_n) {
        GString *s = g_string_new(NULL);

        for (size_t i = 0; i < depth; i++)
                g_string_append(s, open);
        g_string_append(s, inner);
        for (size_t i = 0; i < depth; i++)
                g_string_append(s, close);
        *ret_n = s->len;
        return g_string_free(s, false);
}

static void test_depth(void) {
        static const struct {
                const char *open, *inner, *close;
        } forms[] = {
                {"[", "", "]"},
                {"[", "1", "]"},
                {"{\"a\":", "1", "}"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
                size_t n;
                g_autofree char *fits =
                        nested(forms[i].open, forms[i].inner, forms[i].close, JSON_DEPTH_MAX, &n);
                g_autoptr(JsonNode) node = NULL;

                g_assert_cmpint(parse(fits, n, &node), ==, 0);
                g_autofree char *deeper =
                        nested(forms[i].open, forms[i].inner, forms[i].close, JSON_DEPTH_MAX + 1, &n);
                g_assert_cmpint(parse(deeper, n, &node), ==, -EBADMSG);
                g_autofree char *abyss = nested(forms[i].open, "", "", 100000, &n);
                g_assert_cmpint(parse(abyss, n, &node), ==, -EBADMSG);
        }

        /* Siblings are no depth. */
        size_t n;
        g_autofree char *wide = nested("[],", "[]", "", 20000, &n);
        g_autofree char *list = g_strdup_printf("[%s]", wide);
        g_autoptr(JsonNode) node = NULL;
        g_assert_cmpint(parse(list, strlen(list), &node), ==, 0);
        g_assert_cmpuint(json_array_get_length(json_node_get_array(node)), ==, 20001);
}

/* Objects of many members, with the same name and with different ones. */
static void test_members(void) {
        for (unsigned same = 0; same < 2; same++)
                for (unsigned n = JSON_MEMBERS_MAX; n <= JSON_MEMBERS_MAX + 1; n++) {
                        g_autoptr(GString) s = g_string_new("[{");
                        g_autoptr(JsonNode) node = NULL;

                        for (unsigned i = 0; i < n; i++)
                                g_string_append_printf(s, "%s\"%u\":{}", i > 0 ? "," : "", same ? 0 : i);
                        g_string_append(s, "},{\"a\":1}]");
                        g_assert_cmpint(parse(s->str, s->len, &node), ==,
                                        n > JSON_MEMBERS_MAX ? -EBADMSG : 0);
                }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/json-parse/accepted", test_accepted);
        g_test_add_func("/json-parse/refused", test_refused);
        g_test_add_func("/json-parse/cut", test_cut);
        g_test_add_func("/json-parse/numbers", test_numbers);
        g_test_add_func("/json-parse/long-number", test_long_number);
        g_test_add_func("/json-parse/depth", test_depth);
        g_test_add_func("/json-parse/members", test_members);
        return g_test_run();
}
