/* SPDX-License-Identifier: Apache-2.0 */
#include "util/json-scan.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

/* What is accepted and what is not is tested with json-parse, which knows nothing else. */

static void note(JsonEvent event, const char *text, size_t n, void *userdata) {
        static const char marks[] = {
                [JSON_OBJECT] = 'o', [JSON_OBJECT_END] = 'O', [JSON_ARRAY] = 'a',   [JSON_ARRAY_END] = 'A',
                [JSON_NAME] = 'm',   [JSON_STRING] = 's',     [JSON_INTEGER] = 'i', [JSON_REAL] = 'r',
                [JSON_TRUE] = 't',   [JSON_FALSE] = 'f',      [JSON_NULL] = 'n',
        };

        g_string_append_printf(userdata, "%c<%.*s> ", marks[event], (int) n, text);
}

static void test_events(void) {
        static const struct {
                const char *text, *events;
        } cases[] = {
                {" 1 ", "i<1> "},
                {"[-1.5e+3,0,true,false,null]", "a<[> r<-1.5e+3> i<0> t<true> f<false> n<null> A<]> "},
                {"{}", "o<{> O<}> "},
                {"{\"a\\u0041\" : {\"b\":[\"\"]} , \"c\":\"\\\"\"}",
                 "o<{> m<a\\u0041> o<{> m<b> a<[> s<> A<]> O<}> m<c> s<\\\"> O<}> "},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(GString) events = g_string_new(NULL);

                g_assert_cmpint(json_scan(cases[i].text, strlen(cases[i].text), note, events), ==, 0);
                g_assert_cmpstr(events->str, ==, cases[i].events);
        }
}

static void test_decode(void) {
        static const struct {
                const char *text, *value; /* NULL: not exactly */
                const char *replaced;
        } cases[] = {
                {"", "", ""},
                {"plain", "plain", "plain"},
                {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t", "\"\\/\b\f\n\r\t"},
                {"\u017elu\\u0165", "\u017elu\u0165", "\u017elu\u0165"},
                {"x\\ud83d\\ude00y", "x\U0001f600y", "x\U0001f600y"},
                {"\\ud83d\\u0041", NULL, "\ufffdA"},
                {"\\ude00", NULL, "\ufffd"},
                {"a\\u0000b", NULL, "a\ufffdb"},
                {"\ufffd", "\ufffd", "\ufffd"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                size_t n = strlen(cases[i].text), length = strlen(cases[i].replaced);
                g_autofree char *exact = g_strndup(cases[i].text, n), *buffer = g_malloc(length + 1);

                g_assert_cmpint(json_text_decode(exact, n, false, buffer, length + 1), ==, length);
                g_assert_cmpstr(buffer, ==, cases[i].replaced);
                g_assert_cmpint(json_text_decode(exact, n, true, buffer, length + 1), ==,
                                cases[i].value ? (int) length : -EILSEQ);
                if (length > 0)
                        g_assert_cmpint(json_text_decode(exact, n, false, buffer, length), ==, -ENOBUFS);

                g_assert_true(json_text_equal(exact, n, cases[i].replaced));
                g_assert_false(json_text_equal(exact, n, "pl"));
                g_assert_false(json_text_equal(exact, n, "plain text"));
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/json-scan/events", test_events);
        g_test_add_func("/json-scan/decode", test_decode);
        return g_test_run();
}
