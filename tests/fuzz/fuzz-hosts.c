/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "guest-info/hostname.h"
#include "util/cleanup.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        g_autofree char *hosts = g_strndup((const char *) data, n), *fqdn = NULL;

        if (guest_fqdn_parse_hosts(hosts, "vm", &fqdn) >= 0) {
                g_assert_nonnull(strchr(fqdn, '.'));
                g_assert_cmpuint(strlen(fqdn), <=, 253);
                g_assert_false(g_str_has_suffix(fqdn, "."));
        }
        return 0;
}
