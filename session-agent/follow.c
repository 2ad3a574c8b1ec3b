/* SPDX-License-Identifier: Apache-2.0 */
#include "follow.h"

#include <string.h>

static const char *const names[] = {
        [FOLLOW_AUTO] = "auto",
        [FOLLOW_ALWAYS] = "always",
        [FOLLOW_NEVER] = "never",
};

const char *follow_name(FollowPolicy policy) {
        return names[policy];
}

bool follow_from_name(const char *name, FollowPolicy *ret) {
        for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
                if (g_str_equal(names[i], name)) {
                        *ret = (FollowPolicy) i;
                        return true;
                }
        return false;
}

bool follow_applies(FollowPolicy policy, const char *desktop) {
        /* Those that do it themselves. MATE's settings daemon does since 2026; being second does no harm. */
        static const char *const able[] = {"GNOME", "KDE", "X-Cinnamon", "Budgie", "Unity", "Pantheon"};
        g_auto(GStrv) desktops = g_strsplit(desktop ?: "", ":", 0);

        for (size_t i = 0; policy == FOLLOW_AUTO && i < G_N_ELEMENTS(able); i++)
                if (g_strv_contains((const char *const *) desktops, able[i]))
                        return false;
        return policy != FOLLOW_NEVER;
}

static const Monitor *find(const Layout *l, const char *connector) {
        for (unsigned i = 0; i < l->n; i++)
                if (g_str_equal(l->monitors[i].connector, connector))
                        return &l->monitors[i];
        return NULL;
}

static bool same_size(const Monitor *a, const Monitor *b) {
        return a->width == b->width && a->height == b->height;
}

static bool same_place(const Monitor *a, const Monitor *b) {
        return !monitor_has(a, LAYOUT_X) || (a->x == b->x && a->y == b->y);
}

/* Whether the hardware asks for something that it has not asked for before, and that is not the case. */
static bool is_news(const Monitor *preferred, const Monitor *before, const Monitor *now) {
        bool was_on = before && before->enabled, is_on = now && now->enabled;

        if (preferred->enabled != was_on)
                return preferred->enabled != is_on;
        if (!preferred->enabled || (same_size(preferred, before) && same_place(preferred, before)))
                return false;
        return !is_on || !same_size(preferred, now) || !same_place(preferred, now);
}

bool follow_merge(const Layout *preferred, const Layout *before, const Layout *now, Layout *ret) {
        bool news = false;

        *ret = (Layout){};
        for (unsigned i = 0; i < preferred->n; i++) {
                const Monitor *m = &preferred->monitors[i], *is = find(now, m->connector);

                if (is_news(m, find(before, m->connector), is)) {
                        news = true;
                        *layout_add(ret) = *m;
                } else if (is && is->enabled)
                        *layout_add(ret) = *is;
        }
        /* Places are the hardware's or nobody's: those of before are for monitors of other sizes. */
        for (unsigned i = 0; i < ret->n; i++) {
                const Monitor *m = find(preferred, ret->monitors[i].connector);

                ret->monitors[i].given &= ~(1U << LAYOUT_X | 1U << LAYOUT_Y);
                if (monitor_has(m, LAYOUT_X) && monitor_has(m, LAYOUT_Y)) {
                        (void) monitor_set_int(&ret->monitors[i], LAYOUT_X, m->x);
                        (void) monitor_set_int(&ret->monitors[i], LAYOUT_Y, m->y);
                }
        }
        return news;
}
