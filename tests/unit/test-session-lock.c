/* SPDX-License-Identifier: Apache-2.0 */
#include "lock.h"

#include <stdbool.h>

#define NAME "org.mate.ScreenSaver"
#define PATH "/org/mate/ScreenSaver"
#define LOGIN1 "org.freedesktop.login1"
#define XML                                                                                                 \
        "<node><interface name='" NAME "'>"                                                                 \
        "<method name='GetActive'><arg type='b' direction='out'/></method></interface>"                     \
        "<interface name='" LOGIN1 ".Manager'><method name='GetSessionByPID'>"                              \
        "<arg type='u' direction='in'/><arg type='o' direction='out'/></method></interface></node>"
#define DEADLINE_USEC (20 * G_USEC_PER_SEC)

/* A bus, a locker on it, and the module under test, each with a connection of its own. */
typedef struct Fixture {
        GTestDBus *daemon;
        GDBusConnection *desktop, *agent;
        GDBusNodeInfo *node;
        Desktop where;
        GDBusMethodInvocation *held; /* GetActive that has not been answered */
        bool hold, active, absent;
        unsigned questions;
        unsigned login1, name;
        Lock *lock;
        unsigned changes;
} Fixture;

static void on_call(GDBusConnection *bus, const char *sender, const char *path, const char *interface,
                    const char *method, GVariant *parameters, GDBusMethodInvocation *invocation,
                    gpointer userdata) {
        Fixture *f = userdata;

        if (g_str_equal(method, "GetSessionByPID"))
                g_dbus_method_invocation_return_dbus_error(
                        invocation, "org.freedesktop.login1.NoSessionForPID", "It is in none");
        else if (f->questions++, f->absent)
                g_dbus_method_invocation_return_dbus_error(
                        invocation, "org.freedesktop.DBus.Error.UnknownObject", "It is not there yet");
        else if (f->hold)
                f->held = invocation;
        else
                g_dbus_method_invocation_return_value(invocation, g_variant_new("(b)", f->active));
}

static void on_changed(void *userdata) {
        Fixture *f = userdata;

        f->changes++;
}

static GDBusConnection *connect_to(GTestDBus *daemon) {
        g_autoptr(GError) error = NULL;
        GDBusConnection *bus = g_dbus_connection_new_for_address_sync(
                g_test_dbus_get_bus_address(daemon),
                G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                        G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                NULL, NULL, &error);

        g_assert_no_error(error);
        return bus;
}

static void set_up(Fixture *f, gconstpointer data) {
        static const GDBusInterfaceVTable vtable = {.method_call = on_call};
        g_autoptr(GError) error = NULL;

        f->daemon = g_test_dbus_new(G_TEST_DBUS_NONE);
        g_test_dbus_up(f->daemon);
        f->desktop = connect_to(f->daemon);
        f->agent = connect_to(f->daemon);
        f->node = g_dbus_node_info_new_for_xml(XML, &error);
        g_assert_no_error(error);
        g_dbus_connection_register_object(f->desktop, PATH, f->node->interfaces[0], &vtable, f, NULL,
                                          &error);
        g_assert_no_error(error);
        g_dbus_connection_register_object(f->desktop, "/org/freedesktop/login1", f->node->interfaces[1],
                                          &vtable, f, NULL, &error);
        g_assert_no_error(error);
        f->login1 = g_bus_own_name_on_connection(f->desktop, LOGIN1, G_BUS_NAME_OWNER_FLAGS_NONE, NULL, NULL,
                                                 NULL, NULL);
        f->where = (Desktop){f->agent, f->agent, "/session"};
        f->lock = lock_new(&f->where, on_changed, f);
}

static void tear_down(Fixture *f, gconstpointer data) {
        lock_free(f->lock);
        if (f->held)
                g_dbus_method_invocation_return_value(f->held, g_variant_new("(b)", true));
        if (f->name > 0)
                g_bus_unown_name(f->name);
        g_bus_unown_name(f->login1);
        g_dbus_connection_close_sync(f->agent, NULL, NULL);
        g_dbus_connection_close_sync(f->desktop, NULL, NULL);
        while (g_main_context_iteration(NULL, false))
                ;
        g_object_unref(f->agent);
        g_object_unref(f->desktop);
        g_dbus_node_info_unref(f->node);
        g_test_dbus_down(f->daemon);
        g_object_unref(f->daemon);
}

static void appear(Fixture *f) {
        f->name = g_bus_own_name_on_connection(f->desktop, NAME, G_BUS_NAME_OWNER_FLAGS_NONE, NULL, NULL,
                                               NULL, NULL);
}

static void vanish(Fixture *f) {
        g_bus_unown_name(f->name);
        f->name = 0;
}

#define wait_until(condition)                                                                               \
        do {                                                                                                \
                gint64 _deadline = g_get_monotonic_time() + DEADLINE_USEC;                                  \
                while (!(condition)) {                                                                      \
                        g_assert_cmpint(g_get_monotonic_time(), <, _deadline);                              \
                        g_main_context_iteration(NULL, false);                                              \
                }                                                                                           \
        } while (false)

/* Everything that was sent so far has arrived: the bus answers in order. */
static void settle(Fixture *f) {
        for (size_t i = 0; i < 2; i++) {
                g_dbus_connection_flush_sync(f->desktop, NULL, NULL);
                g_variant_unref(g_dbus_connection_call_sync(f->agent, "org.freedesktop.DBus", "/",
                                                            "org.freedesktop.DBus.Peer", "Ping", NULL, NULL,
                                                            G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL));
                while (g_main_context_iteration(NULL, false))
                        ;
        }
}

static void signal_active(Fixture *f, bool active) {
        f->active = active;
        g_assert_true(g_dbus_connection_emit_signal(f->desktop, NULL, PATH, NAME, "ActiveChanged",
                                                    g_variant_new("(b)", active), NULL));
}

static void test_comes_and_goes(Fixture *f, gconstpointer data) {
        g_assert_cmpint(lock_state(f->lock), ==, LOCK_UNKNOWN);
        appear(f);
        wait_until(lock_state(f->lock) == LOCK_OFF);
        signal_active(f, true);
        wait_until(lock_state(f->lock) == LOCK_ON);
        vanish(f);
        wait_until(lock_state(f->lock) == LOCK_UNKNOWN);
        g_assert_cmpint(f->changes, ==, 3);
        appear(f);
        wait_until(lock_state(f->lock) == LOCK_ON);
        g_assert_cmpint(f->changes, ==, 4);
}

/* The same news again is none. */
static void test_tells_changes_only(Fixture *f, gconstpointer data) {
        appear(f);
        wait_until(lock_state(f->lock) == LOCK_OFF);
        for (size_t i = 0; i < 10; i++)
                signal_active(f, false);
        settle(f);
        g_assert_cmpint(f->changes, ==, 1);
}

/* The signal is younger than the question that waits, and says as much as an answer. */
static void test_signal_before_answer(Fixture *f, gconstpointer data) {
        f->hold = true;
        appear(f);
        wait_until(f->held);
        signal_active(f, true);
        wait_until(lock_state(f->lock) == LOCK_ON);
}

/* An answer of a locker that has gone says nothing of the next one. */
static void test_late_answer(Fixture *f, gconstpointer data) {
        f->hold = true;
        appear(f);
        wait_until(f->held);
        vanish(f);
        settle(f);
        g_dbus_method_invocation_return_value(g_steal_pointer(&f->held), g_variant_new("(b)", true));
        settle(f);
        g_assert_cmpint(lock_state(f->lock), ==, LOCK_UNKNOWN);
        g_assert_cmpint(f->changes, ==, 0);
}

/* Freed while it asks: what comes later finds nothing that is gone; a sanitizer would see. */
static void test_freed_while_asking(Fixture *f, gconstpointer data) {
        f->hold = true;
        appear(f);
        wait_until(f->held);
        f->lock = lock_free(f->lock);
        g_dbus_method_invocation_return_value(g_steal_pointer(&f->held), g_variant_new("(b)", true));
        signal_active(f, true);
        settle(f);
        g_assert_cmpint(f->changes, ==, 0);
}

/* What answers something else than a yes or no is no locker. */
static void test_wrong_answer(Fixture *f, gconstpointer data) {
        g_autoptr(GDBusMessage) reply = NULL;

        f->hold = true;
        appear(f);
        wait_until(f->held);
        reply = g_dbus_message_new_method_reply(g_dbus_method_invocation_get_message(f->held));
        g_dbus_message_set_body(reply, g_variant_new("(s)", "yes"));
        g_assert_true(g_dbus_connection_send_message(f->desktop, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL,
                                                     NULL));
        g_object_unref(g_steal_pointer(&f->held));
        settle(f);
        g_assert_cmpint(lock_state(f->lock), ==, LOCK_UNKNOWN);
}

static void test_name_before_the_locker(Fixture *f, gconstpointer data) {
        f->absent = true;
        appear(f);
        wait_until(f->questions == 2);
        g_assert_cmpint(lock_state(f->lock), ==, LOCK_UNKNOWN);
        f->absent = false;
        wait_until(lock_state(f->lock) == LOCK_OFF);
        g_assert_cmpint(f->changes, ==, 1);
        g_assert_cmpint(f->questions, ==, 3);
}

/* It may leave, and the session end, before it is asked again. */
static void test_name_without_a_locker(Fixture *f, gconstpointer data) {
        f->absent = true;
        appear(f);
        wait_until(f->questions == 2);
        vanish(f);
        settle(f);
        appear(f);
        wait_until(f->questions == 3);
        g_assert_cmpint(lock_state(f->lock), ==, LOCK_UNKNOWN);
        g_assert_cmpint(f->changes, ==, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_dbus_unset();
#define ADD(name, function) g_test_add("/session-lock/" name, Fixture, NULL, set_up, function, tear_down)
        ADD("comes-and-goes", test_comes_and_goes);
        ADD("tells-changes-only", test_tells_changes_only);
        ADD("signal-before-answer", test_signal_before_answer);
        ADD("late-answer", test_late_answer);
        ADD("freed-while-asking", test_freed_while_asking);
        ADD("wrong-answer", test_wrong_answer);
        ADD("name-before-the-locker", test_name_before_the_locker);
        ADD("name-without-a-locker", test_name_without_a_locker);
        return g_test_run();
}
