/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "guest-info/containers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        g_autoptr(GPtrArray) containers = NULL;

        if (guest_containers_parse((const char *) data, n, &containers) >= 0)
                for (guint i = 0; i < containers->len; i++) {
                        const GuestContainer *c = containers->pdata[i];
                        g_assert_true(*c->id && c->names && c->image && c->command && c->status);
                }
        return 0;
}
