/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "ovirt/ovirt-encode.h"
#include "ovirt/ovirt-message.h"
#include "util/json-get.h"
#include "util/json-parse.h"
#include "util/json-scan.h"

#include <stdbool.h>
#include <string.h>

/* The characters that VDSM takes: see the table in test-ovirt-encode. */
static bool is_allowed(gunichar c) {
        return c == '\t' || c == '\n' || c == '\r' || c == 0x85 || (c >= 0x20 && c < 0x7F) ||
               (c >= 0xA0 && c < 0xFFFE) || c > 0xFFFF;
}

static void check_text(const char *s) {
        g_assert_true(g_utf8_validate(s, -1, NULL));
        for (; *s; s = g_utf8_next_char(s))
                g_assert_true(is_allowed(g_utf8_get_char(s)));
}

static void check_node(JsonNode *node) {
        JsonObjectIter i;
        const char *name;
        JsonNode *value;

        if (json_node_as_string(node))
                check_text(json_node_as_string(node));
        else if (JSON_NODE_HOLDS_OBJECT(node)) {
                json_object_iter_init(&i, json_node_get_object(node));
                while (json_object_iter_next(&i, &name, &value)) {
                        check_text(name);
                        check_node(value);
                }
        } else if (JSON_NODE_HOLDS_ARRAY(node))
                for (guint n = 0; n < json_array_get_length(json_node_get_array(node)); n++)
                        check_node(json_array_get_element(json_node_get_array(node), n));
}

/* What the message says of a member is what the nodes do. */
static void check_text_member(OvirtMessage *m, const char *name, const OvirtText *found) {
        const char *expected = json_node_as_string(json_object_get_member(ovirt_message_members(m), name));
        g_autofree char *decoded = g_malloc(found->n + 1);

        g_assert_cmpint(!expected, ==, !found->text);
        if (!expected)
                return;
        g_assert_cmpint(json_text_decode(found->text, found->n, false, decoded, found->n + 1), ==,
                        strlen(expected));
        g_assert_cmpstr(decoded, ==, expected);
}

static void check_credentials(OvirtMessage *m) {
        _cleanup_(credentials_freep) Credentials *c = NULL;
        const char *user, *password;
        int r = ovirt_message_credentials(m, &c);

        check_text_member(m, "username", &m->username);
        check_text_member(m, "password", &m->password);
        if (r < 0) {
                g_assert_cmpint(r, ==, -EINVAL);
                return;
        }
        user = json_object_get_string_member(ovirt_message_members(m), "username");
        password = json_object_get_string_member(ovirt_message_members(m), "password");
        g_assert_cmpstr(c->user, ==, user);
        g_assert_cmpstr(c->password, ==, password);
        g_assert_true(c->user[0] != 0);
}

/* Whatever a host sends comes back as one line that it takes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        _cleanup_(ovirt_message_freep) OvirtMessage *m = NULL, *answer = NULL;
        g_autoptr(JsonNode) root = NULL;
        g_autofree char *line = NULL;
        size_t length;
        int r;

        r = ovirt_message_parse((const char *) data, n, &m);
        if (r < 0) {
                g_assert_true(r == -EBADMSG || r == -EPROTO);
                g_assert_null(m);
                return 0;
        }
        g_assert_cmpuint(n, <=, OVIRT_LINE_IN_MAX);
        g_assert_true(m->name[0] != 0);
        check_credentials(m);

        line = ovirt_encode_echo(ovirt_message_members(m));
        length = strlen(line);
        g_assert_true(memchr(line, '\n', length) == line + length - 1);
        g_assert_cmpuint(length - 1, <=, OVIRT_LINE_OUT_MAX);
        g_assert_cmpint(json_parse(line, length, &root), ==, 0);
        check_node(root);
        if (length - 1 <= OVIRT_LINE_IN_MAX) {
                g_assert_cmpint(ovirt_message_parse(line, length - 1, &answer), ==, 0);
                check_text(answer->name);
        }
        return 0;
}
