/* SPDX-License-Identifier: Apache-2.0 */
#include "xrandr-plan.h"

#include <inttypes.h>
#include <math.h>

/* What any driver takes for a width. */
#define MODE_GRANULARITY 8
/* Places are told to the server in 16 bits, one of them a sign. */
#define SCREEN_MAX INT16_MAX
/* A monitor's own millimetres count if they make sense. */
#define DPI_MIN 50
#define DPI_MAX 400
#define DPI_DEFAULT 96
#define MM_PER_INCH 25.4

static bool is_taken(const Plan *p, const XCrtc *c) {
        for (unsigned i = 0; i < p->n; i++)
                if (p->targets[i].crtc == c)
                        return true;
        return false;
}

static XCrtc *choose_crtc(const Plan *p, const XOutput *o) {
        XCrtc *choice = NULL;

        for (int i = 0; i < o->info->ncrtc; i++) {
                XCrtc *c = xstate_crtc(p->state, o->info->crtcs[i]);

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

                if (!t->output || t->crtc)
                        continue;
                t->is_new = true;
                t->crtc = choose_crtc(p, t->output);
                if (!t->crtc)
                        return g_strdup_printf("Nothing is left to drive %s", t->output->info->name);
        }
        return NULL;
}

/* What @t makes of a picture of this size; the server rounds like this, too. */
static void transform_size(const XTransform *t, int *width, int *height) {
        const int corners[][2] = {{0, 0}, {*width, 0}, {0, *height}, {*width, *height}};
        double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};

        for (size_t i = 0; i < G_N_ELEMENTS(corners); i++) {
                double v[3];

                for (unsigned k = 0; k < 3; k++)
                        v[k] = (double) t->matrix[k][0] * corners[i][0] +
                               (double) t->matrix[k][1] * corners[i][1] + t->matrix[k][2];
                if (v[2] <= 0)
                        return; /* behind whoever looks */
                for (unsigned k = 0; k < 2; k++) {
                        low[k] = MIN(low[k], floor(v[k] / v[2]));
                        high[k] = MAX(high[k], ceil(v[k] / v[2]));
                }
        }
        *width = (int) CLAMP(high[0] - low[0], 1, UINT16_MAX);
        *height = (int) CLAMP(high[1] - low[1], 1, UINT16_MAX);
}

/* The part of the screen that the monitor takes, which is not always as large as its mode. */
static void plan_span(const Plan *p, Target *t) {
        bool sideways;

        t->rotation = t->is_new ? RR_Rotate_0 : t->crtc->info->rotation;
        sideways = is_sideways(t->rotation);
        t->rect.width = sideways ? t->height : t->width;
        t->rect.height = sideways ? t->width : t->height;
        if (!p->x->gone)
                (void) XRRGetCrtcTransform(p->x->display, t->crtc->id, &t->transform);
        if (t->transform && !t->is_new)
                transform_size(&t->transform->pendingTransform, &t->rect.width, &t->rect.height);
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
        p->width_mm = (int) (p->width * MM_PER_INCH / dpi);
        p->height_mm = (int) (p->height * MM_PER_INCH / dpi);
}

static char *plan_screen(Plan *p) {
        const XState *s = p->state;
        int64_t width = s->min_width, height = s->min_height;
        int64_t max_width = MIN(s->max_width, SCREEN_MAX), max_height = MIN(s->max_height, SCREEN_MAX);

        for (unsigned i = 0; i < p->n; i++)
                if (p->targets[i].output) {
                        width = MAX(width, (int64_t) p->targets[i].rect.x + p->targets[i].rect.width);
                        height = MAX(height, (int64_t) p->targets[i].rect.y + p->targets[i].rect.height);
                }
        for (unsigned i = 0; i < s->n_crtcs; i++)
                if (s->crtcs[i].is_foreign) {
                        width = MAX(width, (int64_t) s->crtcs[i].info->x + s->crtcs[i].info->width);
                        height = MAX(height, (int64_t) s->crtcs[i].info->y + s->crtcs[i].info->height);
                }
        if (width > max_width || height > max_height)
                return g_strdup_printf("It takes a screen of %" PRId64 "x%" PRId64
                                       ", and the display server has at most %" PRId64 "x%" PRId64,
                                       width, height, max_width, max_height);
        p->width = (int) width;
        p->height = (int) height;
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

RRMode xplan_find_mode(const XState *s, const XOutput *o, int width, int height) {
        const XCrtc *c = xstate_crtc(s, o->info->crtc);
        RRMode found = 0;

        for (int i = 0; i < o->info->nmode; i++) {
                const XRRModeInfo *mode = xstate_mode(s, o->info->modes[i]);

                if (!mode || (int) mode->width != width || (int) mode->height != height)
                        continue;
                if (c && c->info->mode == mode->id)
                        return mode->id;
                found = found ?: mode->id;
        }
        return found;
}

static void plan_size(const Plan *p, Target *t) {
        const XState *s = p->state;

        t->width = CLAMP(t->monitor->width, s->min_width, s->max_width);
        t->height = CLAMP(t->monitor->height, s->min_height, s->max_height);
        if (p->coarse && t->output && !xplan_find_mode(s, t->output, t->width, t->height))
                t->width = MAX(t->width - t->width % MODE_GRANULARITY, s->min_width);
}

char *xplan_make(Plan *p, const Layout *wanted) {
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
                                return g_strdup_printf("%s is in it twice", t->output->info->name);
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

void xplan_clear(Plan *p) {
        for (unsigned i = 0; i < p->n; i++)
                if (p->targets[i].transform)
                        (void) XFree(p->targets[i].transform);
}
