/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "guest-info/disks.h"

/* Taken for a file of udev's database, and for a SCSI page. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        g_autofree char *text = g_strndup((const char *) data, n);
        g_autofree char *udev = guest_udev_serial_parse(text), *vpd = guest_vpd_serial_parse(data, n);

        g_assert_true(!udev || *udev);
        g_assert_true(!vpd || *vpd);
        return 0;
}
