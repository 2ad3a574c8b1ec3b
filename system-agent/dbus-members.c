/* SPDX-License-Identifier: Apache-2.0 */
#include "dbus-members.h"

#include <stdbool.h>
#include <string.h>

#include "layout-bus.h"
#include "session-agent/effect.h"
#include "util/text.h"
#include "session-registry.h"

#define TEXT_MAX 64U

#define OFFER(name, kind, field)                                                                            \
        { name, kind, offsetof(SessionOffer, field) }
#define REPORT(name, kind, field)                                                                           \
        { name, kind, offsetof(SessionReport, field) }

const Member session_offer_members[] = {
        OFFER("version", MEMBER_TEXT, version),
        OFFER("desktop", MEMBER_TEXT, desktop),
        OFFER("lock", MEMBER_BOOL, lock),
        OFFER("logout", MEMBER_BOOL, logout),
        OFFER("sign-on", MEMBER_BOOL, sign_on), /* of the lock screen */
        OFFER("display", MEMBER_TEXT, display),
        OFFER("effects", MEMBER_EFFECTS, effects),
        {},
};

const Member session_report_members[] = {
        REPORT("locked", MEMBER_SAYS, locked),
        REPORT("layout", MEMBER_LAYOUT, layout),
        REPORT("effects-off", MEMBER_EFFECTS, effects_off),
        {},
};

static int read_text(sd_bus_message *m, char **field) {
        const char *s;
        int r = sd_bus_message_read(m, "v", "s", &s);

        if (r < 0)
                return r;
        g_free(*field);
        *field = cut_text(s, TEXT_MAX);
        return 0;
}

static int read_effects(sd_bus_message *m, unsigned *field) {
        const char *name;
        int r = sd_bus_message_enter_container(m, 'v', "as");

        *field = EFFECTS_TOLD;
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read(m, "s", &name)) > 0) {
                Effect effect;

                if (effect_from_name(name, &effect))
                        *field |= 1U << effect;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* A layout that is none is an error like another type. */
static int read_layout(sd_bus_message *m, Layout **field) {
        _cleanup_free_ Layout *l = g_new0(Layout, 1);
        _cleanup_free_ char *reason = NULL;
        int r = sd_bus_message_enter_container(m, 'v', "aa{sv}");

        if (r >= 0)
                r = layout_bus_read(m, l, &reason);
        if (r >= 0 && reason)
                r = -ENXIO;
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        g_free(*field);
        *field = TAKE_PTR(l);
        return 0;
}

static int read_member(sd_bus_message *m, const Member *member, void *field) {
        int r, b;

        if (member->kind == MEMBER_TEXT)
                return read_text(m, field);
        if (member->kind == MEMBER_EFFECTS)
                return read_effects(m, field);
        if (member->kind == MEMBER_LAYOUT)
                return read_layout(m, field);
        r = sd_bus_message_read(m, "v", "b", &b);
        if (r < 0)
                return r;
        if (member->kind == MEMBER_BOOL)
                *(bool *) field = b;
        else
                *(SessionSays *) field = b ? SESSION_SAYS_YES : SESSION_SAYS_NO;
        return 0;
}

static int read_entry(sd_bus_message *m, const Member *members, void *base) {
        const char *name;
        int r = sd_bus_message_read(m, "s", &name);

        if (r < 0)
                return r;
        for (const Member *i = members; i->name; i++)
                if (g_str_equal(i->name, name))
                        return read_member(m, i, (char *) base + i->offset);
        return sd_bus_message_skip(m, "v");
}

int dbus_members_read(sd_bus_message *m, const Member *members, void *base) {
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0)
                if ((r = read_entry(m, members, base)) < 0 || (r = sd_bus_message_exit_container(m)) < 0)
                        return r;
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

int dbus_members_append_effects(sd_bus_message *m, unsigned effects) {
        _cleanup_free_ const char **names = effects_to_names(effects & EFFECTS_ALL);

        return sd_bus_message_append_strv(m, (char **) names);
}

static int append_effects(sd_bus_message *m, const char *name, unsigned effects) {
        int r = sd_bus_message_open_container(m, 'e', "sv");

        if (r >= 0)
                r = sd_bus_message_append(m, "s", name);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "as");
        if (r >= 0)
                r = dbus_members_append_effects(m, effects);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_member(sd_bus_message *m, const Member *member, const void *field) {
        switch (member->kind) {
        case MEMBER_TEXT: {
                const char *text = *(char *const *) field;

                return text ? sd_bus_message_append(m, "{sv}", member->name, "s", text) : 0;
        }
        case MEMBER_BOOL:
                return sd_bus_message_append(m, "{sv}", member->name, "b", (int) *(const bool *) field);
        case MEMBER_EFFECTS: {
                unsigned effects = *(const unsigned *) field & EFFECTS_ALL;

                return effects ? append_effects(m, member->name, effects) : 0;
        }
        case MEMBER_SAYS: /* only of reports, which go one way */
        case MEMBER_LAYOUT:
                break;
        }
        return -EINVAL;
}

int dbus_members_append(sd_bus_message *m, const Member *members, const void *base) {
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        for (; r >= 0 && members->name; members++)
                r = append_member(m, members, (const char *) base + members->offset);
        return r < 0 ? r : sd_bus_message_close_container(m);
}
