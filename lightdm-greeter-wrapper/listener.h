/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Listens on the system bus for the system agent, who says with UserAuthenticated of
 * org.ovirt.vdsm.Credentials that somebody is to be logged in. */

#include <systemd/sd-event.h>

#include "util/cleanup.h"

typedef struct Listener Listener;

/* @heard is called with each token that the agent, and nobody else, has sent; its text has a token's shape.
 * Where there is no bus it is looked for again and again. */
Listener *listener_new(sd_event *event, void (*heard)(const char *token, void *userdata), void *userdata);
Listener *listener_free(Listener *l);
DEFINE_CLEANUP(Listener, listener_free)
