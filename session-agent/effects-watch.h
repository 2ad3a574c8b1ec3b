/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

/* Listens to whatever tells that settings have changed, and says that something has. */
typedef struct EffectsWatch EffectsWatch;

EffectsWatch *effects_watch_new(GDBusConnection *session_bus, void (*changed)(void *userdata),
                                void *userdata);
EffectsWatch *effects_watch_free(EffectsWatch *w);

/* A signal of a GObject, which it takes; a signal on the bus of the session, any of the interface if @signal
 * is NULL. */
void effects_watch_object(EffectsWatch *w, gpointer object, const char *signal);
void effects_watch_bus(EffectsWatch *w, const char *sender, const char *path, const char *interface,
                       const char *signal);
