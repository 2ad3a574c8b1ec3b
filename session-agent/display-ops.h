/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "desktop-name.h"
#include "layout.h"

/* What a back-end tells. */
typedef struct DisplayEvents {
        /* layout() is something else now, or preferred() may be. */
        void (*changed)(void *userdata);
        void *userdata;
} DisplayEvents;

/* The end of apply(): @result, the same monitors as they are now; or NULL and the reason why all is as it
 * was, in words. */
typedef void (*DisplayDone)(const Layout *result, const char *reason, void *userdata);

/* One way to arrange monitors; one file each. */
typedef struct DisplayOps {
        const char *name;

        /* NULL if it cannot be of use in this session. Both arguments outlive it. */
        void *(*new)(const Desktop *desktop, const DisplayEvents *events);
        void (*free)(void *self);

        /* NULL while it is of no use, or when its display server is gone. */
        const Layout *(*layout)(void *self);

        /* @wanted has passed layout_check(). @done is called once, perhaps before this returns; not after
         * free(). No second call before. */
        void (*apply)(void *self, const Layout *wanted, bool verify, DisplayDone done, void *userdata);

        /* What the virtual hardware would like, for desktops that do not look after that themselves; false
         * if it does not say. NULL for back-ends of desktops that do. */
        bool (*preferred)(void *self, Layout *ret);
} DisplayOps;

/* In the order in which they are asked. */
extern const DisplayOps display_mutter, display_kscreen, display_wlr, display_xrandr;
