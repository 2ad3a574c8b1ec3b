/* SPDX-License-Identifier: Apache-2.0 */
#include "bus.h"

#include <stdbool.h>
#include <stdlib.h>

#include "util/log.h"

#define DEFAULT_ADDRESS "unix:path=/run/dbus/system_bus_socket"
#define CONNECT_USEC (5 * UINT64_C(1000000))
#define RETRY_MIN_USEC (500 * UINT64_C(1000))
#define RETRY_MAX_USEC (30 * UINT64_C(1000000))

struct Bus {
        sd_event *event;
        const BusCallbacks *callbacks;
        void *userdata;
        sd_bus *bus;
        sd_event_source *timer_source; /* until it is tried again, or no longer */
        uint64_t retry_usec;
        bool said;
};

static void lost(Bus *b, int error);

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *e) {
        lost(userdata, -ECONNRESET);
        return 0;
}

static int on_connected(sd_bus_message *m, void *userdata, sd_bus_error *e) {
        Bus *b = userdata;

        if (b->said)
                log_info("Connected to the system bus again");
        b->said = false;
        b->retry_usec = 0;
        b->timer_source = sd_event_source_disable_unref(b->timer_source);
        return 0;
}

static int match_local(Bus *b, const char *member, sd_bus_message_handler_t handler) {
        return sd_bus_match_signal(b->bus, NULL, "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
                                   "org.freedesktop.DBus.Local", member, handler, b);
}

static int try_connect(Bus *b) {
        const char *address = secure_getenv("DBUS_SYSTEM_BUS_ADDRESS");
        int r;

        if ((r = sd_bus_new(&b->bus)) < 0 ||
            (r = sd_bus_set_address(b->bus, address ?: DEFAULT_ADDRESS)) < 0 ||
            (r = sd_bus_set_bus_client(b->bus, true)) < 0 ||
            (r = sd_bus_set_connected_signal(b->bus, true)) < 0 ||
            /* That, too, would flush, before the host gets the last message. */
            (r = sd_bus_set_close_on_exit(b->bus, false)) < 0 || (r = sd_bus_start(b->bus)) < 0 ||
            (r = match_local(b, "Connected", on_connected)) < 0 ||
            (r = match_local(b, "Disconnected", on_disconnected)) < 0 ||
            (r = sd_bus_attach_event(b->bus, b->event, SD_EVENT_PRIORITY_NORMAL)) < 0)
                return r;
        return b->callbacks->connected(b->bus, b->userdata);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        bus_connect(userdata);
        return 0;
}

static void set_timer(Bus *b, uint64_t usec, sd_event_time_handler_t handler) {
        int r;

        b->timer_source = sd_event_source_disable_unref(b->timer_source);
        r = sd_event_add_time_relative(b->event, &b->timer_source, CLOCK_MONOTONIC, usec, 0, handler, b);
        if (r < 0)
                log_error_errno(r, "Cannot set a timer for the system bus: %m");
}

static void lost(Bus *b, int error) {
        if (!b->said)
                log_warning(
                        "No connection to the system bus (%s): sessions are not known, and the agent cannot "
                        "be seen there; the host is still served",
                        g_strerror(-error));
        b->said = true;

        b->callbacks->disconnected(b->userdata);
        if (b->bus) {
                (void) sd_bus_detach_event(b->bus);
                b->bus = sd_bus_close_unref(b->bus);
        }

        b->retry_usec = CLAMP(b->retry_usec * 2, RETRY_MIN_USEC, RETRY_MAX_USEC);
        set_timer(b, b->retry_usec, on_retry);
}

/* The bus let us in, and then said nothing. */
static int on_silence(sd_event_source *source, uint64_t usec, void *userdata) {
        lost(userdata, -ETIMEDOUT);
        return 0;
}

void bus_connect(Bus *b) {
        int r = try_connect(b);

        if (r >= 0)
                set_timer(b, CONNECT_USEC, on_silence);
        else
                lost(b, r);
}

Bus *bus_new(sd_event *event, const BusCallbacks *callbacks, void *userdata) {
        Bus *b = g_new0(Bus, 1);

        b->event = sd_event_ref(event);
        b->callbacks = callbacks;
        b->userdata = userdata;
        return b;
}

Bus *bus_free(Bus *b) {
        if (!b)
                return NULL;
        (void) sd_event_source_disable_unref(b->timer_source);
        if (b->bus) {
                (void) sd_bus_detach_event(b->bus);
                /* Without flushing, which waits for a bus that does not answer. */
                (void) sd_bus_close_unref(b->bus);
        }
        sd_event_unref(b->event);
        g_free(b);
        return NULL;
}
