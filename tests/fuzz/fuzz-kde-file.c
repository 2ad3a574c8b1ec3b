/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "kde-file.h"

#include <glib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        g_autofree char *value = kde_file_lookup((const char *) data, n, "KDE", "AnimationDurationFactor");

        if (value) {
                g_assert_cmpuint(strlen(value), <, n);
                g_assert_null(strchr(value, '\n'));
        }
        return 0;
}
