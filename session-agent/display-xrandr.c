/* SPDX-License-Identifier: Apache-2.0 */
#include <glib-unix.h>

#include "display-ops.h"
#include "xrandr.h"

/* Changes come in bursts: a new monitor's size, the screen's, a window manager's. */
#define READ_MSEC 100
/* How long the end of the agent waits for a layout that has been begun. */
#define END_USEC (2 * G_USEC_PER_SEC)

/* What a thread does with the connection, which is its own meanwhile: Xlib waits for answers, and nobody
 * knows how long a server takes that is stopped, or that another program has grabbed. */
typedef struct Job {
        struct Xorg *owner; /* NULL: nobody wants to know */
        GThread *thread;
        GAsyncQueue *finished; /* gets the job from the thread */
        XServer *x;            /* NULL: to be opened; and when it is gone */

        Layout wanted;
        bool verify;
        DisplayDone done; /* NULL: nothing is wanted */
        void *userdata;
        Layout result;
        char *reason;

        bool probe;
        Layout *layout; /* NULL: the server did not answer, or not all of it */
        Layout preferred;
        bool preferred_known;
} Job;

typedef struct Xorg {
        const DisplayEvents *events;
        XServer *x; /* NULL while it is being opened, and when it is gone */
        Job *job, *next;
        unsigned input, reading;
        Layout *layout; /* NULL while the server is not there */
        Layout preferred;
        bool preferred_known;
} Xorg;

/* --- in a thread -------------------------------------------------------------------------------------- */

/* What XRandR shows there is not the user's arrangement, and setting it changes nothing that he sees. */
static bool is_xwayland(const Layout *l) {
        for (unsigned i = 0; i < l->n; i++)
                if (g_str_has_prefix(l->monitors[i].connector, "XWAYLAND"))
                        return true;
        return false;
}

static void read_layout(Job *j) {
        g_autoptr(XState) s = xstate_read(j->x, j->probe);

        if (!s)
                return;
        j->layout = g_new0(Layout, 1);
        xstate_layout(s, j->layout);
        j->preferred_known = xstate_preferred(j->x, s, &j->preferred);
}

static void open_server(Job *j) {
        j->x = xserver_open();
        if (j->x)
                read_layout(j);
        if (!j->layout || is_xwayland(j->layout)) {
                g_clear_pointer(&j->layout, g_free);
                j->x = xserver_free(j->x);
        }
}

static gboolean on_finished(gpointer userdata);

static void *run(void *userdata) {
        Job *j = userdata;

        if (!j->x)
                open_server(j);
        else {
                if (j->done)
                        j->reason = xrandr_apply(j->x, &j->wanted, j->verify, &j->result);
                read_layout(j);
        }
        if (j->x && j->x->gone) {
                g_clear_pointer(&j->layout, g_free);
                j->x = xserver_free(j->x);
        }
        g_async_queue_push(j->finished, j);
        (void) g_idle_add(on_finished, j);
        return NULL;
}

/* --- in the loop -------------------------------------------------------------------------------------- */

static Job *job_new(Xorg *g) {
        Job *j = g_new0(Job, 1);

        j->owner = g;
        j->finished = g_async_queue_new();
        return j;
}

static void job_free(Job *j) {
        if (!j)
                return;
        g_async_queue_unref(j->finished);
        g_free(j->layout);
        g_free(j->reason);
        g_free(j);
}

/* Each job ends with reading, so what was to be read anyway is read then. */
static void start(Xorg *g, Job *j) {
        g_clear_handle_id(&g->input, g_source_remove);
        g_clear_handle_id(&g->reading, g_source_remove);
        g->job = j;
        j->x = g->x;
        if (j->x) {
                j->probe = j->x->output_changed;
                j->x->output_changed = false;
        }
        j->thread = g_thread_new("xserver", run, j);
}

static gboolean on_reading(gpointer userdata) {
        Xorg *g = userdata;

        g->reading = 0;
        start(g, job_new(g));
        return G_SOURCE_REMOVE;
}

/* Takes what has been read: NULL if the server is gone. */
static void take_layout(Xorg *g, Layout *layout, bool probed) {
        bool changed = layout ? probed || !g->layout || !layout_equal(layout, g->layout) : g->layout != NULL;

        g_free(g->layout);
        g->layout = layout;
        if (!g->x)
                g_debug("No X server with RandR here");
        if (changed)
                g->events->changed(g->events->userdata);
}

static void check_events(Xorg *g) {
        xserver_read_events(g->x);
        if (g->x->gone) {
                g_clear_handle_id(&g->input, g_source_remove);
                g_clear_handle_id(&g->reading, g_source_remove);
                g->x = xserver_free(g->x);
                take_layout(g, NULL, false);
                return;
        }
        if (g->x->changed && g->reading == 0)
                g->reading = g_timeout_add(READ_MSEC, on_reading, g);
        g->x->changed = false;
}

static gboolean on_input(int fd, GIOCondition condition, gpointer userdata) {
        Xorg *g = userdata;

        check_events(g);
        return g->input > 0 ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static void answer(Job *j) {
        if (j->done)
                j->done(j->reason ? NULL : &j->result, j->reason, j->userdata);
        job_free(j);
}

static void finish(Xorg *g, Job *j) {
        g_thread_join(j->thread);
        g->x = j->x;
        g->job = NULL;
        /* An output may go while it is being looked at; an event tells of that, and what was seen stands. */
        if (j->layout || !g->x) {
                g->preferred = j->preferred;
                g->preferred_known = j->preferred_known;
                take_layout(g, g_steal_pointer(&j->layout), j->probe);
        }
        answer(j);
        if (g->next && g->x)
                start(g, g_steal_pointer(&g->next));
        else if (g->next) {
                g->next->reason = g_strdup("The display server is gone");
                answer(g_steal_pointer(&g->next));
        } else if (g->x) {
                g->input = g_unix_fd_add(ConnectionNumber(g->x->display), G_IO_IN, on_input, g);
                check_events(g);
        }
}

static gboolean on_finished(gpointer userdata) {
        Job *j = userdata;

        if (j->owner)
                finish(j->owner, j);
        else {
                xserver_free(j->x);
                job_free(j);
        }
        return G_SOURCE_REMOVE;
}

/* --- the back-end ------------------------------------------------------------------------------------- */

static void *xorg_new(const Desktop *desktop, const DisplayEvents *events) {
        Xorg *g;

        /* Where there is a Wayland compositor, an X server is only its guest. */
        if (!g_getenv("DISPLAY") || g_getenv("WAYLAND_DISPLAY") ||
            g_strcmp0(g_getenv("XDG_SESSION_TYPE"), "wayland") == 0)
                return NULL;
        g = g_new0(Xorg, 1);
        g->events = events;
        start(g, job_new(g));
        return g;
}

static void end_job(Xorg *g) {
        Job *j = g_steal_pointer(&g->job);

        /* A layout is not to be left in the middle. But whoever does not answer is left with it: the process
         * is about to end. */
        if (g->x && g_async_queue_timeout_pop(j->finished, END_USEC)) {
                g_thread_join(j->thread);
                (void) g_idle_remove_by_data(j);
                g->x = j->x;
                job_free(j);
        } else {
                g_thread_unref(j->thread);
                j->owner = NULL;
                g->x = NULL;
        }
}

static void xorg_free(void *self) {
        Xorg *g = self;

        g_clear_handle_id(&g->input, g_source_remove);
        g_clear_handle_id(&g->reading, g_source_remove);
        if (g->job)
                end_job(g);
        job_free(g->next);
        xserver_free(g->x);
        g_free(g->layout);
        g_free(g);
}

static const Layout *xorg_layout(void *self) {
        const Xorg *g = self;

        return g->layout;
}

static void xorg_apply(void *self, const Layout *wanted, bool verify, DisplayDone done, void *userdata) {
        Xorg *g = self;
        Job *j = job_new(g);

        j->wanted = *wanted;
        j->verify = verify;
        j->done = done;
        j->userdata = userdata;
        if (g->job)
                g->next = j;
        else
                start(g, j);
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
