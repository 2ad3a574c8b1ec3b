/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "mutter-state.h"

/* What mutter says of its monitors, and what it would be told to put all of them into a row, and to leave
 * them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        g_autoptr(GBytes) bytes = g_bytes_new(data, n);
        g_autoptr(GVariant) raw = g_variant_ref_sink(
                g_variant_new_from_bytes(G_VARIANT_TYPE(MUTTER_STATE_TYPE), bytes, false));
        /* As it comes from the bus, which checks the shape. */
        g_autoptr(GVariant) answer = g_variant_get_normal_form(raw);
        g_autoptr(MutterState) s = mutter_state_new(answer);
        g_autofree Layout *l = g_new0(Layout, 1), *result = g_new0(Layout, 1);

        for (unsigned placed = 0; placed < 2; placed++) {
                g_autoptr(GVariant) config = NULL;
                g_autofree char *reason = NULL;

                mutter_state_layout(s, l);
                for (unsigned i = 0; i < l->n && !placed; i++)
                        l->monitors[i].given &= ~(1U << LAYOUT_X);
                reason = layout_check(l);
                if (!reason)
                        reason = mutter_state_plan(s, l, &config, result);
                if (!reason)
                        g_assert_true(
                                g_variant_is_of_type(config, G_VARIANT_TYPE("(a(iiduba(ssa{sv}))a{sv})")));
        }
        return 0;
}
