/* SPDX-License-Identifier: Apache-2.0 */
#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>

#include "display-ops.h"
#include "xrandr.h"

/* Changes come in bursts: a new monitor's size, the screen's, a window manager's. */
#define READ_MSEC 100
#define EVENTS                                                                                              \
        (XCB_RANDR_NOTIFY_MASK_SCREEN_CHANGE | XCB_RANDR_NOTIFY_MASK_CRTC_CHANGE |                          \
         XCB_RANDR_NOTIFY_MASK_OUTPUT_CHANGE)

typedef struct Xorg {
        const DisplayEvents *events;
        XRandr x;
        uint8_t first_event;
        unsigned input, reading;
        bool hardware;  /* an output has changed, so that what it prefers is to be asked for */
        Layout *layout; /* NULL while the server is not there */
        Layout preferred;
        bool preferred_known;
} Xorg;

static void xorg_free(void *self) {
        Xorg *g = self;

        g_clear_handle_id(&g->input, g_source_remove);
        g_clear_handle_id(&g->reading, g_source_remove);
        if (g->x.connection)
                xcb_disconnect(g->x.connection);
        g_free(g->layout);
        g_free(g);
}

static bool read_layout(Xorg *g, bool probe) {
        g_autoptr(XState) s = xstate_read(&g->x, probe);
        g_autofree Layout *now = NULL;
        bool changed;

        if (!s) {
                changed = g->layout;
                g_clear_pointer(&g->layout, g_free);
                return changed;
        }
        now = g_new0(Layout, 1);
        xstate_layout(s, now);
        changed = probe || !g->layout || !layout_equal(now, g->layout);
        g->preferred_known = xstate_preferred(&g->x, s, &g->preferred);
        g_free(g->layout);
        g->layout = g_steal_pointer(&now);
        return changed;
}

static void check_events(Xorg *g);

static gboolean on_reading(gpointer userdata) {
        Xorg *g = userdata;
        bool probe = g->hardware;

        g->reading = 0;
        g->hardware = false;
        if (read_layout(g, probe))
                g->events->changed(g->events->userdata);
        check_events(g);
        return G_SOURCE_REMOVE;
}

static void lose(Xorg *g) {
        bool had = g->layout;

        g_debug("The X server is gone");
        g_clear_handle_id(&g->input, g_source_remove);
        g_clear_handle_id(&g->reading, g_source_remove);
        g_clear_pointer(&g->layout, g_free);
        if (had)
                g->events->changed(g->events->userdata);
}

static void on_event(Xorg *g, const xcb_generic_event_t *event) {
        uint8_t type = event->response_type & 0x7f;

        if (type == g->first_event + XCB_RANDR_SCREEN_CHANGE_NOTIFY) {
                const xcb_randr_screen_change_notify_event_t *e = (const void *) event;

                g->x.width_mm = e->mwidth;
                g->x.height_mm = e->mheight;
        } else if (type == g->first_event + XCB_RANDR_NOTIFY) {
                const xcb_randr_notify_event_t *e = (const void *) event;

                g->hardware = g->hardware || e->subCode == XCB_RANDR_NOTIFY_OUTPUT_CHANGE;
        } else
                return;
        if (g->reading == 0)
                g->reading = g_timeout_add(READ_MSEC, on_reading, g);
}

/* Replies are read together with the events before them: whoever has asked for something looks here
 * afterwards. */
static void check_events(Xorg *g) {
        xcb_generic_event_t *event;

        while ((event = xcb_poll_for_event(g->x.connection))) {
                on_event(g, event);
                free(event);
        }
        if (xcb_connection_has_error(g->x.connection) && g->input > 0)
                lose(g);
}

static gboolean on_input(int fd, GIOCondition condition, gpointer userdata) {
        Xorg *g = userdata;

        check_events(g);
        return g->input > 0 ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static bool has_extension(xcb_connection_t *connection, const char *name) {
        xcb_query_extension_reply_t *reply = xcb_query_extension_reply(
                connection, xcb_query_extension(connection, (uint16_t) strlen(name), name), NULL);
        bool present = reply && reply->present;

        free(reply);
        return present;
}

/* What XRandR shows there is not the user's arrangement, and setting it changes nothing that he sees. */
static bool is_xwayland(const Layout *l, xcb_connection_t *connection) {
        for (unsigned i = 0; i < l->n; i++)
                if (g_str_has_prefix(l->monitors[i].connector, "XWAYLAND"))
                        return true;
        return has_extension(connection, "XWAYLAND");
}

static bool has_randr(xcb_connection_t *connection) {
        xcb_randr_query_version_reply_t *reply;
        bool enough;

        if (!xcb_get_extension_data(connection, &xcb_randr_id)->present)
                return false;
        reply = xcb_randr_query_version_reply(connection, xcb_randr_query_version(connection, 1, 3), NULL);
        enough = reply && (reply->major_version > 1 || reply->minor_version >= 3);
        free(reply);
        return enough;
}

static bool open_display(Xorg *g) {
        xcb_screen_iterator_t screens;
        const xcb_screen_t *screen;
        int number = 0;

        g->x.connection = xcb_connect(NULL, &number);
        if (xcb_connection_has_error(g->x.connection) || !has_randr(g->x.connection))
                return false;
        screens = xcb_setup_roots_iterator(xcb_get_setup(g->x.connection));
        while (number-- > 0 && screens.rem > 1)
                xcb_screen_next(&screens);
        screen = screens.data;
        g->x.root = screen->root;
        g->x.width_mm = screen->width_in_millimeters;
        g->x.height_mm = screen->height_in_millimeters;
        g->first_event = xcb_get_extension_data(g->x.connection, &xcb_randr_id)->first_event;
        (void) xcb_randr_select_input(g->x.connection, g->x.root, EVENTS);
        return read_layout(g, false) && !is_xwayland(g->layout, g->x.connection);
}

static void *xorg_new(const Desktop *desktop, const DisplayEvents *events) {
        Xorg *g;

        /* Where there is a Wayland compositor, an X server is only its guest. */
        if (!g_getenv("DISPLAY") || g_getenv("WAYLAND_DISPLAY") ||
            g_strcmp0(g_getenv("XDG_SESSION_TYPE"), "wayland") == 0)
                return NULL;
        g = g_new0(Xorg, 1);
        g->events = events;
        if (!open_display(g)) {
                g_debug("No X server with RandR here");
                xorg_free(g);
                return NULL;
        }
        g->input = g_unix_fd_add(xcb_get_file_descriptor(g->x.connection), G_IO_IN, on_input, g);
        check_events(g);
        return g;
}

static const Layout *xorg_layout(void *self) {
        const Xorg *g = self;

        return g->layout;
}

static void xorg_apply(void *self, const Layout *wanted, bool verify, DisplayDone done, void *userdata) {
        Xorg *g = self;
        g_autofree Layout *result = g_new0(Layout, 1);
        g_autofree char *reason = NULL;

        check_events(g);
        reason = xrandr_apply(&g->x, wanted, verify, result);
        if (!verify && read_layout(g, false))
                g->events->changed(g->events->userdata);
        done(reason ? NULL : result, reason, userdata);
        check_events(g);
}

static bool xorg_preferred(void *self, Layout *ret) {
        const Xorg *g = self;

        if (g->preferred_known)
                *ret = g->preferred;
        return g->preferred_known;
}

const DisplayOps display_xrandr = {
        .name = "xrandr",
        .new = xorg_new,
        .free = xorg_free,
        .layout = xorg_layout,
        .apply = xorg_apply,
        .preferred = xorg_preferred,
};
