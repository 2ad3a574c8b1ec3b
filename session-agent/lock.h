/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include <gio/gio.h>

#include "desktop-name.h"

typedef enum LockState {
        LOCK_UNKNOWN, /* nobody is there who would know */
        LOCK_OFF,
        LOCK_ON,
} LockState;

/* The desktop's locker, whichever it is, found by its name on the session's bus. */
typedef struct Lock Lock;

/* Calls @changed whenever lock_state(), beginning with LOCK_UNKNOWN, or lock_signs_on() changes. */
Lock *lock_new(const Desktop *desktop, void (*changed)(void *userdata), void *userdata);
Lock *lock_free(Lock *l);

LockState lock_state(const Lock *l);
/* Whether the locker unlocks by single sign-on, with the token that the system agent tells it. */
bool lock_signs_on(const Lock *l);

/* Locks, and answers @invocation, which it takes: see desktop_ask(); .NotSupported while lock_state() is
 * LOCK_UNKNOWN. */
void lock_lock(Lock *l, GDBusMethodInvocation *invocation);
