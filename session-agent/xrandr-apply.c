/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cvt.h"
#include "xrandr-plan.h"

/* Modes of ours, by which later runs know them again. */
#define MODE_PREFIX "ovirt-"

/* --- modes -------------------------------------------------------------------------------------------- */

static char *mode_name(unsigned width, unsigned height) {
        return g_strdup_printf(MODE_PREFIX "%ux%u", width, height);
}

static bool is_ours(const XRRModeInfo *mode) {
        g_autofree char *expected = mode_name(mode->width, mode->height);

        return g_str_equal(mode->name, expected);
}

static RRMode create_mode(Plan *p, unsigned width, unsigned height) {
        g_autofree char *name = mode_name(width, height);
        XRRModeInfo info;
        CvtTiming t;
        RRMode id;

        cvt_reduced(width, height, &t);
        if (t.htotal > UINT16_MAX || t.vtotal > UINT16_MAX || p->x->gone)
                return 0;
        info = (XRRModeInfo){
                .width = t.hdisplay,
                .height = t.vdisplay,
                .dotClock = t.clock,
                .hSyncStart = t.hsync_start,
                .hSyncEnd = t.hsync_end,
                .hTotal = t.htotal,
                .vSyncStart = t.vsync_start,
                .vSyncEnd = t.vsync_end,
                .vTotal = t.vtotal,
                .name = name,
                .nameLength = (unsigned) strlen(name),
                .modeFlags = RR_HSyncPositive | RR_VSyncNegative,
        };
        id = XRRCreateMode(p->x->display, p->x->root, &info);
        if (id)
                p->created[p->n_created++] = id;
        return id;
}

static RRMode mode_of_ours(Plan *p, unsigned width, unsigned height) {
        const XRRScreenResources *all = p->state->resources;

        for (int i = 0; i < all->nmode; i++)
                if (all->modes[i].width == width && all->modes[i].height == height &&
                    is_ours(&all->modes[i]))
                        return all->modes[i].id;
        /* Made a moment ago, for another output. */
        for (unsigned i = 0; i < p->n; i++)
                if (p->targets[i].mode && p->targets[i].width == (int) width &&
                    p->targets[i].height == (int) height)
                        for (unsigned k = 0; k < p->n_created; k++)
                                if (p->created[k] == p->targets[i].mode)
                                        return p->created[k];
        return create_mode(p, width, height);
}

static bool get_mode(Plan *p, Target *t) {
        t->mode = xplan_find_mode(p->state, t->output, t->width, t->height);
        if (t->mode)
                return true;
        t->mode = mode_of_ours(p, (unsigned) t->width, (unsigned) t->height);
        if (!t->mode || p->x->gone)
                return false;
        t->added = XNextRequest(p->x->display);
        XRRAddOutputMode(p->x->display, t->output->id, t->mode);
        return true;
}

/* The target that gets no mode, or NULL. */
static const Target *get_modes(Plan *p) {
        unsigned long refused;
        bool added = false;

        xserver_watch(p->x);
        for (unsigned i = 0; i < p->n; i++) {
                Target *t = &p->targets[i];

                if (t->output && !get_mode(p, t))
                        return t;
                added = added || t->added;
        }
        refused = added ? xserver_refused(p->x) : 0;
        for (unsigned i = 0; refused && i < p->n; i++)
                if (p->targets[i].added >= refused)
                        return &p->targets[i];
        return NULL;
}

static bool has_mode(const XOutput *o, RRMode mode) {
        for (int i = 0; i < o->info->nmode; i++)
                if (o->info->modes[i] == mode)
                        return true;
        return false;
}

/* Takes back the modes of ours that nothing shows. */
static void drop_modes(XServer *x) {
        g_autoptr(XState) s = xstate_read(x, false);

        for (int i = 0; s && i < s->resources->nmode; i++) {
                const XRRModeInfo *mode = &s->resources->modes[i];
                bool used = !is_ours(mode);

                for (unsigned k = 0; k < s->n_crtcs; k++)
                        used = used || s->crtcs[k].info->mode == mode->id;
                for (unsigned k = 0; !used && !x->gone && k < s->n_outputs; k++)
                        if (has_mode(&s->outputs[k], mode->id))
                                XRRDeleteOutputMode(x->display, s->outputs[k].id, mode->id);
                if (!used && !x->gone)
                        XRRDestroyMode(x->display, mode->id);
        }
}

/* --- carrying it out ---------------------------------------------------------------------------------- */

static bool set_crtc(XServer *x, const XState *s, RRCrtc crtc, int left, int top, RRMode mode,
                     Rotation rotation, RROutput *outputs, int n) {
        return !x->gone && XRRSetCrtcConfig(x->display, s->resources, crtc, CurrentTime, left, top, mode,
                                            rotation, outputs, n) == RRSetConfigSuccess;
}

static bool turn_off(XServer *x, const XState *s, const XCrtc *c) {
        return set_crtc(x, s, c->id, 0, 0, None, RR_Rotate_0, NULL, 0);
}

static bool set_screen(XServer *x, int width, int height, int width_mm, int height_mm) {
        if (x->gone)
                return false;
        xserver_watch(x);
        XRRSetScreenSize(x->display, x->root, width, height, width_mm, height_mm);
        return xserver_refused(x) == 0;
}

static void set_primary(XServer *x, RROutput primary) {
        if (!x->gone)
                XRRSetOutputPrimary(x->display, x->root, primary);
}

static const Target *target_of(const Plan *p, const XCrtc *c) {
        for (unsigned i = 0; i < p->n; i++)
                if (p->targets[i].crtc == c)
                        return &p->targets[i];
        return NULL;
}

static bool is_as_wanted(const Target *t) {
        const XRRCrtcInfo *now = t->crtc->info;

        return now->mode == t->mode && now->x == t->rect.x && now->y == t->rect.y && now->noutput == 1 &&
               now->outputs[0] == t->output->id;
}

/* Whether it has to be off before the screen gets its new size and others are set. The server wants room for
 * the whole mode, even where it is scaled to less. */
static bool is_in_the_way(const Plan *p, const XCrtc *c) {
        const XRRModeInfo *mode = xstate_mode(p->state, c->info->mode);
        bool sideways = is_sideways(c->info->rotation);
        const Target *t = target_of(p, c);
        unsigned width, height;

        if (!mode || c->is_foreign)
                return false;
        width = MAX(c->info->width, sideways ? mode->height : mode->width);
        height = MAX(c->info->height, sideways ? mode->width : mode->height);
        return !t || c->info->noutput != 1 || c->info->outputs[0] != t->output->id ||
               c->info->x + (int64_t) width > p->width || c->info->y + (int64_t) height > p->height;
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

/* What another one had of scale on this CRTC is not this one's. */
static bool set_target(const Plan *p, Target *t) {
        static XTransform none = {{{XDoubleToFixed(1)}, {0, XDoubleToFixed(1)}, {0, 0, XDoubleToFixed(1)}}};

        if (t->is_new && t->transform && !p->x->gone)
                XRRSetCrtcTransform(p->x->display, t->crtc->id, &none, "", NULL, 0);
        return set_crtc(p->x, p->state, t->crtc->id, t->rect.x, t->rect.y, t->mode, t->rotation,
                        &t->output->id, 1);
}

static char *carry_out(Plan *p) {
        const XState *s = p->state;
        const Target *poor = get_modes(p);
        XServer *x = p->x;

        if (poor)
                return g_strdup_printf("The display server takes no mode of %dx%d for %s", poor->width,
                                       poor->height, poor->output->info->name);
        for (unsigned i = 0; i < p->n; i++)
                p->targets[i].unchanged = p->targets[i].output && is_as_wanted(&p->targets[i]);
        if (is_nothing_to_do(p))
                return NULL;
        p->touched = true;
        for (unsigned i = 0; i < s->n_crtcs; i++)
                if (is_in_the_way(p, &s->crtcs[i]) && !turn_off(x, s, &s->crtcs[i]))
                        return g_strdup("The display server does not turn a monitor off");
        if (!set_screen(x, p->width, p->height, p->width_mm, p->height_mm))
                return g_strdup_printf("The display server refuses a screen of %dx%d", p->width, p->height);
        for (unsigned i = 0; i < p->n; i++) {
                Target *t = &p->targets[i];

                if (t->output && !(t->unchanged && !is_in_the_way(p, t->crtc)) && !set_target(p, t))
                        return g_strdup_printf("The display server refuses %dx%d at %d,%d on %s", t->width,
                                               t->height, t->rect.x, t->rect.y, t->output->info->name);
        }
        if (p->primary != s->primary)
                set_primary(x, p->primary);
        return NULL;
}

/* As it was before. */
static void restore(const Plan *p) {
        const XState *s = p->state;
        XServer *x = p->x;

        for (unsigned i = 0; i < s->n_crtcs; i++)
                if (!s->crtcs[i].is_foreign)
                        (void) turn_off(x, s, &s->crtcs[i]);
        for (unsigned i = 0; i < p->n; i++) {
                XRRCrtcTransformAttributes *was = p->targets[i].transform;

                if (was && !x->gone)
                        XRRSetCrtcTransform(x->display, p->targets[i].crtc->id, &was->pendingTransform,
                                            was->pendingFilter, was->pendingParams, was->pendingNparams);
        }
        (void) set_screen(x, s->width, s->height, s->width_mm, s->height_mm);
        for (unsigned i = 0; i < s->n_crtcs; i++) {
                const XRRCrtcInfo *was = s->crtcs[i].info;

                if (was->mode && !s->crtcs[i].is_foreign)
                        (void) set_crtc(x, s, s->crtcs[i].id, was->x, was->y, was->mode, was->rotation,
                                        was->outputs, was->noutput);
        }
        set_primary(x, s->primary);
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
                (void) monitor_set_text(m, LAYOUT_CONNECTOR, t->output->info->name);
                (void) monitor_set_int(m, LAYOUT_X, t->rect.x);
                (void) monitor_set_int(m, LAYOUT_Y, t->rect.y);
                (void) monitor_set_int(m, LAYOUT_WIDTH, t->width);
                (void) monitor_set_int(m, LAYOUT_HEIGHT, t->height);
                (void) monitor_set_bool(m, LAYOUT_PRIMARY, t->output->id == p->primary);
        }
}

static char *apply(XServer *x, const Layout *wanted, bool verify, bool coarse, Layout *ret) {
        g_autoptr(XState) state = xstate_read(x, false);
        Plan p = {.x = x, .state = state, .coarse = coarse};
        char *reason;

        if (!state)
                return g_strdup("The display server does not answer");
        reason = xplan_make(&p, wanted);
        if (!reason && !verify) {
                reason = carry_out(&p);
                if (reason && p.touched)
                        restore(&p);
                drop_modes(x);
        }
        if (!reason)
                tell(&p, wanted, ret);
        xplan_clear(&p);
        return reason;
}

char *xrandr_apply(XServer *x, const Layout *wanted, bool verify, Layout *ret) {
        char *reason;

        /* What is read under the grab still holds when it is changed, and others see the end of it only. */
        if (!verify && !x->gone)
                (void) XGrabServer(x->display);
        reason = apply(x, wanted, verify, false, ret);
        if (reason && !verify) {
                g_autofree char *first = reason;

                reason = apply(x, wanted, verify, true, ret);
                g_debug("At first: %s", first);
        }
        if (!verify && !x->gone) {
                (void) XUngrabServer(x->display);
                (void) XFlush(x->display);
        }
        return reason;
}
