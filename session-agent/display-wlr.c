/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <glib-unix.h>

#include "display-ops.h"
#include "wlr-outputs.h"

#define READ_MAX 65536U
/* Without an answer. */
#define ANSWER_MSEC 4000
/* From "done" until the outputs are what they were to be: many compositors draw a picture before. */
#define SETTLE_MSEC 1000
/* While others arrange the outputs as well. */
#define TRIES 3

typedef enum Stage {
        IDLE,
        ASKED,    /* whether it could be, or for it */
        SETTLING, /* the compositor says that it has done it */
        RESTORING,
} Stage;

/* Compositors of wlroots, and others with its extension. */
typedef struct Wlr {
        const DisplayEvents *events;
        GSocket *socket;
        unsigned input;
        GByteArray *received, *to_send;
        WlrOutputs *outputs;
        bool told;
        Layout layout;

        /* The request, while there is one. */
        Stage stage;
        unsigned deadline, tries;
        DisplayDone done;
        void *userdata;
        Layout wanted, result;
        bool verify;
        WlrSetup before; /* and what the desktop looked like by it */
        Layout shown;
        const char *reason; /* why what was before is asked for again */
} Wlr;

static void finish(Wlr *w, const char *reason) {
        w->stage = IDLE;
        g_clear_handle_id(&w->deadline, g_source_remove);
        w->done(reason ? NULL : &w->result, reason, w->userdata);
}

static void hang_up(Wlr *w) {
        bool told = w->told;

        g_clear_handle_id(&w->input, g_source_remove);
        g_clear_object(&w->socket);
        w->told = false;
        if (w->stage != IDLE)
                finish(w, "The compositor is gone");
        if (told)
                w->events->changed(w->events->userdata);
}

/* What is sent is little, and whoever does not read it is no help. */
static bool flush(Wlr *w) {
        gssize n = g_socket_send(w->socket, (const char *) w->to_send->data, w->to_send->len, NULL, NULL);
        bool whole = n == (gssize) w->to_send->len;

        g_byte_array_set_size(w->to_send, 0);
        return whole;
}

/* --- a request ---------------------------------------------------------------------------------------- */

static gboolean on_deadline(gpointer userdata);

static void ask(Wlr *w, Stage stage, const WlrSetup *setup, bool verify) {
        w->stage = stage;
        g_clear_handle_id(&w->deadline, g_source_remove);
        w->deadline = g_timeout_add(ANSWER_MSEC, on_deadline, w);
        wlr_outputs_ask(w->outputs, setup, verify);
}

/* Some have done half of what they then refuse. Those that say that all is off are not to be believed. */
static void restore(Wlr *w, const char *reason) {
        bool any = false;

        for (unsigned i = 0; i < w->before.n; i++)
                any = any || w->before.outputs[i].enabled;
        w->reason = reason;
        w->tries = 0;
        if (any)
                ask(w, RESTORING, &w->before, false);
        else
                finish(w, reason);
}

static gboolean on_deadline(gpointer userdata) {
        Wlr *w = userdata;

        w->deadline = 0;
        if (w->stage == SETTLING) {
                restore(w, "The compositor has not done it");
                if (w->stage != IDLE && !flush(w))
                        hang_up(w);
        } else
                hang_up(w); /* an answer that comes after all would be taken for another's */
        return G_SOURCE_REMOVE;
}

static void attempt(Wlr *w) {
        g_autoptr(MutterState) state = wlr_outputs_state(w->outputs, &w->wanted);
        g_autoptr(GVariant) config = NULL;
        g_autofree char *reason = mutter_state_plan(state, &w->wanted, &config, &w->result);
        g_autofree WlrSetup *setup = g_new0(WlrSetup, 1);

        if (reason) {
                finish(w, reason);
                return;
        }
        /* There is no primary one here. */
        for (unsigned i = 0; i < w->result.n; i++)
                (void) monitor_set_bool(&w->result.monitors[i], LAYOUT_PRIMARY, false);
        wlr_outputs_now(w->outputs, &w->before);
        w->shown = w->layout;
        wlr_outputs_planned(w->outputs, config, &w->result, setup);
        ask(w, ASKED, setup, w->verify);
}

static void on_answer(Wlr *w, WlrNews news) {
        if (w->stage == RESTORING && !layout_equal(&w->layout, &w->shown) && ++w->tries < TRIES)
                ask(w, RESTORING, &w->before, false); /* what was off has come back, but elsewhere */
        else if (w->stage == RESTORING)
                finish(w, w->reason);
        else if (news == WLR_CANCELLED && ++w->tries < TRIES)
                attempt(w);
        else if (news == WLR_CANCELLED)
                finish(w, "Others arrange the monitors at the same time");
        else if (news == WLR_FAILED && w->verify)
                finish(w, "The compositor would refuse it");
        else if (news == WLR_FAILED)
                restore(w, "The compositor has refused it");
        else if (w->verify || layout_is_now(&w->result, &w->layout))
                finish(w, NULL);
        else {
                w->stage = SETTLING;
                g_clear_handle_id(&w->deadline, g_source_remove);
                w->deadline = g_timeout_add(SETTLE_MSEC, on_deadline, w);
        }
}

/* --- the connection ----------------------------------------------------------------------------------- */

static void on_state(Wlr *w) {
        g_autoptr(MutterState) state = wlr_outputs_state(w->outputs, NULL);
        g_autofree Layout *layout = g_new0(Layout, 1);
        bool changed;

        mutter_state_layout(state, layout);
        changed = !w->told || !layout_equal(layout, &w->layout);
        w->layout = *layout;
        w->told = true;
        if (changed)
                w->events->changed(w->events->userdata);
        if (w->stage == SETTLING && layout_is_now(&w->result, &w->layout))
                finish(w, NULL);
}

/* False if that was the end. */
static bool take(Wlr *w, WireMessage *m) {
        WlrNews news;

        if (wlr_outputs_take(w->outputs, m, &news) < 0 || news == WLR_UNKNOWN)
                return false;
        if (news == WLR_STATE)
                on_state(w);
        else if (news != WLR_NOTHING)
                on_answer(w, news);
        return true;
}

static bool take_all(Wlr *w) {
        size_t done = 0;
        ssize_t n = 0;

        for (;;) {
                WireMessage m;

                n = wire_next(w->received->data + done, w->received->len - done, &m);
                if (n <= 0)
                        break;
                if (!take(w, &m))
                        return false;
                done += (size_t) n;
        }
        g_byte_array_remove_range(w->received, 0, (unsigned) done);
        return n == 0 && flush(w);
}

static gboolean on_input(int fd, GIOCondition condition, gpointer userdata) {
        g_autofree char *data = g_malloc(READ_MAX);
        g_autoptr(GError) error = NULL;
        Wlr *w = userdata;
        gssize n = g_socket_receive(w->socket, data, READ_MAX, NULL, &error);

        if (n < 0 && g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
                return G_SOURCE_CONTINUE;
        if (n > 0)
                g_byte_array_append(w->received, (const uint8_t *) data, (unsigned) n);
        if (n > 0 && take_all(w))
                return G_SOURCE_CONTINUE;
        w->input = 0;
        hang_up(w);
        return G_SOURCE_REMOVE;
}

static GSocket *connect_to(const char *name) {
        g_autofree char *path = g_path_is_absolute(name)
                                        ? g_strdup(name)
                                        : g_build_filename(g_get_user_runtime_dir(), name, NULL);
        g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
        g_autoptr(GSocket) s = g_socket_new(G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, 0, NULL);

        if (!s)
                return NULL;
        g_socket_set_blocking(s, false);
        return g_socket_connect(s, address, NULL, NULL) ? g_steal_pointer(&s) : NULL;
}

static void wlr_free(void *self) {
        Wlr *w = self;

        g_clear_handle_id(&w->input, g_source_remove);
        g_clear_handle_id(&w->deadline, g_source_remove);
        g_clear_object(&w->socket);
        wlr_outputs_free(w->outputs);
        g_byte_array_unref(w->received);
        g_byte_array_unref(w->to_send);
        g_free(w);
}

static void *wlr_new(const Desktop *desktop, const DisplayEvents *events) {
        const char *name = g_getenv("WAYLAND_DISPLAY");
        GSocket *socket =
                name && g_strcmp0(g_getenv("XDG_SESSION_TYPE"), "x11") != 0 ? connect_to(name) : NULL;
        Wlr *w;

        if (!socket)
                return NULL;
        w = g_new0(Wlr, 1);
        w->events = events;
        w->socket = socket;
        w->received = g_byte_array_new();
        w->to_send = g_byte_array_new();
        w->outputs = wlr_outputs_new(w->to_send);
        w->input = g_unix_fd_add(g_socket_get_fd(socket), G_IO_IN, on_input, w);
        if (!flush(w)) {
                wlr_free(w);
                return NULL;
        }
        return w;
}

static const Layout *wlr_layout(void *self) {
        const Wlr *w = self;

        return w->told ? &w->layout : NULL;
}

static void wlr_apply(void *self, const Layout *wanted, bool verify, DisplayDone done, void *userdata) {
        Wlr *w = self;

        w->wanted = *wanted;
        w->verify = verify;
        w->done = done;
        w->userdata = userdata;
        w->tries = 0;
        attempt(w);
        if (w->stage != IDLE && !flush(w))
                hang_up(w);
}

const DisplayOps display_wlr = {
        .name = "wlroots",
        .new = wlr_new,
        .free = wlr_free,
        .layout = wlr_layout,
        .apply = wlr_apply,
};
