/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cvt.h"
#include "xrandr.h"

/* Modes of ours, by which later runs know them again. */
#define MODE_PREFIX "ovirt-"
#define MODE_GRANULARITY 8U
/* Places are told to the server in 16 bits, one of them a sign. */
#define SCREEN_MAX INT16_MAX
/* A monitor's own millimetres count if they make sense. */
#define DPI_MIN 50
#define DPI_MAX 400
#define DPI_DEFAULT 96
#define MM_PER_INCH 25.4

#define REPLY(x, name, ...)                                                                                 \
        xcb_##name##_reply((x)->connection, xcb_##name((x)->connection, __VA_ARGS__), NULL)

/* What is to become of an output that is asked for. */
typedef struct Target {
        const Monitor *monitor;
        XOutput *output; /* NULL: there is none */
        XCrtc *crtc;
        uint32_t width, height; /* of the mode */
        xcb_randr_mode_t mode;
        uint16_t rotation;
        LayoutRect rect; /* of the screen */
        bool unchanged;
} Target;

typedef struct Plan {
        const XRandr *x;
        const XState *state;
        unsigned n;
        Target targets[LAYOUT_MONITORS_MAX];
        uint32_t width, height, width_mm, height_mm; /* of the screen */
        xcb_randr_output_t primary;
        xcb_randr_mode_t created[LAYOUT_MONITORS_MAX];
        unsigned n_created;
        bool coarse;  /* modes of our own are of a width that any driver takes */
        bool touched; /* something has been changed */
} Plan;

/* --- the plan ----------------------------------------------------------------------------------------- */

static bool is_sideways(uint16_t rotation) {
        return rotation & (XCB_RANDR_ROTATION_ROTATE_90 | XCB_RANDR_ROTATION_ROTATE_270);
}

static bool is_taken(const Plan *p, const XCrtc *c) {
        for (unsigned i = 0; i < p->n; i++)
                if (p->targets[i].crtc == c)
                        return true;
        return false;
}

static XCrtc *choose_crtc(const Plan *p, const XOutput *o) {
        const xcb_randr_crtc_t *ids = xcb_randr_get_output_info_crtcs(o->info);
        XCrtc *choice = NULL;

        for (unsigned i = 0; i < o->info->num_crtcs; i++) {
                XCrtc *c = xstate_crtc(p->state, ids[i]);

                if (!c || c->is_foreign || is_taken(p, c))
                        continue;
                if (!c->info->mode)
                        return c;
                choice = choice ?: c;
        }
        return choice;
}

static char *plan_crtcs(Plan *p) {
        /* Outputs that are on keep theirs, and with it the rotation and the scale that the user has set. */
        for (unsigned i = 0; i < p->n; i++) {
                Target *t = &p->targets[i];
                XCrtc *c = t->output ? xstate_crtc(p->state, t->output->info->crtc) : NULL;

                if (c && !c->is_foreign && !is_taken(p, c))
                        t->crtc = c;
        }
        for (unsigned i = 0; i < p->n; i++) {
                Target *t = &p->targets[i];

                if (t->output && !t->crtc && !(t->crtc = choose_crtc(p, t->output)))
                        return g_strdup_printf("Nothing is left to drive %s", t->output->name);
        }
        return NULL;
}

/* The part of the screen that the monitor takes, which is not always as large as its mode. */
static void plan_span(const Plan *p, Target *t) {
        const xcb_randr_get_crtc_info_reply_t *now = t->crtc->info;
        const xcb_randr_mode_info_t *mode = xstate_mode(p->state, now->mode);
        bool sideways;

        t->rotation = mode ? now->rotation : XCB_RANDR_ROTATION_ROTATE_0;
        sideways = is_sideways(t->rotation);
        t->rect.width = (int32_t) (sideways ? t->height : t->width);
        t->rect.height = (int32_t) (sideways ? t->width : t->height);
        if (!mode || mode->width == 0 || mode->height == 0)
                return;
        t->rect.width = t->rect.width * now->width / (sideways ? mode->height : mode->width);
        t->rect.height = t->rect.height * now->height / (sideways ? mode->width : mode->height);
}

static void plan_places(Plan *p) {
        LayoutRect rects[LAYOUT_MONITORS_MAX];
        bool placed = true;
        unsigned n = 0;

        for (unsigned i = 0; i < p->n; i++) {
                Target *t = &p->targets[i];

                if (!t->output)
                        continue;
                /* Places in the console's pixels mean something where the desktop has the same ones. */
                placed = placed && monitor_has(t->monitor, LAYOUT_X) && monitor_has(t->monitor, LAYOUT_Y) &&
                         t->rect.width == t->monitor->width && t->rect.height == t->monitor->height;
                t->rect.x = t->monitor->x;
                t->rect.y = t->monitor->y;
                rects[n++] = t->rect;
        }
        layout_place(rects, n, placed, false);
        n = 0;
        for (unsigned i = 0; i < p->n; i++)
                if (p->targets[i].output)
                        p->targets[i].rect = rects[n++];
}

static void plan_physical_size(Plan *p) {
        double dpi = DPI_DEFAULT;

        /* The screen has one density; it is the first monitor's that tells a credible one. */
        for (unsigned i = 0; i < p->n && dpi == DPI_DEFAULT; i++) {
                const Target *t = &p->targets[i];
                double own = t->output && t->monitor->width_mm > 0
                                     ? t->monitor->width * MM_PER_INCH / t->monitor->width_mm
                                     : 0;

                if (own >= DPI_MIN && own <= DPI_MAX)
                        dpi = own;
        }
        p->width_mm = (uint32_t) (p->width * MM_PER_INCH / dpi);
        p->height_mm = (uint32_t) (p->height * MM_PER_INCH / dpi);
}

static char *plan_screen(Plan *p) {
        const XState *s = p->state;
        int64_t width = s->range->min_width, height = s->range->min_height;
        int64_t max_width = MIN(s->range->max_width, SCREEN_MAX);
        int64_t max_height = MIN(s->range->max_height, SCREEN_MAX);

        for (unsigned i = 0; i < p->n; i++)
                if (p->targets[i].output) {
                        width = MAX(width, p->targets[i].rect.x + p->targets[i].rect.width);
                        height = MAX(height, p->targets[i].rect.y + p->targets[i].rect.height);
                }
        for (unsigned i = 0; i < s->n_crtcs; i++)
                if (s->crtcs[i].is_foreign) {
                        width = MAX(width, s->crtcs[i].info->x + s->crtcs[i].info->width);
                        height = MAX(height, s->crtcs[i].info->y + s->crtcs[i].info->height);
                }
        if (width > max_width || height > max_height)
                return g_strdup_printf("It takes a screen of %" PRId64 "x%" PRId64
                                       ", and the display server has at most %" PRId64 "x%" PRId64,
                                       width, height, max_width, max_height);
        p->width = (uint32_t) width;
        p->height = (uint32_t) height;
        plan_physical_size(p);
        return NULL;
}

static void plan_primary(Plan *p) {
        bool kept = false;

        for (unsigned i = 0; i < p->n; i++) {
                const Target *t = &p->targets[i];

                if (!t->output)
                        continue;
                if (t->monitor->primary) {
                        p->primary = t->output->id;
                        return;
                }
                kept = kept || t->output->id == p->state->primary;
                p->primary = p->primary ?: t->output->id;
        }
        for (unsigned i = 0; i < p->state->n_outputs; i++)
                if (!p->state->outputs[i].is_virtual && p->state->outputs[i].id == p->state->primary)
                        kept = true;
        if (kept)
                p->primary = p->state->primary;
}

/* The mode in use if that is one, or the first in the output's own order. */
static xcb_randr_mode_t find_mode(const XState *s, const XOutput *o, uint32_t width, uint32_t height) {
        const XCrtc *c = xstate_crtc(s, o->info->crtc);
        const xcb_randr_mode_t *modes = xcb_randr_get_output_info_modes(o->info);
        xcb_randr_mode_t found = 0;

        for (unsigned i = 0; i < o->info->num_modes; i++) {
                const xcb_randr_mode_info_t *mode = xstate_mode(s, modes[i]);

                if (!mode || mode->width != width || mode->height != height)
                        continue;
                if (c && c->info->mode == mode->id)
                        return mode->id;
                found = found ?: mode->id;
        }
        return found;
}

static void plan_size(const Plan *p, Target *t) {
        const xcb_randr_get_screen_size_range_reply_t *range = p->state->range;

        t->width = (uint32_t) CLAMP(t->monitor->width, range->min_width, range->max_width);
        t->height = (uint32_t) CLAMP(t->monitor->height, range->min_height, range->max_height);
        if (p->coarse && t->output && !find_mode(p->state, t->output, t->width, t->height))
                t->width = MAX(t->width & ~(MODE_GRANULARITY - 1), range->min_width);
}

static char *plan(Plan *p, const Layout *wanted) {
        bool any = false;
        char *reason;

        for (unsigned i = 0; i < wanted->n; i++) {
                Target *t = &p->targets[p->n];

                if (!wanted->monitors[i].enabled)
                        continue;
                t->monitor = &wanted->monitors[i];
                t->output = xstate_find(p->state, t->monitor);
                plan_size(p, t);
                for (unsigned k = 0; t->output && k < p->n; k++)
                        if (p->targets[k].output == t->output)
                                return g_strdup_printf("%s is in it twice", t->output->name);
                any = any || t->output;
                p->n++;
        }
        if (!any)
                return g_strdup("None of its monitors is there");
        reason = plan_crtcs(p);
        if (reason)
                return reason;
        for (unsigned i = 0; i < p->n; i++)
                if (p->targets[i].output)
                        plan_span(p, &p->targets[i]);
        plan_places(p);
        plan_primary(p);
        return plan_screen(p);
}

/* --- modes -------------------------------------------------------------------------------------------- */

static char *mode_name(uint32_t width, uint32_t height) {
        return g_strdup_printf(MODE_PREFIX "%ux%u", width, height);
}

static bool is_ours(const XState *s, const xcb_randr_mode_info_t *mode) {
        g_autofree char *expected = mode_name(mode->width, mode->height);
        unsigned n;
        const char *name = xstate_mode_name(s, mode, &n);

        return strlen(expected) == n && memcmp(name, expected, n) == 0;
}

static bool is_done(const XRandr *x, xcb_void_cookie_t cookie) {
        xcb_generic_error_t *error = xcb_request_check(x->connection, cookie);
        bool done = !error && !xcb_connection_has_error(x->connection);

        free(error);
        return done;
}

static xcb_randr_mode_t create_mode(Plan *p, uint32_t width, uint32_t height) {
        g_autofree char *name = mode_name(width, height);
        xcb_randr_create_mode_reply_t *reply;
        xcb_randr_mode_info_t info;
        xcb_randr_mode_t id = 0;
        CvtTiming t;

        cvt_reduced(width, height, &t);
        if (t.htotal > UINT16_MAX || t.vtotal > UINT16_MAX)
                return 0;
        info = (xcb_randr_mode_info_t){
                .width = (uint16_t) t.hdisplay,
                .height = (uint16_t) t.vdisplay,
                .dot_clock = t.clock,
                .hsync_start = (uint16_t) t.hsync_start,
                .hsync_end = (uint16_t) t.hsync_end,
                .htotal = (uint16_t) t.htotal,
                .vsync_start = (uint16_t) t.vsync_start,
                .vsync_end = (uint16_t) t.vsync_end,
                .vtotal = (uint16_t) t.vtotal,
                .name_len = (uint16_t) strlen(name),
                .mode_flags = XCB_RANDR_MODE_FLAG_HSYNC_POSITIVE | XCB_RANDR_MODE_FLAG_VSYNC_NEGATIVE,
        };
        reply = REPLY(p->x, randr_create_mode, p->x->root, info, (uint32_t) strlen(name), name);
        if (reply)
                p->created[p->n_created++] = id = reply->mode;
        free(reply);
        return id;
}

static xcb_randr_mode_t mode_of_ours(Plan *p, uint32_t width, uint32_t height) {
        const XState *s = p->state;
        const xcb_randr_mode_info_t *modes = xcb_randr_get_screen_resources_current_modes(s->resources);

        for (unsigned i = 0; i < s->resources->num_modes; i++)
                if (modes[i].width == width && modes[i].height == height && is_ours(s, &modes[i]))
                        return modes[i].id;
        /* Made a moment ago, for another output. */
        for (unsigned i = 0; i < p->n; i++)
                if (p->targets[i].mode && p->targets[i].width == width && p->targets[i].height == height)
                        for (unsigned k = 0; k < p->n_created; k++)
                                if (p->created[k] == p->targets[i].mode)
                                        return p->created[k];
        return create_mode(p, width, height);
}

static bool get_mode(Plan *p, Target *t) {
        xcb_randr_mode_t mode = find_mode(p->state, t->output, t->width, t->height);

        if (!mode) {
                mode = mode_of_ours(p, t->width, t->height);
                if (!mode ||
                    !is_done(p->x, xcb_randr_add_output_mode_checked(p->x->connection, t->output->id, mode)))
                        return false;
        }
        t->mode = mode;
        return true;
}

static bool has_mode(const XOutput *o, xcb_randr_mode_t mode) {
        const xcb_randr_mode_t *modes = xcb_randr_get_output_info_modes(o->info);

        for (unsigned i = 0; i < o->info->num_modes; i++)
                if (modes[i] == mode)
                        return true;
        return false;
}

/* Takes back the modes of ours that nothing shows. */
static void drop_modes(const XRandr *x) {
        g_autoptr(XState) s = xstate_read(x, false);
        const xcb_randr_mode_info_t *modes =
                s ? xcb_randr_get_screen_resources_current_modes(s->resources) : NULL;

        for (unsigned i = 0; s && i < s->resources->num_modes; i++) {
                bool used = !is_ours(s, &modes[i]);

                for (unsigned k = 0; k < s->n_crtcs; k++)
                        used = used || s->crtcs[k].info->mode == modes[i].id;
                if (used)
                        continue;
                for (unsigned k = 0; k < s->n_outputs; k++)
                        if (has_mode(&s->outputs[k], modes[i].id))
                                (void) is_done(x, xcb_randr_delete_output_mode_checked(
                                                          x->connection, s->outputs[k].id, modes[i].id));
                (void) is_done(x, xcb_randr_destroy_mode_checked(x->connection, modes[i].id));
        }
}

/* --- carrying it out ---------------------------------------------------------------------------------- */

static bool set_crtc(const XRandr *x, const XState *s, xcb_randr_crtc_t crtc, int32_t left, int32_t top,
                     xcb_randr_mode_t mode, uint16_t rotation, unsigned n,
                     const xcb_randr_output_t *outputs) {
        xcb_randr_set_crtc_config_reply_t *reply =
                REPLY(x, randr_set_crtc_config, crtc, XCB_CURRENT_TIME, s->resources->config_timestamp,
                      (int16_t) left, (int16_t) top, mode, rotation, n, outputs);
        bool done = reply && reply->status == XCB_RANDR_SET_CONFIG_SUCCESS;

        free(reply);
        return done;
}

static bool turn_off(const XRandr *x, const XState *s, const XCrtc *c) {
        return set_crtc(x, s, c->id, 0, 0, XCB_NONE, XCB_RANDR_ROTATION_ROTATE_0, 0, NULL);
}

static bool set_screen(const XRandr *x, uint32_t width, uint32_t height, uint32_t width_mm,
                       uint32_t height_mm) {
        return is_done(x, xcb_randr_set_screen_size_checked(x->connection, x->root, (uint16_t) width,
                                                            (uint16_t) height, width_mm, height_mm));
}

static const Target *target_of(const Plan *p, const XCrtc *c) {
        for (unsigned i = 0; i < p->n; i++)
                if (p->targets[i].crtc == c)
                        return &p->targets[i];
        return NULL;
}

static bool is_as_wanted(const Target *t) {
        const xcb_randr_get_crtc_info_reply_t *now = t->crtc->info;

        return now->mode == t->mode && now->x == t->rect.x && now->y == t->rect.y && now->num_outputs == 1 &&
               xcb_randr_get_crtc_info_outputs(now)[0] == t->output->id;
}

/* Whether it has to be off before the screen gets its new size and others are set. */
static bool is_in_the_way(const Plan *p, const XCrtc *c) {
        const Target *t = target_of(p, c);

        if (!c->info->mode || c->is_foreign)
                return false;
        return !t || c->info->num_outputs != 1 ||
               xcb_randr_get_crtc_info_outputs(c->info)[0] != t->output->id ||
               c->info->x + c->info->width > (int64_t) p->width ||
               c->info->y + c->info->height > (int64_t) p->height;
}

static bool is_nothing_to_do(const Plan *p) {
        const XState *s = p->state;

        for (unsigned i = 0; i < s->n_crtcs; i++)
                if (is_in_the_way(p, &s->crtcs[i]))
                        return false;
        for (unsigned i = 0; i < p->n; i++)
                if (p->targets[i].output && !p->targets[i].unchanged)
                        return false;
        return s->width == p->width && s->height == p->height && s->primary == p->primary;
}

static char *carry_out(Plan *p) {
        const XRandr *x = p->x;
        const XState *s = p->state;

        for (unsigned i = 0; i < p->n; i++) {
                Target *t = &p->targets[i];

                if (!t->output)
                        continue;
                if (!get_mode(p, t))
                        return g_strdup_printf("The display server takes no mode of %ux%u for %s", t->width,
                                               t->height, t->output->name);
                t->unchanged = is_as_wanted(t);
        }
        if (is_nothing_to_do(p))
                return NULL;
        p->touched = true;
        for (unsigned i = 0; i < s->n_crtcs; i++)
                if (is_in_the_way(p, &s->crtcs[i]) && !turn_off(x, s, &s->crtcs[i]))
                        return g_strdup("The display server does not turn a monitor off");
        if (!set_screen(x, p->width, p->height, p->width_mm, p->height_mm))
                return g_strdup_printf("The display server refuses a screen of %ux%u", p->width, p->height);
        for (unsigned i = 0; i < p->n; i++) {
                const Target *t = &p->targets[i];

                if (t->output && !(t->unchanged && !is_in_the_way(p, t->crtc)) &&
                    !set_crtc(x, s, t->crtc->id, t->rect.x, t->rect.y, t->mode, t->rotation, 1,
                              &t->output->id))
                        return g_strdup_printf("The display server refuses %ux%u at %d,%d on %s", t->width,
                                               t->height, t->rect.x, t->rect.y, t->output->name);
        }
        if (p->primary != s->primary)
                (void) is_done(x, xcb_randr_set_output_primary_checked(x->connection, x->root, p->primary));
        return NULL;
}

/* As it was before. */
static void restore(const XRandr *x, const XState *s) {
        for (unsigned i = 0; i < s->n_crtcs; i++)
                if (!s->crtcs[i].is_foreign)
                        (void) turn_off(x, s, &s->crtcs[i]);
        (void) set_screen(x, s->width, s->height, s->width_mm, s->height_mm);
        for (unsigned i = 0; i < s->n_crtcs; i++) {
                const xcb_randr_get_crtc_info_reply_t *was = s->crtcs[i].info;

                if (was->mode && !s->crtcs[i].is_foreign)
                        (void) set_crtc(x, s, s->crtcs[i].id, was->x, was->y, was->mode, was->rotation,
                                        was->num_outputs, xcb_randr_get_crtc_info_outputs(was));
        }
        (void) is_done(x, xcb_randr_set_output_primary_checked(x->connection, x->root, s->primary));
}

/* --- all of it ---------------------------------------------------------------------------------------- */

/* What has come of it: each monitor that was asked for as it is now, or as it would be. */
static void tell(const Plan *p, const Layout *wanted, Layout *ret) {
        unsigned k = 0;

        *ret = *wanted;
        for (unsigned i = 0; i < ret->n; i++) {
                Monitor *m = &ret->monitors[i];
                const Target *t = m->enabled ? &p->targets[k++] : NULL;

                if (!t)
                        continue;
                if (!t->output) {
                        (void) monitor_set_bool(m, LAYOUT_ENABLED, false);
                        (void) monitor_set_text(m, LAYOUT_ERROR, "There is no such monitor");
                        continue;
                }
                (void) monitor_set_text(m, LAYOUT_CONNECTOR, t->output->name);
                (void) monitor_set_int(m, LAYOUT_X, t->rect.x);
                (void) monitor_set_int(m, LAYOUT_Y, t->rect.y);
                (void) monitor_set_int(m, LAYOUT_WIDTH, t->width);
                (void) monitor_set_int(m, LAYOUT_HEIGHT, t->height);
                (void) monitor_set_bool(m, LAYOUT_PRIMARY, t->output->id == p->primary);
        }
}

static char *apply(const XRandr *x, const Layout *wanted, bool verify, bool coarse, Layout *ret) {
        g_autoptr(XState) state = xstate_read(x, false);
        Plan p = {.x = x, .state = state, .coarse = coarse};
        char *reason;

        if (!state)
                return g_strdup("The display server does not answer");
        reason = plan(&p, wanted);
        if (reason)
                return reason;
        if (!verify) {
                reason = carry_out(&p);
                if (reason && p.touched)
                        restore(x, state);
                drop_modes(x);
                if (reason)
                        return reason;
        }
        tell(&p, wanted, ret);
        return NULL;
}

char *xrandr_apply(const XRandr *x, const Layout *wanted, bool verify, Layout *ret) {
        char *reason;

        /* What is read under the grab still holds when it is changed, and others see the end of it only. */
        if (!verify)
                (void) xcb_grab_server(x->connection);
        reason = apply(x, wanted, verify, false, ret);
        if (reason && !verify) {
                g_autofree char *first = reason;

                reason = apply(x, wanted, verify, true, ret);
                g_debug("At first: %s", first);
        }
        if (!verify) {
                (void) xcb_ungrab_server(x->connection);
                (void) xcb_flush(x->connection);
        }
        return reason;
}
