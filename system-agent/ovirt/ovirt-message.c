/* SPDX-License-Identifier: Apache-2.0 */
#include "ovirt/ovirt-message.h"

#include "util/json-get.h"
#include "util/json-parse.h"
#include "util/json-scan.h"

/* Looks for members of the outermost object; of those with equal names the last counts. */
typedef struct Search {
        bool is_object;
        unsigned depth;
        OvirtText name, username, password;
        OvirtText *member; /* whose value comes next, if it is one of these */
} Search;

static void on_event(JsonEvent event, const char *text, size_t n, void *userdata) {
        Search *s = userdata;

        if (event == JSON_NAME && s->depth == 1) {
                s->member = json_text_equal(text, n, "__name__")   ? &s->name
                            : json_text_equal(text, n, "username") ? &s->username
                            : json_text_equal(text, n, "password") ? &s->password
                                                                   : NULL;
                return;
        }
        if (s->depth == 0)
                s->is_object = event == JSON_OBJECT;
        if (s->depth == 1 && s->member)
                *s->member = event == JSON_STRING ? (OvirtText){text, n} : (OvirtText){};
        if (s->depth == 1)
                s->member = NULL;
        if (event == JSON_OBJECT || event == JSON_ARRAY)
                s->depth++;
        else if (event == JSON_OBJECT_END || event == JSON_ARRAY_END)
                s->depth--;
}

int ovirt_message_parse(const char *line, size_t n, OvirtMessage **ret) {
        _cleanup_(ovirt_message_freep) OvirtMessage *m = NULL;
        Search s = {};

        if (n > OVIRT_LINE_IN_MAX || json_scan(line, n, on_event, &s) < 0 || !s.is_object)
                return -EBADMSG;
        if (s.name.n == 0)
                return -EPROTO;
        m = g_new(OvirtMessage, 1);
        *m = (OvirtMessage){
                .name = g_malloc(s.name.n + 1),
                .line = line,
                .n = n,
                .username = s.username,
                .password = s.password,
        };
        (void) json_text_decode(s.name.text, s.name.n, false, m->name, s.name.n + 1);
        *ret = TAKE_PTR(m);
        return 0;
}

OvirtMessage *ovirt_message_free(OvirtMessage *m) {
        if (!m)
                return NULL;
        g_clear_pointer(&m->root, json_node_unref);
        g_free(m->name);
        g_free(m);
        return NULL;
}

JsonObject *ovirt_message_members(OvirtMessage *m) {
        if (!m->root)
                (void) json_parse(m->line, m->n, &m->root); /* it has been scanned */
        return json_node_as_object(m->root);
}

/* Neither the name service nor a log has names with control characters. */
static bool is_user_name(const char *name) {
        if (name[0] == 0 || name[0] == '@')
                return false;
        for (; *name; name++)
                if (g_ascii_iscntrl(*name))
                        return false;
        return true;
}

int ovirt_message_credentials(const OvirtMessage *m, Credentials **ret) {
        _cleanup_(credentials_freep) Credentials *c = NULL;

        if (!m->username.text || !m->password.text)
                return -EINVAL;
        c = credentials_new();
        if (json_text_decode(m->username.text, m->username.n, true, c->user, sizeof(c->user)) < 0 ||
            json_text_decode(m->password.text, m->password.n, true, c->password, sizeof(c->password)) < 0 ||
            !is_user_name(c->user))
                return -EINVAL;
        *ret = TAKE_PTR(c);
        return 0;
}
