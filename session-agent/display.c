/* SPDX-License-Identifier: Apache-2.0 */
#include "display.h"

#include "dbus-names.h"
#include "display-ops.h"
#include "layout-variant.h"

/* One by one they are no change that anybody would want to see. */
#define FOLLOW_MSEC 250
/* What the hardware prefers may change with what it is made to do: for so long, that is no wish of its own.
 */
#define ECHO_USEC (1 * G_USEC_PER_SEC)

static const DisplayOps *const all_ops[] = {&display_mutter, &display_kscreen, &display_wlr,
                                            &display_xrandr};

typedef struct Backend {
        const DisplayOps *ops;
        void *self; /* or NULL */
        DisplayEvents events;
} Backend;

typedef struct Request {
        GDBusMethodInvocation *invocation; /* NULL: ours */
        Layout layout;
        bool verify;
} Request;

struct Display {
        void (*changed)(void *userdata);
        void *userdata;
        Backend backends[G_N_ELEMENTS(all_ops)];
        const Backend *backend; /* the one of use, or NULL */

        Request *waiting, *running;
        unsigned start; /* the source that begins with the waiting one */

        bool follows;
        unsigned follow;
        Layout preferred; /* when last looked at */
        bool preferred_known;
        gint64 asked_usec; /* when a request of somebody else's was carried out last */
};

/* --- requests ----------------------------------------------------------------------------------------- */

static void request_free(Request *r) {
        if (!r)
                return;
        g_clear_object(&r->invocation);
        g_free(r);
}

static void request_refuse(Request *r, const char *error, const char *reason) {
        /* A display server's own names may be in it, and the bus takes no other text. */
        g_autofree char *text = g_utf8_make_valid(reason, -1);

        if (r->invocation)
                g_dbus_method_invocation_return_dbus_error(g_steal_pointer(&r->invocation), error, text);
        else
                g_debug("Cannot follow the monitors: %s", text);
        request_free(r);
}

/* Somebody else's, and to be carried out. */
static bool is_order(const Request *r) {
        return r && r->invocation && !r->verify;
}

static void begin(Display *d);

static void on_done(const Layout *result, const char *reason, void *userdata) {
        Display *d = userdata;
        Request *r = g_steal_pointer(&d->running);

        if (is_order(r))
                d->asked_usec = g_get_monotonic_time();
        if (!result)
                request_refuse(r, "org.freedesktop.DBus.Error.Failed", reason);
        else {
                if (r->invocation)
                        g_dbus_method_invocation_return_value(
                                g_steal_pointer(&r->invocation),
                                g_variant_new("(@aa{sv})", layout_to_variant(result)));
                request_free(r);
        }
        begin(d);
}

static gboolean on_start(gpointer userdata) {
        Display *d = userdata;

        d->start = 0;
        d->running = g_steal_pointer(&d->waiting);
        if (!d->backend)
                request_refuse(g_steal_pointer(&d->running), "org.freedesktop.DBus.Error.NotSupported",
                               "Nothing here arranges the monitors of this session");
        else
                d->backend->ops->apply(d->backend->self, &d->running->layout, d->running->verify, on_done,
                                       d);
        return G_SOURCE_REMOVE;
}

/* Whatever else has come by now goes first: it may be a newer request. */
static void begin(Display *d) {
        if (d->waiting && !d->running && d->start == 0)
                d->start = g_idle_add(on_start, d);
}

static void submit(Display *d, Request *r) {
        if (d->waiting && !d->waiting->verify && r->verify) {
                request_refuse(r, OVIRT_ERROR_SUPERSEDED, "Another layout is to be carried out first");
                return;
        }
        if (d->waiting)
                request_refuse(g_steal_pointer(&d->waiting), OVIRT_ERROR_SUPERSEDED,
                               "Another layout came before this one was begun");
        d->waiting = r;
        begin(d);
}

void display_apply(Display *d, GVariant *layout, bool verify, GDBusMethodInvocation *invocation) {
        Request *r = g_new0(Request, 1);
        g_autofree char *reason = layout_from_variant(&r->layout, layout);

        r->invocation = invocation;
        r->verify = verify;
        if (!reason)
                reason = layout_check(&r->layout);
        if (reason)
                request_refuse(r, "org.freedesktop.DBus.Error.InvalidArgs", reason);
        else
                submit(d, r);
}

/* --- following the hardware --------------------------------------------------------------------------- */

static bool read_preferred(const Display *d, Layout *ret) {
        return d->backend && d->backend->ops->preferred && d->backend->ops->preferred(d->backend->self, ret);
}

/* A moment ago counts. */
static bool is_ordered(const Display *d) {
        return is_order(d->running) || is_order(d->waiting) ||
               g_get_monotonic_time() - d->asked_usec <= ECHO_USEC;
}

static gboolean on_follow(gpointer userdata) {
        Display *d = userdata;
        g_autofree Layout *preferred = g_new0(Layout, 1);
        const Layout *now = display_layout(d);
        Request *r;

        d->follow = 0;
        if (!now || !read_preferred(d, preferred))
                return G_SOURCE_REMOVE;
        r = g_new0(Request, 1);
        if (d->preferred_known && !is_ordered(d) &&
            follow_merge(preferred, &d->preferred, now, &r->layout)) {
                g_autofree char *reason = layout_check(&r->layout);

                g_debug("The virtual monitors prefer something else: following them");
                if (reason)
                        request_refuse(r, NULL, reason);
                else
                        submit(d, r);
        } else
                request_free(r);
        d->preferred = *preferred;
        d->preferred_known = true;
        return G_SOURCE_REMOVE;
}

/* --- back-ends ---------------------------------------------------------------------------------------- */

static void choose(Display *d) {
        const Backend *before = d->backend;

        d->backend = NULL;
        for (size_t i = 0; i < G_N_ELEMENTS(d->backends) && !d->backend; i++) {
                const Backend *b = &d->backends[i];

                if (b->self && b->ops->layout(b->self))
                        d->backend = b;
        }
        if (d->backend != before) {
                g_debug("The monitors are %s%s", d->backend ? "arranged by " : "nobody's to arrange",
                        d->backend ? d->backend->ops->name : "");
                d->preferred_known = d->follows && read_preferred(d, &d->preferred);
        }
}

static void on_changed(void *userdata) {
        Display *d = userdata;

        choose(d);
        if (d->follows && d->backend && d->backend->ops->preferred && d->follow == 0)
                d->follow = g_timeout_add(FOLLOW_MSEC, on_follow, d);
        d->changed(d->userdata);
}

const char *display_backend(const Display *d) {
        return d->backend ? d->backend->ops->name : NULL;
}

const Layout *display_layout(const Display *d) {
        return d->backend ? d->backend->ops->layout(d->backend->self) : NULL;
}

Display *display_new(const Desktop *desktop, FollowPolicy follow, void (*changed)(void *userdata),
                     void *userdata) {
        Display *d = g_new0(Display, 1);

        d->changed = changed;
        d->userdata = userdata;
        d->follows = follow_applies(follow, g_getenv("XDG_CURRENT_DESKTOP"));
        for (size_t i = 0; i < G_N_ELEMENTS(all_ops); i++) {
                Backend *b = &d->backends[i];

                b->ops = all_ops[i];
                b->events = (DisplayEvents){on_changed, d};
                b->self = b->ops->new (desktop, &b->events);
        }
        choose(d);
        return d;
}

Display *display_free(Display *d) {
        if (!d)
                return NULL;
        for (size_t i = 0; i < G_N_ELEMENTS(all_ops); i++)
                if (d->backends[i].self)
                        d->backends[i].ops->free(d->backends[i].self);
        g_clear_handle_id(&d->start, g_source_remove);
        g_clear_handle_id(&d->follow, g_source_remove);
        request_free(d->waiting);
        request_free(d->running);
        g_free(d);
        return NULL;
}
