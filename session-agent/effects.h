/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

#include "config.h"
#include "desktop-name.h"

/* The visual effects of the desktop: tones them down when the host or the administrator wants it, and gives
 * the user back what he had. Nothing of it is lost with this process. */
typedef struct Effects Effects;

/* Restores at once what an agent before this one has left. Calls @changed when effects_off() changes, which
 * begins with none. @desktop and @config stay the caller's, and have to outlive this. */
Effects *effects_new(const Desktop *desktop, const Config *config, void (*changed)(void *userdata),
                     void *userdata);
/* Restores everything first, which takes at most 3 s; meanwhile the main loop goes on, but for @changed. */
Effects *effects_free(Effects *e);

/* Whether there is anything to be toned down here. */
bool effects_present(const Effects *e);
/* What the host may have toned down; a set of effects. */
unsigned effects_offered(const Effects *e);
/* What is toned down now, all of it. */
unsigned effects_off(const Effects *e);

/* The host's words: what it wants toned down, and whether somebody looks at the console. */
void effects_set_wanted(Effects *e, unsigned effects);
void effects_set_console(Effects *e, bool connected);
/* Nobody is there any more who would tell when to restore. */
void effects_host_gone(Effects *e);
