/* SPDX-License-Identifier: Apache-2.0 */
#include "layout.h"

#include <string.h>

const LayoutField layout_fields[LAYOUT_FIELDS] = {
        [LAYOUT_CONNECTOR] = {"connector", 's'},
        [LAYOUT_ID] = {"id", 'i'},
        [LAYOUT_ENABLED] = {"enabled", 'b'},
        [LAYOUT_X] = {"x", 'i'},
        [LAYOUT_Y] = {"y", 'i'},
        [LAYOUT_WIDTH] = {"width", 'i'},
        [LAYOUT_HEIGHT] = {"height", 'i'},
        [LAYOUT_WIDTH_MM] = {"width-mm", 'i'},
        [LAYOUT_HEIGHT_MM] = {"height-mm", 'i'},
        [LAYOUT_PRIMARY] = {"primary", 'b'},
        [LAYOUT_ERROR] = {"error", 's'},
};

/* --- fields ------------------------------------------------------------------------------------------- */

LayoutGiven layout_field(const char *key) {
        LayoutGiven field = 0;

        while (field < LAYOUT_FIELDS && !g_str_equal(layout_fields[field].key, key))
                field++;
        return field;
}

Monitor *layout_add(Layout *l) {
        if (l->n >= LAYOUT_MONITORS_MAX)
                return NULL;
        l->monitors[l->n] = (Monitor){};
        return &l->monitors[l->n++];
}

static int32_t *int_of(Monitor *m, LayoutGiven field) {
        switch (field) {
        case LAYOUT_ID:
                return &m->id;
        case LAYOUT_X:
                return &m->x;
        case LAYOUT_Y:
                return &m->y;
        case LAYOUT_WIDTH:
                return &m->width;
        case LAYOUT_HEIGHT:
                return &m->height;
        case LAYOUT_WIDTH_MM:
                return &m->width_mm;
        case LAYOUT_HEIGHT_MM:
                return &m->height_mm;
        default:
                g_assert_not_reached();
        }
}

bool monitor_set_int(Monitor *m, LayoutGiven field, int64_t value) {
        int64_t least = field == LAYOUT_X || field == LAYOUT_Y ? -LAYOUT_PIXELS_MAX : 0;

        if (value < least || value > LAYOUT_PIXELS_MAX)
                return false;
        *int_of(m, field) = (int32_t) value;
        m->given |= 1U << field;
        return true;
}

bool monitor_set_bool(Monitor *m, LayoutGiven field, bool value) {
        g_assert(field == LAYOUT_ENABLED || field == LAYOUT_PRIMARY);
        *(field == LAYOUT_ENABLED ? &m->enabled : &m->primary) = value;
        m->given |= 1U << field;
        return true;
}

bool monitor_set_text(Monitor *m, LayoutGiven field, const char *value) {
        char *text = field == LAYOUT_ERROR ? m->error : m->connector;
        size_t room = field == LAYOUT_ERROR ? sizeof m->error : sizeof m->connector, n = strlen(value);
        const char *end;

        g_assert(field == LAYOUT_ERROR || field == LAYOUT_CONNECTOR);
        if (field == LAYOUT_CONNECTOR && (n == 0 || n >= room))
                return false;
        /* Never within a character: it goes back to the bus. */
        (void) g_utf8_validate_len(value, MIN(n, room - 1), &end);
        if (field == LAYOUT_CONNECTOR && *end)
                return false;
        n = (size_t) (end - value);
        for (size_t i = 0; i < n; i++)
                if ((unsigned char) value[i] < ' ' || value[i] == 0x7f)
                        return false;
        memcpy(text, value, n);
        text[n] = 0;
        m->given |= 1U << field;
        return true;
}

int64_t monitor_get_int(const Monitor *m, LayoutGiven field) {
        return *int_of((Monitor *) m, field);
}

bool monitor_get_bool(const Monitor *m, LayoutGiven field) {
        g_assert(field == LAYOUT_ENABLED || field == LAYOUT_PRIMARY);
        return field == LAYOUT_ENABLED ? m->enabled : m->primary;
}

const char *monitor_get_text(const Monitor *m, LayoutGiven field) {
        g_assert(field == LAYOUT_ERROR || field == LAYOUT_CONNECTOR);
        return field == LAYOUT_ERROR ? m->error : m->connector;
}

static bool monitor_equal(const Monitor *a, const Monitor *b) {
        return a->given == b->given && g_str_equal(a->connector, b->connector) && a->id == b->id &&
               a->enabled == b->enabled && a->x == b->x && a->y == b->y && a->width == b->width &&
               a->height == b->height && a->width_mm == b->width_mm && a->height_mm == b->height_mm &&
               a->primary == b->primary && g_str_equal(a->error, b->error);
}

bool layout_equal(const Layout *a, const Layout *b) {
        if (a->n != b->n)
                return false;
        for (unsigned i = 0; i < a->n; i++)
                if (!monitor_equal(&a->monitors[i], &b->monitors[i]))
                        return false;
        return true;
}

static const Monitor *find_enabled(const Layout *l, const char *connector) {
        for (unsigned i = 0; i < l->n; i++)
                if (l->monitors[i].enabled && g_str_equal(l->monitors[i].connector, connector))
                        return &l->monitors[i];
        return NULL;
}

bool layout_is_now(const Layout *result, const Layout *now) {
        for (unsigned i = 0; i < result->n; i++) {
                const Monitor *m = &result->monitors[i], *is = find_enabled(now, m->connector);

                if (m->enabled && (!is || is->x != m->x || is->y != m->y || is->width != m->width ||
                                   is->height != m->height))
                        return false;
        }
        for (unsigned i = 0; i < now->n; i++) {
                const Monitor *is = &now->monitors[i];

                if (is->enabled && monitor_has(is, LAYOUT_ID) && !find_enabled(result, is->connector))
                        return false;
        }
        return true;
}

/* --- what is asked for -------------------------------------------------------------------------------- */

static bool same_monitor(const Monitor *a, const Monitor *b) {
        if (monitor_has(a, LAYOUT_CONNECTOR) != monitor_has(b, LAYOUT_CONNECTOR))
                return false;
        return monitor_has(a, LAYOUT_CONNECTOR) ? g_str_equal(a->connector, b->connector) : a->id == b->id;
}

static char *check_monitor(Layout *l, unsigned i, bool *primary) {
        Monitor *m = &l->monitors[i];

        if (!monitor_has(m, LAYOUT_CONNECTOR) && !monitor_has(m, LAYOUT_ID))
                (void) monitor_set_int(m, LAYOUT_ID, i);
        for (unsigned k = 0; k < i; k++)
                if (same_monitor(m, &l->monitors[k]))
                        return g_strdup_printf("Monitors %u and %u are the same one", k, i);

        if (m->width == 0 && m->height == 0)
                (void) monitor_set_bool(m, LAYOUT_ENABLED, false);
        else if (!monitor_has(m, LAYOUT_ENABLED))
                (void) monitor_set_bool(m, LAYOUT_ENABLED, true);
        if (m->enabled && (m->width == 0 || m->height == 0))
                return g_strdup_printf("Monitor %u has no size: %dx%d", i, m->width, m->height);

        (void) monitor_set_bool(m, LAYOUT_PRIMARY, m->enabled && m->primary && !*primary);
        *primary = *primary || m->primary;
        m->error[0] = 0;
        m->given &= ~(1U << LAYOUT_ERROR);
        return NULL;
}

char *layout_check(Layout *l) {
        bool primary = false, any = false;

        if (l->n == 0)
                return g_strdup("There are no monitors in it");
        for (unsigned i = 0; i < l->n; i++) {
                char *reason = check_monitor(l, i, &primary);

                if (reason)
                        return reason;
                any = any || l->monitors[i].enabled;
        }
        return any ? NULL : g_strdup("All its monitors are off");
}

/* --- where they are ----------------------------------------------------------------------------------- */

static bool same_rect(const LayoutRect *a, const LayoutRect *b) {
        return a->x == b->x && a->y == b->y && a->width == b->width && a->height == b->height;
}

/* How much of a range two have in common: 0 if they just touch, negative with a gap between them. */
static int64_t common(int64_t begin, int64_t length, int64_t other, int64_t other_length) {
        return MIN(begin + length, other + other_length) - MAX(begin, other);
}

static int64_t common_x(const LayoutRect *a, const LayoutRect *b) {
        return common(a->x, a->width, b->x, b->width);
}

static int64_t common_y(const LayoutRect *a, const LayoutRect *b) {
        return common(a->y, a->height, b->y, b->height);
}

static bool overlap(const LayoutRect *a, const LayoutRect *b) {
        return common_x(a, b) > 0 && common_y(a, b) > 0 && !same_rect(a, b);
}

static bool adjoin(const LayoutRect *a, const LayoutRect *b) {
        int64_t x = common_x(a, b), y = common_y(a, b);

        return same_rect(a, b) || (x == 0 && y > 0) || (y == 0 && x > 0);
}

/* Every one can be reached from the first. */
static bool connected(const LayoutRect *rects, unsigned n) {
        bool reached[LAYOUT_MONITORS_MAX] = {true};
        unsigned left = n - 1;

        for (bool found = true; found && left > 0;) {
                found = false;
                for (unsigned i = 0; i < n; i++)
                        for (unsigned k = 0; reached[i] && k < n; k++)
                                if (!reached[k] && adjoin(&rects[i], &rects[k])) {
                                        reached[k] = found = true;
                                        left--;
                                }
        }
        return left == 0;
}

static bool is_tidy(const LayoutRect *rects, unsigned n) {
        for (unsigned i = 0; i < n; i++)
                for (unsigned k = 0; k < i; k++)
                        if (overlap(&rects[i], &rects[k]))
                                return false;
        return connected(rects, n);
}

/* One above the other, rather than side by side. */
static bool is_stack(const LayoutRect *rects, unsigned n) {
        for (unsigned i = 0; i < n; i++)
                for (unsigned k = 0; k < i; k++)
                        if (common_x(&rects[i], &rects[k]) <= common_y(&rects[i], &rects[k]))
                                return false;
        return true;
}

static void line_up(LayoutRect *rects, unsigned n, bool placed) {
        bool stack = placed && is_stack(rects, n), done[LAYOUT_MONITORS_MAX] = {};
        int32_t end = 0;

        for (unsigned turn = 0; turn < n; turn++) {
                unsigned next = n;

                for (unsigned i = 0; i < n; i++)
                        if (!done[i] && (next == n || (placed && (stack ? rects[i].y < rects[next].y
                                                                        : rects[i].x < rects[next].x))))
                                next = i;
                done[next] = true;
                rects[next].x = stack ? 0 : end;
                rects[next].y = stack ? end : 0;
                end += stack ? rects[next].height : rects[next].width;
        }
}

void layout_place(LayoutRect *rects, unsigned n, bool placed, bool tidy) {
        int32_t left = INT32_MAX, top = INT32_MAX;

        if (n == 0)
                return;
        if (!placed || (tidy && !is_tidy(rects, n)))
                line_up(rects, n, placed);
        for (unsigned i = 0; i < n; i++) {
                left = MIN(left, rects[i].x);
                top = MIN(top, rects[i].y);
        }
        for (unsigned i = 0; i < n; i++) {
                rects[i].x -= left;
                rects[i].y -= top;
        }
}
