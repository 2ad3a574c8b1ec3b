/* SPDX-License-Identifier: Apache-2.0 */
#include "display.h"

#include <sys/socket.h>

#include "display-ops.h"

/* Two back-ends in place of the real ones: what is followed, when, and by which of them. */
typedef struct Played {
        const DisplayEvents *events;
        bool present;
        Layout layout, preferred;
        unsigned applied;
        Layout asked;
        bool verify, does_not_answer;
        DisplayDone done;
        void *userdata;
} Played;

static Played mutter, xrandr;

static void *played_mutter_new(const Desktop *desktop, const DisplayEvents *events) {
        mutter.events = events;
        return &mutter;
}

static void *played_xrandr_new(const Desktop *desktop, const DisplayEvents *events) {
        xrandr.events = events;
        return &xrandr;
}

static void played_free(void *self) {
}

static const Layout *played_layout(void *self) {
        const Played *p = self;

        return p->present ? &p->layout : NULL;
}

static void played_apply(void *self, const Layout *wanted, bool verify, DisplayDone done, void *userdata) {
        Played *p = self;

        p->applied++;
        p->asked = *wanted;
        p->verify = verify;
        p->done = done;
        p->userdata = userdata;
        if (!p->does_not_answer)
                done(wanted, NULL, userdata);
}

static bool played_preferred(void *self, Layout *ret) {
        const Played *p = self;

        *ret = p->preferred;
        return true;
}

/* They are there instead of those of the library. */
const DisplayOps display_mutter = {"mutter",      played_mutter_new, played_free,
                                   played_layout, played_apply,      NULL};
const DisplayOps display_xrandr = {"xrandr",      played_xrandr_new, played_free,
                                   played_layout, played_apply,      played_preferred};

static void set_size(Layout *l, int32_t width) {
        Monitor *m;

        *l = (Layout){};
        m = layout_add(l);
        (void) monitor_set_text(m, LAYOUT_CONNECTOR, "Virtual-1");
        (void) monitor_set_bool(m, LAYOUT_ENABLED, true);
        (void) monitor_set_int(m, LAYOUT_WIDTH, width);
        (void) monitor_set_int(m, LAYOUT_HEIGHT, 600);
        (void) monitor_set_int(m, LAYOUT_X, 0);
        (void) monitor_set_int(m, LAYOUT_Y, 0);
}

static void tell(Played *p) {
        p->events->changed(p->events->userdata);
}

/* The hardware prefers another width. */
static void prefer(int32_t width) {
        set_size(&xrandr.preferred, width);
        xrandr.preferred.monitors[0].given &= ~(1U << LAYOUT_X | 1U << LAYOUT_Y);
        tell(&xrandr);
}

static gboolean on_time(gpointer userdata) {
        *(bool *) userdata = true;
        return G_SOURCE_REMOVE;
}

static void pass(unsigned msec) {
        bool over = false;

        g_timeout_add(msec, on_time, &over);
        while (!over)
                g_main_context_iteration(NULL, true);
        /* What was due by then may have had other things follow it. */
        while (g_main_context_iteration(NULL, false))
                ;
}

static void on_changed(void *userdata) {
}

static Display *begin(FollowPolicy policy, const char *desktop) {
        g_autofree Layout *first = g_new0(Layout, 1);

        set_size(first, 800);
        mutter = (Played){};
        xrandr = (Played){.present = true, .layout = *first, .preferred = *first};
        xrandr.preferred.monitors[0].given &= ~(1U << LAYOUT_X | 1U << LAYOUT_Y);
        g_setenv("XDG_CURRENT_DESKTOP", desktop, true);
        g_unsetenv("WAYLAND_DISPLAY"); /* whoever runs this has no part in it */
        return display_new(NULL, policy, on_changed, NULL);
}

static void test_follows(void) {
        Display *d = begin(FOLLOW_AUTO, "XFCE");

        g_assert_cmpstr(display_backend(d), ==, "xrandr");
        /* Nothing has changed yet. */
        tell(&xrandr);
        pass(400);
        g_assert_cmpuint(xrandr.applied, ==, 0);
        /* A window that is being resized: the last size counts, once. */
        for (int32_t width = 801; width <= 820; width++) {
                prefer(width);
                pass(5);
        }
        g_assert_cmpuint(xrandr.applied, ==, 0);
        pass(500);
        g_assert_cmpuint(xrandr.applied, ==, 1);
        g_assert_cmpint(xrandr.asked.monitors[0].width, ==, 820);
        /* It has not become so, as the server refused it: that is the end of it. */
        tell(&xrandr);
        pass(500);
        g_assert_cmpuint(xrandr.applied, ==, 1);
        display_free(d);
}

/* What the desktop does, or the user has chosen. */
static void test_leaves_alone(void) {
        Display *d = begin(FOLLOW_AUTO, "XFCE");

        prefer(900);
        pass(100);
        set_size(&xrandr.layout, 900); /* the desktop is faster */
        tell(&xrandr);
        pass(500);
        g_assert_cmpuint(xrandr.applied, ==, 0);
        set_size(&xrandr.layout, 640); /* the user's own choice */
        tell(&xrandr);
        pass(500);
        g_assert_cmpuint(xrandr.applied, ==, 0);
        prefer(901); /* until the hardware wants something else */
        pass(500);
        g_assert_cmpuint(xrandr.applied, ==, 1);
        display_free(d);
}

static void test_policy(void) {
        static const struct {
                FollowPolicy policy;
                const char *desktop;
                unsigned applied;
        } cases[] = {
                {FOLLOW_AUTO, "ubuntu:GNOME", 0},
                {FOLLOW_ALWAYS, "ubuntu:GNOME", 1},
                {FOLLOW_NEVER, "XFCE", 0},
                {FOLLOW_ALWAYS, "XFCE", 1},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                Display *d = begin(cases[i].policy, cases[i].desktop);

                prefer(900);
                pass(500);
                g_assert_cmpuint(xrandr.applied, ==, cases[i].applied);
                display_free(d);
        }
}

/* The one that comes first in the list counts while it is there; what it does not follow nobody does. */
static void test_back_ends(void) {
        Display *d = begin(FOLLOW_ALWAYS, "GNOME");

        mutter.present = true;
        set_size(&mutter.layout, 1024);
        tell(&mutter);
        g_assert_cmpstr(display_backend(d), ==, "mutter");
        g_assert_cmpint(display_layout(d)->monitors[0].width, ==, 1024);
        prefer(900);
        pass(500);
        g_assert_cmpuint(mutter.applied + xrandr.applied, ==, 0);
        mutter.present = false;
        tell(&mutter);
        g_assert_cmpstr(display_backend(d), ==, "xrandr");
        xrandr.present = false;
        tell(&xrandr);
        g_assert_null(display_backend(d));
        g_assert_null(display_layout(d));
        display_free(d);
}

/* A wish that comes while one is being carried out waits, and the newest counts. */
static void test_one_at_a_time(void) {
        Display *d = begin(FOLLOW_ALWAYS, "");

        xrandr.does_not_answer = true;
        prefer(900);
        pass(400);
        g_assert_cmpuint(xrandr.applied, ==, 1);
        prefer(901);
        pass(400);
        prefer(902);
        pass(400);
        g_assert_cmpuint(xrandr.applied, ==, 1);
        display_free(d);
}

/* A bus of two, for calls that are real. */

typedef struct Bus {
        GDBusConnection *ends[2]; /* who asks, and who is asked */
        Display *display;
} Bus;

typedef struct Answer {
        bool there;
        char *error; /* its name, or NULL */
} Answer;

static void on_connected(GObject *source, GAsyncResult *result, gpointer userdata) {
        g_autoptr(GError) error = NULL;

        *(GDBusConnection **) userdata = g_dbus_connection_new_finish(result, &error);
        g_assert_no_error(error);
}

static void on_call(GDBusConnection *bus, const char *sender, const char *path, const char *interface,
                    const char *method, GVariant *arguments, GDBusMethodInvocation *invocation,
                    gpointer userdata) {
        const Bus *b = userdata;
        g_autoptr(GVariant) layout = NULL;
        gboolean verify;

        g_variant_get(arguments, "(@aa{sv}b)", &layout, &verify);
        display_apply(b->display, layout, verify, invocation);
}

static void on_answer(GObject *bus, GAsyncResult *result, gpointer userdata) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) value = g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, &error);
        Answer *answer = userdata;

        answer->there = true;
        answer->error = value ? NULL : g_dbus_error_get_remote_error(error);
}

static void bus_open(Bus *b, Display *d) {
        static const GDBusConnectionFlags flags[] = {
                G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT,
                G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER |
                        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_ALLOW_ANONYMOUS,
        };
        static const GDBusInterfaceVTable vtable = {.method_call = on_call};
        g_autoptr(GDBusNodeInfo) node = g_dbus_node_info_new_for_xml(
                "<node><interface name='a.b'><method name='Apply'><arg type='aa{sv}' direction='in'/>"
                "<arg type='b' direction='in'/><arg type='aa{sv}' direction='out'/></method></interface>"
                "</node>",
                NULL);
        g_autofree char *guid = g_dbus_generate_guid();
        int fds[2];

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
        *b = (Bus){.display = d};
        for (size_t i = 0; i < G_N_ELEMENTS(fds); i++) {
                g_autoptr(GSocket) socket = g_socket_new_from_fd(fds[i], NULL);
                g_autoptr(GSocketConnection) stream = g_socket_connection_factory_create_connection(socket);

                g_dbus_connection_new(G_IO_STREAM(stream), i > 0 ? guid : NULL, flags[i], NULL, NULL,
                                      on_connected, &b->ends[i]);
        }
        while (!b->ends[0] || !b->ends[1])
                g_main_context_iteration(NULL, true);
        g_assert_cmpuint(g_dbus_connection_register_object(b->ends[1], "/", node->interfaces[0], &vtable, b,
                                                           NULL, NULL),
                         >, 0);
}

static void bus_close(Bus *b) {
        for (size_t i = 0; i < G_N_ELEMENTS(b->ends); i++) {
                (void) g_dbus_connection_close_sync(b->ends[i], NULL, NULL);
                g_object_unref(b->ends[i]);
        }
}

static void ask(Bus *b, const char *layout, bool verify, Answer *answer) {
        *answer = (Answer){};
        g_dbus_connection_call(b->ends[0], NULL, "/", "a.b", "Apply",
                               g_variant_new("(@aa{sv}b)", g_variant_new_parsed(layout), verify), NULL,
                               G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_answer, answer);
}

static void assert_answer(Answer *answer, const char *error) {
        while (!answer->there)
                g_main_context_iteration(NULL, true);
        g_assert_cmpstr(answer->error, ==, error);
        g_clear_pointer(&answer->error, g_free);
}

#define SMALL "@aa{sv} [{'width':<640>,'height':<480>}]"

static void test_asked(void) {
        Display *d = begin(FOLLOW_NEVER, "");
        Answer first, second, third;
        Bus b;

        bus_open(&b, d);
        ask(&b, "@aa{sv} []", false, &first);
        assert_answer(&first, "org.freedesktop.DBus.Error.InvalidArgs");
        ask(&b, SMALL, false, &first);
        assert_answer(&first, NULL);
        g_assert_cmpuint(xrandr.applied, ==, 1);
        g_assert_cmpint(xrandr.asked.monitors[0].width, ==, 640);
        /* One is being carried out, one is overtaken while it waits, and one waits. */
        xrandr.does_not_answer = true;
        ask(&b, SMALL, false, &first);
        while (xrandr.applied < 2)
                g_main_context_iteration(NULL, true);
        ask(&b, SMALL, false, &second);
        ask(&b, "@aa{sv} [{'width':<641>,'height':<480>}]", false, &third);
        assert_answer(&second, "org.ovirt.GuestAgent1.Error.Superseded");
        g_assert_false(first.there || third.there);
        g_assert_cmpuint(xrandr.applied, ==, 2);
        xrandr.does_not_answer = false;
        xrandr.done(NULL, "It is so with DUMMY\xff", xrandr.userdata);
        assert_answer(&first, "org.freedesktop.DBus.Error.Failed");
        assert_answer(&third, NULL);
        g_assert_cmpint(xrandr.asked.monitors[0].width, ==, 641);
        xrandr.present = false;
        tell(&xrandr);
        ask(&b, SMALL, false, &first);
        assert_answer(&first, "org.freedesktop.DBus.Error.NotSupported");
        bus_close(&b);
        display_free(d);
}

/* What the hardware prefers right after it was made to do something is no wish of its own. */
static void test_echo(void) {
        Display *d = begin(FOLLOW_ALWAYS, "");
        Answer answer;
        Bus b;

        bus_open(&b, d);
        ask(&b, SMALL, true, &answer);
        assert_answer(&answer, NULL);
        prefer(901); /* nothing was done */
        pass(500);
        g_assert_cmpuint(xrandr.applied, ==, 2);
        ask(&b, SMALL, false, &answer);
        assert_answer(&answer, NULL);
        prefer(902);
        pass(500);
        g_assert_cmpuint(xrandr.applied, ==, 3);
        pass(700);
        prefer(903);
        pass(500);
        g_assert_cmpuint(xrandr.applied, ==, 4);
        g_assert_cmpint(xrandr.asked.monitors[0].width, ==, 903);
        bus_close(&b);
        display_free(d);
}

/* Neither a question nor a wish of the hardware's takes the place of a layout that waits. */
static void test_keeps_its_place(void) {
        Display *d = begin(FOLLOW_ALWAYS, "");
        Answer first, second, question;
        Bus b;

        bus_open(&b, d);
        xrandr.does_not_answer = true;
        ask(&b, SMALL, true, &first);
        while (xrandr.applied < 1)
                g_main_context_iteration(NULL, true);
        ask(&b, "@aa{sv} [{'width':<641>,'height':<480>}]", false, &second);
        ask(&b, SMALL, true, &question);
        assert_answer(&question, "org.ovirt.GuestAgent1.Error.Superseded");
        prefer(901);
        pass(500);
        g_assert_false(first.there || second.there);
        xrandr.done(&xrandr.asked, NULL, xrandr.userdata);
        assert_answer(&first, NULL);
        while (xrandr.applied < 2)
                g_main_context_iteration(NULL, true);
        g_assert_false(xrandr.verify);
        g_assert_cmpint(xrandr.asked.monitors[0].width, ==, 641);
        prefer(902); /* while it is being carried out */
        pass(500);
        xrandr.does_not_answer = false;
        xrandr.done(&xrandr.asked, NULL, xrandr.userdata);
        assert_answer(&second, NULL);
        pass(100);
        g_assert_cmpuint(xrandr.applied, ==, 2);
        bus_close(&b);
        display_free(d);
}

/* Who goes while he is asked answers once; what waits is not his any more. */
static void test_goes_in_the_middle(void) {
        Display *d = begin(FOLLOW_NEVER, "");
        Answer first, second;
        Bus b;

        bus_open(&b, d);
        mutter.present = mutter.does_not_answer = true;
        tell(&mutter);
        ask(&b, SMALL, false, &first);
        while (mutter.applied < 1)
                g_main_context_iteration(NULL, true);
        ask(&b, SMALL, false, &second);
        pass(50);
        mutter.present = false;
        tell(&mutter);
        g_assert_cmpuint(xrandr.applied, ==, 0);
        mutter.done(NULL, "It is gone", mutter.userdata);
        assert_answer(&first, "org.freedesktop.DBus.Error.Failed");
        assert_answer(&second, NULL);
        g_assert_cmpuint(mutter.applied, ==, 1);
        g_assert_cmpuint(xrandr.applied, ==, 1);
        bus_close(&b);
        display_free(d);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/display/follows", test_follows);
        g_test_add_func("/display/leaves-alone", test_leaves_alone);
        g_test_add_func("/display/policy", test_policy);
        g_test_add_func("/display/back-ends", test_back_ends);
        g_test_add_func("/display/one-at-a-time", test_one_at_a_time);
        g_test_add_func("/display/asked", test_asked);
        g_test_add_func("/display/echo", test_echo);
        g_test_add_func("/display/keeps-its-place", test_keeps_its_place);
        g_test_add_func("/display/goes-in-the-middle", test_goes_in_the_middle);
        return g_test_run();
}
