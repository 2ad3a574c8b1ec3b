/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "guest-info/disks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        static const char *const ignored[] = {"proc", "fuse.*", NULL};
        g_autofree char *text = g_strndup((const char *) data, n);
        g_autoptr(GPtrArray) mounts = guest_mounts_parse(text, ignored);

        for (guint i = 0; i < mounts->len; i++) {
                const GuestMount *m = mounts->pdata[i];
                g_assert_true(*m->path == '/' && *m->type);
        }
        return 0;
}
