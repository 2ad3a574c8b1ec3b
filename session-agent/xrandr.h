/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What an X server's RandR extension says of its outputs, all read at once; and how it is changed. */

#include <X11/extensions/Xrandr.h>
#include <stdbool.h>

#include "layout.h"
#include "xserver.h"

typedef struct XOutput {
        RROutput id;
        bool is_virtual;
        XRROutputInfo *info;
} XOutput;

/* What drives outputs. */
typedef struct XCrtc {
        RRCrtc id;
        XRRCrtcInfo *info;
        bool is_foreign; /* drives a real monitor */
} XCrtc;

typedef struct XState {
        XRRScreenResources *resources;
        int min_width, min_height, max_width, max_height; /* of the screen */
        int width, height, width_mm, height_mm;           /* likewise, now */
        RROutput primary;
        unsigned n_outputs, n_crtcs;
        XOutput *outputs;
        XCrtc *crtcs;
} XState;

/* Reads all that there is; NULL if the server does not answer. @probe: it is to look anew at what its
 * monitors can do, which may take a while. */
XState *xstate_read(XServer *x, bool probe);
XState *xstate_free(XState *s);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(XState, xstate_free)

XCrtc *xstate_crtc(const XState *s, RRCrtc id);
const XRRModeInfo *xstate_mode(const XState *s, RRMode id);
/* The output of a monitor that is asked for, or NULL: one of the virtual ones. */
XOutput *xstate_find(const XState *s, const Monitor *m);

/* How the monitors are arranged. */
void xstate_layout(const XState *s, Layout *ret);
/* How the virtual hardware would like those to be that somebody looks at; false if it does not say. */
bool xstate_preferred(XServer *x, const XState *s, Layout *ret);

/* Arranges the virtual outputs as @wanted, which has passed layout_check(); the others stay as they are.
 * Other programs see one change. NULL when it is done, or could be, with @verify; *ret is what it has come
 * to. Otherwise the reason why all is as it was; free it. */
char *xrandr_apply(XServer *x, const Layout *wanted, bool verify, Layout *ret);
