/* SPDX-License-Identifier: Apache-2.0 */
#include "effects-change.h"
#include "fuzz.h"

#include <string.h>

/* What is understood is written so that it is understood again, as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        unsigned bad = 0, none = 0;
        g_autoptr(GPtrArray) changes = effects_changes_parse((const char *) data, n, &bad), again = NULL;
        g_autofree char *text = NULL, *same = NULL;

        if (!changes)
                return 0;
        g_assert_cmpuint(changes->len, <=, EFFECTS_CHANGES_MAX);
        for (unsigned i = 0; i < changes->len; i++) {
                const EffectsChange *c = changes->pdata[i];

                g_assert_true(effects_changes_find(changes, c) == c);
                g_assert_true(!c->user || g_variant_is_of_type(c->user, g_variant_get_type(c->ours)));
        }
        text = effects_changes_print(changes);
        if (strlen(text) > EFFECTS_TEXT_MAX)
                return 0;
        again = effects_changes_parse(text, strlen(text), &none);
        g_assert_true(again && none == 0 && again->len == changes->len);
        same = effects_changes_print(again);
        g_assert_cmpstr(same, ==, text);
        return 0;
}
