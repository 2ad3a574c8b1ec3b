/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "util/cleanup.h"
#include "util/ini.h"

#include <stdbool.h>
#include <string.h>

typedef struct Seen {
        unsigned line;
        size_t bytes;
} Seen;

static int on_entry(const char *section, const char *key, const char *value, unsigned line, void *userdata) {
        Seen *seen = userdata;
        g_autofree char *lower = g_ascii_strdown(key, -1), *stripped = g_strstrip(g_strdup(value));

        g_assert_true(section[0] != 0 && key[0] != 0 && line > seen->line);
        g_assert_cmpstr(key, ==, lower);
        g_assert_cmpstr(value, ==, stripped);
        g_assert_true(g_utf8_validate(section, -1, NULL) && g_utf8_validate(key, -1, NULL) &&
                      g_utf8_validate(value, -1, NULL));
        seen->line = line;
        seen->bytes += strlen(key) + strlen(value);
        return g_str_equal(key, "stop") ? -ECANCELED : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        const char *reason = NULL;
        unsigned line = 0;
        Seen seen = {0};
        int r = ini_parse((const char *) data, n, on_entry, &seen, &line, &reason);

        g_assert_true(r == 0 || r == -EBADMSG || r == -ECANCELED);
        g_assert_true((r == -EBADMSG) == (reason != NULL));
        g_assert_cmpuint(seen.line, <=, line);
        g_assert_cmpuint(seen.bytes, <=, n);
        return 0;
}
