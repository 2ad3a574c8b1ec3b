/* SPDX-License-Identifier: Apache-2.0 */
#include "dbus-credentials.h"

#include "dbus-names.h"
#include "dbus-own-name.h"
#include "util/log.h"

#define DBUS "org.freedesktop.DBus"
#define DBUS_PATH "/org/freedesktop/DBus"

/* Connections that are looked at, and how many of them at once. */
#define CONNECTIONS_MAX 4096U
#define QUESTIONS_MAX 32U

struct DbusCredentials {
        sd_bus *bus;
        sd_bus_slot *vtable_slot, *name_slot, *list_slot;
        /* The announcement under way. */
        const char *token; /* NULL if there is none */
        uint32_t uid;
        GPtrArray *names;      /* of connections, unique ones */
        unsigned next, told;   /* of them */
        GHashTable *questions; /* a set: Question */
        RateLimit broadcast_limit, failed_limit;
};

/* Whose a connection is. */
typedef struct Question {
        DbusCredentials *face;
        const char *name; /* in names */
        sd_bus_slot *slot;
} Question;

static void question_free(void *p) {
        Question *q = p;

        sd_bus_slot_unref(q->slot);
        g_free(q);
}

DbusCredentials *dbus_credentials_new(void) {
        DbusCredentials *d = g_new0(DbusCredentials, 1);

        d->names = g_ptr_array_new_with_free_func(g_free);
        d->questions = g_hash_table_new_full(NULL, NULL, question_free, NULL);
        d->broadcast_limit = d->failed_limit =
                (RateLimit){.interval_usec = 60 * UINT64_C(1000000), .burst = 5};
        return d;
}

DbusCredentials *dbus_credentials_free(DbusCredentials *d) {
        if (!d)
                return NULL;
        dbus_credentials_detach(d);
        g_hash_table_unref(d->questions);
        g_ptr_array_unref(d->names);
        g_free(d);
        return NULL;
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_SIGNAL_WITH_ARGS("UserAuthenticated", SD_BUS_ARGS("s", token), 0),
        SD_BUS_VTABLE_END,
};

int dbus_credentials_attach(DbusCredentials *d, sd_bus *bus) {
        int r;

        dbus_credentials_detach(d);
        d->bus = sd_bus_ref(bus);
        r = sd_bus_add_object_vtable(bus, &d->vtable_slot, OVIRT_CREDENTIALS_PATH,
                                     OVIRT_CREDENTIALS_INTERFACE, vtable, d);
        return r < 0 ? r : dbus_own_name(bus, &d->name_slot, OVIRT_CREDENTIALS_NAME);
}

void dbus_credentials_detach(DbusCredentials *d) {
        dbus_credentials_stop(d);
        d->vtable_slot = sd_bus_slot_unref(d->vtable_slot);
        d->name_slot = sd_bus_slot_unref(d->name_slot);
        d->bus = sd_bus_unref(d->bus);
}

void dbus_credentials_stop(DbusCredentials *d) {
        d->token = NULL;
        d->list_slot = sd_bus_slot_unref(d->list_slot);
        g_hash_table_remove_all(d->questions);
        g_ptr_array_set_size(d->names, 0);
        d->next = d->told = 0;
}

/* @destination is NULL for everybody. */
static void emit(DbusCredentials *d, const char *destination) {
        sd_bus_message *m = NULL;
        unsigned suppressed;
        int r;

        r = sd_bus_message_new_signal(d->bus, &m, OVIRT_CREDENTIALS_PATH, OVIRT_CREDENTIALS_INTERFACE,
                                      "UserAuthenticated");
        if (r >= 0)
                r = sd_bus_message_sensitive(m);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", d->token);
        if (r >= 0 && destination)
                r = sd_bus_message_set_destination(m, destination);
        if (r >= 0)
                r = sd_bus_send(d->bus, m, NULL);
        if (r < 0 && rate_limit(&d->failed_limit, &suppressed))
                log_warning_errno(r, "Cannot tell a login screen of the host's login: %m (%u more before)",
                                  suppressed);
        sd_bus_message_unref(m);
}

static void finish(DbusCredentials *d) {
        unsigned suppressed;

        if (d->told == 0) {
                if (rate_limit(&d->broadcast_limit, &suppressed))
                        log_info("No program of user %u is on the bus: everybody is told that there are "
                                 "credentials (%u more before)",
                                 (unsigned) d->uid, suppressed);
                emit(d, NULL);
        } else
                log_debug("%u connections of user %u know that there are credentials", d->told,
                          (unsigned) d->uid);
        dbus_credentials_stop(d);
}

static int on_user(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* Keeps some questions on their way until all are answered. */
static void ask(DbusCredentials *d) {
        while (d->next < d->names->len && g_hash_table_size(d->questions) < QUESTIONS_MAX) {
                Question *q = g_new0(Question, 1);

                q->face = d;
                q->name = g_ptr_array_index(d->names, d->next++);
                if (sd_bus_call_method_async(d->bus, &q->slot, DBUS, DBUS_PATH, DBUS,
                                             "GetConnectionUnixUser", on_user, q, "s", q->name) < 0)
                        question_free(q);
                else
                        g_hash_table_add(d->questions, q);
        }
        if (g_hash_table_size(d->questions) == 0)
                finish(d);
}

static int on_user(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Question *q = userdata;
        DbusCredentials *d = q->face;
        uint32_t uid;

        /* Who has left meanwhile is an error. */
        if (!sd_bus_message_is_method_error(m, NULL) && sd_bus_message_read(m, "u", &uid) >= 0 &&
            uid == d->uid) {
                emit(d, q->name);
                d->told++;
        }
        g_hash_table_remove(d->questions, q);
        ask(d);
        return 0;
}

static int on_names(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        DbusCredentials *d = userdata;
        const char *name;
        int r;

        d->list_slot = sd_bus_slot_unref(d->list_slot);
        r = sd_bus_message_is_method_error(m, NULL) ? -EIO : sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read(m, "s", &name)) > 0)
                if (name[0] == ':' && d->names->len < CONNECTIONS_MAX)
                        g_ptr_array_add(d->names, g_strdup(name));
        ask(d);
        return 0;
}

int dbus_credentials_announce(DbusCredentials *d, const char *token, uint32_t uid) {
        int r;

        dbus_credentials_stop(d);
        if (!d->bus)
                return -ENOTCONN;
        r = sd_bus_call_method_async(d->bus, &d->list_slot, DBUS, DBUS_PATH, DBUS, "ListNames", on_names, d,
                                     NULL);
        if (r < 0)
                return r;
        d->token = token;
        d->uid = uid;
        return 0;
}
