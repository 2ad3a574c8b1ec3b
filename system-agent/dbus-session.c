/* SPDX-License-Identifier: Apache-2.0 */
#include "dbus-session.h"

#include <stdlib.h>

#include "dbus-members.h"
#include "dbus-names.h"
#include "dbus-sender.h"
#include "layout-bus.h"

struct DbusSession {
        const SessionRegistry *registry;
        SessionControl *control;
        Console *console;
        sd_bus *bus;
        sd_bus_slot *vtable_slot, *enumerator_slot, *manager_slot;
        const Session *leaving; /* gone from the registry, and being announced */
};

char *dbus_session_path(const Session *s) {
        _cleanup_free_ char *copy = NULL;
        char *path; /* the C library's memory */

        if (sd_bus_path_encode(OVIRT_GUEST_AGENT_SESSION_PATH, s->id, &path) < 0)
                return NULL;
        copy = g_strdup(path);
        free(path);
        return TAKE_PTR(copy);
}

/* The session of an object's path, or NULL. */
static const Session *find_session(const DbusSession *d, const char *path) {
        const Session *s = NULL;
        char *id = NULL; /* the C library's memory */

        if (sd_bus_path_decode(path, OVIRT_GUEST_AGENT_SESSION_PATH, &id) > 0) {
                s = session_registry_get(d->registry, id);
                if (!s && d->leaving && g_str_equal(d->leaving->id, id))
                        s = d->leaving;
        }
        free(id);
        return s;
}

static int find(sd_bus *bus, const char *path, const char *interface, void *userdata, void **found,
                sd_bus_error *error) {
        const Session *s = find_session(userdata, path);

        if (!s)
                return 0;
        *found = (void *) s;
        return 1;
}

static int enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret, sd_bus_error *error) {
        const DbusSession *d = userdata;
        g_autoptr(GPtrArray) all = session_registry_list(d->registry);
        /* sd-bus frees it with the C library's free(): GLib's allocator is the same since 2.46. */
        char **paths = g_new0(char *, all->len + 1);

        for (guint i = 0; i < all->len; i++)
                (void) sd_bus_path_encode(OVIRT_GUEST_AGENT_SESSION_PATH,
                                          ((const Session *) all->pdata[i])->id, &paths[i]);
        *ret = paths;
        return 0;
}

static int get_string(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Session *s = userdata;
        const struct {
                const char *name, *value;
        } strings[] = {
                {"Id", s->id},
                {"User", s->user},
                {"Seat", s->seat},
                {"Class", s->class},
                {"Type", s->type},
                {"State", s->state},
                {"Agent", s->agent},
                {"LockedDesktop", s->said.locked == SESSION_SAYS_YES  ? "yes"
                                  : s->said.locked == SESSION_SAYS_NO ? "no"
                                                                      : "unknown"},
                {"LayoutError", s->arranged_error},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(strings); i++)
                if (g_str_equal(strings[i].name, property))
                        return sd_bus_message_append(reply, "s", strings[i].value ?: "");
        return -ENOENT;
}

static int get_bool(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Session *s = userdata;
        const struct {
                const char *name;
                bool value;
        } bools[] = {
                {"Remote", s->remote},
                {"Active", s->active},
                {"LockedHint", s->locked_hint},
                {"Locked", s->locked},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(bools); i++)
                if (g_str_equal(bools[i].name, property))
                        return sd_bus_message_append(reply, "b", (int) bools[i].value);
        return -ENOENT;
}

static int get_uid(sd_bus *bus, const char *path, const char *interface, const char *property,
                   sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Session *s = userdata;

        return sd_bus_message_append(reply, "u", s->uid);
}

static int get_offer(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Session *s = userdata;

        return s->agent ? dbus_members_append(reply, session_offer_members, &s->offer)
                        : sd_bus_message_append(reply, "a{sv}", 0);
}

static int get_layout(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Session *s = userdata;

        return layout_bus_append(reply, g_str_equal(property, "Layout") ? s->said.layout : s->arranged);
}

static int get_effects_off(sd_bus *bus, const char *path, const char *interface, const char *property,
                           sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Session *s = userdata;

        return dbus_members_append_effects(reply, s->said.effects_off);
}

/* A vtable's userdata is the session, so what is asked for is found again by its path. */
static void lock_by(sd_bus_message *m, int error, const Sender *sender, void *userdata) {
        const DbusSession *d = userdata;
        const Session *s = find_session(d, sd_bus_message_get_path(m));

        if (error < 0 || sender->uid != 0)
                (void) sd_bus_reply_method_errorf(m, SD_BUS_ERROR_ACCESS_DENIED,
                                                  "Only root may lock a session here");
        else if (!s)
                (void) sd_bus_reply_method_errorf(m, SD_BUS_ERROR_UNKNOWN_OBJECT, "The session has ended");
        else if (session_control_lock(d->control, s) == SESSION_LOCK_NOBODY)
                (void) sd_bus_reply_method_errorf(m, SD_BUS_ERROR_NOT_SUPPORTED, "This session has no lock");
        else
                (void) sd_bus_reply_method_return(m, NULL);
}

static int method_lock(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        /* The slot is the vtable's, whose own userdata is this face. */
        sd_bus_slot *slot = sd_bus_get_current_slot(sd_bus_message_get_bus(m));
        int r = dbus_sender_ask(m, lock_by, sd_bus_slot_get_userdata(slot));

        return r < 0 ? r : 1;
}

static void forget_call(void *userdata) {
        (void) sd_bus_message_unref(userdata);
}

static void on_applied(const Layout *result, const char *name, const char *reason, void *userdata) {
        sd_bus_message *m = userdata, *reply = NULL;

        if (result) {
                if (sd_bus_message_new_method_return(m, &reply) >= 0 &&
                    layout_bus_append(reply, result) >= 0)
                        (void) sd_bus_send(NULL, reply, NULL);
                sd_bus_message_unref(reply);
        } else
                (void) sd_bus_reply_method_errorf(m, name, "%s", reason);
        forget_call(m);
}

static void apply_layout_by(sd_bus_message *m, int error, const Sender *sender, void *userdata) {
        const DbusSession *d = userdata;
        const Session *s = find_session(d, sd_bus_message_get_path(m));
        _cleanup_free_ Layout *layout = g_new0(Layout, 1);
        _cleanup_free_ char *reason = NULL;
        int verify, r;

        if (error < 0 || sender->uid != 0) {
                (void) sd_bus_reply_method_errorf(m, SD_BUS_ERROR_ACCESS_DENIED,
                                                  "Only root may arrange a session's monitors here");
                return;
        }
        if (!s || s == d->leaving) {
                (void) sd_bus_reply_method_errorf(m, SD_BUS_ERROR_UNKNOWN_OBJECT, "The session has ended");
                return;
        }
        r = layout_bus_read(m, layout, &reason);
        if (r >= 0 && !reason)
                r = sd_bus_message_read(m, "b", &verify);
        if (r >= 0 && !reason)
                reason = layout_check(layout);
        if (r < 0 || reason) {
                (void) sd_bus_reply_method_errorf(m, SD_BUS_ERROR_INVALID_ARGS, "%s",
                                                  reason ?: "It is no layout");
                return;
        }
        r = console_apply(d->console, s, layout, verify, on_applied, forget_call, sd_bus_message_ref(m));
        if (r == 0)
                return;
        if (r == 1) {
                layout->n = 0; /* it is done to no monitor yet */
                on_applied(layout, NULL, NULL, m);
        } else
                on_applied(NULL, SD_BUS_ERROR_NOT_SUPPORTED, "Nothing there arranges its monitors", m);
}

static int method_apply_layout(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        sd_bus_slot *slot = sd_bus_get_current_slot(sd_bus_message_get_bus(m));
        int r = dbus_sender_ask(m, apply_layout_by, sd_bus_slot_get_userdata(slot));

        return r < 0 ? r : 1;
}

#define CONST SD_BUS_VTABLE_PROPERTY_CONST
#define CHANGES SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Id", "s", get_string, 0, CONST),
        SD_BUS_PROPERTY("User", "s", get_string, 0, CONST),
        SD_BUS_PROPERTY("Uid", "u", get_uid, 0, CONST),
        SD_BUS_PROPERTY("Seat", "s", get_string, 0, CONST),
        SD_BUS_PROPERTY("Remote", "b", get_bool, 0, CONST),
        /* "user-incomplete" becomes "user". */
        SD_BUS_PROPERTY("Class", "s", get_string, 0, CHANGES),
        SD_BUS_PROPERTY("Type", "s", get_string, 0, CHANGES),
        SD_BUS_PROPERTY("State", "s", get_string, 0, CHANGES),
        SD_BUS_PROPERTY("Active", "b", get_bool, 0, CHANGES),
        SD_BUS_PROPERTY("LockedHint", "b", get_bool, 0, CHANGES),
        SD_BUS_PROPERTY("Agent", "s", get_string, 0, CHANGES),
        SD_BUS_PROPERTY("Offer", "a{sv}", get_offer, 0, CHANGES),
        SD_BUS_PROPERTY("LockedDesktop", "s", get_string, 0, CHANGES),
        SD_BUS_PROPERTY("Locked", "b", get_bool, 0, CHANGES),
        SD_BUS_PROPERTY("Layout", "aa{sv}", get_layout, 0, CHANGES),
        SD_BUS_PROPERTY("LayoutResult", "aa{sv}", get_layout, 0, CHANGES),
        SD_BUS_PROPERTY("LayoutError", "s", get_string, 0, CHANGES),
        SD_BUS_PROPERTY("EffectsOff", "as", get_effects_off, 0, CHANGES),
        /* Unprivileged for sd-bus, which would block to find out; see lock_by(). */
        SD_BUS_METHOD("Lock", NULL, NULL, method_lock, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ApplyLayout", "aa{sv}b", "aa{sv}", method_apply_layout, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

DbusSession *dbus_session_new(const SessionRegistry *registry, SessionControl *control, Console *console) {
        DbusSession *d = g_new0(DbusSession, 1);

        d->registry = registry;
        d->control = control;
        d->console = console;
        return d;
}

DbusSession *dbus_session_free(DbusSession *d) {
        if (!d)
                return NULL;
        dbus_session_detach(d);
        g_free(d);
        return NULL;
}

int dbus_session_attach(DbusSession *d, sd_bus *bus) {
        int r;

        dbus_session_detach(d);
        d->bus = sd_bus_ref(bus);
        r = sd_bus_add_fallback_vtable(bus, &d->vtable_slot, OVIRT_GUEST_AGENT_SESSION_PATH,
                                       OVIRT_GUEST_AGENT_SESSION, vtable, find, d);
        if (r >= 0)
                r = sd_bus_add_node_enumerator(bus, &d->enumerator_slot, OVIRT_GUEST_AGENT_SESSION_PATH,
                                               enumerate, d);
        if (r >= 0)
                r = sd_bus_add_object_manager(bus, &d->manager_slot, OVIRT_GUEST_AGENT_PATH);
        return r;
}

void dbus_session_detach(DbusSession *d) {
        d->vtable_slot = sd_bus_slot_unref(d->vtable_slot);
        d->enumerator_slot = sd_bus_slot_unref(d->enumerator_slot);
        d->manager_slot = sd_bus_slot_unref(d->manager_slot);
        d->bus = sd_bus_unref(d->bus);
}

void dbus_session_changed(DbusSession *d, const Session *s, unsigned changes) {
        _cleanup_free_ char *path = dbus_session_path(s);
        const char *names[16];
        size_t n = 0;

        if (!d->bus || !path)
                return;
        if (changes & SESSION_REMOVED) {
                d->leaving = s;
                (void) sd_bus_emit_object_removed(d->bus, path);
                d->leaving = NULL;
                return;
        }
        if (changes & SESSION_ADDED) {
                (void) sd_bus_emit_object_added(d->bus, path);
                return;
        }
        if (changes & SESSION_FACTS) {
                names[n++] = "Class";
                names[n++] = "Type";
                names[n++] = "State";
                names[n++] = "Active";
                names[n++] = "LockedHint";
        }
        if (changes & SESSION_AGENT) {
                names[n++] = "Agent";
                names[n++] = "Offer";
        }
        if (changes & SESSION_SAID) {
                names[n++] = "LockedDesktop";
                names[n++] = "Layout";
                names[n++] = "EffectsOff";
        }
        if (changes & SESSION_ARRANGED) {
                names[n++] = "LayoutResult";
                names[n++] = "LayoutError";
        }
        if (changes & SESSION_LOCKED)
                names[n++] = "Locked";
        names[n] = NULL;
        (void) sd_bus_emit_properties_changed_strv(d->bus, path, OVIRT_GUEST_AGENT_SESSION, (char **) names);
}
