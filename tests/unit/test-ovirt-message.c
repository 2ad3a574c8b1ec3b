/* SPDX-License-Identifier: Apache-2.0 */
#include "ovirt/ovirt-message.h"

#include <string.h>

#define TEXT(s) (s), sizeof(s) - 1

static void test_lines(void) {
        static const struct {
                const char *line;
                size_t n;
                int r;
                const char *name;
        } cases[] = {
                {TEXT("{\"apiVersion\": 3, \"__name__\": \"refresh\"}"), 0, "refresh"},
                {TEXT(" {\"__name__\":\"echo\"}\r"), 0, "echo"},
                {TEXT("{\"__name__\":\"a\",\"__name__\":\"b\"}"), 0, "b"},
                {TEXT("{\"__name__\":1,\"__name__\":\"b\"}"), 0, "b"},
                {TEXT("{\"__name__\":\"\\u010d\"}"), 0, "\u010d"},
                {TEXT("{\"__name__\":\"a\\u0000b\"}"), 0, "a\ufffdb"},
                {TEXT(""), -EBADMSG, NULL},
                {TEXT("\r"), -EBADMSG, NULL},
                {TEXT("not json"), -EBADMSG, NULL},
                {TEXT("[]"), -EBADMSG, NULL},
                {TEXT("1"), -EBADMSG, NULL},
                {TEXT("\"x\""), -EBADMSG, NULL},
                {TEXT("null"), -EBADMSG, NULL},
                {TEXT("true"), -EBADMSG, NULL},
                {TEXT("[{\"__name__\":\"echo\"}]"), -EBADMSG, NULL},
                {TEXT("{\"__name__\":\"refresh\""), -EBADMSG, NULL},
                {TEXT("{\"__name__\":\"refresh\"}{}"), -EBADMSG, NULL},
                {TEXT("{\"timeout\": 30, \"mes{\"__name__\": \"echo\"}"), -EBADMSG, NULL},
                {TEXT("{\"__name__\":\"e\xff\xfe\"}"), -EBADMSG, NULL},
                {TEXT("{\"__name__\":\"e\xc0\xaf\"}"), -EBADMSG, NULL},
                {TEXT("{\"__name__\":\"e\xed\xa0\xbd\"}"), -EBADMSG, NULL},
                {TEXT("{\"__name__\":\"echo\"}\0"), -EBADMSG, NULL},
                {TEXT("\ufeff{\"__name__\":\"echo\"}"), -EBADMSG, NULL},
                {TEXT("{\"__name__\":\"echo\",\"a\":NaN}"), -EBADMSG, NULL},
                {TEXT("{\"__name__\":\"echo\",\"a\":-Infinity}"), -EBADMSG, NULL},
                {TEXT("{}"), -EPROTO, NULL},
                {TEXT("{\"a\":1}"), -EPROTO, NULL},
                {TEXT("{\"__NAME__\":\"echo\"}"), -EPROTO, NULL},
                {TEXT("{\"__name__\":5}"), -EPROTO, NULL},
                {TEXT("{\"__name__\":null}"), -EPROTO, NULL},
                {TEXT("{\"__name__\":\"\"}"), -EPROTO, NULL},
                {TEXT("{\"__name__\":[]}"), -EPROTO, NULL},
                {TEXT("{\"__name__\":{}}"), -EPROTO, NULL},
                {TEXT("{\"__name__\":\"a\",\"__name__\":null}"), -EPROTO, NULL},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                _cleanup_(ovirt_message_freep) OvirtMessage *m = NULL;
                g_autofree char *exact = g_memdup2(cases[i].line, cases[i].n);

                g_autofree char *shown = g_strescape(cases[i].line, NULL); /* TAP is UTF-8 */
                g_test_message("%s", shown);
                g_assert_cmpint(ovirt_message_parse(exact ?: "", cases[i].n, &m), ==, cases[i].r);
                if (cases[i].r < 0) {
                        g_assert_null(m);
                        continue;
                }
                g_assert_cmpstr(m->name, ==, cases[i].name);
                g_assert_true(json_object_has_member(m->members, "__name__"));
        }
}

/* A message with a text that makes it @n bytes long. */
static char *message_of(size_t n) {
        static const char head[] = "{\"__name__\":\"echo\",\"s\":\"", tail[] = "\"}";
        g_autofree char *filling = g_strnfill(n - strlen(head) - strlen(tail), 'x');

        return g_strconcat(head, filling, tail, NULL);
}

static void test_limit(void) {
        _cleanup_(ovirt_message_freep) OvirtMessage *m = NULL;
        g_autofree char *fits = message_of(OVIRT_LINE_IN_MAX), *longer = message_of(OVIRT_LINE_IN_MAX + 1);

        g_assert_cmpint(ovirt_message_parse(longer, OVIRT_LINE_IN_MAX + 1, &m), ==, -EBADMSG);
        g_assert_null(m);
        g_assert_cmpint(ovirt_message_parse(fits, OVIRT_LINE_IN_MAX, &m), ==, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/ovirt-message/lines", test_lines);
        g_test_add_func("/ovirt-message/limit", test_limit);
        return g_test_run();
}
