/* SPDX-License-Identifier: Apache-2.0 */
#include "channels.h"

static void on_changed(void *userdata) {
        ++*(unsigned *) userdata;
}

static void test_channels(void) {
        unsigned changes = 0;
        _cleanup_(channels_freep) Channels *c = channels_new(on_changed, &changes);
        Channel *first = channels_add(c, "vdsm"), *second = channels_add(c, "other");

        g_assert_true(channels_get(c, 0) == first && channels_get(c, 1) == second);
        g_assert_null(channels_get(c, 2));
        g_assert_cmpstr(channel_name(second), ==, "other");
        g_assert_cmpstr(channel_port(first), ==, "");
        g_assert_false(channel_host_connected(first));
        g_assert_cmpuint(channel_version(first), ==, 0);
        g_assert_cmpuint(channel_last_heartbeat(first), ==, 0);
        g_assert_cmpuint(changes, ==, 0);

        channel_set_link(first, "/dev/vport1p1", true);
        g_assert_cmpuint(changes, ==, 1);
        g_assert_cmpstr(channel_port(first), ==, "/dev/vport1p1");
        g_assert_true(channel_host_connected(first));
        g_assert_cmpstr(channel_port(second), ==, "");

        channel_set_version(first, 3);
        g_assert_cmpuint(changes, ==, 2);
        channel_set_version(first, 3); /* no news */
        g_assert_cmpuint(changes, ==, 2);
        g_assert_cmpuint(channel_version(first), ==, 3);
        g_assert_cmpuint(channel_version(second), ==, 0);

        channel_beat(first);
        g_assert_cmpuint(changes, ==, 2);
        g_assert_cmpuint(channel_last_heartbeat(first), <=, (uint64_t) g_get_real_time());
        g_assert_cmpuint(channel_last_heartbeat(first), >, (uint64_t) g_get_real_time() - 60000000);

        channel_set_link(first, NULL, false);
        g_assert_cmpuint(changes, ==, 3);
        g_assert_cmpstr(channel_port(first), ==, "");
        g_assert_false(channel_host_connected(first));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/channels", test_channels);
        return g_test_run();
}
