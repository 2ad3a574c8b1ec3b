/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is to be done for a layout: only the server can say whether it takes it. */

#include "xrandr.h"

/* What is to become of an output that is asked for. */
typedef struct Target {
        const Monitor *monitor;
        XOutput *output; /* NULL: there is none */
        XCrtc *crtc;
        bool is_new;                           /* the CRTC has driven nothing, or something else */
        XRRCrtcTransformAttributes *transform; /* the CRTC's, as it was */
        int width, height;                     /* of the mode */
        RRMode mode;
        unsigned long added; /* the serial of the request to make the mode one of the output's, or 0 */
        Rotation rotation;
        LayoutRect rect; /* of the screen */
        bool unchanged;
} Target;

typedef struct Plan {
        XServer *x;
        const XState *state;
        unsigned n;
        Target targets[LAYOUT_MONITORS_MAX];
        int width, height, width_mm, height_mm; /* of the screen */
        RROutput primary;
        RRMode created[LAYOUT_MONITORS_MAX];
        unsigned n_created;
        bool coarse;  /* modes of our own are of a width that any driver takes */
        bool touched; /* something has been changed */
} Plan;

static inline bool is_sideways(Rotation rotation) {
        return rotation & (RR_Rotate_90 | RR_Rotate_270);
}

/* Plans for @wanted; the server, its state and how coarse are filled in. NULL, or the reason why it cannot
 * be; free it. */
char *xplan_make(Plan *p, const Layout *wanted);
void xplan_clear(Plan *p);

/* The output's mode of that size that is in use, or its first one; or 0. */
RRMode xplan_find_mode(const XState *s, const XOutput *o, int width, int height);
