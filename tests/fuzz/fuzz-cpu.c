/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "guest-info/cpu.h"
#include "util/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        g_autofree char *list = g_strndup((const char *) data, n);
        unsigned count;

        if (guest_cpus_parse(list, &count) >= 0) {
                g_assert_cmpuint(count, >=, 1);
                g_assert_cmpuint(count, <=, 65536);
        }
        return 0;
}
