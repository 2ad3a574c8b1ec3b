/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "util/cleanup.h"
#include "util/text.h"

#include <inttypes.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        g_autofree char *text = g_strndup((const char *) data, n), *copy = g_strdup(text), *value = NULL;
        uint64_t number;

        if (parse_uint64(text, &number) >= 0) {
                g_autofree char *back = g_strdup_printf("%" PRIu64, number);
                g_assert_cmpstr(back, ==, text + MIN(strspn(text, "0"), strlen(text) - 1));
        }
        unescape_octal(copy);
        g_assert_cmpuint(strlen(copy), <=, strlen(text));
        if (parse_assignment(text, strlen(text), "K", &value) >= 0)
                g_assert_cmpuint(strlen(value), <, strlen(text));
        return 0;
}
