/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What an X server's RandR extension says of its outputs, all read at once; and how it is changed. */

#include <stdbool.h>
#include <stdint.h>
#include <xcb/randr.h>

#include "layout.h"

/* A connection with RandR 1.3 or later at its other end. */
typedef struct XRandr {
        xcb_connection_t *connection;
        xcb_window_t root;
        uint16_t width_mm, height_mm; /* of the screen, as the server said last */
} XRandr;

typedef struct XOutput {
        xcb_randr_output_t id;
        char *name;
        bool is_virtual;
        xcb_randr_get_output_info_reply_t *info;
} XOutput;

/* What drives outputs. */
typedef struct XCrtc {
        xcb_randr_crtc_t id;
        xcb_randr_get_crtc_info_reply_t *info;
        bool is_foreign; /* drives a real monitor */
} XCrtc;

typedef struct XState {
        xcb_randr_get_screen_resources_current_reply_t *resources;
        xcb_randr_get_screen_size_range_reply_t *range;
        uint16_t width, height, width_mm, height_mm; /* of the screen */
        xcb_randr_output_t primary;
        unsigned n_outputs, n_crtcs;
        XOutput *outputs;
        XCrtc *crtcs;
} XState;

/* Reads all that there is; NULL if the server does not answer. @probe: it is to look anew at what its
 * monitors can do, which may take a while. */
XState *xstate_read(const XRandr *x, bool probe);
XState *xstate_free(XState *s);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(XState, xstate_free)

XCrtc *xstate_crtc(const XState *s, xcb_randr_crtc_t id);
const xcb_randr_mode_info_t *xstate_mode(const XState *s, xcb_randr_mode_t id);
/* Not terminated; *ret_n is its length. */
const char *xstate_mode_name(const XState *s, const xcb_randr_mode_info_t *mode, unsigned *ret_n);
/* The output of a monitor that is asked for, or NULL: one of the virtual ones. */
XOutput *xstate_find(const XState *s, const Monitor *m);

/* How the monitors are arranged. */
void xstate_layout(const XState *s, Layout *ret);
/* How the virtual hardware would like those to be that somebody looks at; false if it does not say. */
bool xstate_preferred(const XRandr *x, const XState *s, Layout *ret);

/* Arranges the virtual outputs as @wanted, which has passed layout_check(); the others stay as they are.
 * Other programs see one change. NULL when it is done, or could be, with @verify; *ret is what it has come
 * to. Otherwise the reason why all is as it was; free it. */
char *xrandr_apply(const XRandr *x, const Layout *wanted, bool verify, Layout *ret);
