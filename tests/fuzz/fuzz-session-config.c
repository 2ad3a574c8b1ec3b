/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "fuzz.h"

static void ignore(const char *domain, GLogLevelFlags level, const char *message, gpointer userdata) {
}

/* What is understood is written so that it is understood again, as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = NULL;
        Config *c, *again;
        size_t length = 0;
        FILE *f;

        g_log_set_default_handler(ignore, NULL); /* unknown keys */
        c = config_parse("FILE", (const char *) data, n, &error);
        g_assert_true(!c == !!error);
        if (!c)
                return 0;
        f = open_memstream(&text, &length);
        config_print(c, f);
        (void) fclose(f);
        again = config_parse("FILE", text, length, &error);
        g_assert_no_error(error);
        g_assert_cmpint(again->effects_off, ==, c->effects_off);
        g_assert_cmpuint(again->effects_allowed, ==, c->effects_allowed);
        g_assert_cmpint(again->monitors_follow, ==, c->monitors_follow);
        (void) config_free(again);
        (void) config_free(c);
        return 0;
}
