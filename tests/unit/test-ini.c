/* SPDX-License-Identifier: Apache-2.0 */
#include "util/ini.h"
#include "util/cleanup.h"

#include <string.h>

#define TEXT(s) (s), sizeof(s) - 1

/* Notes "section|key|value|line;" and refuses the key "stop". */
static int on_entry(const char *section, const char *key, const char *value, unsigned line, void *userdata) {
        if (g_str_equal(key, "stop"))
                return -ECANCELED;
        g_string_append_printf(userdata, "%s|%s|%s|%u;", section, key, value, line);
        return 0;
}

static void test_files(void) {
        static const struct {
                const char *text;
                size_t n;
                int r;
                unsigned line; /* for -EBADMSG */
                const char *entries;
        } cases[] = {
                {TEXT(""), 0, 0, ""},
                {TEXT("\n\n \t\n# x\n; y\n"), 0, 0, ""},
                {TEXT("[a]\nk=v"), 0, 0, "a|k|v|2;"},
                {TEXT("[a]\r\nk = v\r\n"), 0, 0, "a|k|v|2;"},
                {TEXT("[a]\nk: v\n"), 0, 0, "a|k|v|2;"},
                {TEXT("[a]\nK.Ey = V\n"), 0, 0, "a|k.ey|V|2;"},
                {TEXT("[A b]\nk=\n"), 0, 0, "A b|k||2;"},
                {TEXT("[a]\nk = a=b:c\n"), 0, 0, "a|k|a=b:c|2;"},
                {TEXT("[a]\nk:a=b\n"), 0, 0, "a|k|a=b|2;"},
                {TEXT("[a]\nk=1\nk=2\n[b]\nk=3\n[a]\nk=4\n"), 0, 0, "a|k|1|2;a|k|2|3;b|k|3|5;a|k|4|7;"},
                {TEXT("[a]\nk = x\n  y\n\tz\nl=1\n"), 0, 0, "a|k|x\ny\nz|2;a|l|1|5;"},
                {TEXT("[a]\nk = x\n\n# c\n ; c\n y\n"), 0, 0, "a|k|x\ny|2;"},
                {TEXT("[a]\nk =\n x\n [b]\n"), 0, 0, "a|k|x\n[b]|2;"},
                {TEXT("[a]\n k = x\n"), 0, 0, "a|k|x|2;"},
                {TEXT("[a]\nk = x # y\n"), 0, 0, "a|k|x # y|2;"},
                {TEXT("[a]\nk = 5 ; y ; z\n"), 0, 0, "a|k|5|2;"},
                {TEXT("[a]\nk = 5\t;\n 6 ; 7\n"), 0, 0, "a|k|5\n6 ; 7|2;"},
                {TEXT("[a]\nk = a;b;c ;d\n"), 0, 0, "a|k|a;b;c|2;"},
                {TEXT("[a]\nk =;x\n"), 0, 0, "a|k|;x|2;"},
                {TEXT("[a]\nk = ; x\n"), 0, 0, "a|k||2;"},
                {TEXT("[a]\nk = \xc5\xbe\n"), 0, 0, "a|k|\xc5\xbe|2;"},
                {TEXT("[a]\nk=1\nstop=2\nl=3\n"), -ECANCELED, 0, "a|k|1|2;"},
                {TEXT("[a]\nk=1\nbroken\n"), -EBADMSG, 3, ""},
                {TEXT("[a]\n=1\n"), -EBADMSG, 2, ""},
                {TEXT("[a]\n:\n"), -EBADMSG, 2, ""},
                {TEXT("k=1\n"), -EBADMSG, 1, ""},
                {TEXT("\n\n[a\nk=1\n"), -EBADMSG, 3, ""},
                {TEXT("[]\n"), -EBADMSG, 1, ""},
                {TEXT("[a]\nk=1\n\nl=\xff\n"), -EBADMSG, 4, ""},
                {TEXT("[a]\nk=1\0\n"), -EBADMSG, 2, ""},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *exact = g_memdup2(cases[i].text, cases[i].n);
                g_autoptr(GString) entries = g_string_new(NULL);
                const char *reason = NULL;
                unsigned line = 0;

                g_autofree char *shown = g_strescape(cases[i].text, NULL); /* TAP is UTF-8 */
                g_test_message("%s", shown);
                g_assert_cmpint(ini_parse(exact ?: "", cases[i].n, on_entry, entries, &line, &reason), ==,
                                cases[i].r);
                g_assert_true((reason != NULL) == (cases[i].r == -EBADMSG));
                if (cases[i].r == -EBADMSG)
                        g_assert_cmpuint(line, ==, cases[i].line);
                else
                        g_assert_cmpstr(entries->str, ==, cases[i].entries);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/ini/files", test_files);
        return g_test_run();
}
