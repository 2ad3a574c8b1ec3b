/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "wlr-outputs.h"

/* Puts all monitors into a row, the first with a size of its own. */
static void ask(WlrOutputs *w) {
        g_autoptr(MutterState) now = wlr_outputs_state(w, NULL), s = NULL;
        g_autofree Layout *l = g_new0(Layout, 1), *result = g_new0(Layout, 1);
        g_autofree WlrSetup *setup = g_new0(WlrSetup, 1);
        g_autoptr(GVariant) config = NULL;
        g_autofree char *reason = NULL;

        mutter_state_layout(now, l);
        for (unsigned i = 0; i < l->n; i++)
                l->monitors[i].given &= ~(1U << LAYOUT_X);
        if (l->n > 0 && l->monitors[0].enabled)
                (void) monitor_set_int(&l->monitors[0], LAYOUT_WIDTH, 1003);
        reason = layout_check(l);
        s = wlr_outputs_state(w, l);
        if (!reason)
                reason = mutter_state_plan(s, l, &config, result);
        if (reason)
                return;
        wlr_outputs_planned(w, config, result, setup);
        wlr_outputs_ask(w, setup, false);
}

/* What a compositor sends; each time that it has told its outputs completely they are arranged, if no answer
 * is due. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        g_autoptr(GByteArray) to = g_byte_array_new();
        g_autoptr(WlrOutputs) w = wlr_outputs_new(to);
        bool waits = false;
        WireMessage m;
        ssize_t length;

        while ((length = wire_next(data, n, &m)) > 0) {
                WlrNews news;

                if (wlr_outputs_take(w, &m, &news) < 0)
                        break;
                if (news == WLR_STATE && !waits) {
                        size_t before = to->len;

                        ask(w);
                        waits = to->len > before;
                } else if (news >= WLR_SUCCEEDED)
                        waits = false;
                data += length;
                n -= (size_t) length;
        }
        for (size_t done = 0; done < to->len; done += (size_t) length) {
                length = wire_next(to->data + done, to->len - done, &m);
                g_assert(length > 0 && m.object > 0);
        }
        return 0;
}
