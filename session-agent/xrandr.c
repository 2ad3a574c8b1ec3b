/* SPDX-License-Identifier: Apache-2.0 */
#include "xrandr.h"

#include <X11/Xatom.h>

#include "connector.h"

XState *xstate_free(XState *s) {
        if (!s)
                return NULL;
        for (unsigned i = 0; i < s->n_outputs; i++)
                XRRFreeOutputInfo(s->outputs[i].info);
        for (unsigned i = 0; i < s->n_crtcs; i++)
                XRRFreeCrtcInfo(s->crtcs[i].info);
        g_free(s->outputs);
        g_free(s->crtcs);
        if (s->resources)
                XRRFreeScreenResources(s->resources);
        g_free(s);
        return NULL;
}

static bool read_outputs(XServer *x, XState *s) {
        unsigned n = (unsigned) s->resources->noutput;

        s->outputs = g_new0(XOutput, n);
        for (unsigned i = 0; i < n; i++) {
                XOutput *o = &s->outputs[i];

                o->id = s->resources->outputs[i];
                o->info = XRRGetOutputInfo(x->display, s->resources, o->id);
                if (!o->info)
                        return false;
                s->n_outputs++;
                o->is_virtual = connector_is_virtual(o->info->name, "/sys");
        }
        return true;
}

static bool drives_real_monitor(const XState *s, const XCrtc *c) {
        for (unsigned i = 0; i < s->n_outputs; i++)
                if (s->outputs[i].info->crtc == c->id && !s->outputs[i].is_virtual)
                        return true;
        return false;
}

static bool read_crtcs(XServer *x, XState *s) {
        unsigned n = (unsigned) s->resources->ncrtc;

        s->crtcs = g_new0(XCrtc, n);
        for (unsigned i = 0; i < n; i++) {
                XCrtc *c = &s->crtcs[i];

                c->id = s->resources->crtcs[i];
                c->info = XRRGetCrtcInfo(x->display, s->resources, c->id);
                if (!c->info)
                        return false;
                s->n_crtcs++;
                c->is_foreign = drives_real_monitor(s, c);
        }
        return true;
}

static bool read_screen(XServer *x, XState *s) {
        unsigned width, height, border, depth;
        Window root;
        int left, top;

        if (!XRRGetScreenSizeRange(x->display, x->root, &s->min_width, &s->min_height, &s->max_width,
                                   &s->max_height) ||
            !XGetGeometry(x->display, x->root, &root, &left, &top, &width, &height, &border, &depth))
                return false;
        s->width = (int) width;
        s->height = (int) height;
        s->primary = XRRGetOutputPrimary(x->display, x->root);
        /* Only events tell of its millimetres. */
        xserver_read_events(x);
        s->width_mm = DisplayWidthMM(x->display, DefaultScreen(x->display));
        s->height_mm = DisplayHeightMM(x->display, DefaultScreen(x->display));
        return !x->gone;
}

XState *xstate_read(XServer *x, bool probe) {
        g_autoptr(XState) s = g_new0(XState, 1);

        if (x->gone)
                return NULL;
        s->resources = probe ? XRRGetScreenResources(x->display, x->root)
                             : XRRGetScreenResourcesCurrent(x->display, x->root);
        if (!s->resources || !read_screen(x, s) || !read_outputs(x, s) || !read_crtcs(x, s))
                return NULL;
        return g_steal_pointer(&s);
}

XCrtc *xstate_crtc(const XState *s, RRCrtc id) {
        for (unsigned i = 0; id && i < s->n_crtcs; i++)
                if (s->crtcs[i].id == id)
                        return &s->crtcs[i];
        return NULL;
}

const XRRModeInfo *xstate_mode(const XState *s, RRMode id) {
        for (int i = 0; id && i < s->resources->nmode; i++)
                if (s->resources->modes[i].id == id)
                        return &s->resources->modes[i];
        return NULL;
}

XOutput *xstate_find(const XState *s, const Monitor *m) {
        int32_t id = 0;

        for (unsigned i = 0; i < s->n_outputs; i++) {
                XOutput *o = &s->outputs[i];

                if (!o->is_virtual)
                        continue;
                if (monitor_has(m, LAYOUT_CONNECTOR) ? g_str_equal(o->info->name, m->connector)
                                                     : id == m->id)
                        return o;
                id++;
        }
        return NULL;
}

static void set_size(Monitor *m, uint32_t width, uint32_t height) {
        (void) monitor_set_int(m, LAYOUT_WIDTH, width);
        (void) monitor_set_int(m, LAYOUT_HEIGHT, height);
}

static Monitor *add_output(Layout *l, const XOutput *o, int32_t *id) {
        Monitor *m = layout_add(l);

        if (!m)
                return NULL;
        (void) monitor_set_text(m, LAYOUT_CONNECTOR, o->info->name);
        if (o->is_virtual)
                (void) monitor_set_int(m, LAYOUT_ID, (*id)++);
        (void) monitor_set_int(m, LAYOUT_WIDTH_MM, o->info->mm_width);
        (void) monitor_set_int(m, LAYOUT_HEIGHT_MM, o->info->mm_height);
        return m;
}

void xstate_layout(const XState *s, Layout *ret) {
        int32_t id = 0;

        ret->n = 0;
        for (unsigned i = 0; i < s->n_outputs; i++) {
                const XOutput *o = &s->outputs[i];
                Monitor *m = add_output(ret, o, &id);
                const XCrtc *c = xstate_crtc(s, o->info->crtc);
                const XRRModeInfo *mode = c ? xstate_mode(s, c->info->mode) : NULL;

                if (!m)
                        return;
                (void) monitor_set_bool(m, LAYOUT_ENABLED, mode);
                if (!mode)
                        continue;
                (void) monitor_set_int(m, LAYOUT_X, c->info->x);
                (void) monitor_set_int(m, LAYOUT_Y, c->info->y);
                set_size(m, mode->width, mode->height);
                (void) monitor_set_bool(m, LAYOUT_PRIMARY, o->id == s->primary);
        }
}

/* A number that the driver attaches to an output, as where the console's window for it is. */
static bool read_suggested(XServer *x, const XOutput *o, Atom name, int32_t *ret) {
        unsigned long n = 0, left;
        unsigned char *value = NULL;
        int format = 0;
        Atom type;

        if (!x->gone)
                (void) XRRGetOutputProperty(x->display, o->id, name, 0, 1, False, False, XA_INTEGER, &type,
                                            &format, &n, &left, &value);
        if (!value)
                return false;
        if (format == 32 && n == 1)
                *ret = (int32_t) * (long *) (void *) value; /* 32 bits of the server are a long of Xlib */
        (void) XFree(value);
        return format == 32 && n == 1;
}

bool xstate_preferred(XServer *x, const XState *s, Layout *ret) {
        int32_t id = 0;

        ret->n = 0;
        for (unsigned i = 0; i < s->n_outputs; i++) {
                const XOutput *o = &s->outputs[i];
                const XRRModeInfo *mode;
                int32_t left, top;
                Monitor *m;

                if (!o->is_virtual || !(m = add_output(ret, o, &id)))
                        continue;
                mode = o->info->connection == RR_Connected && o->info->npreferred > 0
                               ? xstate_mode(s, o->info->modes[0])
                               : NULL;
                (void) monitor_set_bool(m, LAYOUT_ENABLED, mode);
                if (!mode)
                        continue;
                set_size(m, mode->width, mode->height);
                if (read_suggested(x, o, x->suggested[0], &left) &&
                    read_suggested(x, o, x->suggested[1], &top)) {
                        (void) monitor_set_int(m, LAYOUT_X, left);
                        (void) monitor_set_int(m, LAYOUT_Y, top);
                }
        }
        return ret->n > 0;
}
