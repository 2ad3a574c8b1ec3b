/* SPDX-License-Identifier: Apache-2.0 */
#include "follow.h"

static void test_names(void) {
        FollowPolicy policy;

        for (FollowPolicy p = FOLLOW_AUTO; p <= FOLLOW_NEVER; p++) {
                g_assert_true(follow_from_name(follow_name(p), &policy));
                g_assert_cmpint(policy, ==, p);
        }
        g_assert_false(follow_from_name("Auto", &policy));
        g_assert_false(follow_from_name("", &policy));
}

static void test_applies(void) {
        static const char *const able[] = {"GNOME", "ubuntu:GNOME", "GNOME-Classic:GNOME",
                                           "KDE",   "X-Cinnamon",   "Budgie:GNOME"};
        static const char *const others[] = {NULL, "",     "XFCE",  "MATE",    "LXQt",
                                             "i3", "sway", "gnome", "NotGNOME"};

        for (size_t i = 0; i < G_N_ELEMENTS(able); i++) {
                g_assert_false(follow_applies(FOLLOW_AUTO, able[i]));
                g_assert_true(follow_applies(FOLLOW_ALWAYS, able[i]));
                g_assert_false(follow_applies(FOLLOW_NEVER, able[i]));
        }
        for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
                g_assert_true(follow_applies(FOLLOW_AUTO, others[i]));
                g_assert_false(follow_applies(FOLLOW_NEVER, others[i]));
        }
}

/* Monitors "A", "B", ... of those sizes; 0 is off. */
static void make(Layout *l, int a, int b) {
        const int sizes[] = {a, b};

        *l = (Layout){};
        for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
                const char name[] = {(char) ('A' + i), 0};
                Monitor *m = layout_add(l);

                (void) monitor_set_text(m, LAYOUT_CONNECTOR, name);
                (void) monitor_set_bool(m, LAYOUT_ENABLED, sizes[i] > 0);
                (void) monitor_set_int(m, LAYOUT_WIDTH, sizes[i]);
                (void) monitor_set_int(m, LAYOUT_HEIGHT, sizes[i]);
        }
}

static void test_is_due(void) {
        static const struct {
                int preferred[2], before[2], now[2];
                bool due;
        } cases[] = {
                {{800, 0}, {640, 0}, {640, 0}, true},
                {{800, 600}, {800, 600}, {640, 480}, false},
                {{800, 0}, {640, 0}, {800, 0}, false},    /* the desktop was faster */
                {{800, 0}, {800, 0}, {640, 0}, false},    /* the user's own choice */
                {{800, 600}, {800, 0}, {800, 0}, true},   /* plugged in */
                {{800, 0}, {800, 600}, {800, 600}, true}, /* and out */
                {{800, 0}, {800, 600}, {800, 0}, false},
                {{800, 600}, {800, 0}, {800, 480}, false}, /* it is there by what somebody has set */
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                Layout preferred, before, now, merged;

                make(&preferred, cases[i].preferred[0], cases[i].preferred[1]);
                make(&before, cases[i].before[0], cases[i].before[1]);
                make(&now, cases[i].now[0], cases[i].now[1]);
                g_assert_cmpint(follow_merge(&preferred, &before, &now, &merged), ==, cases[i].due);
        }
}

/* The user's choice for one monitor stands when the other changes. */
static void test_choice(void) {
        Layout preferred, before, now, merged;

        make(&preferred, 800, 600);
        make(&before, 800, 400);
        make(&now, 640, 400);
        g_assert_true(follow_merge(&preferred, &before, &now, &merged));
        g_assert_cmpuint(merged.n, ==, 2);
        g_assert_cmpint(merged.monitors[0].width, ==, 640);
        g_assert_cmpint(merged.monitors[1].width, ==, 600);
        g_assert_false(monitor_has(&merged.monitors[1], LAYOUT_X));
}

static void test_places(void) {
        Layout preferred, before, now, merged;

        make(&preferred, 800, 600);
        make(&before, 800, 600);
        make(&now, 800, 600);
        (void) monitor_set_int(&preferred.monitors[1], LAYOUT_X, 800);
        (void) monitor_set_int(&preferred.monitors[1], LAYOUT_Y, 0);
        g_assert_true(follow_merge(&preferred, &before, &now, &merged));
        g_assert_cmpint(merged.monitors[1].x, ==, 800);
        now.monitors[1].x = 800;
        g_assert_false(follow_merge(&preferred, &before, &now, &merged));
        now.monitors[1].x = 0;
        before = preferred;
        g_assert_false(follow_merge(&preferred, &before, &now, &merged));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/follow/names", test_names);
        g_test_add_func("/follow/applies", test_applies);
        g_test_add_func("/follow/is-due", test_is_due);
        g_test_add_func("/follow/choice", test_choice);
        g_test_add_func("/follow/places", test_places);
        return g_test_run();
}
