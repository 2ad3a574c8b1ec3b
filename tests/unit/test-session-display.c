/* SPDX-License-Identifier: Apache-2.0 */
#include "display.h"

#include "display-ops.h"

/* Two back-ends in place of the real ones: what is followed, when, and by which of them. */
typedef struct Played {
        const DisplayEvents *events;
        bool present;
        Layout layout, preferred;
        unsigned applied;
        Layout asked;
        bool does_not_answer;
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

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/display/follows", test_follows);
        g_test_add_func("/display/leaves-alone", test_leaves_alone);
        g_test_add_func("/display/policy", test_policy);
        g_test_add_func("/display/back-ends", test_back_ends);
        g_test_add_func("/display/one-at-a-time", test_one_at_a_time);
        return g_test_run();
}
