/* SPDX-License-Identifier: Apache-2.0 */
#include "xrandr.h"

#include <stdlib.h>
#include <string.h>

#include "connector.h"

/* Replies are the C library's memory. */
#define REPLY(x, name, ...)                                                                                 \
        xcb_##name##_reply((x)->connection, xcb_##name((x)->connection, __VA_ARGS__), NULL)

XState *xstate_free(XState *s) {
        if (!s)
                return NULL;
        for (unsigned i = 0; i < s->n_outputs; i++) {
                g_free(s->outputs[i].name);
                free(s->outputs[i].info);
        }
        for (unsigned i = 0; i < s->n_crtcs; i++)
                free(s->crtcs[i].info);
        g_free(s->outputs);
        g_free(s->crtcs);
        free(s->range);
        free(s->resources);
        g_free(s);
        return NULL;
}

static bool read_outputs(const XRandr *x, XState *s) {
        const xcb_randr_output_t *ids = xcb_randr_get_screen_resources_current_outputs(s->resources);
        unsigned n = s->resources->num_outputs;

        s->outputs = g_new0(XOutput, n);
        for (unsigned i = 0; i < n; i++) {
                XOutput *o = &s->outputs[i];

                o->id = ids[i];
                o->info = REPLY(x, randr_get_output_info, o->id, s->resources->config_timestamp);
                if (!o->info)
                        return false;
                s->n_outputs++;
                o->name = g_strndup((const char *) xcb_randr_get_output_info_name(o->info),
                                    (gsize) xcb_randr_get_output_info_name_length(o->info));
                o->is_virtual = connector_is_virtual(o->name, "/sys");
        }
        return true;
}

static bool drives_real_monitor(const XState *s, const XCrtc *c) {
        for (unsigned i = 0; i < s->n_outputs; i++)
                if (s->outputs[i].info->crtc == c->id && !s->outputs[i].is_virtual)
                        return true;
        return false;
}

static bool read_crtcs(const XRandr *x, XState *s) {
        const xcb_randr_crtc_t *ids = xcb_randr_get_screen_resources_current_crtcs(s->resources);
        unsigned n = s->resources->num_crtcs;

        s->crtcs = g_new0(XCrtc, n);
        for (unsigned i = 0; i < n; i++) {
                XCrtc *c = &s->crtcs[i];

                c->id = ids[i];
                c->info = REPLY(x, randr_get_crtc_info, c->id, s->resources->config_timestamp);
                if (!c->info)
                        return false;
                s->n_crtcs++;
                c->is_foreign = drives_real_monitor(s, c);
        }
        return true;
}

XState *xstate_read(const XRandr *x, bool probe) {
        g_autoptr(XState) s = g_new0(XState, 1);
        xcb_randr_get_output_primary_reply_t *primary;
        xcb_get_geometry_reply_t *geometry;

        if (probe)
                free(REPLY(x, randr_get_screen_resources, x->root));
        s->resources = REPLY(x, randr_get_screen_resources_current, x->root);
        s->range = REPLY(x, randr_get_screen_size_range, x->root);
        geometry = REPLY(x, get_geometry, x->root);
        primary = REPLY(x, randr_get_output_primary, x->root);
        if (geometry) {
                s->width = geometry->width;
                s->height = geometry->height;
        }
        if (primary)
                s->primary = primary->output;
        free(geometry);
        free(primary);
        s->width_mm = x->width_mm;
        s->height_mm = x->height_mm;
        if (!s->resources || !s->range || s->width == 0 || !read_outputs(x, s) || !read_crtcs(x, s))
                return NULL;
        return g_steal_pointer(&s);
}

XCrtc *xstate_crtc(const XState *s, xcb_randr_crtc_t id) {
        for (unsigned i = 0; id && i < s->n_crtcs; i++)
                if (s->crtcs[i].id == id)
                        return &s->crtcs[i];
        return NULL;
}

const xcb_randr_mode_info_t *xstate_mode(const XState *s, xcb_randr_mode_t id) {
        const xcb_randr_mode_info_t *modes = xcb_randr_get_screen_resources_current_modes(s->resources);

        for (unsigned i = 0; id && i < s->resources->num_modes; i++)
                if (modes[i].id == id)
                        return &modes[i];
        return NULL;
}

const char *xstate_mode_name(const XState *s, const xcb_randr_mode_info_t *mode, unsigned *ret_n) {
        const xcb_randr_mode_info_t *modes = xcb_randr_get_screen_resources_current_modes(s->resources);
        const char *names = (const char *) xcb_randr_get_screen_resources_current_names(s->resources);

        /* One after the other. */
        for (; modes < mode; modes++)
                names += modes->name_len;
        *ret_n = mode->name_len;
        return names;
}

XOutput *xstate_find(const XState *s, const Monitor *m) {
        int32_t id = 0;

        for (unsigned i = 0; i < s->n_outputs; i++) {
                XOutput *o = &s->outputs[i];

                if (!o->is_virtual)
                        continue;
                if (monitor_has(m, LAYOUT_CONNECTOR) ? g_str_equal(o->name, m->connector) : id == m->id)
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
        (void) monitor_set_text(m, LAYOUT_CONNECTOR, o->name);
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
                const xcb_randr_mode_info_t *mode = c ? xstate_mode(s, c->info->mode) : NULL;

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
static bool read_suggested(const XRandr *x, const XOutput *o, const char *name, int32_t *ret) {
        xcb_intern_atom_reply_t *atom = REPLY(x, intern_atom, true, (uint16_t) strlen(name), name);
        xcb_randr_get_output_property_reply_t *property = NULL;
        bool found;

        if (atom && atom->atom)
                property = REPLY(x, randr_get_output_property, o->id, atom->atom, XCB_ATOM_INTEGER, 0, 1,
                                 false, false);
        found = property && property->format == 32 && property->num_items == 1;
        if (found)
                memcpy(ret, xcb_randr_get_output_property_data(property), sizeof *ret);
        free(property);
        free(atom);
        return found;
}

bool xstate_preferred(const XRandr *x, const XState *s, Layout *ret) {
        int32_t id = 0;

        ret->n = 0;
        for (unsigned i = 0; i < s->n_outputs; i++) {
                const XOutput *o = &s->outputs[i];
                const xcb_randr_mode_info_t *mode;
                int32_t left, top;
                Monitor *m;

                if (!o->is_virtual || !(m = add_output(ret, o, &id)))
                        continue;
                mode = o->info->connection == XCB_RANDR_CONNECTION_CONNECTED && o->info->num_preferred > 0
                               ? xstate_mode(s, xcb_randr_get_output_info_modes(o->info)[0])
                               : NULL;
                (void) monitor_set_bool(m, LAYOUT_ENABLED, mode);
                if (!mode)
                        continue;
                set_size(m, mode->width, mode->height);
                if (read_suggested(x, o, "suggested X", &left) &&
                    read_suggested(x, o, "suggested Y", &top)) {
                        (void) monitor_set_int(m, LAYOUT_X, left);
                        (void) monitor_set_int(m, LAYOUT_Y, top);
                }
        }
        return ret->n > 0;
}
