/* SPDX-License-Identifier: Apache-2.0 */
#include "connector.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <unistd.h>

static void test_names(void) {
        static const char *const own[] = {"Virtual-1", "Virtual1", "DUMMY0",     "VNC-0",
                                          "screen",    "Meta-0",   "HEADLESS-1", "default"};
        static const char *const others[] = {"HDMI-1", "DP-2", "eDP-1", "VGA-1", "LVDS1", "", "XWAYLAND0"};

        for (size_t i = 0; i < G_N_ELEMENTS(own); i++)
                g_assert_true(connector_is_virtual(own[i], "/nonexistent"));
        for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
                g_assert_false(connector_is_virtual(others[i], "/nonexistent"));
}

/* Names that real cards have, too: the card tells. */
static void test_cards(void) {
        g_autoptr(GError) error = NULL;
        g_autofree char *root = g_dir_make_tmp("connector-XXXXXX", &error);
        static const struct {
                const char *connector, *card, *driver;
        } cards[] = {
                {"VGA-1", "card0", "cirrus"},
                {"DP-1", "card1", "amdgpu"},
                {"HDMI-A-1", "card2", "vboxvideo"},
                {"VGA-2", "card3", NULL},
        };

        g_assert_no_error(error);
        for (size_t i = 0; i < G_N_ELEMENTS(cards); i++) {
                g_autofree char *device = g_build_filename(root, "class/drm", cards[i].card, "device", NULL);
                g_autofree char *entry =
                        g_strdup_printf("%s/class/drm/%s-%s", root, cards[i].card, cards[i].connector);
                g_autofree char *link = g_build_filename(device, "driver", NULL);
                g_autofree char *driver =
                        g_build_filename("../../../bus/pci/drivers", cards[i].driver, NULL);

                g_assert_cmpint(g_mkdir_with_parents(device, 0700), ==, 0);
                g_assert_cmpint(g_mkdir_with_parents(entry, 0700), ==, 0);
                if (cards[i].driver)
                        g_assert_cmpint(symlink(driver, link), ==, 0);
        }
        g_assert_true(connector_is_virtual("VGA-1", root));
        g_assert_false(connector_is_virtual("DP-1", root));
        g_assert_true(connector_is_virtual("HDMI-A-1", root));
        g_assert_false(connector_is_virtual("VGA-2", root));
        g_assert_false(connector_is_virtual("VGA-3", root));
        g_assert_false(connector_is_virtual("1", root));

        g_autofree char *command = g_strdup_printf("rm -r '%s'", root);
        g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/connector/names", test_names);
        g_test_add_func("/connector/cards", test_cards);
        return g_test_run();
}
