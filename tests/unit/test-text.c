/* SPDX-License-Identifier: Apache-2.0 */
#include "util/text.h"
#include "util/cleanup.h"

#include <string.h>

static void test_glob(void) {
        static const char *const patterns[] = {"kernel", "linux-image*", "fuse.[a-c]?", "a\\*", NULL};
        static const char *const none[] = {NULL};
        static const struct {
                const char *s;
                bool match;
        } cases[] = {
                {"kernel", true},      {"kernel-core", false},
                {"linux-image", true}, {"linux-image-6.1", true},
                {"linux-imag", false}, {"fuse.ab", true},
                {"fuse.ad", true},     {"fuse.da", false},
                {"fuse.a", false},     {"a*", true},
                {"ab", false},         {"", false},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_assert_cmpint(glob_match_any(patterns, cases[i].s), ==, cases[i].match);
                g_assert_false(glob_match_any(none, cases[i].s));
        }
}

static void test_unescape(void) {
        static const struct {
                const char *in, *out;
        } cases[] = {
                {"/mnt/a\\040b", "/mnt/a b"},
                {"\\011\\012\\134\\043", "\t\n\\#"},
                {"\\134040", "\\040"}, /* decoded once */
                {"\\377", "\xff"},
                {"\\400", "\\400"},
                {"\\000x", "\\000x"},
                {"\\04", "\\04"},
                {"\\048", "\\048"},
                {"\\", "\\"},
                {"", ""},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *s = g_strdup(cases[i].in);
                unescape_octal(s);
                g_assert_cmpstr(s, ==, cases[i].out);
        }
}

static void test_numbers(void) {
        static const struct {
                const char *s;
                int r;
                uint64_t v;
        } cases[] = {
                {"0", 0, 0},
                {"007", 0, 7},
                {"18446744073709551615", 0, UINT64_MAX},
                {"18446744073709551616", -ERANGE, 0},
                {"99999999999999999999999", -ERANGE, 0},
                {"", -EINVAL, 0},
                {" 1", -EINVAL, 0},
                {"+1", -EINVAL, 0},
                {"-1", -EINVAL, 0},
                {"1 ", -EINVAL, 0},
                {"0x1", -EINVAL, 0},
                {"1\n", -EINVAL, 0},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                uint64_t v = 4711;
                g_assert_cmpint(parse_uint64(cases[i].s, &v), ==, cases[i].r);
                g_assert_cmpuint(v, ==, cases[i].r < 0 ? 4711 : cases[i].v);
        }

        const char *text = "12-x", *p = text;
        uint64_t v;
        g_assert_cmpint(scan_uint64(&p, &v), ==, 0);
        g_assert_cmpuint(v, ==, 12);
        g_assert_true(p == text + 2);
        g_assert_cmpint(scan_uint64(&p, &v), ==, -EINVAL);
        g_assert_true(p == text + 2);
}

static void test_lines(void) {
        const char *text = "a\n\nbc", *line;
        size_t n;

        g_assert_true(next_line(&text, &line, &n));
        g_assert_cmpmem(line, n, "a", 1);
        g_assert_true(next_line(&text, &line, &n));
        g_assert_cmpuint(n, ==, 0);
        g_assert_true(next_line(&text, &line, &n));
        g_assert_cmpmem(line, n, "bc", 2);
        g_assert_false(next_line(&text, &line, &n));
}

static void test_cut(void) {
        static const struct {
                const char *text;
                size_t max;
                const char *expected;
        } cases[] = {
                {"abc", 3, "abc"},
                {"abc", 2, "ab"},
                {"abc", 0, ""},
                {"", 5, ""},
                {"až", 3, "až"},
                {"až", 2, "a"},
                {"a\xff"
                 "c",
                 9, "a"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *cut = cut_text(cases[i].text, cases[i].max);

                g_assert_cmpstr(cut, ==, cases[i].expected);
        }
}

static void test_assignment(void) {
        static const struct {
                const char *line;
                int r;
                const char *value;
        } cases[] = {
                {"K=v", 0, "v"},
                {"  K=v \t\r", 0, "v"},
                {"K=", 0, ""},
                {"K=\"\"", 0, ""},
                {"K=\"a b\"", 0, "a b"},
                {"K='a \"b\\'", 0, "a \"b\\"},
                {"K=\"\\\"\\$\\`\\\\\\n\"", 0, "\"$`\\\\n"},
                {"K=a\\ b", 0, "a b"},
                {"K=\"a", -EBADMSG, NULL},
                {"K='a", -EBADMSG, NULL},
                {"#K=v", -ENOENT, NULL},
                {"KK=v", -ENOENT, NULL},
                {"K", -ENOENT, NULL},
                {"K =v", -ENOENT, NULL},
                {"", -ENOENT, NULL},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *value = NULL;
                g_assert_cmpint(parse_assignment(cases[i].line, strlen(cases[i].line), "K", &value), ==,
                                cases[i].r);
                g_assert_cmpstr(value, ==, cases[i].value);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/text/glob", test_glob);
        g_test_add_func("/text/unescape", test_unescape);
        g_test_add_func("/text/numbers", test_numbers);
        g_test_add_func("/text/lines", test_lines);
        g_test_add_func("/text/cut", test_cut);
        g_test_add_func("/text/assignment", test_assignment);
        return g_test_run();
}
