/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The Wayland extension wlr-output-management, from the client's side: what the compositor says of its
 * outputs, and how it is told what to do. Pure: somebody else has the socket. */

#include "mutter-state.h"
#include "wayland-wire.h"

/* What the compositor has told so far, and what it has been asked. */
typedef struct WlrOutputs WlrOutputs;

/* An output of a setup. */
typedef struct WlrOutput {
        uint32_t head, mode; /* the protocol's objects; no mode: one of that size is made */
        bool enabled;
        int32_t width, height; /* 0x0: whatever it has, which the compositor has not told */
        int32_t x, y;
} WlrOutput;

/* What all outputs are to be, or have been. */
typedef struct WlrSetup {
        unsigned n;
        WlrOutput outputs[LAYOUT_MONITORS_MAX];
} WlrSetup;

/* What a message means for whoever has the socket. */
typedef enum WlrNews {
        WLR_NOTHING,
        WLR_UNKNOWN, /* the compositor does not have the extension */
        WLR_STATE,   /* the outputs have been told completely */
        /* The answers to wlr_outputs_ask(). */
        WLR_SUCCEEDED,
        WLR_FAILED,
        WLR_CANCELLED, /* they were others by then */
} WlrNews;

/* What is to be sent is appended to @to, which stays the caller's and outlives it. */
WlrOutputs *wlr_outputs_new(GByteArray *to);
WlrOutputs *wlr_outputs_free(WlrOutputs *w);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WlrOutputs, wlr_outputs_free)

/* Takes a message of the compositor's; -EPROTO if it makes no sense, or is the compositor's complaint. */
int wlr_outputs_take(WlrOutputs *w, WireMessage *m, WlrNews *ret);

/* The outputs in the form in which mutter tells its own: one plan is for both. With @wanted, they have modes
 * of the sizes in there, too, which would have to be made. */
MutterState *wlr_outputs_state(const WlrOutputs *w, const Layout *wanted);

/* What they are now, and what mutter_state_plan() has planned with that state, which is to become @result.
 */
void wlr_outputs_now(const WlrOutputs *w, WlrSetup *ret);
void wlr_outputs_planned(const WlrOutputs *w, GVariant *config, const Layout *result, WlrSetup *ret);

/* Asks for @setup, or whether it could be; outputs that are not in it stay as they are. One question at a
 * time. */
void wlr_outputs_ask(WlrOutputs *w, const WlrSetup *setup, bool verify);
