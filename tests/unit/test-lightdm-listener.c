/* SPDX-License-Identifier: Apache-2.0 */
#include "listener.h"

#include <gio/gio.h>
#include <stdbool.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "dbus-names.h"

#define TOKEN "0123456789abcdef0123456789abcdef"
#define OTHER_TOKEN "ffffffffffffffffffffffffffffffff"

/* A real bus, with the listener and two others on it. */
typedef struct Bed {
        GTestDBus *daemon;
        sd_event *event;
        Listener *listener;
        GString *heard; /* tokens, a ";" behind each */
        sd_bus *agent, *other;
} Bed;

static void on_heard(const char *token, void *userdata) {
        g_string_append_printf(((Bed *) userdata)->heard, "%s;", token);
}

static sd_bus *join(Bed *b) {
        sd_bus *bus;

        g_assert_cmpint(sd_bus_open_system(&bus), >=, 0);
        g_assert_cmpint(sd_bus_attach_event(bus, b->event, SD_EVENT_PRIORITY_NORMAL), >=, 0);
        return bus;
}

static void leave(sd_bus **bus) {
        (void) sd_bus_detach_event(*bus);
        *bus = sd_bus_close_unref(*bus);
}

static void bus_begin(Bed *b) {
        b->daemon = g_test_dbus_new(G_TEST_DBUS_NONE);
        g_test_dbus_up(b->daemon);
        g_setenv("DBUS_SYSTEM_BUS_ADDRESS", g_test_dbus_get_bus_address(b->daemon), TRUE);
        b->agent = join(b);
        b->other = join(b);
}

static void bus_end(Bed *b) {
        leave(&b->agent);
        leave(&b->other);
        g_test_dbus_down(b->daemon);
        g_clear_object(&b->daemon);
}

static Bed *bed_new(void) {
        Bed *b = g_new0(Bed, 1);

        g_assert_cmpint(sd_event_new(&b->event), >=, 0);
        b->heard = g_string_new(NULL);
        bus_begin(b);
        b->listener = listener_new(b->event, on_heard, b);
        return b;
}

static void bed_free(Bed *b) {
        listener_free(b->listener);
        bus_end(b);
        sd_event_unref(b->event);
        g_string_free(b->heard, TRUE);
        g_free(b);
}

/* Until @text has been heard, or @seconds are over. */
static bool hears(Bed *b, const char *text, int seconds) {
        gint64 deadline = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;

        while (!strstr(b->heard->str, text) && g_get_monotonic_time() < deadline)
                g_assert_cmpint(sd_event_run(b->event, 100000), >=, 0);
        return strstr(b->heard->str, text);
}

static void call(sd_bus *bus, const char *method, const char *types, ...) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        va_list ap;

        va_start(ap, types);
        if (sd_bus_call_methodv(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                method, &error, NULL, types, ap) < 0)
                g_error("%s: %s", method, error.message);
        va_end(ap);
}

static void own(sd_bus *bus) {
        call(bus, "RequestName", "su", OVIRT_CREDENTIALS_NAME, 0U);
}

/* A signal with texts, to whom it may concern if @destination is NULL. */
static void emit(sd_bus *bus, const char *destination, const char *path, const char *interface,
                 const char *member, const char *types, ...) {
        sd_bus_message *m = NULL;
        va_list ap;

        g_assert_cmpint(sd_bus_message_new_signal(bus, &m, path, interface, member), >=, 0);
        va_start(ap, types);
        g_assert_cmpint(sd_bus_message_appendv(m, types, ap), >=, 0);
        va_end(ap);
        if (destination)
                g_assert_cmpint(sd_bus_message_set_destination(m, destination), >=, 0);
        g_assert_cmpint(sd_bus_send(bus, m, NULL), >=, 0);
        g_assert_cmpint(sd_bus_flush(bus), >=, 0);
        sd_bus_message_unref(m);
}

static void say_to(sd_bus *bus, const char *destination, const char *token) {
        emit(bus, destination, OVIRT_CREDENTIALS_PATH, OVIRT_CREDENTIALS_INTERFACE, "UserAuthenticated", "s",
             token);
}

/* Until the listener knows of @agent: a new one has to be asked for, after all. */
static void wait_known(Bed *b) {
        for (int i = 0; i < 100 && !hears(b, TOKEN, 0); i++) {
                say_to(b->agent, NULL, TOKEN);
                (void) hears(b, TOKEN, 1);
        }
        g_assert_true(hears(b, TOKEN, 0));
        /* What was said to try it may have been heard several times. */
        say_to(b->agent, NULL, OTHER_TOKEN);
        g_assert_true(hears(b, OTHER_TOKEN, 10));
        g_string_truncate(b->heard, 0);
}

/* Nothing has been heard before the agent says something now. */
static void expect_silence(Bed *b) {
        say_to(b->agent, NULL, TOKEN);
        g_assert_true(hears(b, TOKEN, 10));
        g_assert_cmpstr(b->heard->str, ==, TOKEN ";");
        g_string_truncate(b->heard, 0);
}

/* The listener is the third on a new bus. */
#define LISTENER ":1.2"

static void test_agent(void) {
        Bed *b = bed_new();

        own(b->agent);
        wait_known(b);
        say_to(b->agent, LISTENER, TOKEN);
        g_assert_true(hears(b, TOKEN, 10));
        bed_free(b);
}

static void test_what_is_no_token(void) {
        Bed *b = bed_new();

        own(b->agent);
        wait_known(b);
        say_to(b->agent, LISTENER, "");
        say_to(b->agent, LISTENER, "123456");
        say_to(b->agent, LISTENER, TOKEN "0");
        expect_silence(b);
        bed_free(b);
}

static void test_others(void) {
        Bed *b = bed_new();
        const char *name;

        /* Before there is an agent, and when there is one. */
        say_to(b->other, LISTENER, OTHER_TOKEN);
        own(b->agent);
        wait_known(b);
        say_to(b->other, NULL, OTHER_TOKEN);
        say_to(b->other, LISTENER, OTHER_TOKEN);
        /* Who says that the name is his. */
        g_assert_cmpint(sd_bus_get_unique_name(b->other, &name), >=, 0);
        emit(b->other, LISTENER, "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", "sss",
             OVIRT_CREDENTIALS_NAME, "", name);
        say_to(b->other, LISTENER, OTHER_TOKEN);
        expect_silence(b);
        bed_free(b);
}

static void test_another_agent(void) {
        Bed *b = bed_new();
        sd_bus *swap;

        own(b->agent);
        wait_known(b);
        call(b->agent, "ReleaseName", "s", OVIRT_CREDENTIALS_NAME);
        own(b->other);
        say_to(b->agent, LISTENER, OTHER_TOKEN);
        swap = b->agent;
        b->agent = b->other;
        b->other = swap;
        wait_known(b);
        say_to(b->other, LISTENER, OTHER_TOKEN);
        expect_silence(b);
        bed_free(b);
}

static void test_bus_that_goes(void) {
        Bed *b = bed_new();

        own(b->agent);
        wait_known(b);
        bus_end(b);
        g_assert_false(hears(b, TOKEN, 1));
        bus_begin(b);
        own(b->agent);
        wait_known(b);
        bed_free(b);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/listener/agent", test_agent);
        g_test_add_func("/listener/what-is-no-token", test_what_is_no_token);
        g_test_add_func("/listener/others", test_others);
        g_test_add_func("/listener/another-agent", test_another_agent);
        g_test_add_func("/listener/bus-that-goes", test_bus_that_goes);
        return g_test_run();
}
