/* SPDX-License-Identifier: Apache-2.0 */
#include "mutter-state.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "connector.h"

/* Nothing that anybody could read lies outside. */
#define SCALE_MIN 0.25
#define SCALE_MAX 16.0

/* A monitor that is to be on. */
typedef struct Target {
        const MutterMonitor *monitor;
        const Monitor *wanted; /* NULL: a real one, which stays as it is */
        const char *mode;
        int32_t width, height;
        double scale;
        LayoutRect rect;
        bool grouped;
} Target;

/* --- what it says ------------------------------------------------------------------------------------- */

static void read_mode(MutterMonitor *m, GVariant *mode) {
        g_autoptr(GVariant) properties = g_variant_get_child_value(mode, 6);
        gboolean current = false;

        if (g_variant_lookup(properties, "is-current", "b", &current) && current)
                g_variant_get(mode, "(&siiddada{sv})", NULL, &m->width, &m->height, NULL, NULL, NULL, NULL);
}

static void read_monitor(MutterMonitor *m, GVariant *value) {
        g_autoptr(GVariant) properties = g_variant_get_child_value(value, 2);

        g_variant_get_child(value, 0, "(&s&s&s&s)", &m->connector, NULL, NULL, NULL);
        m->is_virtual = connector_is_virtual(m->connector, "/sys");
        m->modes = g_variant_get_child_value(value, 1);
        for (size_t i = 0; i < g_variant_n_children(m->modes); i++) {
                g_autoptr(GVariant) mode = g_variant_get_child_value(m->modes, i);

                read_mode(m, mode);
        }
        (void) g_variant_lookup(properties, "width-mm", "i", &m->width_mm);
        (void) g_variant_lookup(properties, "height-mm", "i", &m->height_mm);
}

static MutterMonitor *find_connector(MutterState *s, const char *connector) {
        for (unsigned i = 0; i < s->n; i++)
                if (g_str_equal(s->monitors[i].connector, connector))
                        return &s->monitors[i];
        return NULL;
}

static bool is_side(int32_t pixels) {
        return pixels > 0 && pixels <= LAYOUT_PIXELS_MAX;
}

static void read_logical_monitor(MutterState *s, GVariant *value) {
        g_autoptr(GVariant) members = g_variant_get_child_value(value, 5);
        gboolean primary;
        uint32_t transform;
        int32_t x, y;
        double scale;

        g_variant_get(value, "(iidub@a(ssss)@a{sv})", &x, &y, &scale, &transform, &primary, NULL, NULL);
        for (size_t i = 0; i < g_variant_n_children(members); i++) {
                const char *connector;
                MutterMonitor *m;

                g_variant_get_child(members, i, "(&s&s&s&s)", &connector, NULL, NULL, NULL);
                m = find_connector(s, connector);
                if (!m)
                        continue;
                if (!is_side(m->width) || !is_side(m->height) || ABS((int64_t) x) > LAYOUT_PIXELS_MAX ||
                    ABS((int64_t) y) > LAYOUT_PIXELS_MAX)
                        continue;
                m->enabled = true;
                m->x = x;
                m->y = y;
                m->scale = scale;
                m->transform = transform;
                m->primary = primary;
        }
}

MutterState *mutter_state_new(GVariant *answer) {
        g_autoptr(GVariant) monitors = g_variant_get_child_value(answer, 1);
        g_autoptr(GVariant) logical = g_variant_get_child_value(answer, 2);
        g_autoptr(GVariant) properties = g_variant_get_child_value(answer, 3);
        MutterState *s = g_new0(MutterState, 1);
        gboolean can_change = false;
        uint32_t layout_mode = 1;

        s->answer = g_variant_ref(answer);
        g_variant_get_child(answer, 0, "u", &s->serial);
        (void) g_variant_lookup(properties, "layout-mode", "u", &layout_mode);
        (void) g_variant_lookup(properties, "supports-changing-layout-mode", "b", &can_change);
        s->physical = layout_mode == 2;
        s->layout_mode_is_told = can_change;
        for (size_t i = 0; i < g_variant_n_children(monitors) && s->n < LAYOUT_MONITORS_MAX; i++) {
                g_autoptr(GVariant) monitor = g_variant_get_child_value(monitors, i);

                read_monitor(&s->monitors[s->n++], monitor);
        }
        for (size_t i = 0; i < g_variant_n_children(logical); i++) {
                g_autoptr(GVariant) one = g_variant_get_child_value(logical, i);

                read_logical_monitor(s, one);
        }
        return s;
}

MutterState *mutter_state_free(MutterState *s) {
        if (!s)
                return NULL;
        for (unsigned i = 0; i < s->n; i++)
                g_variant_unref(s->monitors[i].modes);
        g_variant_unref(s->answer);
        g_free(s);
        return NULL;
}

void mutter_state_layout(const MutterState *s, Layout *ret) {
        int32_t id = 0;

        ret->n = 0;
        for (unsigned i = 0; i < s->n; i++) {
                const MutterMonitor *from = &s->monitors[i];
                Monitor *m = layout_add(ret);

                (void) monitor_set_text(m, LAYOUT_CONNECTOR, from->connector);
                if (from->is_virtual)
                        (void) monitor_set_int(m, LAYOUT_ID, id++);
                (void) monitor_set_int(m, LAYOUT_WIDTH_MM, from->width_mm);
                (void) monitor_set_int(m, LAYOUT_HEIGHT_MM, from->height_mm);
                (void) monitor_set_bool(m, LAYOUT_ENABLED, from->enabled);
                if (!from->enabled)
                        continue;
                (void) monitor_set_int(m, LAYOUT_X, from->x);
                (void) monitor_set_int(m, LAYOUT_Y, from->y);
                (void) monitor_set_int(m, LAYOUT_WIDTH, from->width);
                (void) monitor_set_int(m, LAYOUT_HEIGHT, from->height);
                (void) monitor_set_bool(m, LAYOUT_PRIMARY, from->primary);
        }
}

/* --- what it is told ---------------------------------------------------------------------------------- */

static const MutterMonitor *find(const MutterState *s, const Monitor *wanted) {
        int32_t id = 0;

        for (unsigned i = 0; i < s->n; i++) {
                const MutterMonitor *m = &s->monitors[i];

                if (!m->is_virtual)
                        continue;
                if (monitor_has(wanted, LAYOUT_CONNECTOR) ? g_str_equal(m->connector, wanted->connector)
                                                          : id == wanted->id)
                        return m;
                id++;
        }
        return NULL;
}

/* The one of the mode's scales that is closest to @scale; its own preference if that is 0. */
static double choose_scale(GVariant *mode, double scale) {
        g_autoptr(GVariant) scales = g_variant_get_child_value(mode, 5);
        double best = 1, preferred;
        size_t n;
        const double *all = g_variant_get_fixed_array(scales, &n, sizeof(double));

        g_variant_get_child(mode, 4, "d", &preferred);
        if (!(scale > 0))
                scale = preferred;
        for (size_t i = 0; i < n; i++)
                if (i == 0 || fabs(all[i] - scale) < fabs(best - scale))
                        best = all[i];
        return best >= SCALE_MIN && best <= SCALE_MAX ? best : 1;
}

/* The scale of whatever is on, for what has not been. */
static double usual_scale(const MutterState *s) {
        double scale = 0;

        for (unsigned i = 0; i < s->n; i++)
                if (s->monitors[i].enabled && (scale == 0 || s->monitors[i].primary))
                        scale = s->monitors[i].scale;
        return scale;
}

/* The mode in use, else the preferred one, else the first of those that have the size. */
static char *choose_mode(const MutterState *s, Target *t) {
        int32_t width = t->wanted ? t->wanted->width : t->monitor->width;
        int32_t height = t->wanted ? t->wanted->height : t->monitor->height;
        int64_t nearest = INT64_MAX, nearest_width = 0, nearest_height = 0;
        g_autoptr(GVariant) choice = NULL;
        int best = 0;

        for (size_t i = 0; i < g_variant_n_children(t->monitor->modes); i++) {
                g_autoptr(GVariant) mode = g_variant_get_child_value(t->monitor->modes, i);
                g_autoptr(GVariant) properties = g_variant_get_child_value(mode, 6);
                gboolean current = false, preferred = false;
                int64_t distance;
                int32_t w, h;
                int rank;

                g_variant_get_child(mode, 1, "i", &w);
                g_variant_get_child(mode, 2, "i", &h);
                distance = llabs((int64_t) w - width) + llabs((int64_t) h - height);
                if (distance < nearest) {
                        nearest = distance;
                        nearest_width = w;
                        nearest_height = h;
                }
                (void) g_variant_lookup(properties, "is-current", "b", &current);
                (void) g_variant_lookup(properties, "is-preferred", "b", &preferred);
                rank = current ? 3 : preferred ? 2 : 1;
                if (distance == 0 && rank > best) {
                        best = rank;
                        g_clear_pointer(&choice, g_variant_unref);
                        choice = g_variant_ref(mode);
                }
        }
        if (!choice)
                return g_strdup_printf("%s has no mode of %dx%d; the nearest is %" PRId64 "x%" PRId64,
                                       t->monitor->connector, width, height, nearest_width, nearest_height);
        g_variant_get_child(choice, 0, "&s", &t->mode);
        t->width = width;
        t->height = height;
        t->scale = choose_scale(choice, t->monitor->enabled ? t->monitor->scale : usual_scale(s));
        return NULL;
}

static int32_t scaled(const MutterState *s, int32_t pixels, double scale) {
        return s->physical ? pixels : MAX(1, (int32_t) round(pixels / scale));
}

static void measure(const MutterState *s, Target *t) {
        bool sideways = t->monitor->enabled && t->monitor->transform & 1;

        t->rect.x = t->wanted ? t->wanted->x : t->monitor->x;
        t->rect.y = t->wanted ? t->wanted->y : t->monitor->y;
        t->rect.width = scaled(s, sideways ? t->height : t->width, t->scale);
        t->rect.height = scaled(s, sideways ? t->width : t->height, t->scale);
}

/* Places in the console's pixels mean something where the desktop has the same ones. */
static bool is_placed(const Target *t) {
        return !t->wanted || (monitor_has(t->wanted, LAYOUT_X) && monitor_has(t->wanted, LAYOUT_Y) &&
                              t->rect.width == t->width && t->rect.height == t->height);
}

static void place(Target *targets, unsigned n) {
        LayoutRect rects[LAYOUT_MONITORS_MAX];
        bool placed = true;

        for (unsigned i = 0; i < n; i++) {
                placed = placed && is_placed(&targets[i]);
                rects[i] = targets[i].rect;
        }
        layout_place(rects, n, placed, true);
        for (unsigned i = 0; i < n; i++)
                targets[i].rect = rects[i];
}

/* Exactly one has to be. */
static const Target *choose_primary(const Target *targets, unsigned n) {
        const Target *choice = &targets[0];
        int best = 0;

        for (unsigned i = 0; i < n; i++) {
                int rank = targets[i].wanted && targets[i].wanted->primary ? 2 : targets[i].monitor->primary;

                if (rank > best) {
                        best = rank;
                        choice = &targets[i];
                }
        }
        return choice;
}

static bool same_rect(const Target *a, const Target *b) {
        return a->rect.x == b->rect.x && a->rect.y == b->rect.y && a->rect.width == b->rect.width &&
               a->rect.height == b->rect.height;
}

/* Monitors that show the same are one logical monitor. */
static GVariant *make_config(const MutterState *s, Target *targets, unsigned n, const Target *primary) {
        GVariantBuilder config = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("(a(iiduba(ssa{sv}))a{sv})"));

        g_variant_builder_open(&config, G_VARIANT_TYPE("a(iiduba(ssa{sv}))"));
        for (unsigned i = 0; i < n; i++) {
                const Target *t = &targets[i];
                GVariantBuilder members = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(ssa{sv})"));
                bool is_primary = false;

                if (t->grouped) {
                        g_variant_builder_clear(&members);
                        continue;
                }
                for (unsigned k = i; k < n; k++)
                        if (same_rect(t, &targets[k])) {
                                g_variant_builder_add(&members, "(ssa{sv})", targets[k].monitor->connector,
                                                      targets[k].mode, NULL);
                                is_primary = is_primary || &targets[k] == primary;
                                targets[k].grouped = true;
                        }
                g_variant_builder_add(&config, "(iiduba(ssa{sv}))", t->rect.x, t->rect.y, t->scale,
                                      t->monitor->enabled ? t->monitor->transform : 0, is_primary, &members);
        }
        g_variant_builder_close(&config);
        g_variant_builder_open(&config, G_VARIANT_TYPE_VARDICT);
        if (s->layout_mode_is_told)
                g_variant_builder_add(&config, "{sv}", "layout-mode",
                                      g_variant_new_uint32(s->physical ? 2 : 1));
        g_variant_builder_close(&config);
        return g_variant_ref_sink(g_variant_builder_end(&config));
}

static void tell(Layout *result, const Target *targets, unsigned n, const Target *primary) {
        for (unsigned i = 0; i < result->n; i++) {
                Monitor *m = &result->monitors[i];
                const Target *t = NULL;

                for (unsigned k = 0; k < n && !t; k++)
                        if (targets[k].wanted && targets[k].wanted == m)
                                t = &targets[k];
                if (!m->enabled)
                        continue;
                if (!t) {
                        (void) monitor_set_bool(m, LAYOUT_ENABLED, false);
                        (void) monitor_set_text(m, LAYOUT_ERROR, "There is no such monitor");
                        continue;
                }
                (void) monitor_set_text(m, LAYOUT_CONNECTOR, t->monitor->connector);
                (void) monitor_set_int(m, LAYOUT_X, t->rect.x);
                (void) monitor_set_int(m, LAYOUT_Y, t->rect.y);
                (void) monitor_set_bool(m, LAYOUT_PRIMARY, t == primary);
        }
}

char *mutter_state_plan(const MutterState *s, const Layout *wanted, GVariant **ret_config,
                        Layout *ret_result) {
        g_autofree Target *targets = g_new0(Target, 2 * LAYOUT_MONITORS_MAX);
        const Target *primary;
        unsigned n = 0;

        *ret_result = *wanted;
        for (unsigned i = 0; i < ret_result->n; i++) {
                const Monitor *m = &ret_result->monitors[i];
                const MutterMonitor *monitor = m->enabled ? find(s, m) : NULL;

                for (unsigned k = 0; monitor && k < n; k++)
                        if (targets[k].monitor == monitor)
                                return g_strdup_printf("%s is in it twice", monitor->connector);
                if (monitor)
                        targets[n++] = (Target){.monitor = monitor, .wanted = m};
        }
        if (n == 0)
                return g_strdup("None of its monitors is there");
        for (unsigned i = 0; i < s->n && n < LAYOUT_MONITORS_MAX; i++)
                if (!s->monitors[i].is_virtual && s->monitors[i].enabled)
                        targets[n++] = (Target){.monitor = &s->monitors[i]};
        for (unsigned i = 0; i < n; i++) {
                char *reason = choose_mode(s, &targets[i]);

                if (reason)
                        return reason;
                measure(s, &targets[i]);
        }
        place(targets, n);
        primary = choose_primary(targets, n);
        *ret_config = make_config(s, targets, n, primary);
        tell(ret_result, targets, n, primary);
        return NULL;
}
