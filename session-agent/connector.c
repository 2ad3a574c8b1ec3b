/* SPDX-License-Identifier: Apache-2.0 */
#include "connector.h"

#include <glib.h>
#include <string.h>

/* Names that display servers have for what no cable goes to. */
static const char *const prefixes[] = {
        "Virtual",  /* the kernel's, and drivers' of before */
        "qxl-",     /* an old driver */
        "DUMMY",    /* Xorg's driver of that name */
        "VNC-",     /* Xvnc */
        "screen",   /* Xvfb */
        "default",  /* drivers that know of no outputs */
        "Meta-",    /* mutter without a display */
        "HEADLESS", /* wlroots without a display */
        "X11-",     /* wlroots in a window */
        "WL-",
};
/* Emulated cards whose connector may have a real one's name. */
static const char *const drivers[] = {
        "bochs-drm", "cirrus", "cirrus-qemu", "hyperv_drm", "qxl",
        "vboxvideo", "vmwgfx", "virtio_gpu",  "virtio-pci", "simple-framebuffer",
};

static bool is_emulated(const char *sysfs, const char *card) {
        g_autofree char *link = g_build_filename(sysfs, "class/drm", card, "device/driver", NULL);
        g_autofree char *target = g_file_read_link(link, NULL);
        g_autofree char *driver = target ? g_path_get_basename(target) : NULL;

        for (size_t i = 0; driver && i < G_N_ELEMENTS(drivers); i++)
                if (g_str_equal(driver, drivers[i]))
                        return true;
        return false;
}

bool connector_is_virtual(const char *name, const char *sysfs) {
        g_autofree char *folder = g_build_filename(sysfs, "class/drm", NULL);
        g_autoptr(GDir) entries = NULL;
        const char *entry;

        for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++)
                if (g_str_has_prefix(name, prefixes[i]))
                        return true;
        /* "card0-VGA-1" is a connector of "card0". */
        entries = g_dir_open(folder, 0, NULL);
        while (entries && (entry = g_dir_read_name(entries))) {
                const char *dash = strchr(entry, '-');
                g_autofree char *card = dash ? g_strndup(entry, (gsize) (dash - entry)) : NULL;

                if (card && g_str_equal(dash + 1, name))
                        return is_emulated(sysfs, card);
        }
        return false;
}
