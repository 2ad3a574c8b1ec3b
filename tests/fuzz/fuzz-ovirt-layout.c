/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "ovirt/ovirt-layout.h"
#include "session-agent/effect.h"
#include "util/cleanup.h"
#include "util/json-get.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        _cleanup_free_ Layout *l = g_new0(Layout, 1);
        _cleanup_free_ char *reason = NULL;
        JsonNode *root;
        JsonObject *members;
        unsigned off, on = 0;

        if (json_parse((const char *) data, n, &root) < 0)
                return 0;
        members = json_node_as_object(root);
        if (members) {
                reason = ovirt_layout_read(members, l);
                for (unsigned i = 0; !reason && i < l->n; i++)
                        on += l->monitors[i].enabled;
                g_assert(reason || (on > 0 && l->n <= LAYOUT_MONITORS_MAX));
                if (ovirt_effects_read(members, &off))
                        g_assert_cmpuint(off & ~EFFECTS_ALL, ==, 0);
        }
        json_node_unref(root);
        return 0;
}
