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
                {TEXT("{\"__name__\":\"a\",\"b\":{\"__name__\":\"c\",\"d\":[{\"__name__\":1}]}}"), 0, "a"},
                {TEXT("{\"a\":{\"__name__\":\"b\"}}"), -EPROTO, NULL},
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
                g_assert_true(json_object_has_member(ovirt_message_members(m), "__name__"));
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

/* @username and @password as they stand in the line. */
static int credentials_of(const char *username, const char *password, Credentials **ret) {
        g_autofree char *line = g_strdup_printf(
                "{\"password\":%s,\"__name__\":\"login\",\"x\":{\"password\":\"no\"},\"username\":%s}",
                password, username);
        g_autofree char *exact = g_memdup2(line, strlen(line));
        _cleanup_(ovirt_message_freep) OvirtMessage *m = NULL;

        g_assert_cmpint(ovirt_message_parse(exact, strlen(line), &m), ==, 0);
        g_assert_cmpstr(m->name, ==, "login");
        return ovirt_message_credentials(m, ret);
}

static char *quoted(char c, size_t n) {
        g_autofree char *filling = g_strnfill(n, c);

        return g_strdup_printf("\"%s\"", filling);
}

static void test_credentials(void) {
        static const struct {
                const char *username, *password; /* in the line */
                const char *user, *secret;       /* NULL: refused */
        } cases[] = {
                {"\"bob@d.example\"", "\"secret\"", "bob@d.example", "secret"},
                {"\"bob\"", "\"\"", "bob", ""},
                {"\"\u017elu\\u0165@d\"", "\"\\ud83d\\ude00 \\\"\\n\"", "\u017elu\u0165@d",
                 "\U0001f600 \"\n"},
                {"\"a\",\"username\":\"b\"", "\"x\",\"pass\\u0077ord\":\"y\"", "b", "y"},
                {"\"a\",\"username\":null", "\"x\"", NULL, NULL},
                {"\"\"", "\"x\"", NULL, NULL},
                {"\"@d\"", "\"x\"", NULL, NULL},
                {"\"a\\u0000b\"", "\"x\"", NULL, NULL},
                {"\"a\\nb\"", "\"x\"", NULL, NULL},
                {"\"a\x7f"
                 "b\"",
                 "\"x\"", NULL, NULL},
                {"\"a\\ud800\"", "\"x\"", NULL, NULL},
                {"\"bob\"", "\"a\\u0000b\"", NULL, NULL},
                {"\"bob\"", "\"\\udc00\"", NULL, NULL},
                {"\"bob\"", "null", NULL, NULL},
                {"\"bob\"", "5", NULL, NULL},
                {"\"bob\"", "[\"x\"]", NULL, NULL},
                {"\"bob\"", "{\"password\":\"x\"}", NULL, NULL},
                {"true", "\"x\"", NULL, NULL},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                _cleanup_(credentials_freep) Credentials *c = NULL;
                int r = credentials_of(cases[i].username, cases[i].password, &c);

                g_test_message("%zu", i);
                g_assert_cmpint(r, ==, cases[i].user ? 0 : -EINVAL);
                if (!cases[i].user)
                        continue;
                g_assert_cmpstr(c->user, ==, cases[i].user);
                g_assert_cmpstr(c->password, ==, cases[i].secret);
        }
}

static void test_credentials_missing(void) {
        static const char *const lines[] = {
                "{\"__name__\":\"login\"}",
                "{\"__name__\":\"login\",\"username\":\"a\"}",
                "{\"__name__\":\"login\",\"password\":\"a\"}",
                "{\"__name__\":\"login\",\"x\":{\"username\":\"a\",\"password\":\"a\"}}",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
                _cleanup_(ovirt_message_freep) OvirtMessage *m = NULL;
                Credentials *c = NULL;

                g_assert_cmpint(ovirt_message_parse(lines[i], strlen(lines[i]), &m), ==, 0);
                g_assert_cmpint(ovirt_message_credentials(m, &c), ==, -EINVAL);
                g_assert_null(c);
        }
}

static void test_credentials_limits(void) {
        for (unsigned over = 0; over < 2; over++) {
                _cleanup_(credentials_freep) Credentials *c = NULL, *d = NULL;
                g_autofree char *user = quoted('u', CRED_USER_MAX + over);
                g_autofree char *password = quoted('p', CRED_PASSWORD_MAX + over);

                g_assert_cmpint(credentials_of(user, "\"x\"", &c), ==, over ? -EINVAL : 0);
                g_assert_cmpint(credentials_of("\"x\"", password, &d), ==, over ? -EINVAL : 0);
                if (!over)
                        g_assert_cmpuint(strlen(d->password), ==, CRED_PASSWORD_MAX);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/ovirt-message/lines", test_lines);
        g_test_add_func("/ovirt-message/limit", test_limit);
        g_test_add_func("/ovirt-message/credentials", test_credentials);
        g_test_add_func("/ovirt-message/credentials-missing", test_credentials_missing);
        g_test_add_func("/ovirt-message/credentials-limits", test_credentials_limits);
        return g_test_run();
}
