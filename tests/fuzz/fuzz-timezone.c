/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "guest-info/timezone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        /* Winter and summer, today and when tables have ended. */
        static const int64_t times[] = {0, 1768478400, 1784116800, 4102488000, INT64_C(1) << 40};

        for (size_t i = 0; i < G_N_ELEMENTS(times); i++) {
                int minutes;

                if (guest_timezone_parse(data, n, times[i], &minutes) >= 0) {
                        g_assert_cmpint(minutes, >=, -26 * 60);
                        g_assert_cmpint(minutes, <=, 26 * 60);
                }
        }
        return 0;
}
