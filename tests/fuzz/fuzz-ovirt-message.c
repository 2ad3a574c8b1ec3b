/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "ovirt/ovirt-encode.h"
#include "ovirt/ovirt-message.h"
#include "util/json-get.h"

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

        line = ovirt_encode_echo(m->members);
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
