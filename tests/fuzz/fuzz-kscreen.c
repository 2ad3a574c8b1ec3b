/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "kscreen.h"

/* What kscreen-doctor prints, and what it would be told to put all monitors into a row. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        g_autoptr(MutterState) s = kscreen_parse((const char *) data, n);
        g_autofree Layout *l = g_new0(Layout, 1), *result = g_new0(Layout, 1);
        g_autoptr(GVariant) config = NULL;
        g_auto(GStrv) arguments = NULL;
        g_autofree char *reason = NULL;

        if (!s)
                return 0;
        mutter_state_layout(s, l);
        for (unsigned i = 0; i < l->n; i++)
                l->monitors[i].given &= ~(1U << LAYOUT_X);
        reason = layout_check(l);
        if (!reason)
                reason = mutter_state_plan(s, l, &config, result);
        if (reason)
                return 0;
        arguments = kscreen_arguments(s, config);
        for (char **a = arguments; *a; a++)
                g_assert(g_str_has_prefix(*a, "output."));
        return 0;
}
