/* SPDX-License-Identifier: Apache-2.0 */
#include "effects-watch.h"

#include <stdbool.h>

struct EffectsWatch {
        GDBusConnection *bus;
        void (*changed)(void *userdata);
        void *userdata;
        GPtrArray *objects;
        GArray *subscriptions;
};

EffectsWatch *effects_watch_new(GDBusConnection *session_bus, void (*changed)(void *userdata),
                                void *userdata) {
        EffectsWatch *w = g_new(EffectsWatch, 1);

        *w = (EffectsWatch){
                .bus = session_bus,
                .changed = changed,
                .userdata = userdata,
                .objects = g_ptr_array_new_with_free_func(g_object_unref),
                .subscriptions = g_array_new(false, false, sizeof(unsigned)),
        };
        return w;
}

EffectsWatch *effects_watch_free(EffectsWatch *w) {
        if (!w)
                return NULL;
        for (unsigned i = 0; i < w->objects->len; i++)
                (void) g_signal_handlers_disconnect_by_data(w->objects->pdata[i], w);
        g_ptr_array_unref(w->objects);
        for (unsigned i = 0; i < w->subscriptions->len; i++)
                g_dbus_connection_signal_unsubscribe(w->bus, g_array_index(w->subscriptions, unsigned, i));
        g_array_unref(w->subscriptions);
        g_free(w);
        return NULL;
}

/* With whatever else the signal has. */
static void on_object(EffectsWatch *w) {
        w->changed(w->userdata);
}

void effects_watch_object(EffectsWatch *w, gpointer object, const char *signal) {
        g_ptr_array_add(w->objects, object);
        g_signal_connect_swapped(object, signal, G_CALLBACK(on_object), w);
}

static void on_signal(GDBusConnection *bus, const char *sender, const char *path, const char *interface,
                      const char *signal, GVariant *parameters, gpointer userdata) {
        on_object(userdata);
}

void effects_watch_bus(EffectsWatch *w, const char *sender, const char *path, const char *interface,
                       const char *signal) {
        unsigned id = g_dbus_connection_signal_subscribe(w->bus, sender, interface, signal, path, NULL,
                                                         G_DBUS_SIGNAL_FLAGS_NONE, on_signal, w, NULL);

        g_array_append_val(w->subscriptions, id);
}
