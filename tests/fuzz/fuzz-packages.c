/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "guest-info/packages.h"
#include "util/cleanup.h"

#include <string.h>

/* Taken for dpkg's status file, and for what rpm prints. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        static const char *const patterns[] = {"kernel", "linux-image*", "?", NULL};
        g_autofree char *text = g_strndup((const char *) data, n);
        g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);

        guest_packages_parse_dpkg(text, patterns, found);
        guest_packages_parse_rpm(text, patterns, found);
        for (guint i = 0; i < found->len; i++)
                g_assert_nonnull(strchr((const char *) found->pdata[i] + 1, '-'));
        return 0;
}
