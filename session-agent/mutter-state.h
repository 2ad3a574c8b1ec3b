/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What org.gnome.Mutter.DisplayConfig says of the monitors, and what it is to be told. Pure: no bus. */

#include <glib.h>

#include "layout.h"

/* Of the answer of GetCurrentState. */
#define MUTTER_STATE_TYPE "(ua((ssss)a(siiddada{sv})a{sv})a(iiduba(ssss)a{sv})a{sv})"

typedef struct MutterMonitor {
        const char *connector;
        bool is_virtual;
        GVariant *modes; /* a(siiddada{sv}) */
        int32_t width_mm, height_mm;
        bool enabled;
        int32_t width, height; /* of the mode */
        int32_t x, y;
        double scale;
        uint32_t transform; /* odd: turned by 90 degrees */
        bool primary;
} MutterMonitor;

typedef struct MutterState {
        GVariant *answer;
        uint32_t serial;
        bool physical; /* places count pixels, whatever the scale */
        bool layout_mode_is_told;
        unsigned n;
        MutterMonitor monitors[LAYOUT_MONITORS_MAX];
} MutterState;

/* @answer: of type MUTTER_STATE_TYPE. */
MutterState *mutter_state_new(GVariant *answer);
MutterState *mutter_state_free(MutterState *s);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MutterState, mutter_state_free)

void mutter_state_layout(const MutterState *s, Layout *ret);

/* What ApplyMonitorsConfig is to get after the serial and the method: *ret_config,
 * "(a(iiduba(ssa{sv}))a{sv})", not floating; and what @wanted becomes by it. Scales and rotations stay, and
 * so do real monitors. Monitors that mutter would not take as they are, with gaps between them or on top of
 * each other, are lined up. NULL, or the reason why it cannot be done; free it. */
char *mutter_state_plan(const MutterState *s, const Layout *wanted, GVariant **ret_config,
                        Layout *ret_result);
