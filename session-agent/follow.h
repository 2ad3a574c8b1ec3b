/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "layout.h"

/* Whether the session agent follows the virtual hardware: when the console's window is resized, the virtual
 * monitor prefers another size. Many desktops do that themselves. */
typedef enum FollowPolicy {
        FOLLOW_AUTO,
        FOLLOW_ALWAYS,
        FOLLOW_NEVER,
} FollowPolicy;

/* "auto", "always" or "never". */
const char *follow_name(FollowPolicy policy);
/* False for other words. */
bool follow_from_name(const char *name, FollowPolicy *ret);

/* @desktop: XDG_CURRENT_DESKTOP, or NULL. */
bool follow_applies(FollowPolicy policy, const char *desktop);

/* How the monitors are to be, which are arranged as @now, since the hardware prefers @preferred; false if
 * they stay. Only a preference that has changed since @before is followed: what the user chose himself
 * stands. All three are lists of all monitors; they are told apart by their connectors. */
bool follow_merge(const Layout *preferred, const Layout *before, const Layout *now, Layout *ret);
