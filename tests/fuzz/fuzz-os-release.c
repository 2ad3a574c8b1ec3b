/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "guest-info/os.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        g_autofree char *text = g_strndup((const char *) data, n);
        _cleanup_(guest_os_freep) GuestOs *o = g_new0(GuestOs, 1);

        guest_os_parse(text, o);
        g_assert_true(*o->name && *o->version && o->codename);
        return 0;
}
