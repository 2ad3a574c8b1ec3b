/* SPDX-License-Identifier: Apache-2.0 */
#include "ovirt/ovirt-message.h"

#include "util/json-get.h"

int ovirt_message_parse(const char *line, size_t n, OvirtMessage **ret) {
        _cleanup_(ovirt_message_freep) OvirtMessage *m = g_new0(OvirtMessage, 1);
        int r;

        if (n > OVIRT_LINE_IN_MAX)
                return -EBADMSG;
        r = json_parse(line, n, &m->root);
        if (r < 0)
                return r;
        m->members = json_node_as_object(m->root);
        if (!m->members)
                return -EBADMSG;
        if (json_get_string(m->members, "__name__", &m->name) != JSON_VALUE || m->name[0] == 0)
                return -EPROTO;
        *ret = TAKE_PTR(m);
        return 0;
}

OvirtMessage *ovirt_message_free(OvirtMessage *m) {
        if (!m)
                return NULL;
        g_clear_pointer(&m->root, json_node_unref);
        g_free(m);
        return NULL;
}
