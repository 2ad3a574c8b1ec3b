/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "guest-info/memory.h"
#include "util/cleanup.h"

#include <string.h>

/* meminfo, a NUL byte, vmstat. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        g_autofree char *text = g_malloc0(n + 2);
        GuestMemory m;

        memcpy(text, data, n);
        if (guest_memory_parse(text, text + strlen(text) + 1, &m) >= 0) {
                g_assert_cmpuint(m.free, <=, m.total);
                g_assert_cmpuint(m.swap_free, <=, m.swap_total);
                g_assert_cmpuint(m.total, <=, INT64_MAX / 1024);
        }
        return 0;
}
