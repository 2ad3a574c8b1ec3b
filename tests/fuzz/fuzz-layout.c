/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "layout-variant.h"
#include "mutter-state.h"

#include <string.h>

/* What bytes are as a value of the bus, whatever they say. */
static GVariant *make(const char *type, const uint8_t *data, size_t n) {
        g_autoptr(GBytes) bytes = g_bytes_new(data, n);
        g_autoptr(GVariant) raw =
                g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE(type), bytes, false));

        return g_variant_get_normal_form(raw);
}

static void place(const Layout *l) {
        LayoutRect rects[LAYOUT_MONITORS_MAX];

        for (int how = 0; how < 4; how++) {
                for (unsigned i = 0; i < l->n; i++)
                        rects[i] = (LayoutRect){l->monitors[i].x, l->monitors[i].y,
                                                MAX(1, l->monitors[i].width), MAX(1, l->monitors[i].height)};
                layout_place(rects, l->n, how & 1, how & 2);
                for (unsigned i = 0; i < l->n; i++)
                        g_assert(rects[i].x >= 0 && rects[i].y >= 0);
        }
}

/* A layout, then after the length in the first two bytes what mutter says. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        g_autofree Layout *l = g_new0(Layout, 1), *again = g_new0(Layout, 1), *result = g_new0(Layout, 1);
        g_autoptr(GVariant) value = NULL, back = NULL, answer = NULL, config = NULL;
        g_autoptr(MutterState) state = NULL;
        g_autofree char *reason = NULL;
        size_t split;

        if (n < 2)
                return 0;
        split = MIN((size_t) (data[0] | data[1] << 8), n - 2);
        value = make("aa{sv}", data + 2, split);
        answer = make(MUTTER_STATE_TYPE, data + 2 + split, n - 2 - split);
        state = mutter_state_new(answer);
        mutter_state_layout(state, again);

        reason = layout_from_variant(l, value);
        if (!reason)
                reason = layout_check(l);
        if (reason)
                return 0;
        back = g_variant_ref_sink(layout_to_variant(l));
        g_assert(!layout_from_variant(again, back) && layout_equal(l, again));
        place(l);

        reason = mutter_state_plan(state, l, &config, result);
        g_assert(!reason == !!config);
        return 0;
}
